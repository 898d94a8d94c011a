# SPDX-License-Identifier: MIT
"""Records of a window as rows of the store's tables, each table in one numpy pass."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from simulator.cosem.model import Profile, StoreCell
from simulator.cosem.quantities import PHASES, QUANTITIES
from simulator.meter.advance import Advance, BillingRecord, BlockRecords, DayRecord
from simulator.meter.calendar import Calendar
from simulator.meter.columns import Ints
from simulator.meter.shown import Shown, of_columns, power_factor_milli
from simulator.meter.status import hexadecimal
from simulator.store.copy import Column, Date, Int2, Int4, Jsonb, Numeric, Rows, Timestamp, Uuid, encode_rows

_CHANNEL_COLUMNS = ("kwh_import", "kwh_export", "kvah_import", "kvah_export")
_QUADRANT_COLUMNS = ("kvarh_q1", "kvarh_q2", "kvarh_q3", "kvarh_q4")
_KILO_SCALE = 3
_DAY_S = 86_400
_NOTHING: Mapping[str, object] = {}
_INSTANT_COLUMNS = (
    *(f"{kind}_{phase}" for kind in ("voltage", "current", "active_power", "power_factor") for phase in PHASES),
    "current_n", "power_factor", "active_power", "apparent_power", "reactive_power", "frequency",
)  # fmt: skip
Ids = npt.NDArray[np.uint8]  # [n, 16] octets of each meter's uuid


def rows_of(
    brought: Advance,
    ids: Ids,
    calendar: Calendar,
    *,
    codes: dict[str, int],
    profiles: Mapping[str, Profile],
) -> list[Rows]:
    """All rows of a window; `codes` are the ids of sim.obis_codes by logical name."""
    block, billing = profiles["1.0.99.1.0.255"], profiles["1.0.98.1.0.255"]
    rows = []
    if brought.powered is None or brought.powered.any():
        quadrants, code = "block_varh_q1" in block.quantities, codes["1.0.99.1.0.255"]
        mine = slice(None) if brought.powered is None else brought.powered
        word = (brought.columns.status_word if brought.words is None else brought.words)[:, mine]
        rows.append(_block_rows(brought.blocks, ids[mine], calendar, code, word=word, quadrants=quadrants))
    if brought.days:
        rows.append(_day_rows(brought.days, ids, codes["1.0.99.2.0.255"]))
    rows += [
        billing_rows(record, ids, calendar, code=codes["1.0.98.1.0.255"], profile=billing)
        for record in brought.billings
    ]
    return rows


def _block_rows(blocks: BlockRecords, ids: Ids, calendar: Calendar, code: int, *, word: Ints, quadrants: bool) -> Rows:
    n, count = blocks.energy_wh.shape[1:]
    columns: dict[str, Column] = {
        "meter_id": Uuid(np.repeat(ids, count, axis=0)),
        "obis_code_id": Int4(code),
        "capture_time": Timestamp(np.tile(blocks.end_local_s, n)),
        "block_interval_minutes": Int4(calendar.block_minutes),
        "status_word": hexadecimal(word, count) if word.ndim == 2 else hexadecimal(word.reshape(len(word), -1)),
        "health": Int2(0),
        "average_current_n": Numeric(blocks.current_ma[-1].ravel(), 3),
        "power_factor": Numeric(power_factor_milli(blocks.energy_wh[0], blocks.energy_wh[2]).ravel(), 3),
    }
    for channel, name in enumerate((*_CHANNEL_COLUMNS, *(_QUADRANT_COLUMNS if quadrants else ()))):
        columns[name] = Numeric(blocks.energy_wh[channel].ravel(), _KILO_SCALE)
    for phase, name in enumerate(PHASES[: len(blocks.voltage_cv)]):
        columns[f"average_voltage_{name}"] = Numeric(blocks.voltage_cv[phase].ravel(), 2)
        columns[f"average_current_{name}"] = Numeric(blocks.current_ma[phase].ravel(), 3)
    return encode_rows("block_load_profile", columns)


def _day_rows(days: Sequence[DayRecord], ids: Ids, code: int) -> Rows:
    """Meter by meter, so that one meter's days lie together."""
    n = len(ids)

    def per_meter(arrays: Sequence[Ints]) -> Ints:
        return np.stack(list(arrays), axis=1).ravel()

    columns: dict[str, Column] = {
        "meter_id": Uuid(np.repeat(ids, len(days), axis=0)),
        "obis_code_id": Int4(code),
        "capture_date": Date(np.tile([day.midnight_local_s // _DAY_S for day in days], n)),
        "max_demand_kw": Numeric(per_meter([day.demand_w for day in days]), _KILO_SCALE),
        "max_demand_time": Timestamp(per_meter([day.demand_local_s for day in days])),
        "power_factor": Numeric(per_meter([power_factor_milli(day.energy_wh[0], day.energy_wh[2]) for day in days]), 3),
    }
    for channel, name in enumerate(_CHANNEL_COLUMNS):
        columns[f"cumulative_{name}"] = Numeric(per_meter([day.register_wh[channel] for day in days]), _KILO_SCALE)
        columns[f"daily_{name}"] = Numeric(per_meter([day.energy_wh[channel] for day in days]), _KILO_SCALE)
    return encode_rows("daily_load_profile", columns)


def billing_rows(record: BillingRecord, ids: Ids, calendar: Calendar, *, code: int, profile: Profile) -> Rows:
    """One row per meter: the seed's columns, and what else the model's billing profile captures."""
    shown = dict(of_columns(record.columns, calendar, record.local_s))
    shown["billing_power_on_minutes"] = record.on_minutes
    columns: dict[str, Column] = {
        "meter_id": Uuid(ids),
        "obis_code_id": Int4(code),
        "billing_date": Date(record.local_s // _DAY_S),
        "billing_time": Timestamp(record.local_s),
        "reset_count": Int4(record.columns.billing_count),
        "billing_status_word": hexadecimal(record.columns.status_word),
        **captured_columns(profile, shown, len(ids)),
    }
    for channel, name in enumerate(_CHANNEL_COLUMNS):
        columns[f"monthly_{name}"] = Numeric(record.energy_wh[channel], _KILO_SCALE)
    return encode_rows("billing_profile", columns)


def captured_columns(
    profile: Profile, shown: Shown, count: int, settings: Mapping[str, object] = _NOTHING
) -> dict[str, Column]:
    """The cells of a profile's row as columns of its table; those without a column of their own as JSON."""
    columns: dict[str, Column] = {}
    others = [(key, [json.dumps(value)] * count) for key, value in settings.items()]
    for cell, quantity in zip(profile.cells, profile.quantities, strict=True):
        if cell is None or not quantity:
            continue
        values = shown[quantity]
        if not cell.column:
            others.append((cell.key, json_values(quantity, values, cell)))
        elif QUANTITIES[quantity].kind == "stamp":
            columns[cell.column] = Timestamp(values)
        else:
            columns[cell.column] = Numeric(values, cell.power) if cell.power else Int4(values)
    if others:
        texts = zip(*(values for _, values in others), strict=True)
        keys = [key for key, _ in others]
        columns["captured"] = Jsonb(
            ["{" + ",".join(f'"{k}":{v}' for k, v in zip(keys, row, strict=True)) + "}" for row in texts]
        )
    return columns


def json_values(quantity: str, values: Ints, cell: StoreCell) -> list[str]:
    """Values as JSON texts: numbers in the unit of the store, moments as text."""
    if QUANTITIES[quantity].kind == "stamp":
        return [f'"{moment_text(int(value))}"' for value in values]
    if not cell.power:
        return [str(value) for value in values.tolist()]
    scale = 10**cell.power
    return [f"{'-' if v < 0 else ''}{abs(v) // scale}.{abs(v) % scale:0{cell.power}d}" for v in values.tolist()]


def moment_text(local_s: int) -> str:
    return (dt.datetime(1970, 1, 1) + dt.timedelta(seconds=local_s)).isoformat(sep=" ")


def snapshot_row(
    profile: Profile, shown: Shown, row: int, meter: Ids, *, code: int, settings: Mapping[str, object]
) -> Rows:
    """One row of the instantaneous profile: its captured cells, and the electrical values of every phase.

    `settings` are captured cells that no quantity stands behind, by their key in the JSON column.
    """
    one = {name: values[row : row + 1] for name, values in shown.items()}
    columns = captured_columns(profile, one, 1, settings)
    columns.update({name: Numeric(one[name], QUANTITIES[name].store_power) for name in _INSTANT_COLUMNS if name in one})
    return encode_rows(
        profile.table,
        {"meter_id": Uuid(meter), "obis_code_id": Int4(code), "timestamp": Timestamp(one["clock"]), **columns},
    )
