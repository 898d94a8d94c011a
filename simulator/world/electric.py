# SPDX-License-Identifier: MIT
"""The face of the world: energies of slots, instantaneous readings, energy between two instants.

All three tell the same story: a reading's power is the slope of `partial`, and whole slots of `partial` are `energies`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from simulator.world import grid
from simulator.world.consumption import MWH_PER_W_SLOT, Setting, Supply, energy_mwh, setting_of
from simulator.world.daytime import SLOT_MS
from simulator.world.noise import Floats, Ints
from simulator.world.population import Channel, Population
from simulator.world.ripple import ripple
from simulator.world.seen import seen
from simulator.world.shapes import World

_UNHURT = Supply()
_MA_PER_VA = 100_000.0  # at 0.01 V
_CHUNK_CELLS = 16_384  # meters x slots at once: temporaries stay in the processor's cache
_PARTIAL_SLOTS = 96
_ALL = slice(None)


class Energies(NamedTuple):
    """Of whole slots, int64."""

    energy_mwh: Ints  # [channel, n, slot] mWh, mVAh, mvarh; channels are population.Channel
    voltage_cv: Ints  # [phase, n, slot] mean, 0.01 V
    current_ma: Ints  # [phase, n, slot] mean
    neutral_ma: Ints  # [n, slot] mean


class Reading(NamedTuple):
    """At one instant, int64. Power and power factor are positive for import; S is never negative."""

    voltage_cv: Ints  # [phase, n]
    current_ma: Ints  # [phase, n]
    neutral_ma: Ints  # [n]
    active_w: Ints  # [phase, n]
    reactive_var: Ints  # [phase, n] positive: lagging
    power_factor_milli: Ints  # [phase, n] sign of the active power; 1000 when nothing flows
    total_active_w: Ints  # [n] exactly the sum of the phases
    total_reactive_var: Ints  # [n] exactly the sum of the phases
    total_apparent_va: Ints  # [n]
    total_power_factor_milli: Ints  # [n]
    frequency_chz: Ints  # [n] 0 without supply


class Live(NamedTuple):
    reading: Reading
    energy_mwh: Ints  # [channel, n] since the instant that is settled


def energies(world: World, population: Population, slots: Ints, *, supply: Supply = _UNHURT) -> Energies:
    population, supply = seen(world, population, supply)
    setting = setting_of(world, population, slots)
    phases, shape = population.phases, (len(population), len(slots))
    result = Energies(
        np.zeros((len(Channel), *shape), np.int64),
        np.empty((phases, *shape), np.int64),
        np.empty((phases, *shape), np.int64),
        np.empty(shape, np.int64),
    )
    for part in _meter_parts(setting):
        _fill_part(result, setting, part=part, supply=supply.take(part))
    return result


def partial(world: World, population: Population, from_ms: int, to_ms: int, *, supply: Supply = _UNHURT) -> Ints:
    """[channel, n] energy in mWh between two instants; partial(a, b) + partial(b, c) is partial(a, c) exactly."""
    if to_ms < from_ms:
        raise ValueError(f"energy runs forward, not from {from_ms} to {to_ms}")
    population, supply = seen(world, population, supply)
    first, last = from_ms // SLOT_MS, to_ms // SLOT_MS
    total = np.zeros((len(Channel), len(population)), np.int64)
    for block in _parts(last - first, _PARTIAL_SLOTS):
        setting = setting_of(world, population, np.arange(first + block.start, first + block.stop))
        for part in _meter_parts(setting):
            total[:, part] += energy_mwh(setting, part, supply=supply.take(part)).sum(axis=2)
    for instant_ms, sign in ((from_ms, -1), (to_ms, 1)):
        if instant_ms % SLOT_MS:
            setting = setting_of(world, population, np.array([instant_ms // SLOT_MS]))
            energy = energy_mwh(setting, _ALL, supply=supply)[:, :, 0]
            total += sign * _so_far(energy, ripple(population.lane, instant_ms).energy)
    return total


def powers(
    world: World, population: Population, instants_ms: Ints, *, supply: Supply = _UNHURT
) -> tuple[Floats, Floats]:
    """Active (positive: import) and apparent power of one meter at many instants, in W and VA, before rounding."""
    slots, place = np.unique(instants_ms // SLOT_MS, return_inverse=True)
    active, apparent = mean_powers(world, population, slots, supply=supply)
    now = ripple(population.lane, instants_ms).power
    return active[place] * now, apparent[place] * now


def mean_powers(
    world: World, population: Population, slots: Ints, *, supply: Supply = _UNHURT
) -> tuple[Floats, Floats]:
    """The same over whole slots; at no instant is either more than `ripple.HIGHEST` times this."""
    population, supply = seen(world, population, supply)
    energy = energy_mwh(setting_of(world, population, slots), _ALL, supply=supply)[:, 0] / MWH_PER_W_SLOT
    active: Floats = energy[Channel.WH_IMPORT] - energy[Channel.WH_EXPORT]
    return active, energy[Channel.VAH_IMPORT] + energy[Channel.VAH_EXPORT]


class Running(NamedTuple):
    """Sums over slots of their means, the last slot so far only, int64."""

    voltage_cv: Ints  # [phase, n]
    current_ma: Ints  # [phase + 1, n], the neutral last


def running(world: World, population: Population, from_ms: int, to_ms: int, *, supply: Supply = _UNHURT) -> Running:
    """From a slot's start on. Voltage is taken as steady within a slot, current as power flows."""
    slots = np.arange(from_ms // SLOT_MS, to_ms // SLOT_MS + 1)
    brought = energies(world, population, slots, supply=supply)
    currents = np.concatenate([brought.current_ma, brought.neutral_ma[None]], axis=0)
    volts, steady = brought.voltage_cv, np.float64(to_ms % SLOT_MS / SLOT_MS)
    return Running(
        volts[:, :, :-1].sum(axis=2) + _so_far(volts[:, :, -1], steady),
        currents[:, :, :-1].sum(axis=2) + _so_far(currents[:, :, -1], ripple(population.lane, to_ms).energy),
    )


def reading(world: World, population: Population, instant_ms: int, *, supply: Supply = _UNHURT) -> Reading:
    return live(world, population, instant_ms - instant_ms % SLOT_MS, instant_ms, supply=supply).reading


def live(world: World, population: Population, settled_ms: int, instant_ms: int, *, supply: Supply = _UNHURT) -> Live:
    """`reading` at an instant and `partial` up to it, in one pass: for a thousand meters and a few slots at most."""
    if instant_ms < settled_ms:
        raise ValueError(f"energy runs forward, not from {settled_ms} to {instant_ms}")
    population, supply = seen(world, population, supply)
    slots = np.arange(settled_ms // SLOT_MS, instant_ms // SLOT_MS + 1)
    setting = setting_of(world, population, slots)
    energy = energy_mwh(setting, _ALL, supply=supply)
    now = ripple(population.lane, instant_ms)
    since = energy[:, :, :-1].sum(axis=2) + _so_far(energy[:, :, -1], now.energy)
    if settled_ms % SLOT_MS:
        since -= _so_far(energy[:, :, 0], ripple(population.lane, settled_ms).energy)
    voltage = grid.mean_voltage_cv(population, _ALL, slots=slots[-1:], load=setting.feeder_load[:, -1:])[:, :, 0]
    if supply.voltage is not None:
        voltage *= supply.voltage
    flow = _Flow(energy[:, :, -1], voltage * now.voltage, now.power / MWH_PER_W_SLOT)
    frequency_chz = round(grid.frequency_mhz(world.seed, instant_ms) / 10)
    return Live(_reading(population, flow, frequency_chz=frequency_chz, supply=supply), since)


def _parts(count: int, step: int) -> Iterator[slice]:
    return (slice(start, min(start + step, count)) for start in range(0, count, step))


def _meter_parts(setting: Setting) -> Iterator[slice]:
    return _parts(len(setting.population), max(1, _CHUNK_CELLS // max(1, len(setting.slots))))


def _so_far(energy: Ints, share: Floats | np.float64) -> Ints:
    """Rounded once at each instant, so that differences of it add up."""
    settled: Ints = np.rint(energy * share).astype(np.int64)
    return settled


def _fill_part(result: Energies, setting: Setting, *, part: slice, supply: Supply) -> None:
    population = setting.population
    energy = energy_mwh(setting, part, supply=supply, out=result.energy_mwh[:, part])
    voltage = grid.mean_voltage_cv(population, part, slots=setting.slots, load=setting.feeder_load)
    if supply.voltage is not None:
        voltage *= supply.voltage[:, :, None]
    np.rint(voltage, out=voltage)
    current = _current(_phase_mvah(population, part, energy=energy) * (_MA_PER_VA / MWH_PER_W_SLOT), voltage)
    if supply.powered is not None:
        voltage *= supply.powered[:, None]
    result.voltage_cv[:, part] = voltage
    result.current_ma[:, part] = current
    seen_share = None if supply.current is None else supply.current[:, :, None]
    result.neutral_ma[part] = _neutral(_returning(current, seen_share), population.leakage[part, None])


def _phase_mvah(population: Population, part: slice, *, energy: Ints) -> Floats:
    """[phase, meters of the part, slot]."""
    active = (energy[Channel.WH_IMPORT] + energy[Channel.WH_EXPORT]).astype(np.float64)
    reactive = energy[Channel.VARH_Q1 :].sum(axis=0) * (1.0 + population.reactive_skew[:, part, None])
    apparent: Floats = np.abs(population.split[:, part, None]) * np.sqrt(active * active + reactive * reactive)
    return apparent


def _current(power: Floats, voltage: Floats) -> Floats:
    """None flows where there is no voltage."""
    current = np.zeros_like(power)
    return np.rint(np.divide(power, voltage, out=current, where=voltage > 0))


def _returning(current_ma: Floats, seen_share: Floats | None) -> Floats:
    """The phases' currents as the neutral brings them back: with what goes past the meter where a phase is bypassed."""
    if seen_share is None:
        return current_ma
    is_bypassed = (seen_share > 0) & (seen_share < 1)
    returning: Floats = np.where(is_bypassed, current_ma / np.where(is_bypassed, seen_share, 1.0), current_ma)
    return returning


def neutral_of(current_ma: Floats | Ints) -> Floats:
    """[phase, …] Of one phase its own current, of three the sum of vectors 120 degrees apart."""
    if len(current_ma) != 3:
        return np.asarray(current_ma[0], np.float64)
    a, b, c = current_ma
    total: Floats = np.sqrt(np.maximum(a * (a - b) + b * (b - c) + c * (c - a), 0.0))
    return total


def _neutral(current_ma: Floats, leakage: Floats) -> Floats:
    """Less what returns by the earth."""
    neutral: Floats = np.rint(neutral_of(current_ma) * (1.0 - leakage))
    return neutral


class _Flow(NamedTuple):
    """What goes through the meters at one instant."""

    slot_mwh: Ints  # [channel, n] energy of the whole slot
    voltage_cv: Floats  # [phase, n]
    w_per_mwh: Floats  # [n] power now over the slot's energy


def _reading(population: Population, flow: _Flow, *, frequency_chz: int, supply: Supply) -> Reading:
    """Watts, vars and volts are rounded first and the rest follows from them, so that all agree as displayed."""
    wh_import, wh_export, _, _, q1, q2, q3, q4 = flow.slot_mwh
    active = np.rint(population.split * ((wh_import - wh_export) * flow.w_per_mwh))
    skewed = population.split * (1.0 + population.reactive_skew)
    reactive = np.rint(skewed * ((q1 + q2 - q3 - q4) * flow.w_per_mwh))
    apparent = np.sqrt(active * active + reactive * reactive)
    voltage = np.rint(flow.voltage_cv)
    current = _current(apparent * _MA_PER_VA, voltage)
    total_active, total_reactive = _phase_sum(active), _phase_sum(reactive)
    total_apparent = np.sqrt(total_active * total_active + total_reactive * total_reactive)
    supplied = np.ones(len(population)) if supply.powered is None else supply.powered.astype(np.float64)
    columns = (
        voltage * supplied,
        current,
        _neutral(_returning(current, supply.current), population.leakage),
        active,
        reactive,
        _power_factor(active, apparent),
        total_active,
        total_reactive,
        np.rint(total_apparent),
        _power_factor(total_active, total_apparent),
        frequency_chz * supplied,
    )
    return Reading(*(column.astype(np.int64) for column in columns))


def _phase_sum(column: Floats) -> Floats:
    total: Floats = column.sum(axis=0)  # whole numbers: exact in any order
    return total


def _power_factor(active: Floats, apparent: Floats) -> Floats:
    """In thousandths; 1000 where nothing flows."""
    idle = apparent == 0
    power_factor: Floats = np.rint(1000.0 * (active + idle) / (apparent + idle))
    return power_factor
