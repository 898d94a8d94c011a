# SPDX-License-Identifier: MIT
"""The energy of each slot: consumption by shape, size and noise, less what the roof gives, in eight channels.

Only exactly rounded operations on whole columns (see noise.py), so that a meter's slot is the same in every batch.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from simulator.world import grid
from simulator.world.daytime import LocalTime, local_time
from simulator.world.noise import Bools, Floats, Ints, Purpose, Words, piece, words
from simulator.world.population import Channel, Population
from simulator.world.shapes import World

MWH_PER_W_SLOT = 250.0  # 1 W for 15 minutes is 250 mWh
_SLOT_LIMIT_W = 10_000.0  # per phase, approached by the highest slots: within 60 A, 100 A on the heavier of 3 phases
_TANGENT_WOBBLE = 1.4  # of a slot's phase angle, full width in its load's spread
_EIGHTH_POWER_MEAN, _EIGHTH_POWER_DEVIATION = 1.0 / 9.0, 0.21554  # of a number that is uniform in [0, 1)


class Supply(NamedTuple):
    """What befell the meters, [n] or [phase, n] each; None: nothing. Without power there is no voltage, without relay
    no current."""

    powered: Bools | None = None
    connected: Bools | None = None
    factor: Floats | None = None  # scales consumption, not photovoltaics
    voltage: Floats | None = None  # [phase, n] of the natural one; 0: the phase is missing, and what hangs on it off
    current: Floats | None = None  # [phase, n] share that the meter sees; below 0: it sees it flow the other way
    reactive: Floats | None = None  # scales the reactive part of consumption
    earth: Floats | None = None  # share that returns by the earth instead of the neutral
    load: Ints | None = None  # key of another load than the home's own; 0: its own (population.with_loads)
    flow: Floats | None = (
        None  # share of all energy that the meter sees: follows from voltage and current (see seen.py)
    )

    def take(self, part: slice) -> Supply:
        columns = {name: column[..., part] for name, column in self._asdict().items() if column is not None}
        return Supply(**columns)


class Roofs(NamedTuple):
    sun: Floats  # [shape, s] W per kWp under a clear sky
    loss: Floats  # [shape, s] mean share lost to clouds
    clouds: Floats  # [feeder, s] of this slot, 1 = mean


class Setting(NamedTuple):
    """A population over some slots, and what its meters share there: tables by shape or feeder."""

    world: World
    population: Population
    slots: Ints  # [s]
    days: Ints  # [d] the local days that occur
    day_of_slot: Ints  # [s] index into days
    curves: Floats  # [shape, s] consumption, 1 = the year's mean
    feeder_load: Floats  # [feeder, s]
    roofs: Roofs | None


def setting_of(world: World, population: Population, slots: Ints) -> Setting:
    time = local_time(slots, population.utc_offset_minutes)
    days, day_of_slot = np.unique(time.day, return_inverse=True)
    curves = np.zeros((len(world.shapes), len(slots)))
    for index in np.unique(population.shape):
        curves[index] = world.shapes[index].curve(time)
    load = grid.feeder_load(world.seed, population.feeder_keys, time=time)
    roofs = _roofs(world, population, time) if population.kwp.any() else None
    return Setting(world, population, slots, days, day_of_slot, curves, load, roofs)


def _roofs(world: World, population: Population, time: LocalTime) -> Roofs:
    sun = np.zeros((len(world.shapes), len(time.slot)))
    loss = np.zeros_like(sun)
    for index, shape in enumerate(world.shapes):
        if shape.sun is not None and shape.cloud_loss is not None:
            sun[index] = shape.sun[time.month, time.quarter] * 1000.0
            loss[index] = shape.cloud_loss[time.month]
    return Roofs(sun, loss, grid.cloudiness(world.seed, population.feeder_keys, time=time))


def energy_mwh(setting: Setting, part: slice, *, supply: Supply, out: Ints | None = None) -> Ints:
    """[channel, meters of the part, slot] in mWh, mVAh, mvarh, rounded once.

    `supply` is that of the part; `out` is filled instead of a new array, and must hold zeros.
    """
    active, tangent = _consumption(setting, part)
    if supply.factor is not None:
        active *= supply.factor[:, None]
    reactive = active * tangent
    if supply.reactive is not None:
        reactive *= supply.reactive[:, None]
    two_way = setting.roofs is not None or (supply.flow is not None and bool((supply.flow < 0).any()))
    if setting.roofs is not None:
        _subtract_roofs(active, setting.roofs, population=setting.population, part=part)
    for column in (supply.powered, supply.connected, supply.flow):
        if column is not None:
            active *= column[:, None]
            reactive *= column[:, None]
    out = np.zeros((len(Channel), *active.shape), np.int64) if out is None else out
    _fill(out, active, reactive=reactive, two_way=two_way)
    return out


def _consumption(setting: Setting, part: slice) -> tuple[Floats, Floats]:
    """Energy in mWh and the tangent of its phase angle, [meters of the part, slot]."""
    population = setting.population
    lane, shape = population.lane[part, None], population.shape[part]
    noise = words(lane, setting.slots, Purpose.CONSUMPTION)
    slot_noise, day_noise, tangent_spread = setting.world.noises[:, shape]
    of_day = 2.0 * piece(words(lane, setting.days, Purpose.DAY), 0) - 1.0
    level = (population.mean_w[part] * MWH_PER_W_SLOT)[:, None] * (1.0 + day_noise[:, None] * of_day)
    energy = _burst(noise, slot_noise)
    energy *= level[:, setting.day_of_slot]
    energy *= setting.curves[shape]
    limit = _SLOT_LIMIT_W * MWH_PER_W_SLOT * population.phases
    energy *= limit / np.sqrt(energy * energy + limit * limit)
    tangent = piece(noise, 1)
    tangent -= 0.5
    tangent *= (_TANGENT_WOBBLE * tangent_spread)[:, None]
    tangent += population.tangent[part, None]
    return energy, tangent


class Peak(NamedTuple):
    """What no quarter of a meter's natural load ever exceeds, [n] each."""

    consumption_w: Floats
    tangent: Floats  # of its phase angle, without sign
    roof_w: Floats


def peak(world: World, population: Population) -> Peak:
    shape, names = population.shape, ("rows", "season")
    curve = np.array([math.prod(float(getattr(one, name).max()) for name in names) for one in world.shapes])[shape]
    slot_noise, day_noise, tangent_spread = world.noises[:, shape]
    burst = 1.0 + slot_noise / _EIGHTH_POWER_DEVIATION * (1.0 - _EIGHTH_POWER_MEAN)
    highest_w = population.mean_w * curve * burst * (1.0 + day_noise)
    limit_w = _SLOT_LIMIT_W * population.phases
    sun = np.array([0.0 if one.sun is None else float(np.max(one.sun)) for one in world.shapes])[shape]
    return Peak(
        highest_w * limit_w / np.sqrt(highest_w * highest_w + limit_w * limit_w),
        np.abs(population.tangent) + 0.5 * _TANGENT_WOBBLE * tangent_spread,
        population.kwp * sun * 1000.0,
    )


def _burst(noise: Words, deviation: Floats) -> Floats:
    """Mean 1 and the given deviation: most slots are quiet, a few are high."""
    burst = piece(noise, 0)
    for _ in range(3):
        burst *= burst
    scale = deviation / _EIGHTH_POWER_DEVIATION
    burst *= scale[:, None]
    burst += (1.0 - scale * _EIGHTH_POWER_MEAN)[:, None]
    return burst


def _subtract_roofs(active: Floats, roofs: Roofs, *, population: Population, part: slice) -> None:
    kwp, feeder, shape = population.kwp[part], population.feeder[part], population.shape[part]
    roofed = np.flatnonzero(kwp)
    loss = roofs.loss[shape[roofed]] * roofs.clouds[feeder[roofed]]
    power_w = roofs.sun[shape[roofed]] * grid.sunlight(loss) * kwp[roofed, None]
    active[roofed] -= power_w * MWH_PER_W_SLOT


def _fill(out: Ints, active: Floats, *, reactive: Floats, two_way: bool) -> None:
    """A slot flows one way: into import or export, and into one quadrant (IEC 62053-23). Uses up its arguments."""
    apparent = np.sqrt(active * active + reactive * reactive)
    lagging = reactive >= 0
    np.rint(np.abs(reactive, out=reactive), out=reactive)
    np.rint(apparent, out=apparent)
    if not two_way:
        out[Channel.WH_IMPORT] = np.rint(active, out=active)
        out[Channel.VAH_IMPORT] = apparent
        out[Channel.VARH_Q1] = reactive * lagging
        out[Channel.VARH_Q4] = reactive * ~lagging
        return
    importing = active >= 0
    np.rint(np.abs(active, out=active), out=active)
    out[Channel.WH_IMPORT], out[Channel.WH_EXPORT] = active * importing, active * ~importing
    out[Channel.VAH_IMPORT], out[Channel.VAH_EXPORT] = apparent * importing, apparent * ~importing
    out[Channel.VARH_Q1], out[Channel.VARH_Q2] = reactive * (lagging & importing), reactive * (lagging & ~importing)
    out[Channel.VARH_Q3], out[Channel.VARH_Q4] = reactive * ~(lagging | importing), reactive * (~lagging & importing)
