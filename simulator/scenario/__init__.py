# SPDX-License-Identifier: MIT
"""Scenarios: who lives in a fleet, what happens to it, and whether it went right."""
