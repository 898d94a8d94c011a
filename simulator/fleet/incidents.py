# SPDX-License-Identifier: MIT
"""The order `event`: meters of a running fleet notice events that somebody makes happen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from simulator.errors import UserError
from simulator.fleet.control import Follow
from simulator.fleet.selection import parse_meters
from simulator.fleet.spec import FleetSpec
from simulator.meter.behaviour import story
from simulator.meter.cohort import Cohort
from simulator.meter.columns import Ints
from simulator.meter.happening import Happening


def injection(spec: FleetSpec, cohorts: Sequence[Cohort]) -> Follow:
    """`{"meters": "1-20", "codes": [201]}`: one transaction per cohort, all codes in their order."""

    async def inject(order: Mapping[str, Any]) -> Mapping[str, Any]:
        chosen = parse_meters(order["meters"], spec.count, spec.meter_named)
        numbers, codes = np.array(sorted(chosen)), [int(code) for code in order["codes"]]
        parts = [(cohort, rows_among(cohort, numbers)) for cohort in cohorts]
        concerned = [(cohort, rows) for cohort, rows in parts if len(rows)]
        _check(concerned, codes)
        for cohort, rows in concerned:
            await story.notice(cohort, [Happening(rows, code) for code in codes])
        lit = sum(int(cohort.columns.powered[rows].sum()) for cohort, rows in concerned)
        return {"meters": lit, "events": lit * len(codes), "dark": len(numbers) - lit}

    return inject


def rows_among(cohort: Cohort, numbers: Ints) -> Ints:
    """Of the fleet's meters by number, the cohort's by row."""
    rows = numbers - cohort.first
    return rows[(rows >= 0) & (rows < len(cohort.identities))]


def _check(concerned: Sequence[tuple[Cohort, Ints]], codes: Sequence[int]) -> None:
    models = {cohort.model.name: cohort.model.events for cohort, _ in concerned}
    unknown = [(name, code) for name, events in models.items() for code in codes if code not in events]
    if unknown:
        told = [f"meters of model {name} know no event {code}" for name, code in unknown]
        raise UserError("; ".join(told) + "; `meterfleet events codes` lists what there is")
