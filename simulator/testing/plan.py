# SPDX-License-Identifier: MIT
"""What a test's arguments ask for: a fleet in a few words, or that of a scenario. It starts nothing.

Mistakes are UserErrors.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.cosem.compiler import compile_model
from simulator.errors import UserError
from simulator.fleet.pace import MAX_SPEED
from simulator.fleet.spec import FleetSpec
from simulator.scenario.reading import scenario_path
from simulator.scenario.scenario import Scenario, load_scenario
from simulator.values import MS_PER_SECOND, instant_of, parse_duration_ms
from simulator.world.shapes import load_world

_START = "2025-06-02T10:00:00"  # of nobody's daylight saving; a Monday
_DEFAULTS: Mapping[str, Any] = {
    "count": 1, "model": "is15959-1ph", "load": "household", "seed": 1, "history": None, "start": _START,
    "block_minutes": None,
}  # fmt: skip
Push = bool | str | None
Duration = str | float | dt.timedelta


@dataclass(frozen=True, slots=True)
class Plan:
    spec: FleetSpec
    speed: float
    listen: str | Sequence[str] | None  # None: the scenario's ways, or the wrapper
    push: Push
    push_schedule: str | None
    scenario: Scenario | None = None


def planned(
    *,
    scenario: str | Path | None,
    params: Mapping[str, object] | None,
    folder: Path,
    speed: float,
    listen: str | Sequence[str] | None,
    push: Push,
    push_schedule: str | None,
    **fleet: Any,
) -> Plan:
    """`folder`: where the test is, and perhaps its scenario. `fleet`: what was given of the defaults above."""
    if not 0 <= speed <= MAX_SPEED:
        raise UserError(f"speed {speed}: a speed is 0 to {MAX_SPEED:,.0f}; 0 stands still")
    if scenario is None:
        if params:
            raise UserError("params are those of a scenario; name it with scenario=")
        return Plan(_spec(**{**_DEFAULTS, **fleet}), speed, listen, push, push_schedule)
    if fleet:
        raise UserError(f"a scenario says itself what its fleet is; leave out {', '.join(fleet)}, or use params=")
    settings = {name: str(value) for name, value in (params or {}).items()}
    loaded = load_scenario(_path(str(scenario), folder), settings)
    return Plan(loaded.spec, speed, listen, push, push_schedule, loaded)


def _path(name: str, folder: Path) -> Path:
    beside = folder / name
    return beside if beside.is_file() else scenario_path(name)


def _spec(
    *, count: int, model: str, load: str, seed: int, history: Duration | None, start: object, block_minutes: int | None
) -> FleetSpec:
    compiled = compile_model(str(model)).spec
    spec = FleetSpec.single(
        count,
        str(model),
        load,
        seed=seed,
        block_minutes=block_minutes or compiled.block_minutes,
        history_ms=0 if history is None else duration_ms(history, "history"),
        start_ms=_instant(start, compiled.utc_offset_minutes),
    )
    spec.check(load_world(seed))
    return spec


def _instant(start: object, utc_offset_minutes: int) -> int:
    """Without an offset it is the meters' own time."""
    try:
        moment = start if isinstance(start, dt.datetime) else dt.datetime.fromisoformat(str(start))
    except ValueError as error:
        raise UserError(f"start {start}: {error}; write for example 2025-06-01T00:00:00") from None
    zone = dt.timezone(dt.timedelta(minutes=utc_offset_minutes))
    return instant_of(moment if moment.tzinfo else moment.replace(tzinfo=zone))


def duration_ms(value: Duration, what: str) -> int:
    """`30m`, seconds, or a timedelta."""
    if isinstance(value, dt.timedelta):
        return round(value.total_seconds() * MS_PER_SECOND)
    try:
        found = parse_duration_ms(value) if isinstance(value, str) else round(value * MS_PER_SECOND)
    except ValueError as error:
        raise UserError(f"{what}: {error}") from None
    if found < 0:
        raise UserError(f"{what}: {value} lies in the past")
    return found
