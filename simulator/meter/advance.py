# SPDX-License-Identifier: MIT
"""Time passes for a cohort: whole blocks of energy become block, daily and billing records and new columns.

One function serves back-fill, live captures and catching up: a window of any number of blocks, all meters at once.
It changes nothing in place and touches no store; the caller writes the records, then takes the new columns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simulator.meter.columns import DAILY_CHANNELS, MILLI, Columns, Ints
from simulator.values import MS_PER_DAY, MS_PER_MINUTE
from simulator.world.daytime import SLOT_MS
from simulator.world.electric import Energies, energies
from simulator.world.population import Population
from simulator.world.shapes import World

_DAY_S = 86_400
_QUARTER_S = 900
_TARIFF_CHANNELS = (0, 2)  # import Wh and VAh


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """What a meter's clock makes of time: the same for all meters of a model."""

    utc_offset_minutes: int
    block_minutes: int
    zones: tuple[int, ...]  # tariff zone of each quarter of the day

    @property
    def block_ms(self) -> int:
        return self.block_minutes * MS_PER_MINUTE

    def local_s(self, instant_ms: int) -> int:
        return instant_ms // 1000 + self.utc_offset_minutes * 60

    def block_start(self, instant_ms: int) -> int:
        """The last block boundary at or before an instant; blocks are counted from local midnight."""
        offset_ms = self.utc_offset_minutes * MS_PER_MINUTE
        return (instant_ms + offset_ms) // self.block_ms * self.block_ms - offset_ms

    def midnight(self, instant_ms: int) -> int:
        offset_ms = self.utc_offset_minutes * MS_PER_MINUTE
        return (instant_ms + offset_ms) // MS_PER_DAY * MS_PER_DAY - offset_ms


@dataclass(frozen=True, slots=True, eq=False)
class BlockRecords:
    """One row per meter and block; the last two axes are meter and block."""

    end_local_s: Ints  # [b]
    energy_wh: Ints  # [4, n, b]
    voltage_cv: Ints  # [phase, n, b]
    current_ma: Ints  # [phase + 1, n, b], the neutral last


@dataclass(frozen=True, slots=True, eq=False)
class DayRecord:
    """One row per meter at a local midnight."""

    midnight_local_s: int
    register_wh: Ints  # [4, n]
    energy_wh: Ints  # [4, n]
    demand_w: Ints  # [n]
    demand_local_s: Ints  # [n]


@dataclass(frozen=True, slots=True, eq=False)
class BillingRecord:
    """One row per meter: the columns as they stood when the period closed, and the period's energies."""

    local_s: int
    columns: Columns  # before the reset, its counters already advanced
    energy_wh: Ints  # [4, n]
    on_minutes: Ints  # [n] in the period


@dataclass(frozen=True, slots=True, eq=False)
class Advance:
    """What a window brought."""

    columns: Columns
    settled_ms: int
    blocks: BlockRecords
    days: list[DayRecord]
    billings: list[BillingRecord]


def advance(
    world: World, population: Population, columns: Columns, calendar: Calendar, *, from_ms: int, to_ms: int
) -> Advance:
    """All whole blocks between two block boundaries."""
    slots = np.arange(from_ms // SLOT_MS, to_ms // SLOT_MS)
    brought = energies(world, population, slots)
    count = (to_ms - from_ms) // calendar.block_ms
    ends_local_s = calendar.local_s(from_ms) + np.arange(1, count + 1) * (calendar.block_ms // 1000)
    cumulative = columns.cumulative_mwh[:, :, None] + _per_block(brought.energy_mwh, count).cumsum(axis=2)
    registers = cumulative // MILLI
    before = np.concatenate([(columns.cumulative_mwh // MILLI)[:, :, None], registers[:, :, :-1]], axis=2)
    blocks = _blocks(brought, registers - before, ends_local_s, count)
    walk = _Walk(columns, calendar, blocks, registers)
    walk.run()
    final = replace(
        walk.columns,
        cumulative_mwh=np.ascontiguousarray(cumulative[:, :, -1]),
        average_cv=np.ascontiguousarray(blocks.voltage_cv[:, :, -1]),
        average_ma=np.ascontiguousarray(blocks.current_ma[:, :, -1]),
    )
    return Advance(final, to_ms, blocks, walk.days, walk.billings)


def _per_block(values: Ints, count: int) -> Ints:
    """Sums [..., slot] to [..., block]."""
    return np.asarray(values.reshape(*values.shape[:-1], count, -1).sum(axis=-1))


def _blocks(brought: Energies, energy_wh: Ints, ends_local_s: Ints, count: int) -> BlockRecords:
    slots_per_block = brought.neutral_ma.shape[-1] // count
    currents = np.concatenate([brought.current_ma, brought.neutral_ma[None]], axis=0)

    def mean(values: Ints) -> Ints:
        return np.asarray((_per_block(values, count) + slots_per_block // 2) // slots_per_block)

    return BlockRecords(ends_local_s, energy_wh[:DAILY_CHANNELS], mean(brought.voltage_cv), mean(currents))


class _Walk:
    """Goes through a window day by day: tariff zones, maximum demands, midnights, billing dates."""

    def __init__(self, columns: Columns, calendar: Calendar, blocks: BlockRecords, registers: Ints) -> None:
        self.columns, self._calendar, self._blocks, self._registers = columns, calendar, blocks, registers
        self.days: list[DayRecord] = []
        self.billings: list[BillingRecord] = []

    def run(self) -> None:
        ends = self._blocks.end_local_s
        midnights = np.flatnonzero(ends % _DAY_S == 0) + 1
        start = 0
        for stop in [*midnights.tolist(), *([] if len(midnights) and midnights[-1] == len(ends) else [len(ends)])]:
            self._count(start, stop)
            if ends[stop - 1] % _DAY_S == 0:
                self._midnight(int(ends[stop - 1]), self._registers[:DAILY_CHANNELS, :, stop - 1])
            start = stop

    def _count(self, start: int, stop: int) -> None:
        """Blocks within one day: their energy goes to its tariff zones, their demands to the maxima."""
        energy = self._blocks.energy_wh[:, :, start:stop]
        ends = self._blocks.end_local_s[start:stop]
        demand = energy * 60 // self._calendar.block_minutes
        best, at = demand.max(axis=2), ends[demand.argmax(axis=2)]
        old = self.columns
        higher = best > old.demand_w
        of_day = best[0] > old.day_demand_w
        self.columns = replace(
            old,
            tariff_wh=self._with_tariffs(old.tariff_wh, energy, ends),
            demand_w=np.where(higher, best, old.demand_w),
            demand_local_s=np.where(higher, at, old.demand_local_s),
            day_demand_w=np.where(of_day, best[0], old.day_demand_w),
            day_demand_local_s=np.where(of_day, at[0], old.day_demand_local_s),
        )

    def _with_tariffs(self, tariff_wh: Ints, energy: Ints, ends: Ints) -> Ints:
        """A block belongs to the zone in which it begins."""
        starts = ends - self._calendar.block_minutes * 60
        zones = np.asarray(self._calendar.zones)[starts % _DAY_S // _QUARTER_S]
        result = tariff_wh.copy()
        for zone in np.unique(zones):
            result[:, zone - 1] += energy[_TARIFF_CHANNELS, :, :][:, :, zones == zone].sum(axis=2)
        return result

    def _midnight(self, local_s: int, registers: Ints) -> None:
        old = self.columns
        day = registers - old.day_start_wh
        self.days.append(DayRecord(local_s, registers, day, old.day_demand_w, old.day_demand_local_s))
        n = registers.shape[1]
        self.columns = replace(
            old,
            day_start_wh=registers.copy(),
            day_demand_w=np.zeros(n, np.int64),
            day_demand_local_s=np.full(n, local_s, np.int64),
        )
        if np.datetime64(local_s, "s").astype("datetime64[M]").astype("datetime64[s]").astype(np.int64) == local_s:
            record, self.columns = close_billing(self.columns, registers, local_s, self._calendar)
            self.billings.append(record)


def on_minutes(columns: Columns, local_s: int, calendar: Calendar) -> Ints:
    """[n] minutes with supply since the meter was installed."""
    instant_ms = (local_s - calendar.utc_offset_minutes * 60) * 1000
    return np.asarray((instant_ms - columns.installed_ms) // MS_PER_MINUTE - columns.power_failure_minutes)


def close_billing(columns: Columns, registers: Ints, local_s: int, calendar: Calendar) -> tuple[BillingRecord, Columns]:
    """Ends the billing period of all meters: the record, and columns whose demands are reset."""
    minutes = on_minutes(columns, local_s, calendar)
    counted = replace(
        columns, billing_count=columns.billing_count + 1, billing_local_s=np.full_like(columns.billing_local_s, local_s)
    )
    shown = replace(counted, cumulative_mwh=_with_registers(columns.cumulative_mwh, registers))
    record = BillingRecord(local_s, shown, registers - columns.bill_start_wh, minutes - columns.billing_on_minutes)
    after = replace(
        counted,
        bill_start_wh=registers.copy(),
        demand_w=np.zeros_like(columns.demand_w),
        demand_local_s=np.full_like(columns.demand_local_s, local_s),
        billing_on_minutes=minutes,
    )
    return record, after


def _with_registers(cumulative_mwh: Ints, registers: Ints) -> Ints:
    shown = cumulative_mwh.copy()
    shown[:DAILY_CHANNELS] = registers * MILLI
    return shown
