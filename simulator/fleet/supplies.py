# SPDX-License-Identifier: MIT
"""The orders `power` and `supply`: what somebody makes befall meters of a running fleet, for a while or for good.

What is for a while is ended by the fleet that runs then; one that was stopped meanwhile leaves it as it is.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from simulator.cosem.quantities import PHASES
from simulator.errors import StoreError, StoreUnavailable, UserError
from simulator.fleet.clockwork import Clockwork
from simulator.fleet.control import Follow
from simulator.fleet.selection import parse_meters, parts_of
from simulator.fleet.spec import FleetSpec
from simulator.meter.cohort import Cohort
from simulator.meter.columns import Ints
from simulator.meter.supply import disturb, power_fails, power_returns
from simulator.world.kernel import Priority

log = logging.getLogger(__name__)

_AGAIN_MS = 1000
_PER_PHASE, _SINGLE = ("voltage", "current"), ("load", "reactive", "earth")
Part = tuple[Cohort, Ints]
Act = Callable[[Cohort, Ints, int], Awaitable[None]]


class Supplies:
    def __init__(self, spec: FleetSpec, cohorts: Sequence[Cohort], clock: Clockwork) -> None:
        self._spec, self._cohorts, self._clock = spec, cohorts, clock

    @property
    def orders(self) -> Mapping[str, Follow]:
        return {"power": self.power, "supply": self.supply}

    async def power(self, order: Mapping[str, Any]) -> Mapping[str, Any]:
        """`{"meters": "1-20", "on": false, "for_ms": 600000}`."""
        parts = self._chosen(order["meters"])
        begin, end = (power_returns, power_fails) if order["on"] else (power_fails, power_returns)
        return await self._befall(parts, begin, end, int(order.get("for_ms") or 0))

    async def supply(self, order: Mapping[str, Any]) -> Mapping[str, Any]:
        """`{"meters": "1-20", "voltage": 1.2, "phase": "r", "for_ms": 600000}`: factors, by what they change."""
        parts, phase = self._chosen(order["meters"]), order.get("phase")
        for cohort, _ in parts:
            if phase is not None and phase not in PHASES[: cohort.model.spec.phases]:
                raise UserError(f"meters of model {cohort.model.name} have no phase {phase!r}")

        async def begin(cohort: Cohort, rows: Ints, at_ms: int) -> None:
            await disturb(cohort, rows, at_ms, **_factors(order, cohort))

        async def end(cohort: Cohort, rows: Ints, at_ms: int) -> None:
            await disturb(cohort, rows, at_ms, **_factors(_undone(order), cohort))

        return await self._befall(parts, begin, end, int(order.get("for_ms") or 0))

    def _chosen(self, text: str) -> list[Part]:
        return parts_of(self._cohorts, parse_meters(text, self._spec.count, self._spec.meter_named))

    async def _befall(self, parts: Sequence[Part], begin: Act, end: Act, for_ms: int) -> Mapping[str, Any]:
        now_ms, begun = self._clock.now_ms(), list[Part]()
        try:
            for cohort, rows in parts:
                await begin(cohort, rows, now_ms)
                begun.append((cohort, rows))
        finally:
            if for_ms and begun:  # what has begun ends, though the store was away for the rest
                self._at(now_ms + for_ms, begun, end)
        return {"meters": sum(len(rows) for _, rows in parts), "now_ms": now_ms}

    def _at(self, instant_ms: int, parts: Sequence[Part], act: Act) -> None:
        async def acted() -> None:
            for place, (cohort, rows) in enumerate(parts):
                try:
                    await act(cohort, rows, instant_ms)
                except StoreUnavailable:
                    self._at(self._clock.instant_ms + _AGAIN_MS, parts[place:], act)
                    return
                except StoreError:
                    log.exception("a disturbance of the supply could not be ended")

        self._clock.schedule(instant_ms, Priority.SCENARIO, acted)


def _factors(order: Mapping[str, Any], cohort: Cohort) -> dict[str, Any]:
    """As `disturb` takes them; a phase that is not named stays as it is."""
    names, phase = PHASES[: cohort.model.spec.phases], order.get("phase")
    factors: dict[str, Any] = {name: order[name] for name in _SINGLE if order.get(name) is not None}
    for name in _PER_PHASE:
        if order.get(name) is not None:
            factors[name] = [order[name] if phase in (None, one) else None for one in names]
    return factors


def _undone(order: Mapping[str, Any]) -> dict[str, Any]:
    natural = {name: 0.0 if name == "earth" else 1.0 for name in (*_PER_PHASE, *_SINGLE) if order.get(name) is not None}
    return {"phase": order.get("phase"), **natural}
