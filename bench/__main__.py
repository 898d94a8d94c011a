# SPDX-License-Identifier: MIT
"""`python -m bench [--quick] [--json FILE]`: the machine's facts, then one table of all figures."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from bench.collecting import collecting
from bench.effort import FULL, QUICK, Effort
from bench.figures import Figure, as_json, table
from bench.filling import filling
from bench.fixture import fixture
from bench.fleets import home
from bench.machine import facts
from bench.pushing import pushes
from bench.serving import gets, profiles
from bench.standing import standing
from bench.verifying import verifying
from bench.ways import ways

_WIDTH = 165  # of the table where there is no terminal


def _figures(effort: Effort) -> Iterator[Figure]:
    with home() as place:
        yield from gets(effort, place)
        yield from profiles(effort, place)
        yield from ways(effort, place)
        yield from pushes(effort, place)
        yield from collecting(effort, place)
        yield from verifying(effort, place)
    yield from standing(effort)
    yield from fixture(effort)
    yield from filling(effort)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description="meterfleet's figures beside bare limits")
    parser.add_argument("--quick", action="store_true", help="within a minute, without the largest fleets")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()
    if sys.platform != "linux":
        parser.error("the figures come from /proc; they can be taken on Linux only")
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH
    machine = facts()
    for name, value in machine.items():
        console.print(f"{name:>12}  {value}")
    figures: list[Figure] = []
    with Console(stderr=True).status("starting") as status:
        for figure in _figures(QUICK if options.quick else FULL):
            figures.append(figure)
            status.update(f"{len(figures)} figures; the last one: {figure.what}")
    console.print(table(figures))
    if options.json:
        options.json.write_text(json.dumps(as_json(machine, figures), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
