# SPDX-License-Identifier: MIT
"""What meters measured as rows of one value each: sim.energy_measurements, voltage_measurements, current_measurements.

At each midnight the registers, and what the day's last block has of voltages and currents; with each reading of the
instantaneous profile what it shows of them. The profiles' capture lists say which objects these are. Of a history only
its last two midnights: ten rows a meter and day cost a sixth of what all its blocks cost, and say nothing that the
daily and the block load profile do not.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from simulator.cosem.model import Profile
from simulator.cosem.quantities import ENERGIES, QUANTITIES, UNIT_NAMES
from simulator.errors import StoreError
from simulator.meter.advance import Advance
from simulator.meter.behind import Behind
from simulator.meter.calendar import DAY_S
from simulator.meter.columns import DAILY_CHANNELS, Ints
from simulator.meter.shown import Shown
from simulator.store.copy import Column, Int4, Numeric, Octets, Rows, Text, Timestamp, Uuid, encode_rows
from simulator.values import counted, format_obis

if TYPE_CHECKING:
    from simulator.meter.cohort import Cohort

log = logging.getLogger(__name__)

Ids = npt.NDArray[np.uint8]  # [n, 16] octets of each meter's uuid
_KEPT_S = 2 * DAY_S
_VALUE = 2
_AVERAGE = "average_"
_KINDS = {name: f"{name}_measurements" for name in ("energy", "voltage", "current")}
TABLES = tuple(_KINDS.values())


def of_midnights(
    brought: Advance, ids: Ids, codes: Mapping[str, int], profiles: Mapping[str, Profile], *, now_s: int
) -> Iterator[Rows]:
    """Those of the two days before `now_s`, by the meters' calendar. A meter without power measures no voltage, and its
    registers stand still."""
    days = [day for day in brought.days if day.midnight_local_s > now_s - _KEPT_S]
    if not days:
        return
    local_s = np.array([day.midnight_local_s for day in days])
    registers = np.stack([day.register_wh for day in days], axis=-1)
    energies = {f"energy_{name}": registers[channel] for channel, name in enumerate(ENERGIES[:DAILY_CHANNELS])}
    yield from rows_of(profiles["1.0.99.2.0.255"], energies, ids, local_s, codes)
    blocks, mine = brought.blocks, slice(None) if brought.powered is None else brought.powered
    if blocks.voltage_cv.size:
        at = np.searchsorted(blocks.end_local_s, local_s)
        averages = {f"{_AVERAGE}voltage_{phase}": v[:, at] for phase, v in zip("ryb", blocks.voltage_cv, strict=False)}
        phases = [*"ryb"[: len(blocks.voltage_cv)], "n"]
        averages |= {f"{_AVERAGE}current_{p}": a[:, at] for p, a in zip(phases, blocks.current_ma, strict=True)}
        yield from rows_of(profiles["1.0.99.1.0.255"], averages, ids[mine], local_s, codes)


class _Reading(NamedTuple):
    meter: bytes  # its id
    local_s: int
    profile: Profile
    values: dict[str, int]


class Readings:
    """What meters showed to those who read their instantaneous profiles: written behind the answers."""

    def __init__(self, cohort: Cohort) -> None:
        self._cohort = cohort
        self._behind = Behind[_Reading](cohort.writing, self._write)

    def add(self, row: int, profile: Profile, shown: Shown) -> None:
        values = {name: int(shown[name][row]) for name in profile.quantities if name.startswith(tuple(_KINDS))}
        self._behind.add(_Reading(self._cohort.identities[row].id.bytes, int(shown["clock"][row]), profile, values))

    async def _write(self, readings: list[_Reading]) -> None:
        ids = np.array([list(one.meter) for one in readings], np.uint8)
        local_s = np.array([[one.local_s] for one in readings])
        values = {name: np.array([[one.values[name]] for one in readings]) for name in readings[0].values}
        rows = rows_of(readings[0].profile, values, ids, local_s, self._cohort.around.codes)
        try:
            await self._cohort.around.store.write(list(rows))
        except StoreError as error:
            log.warning("measurements of %s are not kept: %s", counted(len(readings), "reading"), error)


def rows_of(
    profile: Profile,
    values: Mapping[str, Ints],
    ids: Ids,
    local_s: Ints,
    codes: Mapping[str, int],
) -> Iterator[Rows]:
    """What a profile captures of quantities of which there are `values` [meters, moments], meter by meter; `local_s`
    [moments], or of each meter its own."""
    objects = [
        (quantity, codes[format_obis(attribute.key[2:8])])
        for attribute, quantity in zip(profile.captured, profile.quantities, strict=True)
        if quantity in values and attribute.key[8] == _VALUE
    ]
    for kind, table in _KINDS.items():
        chosen = [(name, code) for name, code in objects if name.removeprefix(_AVERAGE).startswith(kind)]
        if chosen:
            yield _rows(table, chosen, values, ids, local_s)


def _rows(
    table: str,
    chosen: list[tuple[str, int]],
    values: Mapping[str, Ints],
    ids: Ids,
    local_s: Ints,
) -> Rows:
    names, (meters, moments) = [name for name, _ in chosen], values[chosen[0][0]].shape
    moment_of = np.broadcast_to(local_s, (meters, moments))

    def of_object(told: list[int]) -> Ints:
        return np.tile(np.repeat(told, moments), meters)

    columns: dict[str, Column] = {
        "meter_id": Uuid(np.repeat(ids, len(chosen) * moments, axis=0)),
        "obis_code_id": Int4(of_object([code for _, code in chosen])),
        "timestamp": Timestamp(np.repeat(moment_of[:, None], len(chosen), axis=1).ravel()),
        "value": Numeric(np.stack([values[name] for name in names], axis=1).ravel(), QUANTITIES[names[0]].store_power),
    }
    if table == _KINDS["energy"]:
        units = [f"k{UNIT_NAMES[QUANTITIES[name].unit]}" for name in names]
        columns["unit"] = Text([unit for unit in units for _ in range(moments)] * meters)
    else:
        columns["phase"] = Octets(of_object([ord(name[-1].upper()) for name in names]).astype(np.uint8)[:, None])
    return encode_rows(table, columns)
