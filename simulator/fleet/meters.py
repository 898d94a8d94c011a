# SPDX-License-Identifier: MIT
"""The fleet's rows in sim.meters: written when it is new, brought up to date when it starts again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from simulator.fleet.listen import Listen, Spread, parse_listen
from simulator.fleet.spec import FleetSpec
from simulator.meter.cohort import Cohort
from simulator.store.copy import Int2, Int4, Jsonb, Octets, Rows, Text, Timestamp, Uuid, encode_rows
from simulator.store.database import Store
from simulator.values import MS_PER_SECOND

RUNNING = "RUNNING"


async def add_meters(store: Store, spec: FleetSpec, cohorts: Sequence[Cohort], listens: Sequence[Listen]) -> None:
    """One COPY of all meters; those that are there already get their address and status anew."""
    await store.put_meters([_rows(spec, cohort, listens) for cohort in cohorts])


def stored_listens(config: Mapping[str, Any], count: int) -> list[Listen]:
    """Where the meters of a store were reached when they were served last."""
    return [parse_listen(one["text"], count).on_devices(tuple(one["devices"])) for one in config["listen"]]


def _rows(spec: FleetSpec, cohort: Cohort, listens: Sequence[Listen]) -> Rows:
    model, group = cohort.model, spec.group_of(cohort.first)
    numbers = range(cohort.first, cohort.first + len(cohort.identities))
    titles = b"".join(identity.system_title for identity in cohort.identities)
    config = {"load": group.load, "seed": spec.seed, "block_minutes": group.block_minutes}
    config["listen"] = [{"text": listen.text, "devices": listen.devices} for listen in listens]
    net = next((listen for listen in listens if listen.spread not in (Spread.LINES, Spread.CALLS)), None)
    line = next((listen for listen in listens if listen.spread is Spread.LINES), None)
    places = [(net or listens[0]).place_of(number) for number in numbers]
    devices = [line.place_of(number).device for number in numbers] if line else None
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
            "host": Text([place.host if net else None for place in places]),
            "port": Int4(np.array([place.port or 0 for place in places]), np.array([net is None] * len(places))),
            "serial_device": Text(devices or [None] * len(places)),
            "config": Jsonb(json.dumps(config)),
            "status": Text(RUNNING),
            "place": Int4(np.array(numbers) + 1),
            "generation": Int2(cohort.columns.generation),
            "installed_at": Timestamp(cohort.calendar.local_s(0) + cohort.columns.installed_ms // MS_PER_SECOND),
        },
    )
