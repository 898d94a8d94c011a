# SPDX-License-Identifier: MIT
"""The order `push`: meters of a running fleet push now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simulator.errors import UserError
from simulator.fleet.control import Follow
from simulator.fleet.pushes import Pushes
from simulator.fleet.selection import parse_meters, parts_of
from simulator.fleet.spec import FleetSpec
from simulator.meter.cohort import Cohort
from simulator.meter.push.setup import setup_objects
from simulator.values import format_obis, parse_obis


def pushing(spec: FleetSpec, cohorts: Sequence[Cohort], pushes: Pushes) -> Follow:
    """`{"meters": "1-20", "setup": "0.0.25.9.0.255"}`: how many were named, how many of them push, and
    in what time."""

    async def push(order: Mapping[str, Any]) -> Mapping[str, Any]:
        chosen, setup = parse_meters(order["meters"], spec.count, spec.meter_named), _logical_name(order["setup"])
        concerned = parts_of(cohorts, chosen)
        for cohort, _ in concerned:
            _check(cohort, setup)
        named = [(cohort, rows, setup, cohort.around.now_ms()) for cohort, rows in concerned]
        within_s = max((pushes.last_wait_s(*one) for one in named), default=0)
        return {"meters": len(chosen), "pushing": sum(pushes.push_now(*one) for one in named), "within_s": within_s}

    return push


def _logical_name(text: str) -> bytes:
    try:
        return parse_obis(text)
    except ValueError as error:
        raise UserError(str(error)) from None


def _check(cohort: Cohort, setup: bytes) -> None:
    known = setup_objects(cohort.model)
    if setup not in known:
        names = ", ".join(map(format_obis, known)) or "none"
        raise UserError(f"meters of model {cohort.model.name} have no push setup {format_obis(setup)}; known: {names}")
