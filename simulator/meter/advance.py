# SPDX-License-Identifier: MIT
"""Time passes for a cohort: whole blocks of energy become block, daily and billing records and new columns.

One function serves back-fill, live captures and catching up: a window of any number of blocks, all meters at once.
It changes nothing in place and touches no store; the caller writes the records, then takes the new columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from simulator.cosem.model import Model
from simulator.meter.calendar import DAY_S, Calendar
from simulator.meter.columns import DAILY_CHANNELS, MILLI, RECENT_BLOCKS, Columns, Ints
from simulator.meter.detectors import Sight, watch
from simulator.meter.supplied import supply_of
from simulator.values import MS_PER_MINUTE
from simulator.world.daytime import SLOT_MS
from simulator.world.electric import Energies, energies
from simulator.world.population import Population
from simulator.world.shapes import World

Mask = npt.NDArray[np.bool_]
_QUARTER_S = 900
_TARIFF_CHANNELS = (0, 2)  # import Wh and VAh


@dataclass(frozen=True, slots=True, eq=False)
class BlockRecords:
    """One row per meter and block; the last two axes are meter and block."""

    end_local_s: Ints  # [b]
    energy_wh: Ints  # [channel, n, b]
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
    blocks: BlockRecords  # of the meters with power alone
    powered: Mask | None  # [n] which these are; None: all
    days: list[DayRecord]
    billings: list[BillingRecord]
    sights: Sequence[Sight]  # what the meters notice of their supply
    words: Ints | None = None  # [4, n, b] status words at the blocks' ends, where events moved them within the window


def advance(
    world: World,
    population: Population,
    columns: Columns,
    calendar: Calendar,
    *,
    from_ms: int,
    to_ms: int,
    model: Model | None = None,
) -> Advance:
    """All blocks that end after `from_ms`, a quarter of an hour, up to `to_ms`, a block mark.

    The first block may have begun before `from_ms`: its energy is then what came since, its averages those of the
    whole block. A meter without power captures no block: what it had counted when the power failed is in the first
    block that it captures again. Its midnights and billing dates are made up with registers that stood still. What
    meters notice is looked for where a model says what to look for.
    """
    first_ms = calendar.block_start(from_ms)
    slots = np.arange(first_ms // SLOT_MS, to_ms // SLOT_MS)
    brought = energies(world, population, slots, supply=supply_of(columns))
    brought.energy_mwh[:, :, : (from_ms - first_ms) // SLOT_MS] = 0
    count = (to_ms - first_ms) // calendar.block_ms
    ends_local_s = calendar.local_s(first_ms) + np.arange(1, count + 1) * (calendar.block_ms // 1000)
    running = _per_block(brought.energy_mwh, count)
    running[:, :, 0] += columns.carry_mwh
    cumulative = columns.cumulative_mwh[:, :, None] + running.cumsum(axis=2)
    registers = cumulative // MILLI
    before = np.concatenate([(columns.cumulative_mwh // MILLI)[:, :, None], registers[:, :, :-1]], axis=2)
    counted = registers - before
    blocks = _blocks(brought, counted, ends_local_s, columns)
    walk = _Walk(columns, calendar, ends_local_s, counted, registers)
    walk.run()
    final = replace(
        walk.columns,
        cumulative_mwh=np.ascontiguousarray(cumulative[:, :, -1]),
        average_cv=np.ascontiguousarray(blocks.voltage_cv[:, :, -1]),
        average_ma=np.ascontiguousarray(blocks.current_ma[:, :, -1]),
        settled_ms=np.full_like(columns.settled_ms, to_ms),
        carry_mwh=np.zeros_like(columns.carry_mwh),
        carry_ma=np.zeros_like(columns.carry_ma),
        carry_cv=np.zeros_like(columns.carry_cv),
        dark_ms=np.zeros_like(columns.dark_ms),
        recent_wh=_recent(columns, counted),
        demand_base_wh=np.zeros_like(columns.demand_base_wh),
    )
    sights: Sequence[Sight] = ()
    if model is not None:
        edges_ms = np.arange(first_ms, to_ms + 1, SLOT_MS)
        sights, noticed = watch(model, columns, brought, edges_ms)
        final = replace(final, **noticed)
    blocks.energy_wh[:, :, 0] += columns.gap_wh
    powered = columns.powered.astype(np.bool_)
    advanced = Advance(final, to_ms, blocks, powered, walk.days, walk.billings, sights)
    return _without_outage(advanced) if powered.all() else _with_outage(advanced, columns, counted)


def _without_outage(brought: Advance) -> Advance:
    columns = replace(brought.columns, gap_wh=np.zeros_like(brought.columns.gap_wh))
    return replace(brought, columns=columns, powered=None)


def _with_outage(brought: Advance, before: Columns, counted: Ints) -> Advance:
    """The meters without power keep what they counted for a later block, and the averages that they had."""
    dark, blocks = before.powered == 0, brought.blocks
    columns = replace(
        brought.columns,
        gap_wh=np.where(dark, before.gap_wh + counted.sum(axis=2), 0),
        average_cv=np.where(dark, before.average_cv, brought.columns.average_cv),
        average_ma=np.where(dark, before.average_ma, brought.columns.average_ma),
    )
    kept = (blocks.energy_wh[:, ~dark], blocks.voltage_cv[:, ~dark], blocks.current_ma[:, ~dark])
    return replace(brought, columns=columns, blocks=BlockRecords(blocks.end_local_s, *kept))


def _per_block(values: Ints, count: int) -> Ints:
    """Sums [..., slot] to [..., block]."""
    return np.asarray(values.reshape(*values.shape[:-1], count, -1).sum(axis=-1))


def _blocks(brought: Energies, energy_wh: Ints, ends_local_s: Ints, columns: Columns) -> BlockRecords:
    count = len(ends_local_s)
    slots_per_block = brought.neutral_ma.shape[-1] // count
    currents = np.concatenate([brought.current_ma, brought.neutral_ma[None]], axis=0)

    def mean(values: Ints, carry: Ints) -> Ints:
        sums = _per_block(values, count)
        sums[:, :, 0] += carry
        means = np.asarray((sums + slots_per_block // 2) // slots_per_block)
        if columns.dark_ms.any():
            means[:, :, 0] = _mean_of_supplied(sums[:, :, 0], slots_per_block * SLOT_MS - columns.dark_ms)
        return means

    voltage, current = mean(brought.voltage_cv, columns.carry_cv), mean(currents, columns.carry_ma)
    return BlockRecords(ends_local_s, energy_wh.copy(), voltage, current)


def _mean_of_supplied(sums: Ints, supplied_ms: Ints) -> Ints:
    """A meter averages over the time in which it measures."""
    supplied_ms = np.maximum(supplied_ms, 1)
    return np.asarray((sums * SLOT_MS + supplied_ms // 2) // supplied_ms)


def _recent(columns: Columns, energy_wh: Ints) -> Ints:
    energy = energy_wh[_TARIFF_CHANNELS, :, :].copy()
    energy[:, :, 0] -= columns.demand_base_wh
    latest = energy[:, :, -RECENT_BLOCKS:].transpose(0, 2, 1)
    return np.concatenate([columns.recent_wh, latest], axis=1)[:, -RECENT_BLOCKS:]


class _Walk:
    """Goes through a window day by day: tariff zones, maximum demands, midnights, billing dates."""

    def __init__(
        self, columns: Columns, calendar: Calendar, ends_local_s: Ints, energy_wh: Ints, registers: Ints
    ) -> None:
        self.columns, self._calendar = columns, calendar
        self._ends_local_s, self._energy_wh, self._registers = ends_local_s, energy_wh, registers
        self.days: list[DayRecord] = []
        self.billings: list[BillingRecord] = []

    def run(self) -> None:
        ends = self._ends_local_s
        block_s = self._calendar.block_minutes * 60
        midnights = set((ends[ends % DAY_S == 0]).tolist())
        bills = set(self._calendar.billing_marks(int(ends[0]) - block_s, int(ends[-1])))
        start = 0
        for mark in sorted(midnights | bills | {int(ends[-1])}):
            stop = int(mark - ends[0]) // block_s + 1
            self._count(start, stop)
            registers = self._registers[:, :, stop - 1]
            if mark in midnights:
                self._midnight(mark, registers[:DAILY_CHANNELS])
            if mark in bills:
                record, self.columns = close_billing(self.columns, registers, mark, self._calendar)
                self.billings.append(record)
            start = stop

    def _count(self, start: int, stop: int) -> None:
        """Blocks within one day: their energy goes to its tariff zones, their demands to the maxima."""
        old = self.columns
        energy, ends = self._energy_wh[:DAILY_CHANNELS, :, start:stop], self._ends_local_s[start:stop]
        demand = energy * 60 // self._calendar.block_minutes
        if not old.powered.all():
            demand *= old.powered[:, None]  # of a block that is not captured no demand is known
        best, at = demand.max(axis=2), ends[demand.argmax(axis=2)]
        higher = best > old.demand_w
        of_day = best[0] > old.day_demand_w
        self.columns = replace(
            old,
            demand_w=np.where(higher, best, old.demand_w),
            demand_local_s=np.where(higher, at, old.demand_local_s),
            day_demand_w=np.where(of_day, best[0], old.day_demand_w),
            day_demand_local_s=np.where(of_day, at[0], old.day_demand_local_s),
            **self._zones(energy[_TARIFF_CHANNELS, :, :], demand[_TARIFF_CHANNELS, :, :], ends),
        )

    def _zones(self, energy: Ints, demand: Ints, ends: Ints) -> dict[str, Ints]:
        """A block belongs to the zone in which it begins."""
        starts = ends - self._calendar.block_minutes * 60
        zones = np.asarray(self._calendar.zones_on(int(starts[0]) // DAY_S))[starts % DAY_S // _QUARTER_S]
        old = self.columns
        wh, maxima, times = old.tariff_wh.copy(), old.zone_demand_w.copy(), old.zone_demand_local_s.copy()
        for zone in np.unique(zones):
            chosen = zones == zone
            wh[:, zone - 1] += energy[:, :, chosen].sum(axis=2)
            of_zone = demand[:, :, chosen]
            best, at = of_zone.max(axis=2), ends[chosen][of_zone.argmax(axis=2)]
            higher = best > maxima[:, zone - 1]
            maxima[:, zone - 1] = np.where(higher, best, maxima[:, zone - 1])
            times[:, zone - 1] = np.where(higher, at, times[:, zone - 1])
        return {"tariff_wh": wh, "zone_demand_w": maxima, "zone_demand_local_s": times}

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


def on_minutes(columns: Columns, local_s: int, calendar: Calendar) -> Ints:
    """[n] minutes with supply since the meter was installed."""
    instant_ms = calendar.instant_ms(local_s)
    running_ms = np.where(columns.powered, 0, instant_ms - columns.power_failed_ms)
    return np.asarray((instant_ms - columns.installed_ms - columns.power_failure_ms - running_ms) // MS_PER_MINUTE)


def close_billing(columns: Columns, registers: Ints, local_s: int, calendar: Calendar) -> tuple[BillingRecord, Columns]:
    """Ends the billing period of all meters, their registers [channel, n]: the record, and columns whose demands are
    reset."""
    minutes = on_minutes(columns, local_s, calendar)
    counted = replace(
        columns, billing_count=columns.billing_count + 1, billing_local_s=np.full_like(columns.billing_local_s, local_s)
    )
    shown = replace(counted, cumulative_mwh=registers * MILLI)
    record = BillingRecord(
        local_s, shown, registers[:DAILY_CHANNELS] - columns.bill_start_wh, minutes - columns.billing_on_minutes
    )
    after = replace(
        counted,
        bill_start_wh=registers[:DAILY_CHANNELS].copy(),
        demand_w=np.zeros_like(columns.demand_w),
        demand_local_s=np.full_like(columns.demand_local_s, local_s),
        zone_demand_w=np.zeros_like(columns.zone_demand_w),
        zone_demand_local_s=np.full_like(columns.zone_demand_local_s, local_s),
        billing_on_minutes=minutes,
    )
    return record, after
