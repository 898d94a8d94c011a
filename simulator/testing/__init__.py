# SPDX-License-Identifier: MIT
"""The pytest plug-in: fleets within a test's own process, and the words in which tests speak with them."""
