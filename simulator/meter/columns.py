# SPDX-License-Identifier: MIT
"""A cohort's state as numpy columns: what must survive a restart, and nothing that can be computed.

All energies are whole numbers: milliwatt-hours for what accumulates (the carried remainder), watt-hours for what a
register shows.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from simulator.errors import StoreError

Ints = npt.NDArray[np.int64]
Rows = slice | Ints
CHANNELS = 8  # world.Channel: wh import, wh export, vah import, vah export, varh Q1 to Q4
DAILY_CHANNELS = 4
MILLI = 1000
ZONES = 8
RECENT_BLOCKS = 3
EVENT_LOGS = 7
DETECTORS = 19  # meter/detectors.py
NATURAL = 1000  # thousandths: nothing befell the supply
STATUS_WORDS = 4  # of 32 bits, the first bit of the string is the highest of the first
_NOTHING_YET = (
    "day_demand_w", "billing_count", "billing_on_minutes", "clock_offset_ms", "clock_drift_us", "clock_since_ms",
    "power_failed_ms", "boot_ms", "dark_ms", "load_key", "earth_milli", "tamper_count", "programming_count",
    "power_failure_count", "power_failure_ms", "generation",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """The last axis is the meter."""

    cumulative_mwh: Ints  # [channel, n] at the settled instant
    day_start_wh: Ints  # [4, n] registers at the last midnight
    bill_start_wh: Ints  # [4, n] registers at the last billing
    tariff_wh: Ints  # [2, zone, n] import Wh and VAh per tariff zone
    day_demand_w: Ints  # [n] largest import block of the running day
    day_demand_local_s: Ints  # [n] end of that block on the meter's clock
    demand_w: Ints  # [4, n] maximum demands of the running billing period: W import, export, VA import, export
    demand_local_s: Ints  # [4, n]
    average_cv: Ints  # [phase, n] voltage of the last block, 0.01 V
    average_ma: Ints  # [phase + 1, n] currents of the last block, the neutral last
    billing_count: Ints  # [n]
    billing_local_s: Ints  # [n] last billing on the meter's clock
    billing_on_minutes: Ints  # [n] cumulative power-on minutes at the last billing
    installed_ms: Ints  # [n]
    settled_ms: Ints  # [n] the instant to which these columns belong: a block mark of the meter's own
    clock_offset_ms: Ints  # [n] what the meter's clock showed, less true local time, at an instant (clocks.py)
    clock_drift_us: Ints  # [n] by how much more it is off with every day since
    clock_since_ms: Ints  # [n] that instant; 0 where there is no drift, so that equal clocks have equal columns
    output: Ints  # [n] 1: the relay is closed
    control_state: Ints  # [n] of the disconnect control: 0 disconnected, 1 connected, 2 ready for reconnection
    relay_ms: Ints  # [n] when the relay or its limits last changed
    lived_ms: Ints  # [n] the instant of the meter's last act, so that no act before it happens again
    carry_mwh: Ints  # [channel, n] what the running block has in excess of what relay and supply, as they are, bring it
    carry_ma: Ints  # [phase + 1, n] the same for the sum of the currents of its slots
    carry_cv: Ints  # [phase, n] the same for the sum of the voltages of its slots
    gap_wh: Ints  # [channel, n] counted since the last block row, in blocks whose end fell into an outage
    powered: Ints  # [n] 0: no supply, or not yet started again
    power_failed_ms: Ints  # [n] when the supply failed last
    boot_ms: Ints  # [n] when the meter will have started again after the supply's return; 0: no return in sight
    dark_ms: Ints  # [n] how much of the running block had no supply
    voltage_milli: Ints  # [phase, n] thousandths of the natural voltage
    current_milli: Ints  # [phase, n] thousandths of the true current that the meter sees; below 0: turned round
    load_milli: Ints  # [n] thousandths of the natural consumption
    load_key: Ints  # [n] which other load there is for the home's own (world.population.load_keys); 0: none
    reactive_milli: Ints  # [n] thousandths of its natural reactive part
    earth_milli: Ints  # [n] thousandths of the current that return by the earth
    detected: Ints  # [detector, n] 1: it has begun and has not ended
    noticed_since_ms: Ints  # [detector, n] since when its begin, or its end, has lasted; 0: it does not
    watched_ms: Ints  # [n] up to when the detectors have looked
    recent_wh: Ints  # [2, 3, n] import Wh and VAh of the last blocks, the latest last
    demand_base_wh: Ints  # [2, n] of the running block, what a demand period that began within it leaves out
    demand_start_local_s: Ints  # [2, n] when such a period began
    zone_demand_w: Ints  # [2, zone, n] maximum demands per tariff zone: W import, VA import
    zone_demand_local_s: Ints  # [2, zone, n]
    last_event: Ints  # [log, n] code of the latest entry of each event log
    event_count: Ints  # [log, n] how many entries each event log has ever had
    status_word: Ints  # [4, n] event status word
    tamper_count: Ints  # [n]
    programming_count: Ints  # [n]
    power_failure_count: Ints  # [n]
    power_failure_ms: Ints  # [n] sum of all outages that are over
    generation: Ints  # [n] how many meters have been in the place before this one

    def dump(self) -> bytes:
        buffer = io.BytesIO()
        np.savez(buffer, **{field.name: getattr(self, field.name) for field in fields(self)})
        return buffer.getvalue()

    @classmethod
    def load(cls, octets: bytes) -> Columns:
        """Raises StoreError if the octets are not what dump() wrote."""
        try:
            with np.load(io.BytesIO(octets), allow_pickle=False) as stored:
                return cls(**{field.name: stored[field.name] for field in fields(cls)})
        except (KeyError, ValueError, OSError) as error:
            raise StoreError(
                "a checkpoint in sim.checkpoints cannot be read; it was written by another version"
            ) from error

    def only(self, row: int) -> Columns:
        """The columns of one meter alone."""
        return self.take(slice(row, row + 1))

    def with_rows(self, row: int | Ints, **values: Ints | int) -> Columns:
        """A copy in which the values of one meter or of some are replaced."""
        changed = {name: getattr(self, name).copy() for name in values}
        for name, value in values.items():
            changed[name][..., row] = value
        return replace(self, **changed)

    def take(self, rows: Rows) -> Columns:
        """The columns of some meters alone."""
        return Columns(**{field.name: getattr(self, field.name)[..., rows] for field in fields(self)})

    def put(self, rows: Rows, part: Columns) -> Columns:
        """A copy in which some meters' columns are replaced."""
        changed = {field.name: getattr(self, field.name).copy() for field in fields(self)}
        for name, values in changed.items():
            values[..., rows] = getattr(part, name)
        return Columns(**changed)

    def pack_rows(self, rows: Ints) -> list[bytes]:
        """Some meters' columns, each small enough to be written at each change."""
        parts = [getattr(self, field.name)[..., rows].reshape(-1, len(rows)) for field in fields(self)]
        packed = np.ascontiguousarray(np.concatenate(parts).T, ">i8")
        return [row.tobytes() for row in packed]

    def with_packed(self, row: int, octets: bytes) -> Columns:
        """A copy with what `pack_rows` wrote; StoreError if that was another version."""
        shapes = {field.name: getattr(self, field.name)[..., row].shape for field in fields(self)}
        values = np.frombuffer(octets, ">i8").astype(np.int64)
        ends = np.cumsum([math.prod(shape) for shape in shapes.values()])
        if len(values) != ends[-1]:
            raise StoreError("a row of sim.row_checkpoints cannot be read; it was written by another version")
        parts = zip(shapes.items(), np.split(values, ends[:-1]), strict=True)
        return self.with_rows(row, **{name: part.reshape(shape) for (name, shape), part in parts})


def new_columns(initial_wh: Ints, phases: int, *, installed_ms: int, local_s: int, status_word: Ints) -> Columns:
    """Columns of n meters that begin at an instant, with registers `initial_wh` [channel, n] and status word [4]."""
    n = initial_wh.shape[1]
    zeros = np.zeros(n, np.int64)
    moments = np.full(n, local_s, np.int64)
    import_wh = initial_wh[[0, 2]]
    zone = np.zeros((2, ZONES, n), np.int64)
    zone[:, 0] = import_wh  # what the meter counted before the simulation's history stands in the first zone
    return Columns(
        cumulative_mwh=initial_wh * MILLI,
        day_start_wh=initial_wh[:DAILY_CHANNELS].copy(),
        bill_start_wh=initial_wh[:DAILY_CHANNELS].copy(),
        tariff_wh=zone,
        day_demand_local_s=moments,
        demand_w=np.zeros((DAILY_CHANNELS, n), np.int64),
        demand_local_s=np.full((DAILY_CHANNELS, n), local_s, np.int64),
        average_cv=np.zeros((phases, n), np.int64),
        average_ma=np.zeros((phases + 1, n), np.int64),
        billing_local_s=moments,
        installed_ms=np.full(n, installed_ms, np.int64),
        settled_ms=np.full(n, installed_ms, np.int64),
        output=np.ones(n, np.int64),
        control_state=np.ones(n, np.int64),
        relay_ms=np.full(n, installed_ms, np.int64),
        lived_ms=np.full(n, installed_ms, np.int64),
        carry_mwh=np.zeros((CHANNELS, n), np.int64),
        carry_ma=np.zeros((phases + 1, n), np.int64),
        carry_cv=np.zeros((phases, n), np.int64),
        gap_wh=np.zeros((CHANNELS, n), np.int64),
        powered=np.ones(n, np.int64),
        voltage_milli=np.full((phases, n), NATURAL, np.int64),
        current_milli=np.full((phases, n), NATURAL, np.int64),
        load_milli=np.full(n, NATURAL, np.int64),
        reactive_milli=np.full(n, NATURAL, np.int64),
        detected=np.zeros((DETECTORS, n), np.int64),
        noticed_since_ms=np.zeros((DETECTORS, n), np.int64),
        watched_ms=np.full(n, installed_ms, np.int64),
        recent_wh=np.zeros((2, RECENT_BLOCKS, n), np.int64),
        demand_base_wh=np.zeros((2, n), np.int64),
        demand_start_local_s=np.full((2, n), local_s, np.int64),
        zone_demand_w=np.zeros((2, ZONES, n), np.int64),
        zone_demand_local_s=np.full((2, ZONES, n), local_s, np.int64),
        last_event=np.zeros((EVENT_LOGS, n), np.int64),
        event_count=np.zeros((EVENT_LOGS, n), np.int64),
        status_word=np.repeat(status_word[:, None], n, axis=1),
        **dict.fromkeys(_NOTHING_YET, zeros),
    )
