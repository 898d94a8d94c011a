# SPDX-License-Identifier: MIT
"""What `verify` found, as one HTML file that needs no network: totals, a map of meters and days, what each meter has
wrong, and the rows."""

from __future__ import annotations

import datetime as dt
import html
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from simulator.hes.ranges import ranges
from simulator.hes.verifying import KINDS, Finding, Outcome

_LISTED = 2_000
_METERS, _DAYS = 300, 400  # more of them are not all shown
_SHADES = ("#e8f3ea", "#fde3c8", "#f9b384", "#ee7a4e", "#c93a2c")  # none, then ever more
_STEPS = (0, 1, 3, 10, 30)
_STYLE = """
body{font:14px/1.45 system-ui,sans-serif;margin:2rem;color:#222}
table{border-collapse:collapse;margin:.5rem 0 1.5rem}
th,td{padding:.15rem .6rem;text-align:right;border-bottom:1px solid #ddd}
th:first-child,td:first-child{text-align:left}
.map td{width:1.1rem;min-width:1.1rem;padding:.1rem;border:1px solid #fff;text-align:center;font-size:11px}
.map td:first-child{width:auto;padding-right:.6rem}
.map th{font-weight:normal;font-size:11px;writing-mode:vertical-rl;padding:.3rem 0}
.rows td{text-align:left}
"""


def page(outcomes: Sequence[Outcome], meters: Sequence[str], *, head: str) -> str:
    """`meters`: all that were compared, in order."""
    findings = [finding for outcome in outcomes for finding in outcome.findings]
    days = _days(outcomes)
    clean = f"No difference at any of {len(meters):,} meters." if days else "Nothing was there to be compared."
    parts = [
        f"<h1>meterfleet verify</h1><p>{html.escape(head)}</p>",
        _totals(outcomes),
        "" if findings else f"<p>{clean}</p>",
        _map(findings, meters, days) if days else "",
        _ranges(findings) if findings else "",
        _rows(findings) if findings else "",
    ]
    title = "<title>meterfleet verify</title>"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8">{title}<style>{_STYLE}</style>{"".join(parts)}</html>\n'
    )


def _days(outcomes: Iterable[Outcome]) -> list[str]:
    """From the first to the last that was compared, without a gap: an axis of time."""
    compared = [outcome for outcome in outcomes if outcome.days]
    if not compared:
        return []
    first = dt.date.fromisoformat(min(outcome.first for outcome in compared))
    last = dt.date.fromisoformat(max(outcome.last for outcome in compared))
    return [(first + dt.timedelta(days=number)).isoformat() for number in range((last - first).days + 1)]


def _totals(outcomes: Iterable[Outcome]) -> str:
    head = _row("th", ("table", "rows", "meter-days", *KINDS))
    lines = (
        _row("td", (one.table, f"{one.rows:,}", f"{one.days:,}", *(f"{one.count(kind):,}" for kind in KINDS)))
        for one in outcomes
    )
    return f"<table>{head}{''.join(lines)}</table>"


def _map(findings: Sequence[Finding], meters: Sequence[str], days: Sequence[str]) -> str:
    """All meters and days; of very many only those with differences, which is said."""
    cells: Counter[tuple[str, str]] = Counter()
    for finding in findings:
        cells[finding.meter, finding.day] += finding.rows
    rows = meters if len(meters) <= _METERS else sorted({meter for meter, _ in cells})
    shown = days if len(days) <= _DAYS else sorted({day for _, day in cells})
    head = f"<tr><td></td>{''.join(f'<th>{day}</th>' for day in shown)}</tr>"
    body = "".join(
        f"<tr><td>{html.escape(meter)}</td>{''.join(_cell(cells, meter, day) for day in shown)}</tr>" for meter in rows
    )
    left_out = [f"{len(meters) - len(rows):,} other meters"] * (len(rows) < len(meters))
    left_out += [f"{len(days) - len(shown):,} other days"] * (len(shown) < len(days))
    clean = f"<p>{' and '.join(left_out)} have no difference and are not shown.</p>" if left_out else ""
    return f'<h2>Differences by meter and day</h2><table class="map">{head}{body}</table>{clean}'


def _cell(cells: Counter[tuple[str, str]], meter: str, day: str) -> str:
    count = cells[meter, day]
    shade = _SHADES[sum(count >= step for step in _STEPS) - 1]
    return f'<td style="background:{shade}" title="{html.escape(meter)} {day}: {count}">{count or ""}</td>'


def _ranges(findings: Sequence[Finding]) -> str:
    found = ranges(findings)
    head = _row("th", ("table", "kind", "meter", "rows", "first", "last"))
    lines = (_row("td", (*one[:3], f"{one.rows:,}", one.first, one.last)) for one in found[:_LISTED])
    return _section("By meter", head, lines, len(found))


def _rows(findings: Sequence[Finding]) -> str:
    head = _row("th", ("table", "kind", "meter", "time", "number", "said → stored"))
    lines = (
        _row("td", (one.table, one.kind, one.meter, one.time, one.number if one.number != "0" else "", _what(one)))
        for one in findings[:_LISTED]
    )
    return _section("Rows", head, lines, len(findings))


def _section(title: str, head: str, lines: Iterable[str], count: int) -> str:
    more = f"<p>{count - _LISTED:,} more are in the JSON.</p>" if count > _LISTED else ""
    return f'<h2>{title}</h2><table class="rows">{head}{"".join(lines)}</table>{more}'


def _what(finding: Finding) -> str:
    return changes(finding.columns) or (f"{finding.rows} rows" if finding.rows > 1 else "")


def changes(columns: Mapping[str, tuple[str | None, str | None]]) -> str:
    return ", ".join(f"{column} {said} → {stored}" for column, (said, stored) in columns.items())


def _row(tag: str, cells: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{html.escape(cell)}</{tag}>' for cell in cells)}</tr>"
