# SPDX-License-Identifier: MIT
"""A figure, its targets, and all figures as one table or as JSON. It measures nothing and fails nothing."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from rich.table import Table

_TITLE = "meterfleet beside the limit of the same machine: medians, quartiles of the ratios in brackets"
_CAPTION = """\
limit: a bare uvloop server that answers prepared bytes of the same sizes; for the history, a bare COPY
≥: the load generator was busier than that server, which could have answered more
CPU µs: of the server's process alone, for each GET, association, read or row
first start: with initdb, start of PostgreSQL, schema, COPY of the meters; second: PostgreSQL runs, the meters are there
others: processors that other programs took meanwhile; where that is much, trust the ratios rather than the rates"""

_ALIKE = 0.9  # of the bare server's CPU and the load generator's


class Spread(NamedTuple):
    """Of one quantity over the pairs of slices: the median and the quartiles."""

    median: float
    low: float
    high: float


class Target(NamedTuple):
    text: str
    met: bool


@dataclass(frozen=True, slots=True)
class Figure:
    what: str
    unit: str
    ours: float
    limit: float | None = None  # what the bare peer did
    ratio: Spread | None = None
    cpu_us: float | None = None  # of our server's process, for each
    limit_cpu_us: float | None = None
    cpu_ratio: Spread | None = None
    note: str = ""
    load_us: float | None = None  # CPU of the load generator, for each of the limit's
    disturbance: float | None = None  # CPU that other programs took meanwhile, in processors
    targets: tuple[Target, ...] = ()


def spread(values: Sequence[float]) -> Spread:
    low, median, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [*values] * 3
    return Spread(median, low, high)


def share_of_load(figure: Figure) -> float:
    """How far the load generator could drive the bare server: 1 is as far as it goes."""
    return min(1.0, (figure.limit_cpu_us or 0.0) / (figure.load_us or 1.0))


def at_least(what: str, value: float, *, least: float) -> Target:
    return Target(f"{what} ≥ {least:g}", value >= least)


def at_most(what: str, value: float, *, most: float) -> Target:
    return Target(f"{what} ≤ {most:g}", value <= most)


def as_json(facts: Mapping[str, str], figures: Sequence[Figure]) -> dict[str, Any]:
    return {"machine": dict(facts), "figures": [_plain(figure) for figure in figures]}


def _plain(figure: Figure) -> dict[str, Any]:
    values = asdict(figure)
    for name in ("ratio", "cpu_ratio"):
        values[name] = values[name] and values[name]._asdict()
    return values | {"targets": [target._asdict() for target in figure.targets]}


def table(figures: Sequence[Figure]) -> Table:
    out = Table(title=_TITLE, caption=_CAPTION, caption_justify="left")
    out.add_column("what")
    for heading in ("ours", "limit", "ratio", "CPU µs", "limit", "ratio"):
        out.add_column(heading, justify="right")
    out.add_column("others", justify="right")
    out.add_column("target")
    for figure in figures:
        numbers = (figure.ours, figure.limit, figure.ratio, figure.cpu_us, figure.limit_cpu_us, figure.cpu_ratio)
        cells = [_text(number) for number in numbers]
        cells[0] += f" {figure.unit}"
        if _is_lower_bound(figure):
            cells[1], cells[2] = "≥ " + cells[1], "≤ " + cells[2]
        what = figure.what + (f"\n  [dim]{figure.note}[/dim]" if figure.note else "")
        others = "" if figure.disturbance is None else f"{figure.disturbance:.1f}"
        out.add_row(what, *cells, others, "\n".join(map(_verdict, figure.targets)))
    return out


def _is_lower_bound(figure: Figure) -> bool:
    """The load generator had notably more to do than the bare server: that could have answered more."""
    return bool(figure.load_us and figure.limit_cpu_us) and share_of_load(figure) < _ALIKE


def _verdict(target: Target) -> str:
    return f"{target.text}: {'[green]met' if target.met else '[red]not met'}[/]"


def _text(value: float | Spread | None) -> str:
    if value is None:
        return ""
    if isinstance(value, Spread):
        return f"{value.median:.2f} [dim]({value.low:.2f}–{value.high:.2f})[/dim]"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
