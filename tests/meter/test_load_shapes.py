# SPDX-License-Identifier: MIT
"""A home takes another load for a while: its sums stay exact, and what it measures is what such a home would."""

from __future__ import annotations

import numpy as np
from meter_bench import ENERGY, Install, Meters

from simulator.meter.supply import disturb
from simulator.values import MS_PER_HOUR
from simulator.world import electric
from simulator.world.consumption import Supply
from simulator.world.noise import key_of
from simulator.world.population import Channel, Population, build_population, load_keys

MINUTE_MS = 60_000


def homes(meters: Meters, load: str) -> Population:
    serials = [one.serial for one in meters.cohort.identities]
    keys = np.array([key_of(serial) for serial in serials], np.uint64)
    feeders = np.array([key_of("F1")] * len(serials), np.uint64)
    return build_population(meters.cohort.around.world, keys, load=load, phases=1, feeders=feeders)


def used_mwh(meters: Meters, load: str, from_ms: int, to_ms: int) -> int:
    energy = electric.partial(meters.cohort.around.world, homes(meters, load), from_ms, to_ms)
    return int(energy[Channel.WH_IMPORT, 0])


async def take(meters: Meters, shape: str) -> None:
    await disturb(meters.cohort, np.array([0]), meters.now_ms, shape=shape)


async def test_for_a_while_it_uses_what_such_a_load_would_and_nothing_is_lost(install: Install) -> None:
    meters = await install("is15959-1ph")
    start_ms = meters.now_ms
    begin_ms, end_ms, late_ms = (start_ms + at * MINUTE_MS for at in (10 * 60 + 7, 12 * 60 + 52, 15 * 60))
    await meters.until_ms(begin_ms)
    initial_wh = int(meters.cohort.population.initial_wh[Channel.WH_IMPORT, 0])
    await take(meters, "shop")
    await meters.until_ms(begin_ms + MS_PER_HOUR)
    meters = await meters.restarted()
    await meters.until_ms(end_ms)
    await take(meters, "")
    await meters.until_ms(late_ms)
    own = used_mwh(meters, "mixed", start_ms, begin_ms) + used_mwh(meters, "mixed", end_ms, late_ms)
    expected_wh = (initial_wh * 1000 + own + used_mwh(meters, "shop", begin_ms, end_ms)) // 1000
    assert meters.cohort.value("energy_wh_import", 0) == expected_wh
    ((blocks_wh,),) = meters.of_meter("sum(kwh_import) * 1000", "block_load_profile", order="1")
    assert round(blocks_wh) == expected_wh - initial_wh
    assert await meters.read(ENERGY) > 0


async def test_the_others_keep_theirs(install: Install) -> None:
    meters = await install("is15959-1ph")
    await take(meters, "streetlight")
    at_ms = meters.now_ms + 90 * MINUTE_MS
    await meters.until_ms(at_ms)
    world, own = meters.cohort.around.world, meters.cohort.population
    energies = electric.partial(world, own, meters.now_ms - 90 * MINUTE_MS, at_ms)[Channel.WH_IMPORT]
    registers = meters.cohort.columns.cumulative_mwh[Channel.WH_IMPORT] - own.initial_wh[Channel.WH_IMPORT] * 1000
    assert (registers == energies).tolist() == [False, True, True]


async def test_a_roof_comes_with_a_load_that_has_one(install: Install) -> None:
    meters = await install("is15959-1ph")
    keys = load_keys(meters.cohort.around.world, meters.cohort.population, "solar")
    noon_ms = meters.now_ms + 12 * MS_PER_HOUR
    world, own = meters.cohort.around.world, meters.cohort.population
    energy = electric.partial(world, own, noon_ms, noon_ms + MS_PER_HOUR, supply=Supply(load=keys))
    assert (energy[Channel.WH_EXPORT] > 0).all()
    assert (energy == electric.partial(world, homes(meters, "solar"), noon_ms, noon_ms + MS_PER_HOUR)).all()
