# SPDX-License-Identifier: MIT
"""Figures of meterfleet beside physical limits on the same machine in the same run; `python -m bench` prints them.

It judges nothing but the targets that its table names, and fails no build.
"""
