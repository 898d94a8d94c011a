# SPDX-License-Identifier: MIT
"""The fleet's rows in sim.meters: written when it is new, brought up to date when it starts again."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from simulator.cosem.model import Model
from simulator.fleet.listen import Listen
from simulator.fleet.spec import FleetSpec
from simulator.meter.cohort import Cohort
from simulator.store.copy import Int2, Int4, Jsonb, Octets, Rows, Text, Uuid, encode_rows
from simulator.store.database import Store

RUNNING = "RUNNING"


async def add_meters(
    store: Store, spec: FleetSpec, model: Model, cohorts: Sequence[Cohort], listens: Sequence[Listen]
) -> None:
    """One COPY of all meters; those that are there already get their address and status anew."""
    await store.put_meters([_rows(spec, model, cohort, listens[0], first) for first, cohort in _numbered(cohorts)])


def _numbered(cohorts: Sequence[Cohort]) -> list[tuple[int, Cohort]]:
    firsts = np.cumsum([0, *(len(cohort.identities) for cohort in cohorts)]).tolist()
    return list(zip(firsts, cohorts, strict=False))


def _rows(spec: FleetSpec, model: Model, cohort: Cohort, listen: Listen, first: int) -> Rows:
    places = [listen.place_of(first + row) for row in range(len(cohort.identities))]
    titles = b"".join(identity.system_title for identity in cohort.identities)
    config = {"load": spec.load, "seed": spec.seed, "block_minutes": spec.block_minutes}
    return encode_rows(
        "meters",
        {
            "id": Uuid(cohort.ids),
            "meter_number": Text([identity.serial for identity in cohort.identities]),
            "meter_type": Text(model.spec.category),
            "profile": Text(model.name),
            "manufacturer_flag": Text(model.spec.flag),
            "system_title": Octets(np.frombuffer(titles, np.uint8).reshape(-1, 8)),
            "logical_device_name": Text([identity.logical_device_name for identity in cohort.identities]),
            "phases": Int2(model.spec.phases),
            "utc_offset_minutes": Int2(model.spec.utc_offset_minutes),
            "host": Text([host for host, _ in places]),
            "port": Int4(np.array([port for _, port in places])),
            "config": Jsonb(json.dumps(config)),
            "status": Text(RUNNING),
        },
    )
