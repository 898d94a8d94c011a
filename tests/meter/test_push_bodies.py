# SPDX-License-Identifier: MIT
"""What a push carries is what a GET answers at that instant; the tables of setups say the same (Blue Book 4.4.8.2)."""

from __future__ import annotations

import numpy as np
import pytest
from meter_bench import BILLING, BLOCK, DAILY, Install, Meters

from simulator.meter.push.body import Cells, body_of, collect
from simulator.meter.push.setup import PushSetup, parse_setup, setup_objects, setup_of
from simulator.values import attribute_key, format_obis, parse_obis
from simulator.wire.axdr import decode_whole

INSTANT, ALERT, BLOCK_PUSH, DAILY_PUSH, BILLING_PUSH = (
    f"0.{group}.25.9.0.255" for group in (0, 4, 5, 6, 132)
)  # fmt: skip
MODELS = ["is15959-1ph", "is15959-3ph", "is15959-1ph-integer"]
ROW_OF = {BLOCK_PUSH: BLOCK, DAILY_PUSH: DAILY, BILLING_PUSH: BILLING}


async def pushed(meters: Meters, code: str, rows: list[int] | None = None) -> list[Cells | None]:
    setup = setup_of(meters.cohort, 0, parse_obis(code))
    return await collect(meters.cohort, setup, np.array(rows or [0, 1, 2]), meters.now_ms).bodies()


@pytest.mark.parametrize("model", MODELS)
async def test_an_instant_push_is_what_the_attributes_answer_at_that_instant(install: Install, model: str) -> None:
    meters = await install(model)
    await meters.until("2025-05-20T10:07:11")
    setup = setup_of(meters.cohort, 1, parse_obis(INSTANT))
    cells = (await pushed(meters, INSTANT))[1]
    assert cells is not None
    for place, one in enumerate(setup.objects):
        client = 48 if one.class_id != 40 else 64
        answer = await meters.read(format_obis(one.logical_name), one.attribute_index, row=1, client=client)
        assert decode_whole(cells[place]).value == answer, one
    serial = meters.cohort.identities[1].device_id.encode()
    assert body_of(cells).startswith(bytes((2, len(setup.objects), 10, len(serial))) + serial + b"\x09\x06")


@pytest.mark.parametrize("model", ["is15959-1ph", "is15959-3ph"])
async def test_an_alert_has_the_layout_of_the_field(install: Install, model: str) -> None:
    meters = await install(model)
    cells = (await pushed(meters, ALERT))[0]
    assert cells is not None
    name = meters.cohort.identities[0].device_id.encode().hex()
    clock = "07e9 05 14 02 000000 00 feb6 00"  # 2025-05-20, a Tuesday, midnight, 330 minutes before UTC
    word = "00" * 10 + "02" + "00" * 5  # bit 86: first breath
    expected = f"0204 0a0d{name} 0906 0004190900ff 090c{clock} 048180 {word}"
    assert body_of(cells) == bytes.fromhex(expected)


@pytest.mark.parametrize("model", ["is15959-1ph", "is15959-3ph"])
@pytest.mark.parametrize("code", [BLOCK_PUSH, DAILY_PUSH, BILLING_PUSH])
async def test_a_profile_push_is_the_latest_row_and_its_time(install: Install, model: str, code: str) -> None:
    meters = await install(model)
    await meters.until("2025-06-01T00:40:00")
    setup, profile = setup_of(meters.cohort, 0, parse_obis(code)), meters.cohort.model.profiles[ROW_OF[code]]
    row = (await meters.read(ROW_OF[code], 2, row=2))[-1]
    answered = {attribute_key(*column[:3]): cell for column, cell in zip(profile.columns, row, strict=True)}
    answered[attribute_key(8, parse_obis("0.0.1.0.0.255"), 2)] = row[0]  # a bill has its date in the first column
    cells = (await pushed(meters, code))[2]
    assert cells is not None
    for one, cell in zip(setup.objects[2:], cells[2:], strict=True):
        assert decode_whole(cell).value == answered[one.key], one


async def test_a_profile_without_a_row_pushes_nothing(install: Install) -> None:
    meters = await install("is15959-1ph")
    assert await pushed(meters, BLOCK_PUSH) == [None, None, None]


def with_objects(meters: Meters, objects: list[object]) -> PushSetup:
    entry = setup_objects(meters.cohort.model)[parse_obis(INSTANT)]
    kind = entry.attributes[1].type
    defaults = [attribute.source.default for attribute in entry.attributes[2:]]
    return parse_setup(parse_obis(INSTANT), (kind.encode(objects), *defaults), 64)


async def test_data_index_restrictions_and_columns_choose_a_part(install: Install) -> None:
    meters = await install("every-class")
    await meters.until("2025-05-20T03:00:00")
    whole = [0, {"null-data": None}]
    clock, energy = [8, "0.0.1.0.0.255", 2, 0], [3, "1.0.1.29.0.255", 2, 0]
    entries = [2, {"structure(double-long-unsigned,double-long-unsigned)": [2, 3]}]
    dates = [1, {"structure(stamp,stamp)": ["2025-05-20 02:00:00", "2025-05-20 03:00:00"]}]
    objects = [
        [3, "1.0.1.8.0.255", 3, 2, whole, []],  # the unit of scaler_unit
        [3, "1.0.1.8.0.255", 2, 1, whole, []],  # a number has no elements
        [3, "1.0.1.8.0.255", 0, 0, whole, []],  # all attributes
        [7, BLOCK, 2, 0, entries, [clock, energy]],
        [7, BLOCK, 2, 0, dates, []],
        [7, BLOCK, 2, 0x1002, whole, [clock]],  # the last two entries
        [7, BLOCK, 2, 0x10FF, whole, []],
    ]
    (cells,) = await collect(meters.cohort, with_objects(meters, objects), np.array([0]), meters.now_ms).bodies()
    assert cells is not None
    unit, none, everything, two, three, newest, all_of_them = (decode_whole(cell) for cell in cells)
    assert (unit.value, none.value, len(everything.value)) == (30, None, 3)
    buffer = await meters.read(BLOCK)
    columns = [c[1] for c in await meters.read(BLOCK, 3)]
    place = columns.index(parse_obis("1.0.1.29.0.255"))
    assert [[c.value for c in row.value] for row in two.value] == [[r[0], r[place]] for r in buffer[1:3]]
    assert [row.value[0].value for row in three.value] == [r[0] for r in buffer[3:6]]
    assert [[c.value for c in row.value] for row in newest.value] == [[r[0]] for r in buffer[-2:]]
    assert [tuple(c.value for c in row.value) for row in all_of_them.value] == list(buffer)


async def test_rows_that_are_made_when_they_are_read_have_columns_too(install: Install) -> None:
    """The instantaneous profile and the nameplate."""
    meters = await install("every-class")
    whole, second = [0, {"null-data": None}], [2, {"structure(long-unsigned,long-unsigned)": [2, 3]}]
    clock, volts = [8, "0.0.1.0.0.255", 2, 0], [3, "1.0.12.7.0.255", 2, 0]
    objects = [
        [7, "1.0.94.91.0.255", 2, 0, whole, [volts, clock]],
        [7, "0.0.94.91.10.255", 2, 0, whole, [[1, "0.0.96.1.0.255", 2, 0]]],
        [7, "1.0.94.91.0.255", 2, 0, second, []],
    ]
    (cells,) = await collect(meters.cohort, with_objects(meters, objects), np.array([0]), meters.now_ms).bodies()
    assert cells is not None
    now, plate, none = (decode_whole(cell) for cell in cells)
    ((shown_volts, shown_clock),) = (row.value for row in now.value)
    assert shown_volts.value == await meters.read("1.0.12.7.0.255")
    assert shown_clock.value == await meters.read("0.0.1.0.0.255")
    assert [[cell.value for cell in row.value] for row in plate.value] == [[await meters.read("0.0.96.1.0.255")]]
    assert none.value == ()


async def test_rows_of_a_setup_are_made_once_and_say_what_a_get_answers(install: Install) -> None:
    meters = await install("is15959-1ph")
    kept = meters.cohort.kept_pushes
    assert meters.sql("SELECT count(*) FROM push_setups") == [(0,)]
    await kept.ensure(parse_obis(INSTANT), np.array([0, 2]))
    await kept.ensure(parse_obis(INSTANT), np.array([0, 1, 2]))
    columns = "communication_window, randomisation_start_interval, number_of_retries, repetition_delay"
    found = meters.of_meter(f"destination_and_method, {columns}", "push_setups", row=1)
    assert found == [("TCP A-XDR", [], *[await meters.read(INSTANT, index) for index in (5, 6, 7)])]
    listed = "SELECT class_id, logical_name, attribute_index, data_index FROM push_objects WHERE push_setup_id = %s"
    for row in range(3):
        (setup,) = meters.of_meter("id", "push_setups", row=row)
        rows = meters.sql(f"{listed} ORDER BY position", *setup)
        answered = await meters.read(INSTANT, 2, row=row)
        assert rows == [(c, format_obis(n), a, d) for c, n, a, d in answered]
        assert len(kept.numbers(parse_obis(INSTANT), b"", row).objects) == len(rows)
    schedules = "SELECT schedule_type, time_pattern, comment FROM active_schedules WHERE meter_id = %s ORDER BY 2"
    assert meters.sql(schedules, meters.cohort.identities[1].id) == [
        ("FIFTEEN_MIN", f"FF:{minute:02X}:00:FF", f"every hour at :{minute:02d}") for minute in (0, 15, 30, 45)
    ]
