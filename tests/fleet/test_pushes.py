# SPDX-License-Identifier: GPL-2.0-only
"""Pushes of a running fleet, received by the gurux listener: schedules, retries, windows, alerts, history."""

from __future__ import annotations

import asyncio
from collections import Counter

import numpy as np
import pytest
from live import free_port
from pushing_fleet import (
    ALERT,
    BLOCK,
    DAILY,
    DAY_MS,
    HOUR_MS,
    INSTANT,
    MINUTE_MS,
    PLAIN,
    REGISTRATION,
    SCHEDULE,
    book_of,
    heard,
    local,
    pushing,
)

from simulator.errors import UserError
from simulator.fleet import outbox, sender
from simulator.fleet.control import order
from simulator.headend.listener import Listener
from simulator.meter.push.times import SCHEDULE_TYPES
from simulator.meter.replacement import replace
from simulator.meter.supply import power_fails
from simulator.store.database import Store

COUNTS = dict(zip(SCHEDULE_TYPES, (96, 48, 24, 6, 3, 2, 1), strict=True))
_KEPT = """SELECT meter_number, logical_name, number_of_retries, schedule_type
           FROM sim.push_setups p JOIN sim.meters m ON m.id = p.meter_id JOIN sim.obis_codes o ON o.id = p.obis_code_id
           LEFT JOIN sim.push_schedules s ON s.push_setup_id = p.id ORDER BY meter_number, logical_name"""
TIMES = "array(structure(stamp-time,stamp-date))"


def entries(name: str) -> list[list[str]]:
    """Execution times as a profile writes them."""
    words = []
    for moment in SCHEDULE_TYPES[name]:
        hour, minute = ("*" if part == 0xFF else f"{part:02d}" for part in moment.time[:2])
        words.append([f"{hour}:{minute}:00.*", "*-*-*"])
    return words


async def test_seven_meters_push_by_the_seven_schedules_for_a_day(database: str) -> None:
    """S004-09: 96, 48, 24, 6, 3, 2, 1 pushes, each on its boundary; the one at midnight holds midnight's row."""
    async with (
        Listener() as ear,
        pushing(database, 7, PLAIN.format(port=ear.port), start="2025-06-01T00:00:30+05:30") as meters,
    ):
        for index, name in enumerate(COUNTS):
            assert await meters.set(index, 22, SCHEDULE, 4, TIMES, entries(name)) == 0
        await meters.step(DAY_MS)
        for index, (name, count) in enumerate(COUNTS.items()):
            fired = meters.history(INSTANT, index, "timestamp, status, trigger, schedule_id IS NOT NULL")
            assert len(fired) == count
            assert {row[1:] for row in fired} == {("SUCCESS", "SCHEDULE", True)}
            assert [local(row[0]) % (86_400 // count) for row in fired] == [0] * count
            (kept,) = meters.sql(
                "SELECT schedule_type, count(*) FROM sim.push_schedules p JOIN sim.schedule_entries e"
                " ON e.schedule_id = p.id JOIN sim.obis_codes o ON o.id = p.obis_code_id"
                " WHERE meter_id = %s AND logical_name = %s GROUP BY 1",
                meters.fleet.identity(index).id,
                SCHEDULE,
            )
            assert kept == (name, len(SCHEDULE_TYPES[name]))
        assert meters.sql("SELECT count(*) FROM sim.push_setups p JOIN sim.obis_codes o ON o.id = p.obis_code_id"
                          " WHERE o.class_id <> 40") == [(0,)]  # fmt: skip
        assert (
            meters.sql("SELECT logical_name FROM sim.push_objects EXCEPT SELECT logical_name FROM sim.obis_codes") == []
        )
        daily = await heard(ear, DAILY)
        assert daily.clock.isoformat() == "2025-06-02T00:00:00+05:30"
        (row,) = meters.sql(
            "SELECT cumulative_kwh_import FROM sim.daily_load_profile d JOIN sim.meters m ON m.id = d.meter_id"
            " WHERE m.meter_number = %s AND capture_date = '2025-06-02'",
            daily.device.removeprefix("MFL"),
        )
        assert float(daily.values[0].value.value) == pytest.approx(float(row[0]), rel=1e-6)


async def test_a_set_changes_the_next_firing_and_a_restart_knows_it(database: str) -> None:
    async with Listener() as ear:
        async with pushing(database, 2, PLAIN.format(port=ear.port)) as meters:
            await meters.step(50 * MINUTE_MS)
            assert await meters.set(0, 22, SCHEDULE, 4, TIMES, [["00:52:00.*", "*-*-*"]]) == 0
            await meters.step(2 * MINUTE_MS)
            minutes = [row[0].minute for row in meters.history(INSTANT, 0)]
            assert minutes == [15, 30, 45, 52]
            assert [row[0].minute for row in meters.history(INSTANT, 1)] == [15, 30, 45]
        async with pushing(database, 2, PLAIN.format(port=ear.port)) as meters:
            await meters.step(DAY_MS - HOUR_MS)
            await meters.step(HOUR_MS)
            assert [row[0].strftime("%d %H:%M") for row in meters.history(INSTANT, 0)][4:] == ["02 00:52"]
            assert len(meters.history(INSTANT, 1)) == 3 + 96


async def test_an_empty_schedule_pushes_nothing_and_is_told_as_disabled(database: str) -> None:
    async with Listener() as ear, pushing(database, 1, PLAIN.format(port=ear.port)) as meters:
        await meters.step(20 * MINUTE_MS)
        assert await meters.set(0, 22, SCHEDULE, 4, TIMES, []) == 0
        await meters.step(HOUR_MS)
        assert len(meters.history(INSTANT)) == 1
        assert meters.sql("SELECT count(*) FROM sim.active_schedules WHERE logical_name = %s", SCHEDULE) == [(0,)]


async def test_without_a_destination_nobody_pushes_and_rows_are_made_of_whom_a_client_looks_at(database: str) -> None:
    """S004-04: what a GET returns is what the row says. Meters that nobody asks have no rows."""
    async with pushing(database, 3, None) as meters:
        await meters.step(2 * HOUR_MS)
        await meters.happen([0], 201)
        await meters.step(MINUTE_MS)
        assert meters.sql("SELECT count(*) FROM sim.push_setups") == [(0,)]
        assert meters.alarms() == [("PENDING", 0)]
        assert await meters.get(1, 40, DAILY, 6) == b"\x11\x03"
        assert await meters.set(2, 22, SCHEDULE, 4, TIMES, [["00:52:00.*", "*-*-*"]]) == 0
        await meters.until(lambda: len(meters.sql(_KEPT)) == 2 * 7)
        kept = meters.sql(_KEPT)
        assert {row[0] for row in kept} == {meters.fleet.identity(index).serial for index in (1, 2)}
        assert next(row[2:] for row in kept if row[1] == DAILY) == (3, "TWENTY_FOUR_HOUR")
        types = {row[0]: row[3] for row in kept if row[1] == INSTANT}
        assert list(types.values()) == ["FIFTEEN_MIN", "TWENTY_FOUR_HOUR"]
    async with pushing(database, 3, None) as meters:
        assert await meters.get(1, 40, DAILY, 6) == b"\x11\x03"
        assert await meters.get(0, 22, SCHEDULE, 2) is not None
        await meters.until(lambda: len(meters.sql(_KEPT)) == 3 * 7)


async def test_a_listener_that_is_down_costs_all_retries_and_one_that_is_back_hears_the_next(database: str) -> None:
    """S004-19: number_of_retries 3: four attempts, repetition_delay apart."""
    port = free_port()
    async with pushing(database, 1, PLAIN.format(port=port)) as meters:
        await meters.step(19 * MINUTE_MS)
        tried = meters.history(INSTANT, 0, "to_char(timestamp, 'MI:SS'), status, retry_count, error_message")
        refused = "Connection refused"
        assert tried == [
            ("15:00", "RETRY", 0, refused),
            ("16:00", "RETRY", 1, refused),
            ("17:00", "RETRY", 2, refused),
            ("18:00", "FAILED", 3, refused),
        ]
        assert meters.history(INSTANT, 0, "to_char(told_at, 'MI:SS')") == [("15:00",)] * 4  # as the push itself says
        await meters.happen([0], 201)
        await meters.step(2 * MINUTE_MS)
        assert meters.alarms("a.status, a.retry_count, a.push_setup_id IS NOT NULL") == [("PENDING", 2, True)]
        await meters.step(2 * MINUTE_MS)
        (alarm,) = meters.alarms("a.status, a.retry_count, to_char(a.last_retry_timestamp, 'MI:SS')")
        assert alarm == ("FAILED", 3, "22:00")
        async with Listener(port=port) as ear:
            await meters.happen([0], 202)
            await meters.happen([0], 201)
            await meters.step(MINUTE_MS)
            assert {bit.bit for bit in (await heard(ear, ALERT)).alerts} == {86}
            assert {bit.bit for bit in (await heard(ear, ALERT)).alerts} == {81, 86}
            assert meters.alarms() == [("FAILED", 3), ("SENT", 0)]


async def test_a_confirmed_push_is_acknowledged_and_one_without_confirmation_retried(database: str) -> None:
    async with Listener() as ear, pushing(database, 1, f"127.0.0.1:{ear.port},confirmed,security=0") as meters:
        await meters.happen([0], 201)
        await meters.step(MINUTE_MS)
        assert meters.alarms() == [("ACKNOWLEDGED", 0)]
        assert meters.sql("SELECT acknowledged FROM sim.event_logs WHERE event_code = 201") == [(True,)]
        assert (await heard(ear, ALERT)).received.answer == "confirmed"


async def test_a_closed_window_delays_to_its_opening_and_a_random_start_stays_in_its_interval(database: str) -> None:
    async with (
        Listener() as ear,
        pushing(database, 3, PLAIN.format(port=ear.port), models=("every-class",)) as meters,
    ):
        window = [["*-*-* 02:00:00", "*-*-* 03:00:00"]]
        assert await meters.set(0, 40, INSTANT, 4, "array(structure(stamp,stamp))", window) == 0
        for index in (1, 2):
            assert await meters.set(index, 40, INSTANT, 5, "long-unsigned", 600) == 0
        await meters.set(0, 22, SCHEDULE, 4, TIMES, [["01:15:00.*", "*-*-*"], ["02:30:00.*", "*-*-*"]])
        await meters.step(4 * HOUR_MS)
        assert [row[0].strftime("%H:%M:%S") for row in meters.history(INSTANT, 0)] == ["02:00:00", "02:30:00"]
        late = [[local(row[0]) % 900 for row in meters.history(INSTANT, index)] for index in (1, 2)]
        assert all(0 <= wait <= 600 for waits in late for wait in waits)
        assert len(set(late[0])) > 10
        assert late[0] != late[1]


async def test_a_client_pushes_by_hand_where_it_may(database: str) -> None:
    async with Listener() as ear, pushing(database, 1, PLAIN.format(port=ear.port), models=("every-class",)) as meters:
        assert await meters.act(0, 40, BLOCK, 1) == 0
        assert await meters.act(0, 40, INSTANT, 1) == 0
        await meters.step(MINUTE_MS)
        assert meters.history(INSTANT, 0, "status, trigger, schedule_id") == [("SUCCESS", "MANUAL", None)]
        told = meters.history(BLOCK, 0, "status, error_message, payload")
        assert told == [("CANCELLED", "the profile has no row yet", None)]
        assert (await heard(ear, INSTANT)).clock.isoformat() == "2025-06-01T00:00:00+05:30"


@pytest.mark.parametrize(
    ("attribute", "kind", "value", "column", "told"),
    [
        (3, "structure(enum,octet-string,enum)", [1, "10.1.2.3:99", 0],
         "destination_and_method", "UDP 10.1.2.3:99 A-XDR"),
        (4, "array(structure(stamp,stamp))", [["*-*-* 02:00:00", "*-*-* 03:00:00"]], "communication_window",
         [["ffffffffff020000008000ff", "ffffffffff030000008000ff"]]),
        (5, "long-unsigned", 77, "randomisation_start_interval", 77),
        (6, "unsigned", 9, "number_of_retries", 9),
        (7, "structure(long-unsigned,long-unsigned,long-unsigned)", [5, 200, 50], "repetition_delay", 5),
    ],
)  # fmt: skip
async def test_a_set_of_a_setup_changes_answer_and_row_and_survives_a_restart(
    database: str, attribute: int, kind: str, value: object, column: str, told: object
) -> None:
    """S004-04."""
    select = (
        f"SELECT {column} FROM sim.push_setups p JOIN sim.obis_codes o ON o.id = p.obis_code_id"
        f" WHERE o.logical_name = '{DAILY}'"
    )
    async with pushing(database, 1, None, models=("every-class",)) as meters:
        assert await meters.set(0, 40, DAILY, attribute, kind, value) == 0
        answer = await meters.get(0, 40, DAILY, attribute)
        assert meters.sql(select) == [(told,)]
    async with pushing(database, 1, None, models=("every-class",)) as meters:
        assert await meters.get(0, 40, DAILY, attribute) == answer
        assert meters.sql(select) == [(told,)]


async def test_an_object_list_that_a_client_writes_is_what_is_pushed_and_what_the_rows_say(database: str) -> None:
    kind = "array(structure(long-unsigned,logical-name,integer,long-unsigned,structure(enum,any),array(any)))"
    none = [0, {"null-data": None}]
    wanted = [[1, "0.0.96.1.0.255", 2, 0, none, []], [3, "1.0.1.8.0.255", 3, 2, none, []]]
    rows = (
        "SELECT p.class_id, p.logical_name, attribute_index, data_index FROM sim.push_objects p"
        " JOIN sim.push_setups s ON s.id = push_setup_id JOIN sim.obis_codes o ON o.id = s.obis_code_id"
        f" WHERE o.logical_name = '{DAILY}' ORDER BY position"
    )
    async with Listener() as ear, pushing(database, 1, PLAIN.format(port=ear.port), models=("every-class",)) as meters:
        assert await meters.act(0, 40, DAILY, 1) == 0  # makes the rows
        await meters.step(MINUTE_MS)
        assert await meters.set(0, 40, DAILY, 2, kind, [[1, "9.9.9.9.9.255", 2, 0, none, []]]) != 0
        assert await meters.set(0, 40, DAILY, 2, kind, wanted) == 0
        assert meters.sql(rows) == [tuple(one[:4]) for one in wanted]
        assert await meters.act(0, 40, DAILY, 1) == 0
        await meters.step(MINUTE_MS)
        values = "SELECT v.value FROM sim.push_history_objects v JOIN sim.push_objects o ON o.id = v.push_object_id"
        assert meters.sql(f"{values} ORDER BY o.position") == [(meters.fleet.identity(0).serial,), (30,)]


async def test_other_defaults_of_a_run_are_in_the_rows_that_are_there_already(database: str) -> None:
    async with pushing(database, 1, "127.0.0.1:9,security=0") as meters:
        await meters.step(20 * MINUTE_MS)
    async with pushing(database, 1, "127.0.0.1:9,udp,security=0", schedule="EIGHT_HOUR") as meters:
        assert {row[0] for row in meters.sql("SELECT destination_and_method FROM sim.push_setups")} == {
            "UDP 127.0.0.1:9 A-XDR"
        }
        patterns = meters.sql("SELECT schedule_type, time_pattern FROM sim.active_schedules ORDER BY 2")
        assert patterns == [("EIGHT_HOUR", f"{hour:02X}:00:00:FF") for hour in (0, 8, 16)]


async def test_a_destination_that_is_no_name_fails_like_one_that_does_not_answer(database: str) -> None:
    async with pushing(database, 1, "nobody..here:4059,security=0") as meters:
        await meters.step(16 * MINUTE_MS)
        ((status, why), *_) = meters.history(INSTANT, 0, "status, error_message")
        assert status in ("RETRY", "FAILED")
        assert why


async def test_a_newer_push_takes_the_place_of_one_that_waits_to_be_sent_again(database: str) -> None:
    async with pushing(database, 1, PLAIN.format(port=free_port()), models=("every-class",)) as meters:
        await meters.set(0, 22, SCHEDULE, 4, TIMES, [["00:01:00.*", "*-*-*"], ["00:02:00.*", "*-*-*"]])
        await meters.step(10 * MINUTE_MS)
        told = meters.history(INSTANT, 0, "to_char(timestamp, 'MI:SS'), status, retry_count")
        assert told[:3] == [("01:00", "RETRY", 0), ("02:00", "CANCELLED", 1), ("02:00", "RETRY", 0)]
        assert told[3:] == [("03:00", "RETRY", 1), ("05:00", "RETRY", 2), ("09:00", "FAILED", 3)]  # 60, 120, 240 s


async def test_one_that_is_on_the_wire_when_a_newer_push_comes_is_not_sent_again(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told once, as what it came to, and its room in the outbox is given back once; the newer one goes on."""
    monkeypatch.setattr(sender, "_TIMEOUT_S", 60.0)
    monkeypatch.setattr(outbox, "_PATIENCE_S", 0.05)  # a queue before a head-end that is away takes as long
    hangs_up = asyncio.Event()
    hangs_up.set()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hangs_up.wait()
        writer.close()

    async with await asyncio.start_server(mute, "127.0.0.1", 0) as server:
        place = PLAIN.format(port=server.sockets[0].getsockname()[1]) + ",confirmed"
        async with pushing(database, 1, place, models=("every-class",)) as meters:
            await meters.set(0, 22, SCHEDULE, 4, TIMES, [["00:01:00.*", "*-*-*"], ["00:02:30.*", "*-*-*"]])
            await meters.step(90_000)
            hangs_up.clear()
            await meters.fleet.clock.turn(step_ms=90_000)  # at 02:00 once more, and at 02:30 the next one
            assert meters.fleet.pushes.outbox.under_way == 2
            hangs_up.set()
            for _ in range(3):
                await meters.step(HOUR_MS)
            told = meters.history(INSTANT, 0, "status, retry_count, error_message LIKE '%%newer push%%'")
            newer = {("RETRY", n, False): 1 for n in range(3)} | {("FAILED", 3, False): 1}
            assert Counter(told) - Counter(newer) == {("RETRY", 0, False): 1, ("FAILED", 1, True): 1}
            box = meters.fleet.pushes.outbox
            assert box._held == sum(map(len, box._again.values()))


async def test_what_waits_for_its_start_and_never_has_it_is_told(database: str) -> None:
    """Three wait for two o'clock; then one has no power, one is another meter, and one's fleet is stopped."""
    window = [["*-*-* 02:00:00", "*-*-* 03:00:00"]]
    async with Listener() as ear:
        async with pushing(database, 3, PLAIN.format(port=ear.port), models=("every-class",)) as meters:
            identities = [meters.fleet.identity(index).id for index in range(3)]
            for index in range(3):
                assert await meters.set(index, 40, INSTANT, 4, "array(structure(stamp,stamp))", window) == 0
                assert await meters.act(index, 40, INSTANT, 1) == 0
            await meters.step(MINUTE_MS)
            (cohort,), now = meters.fleet.cohorts, meters.fleet.clock.now_ms
            await power_fails(cohort, np.array([0]), now())
            await replace(cohort, np.array([1]), now())
            await meters.step(3 * HOUR_MS)
            await meters.act(2, 40, INSTANT, 1)
            await meters.step(HOUR_MS)  # it waits for tomorrow
        told = "SELECT error_message FROM sim.push_history h JOIN sim.push_setups s ON s.id = h.push_setup_id"
        told = f"{told} WHERE meter_id = %s AND trigger = 'MANUAL' AND status = 'CANCELLED'"
        reasons = [meters.sql(told, identity) for identity in identities]
        assert reasons == [
            [("the meter is without power",)], [("the meter was replaced",)], [("the fleet was stopped",)],
        ]  # fmt: skip


async def test_what_finds_no_room_in_the_outbox_is_told(database: str) -> None:
    async with Listener() as ear, pushing(database, 3, PLAIN.format(port=ear.port)) as meters:
        meters.fleet.pushes.outbox.room = 2
        await meters.step(16 * MINUTE_MS)
        told = [meters.history(INSTANT, index, "status, error_message")[0] for index in range(3)]
        assert told == [("SUCCESS", None), ("SUCCESS", None), ("CANCELLED", "the outbox is full")]


WAYS = ("udp", "hdlc", "udp,hdlc", "udp,hdlc,confirmed,security=30", "udp,confirmed", "hdlc,confirmed,security=20")


@pytest.mark.parametrize("words", [*WAYS, "security=10"])
async def test_every_way_and_protection_reaches_the_listener(database: str, words: str) -> None:
    async with Listener() as ear, pushing(database, 1, f"127.0.0.1:{ear.port},{words}") as meters:
        ear.unsealer.keys = book_of(meters)
        await meters.step(16 * MINUTE_MS)
        note = await heard(ear, INSTANT)
        assert note.clock.isoformat() == "2025-06-01T00:15:00+05:30"
        way = note.received.transport, note.received.framing
        assert way == ("udp" if "udp" in words else "tcp", "hdlc" if "hdlc" in words else "wrapper")
        assert (note.received.answer == "confirmed") == ("confirmed" in words)
        assert meters.history(INSTANT, 0, "status, payload") == [("SUCCESS", note.received.apdu)]


async def test_a_push_list_and_a_push_by_hand_on_a_running_fleet(database: str) -> None:
    async with Listener() as ear, pushing(database, 3, PLAIN.format(port=ear.port)) as meters:
        store = await Store.open(database)
        assert await order(store, "push", meters="1,3", setup=ALERT) == {"meters": 2, "pushing": 2, "within_s": 0}
        with pytest.raises(UserError, match="no push setup"):
            await order(store, "push", meters="1", setup="1.2.3.4.5.6")
        await meters.step(1_000)
        listed = await store.incidents.pushes(status="SUCCESS", limit=2)
        assert [(row["setup"], row["trigger"]) for row in listed] == [(ALERT, "MANUAL")] * 2
        await store.close()


async def test_who_orders_a_push_that_is_spread_is_told_until_when(database: str) -> None:
    """randomisation_start_interval of self registration is 300 s."""
    by_hand = "SELECT count(*) FROM sim.push_history WHERE trigger = 'MANUAL'"
    async with Listener() as ear, pushing(database, 5, PLAIN.format(port=ear.port)) as meters:
        store = await Store.open(database)
        told = await order(store, "push", meters="all", setup=REGISTRATION)
        await store.close()
        assert told["pushing"] == 5
        assert 1 < told["within_s"] <= 300
        await meters.step((told["within_s"] - 1) * 1000)
        before = meters.sql(by_hand)
        await meters.step(1000)
        assert before < meters.sql(by_hand) == [(5,)]
