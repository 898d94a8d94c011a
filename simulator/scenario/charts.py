# SPDX-License-Identifier: MIT
"""The drawings of a report, as SVG: a timeline of steps and expectations, and curves under it on the same axis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from simulator.scenario.replay import Result
from simulator.scenario.report import NOT_CHECKED, steps
from simulator.scenario.summary import Line, lines, remarks
from simulator.store.history import StepRow
from simulator.values import MS_PER_MINUTE, moment_of

_WIDTH, _HEIGHT, _LEFT, _FOOT = 960, 90, 70, 20
_LANE, _LEAST = 18, 3.0  # height of a lane; least width of what happens in it
_BARS = 240
_SHOWN_STEPS, _SHOWN_LANES = 500, 60
_CURVES = (("load", "load, kW", "#2563eb", "no load was captured"), ("events", "events", "#b45309", "no events"),
           ("alarms", "alarms", "#dc2626", "no alarms"), ("pushes", "pushes", "#059669", "no pushes"))  # fmt: skip
_COLOURS = {"MET": "#a7f3d0", "DONE": "#bfdbfe", "PARTLY": "#fde68a", "REFUSED": "#fde68a"}
_WRONG = "#fca5a5"


@dataclass(frozen=True, slots=True)
class Axis:
    """Local times from the replay's start to its end."""

    first_ms: int
    last_ms: int

    def x(self, local_ms: int) -> float:
        share = (local_ms - self.first_ms) / (self.last_ms - self.first_ms)
        return _LEFT + _WIDTH * min(max(share, 0.0), 1.0)

    def place(self, local_ms: int) -> int:
        """Of a bar."""
        return min(max((local_ms - self.first_ms) * _BARS // (self.last_ms - self.first_ms), 0), _BARS - 1)


def charts(result: Result) -> Iterator[str]:
    shift_ms = result.scenario.utc_offset_minutes * MS_PER_MINUTE
    first_ms = result.start_ms + shift_ms
    axis = Axis(first_ms, max(result.end_ms + shift_ms, first_ms + 1))
    yield _timeline(result, axis)
    marks = "".join(_mark(row, axis) for row in steps(result)[:_SHOWN_STEPS])
    for name, title, colour, nothing in _CURVES:
        points = result.curves.get(name, [])
        top, bars = _bars(points, axis, colour, adds_up=name != "load")
        inside = (
            bars if top else f'<text x="{_LEFT + _WIDTH / 2}" y="{_HEIGHT / 2}" text-anchor="middle">{nothing}</text>'
        )
        scale = f'<text x="{_LEFT - 6}" y="10" text-anchor="end">{_scale(top)}</text>' if top else ""
        zero = f'<text x="{_LEFT - 6}" y="{_HEIGHT}" text-anchor="end">0</text>'
        yield _drawing(title, _HEIGHT, marks + inside + scale + zero, axis)


def _drawing(title: str, height: int, inside: str, axis: Axis) -> str:
    first, last = _moment(axis.first_ms), _moment(axis.last_ms)
    return (
        f'<h2>{title}</h2><svg viewBox="0 0 {_LEFT + _WIDTH} {height + _FOOT}" role="img" aria-label="{title}">{inside}'
        f'<path d="M{_LEFT} 0V{height}H{_LEFT + _WIDTH}" fill="none" stroke="#9ca3af"/>'
        f'<text x="{_LEFT}" y="{height + 15}">{first}</text>'
        f'<text x="{_LEFT + _WIDTH}" y="{height + 15}" text-anchor="end">{last}</text></svg>'
    )


# -- timeline --------------------------------------------------------------------------------------------------------


def _timeline(result: Result, axis: Axis) -> str:
    """A lane for each step from its first part to its last, and for each expectation its window."""
    done = [line for line in lines(result.rows) if line.step]
    lanes = [*(_step_lane(line) for line in done[:_SHOWN_LANES]), *_expectation_lanes(result, axis)]
    drawn = "".join(lane.drawn(place * _LANE, axis) for place, lane in enumerate(lanes))
    more = f"timeline, its first {_SHOWN_LANES} of {len(done)} steps" if len(done) > _SHOWN_LANES else "timeline"
    return _drawing(more, max(len(lanes), 1) * _LANE, drawn, axis)


@dataclass(frozen=True, slots=True)
class _Lane:
    first_ms: int
    last_ms: int
    label: str
    outcome: str
    told: str  # when one points at it

    def drawn(self, y: int, axis: Axis) -> str:
        """The label stands beside the beginning, on the side where there is room."""
        x = axis.x(self.first_ms)
        width = max(axis.x(self.last_ms) - x, _LEAST)
        is_late = x > _LEFT + _WIDTH / 2
        at, anchor = (x - 4, "end") if is_late else (x + 4 + (width if width <= _LEAST else 0), "start")
        return (
            f'<g><title>{escape(self.told)}</title><rect x="{x:.1f}" y="{y + 1}" width="{width:.1f}"'
            f' height="{_LANE - 2}" fill="{_COLOURS.get(self.outcome, _WRONG)}"/>'
            f'<text x="{at:.1f}" y="{y + _LANE - 5}" text-anchor="{anchor}">{escape(self.label)}</text></g>'
        )


def _step_lane(line: Line) -> _Lane:
    label = f"{line.step}: {line.what}" + ("" if line.outcome == "DONE" else f", {line.outcome}")
    return _Lane(line.first_ms, line.last_ms, label, line.outcome, f"{line.times} {label} {line.remarks}")


def _expectation_lanes(result: Result, axis: Axis) -> Iterator[_Lane]:
    begun = {row.step: row.local_ms for row in result.rows if row.outcome == "BEGUN"}
    for place, (name, row) in enumerate(result.expectations):
        outcome, told = ("not checked", NOT_CHECKED) if row is None else (row.outcome, remarks([row]))
        last_ms = axis.last_ms if row is None else row.local_ms
        first_ms = begun.get(f"expect.{place}/begin", last_ms)
        label = f"{outcome.lower()}: {name}"
        yield _Lane(first_ms, last_ms, label, outcome, f"{_moment(first_ms)} to {_moment(last_ms)} {label}: {told}")


# -- curves ----------------------------------------------------------------------------------------------------------


def _bars(points: Sequence[tuple[int, float]], axis: Axis, colour: str, *, adds_up: bool) -> tuple[float, str]:
    """The largest value, and a bar for each part of the time; what counts adds up within one."""
    cells = [0.0] * _BARS
    for at, value in points:
        place = axis.place(at)
        cells[place] = cells[place] + value if adds_up else max(cells[place], value)
    top, width = max(cells), _WIDTH / _BARS
    bars = [
        f'<rect x="{_LEFT + place * width:.1f}" y="{_HEIGHT * (1 - value / top):.1f}" width="{width:.1f}"'
        f' height="{_HEIGHT * value / top:.1f}" fill="{colour}"/>'
        for place, value in enumerate(cells)
        if value > 0
    ]
    return top, "".join(bars)


def _mark(row: StepRow, axis: Axis) -> str:
    title = escape(f"{_moment(row.local_ms)} {row.step}: {row.kind}")
    return f'<path d="M{axis.x(row.local_ms):.1f} 0V{_HEIGHT}" stroke="#d1d5db"><title>{title}</title></path>'


def _scale(top: float) -> str:
    return f"{top:,.0f}" if top >= 100 else f"{top:.4g}"


def _moment(local_ms: int) -> str:
    return f"{moment_of(local_ms):%Y-%m-%d %H:%M:%S}"
