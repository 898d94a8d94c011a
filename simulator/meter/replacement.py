# SPDX-License-Identifier: MIT
"""A meter is taken off the wall and another of the same model put there. The caller holds nothing.

What is drawn, and what befalls the supply, belongs to the place and goes on; registers, logs, settings, keys and
counters are the new meter's own. Raises StoreUnavailable with nothing changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import numpy as np

from simulator.cosem.quantities import ENERGIES
from simulator.meter.behaviour import lookout, story
from simulator.meter.change import plain
from simulator.meter.clocks import shown_s
from simulator.meter.cohort import Cohort
from simulator.meter.columns import Columns, Ints
from simulator.meter.identity import MAX_GENERATION, Identity
from simulator.meter.succession import YEAR, year_of
from simulator.meter.supplied import change_of
from simulator.store.copy import Int2, Int4, Jsonb, Numeric, Octets, Rows, Text, Timestamp, Uuid, encode_rows
from simulator.store.rows import Edit, RowsChange, SecurityKey
from simulator.values import MS_PER_SECOND, format_obis
from simulator.wire.axdr import decode_whole
from simulator.world.population import Channel

_OF_THE_PLACE = (
    "voltage_milli", "current_milli", "load_milli", "load_key", "reactive_milli", "earth_milli", "boot_ms",
)  # fmt: skip
_READ = (
    ("1.0.1.8.0.255", Channel.WH_IMPORT, "kWh"),
    ("1.0.2.8.0.255", Channel.WH_EXPORT, "kWh"),
    ("1.0.9.8.0.255", Channel.VAH_IMPORT, "kVAh"),
    ("1.0.10.8.0.255", Channel.VAH_EXPORT, "kVAh"),
)


async def replace(cohort: Cohort, rows: Ints, instant_ms: int, *, reading_wh: int = 0) -> Ints:
    """Returns the rows in which there are other meters now: a place has numbers for so many meters and no more."""
    async with cohort.lock:
        at_ms = await story.bring_locked(cohort, instant_ms)
        at_ms -= at_ms % MS_PER_SECOND  # what registers show, they show for a second
        rows = np.unique(np.asarray(rows, np.int64))
        rows = rows[cohort.columns.generation[rows] < MAX_GENERATION]
        if not len(rows):
            return rows
        await lookout.notice(cohort, rows, at_ms)  # the last that the old ones notice
        await _exchange(cohort, rows, at_ms, reading_wh)
        story.look_ahead(cohort, rows, at_ms)
        lookout.look_ahead(cohort, at_ms)
        story.call_again(cohort)
        story.welcome(cohort, rows, at_ms)
        return rows


async def _exchange(cohort: Cohort, rows: Ints, at_ms: int, reading_wh: int) -> None:
    """The meters of these rows and those that take their places, in one transaction."""
    local_s = cohort.calendar.local_s(at_ms)
    told_s = shown_s(cohort.columns, cohort.calendar.utc_offset_minutes, at_ms, rows)  # by the old ones' clocks
    initial_wh = np.zeros_like(cohort.population.initial_wh[:, rows])
    initial_wh[[Channel.WH_IMPORT, Channel.VAH_IMPORT]] = reading_wh
    new = _delivered(cohort, rows, at_ms, initial_wh)
    old = [cohort.identities[row] for row in rows.tolist()]
    generations = cohort.columns.generation[rows].tolist()
    moved_in = [cohort.resident(row, before + 1) for row, before in zip(rows.tolist(), generations, strict=True)]
    shown = cohort.shown_at(rows, at_ms)
    last_wh = np.stack([shown[f"energy_{name}"] for name in ENERGIES])
    columns = cohort.columns.put(rows, new)
    year = year_of(cohort, at_ms)
    kept = RowsChange(
        cohort.name,
        rows.tolist(),
        columns.pack_rows(rows),
        batches=[*_readings(cohort, rows, last_wh, told_s), *([_years(moved_in, year)] if year else [])],
        keys=[key for one in moved_in for key in _keys(cohort, one)],
        edits=_edits(old, moved_in, local_s),
    )
    async with cohort.kept_pushes.making:
        await cohort.change(columns, kept)


def _keys(cohort: Cohort, meter: Identity) -> Iterator[SecurityKey]:
    """Those that are not the seed's."""
    for (client, name), key in cohort.around.delivered(meter.serial).keys.items():
        yield SecurityKey(meter.id, client, name, key)


def _delivered(cohort: Cohort, rows: Ints, at_ms: int, initial_wh: Ints) -> Columns:
    """They count from now on; before that, to them, the running block had no supply."""
    before, n = cohort.columns.take(rows), len(rows)
    mark_ms = cohort.calendar.block_start(at_ms)
    instants = ("installed_ms", "lived_ms", "relay_ms", "watched_ms")
    dark = cohort.delivered(initial_wh, at_ms).with_rows(
        np.arange(n),
        **{name: getattr(before, name) for name in _OF_THE_PLACE},
        **dict.fromkeys(instants, at_ms),
        settled_ms=mark_ms,
        generation=before.generation + 1,
        powered=0,
        power_failed_ms=np.where(before.powered, 0, at_ms),
        dark_ms=at_ms - mark_ms,
    )
    return dark.with_rows(np.arange(n), **change_of(cohort, rows, at_ms, dark, {"powered": before.powered}))


def _edits(old: Sequence[Identity], moved_in: Sequence[Identity], local_s: int) -> list[Edit]:
    ids = [one.id for one in old]
    values = {
        "old_ids": ids,
        "ids": [one.id for one in moved_in],
        "numbers": [one.serial for one in moved_in],
        "titles": [one.system_title for one in moved_in],
        "names": [one.logical_device_name for one in moved_in],
        "local_s": local_s,
    }
    return [Edit("replace_meters", values), Edit("give_up_alarms", {"meter_ids": ids})]


def _readings(cohort: Cohort, rows: Ints, registers_wh: Ints, local_s: Ints) -> Iterator[Rows]:
    """The registers [channel, rows] of the meters that leave, as who takes them off notes them."""
    for name, channel, unit in _READ:
        if name in cohort.around.codes:
            yield encode_rows(
                "energy_measurements",
                {
                    "meter_id": Uuid(cohort.ids[rows]),
                    "obis_code_id": Int4(cohort.around.codes[name]),
                    "timestamp": Timestamp(local_s),
                    "value": Numeric(registers_wh[channel], 3),
                    "unit": Text(unit),
                    "measurement_type": Text("CUMULATIVE"),
                },
            )


def _years(meters: Sequence[Identity], encoded: bytes) -> Rows:
    return encode_rows(
        "attribute_values",
        {
            "meter_id": Uuid(np.array([list(one.id.bytes) for one in meters], np.uint8)),
            "logical_name": Text(format_obis(YEAR[2:8])),
            "class_id": Int4(int.from_bytes(YEAR[:2], "big")),
            "attribute_index": Int2(YEAR[8]),
            "encoded": Octets(encoded),
            "value": Jsonb(json.dumps(plain(decode_whole(encoded)))),
        },
    )
