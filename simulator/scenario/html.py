# SPDX-License-Identifier: MIT
"""The report of a replay as one HTML file without any network: curves drawn as SVG, verdicts, what happened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from simulator import __version__
from simulator.scenario.replay import Result
from simulator.scenario.report import COLUMNS, NOT_CHECKED, cells, steps
from simulator.scenario.summary import lines, remarks
from simulator.store.history import StepRow
from simulator.values import MS_PER_MINUTE, moment_of

_WIDTH, _HEIGHT, _LEFT = 960, 90, 70
_BARS = 240
_SHOWN_STEPS = 500
_CURVES = (("load", "load, kW", "#2563eb"), ("events", "events", "#b45309"), ("alarms", "alarms", "#dc2626"),
           ("pushes", "pushes", "#059669"))  # fmt: skip
_STYLE = """body{font:14px system-ui,sans-serif;margin:2em auto;max-width:64em;color:#1f2937}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25em .6em;border-bottom:1px solid #e5e7eb}
.MET,.DONE{color:#047857}.MISSED,.FAILED{color:#b91c1c;font-weight:600}.PARTLY,.REFUSED{color:#b45309}
svg text{font-size:11px;fill:#4b5563}h2{margin-top:1.6em}"""


def write_html(result: Result, path: Path) -> None:
    path.write_text(page(result), encoding="utf-8")


def page(result: Result) -> str:
    head, spec = result.scenario.head, result.scenario.spec
    about = f"seed {spec.seed}, {spec.count:,} meters, hash {result.scenario.digest}, meterfleet {__version__}"
    verdict = "as expected" if result.is_good else "not as expected"
    css = "MET" if result.is_good else "MISSED"
    return "\n".join([
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(head.name)}</title>',
        f"<style>{_STYLE}</style></head><body><h1>{escape(head.name)}</h1>",
        f'<p>{escape(head.description)}</p><p>{escape(about)}: <span class="{css}">{verdict}</span></p>',
        *_charts(result),
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


# -- curves ----------------------------------------------------------------------------------------------------------


def _charts(result: Result) -> Iterator[str]:
    """One under the other on one axis of time, with a line where a step was done."""
    shift_ms = result.scenario.utc_offset_minutes * MS_PER_MINUTE
    first, last = result.start_ms + shift_ms, max(result.end_ms + shift_ms, result.start_ms + shift_ms + 1)
    lines = "".join(_step_line(row, first, last) for row in steps(result)[:_SHOWN_STEPS])
    for name, title, colour in _CURVES:
        points = result.curves.get(name, [])
        if points or name == "load":
            top, bars = _bars(points, first, last, colour, adds_up=name != "load")
            yield _chart(title, top, lines + bars, _moment(first), _moment(last))


def _chart(title: str, top: float, inside: str, first: str, last: str) -> str:
    return (
        f'<h2>{title}</h2><svg viewBox="0 0 {_LEFT + _WIDTH} {_HEIGHT + 20}" role="img" aria-label="{title}">'
        f'<text x="{_LEFT - 6}" y="10" text-anchor="end">{top:,.4g}</text>'
        f'<text x="{_LEFT - 6}" y="{_HEIGHT}" text-anchor="end">0</text>{inside}'
        f'<path d="M{_LEFT} 0V{_HEIGHT}H{_LEFT + _WIDTH}" fill="none" stroke="#9ca3af"/>'
        f'<text x="{_LEFT}" y="{_HEIGHT + 15}">{first}</text>'
        f'<text x="{_LEFT + _WIDTH}" y="{_HEIGHT + 15}" text-anchor="end">{last}</text></svg>'
    )


def _bars(
    points: Sequence[tuple[int, float]], first: int, last: int, colour: str, *, adds_up: bool
) -> tuple[float, str]:
    """The largest value, and a bar for each part of the time; what counts adds up within one."""
    cells = [0.0] * _BARS
    for at, value in points:
        place = min(max((at - first) * _BARS // (last - first), 0), _BARS - 1)
        cells[place] = cells[place] + value if adds_up else max(cells[place], value)
    top, width = max(cells), _WIDTH / _BARS
    bars = [
        f'<rect x="{_LEFT + place * width:.1f}" y="{_HEIGHT * (1 - value / top):.1f}" width="{width:.1f}"'
        f' height="{_HEIGHT * value / top:.1f}" fill="{colour}"/>'
        for place, value in enumerate(cells)
        if value > 0
    ]
    return top, "".join(bars)


def _step_line(row: StepRow, first: int, last: int) -> str:
    x = _LEFT + _WIDTH * (row.local_ms - first) / (last - first)
    title = escape(f"{_moment(row.local_ms)} {row.step}: {row.kind}")
    return f'<path d="M{x:.1f} 0V{_HEIGHT}" stroke="#d1d5db"><title>{title}</title></path>'


def _moment(local_ms: int) -> str:
    return f"{moment_of(local_ms):%Y-%m-%d %H:%M:%S}"
