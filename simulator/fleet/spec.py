# SPDX-License-Identifier: MIT
"""What a fleet is made of: how many meters of which model and load, from which seed, with how much history.

Two starts with the same spec are the same fleet: the second goes on where the first stopped.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from simulator.cosem.compiler import compile_model
from simulator.errors import UserError
from simulator.meter.calendar import Calendar
from simulator.meter.cohort import MAX_METERS as COHORT_METERS
from simulator.meter.cohort import Cohort, Surroundings
from simulator.meter.identity import MAX_METERS, Identity, serial_of
from simulator.values import MS_PER_DAY, moment_of
from simulator.world.noise import key_of
from simulator.world.population import build_population
from simulator.world.shapes import World

_METERS_PER_FEEDER = 50
_LONGEST_HISTORY_DAYS = 3660


@dataclass(frozen=True, slots=True)
class FleetSpec:
    count: int
    model: str
    load: str
    seed: int
    block_minutes: int
    history_ms: int = 0
    start_ms: int | None = None  # None: the simulated clock follows the real one
    keys: str | None = None  # digest of a key file; None: all keys follow from the seed

    def check(self, world: World) -> None:
        """UserError with everything that is wrong with the spec."""
        mistakes = []
        if not 1 <= self.count <= MAX_METERS:
            mistakes.append(f"a fleet has 1 to {MAX_METERS:,} meters, not {self.count}")
        if self.load not in world.loads():
            mistakes.append(f"there is no load {self.load!r}; known are {', '.join(world.loads())}")
        if self.block_minutes not in (15, 30, 60):
            mistakes.append(f"a block lasts 15, 30 or 60 minutes, not {self.block_minutes}")
        if self.history_ms > _LONGEST_HISTORY_DAYS * MS_PER_DAY:
            mistakes.append(f"a history is at most {_LONGEST_HISTORY_DAYS} days long")
        if self.start_ms is not None and not 2000 <= moment_of(self.start_ms).year <= 2099:
            mistakes.append("a fleet starts in the years 2000 to 2099")
        if mistakes:
            raise UserError("\n".join(mistakes))

    @property
    def name(self) -> str:
        """Names the fleet's own database on the embedded server: readable, and different for a different spec."""
        told = {key: value for key, value in asdict(self).items() if key != "keys" or value is not None}
        digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:8]
        model = re.sub(r"[^a-z0-9]+", "_", self.model.rsplit("/", 1)[-1].removesuffix(".yaml").lower())
        return f"fleet_{self.count}_{model[:24]}_{self.load[:12]}_{digest}"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def difference(self, stored: Mapping[str, Any]) -> list[str]:
        """In words, what a stored fleet has otherwise."""
        pairs = ((key, stored.get(key), value) for key, value in asdict(self).items())
        return [f"{key}: {there!r} there, {here!r} here" for key, there, here in pairs if there != here]


def build_cohorts(
    spec: FleetSpec, around: Surroundings, titles: Mapping[str, bytes] = MappingProxyType({})
) -> Iterator[Cohort]:
    """The fleet's meters by the thousand; a meter's nature depends on the seed and its number alone.

    `titles`: system titles by serial that are not the seed's.
    """
    model = compile_model(spec.model)
    calendar = Calendar(model.spec.utc_offset_minutes, spec.block_minutes, model.zones)
    for first in range(0, spec.count, COHORT_METERS):
        numbers = range(first, min(first + COHORT_METERS, spec.count))
        serials = [serial_of(spec.seed, number) for number in numbers]
        identities = [Identity(spec.seed, model.spec.flag, serial, titles.get(serial, b"")) for serial in serials]
        population = build_population(
            around.world,
            np.array([key_of(identity.serial) for identity in identities], np.uint64),
            load=spec.load,
            phases=model.spec.phases,
            feeders=np.array([key_of(f"F{number // _METERS_PER_FEEDER + 1}") for number in numbers], np.uint64),
            nominal_v=model.spec.nominal_voltage_v,
            utc_offset_minutes=model.spec.utc_offset_minutes,
        )
        yield Cohort(
            around,
            model,
            name=f"{first // COHORT_METERS:06d}",
            identities=identities,
            population=population,
            calendar=calendar,
        )
