# SPDX-License-Identifier: MIT
"""What a disturbed meter sees: phases that are missing, bypassed or turned round become other shares of the phases, and
another load another home.

After this the rest of the world need not know of it: energy, readings and currents follow from the shares as ever.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simulator.world.consumption import Supply
from simulator.world.noise import Floats
from simulator.world.population import Population, with_loads
from simulator.world.shapes import World

_NEXT_TO_NOTHING = 1e-9


def seen(world: World, population: Population, supply: Supply) -> tuple[Population, Supply]:
    """The population as its meters see it, and the supply with `flow`, the share of all energy that they see."""
    if supply.load is not None:
        population = with_loads(world, population, supply.load)
    if supply.voltage is None and supply.current is None and supply.earth is None:
        return population, supply
    weight = _weight(population, supply)
    part = weight * population.split
    flow = part[0].copy()
    for phase in part[1:]:
        flow += phase
    untouched, hidden = (weight == 1.0).all(axis=0), np.abs(flow) < _NEXT_TO_NOTHING
    split = np.where(untouched | hidden, population.split, part / np.where(hidden, 1.0, flow))
    population = replace(
        population,
        split=split,
        reactive_skew=np.where(untouched, population.reactive_skew, _centred(population.reactive_skew, split)),
        leakage=population.leakage if supply.earth is None else _leakage(population.leakage, supply.earth),
    )
    return population, supply._replace(flow=np.where(untouched, 1.0, np.where(hidden, 0.0, flow)))


def _weight(population: Population, supply: Supply) -> Floats:
    weight = np.ones((population.phases, len(population)))
    if supply.current is not None:
        weight *= supply.current
    if supply.voltage is not None:
        weight *= supply.voltage > 0
    return weight


def _centred(skew: Floats, split: Floats) -> Floats:
    """So that the phases' reactive powers still add up to the whole."""
    mean = split[0] * skew[0]
    for phase in range(1, len(split)):
        mean = mean + split[phase] * skew[phase]
    centred: Floats = skew - mean
    return centred


def _leakage(natural: Floats, earth: Floats) -> Floats:
    return 1.0 - (1.0 - natural) * (1.0 - earth)
