# SPDX-License-Identifier: MIT
"""What is constant about each meter's home: its load's size, phases, place on the feeder, first register reading.

Columns only, each value a pure function of (seed, key) and the arguments: never of how many meters there are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from simulator.errors import UserError
from simulator.world.noise import Floats, Ints, Purpose, Words, bell, key_of, lanes, lognormal_like, piece, unit, words
from simulator.world.shapes import World

_AT_BIRTH = np.zeros(1, np.int64)  # birth noise has no slot
_YOUNGEST_YEARS, _OLDEST_YEARS = 0.2, 6.0
_LARGEST_INITIAL_WH = 90_000_000.0  # below the 100,000 kWh at which five-digit registers roll over
_MEAN_LIMIT_W = 1_500.0  # per phase, approached by the largest: who needs more has another connection
_PV_YIELD = 0.17  # mean output over the year, of kWp: clouds and nights
_SELF_USE = 0.35  # of a roof's output that never passes the meter


class Channel(IntEnum):
    """The first index of energies; quadrants of IEC 62053-23: Q1 import lagging, Q2 export lagging,
    Q3 export leading, Q4 import leading."""

    WH_IMPORT = 0
    WH_EXPORT = 1
    VAH_IMPORT = 2
    VAH_EXPORT = 3
    VARH_Q1 = 4
    VARH_Q2 = 5
    VARH_Q3 = 6
    VARH_Q4 = 7


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """n meters that share phases, nominal voltage and offset; of 1 phase or 3."""

    phases: int
    nominal_v: float
    utc_offset_minutes: int
    lane: Words  # [n] noise lane of each meter
    shape: Ints  # [n] index into world.shapes
    mean_w: Floats  # [n] consumption, mean over the year
    tangent: Floats  # [n] of the phase angle of consumption
    split: Floats  # [phase, n] share of each phase, sums to 1
    reactive_skew: Floats  # [phase, n] relative deviation of each phase's var, weighted by split it sums to 0
    feeder_keys: Words  # [f] the feeders that occur
    feeder: Ints  # [n] index into feeder_keys
    distance: Floats  # [n] along the feeder: 0 at the transformer, 1 at its end
    kwp: Floats  # [n] photovoltaics
    leakage: Floats  # [n] share of the current that does not come back through the neutral
    initial_wh: Ints  # [channel, n] registers when the simulation's history begins; Wh, VAh, varh

    def __len__(self) -> int:
        return len(self.lane)

    def take(self, part: slice | Ints) -> Population:
        """Some of the meters, and only their feeders."""
        used, feeder = np.unique(self.feeder[part], return_inverse=True)
        return replace(
            self,
            feeder_keys=self.feeder_keys[used],
            feeder=feeder,
            **{name: getattr(self, name)[..., part] for name in _SLICED},
        )


_SLICED = ("lane", "shape", "mean_w", "tangent", "split", "reactive_skew", "distance", "kwp", "leakage", "initial_wh")


def build_population(
    world: World,
    keys: Words,
    *,
    load: str,
    phases: int,
    feeders: Words,
    nominal_v: float = 240.0,
    utc_offset_minutes: int = 330,
) -> Population:
    """n meters of one load or mix. `keys` and `feeders` are stable 64-bit keys (noise.key_of), one per meter.

    Raises UserError for a load that the world does not have.
    """
    lane = lanes(world.seed, keys)
    shape = _shape_ids(world, load, lane)
    size = _size(world, lane, shape, phases)
    place = words(lane, _AT_BIRTH, Purpose.BIRTH_PLACE)
    split, skew = _phase_columns(lane, phases)
    feeder_keys, feeder = np.unique(feeders, return_inverse=True)
    return Population(
        phases=phases,
        nominal_v=nominal_v,
        utc_offset_minutes=utc_offset_minutes,
        lane=lane,
        shape=shape.astype(np.int64),
        mean_w=size.mean_w,
        tangent=size.tangent,
        split=split,
        reactive_skew=skew,
        feeder_keys=feeder_keys,
        feeder=feeder,
        distance=piece(place, 0),
        kwp=size.kwp,
        leakage=0.02 * piece(place, 2) * piece(place, 2),
        initial_wh=_initial_wh(size.mean_w, size.tangent, size.kwp, age=piece(place, 3)),
    )


def load_keys(world: World, population: Population, load: str) -> Ints:
    """[n] what `with_loads` knows the load by that a load, or a mix of them, gives each of these meters."""
    return _known_keys(world)[_shape_ids(world, load, population.lane)]


def with_loads(world: World, population: Population, keys: Ints) -> Population:
    """The same homes with other loads (`load_keys`; 0: their own), as large as theirs are among such loads."""
    known = _known_keys(world)
    rows = np.flatnonzero(np.isin(keys, known))
    order = np.argsort(known)
    shape = order[np.searchsorted(known, keys[rows], sorter=order)]
    size = _size(world, population.lane[rows], shape, population.phases)
    changed = {name: getattr(population, name).copy() for name in ("shape", *_Size._fields)}
    changed["shape"][rows] = shape
    for name, values in size._asdict().items():
        changed[name][rows] = values
    return replace(population, **changed)


def _known_keys(world: World) -> Ints:
    """Of names, so that they mean the same when there are other loads beside them; never 0."""
    return np.array([key_of(shape.name) >> 2 | 1 << 62 for shape in world.shapes], np.int64)


class _Size(NamedTuple):
    """How large a home's load and roof are, [n] each: what follows from which load it has."""

    mean_w: Floats
    tangent: Floats
    kwp: Floats


def _size(world: World, lane: Words, shape: Ints, phases: int) -> _Size:
    size = bell(words(lane, _AT_BIRTH, Purpose.BIRTH_SCALE))
    mean_w = _of_shape(world, shape, "mean_w") * lognormal_like(size, _of_shape(world, shape, "spread"))
    limit_w = _MEAN_LIMIT_W * phases
    mean_w *= limit_w / np.sqrt(mean_w * mean_w + limit_w * limit_w)
    tangent = _of_shape(world, shape, "tangent")
    tangent += (
        _of_shape(world, shape, "tangent_spread") * 2.0 * (piece(words(lane, _AT_BIRTH, Purpose.BIRTH_PLACE), 1) - 0.5)
    )
    roof = words(lane, _AT_BIRTH, Purpose.BIRTH_PV)
    kwp = _of_shape(world, shape, "kwp_median") * lognormal_like(bell(roof), _of_shape(world, shape, "kwp_spread"))
    return _Size(mean_w, tangent, kwp)


def _shape_ids(world: World, load: str, lane: Words) -> Ints:
    names = [shape.name for shape in world.shapes]
    if load in names:
        return np.full(len(lane), names.index(load), np.int64)
    if load not in world.mixes:
        raise UserError(f"there is no load {load!r}; known are {', '.join(world.loads())}")
    ids, edges = world.mixes[load]
    return ids[np.searchsorted(edges, unit(words(lane, _AT_BIRTH, Purpose.BIRTH_MIX)), side="right")]


def _of_shape(world: World, shape: Ints, name: str) -> Floats:
    return np.array([getattr(each, name) for each in world.shapes], np.float64)[shape]


def _phase_columns(lane: Words, phases: int) -> tuple[Floats, Floats]:
    """Shares of the phases, the largest about twice the smallest (measured: 8.5/4.2/4.1 A), and skews of their var."""
    if phases == 1:
        return np.ones((1, len(lane))), np.zeros((1, len(lane)))
    if phases != 3:
        raise ValueError(f"{phases} phases: a meter has 1 or 3")
    noise = words(lane, _AT_BIRTH, Purpose.BIRTH_PHASES)
    heights = [1.0 + 0.35 * (piece(noise, phase) - 0.5) for phase in range(3)]
    heaviest = (noise >> np.uint64(48)) % np.uint64(3)
    weights = np.stack([height * np.where(heaviest == phase, 1.7, 1.0) for phase, height in enumerate(heights)])
    split = weights / (weights[0] + weights[1] + weights[2])
    skew = np.stack([(height - 1.0) for height in heights])
    return split, skew - (split[0] * skew[0] + split[1] * skew[1] + split[2] * skew[2])


def _initial_wh(mean_w: Floats, tangent: Floats, kwp: Floats, *, age: Floats) -> Ints:
    """Registers of meters that were installed 0.2 to 6 years ago."""
    hours = 8766.0 * (_YOUNGEST_YEARS + (_OLDEST_YEARS - _YOUNGEST_YEARS) * age)
    roof_w = kwp * 1000.0 * _PV_YIELD
    used_w = np.minimum(roof_w * _SELF_USE, mean_w * 0.5)
    imported, exported = (mean_w - used_w) * hours, (roof_w - used_w) * hours
    import_var, export_var = imported * tangent, exported * tangent * 0.2
    registers = np.zeros((len(Channel), len(mean_w)))
    registers[Channel.WH_IMPORT], registers[Channel.WH_EXPORT] = imported, exported
    registers[Channel.VAH_IMPORT] = np.sqrt(imported * imported + import_var * import_var)
    registers[Channel.VAH_EXPORT] = np.sqrt(exported * exported + export_var * export_var)
    registers[Channel.VARH_Q1], registers[Channel.VARH_Q4] = np.maximum(import_var, 0), np.maximum(-import_var, 0)
    registers[Channel.VARH_Q2], registers[Channel.VARH_Q3] = np.maximum(export_var, 0), np.maximum(-export_var, 0)
    shrink = np.minimum(1.0, _LARGEST_INITIAL_WH / registers.max(axis=0))  # a large load was installed later
    initial: Ints = np.rint(registers * shrink).astype(np.int64)
    return initial
