# SPDX-License-Identifier: MIT
"""The report of a replay as one HTML file without any network: timeline and curves, verdicts, steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from simulator import __version__
from simulator.scenario.charts import charts
from simulator.scenario.replay import Result
from simulator.scenario.report import COLUMNS, NOT_CHECKED, cells
from simulator.scenario.summary import lines, remarks

_SHOWN_STEPS = 500
_STYLE = """body{font:14px system-ui,sans-serif;margin:2em auto;max-width:64em;color:#1f2937}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25em .6em;border-bottom:1px solid #e5e7eb}
.MET,.DONE{color:#047857}.MISSED,.FAILED{color:#b91c1c;font-weight:600}.PARTLY,.REFUSED{color:#b45309}
svg text{font-size:11px;fill:#4b5563}h2{margin-top:1.6em}"""


def page(result: Result) -> str:
    head, spec = result.scenario.head, result.scenario.spec
    about = f"seed {spec.seed}, {spec.count:,} meters, hash {result.scenario.digest}, meterfleet {__version__}"
    verdict = "as expected" if result.is_good else "not as expected"
    css = "MET" if result.is_good else "MISSED"
    return "\n".join([
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(head.name)}</title>',
        f"<style>{_STYLE}</style></head><body><h1>{escape(head.name)}</h1>",
        f'<p>{escape(head.description)}</p><p>{escape(about)}: <span class="{css}">{verdict}</span></p>',
        *charts(result),
        "<h2>Expectations</h2>", _table(("expected", "outcome", "seen"), _expected(result)),
        "<h2>What happened</h2>", _table(COLUMNS, _happened(result)),
        "</body></html>",
    ])  # fmt: skip


def _expected(result: Result) -> Iterator[Sequence[str]]:
    for name, row in result.expectations:
        yield name, "MISSED" if row is None else row.outcome, NOT_CHECKED if row is None else remarks([row])


def _happened(result: Result) -> Iterator[Sequence[str]]:
    return (cells(line) for line in lines(result.rows)[:_SHOWN_STEPS])


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    lines = [f"<tr>{''.join(f'<th>{escape(cell)}</th>' for cell in head)}</tr>"]
    lines += [f"<tr>{''.join(_cell(cell) for cell in row)}</tr>" for row in rows]
    return f"<table>{''.join(lines)}</table>"


def _cell(text: str) -> str:
    known = text in ("MET", "MISSED", "DONE", "PARTLY", "REFUSED", "FAILED")
    return f'<td class="{text}">{text}</td>' if known else f"<td>{escape(text)}</td>"
