# SPDX-License-Identifier: MIT
"""What a fleet is made of: how many meters of which model and load, from which seed, with how much history.

Two starts with the same spec are the same fleet: the second goes on where the first stopped.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, TypedDict, Unpack

import numpy as np

from simulator.cosem.compiler import compile_model
from simulator.cosem.model import Model
from simulator.documents import did_you_mean
from simulator.errors import UserError
from simulator.meter.calendar import Calendar
from simulator.meter.cohort import MAX_METERS as COHORT_METERS
from simulator.meter.cohort import Cohort, Surroundings
from simulator.meter.identity import MAX_METERS, Identity, index_of, serial_of
from simulator.values import MS_PER_DAY, is_number, moment_of
from simulator.world.noise import key_of
from simulator.world.population import build_population
from simulator.world.shapes import World

_METERS_PER_FEEDER = 50
_GOLDEN = 0.6180339887498949  # multiples of it, less their whole part, fill the unit interval evenly
_LONGEST_HISTORY_DAYS = 3660


class _Others(TypedDict, total=False):
    history_ms: int
    start_ms: int | None
    keys: str | None


@dataclass(frozen=True, slots=True)
class MeterGroup:
    """Meters of one model and load."""

    count: int
    model: str
    load: str
    block_minutes: int
    feeders: tuple[tuple[str, float], ...] = ()  # name and share of the meters; empty: fifty on each
    serial: str = ""  # digits with which serial numbers begin; empty: the seed's

    def check(self, world: World) -> list[str]:
        mistakes = []
        if self.count < 1:
            mistakes.append(f"a fleet has 1 to {MAX_METERS:,} meters, not {self.count}")
        if self.load not in world.loads():
            mistakes.append(f"there is no load {self.load!r}; {did_you_mean(self.load, world.loads())}")
        if self.block_minutes not in (15, 30, 60):
            mistakes.append(f"a block lasts 15, 30 or 60 minutes, not {self.block_minutes}")
        return mistakes

    def feeder_of(self, place: int) -> str:
        """The feeder of the meter at a place within the group; meters that come later change nothing."""
        if not self.feeders:
            return f"F{place // _METERS_PER_FEEDER + 1}"
        total, at = sum(share for _, share in self.feeders), place * _GOLDEN % 1.0
        reached = 0.0
        for name, share in self.feeders:
            reached += share / total
            if at < reached:
                return name
        return self.feeders[-1][0]


@dataclass(frozen=True, slots=True)
class FleetSpec:
    groups: tuple[MeterGroup, ...]
    seed: int
    history_ms: int = 0
    start_ms: int | None = None  # None: the simulated clock follows the real one
    keys: str | None = None  # digest of a key file; None: all keys follow from the seed

    @classmethod
    def single(
        cls, count: int, model: str, load: str, *, seed: int, block_minutes: int, **others: Unpack[_Others]
    ) -> FleetSpec:
        """A fleet of one group."""
        return cls((MeterGroup(count, model, load, block_minutes),), seed, **others)

    @classmethod
    def stored(cls, kept: Mapping[str, Any]) -> FleetSpec:
        """What `as_dict` told. Raises TypeError or KeyError if something else did."""
        groups = (
            MeterGroup(**{**group, "feeders": tuple((name, share) for name, share in group["feeders"])})
            for group in kept["groups"]
        )
        return cls(**{**kept, "groups": tuple(groups)})

    @property
    def count(self) -> int:
        return sum(group.count for group in self.groups)

    def models(self) -> list[Model]:
        """Each model that occurs, once."""
        return [compile_model(name) for name in dict.fromkeys(group.model for group in self.groups)]

    def numbered(self) -> Iterator[tuple[int, MeterGroup]]:
        """Each group with the number of its first meter."""
        first = 0
        for group in self.groups:
            yield first, group
            first += group.count

    def group_of(self, number: int) -> MeterGroup:
        """The group of a meter, counted from 0."""
        return [group for first, group in self.numbered() if first <= number][-1]

    def serials(self, numbers: Iterable[int]) -> list[str]:
        """Of the meters that were the first in their places."""
        if not any(group.serial for group in self.groups):
            return [serial_of(self.seed, number) for number in numbers]
        return [serial_of(self.seed, number, series=self.group_of(number).serial) for number in numbers]

    def meter_named(self, word: str) -> int | None:
        """The meter, counted from 0, of a serial number or of its number from 1."""
        number = int(word) - 1 if is_number(word) else -1
        if 0 <= number < self.count:
            return number
        index = index_of(word)
        return index if 0 <= index < self.count and self.serials([index]) == [word] else None

    def check(self, world: World) -> None:
        """UserError with everything that is wrong with the spec."""
        mistakes = list(dict.fromkeys(mistake for group in self.groups for mistake in group.check(world)))
        if mistakes := mistakes + [words for _, words in self.doubts()]:
            raise UserError("\n".join(mistakes))

    def doubts(self) -> Iterator[tuple[str, str]]:
        """What is wrong though each group is right: in which part of the spec, and in words."""
        if self.count > MAX_METERS:
            yield "groups", f"a fleet has 1 to {MAX_METERS:,} meters, not {self.count}"
        if self.history_ms > _LONGEST_HISTORY_DAYS * MS_PER_DAY:
            yield "history_ms", f"a history is at most {_LONGEST_HISTORY_DAYS} days long"
        if self.start_ms is not None and not 2000 <= moment_of(self.start_ms).year <= 2099:
            yield "start_ms", "a fleet starts in the years 2000 to 2099"
        if len({model.spec.utc_offset_minutes for model in self.models()}) > 1:
            yield "groups", "the models of one fleet must agree in utc_offset_minutes: all meters stand in one place"

    @property
    def name(self) -> str:
        """Names the fleet's own database on the embedded server: readable, and different for a different spec."""
        told = {key: value for key, value in self.as_dict().items() if key != "keys" or value is not None}
        digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:8]
        first = self.groups[0]
        model = re.sub(r"[^a-z0-9]+", "_", first.model.rsplit("/", 1)[-1].removesuffix(".yaml").lower())
        return f"fleet_{self.count}_{model[:24]}_{first.load[:12]}_{digest}"

    def as_dict(self) -> dict[str, Any]:
        """As it is stored: what JSON gives back."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        for group in plain["groups"]:
            if not group["serial"]:
                del group["serial"]  # as fleets were stored before there was one
        return plain

    def difference(self, stored: Mapping[str, Any]) -> list[str]:
        """In words, what a stored fleet has otherwise."""
        pairs = ((key, stored.get(key), value) for key, value in self.as_dict().items())
        return [f"{key}: {there!r} there, {here!r} here" for key, there, here in pairs if there != here]


def build_cohorts(
    spec: FleetSpec,
    around: Surroundings,
    titles: Mapping[str, bytes] = MappingProxyType({}),
    models: Callable[[str], Model] = compile_model,
) -> Iterator[Cohort]:
    """The fleet's meters by the thousand; a meter's nature depends on the seed, its number and its group alone.

    `titles`: system titles by serial that are not the seed's. `models`: by name, with other defaults perhaps.
    """
    number = 0
    for first, group in spec.numbered():
        for start in range(0, group.count, COHORT_METERS):
            places = range(start, min(start + COHORT_METERS, group.count))
            yield _cohort(spec, around, titles, group, first, places, name=f"{number:06d}", model=models(group.model))
            number += 1


def _cohort(
    spec: FleetSpec,
    around: Surroundings,
    titles: Mapping[str, bytes],
    group: MeterGroup,
    first: int,
    places: range,
    *,
    name: str,
    model: Model,
) -> Cohort:
    serials = [serial_of(spec.seed, first + place, series=group.serial) for place in places]
    identities = [Identity(spec.seed, model.spec.flag, serial, titles.get(serial, b"")) for serial in serials]
    population = build_population(
        around.world,
        np.array([key_of(identity.serial) for identity in identities], np.uint64),
        load=group.load,
        phases=model.spec.phases,
        feeders=np.array([key_of(group.feeder_of(place)) for place in places], np.uint64),
        nominal_v=model.spec.nominal_voltage_v,
        utc_offset_minutes=model.spec.utc_offset_minutes,
    )
    return Cohort(
        around,
        model,
        name=name,
        first=first + places.start,
        identities=identities,
        population=population,
        calendar=Calendar(model.spec.utc_offset_minutes, group.block_minutes, model.zones),
    )
