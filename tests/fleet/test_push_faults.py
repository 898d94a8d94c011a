# SPDX-License-Identifier: GPL-2.0-only
"""Pushes over links that have faults: what the gurux listener hears of them, and what the history says."""

from __future__ import annotations

import time
from typing import Any

import pytest
from pushing_fleet import INSTANT, MINUTE_MS, PLAIN, Pushing, book_of, heard, pushing

from simulator.fleet import push_links, sender
from simulator.fleet.links import understood
from simulator.headend.listener import Listener
from simulator.headend.notifications import Notification

TOLD = "status, retry_count, error_message"
WAIT_S = 3.0  # for what never comes


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "_TIMEOUT_S", WAIT_S)


def afflict(meters: Pushing, index: int, *faults: dict[str, Any]) -> None:
    meters.fleet.links.set(range(index, index + 1), understood(list(faults)))


async def waiting(ear: Listener) -> dict[str, list[Notification]]:
    """What has come, by the meter's serial; pushes that cannot be read stand under "?"."""
    found: dict[str, list[Notification]] = {}
    while ear.waiting:
        note = await ear.next(1)
        found.setdefault("?" if note.problem else note.device.removeprefix("MFL"), []).append(note)
    return found


async def registered(meters: Pushing, ear: Listener) -> None:
    """Until a minute before the first instant push; what came is passed over."""
    await meters.step(14 * MINUTE_MS)
    await waiting(ear)


async def test_each_fault_does_to_a_push_what_it_does_to_an_answer(database: str) -> None:
    """One meter each; the four that wait in vain wait at the same time."""
    refused, reset = "Connection refused (fault: refuse)", "Connection reset by peer (fault: reset_at_byte)"
    expected: list[tuple[dict[str, Any], int, list[tuple[str, int, str | None]]]] = [  # how often heard, the history
        ({"duplicate": 1}, 2, [("SUCCESS", 0, "fault: duplicate")]),
        ({"drop": 1}, 0, [("SUCCESS", 0, "fault: drop")]),
        ({"drop": 1, "only": "requests"}, 1, [("SUCCESS", 0, None)]),  # nobody asked for a confirmation
        ({"refuse": 1, "times": 2}, 1, [("RETRY", 0, refused), ("RETRY", 1, refused), ("SUCCESS", 2, None)]),
        ({"reset_at_byte": 40, "times": 1}, 1, [("RETRY", 0, reset), ("SUCCESS", 1, None)]),
        ({"one_client": True}, 1, [("SUCCESS", 0, None)]),  # nobody is refused by his own call
        ({"half_open": 0, "times": 1}, 1, [
            ("RETRY", 0, f"no acknowledgement within {WAIT_S:g} s (fault: half_open)"), ("SUCCESS", 1, None)]),
        ({"aare_reject": 1}, 1, [("SUCCESS", 0, None)]),  # of answers only
        ({"loss": 1, "retransmission": "10ms"}, 1, [("SUCCESS", 0, None)]),  # sent again below us
    ]  # fmt: skip
    async with Listener() as ear, pushing(database, len(expected) + 1, PLAIN.format(port=ear.port)) as meters:
        await registered(meters, ear)
        for index, (fault, _, _) in enumerate(expected):
            afflict(meters, index, fault)
        await meters.step(6 * MINUTE_MS)
        came = await waiting(ear)
        for index, (fault, count, told) in enumerate(expected):
            assert len(came.get(meters.fleet.identity(index).serial, [])) == count, fault
            assert meters.history(INSTANT, index, TOLD) == told, fault
        assert meters.history(INSTANT, len(expected), TOLD) == [("SUCCESS", 0, None)]
        first, second = came[meters.fleet.identity(0).serial]
        assert first.received.apdu == second.received.apdu


async def test_a_confirmation_that_gets_lost_makes_the_push_come_again(database: str) -> None:
    lost = {"drop": 1, "only": "requests", "times": 1}
    async with Listener() as ear, pushing(database, 1, f"127.0.0.1:{ear.port},confirmed,security=0") as meters:
        await registered(meters, ear)
        afflict(meters, 0, lost)
        await meters.step(3 * MINUTE_MS)
        assert meters.history(INSTANT, 0, TOLD) == [("RETRY", 0, "no confirmation came (fault: drop)"),
                                                    ("SUCCESS", 1, None)]  # fmt: skip
        (notes,) = (await waiting(ear)).values()
        assert [note.received.answer for note in notes] == ["confirmed", "confirmed"]
        assert notes[0].items == notes[1].items


async def test_a_late_push_is_heard_late_and_its_time_is_that_of_its_sending(database: str) -> None:
    late = ({"delay": "150ms"}, {"late_last_frame": "150ms"}, {"bandwidth": 10_000})  # some 220 octets: 0.18 s
    async with Listener() as ear, pushing(database, 2, PLAIN.format(port=ear.port)) as meters:
        await registered(meters, ear)
        afflict(meters, 0, *late)
        begun = time.monotonic()
        await meters.fleet.clock.turn(step_ms=MINUTE_MS)
        slow, quick = (meters.fleet.identity(index).serial for index in (0, 1))
        await heard(ear, INSTANT, serial=quick)
        note = await heard(ear, INSTANT, serial=slow)
        assert 0.4 < time.monotonic() - begun < 20
        assert note.clock.isoformat() == "2025-06-01T00:15:00+05:30"
        assert await meters.until(lambda: meters.history(INSTANT, 0, TOLD)) == [("SUCCESS", 0, None)]


async def test_a_ciphered_push_with_a_wrong_tag_a_lowered_counter_or_a_wrong_bit(database: str) -> None:
    async with Listener() as ear, pushing(database, 3, f"127.0.0.1:{ear.port}") as meters:
        ear.unsealer.keys = book_of(meters)
        await registered(meters, ear)
        afflict(meters, 0, {"bad_tag": 1})
        afflict(meters, 1, {"counter_shift": -1})
        afflict(meters, 2, {"corrupt": 1})
        await meters.step(2 * MINUTE_MS)
        came = await waiting(ear)
        (shifted,) = came[meters.fleet.identity(1).serial]
        assert shifted.received.opened.remark == "repeated"
        assert all(note.problem for note in came.pop("?"))
        assert list(came) == [meters.fleet.identity(1).serial]
        told = [meters.history(INSTANT, index, TOLD) for index in range(3)]
        assert told == [[("SUCCESS", 0, f"fault: {name}")] for name in ("bad_tag", "counter_shift", "corrupt")]
        ((payload,),) = meters.history(INSTANT, 1, "payload")
        assert payload == shifted.received.apdu


async def test_a_clock_that_cannot_be_trusted_says_so_in_what_it_pushes(database: str) -> None:
    """Clock status bit 0 (Blue Book 4.1.6.1), in a ciphered push."""
    async with Listener() as ear, pushing(database, 2, f"127.0.0.1:{ear.port}") as meters:
        ear.unsealer.keys = book_of(meters)
        await registered(meters, ear)
        afflict(meters, 0, {"clock_status": "invalid"})
        await meters.step(2 * MINUTE_MS)
        came = await waiting(ear)
        (bad,), (good,) = (came[meters.fleet.identity(index).serial] for index in (0, 1))
        assert (bad.clock_status, good.clock_status) == (1, 0)
        assert bad.clock == good.clock
        assert meters.history(INSTANT, 0, TOLD) == [("SUCCESS", 0, "fault: clock_status")]


@pytest.mark.parametrize("words", ["udp", "hdlc"])
async def test_other_ways_have_faults_of_their_own(database: str, words: str) -> None:
    """UDP loses its datagrams, or brings them twice; a frame of HDLC has a check sequence (IEC 62056-46 6.4.4.4.2)."""
    faults: list[dict[str, Any]] = [{"duplicate": 1}, {"loss": 1} if words == "udp" else {"bad_fcs": 1}]
    async with Listener() as ear, pushing(database, 2, f"127.0.0.1:{ear.port},{words},security=0") as meters:
        await registered(meters, ear)
        for index, fault in enumerate(faults):
            afflict(meters, index, fault)
        await meters.step(2 * MINUTE_MS)
        for _ in range(2):
            await heard(ear, INSTANT, serial=meters.fleet.identity(0).serial)
        told = [meters.history(INSTANT, index, TOLD) for index in (0, 1)]
        assert told == [[("SUCCESS", 0, f"fault: {next(iter(fault))}")] for fault in faults]
        assert meters.fleet.identity(1).serial not in await waiting(ear)


async def test_what_is_lost_is_a_matter_of_the_seed_and_not_of_who_reads_the_meter(
    database: str, postgres: Any
) -> None:
    """Two runs, of which the second is called by clients that meet the same faults."""

    async def fates(dsn: str, *, reads: bool) -> list[list[tuple[Any, ...]]]:
        async with Listener() as ear, pushing(dsn, 12, PLAIN.format(port=ear.port)) as meters:
            meters.fleet.links.set(range(12), understood({"drop": 0.5}))
            for _ in range(3):
                await meters.step(15 * MINUTE_MS)
                for index in range(12) if reads else ():
                    meters.fleet.links.book.draw(index, "Drop")
            return [meters.history(INSTANT, index, TOLD) for index in range(12)]

    postgres.ensure_database("fates")
    first, second = await fates(database, reads=False), await fates(postgres.dsn("fates"), reads=True)
    assert first == second
    lost = sum(told[2] is not None for row in first for told in row)
    assert 6 < lost < 30  # of 36


async def test_a_link_profile_holds_back_what_is_pushed_and_nothing_else_waits_for_it(database: str) -> None:
    """gprs: 650 ms and more."""
    async with Listener() as ear, pushing(database, 3, PLAIN.format(port=ear.port), link="gprs") as meters:
        await registered(meters, ear)
        before, begun = ear.received.pushes, time.monotonic()
        await meters.fleet.clock.turn(step_ms=MINUTE_MS)
        await meters.until(lambda: ear.received.pushes == before + 3)
        assert 0.65 < time.monotonic() - begun < 20
        await meters.step(MINUTE_MS)
        assert [meters.history(INSTANT, index, TOLD) for index in range(3)] == [[("SUCCESS", 0, None)]] * 3


async def test_a_fault_of_one_meter_costs_the_pushes_of_others_nothing(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def crossing(*_: Any, **__: Any) -> None:
        made.append(1)

    async with pushing(database, 3, "127.0.0.1:9,udp,security=0") as meters:
        afflict(meters, 1, {"drop": 1})
        monkeypatch.setattr(push_links, "Series", crossing)
        monkeypatch.setattr(push_links, "Crossing", crossing)
        await meters.step(16 * MINUTE_MS)
        assert [len(meters.history(INSTANT, index, TOLD)) for index in range(3)] == [1, 1, 1]
        assert len(made) == 2 * 2  # a series and a crossing, for registration and instant
