# SPDX-License-Identifier: MIT
"""What a replay came to, for people in a terminal and for machines that read JUnit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Column, Table

from simulator.errors import brief, shortened
from simulator.scenario.player import missed
from simulator.scenario.replay import Result
from simulator.scenario.summary import Line, lines, remarks
from simulator.store.history import StepRow
from simulator.values import MS_PER_SECOND

_COLOURS = {"MET": "green", "DONE": "green", "PARTLY": "yellow", "REFUSED": "yellow", "MISSED": "red", "FAILED": "red"}
COLUMNS = ("at", "step", "what", "parts", "meters", "outcome", "remarks")
NOT_CHECKED = "not checked: the replay ended before"


def steps(result: Result) -> list[StepRow]:
    """What was done, without the beginnings of expectations and their verdicts."""
    return [row for row in result.rows if row.outcome not in ("BEGUN", "MET", "MISSED")]


def cells(line: Line) -> Sequence[str]:
    """Under `COLUMNS`; a part is told where there are several."""
    parts = str(line.parts) if line.parts > 1 else ""
    return line.times, line.step, line.what, parts, str(line.meters or ""), line.outcome, line.remarks


def tables(result: Result) -> Iterator[Table]:
    done = _table("at", "step", "meters", "outcome", "remarks")
    done.title = escape(result.scenario.head.name)
    for line in lines(result.rows):
        what = f"{line.what}, {line.parts} parts" if line.parts > 1 else line.what
        step = f"{line.step}: {what}" if line.step else what
        outcome = f"[{_COLOURS[line.outcome]}]{line.outcome}"
        times = line.times.replace(" to ", "\nto ")
        done.add_row(times, escape(brief(step)), str(line.meters or ""), outcome, escape(shortened(line.remarks)))
    yield done
    if result.expectations:
        yield _expectations(result)


def _table(*names: str) -> Table:
    """Nothing in it is cut, however narrow the terminal."""
    columns = (Column(name, overflow="fold") for name in names)
    return Table(*columns, box=SIMPLE_HEAD, show_edge=False, pad_edge=False)


def _expectations(result: Result) -> Table:
    table = _table("expected", "outcome", "seen")
    for name, row in result.expectations:
        outcome = "MISSED" if row is None else row.outcome
        seen = NOT_CHECKED if row is None else remarks([row])
        table.add_row(escape(brief(name)), f"[{_COLOURS[outcome]}]{outcome}", escape(shortened(seen)))
    return table


def write_junit(result: Result, path: Path) -> None:
    """One test case per expectation, and one per step that failed."""
    failed = [row for row in missed(result.rows) if row.outcome == "FAILED"]
    cases = [(name, row is not None and row.outcome == "MET", NOT_CHECKED if row is None else remarks([row]))
             for name, row in result.expectations]  # fmt: skip
    cases += [(row.step, False, remarks([row])) for row in failed]
    suite = ElementTree.Element("testsuite", name=result.scenario.head.name, tests=str(len(cases)),
                                failures=str(sum(not good for _, good, _ in cases)), errors="0",
                                time=f"{(result.end_ms - result.start_ms) / MS_PER_SECOND:.0f}")  # fmt: skip
    for name, good, told in cases:
        case = ElementTree.SubElement(suite, "testcase", classname=result.scenario.path.stem, name=name)
        if not good:
            ElementTree.SubElement(case, "failure", message=told).text = told
    ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)
