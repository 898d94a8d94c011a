# SPDX-License-Identifier: MIT
"""`python -m simulator` is the command `meterfleet`, and both begin here: Ctrl-C ends them while they import, too."""

from __future__ import annotations

import sys

_INTERRUPTED = 128 + 2  # as the shell tells of a program that SIGINT has ended


def main() -> None:
    try:
        from simulator.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
