# SPDX-License-Identifier: MIT
"""The order `event`: meters of a running fleet notice events that somebody makes happen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simulator.errors import UserError
from simulator.fleet.control import Follow
from simulator.fleet.selection import parse_meters, parts_of
from simulator.fleet.spec import FleetSpec
from simulator.meter.behaviour import story
from simulator.meter.cohort import Cohort
from simulator.meter.columns import Ints


def injection(spec: FleetSpec, cohorts: Sequence[Cohort]) -> Follow:
    """`{"meters": "1-20", "codes": [201]}`: the codes one after another, each a transaction per cohort."""

    async def inject(order: Mapping[str, Any]) -> Mapping[str, Any]:
        chosen = parse_meters(order["meters"], spec.count, spec.meter_named)
        codes, concerned = [int(code) for code in order["codes"]], parts_of(cohorts, chosen)
        _check(concerned, codes)
        lit = sum([await story.notice_in_turn(cohort, rows, codes) for cohort, rows in concerned])
        return {"meters": lit, "events": lit * len(codes), "dark": len(chosen) - lit}

    return inject


def _check(concerned: Sequence[tuple[Cohort, Ints]], codes: Sequence[int]) -> None:
    models = {cohort.model.name: cohort.model.events for cohort, _ in concerned}
    unknown = [(name, code) for name, events in models.items() for code in codes if code not in events]
    if unknown:
        told = [f"meters of model {name} know no event {code}" for name, code in unknown]
        raise UserError("; ".join(told) + "; `meterfleet events codes` lists what there is")
