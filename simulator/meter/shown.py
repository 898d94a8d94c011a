# SPDX-License-Identifier: MIT
"""What a cohort's meters show, by quantity name: from their columns alone, and live at an instant."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from simulator.cosem.quantities import DEMANDS, ENERGIES, PHASES, TARIFF_DEMANDS, TARIFF_ENERGIES, ZONES
from simulator.meter.advance import on_minutes
from simulator.meter.calendar import Calendar
from simulator.meter.clocks import shown_s
from simulator.meter.columns import DAILY_CHANNELS, MILLI, RECENT_BLOCKS, Columns, Ints
from simulator.values import MS_PER_MINUTE
from simulator.world.electric import Live, Reading

Shown = Mapping[str, Ints]
_UNITY = 1000


def of_columns(columns: Columns, calendar: Calendar, local_s: int) -> dict[str, Ints]:
    """Everything but the electrical values and the running block: registers as the columns have them."""
    registers = columns.cumulative_mwh // MILLI
    shown = {f"energy_{name}": registers[channel] for channel, name in enumerate(ENERGIES)}
    for row, name in enumerate(TARIFF_ENERGIES):
        shown.update({f"energy_{name}_tz{zone}": columns.tariff_wh[row, zone - 1] for zone in ZONES})
    for row, name in enumerate(_COLUMN_DEMANDS):
        shown[f"max_demand_{name}"] = columns.demand_w[row]
        shown[f"max_demand_{name}_time"] = columns.demand_local_s[row]
    for row, name in enumerate(TARIFF_DEMANDS):
        shown.update({f"max_demand_{name}_tz{zone}": columns.zone_demand_w[row, zone - 1] for zone in ZONES})
        times = columns.zone_demand_local_s[row]
        shown.update({f"max_demand_{name}_tz{zone}_time": times[zone - 1] for zone in ZONES})
    for phase, name in enumerate(PHASES[: len(columns.average_cv)]):
        shown[f"average_voltage_{name}"] = columns.average_cv[phase]
        shown[f"average_current_{name}"] = columns.average_ma[phase]
    shown["average_current_n"] = columns.average_ma[-1]
    shown.update(_counters(columns, calendar, local_s))
    shown.update(_billing(columns, registers, shown["power_on_minutes"]))
    return shown


# The order of Columns.demand_w is that of the energy channels.
_COLUMN_DEMANDS = ("w_import", "w_export", "va_import", "va_export")
assert set(_COLUMN_DEMANDS) == set(DEMANDS)


def _counters(columns: Columns, calendar: Calendar, local_s: int) -> dict[str, Ints]:
    zeros = np.zeros_like(columns.tamper_count)
    return {
        "clock": shown_s(columns, calendar.utc_offset_minutes, calendar.instant_ms(local_s)),
        "block_interval_s": zeros + calendar.block_minutes * 60,
        "health": zeros,
        "relay_output": columns.output,
        "relay_state": columns.control_state,
        "tamper_count": columns.tamper_count,
        "programming_count": columns.programming_count,
        "power_failure_count": columns.power_failure_count,
        "power_failure_minutes": columns.power_failure_ms // MS_PER_MINUTE,
        "power_on_minutes": on_minutes(columns, local_s, calendar),
        **{f"last_event_{log}": codes for log, codes in enumerate(columns.last_event)},
    }


def _billing(columns: Columns, registers: Ints, minutes: Ints) -> dict[str, Ints]:
    period = registers[:DAILY_CHANNELS] - columns.bill_start_wh
    return {
        "billing_count": columns.billing_count,
        "billing_periods": np.minimum(columns.billing_count, 12),
        "billing_date": columns.billing_local_s,
        "billing_power_on_minutes": minutes - columns.billing_on_minutes,
        "billing_power_factor": power_factor_milli(period[0], period[2]),
        "billing_power_factor_export": power_factor_milli(period[1], period[3]),
    }


def power_factor_milli(active: Ints, apparent: Ints) -> Ints:
    """Thousandths; one where nothing flowed."""
    return np.where(apparent > 0, np.minimum(active * _UNITY // np.maximum(apparent, 1), _UNITY), _UNITY)


def live(columns: Columns, calendar: Calendar, local_s: int, now: Live) -> dict[str, Ints]:
    """All quantities at an instant; `now` holds the reading and the energy since the columns were settled."""
    running = now.energy_mwh + columns.carry_mwh
    cumulative = columns.cumulative_mwh + running
    shown = of_columns(columns, calendar, local_s)
    registers = cumulative // MILLI
    block = registers - columns.cumulative_mwh // MILLI
    for channel, name in enumerate(ENERGIES):
        shown[f"energy_{name}"] = registers[channel]
        shown[f"block_{name}"] = block[channel]
    zone = calendar.zone_of_block(calendar.instant_ms(local_s))
    for row, name in enumerate(TARIFF_ENERGIES):
        shown[f"energy_{name}_tz{zone}"] = columns.tariff_wh[row, zone - 1] + block[(0, 2)[row]]
    shown["average_power_factor"] = power_factor_milli(block[0], block[2])
    shown.update(_billing(columns, registers, shown["power_on_minutes"]))
    shown.update(_demands(columns, calendar, local_s, block))
    shown.update(_electrical(now.reading))
    return shown


def _demands(columns: Columns, calendar: Calendar, local_s: int, block: Ints) -> dict[str, Ints]:
    """Demand registers (Blue Book 4.3.4): over one block, and sliding over the running one and three before it."""
    minutes, periods = calendar.block_minutes, RECENT_BLOCKS + 1
    start_s = calendar.local_s(calendar.block_start(calendar.instant_ms(local_s)))
    shown = {}
    for row, name in enumerate(TARIFF_DEMANDS):
        recent, running = columns.recent_wh[row], block[(0, 2)[row]] - columns.demand_base_wh[row]
        shown[f"demand_{name}_start"] = np.maximum(columns.demand_start_local_s[row], start_s)
        shown[f"demand_{name}"] = running * 60 // minutes
        shown[f"demand_{name}_last"] = recent[-1] * 60 // minutes
        shown[f"demand_{name}_sliding"] = (recent.sum(axis=0) + running) * 60 // (minutes * periods)
        shown[f"demand_{name}_sliding_last"] = recent.sum(axis=0) * 60 // (minutes * RECENT_BLOCKS)
    return shown


def _electrical(reading: Reading) -> dict[str, Ints]:
    shown = {
        "current_n": reading.neutral_ma,
        "active_power": reading.total_active_w,
        "reactive_power": reading.total_reactive_var,
        "apparent_power": reading.total_apparent_va,
        "power_factor": reading.total_power_factor_milli,
        "frequency": reading.frequency_chz,
    }
    for phase, name in enumerate(PHASES[: len(reading.voltage_cv)]):
        shown[f"voltage_{name}"] = reading.voltage_cv[phase]
        shown[f"current_{name}"] = reading.current_ma[phase]
        shown[f"active_power_{name}"] = reading.active_w[phase]
        shown[f"power_factor_{name}"] = reading.power_factor_milli[phase]
    return shown
