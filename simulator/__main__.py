# SPDX-License-Identifier: MIT
"""`python -m simulator` is the command `meterfleet`."""

from simulator.cli import main

main()
