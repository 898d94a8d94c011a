# SPDX-License-Identifier: MIT
"""What befalls the supply of meters: it fails, returns, or is disturbed. For whoever writes the world's story.

The caller holds nothing. Each act takes the cohort's lock and first brings the meters to its instant, or to what they
are captured up to if that is later. Raises StoreUnavailable with nothing changed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import numpy as np

from simulator.meter.behaviour import lookout, power, story
from simulator.meter.cohort import Cohort
from simulator.meter.columns import NATURAL, Ints
from simulator.meter.happening import Alongside, happen
from simulator.meter.supplied import changed_supply
from simulator.world.population import load_keys

_Act = Callable[[Cohort, Ints, int], Awaitable[None]]


async def power_fails(cohort: Cohort, rows: Ints, instant_ms: int) -> None:
    """The meters of these rows that have power lose it."""
    await _befall(cohort, rows, instant_ms, power.fail)


async def power_returns(cohort: Cohort, rows: Ints, instant_ms: int) -> None:
    """Those that have none get it back; each starts when its model has needed its time (`boot_s`)."""
    await _befall(cohort, rows, instant_ms, power.come_back)


async def disturb(
    cohort: Cohort,
    rows: Ints,
    instant_ms: int,
    *,
    voltage: Sequence[float | None] | None = None,
    current: Sequence[float | None] | None = None,
    load: float | None = None,
    reactive: float | None = None,
    earth: float | None = None,
    shape: str | None = None,
) -> None:
    """Factors that hold from now on; what is None, also of a single phase, stays as it is; 1.0 undoes (0.0 for earth).

    voltage: per phase, of the natural one: 0.8 a sag, 1.15 a swell, 0.0 a missing phase.
    current: per phase, what the meter sees of it: 0.1 a bypass, 0.0 an open CT, -1.0 one that is turned round.
    load, reactive: of the consumption and of its reactive part; 0.4 hides three fifths of it from the meter.
    earth: share of the current that returns by the earth instead of the neutral.
    shape: the load of profiles/loads that the homes have now; empty: their own.
    """
    per_phase = {"voltage_milli": voltage, "current_milli": current}
    told = {name: factors for name, factors in per_phase.items() if factors is not None}
    for name, factors in told.items():
        if len(factors) != cohort.model.spec.phases:
            raise ValueError(f"{name}: {len(factors)} factors for meters of {cohort.model.spec.phases} phases")
    single = {"load_milli": load, "reactive_milli": reactive, "earth_milli": earth}
    all_alike = {name: _milli(factor) for name, factor in single.items() if factor is not None}

    async def disturbed(cohort: Cohort, rows: Ints, at_ms: int) -> None:
        phases = {name: _replaced(getattr(cohort.columns, name)[:, rows], factors) for name, factors in told.items()}
        columns: dict[str, Ints | int] = {**phases, **all_alike, **_load(cohort, rows, shape)}
        also = changed_supply(cohort, rows, at_ms, columns) | {"relay_ms": at_ms}  # limiters count anew
        await happen(cohort, [], at_ms, Alongside(rows, also))
        story.look_ahead(cohort, rows, at_ms)

    await _befall(cohort, rows, instant_ms, disturbed)


def _load(cohort: Cohort, rows: Ints, shape: str | None) -> dict[str, Ints]:
    if shape is None:
        return {}
    population = cohort.population.take(rows)
    return {"load_key": load_keys(cohort.around.world, population, shape) if shape else np.zeros_like(rows)}


def _milli(factor: float) -> int:
    return round(factor * NATURAL)


def _replaced(milli: Ints, factors: Sequence[float | None]) -> Ints:
    """[phase, rows]."""
    for phase, factor in enumerate(factors):
        if factor is not None:
            milli[phase] = _milli(factor)
    return milli


async def _befall(cohort: Cohort, rows: Ints, instant_ms: int, act: _Act) -> None:
    async with cohort.lock:
        at_ms = await story.bring_locked(cohort, instant_ms)
        rows = np.unique(np.asarray(rows, np.int64))
        await lookout.notice(cohort, rows, at_ms)  # while the supply is as it was
        await act(cohort, rows, at_ms)
        lookout.look_ahead(cohort, at_ms)
        story.call_again(cohort)
