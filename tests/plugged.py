# SPDX-License-Identifier: MIT
"""Whether pytest finds the plug-in by itself: a checkout may be newer than what was installed from it."""

from __future__ import annotations

from importlib.metadata import entry_points

PLUGIN = "simulator.testing.plugin"
MISSING = [] if any(point.value == PLUGIN for point in entry_points(group="pytest11")) else [PLUGIN]
OPTIONS = ["-p", "no:cacheprovider", *(word for name in MISSING for word in ("-p", name))]  # of a pytest within a test
LIMIT_S = 250  # of that one: less than pytest gives the test around it
