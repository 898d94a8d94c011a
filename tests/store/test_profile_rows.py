# SPDX-License-Identifier: MIT
"""A meter's buffer is its newest rows, and a client may ask for a part of it (Blue Book 4.3.6.2)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import numpy as np
import psycopg
import pytest

from simulator.errors import StoreError
from simulator.store.copy import Column, Date, Int4, Jsonb, Numeric, Text, Timestamp, Uuid, encode_rows
from simulator.store.database import Store
from simulator.store.rows import MISSING, Cell, ProfileQuery

METER, OTHER = UUID(int=1), UUID(int=2)
START, STEP = 1_748_736_000, 1_800  # 2025-06-01T00:00:00 by the meter's clock
ROWS = 10
BLOCKS = ProfileQuery(
    METER, "block_load_profile", "capture_time", (Cell("kwh_import", 3), Cell("average_voltage_r", 1)), 8
)


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    store = await Store.open(database)
    ids = np.frombuffer(METER.bytes + OTHER.bytes, np.uint8).reshape(2, 16)
    times = Timestamp(np.repeat(START + STEP * np.arange(ROWS), 2))
    energy = np.arange(ROWS * 2) * 1_000 + 1
    await store.write(
        [
            encode_rows("meters", {"id": Uuid(ids), "meter_number": Text(["A", "B"]), "meter_type": Text("x")}),
            encode_rows(
                "block_load_profile",
                {
                    "meter_id": Uuid(np.tile(ids, (ROWS, 1))),
                    "capture_time": times,
                    "kwh_import": Numeric(energy, 3),
                    "average_voltage_r": Numeric(23_047, 2, np.arange(ROWS * 2) < 6),
                },
            ),
        ]
    )
    yield store
    await store.close()


def slots(rows: np.ndarray) -> list[int]:
    """Which of the ten captures these are."""
    return [int(slot) for slot in (rows[:, 0] - START) // STEP]


async def test_the_buffer_is_the_newest_rows_in_order(store: Store) -> None:
    rows = await store.profile_rows(BLOCKS)
    assert rows.dtype == np.int64
    assert slots(rows) == [2, 3, 4, 5, 6, 7, 8, 9]
    assert rows[:, 1].tolist() == [slot * 2_000 + 1 for slot in range(2, 10)]
    assert rows[:, 2].tolist() == [MISSING] + [2305] * 7  # 230.47 rounded to a tenth


async def test_depth_counts(store: Store) -> None:
    assert await store.profile_count(BLOCKS) == 8
    assert await store.profile_count(replace(BLOCKS, depth=100, first_s=START + 5 * STEP)) == 10


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (START + 4 * STEP, START + 6 * STEP, [4, 5, 6]),
        (START + 4 * STEP + 1, START + 6 * STEP - 1, [5]),
        (START, START + 3 * STEP, [2, 3]),  # 0 and 1 have left the buffer
        (None, START + 2 * STEP, [2]),
        (START + 8 * STEP, None, [8, 9]),
        (START, START + STEP, []),
        (-(2**60), 2**60, [2, 3, 4, 5, 6, 7, 8, 9]),  # what a peer may send
    ],
)
async def test_a_range_of_times(store: Store, first: int | None, last: int | None, expected: list[int]) -> None:
    assert slots(await store.profile_rows(replace(BLOCKS, first_s=first, last_s=last))) == expected


@pytest.mark.parametrize(
    ("entries", "expected"),
    [((1, 0), [2, 3, 4, 5, 6, 7, 8, 9]), ((1, 1), [2]), ((3, 4), [4, 5]), ((8, 8), [9]), ((7, 99), [8, 9]),
     ((9, 9), []), ((9, 0), []), ((5, 3), []), ((0, 2), [2, 3])],
)  # fmt: skip
async def test_a_range_of_entries(store: Store, entries: tuple[int, int], expected: list[int]) -> None:
    assert slots(await store.profile_rows(replace(BLOCKS, entries=entries))) == expected


async def test_dates_and_times_are_local_seconds(store: Store) -> None:
    daily: dict[str, Column] = {
        "meter_id": Uuid(np.frombuffer(METER.bytes, np.uint8)),
        "capture_date": Date(np.array([START // 86_400, START // 86_400 + 1])),
        "max_demand_time": Timestamp(np.array([START - 3_600, 0]), np.array([False, True])),
    }
    await store.write([encode_rows("daily_load_profile", daily)])
    query = ProfileQuery(METER, "daily_load_profile", "capture_date", (Cell("max_demand_time"),), 35)
    rows = await store.profile_rows(query)
    assert rows.tolist() == [[START, START - 3_600], [START + 86_400, MISSING]]
    assert (await store.profile_rows(replace(query, first_s=START + 1))).tolist() == [[START + 86_400, MISSING]]


async def test_events_of_one_log_with_their_snapshot(store: Store) -> None:
    """Two events of one second keep their order."""
    with psycopg.connect(store.dsn, options="-c search_path=sim") as connection:
        connection.execute("INSERT INTO obis_codes (logical_name, class_id) VALUES ('a', 7), ('b', 7)")
    events: dict[str, Column] = {
        "meter_id": Uuid(np.frombuffer(METER.bytes, np.uint8)),
        "obis_code_id": Int4(np.array([1, 1, 2, 1])),
        "event_timestamp": Timestamp(START),
        "event_code": Int4(np.array([101, 102, 201, 51])),
        "event_type": Text("POWER_FAILURE"),
        "additional_data": Jsonb(['{"1.0.32.7.0.255:2": 229.5}', "{}", "{}", '{"1.0.32.7.0.255:2": null}']),
    }
    await store.write([encode_rows("event_logs", events)])
    cells = (Cell("event_code"), Cell("additional_data", 2, "1.0.32.7.0.255:2"))
    query = ProfileQuery(METER, "event_logs", "event_timestamp", cells, 100, obis_code_id=1)
    rows = await store.profile_rows(query)
    assert rows[:, 1:].tolist() == [[101, 22_950], [102, MISSING], [51, MISSING]]
    assert await store.profile_count(query) == 3


async def test_an_empty_buffer_has_its_columns(store: Store) -> None:
    rows = await store.profile_rows(ProfileQuery(METER, "instant_profile", "timestamp", (Cell("frequency", 2),), 1))
    assert rows.shape == (0, 2)


@pytest.mark.parametrize("cell", [Cell("nonsense"), Cell("status_word"), Cell("kwh_import", 0, "key")])
async def test_a_column_that_gives_no_number_is_our_bug(store: Store, cell: Cell) -> None:
    with pytest.raises(StoreError, match=cell.name):
        await store.profile_rows(replace(BLOCKS, columns=(cell,)))
