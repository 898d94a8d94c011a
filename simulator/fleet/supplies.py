# SPDX-License-Identifier: MIT
"""The orders `power` and `supply`: what somebody makes befall meters of a running fleet, for a while or for good.

What is for a while is promised in the store first, and ended by whatever process serves the fleet then; one that starts
later lives through the end on its way. A later order about the same takes its meters out of earlier promises.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from simulator.cosem.quantities import PHASES
from simulator.errors import StoreError, StoreUnavailable, UserError
from simulator.fleet.clockwork import Clockwork
from simulator.fleet.control import Follow
from simulator.fleet.selection import Meters, parse_meters, parts_of
from simulator.fleet.spec import FleetSpec
from simulator.meter.cohort import Cohort
from simulator.meter.columns import Ints
from simulator.meter.supply import disturb, power_fails, power_returns
from simulator.store.database import Store
from simulator.world.kernel import Priority
from simulator.world.noise import Bools

log = logging.getLogger(__name__)

_AGAIN_MS = 1000
_PER_PHASE, _SINGLE = ("voltage", "current"), ("load", "reactive", "earth")
Part = tuple[Cohort, Ints]
Act = Callable[[Cohort, Ints, int], Awaitable[None]]


class _Span(NamedTuple):
    """What an order means: whom it concerns, how it begins, how it ends."""

    parts: Sequence[Part]
    begin: Act
    end: Act
    is_so: Callable[[Cohort, Ints], Bools] = lambda cohort, rows: np.zeros(len(rows), bool)  # already


class _Promise(NamedTuple):
    number: int  # in the store
    at_ms: int
    told: dict[str, Any]  # the order; `except`: meters that later orders have named
    end: Act


class Supplies:
    def __init__(self, spec: FleetSpec, cohorts: Sequence[Cohort], clock: Clockwork, store: Store) -> None:
        self._spec, self._cohorts, self._clock, self._store = spec, cohorts, clock, store
        self._promises: dict[int, _Promise] = {}

    @property
    def orders(self) -> Mapping[str, Follow]:
        return {name: partial(self._befall, name) for name in _MEANINGS}

    async def resume(self, now_ms: int) -> None:
        """What a fleet of before has promised to end: at its instant, be that past or to come."""
        for number, at_ms, told in await self._store.supply_ends.all():
            try:
                span = self._span(told["order"], told)
            except (UserError, KeyError) as error:  # of another fleet in this database
                log.warning("a disturbance of the supply cannot be ended: %s", error)
                await self._store.supply_ends.remove(number)
                continue
            promise = self._promises[number] = _Promise(number, at_ms, dict(told), span.end)
            if at_ms <= now_ms:
                await self._end(promise, span.parts)
            else:
                self._at(at_ms, partial(self._end, promise, span.parts))

    def _span(self, name: str, order: Mapping[str, Any]) -> _Span:
        return _MEANINGS[name](parts_of(self._cohorts, self._meters(order["meters"])), order)

    def _meters(self, text: str) -> Meters:
        return parse_meters(text, self._spec.count, self._spec.meter_named)

    async def _befall(self, name: str, order: Mapping[str, Any]) -> Mapping[str, Any]:
        span, now_ms, begun = self._span(name, order), self._clock.now_ms(), list[Part]()
        end_ms = now_ms + int(order.get("for_ms") or 0)
        told = {**order, "order": name}
        already = sum(int(span.is_so(cohort, rows).sum()) for cohort, rows in span.parts)
        number = await self._store.supply_ends.put(end_ms, told) if end_ms > now_ms else None
        try:
            for cohort, rows in span.parts:
                begun.append((cohort, rows))  # first: what the store took may be in doubt
                await span.begin(cohort, rows, now_ms)
            relieved = await self._relieve(told)
        finally:
            if number is not None:  # what has begun ends, though the store was away for the rest
                promise = self._promises[number] = _Promise(number, end_ms, told, span.end)
                self._at(end_ms, partial(self._end, promise, begun))
        meters = sum(len(rows) for _, rows in span.parts) - already
        return {"meters": meters, "already": already, "relieved": relieved, "now_ms": now_ms}

    async def _relieve(self, told: Mapping[str, Any]) -> int:
        """Earlier promises about the same do not end what this order began; for how many meters one would have."""
        named, relieved = self._numbers(told["meters"]), self._numbers(None)
        for promise in [one for one in self._promises.values() if _covers(told, one.told)]:
            others = promise.told.get("except")
            left = np.setdiff1d(self._numbers(promise.told["meters"]), self._numbers(others))
            relieved = np.union1d(relieved, np.intersect1d(left, named))
            promise.told["except"] = f"{others},{told['meters']}" if others else told["meters"]
            with contextlib.suppress(StoreUnavailable):  # then only a restart would not know of it
                await self._store.supply_ends.change(promise.number, promise.told)
        return len(relieved)

    def _numbers(self, text: str | None) -> Ints:
        return np.fromiter(self._meters(text) if text else (), np.int64)

    def _at(self, instant_ms: int, act: Callable[[], Awaitable[None]]) -> None:
        self._clock.schedule(instant_ms, Priority.SCENARIO, act)

    async def _end(self, promise: _Promise, parts: Sequence[Part]) -> None:
        relieved = self._numbers(promise.told.get("except"))
        for place, (cohort, rows) in enumerate(parts):
            try:
                if len(left := np.setdiff1d(rows, relieved - cohort.first)):
                    await promise.end(cohort, left, promise.at_ms)
            except StoreUnavailable:
                self._again(promise, parts[place:])
                return
            except StoreError:
                log.exception("a disturbance of the supply could not be ended")
        try:
            await self._store.supply_ends.remove(promise.number)
        except StoreUnavailable:
            self._again(promise, ())
            return
        self._promises.pop(promise.number, None)

    def _again(self, promise: _Promise, parts: Sequence[Part]) -> None:
        self._at(self._clock.instant_ms + _AGAIN_MS, partial(self._end, promise, parts))


def _covers(later: Mapping[str, Any], earlier: Mapping[str, Any]) -> bool:
    """Whether a later order changes all that an earlier one would undo."""
    if later["order"] != earlier["order"]:
        return False
    named = {name for name in (*_PER_PHASE, *_SINGLE) if earlier.get(name) is not None}
    is_wide = later.get("phase") in (None, earlier.get("phase"))
    return is_wide and all(later.get(name) is not None for name in named)


def _power(parts: Sequence[Part], order: Mapping[str, Any]) -> _Span:
    """`{"meters": "1-20", "on": false, "for_ms": 600000}`."""
    begin, end = (power_returns, power_fails) if order["on"] else (power_fails, power_returns)
    return _Span(parts, begin, end, _has_power if order["on"] else _has_none)


def _has_power(cohort: Cohort, rows: Ints) -> Bools:
    """It starts, or has started."""
    return ~_has_none(cohort, rows)


def _has_none(cohort: Cohort, rows: Ints) -> Bools:
    return np.asarray((cohort.columns.powered[rows] == 0) & (cohort.columns.boot_ms[rows] == 0))


def _supply(parts: Sequence[Part], order: Mapping[str, Any]) -> _Span:
    """`{"meters": "1-20", "voltage": 1.2, "phase": "r", "for_ms": 600000}`: factors, by what they change."""
    phase = order.get("phase")
    for cohort, _ in parts:
        if phase is not None and phase not in PHASES[: cohort.model.spec.phases]:
            raise UserError(f"meters of model {cohort.model.name} have no phase {phase!r}")

    async def begin(cohort: Cohort, rows: Ints, at_ms: int) -> None:
        await disturb(cohort, rows, at_ms, **_factors(order, cohort))

    async def end(cohort: Cohort, rows: Ints, at_ms: int) -> None:
        await disturb(cohort, rows, at_ms, **_factors(_undone(order), cohort))

    return _Span(parts, begin, end)


_MEANINGS: Mapping[str, Callable[[Sequence[Part], Mapping[str, Any]], _Span]] = {"power": _power, "supply": _supply}


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
