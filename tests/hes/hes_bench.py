# SPDX-License-Identifier: MIT
"""What tests of the head-end's tables share."""

METER = "00000000-0000-4000-8000-000000000017"
