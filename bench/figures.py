# SPDX-License-Identifier: MIT
"""A figure, its targets, and all figures as one table or as JSON. It measures nothing and fails nothing."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from rich.table import Table


class Spread(NamedTuple):
    """Of one quantity over the rounds."""

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
    targets: tuple[Target, ...] = ()


def spread(values: Sequence[float]) -> Spread:
    return Spread(statistics.median(values), min(values), max(values))


def at_least(what: str, value: float, least: float) -> Target:
    return Target(f"{what} ≥ {least:g}", value >= least)


def at_most(what: str, value: float, most: float) -> Target:
    return Target(f"{what} ≤ {most:g}", value <= most)


def as_json(facts: Mapping[str, str], figures: Sequence[Figure]) -> dict[str, Any]:
    return {"machine": dict(facts), "figures": [_plain(figure) for figure in figures]}


def _plain(figure: Figure) -> dict[str, Any]:
    values = asdict(figure)
    for name in ("ratio", "cpu_ratio"):
        values[name] = values[name] and values[name]._asdict()
    return values | {"targets": [target._asdict() for target in figure.targets]}


def table(figures: Sequence[Figure]) -> Table:
    out = Table(title="meterfleet beside the limit of the same machine: medians, lowest and highest ratio in brackets")
    out.add_column("what")
    for heading in ("ours", "limit", "ratio", "CPU µs", "limit", "ratio"):
        out.add_column(heading, justify="right")
    out.add_column("target")
    for figure in figures:
        numbers = (figure.ours, figure.limit, figure.ratio, figure.cpu_us, figure.limit_cpu_us, figure.cpu_ratio)
        cells = [_text(number) for number in numbers]
        cells[0] += f" {figure.unit}"
        what = figure.what + (f"\n  [dim]{figure.note}[/dim]" if figure.note else "")
        out.add_row(what, *cells, "\n".join(map(_verdict, figure.targets)))
    return out


def _verdict(target: Target) -> str:
    return f"{target.text}: {'[green]met' if target.met else '[red]not met'}[/]"


def _text(value: float | Spread | None) -> str:
    if value is None:
        return ""
    if isinstance(value, Spread):
        return f"{value.median:.2f} [dim]({value.low:.2f}–{value.high:.2f})[/dim]"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
