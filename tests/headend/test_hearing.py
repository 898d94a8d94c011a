# SPDX-License-Identifier: GPL-2.0-only
"""The thread that listens for pushes: nothing that goes wrong in it ends it in silence."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import socket
from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest
from live import eventually
from push_bench import ALERT_BODY, BLOCK, BOOK, HEAD, STAMP, notification, wrapped

from simulator.commands.pushed import labels
from simulator.cosem.status_word import octets_of, status_bits
from simulator.headend import hearing
from simulator.headend.hearing import Acquainted, Hearer, Hearing
from simulator.headend.notifications import Decoder, Notification, Received
from simulator.headend.pushlists import PushLists
from simulator.headend.unsealing import Opened
from simulator.headend.values import ScalerUnit
from simulator.hes.landing import Batch
from simulator.hes.tables import ENERGY, EVENTS

SERIAL = "9160000007"
NOBODY = Acquainted({}, BOOK, labels(lambda _serial: "is15959-1ph", {}))
KNOWN = Acquainted({SERIAL: SERIAL, "MFL" + SERIAL: SERIAL}, BOOK, NOBODY.labels)


def listening(
    hand_in: Callable[[Batch], None], known: Acquainted = KNOWN, *, renew: Callable[[], Acquainted] | None = None
) -> Hearing:
    return Hearing(("127.0.0.1", 0), known, Hearer(ZoneInfo("Asia/Kolkata")), hand_in, renew=renew)


_LISTED = [
    (1, "0.0.96.1.2.255", 2), (40, "0.5.25.9.0.255", 1), (8, "0.0.1.0.0.255", 2), (3, "1.0.12.27.0.255", 2),
    (3, "1.0.1.29.0.255", 2),
]  # fmt: skip
MAGNET, COVER, GASP, BREATH = 81, 83, 85, 86
_FIRST = dt.datetime(2025, 6, 1, 10, 15, tzinfo=dt.UTC)


def told(hearer: Hearer, minute: int, *bits: int) -> dict[str, list[int]]:
    """Codes of rows of public.meter_events by their source, after an alert with these bits."""
    received = Received(_FIRST, "127.0.0.1:1", "tcp", "wrapper", b"", Opened(b"", meter=SERIAL), "")
    alerts = tuple(status_bits()[bit] for bit in bits)
    clock = _FIRST + dt.timedelta(minutes=minute)
    batch = hearer.file(Notification(received, setup="0.4.25.9.0.255", clock=clock, alerts=alerts))
    found: dict[str, list[int]] = {}
    for row in batch.rows[EVENTS][SERIAL]:
        assert row[0] == clock
        found.setdefault(row[EVENTS.columns.index("source") - 1], []).append(row[1])
    return found


def hearer_with(**words: bytes) -> Hearer:
    hearer = Hearer(dt.UTC, words=words)
    hearer.know({SERIAL: SERIAL})
    return hearer


def test_an_alert_is_an_alarm_of_what_it_tells_anew() -> None:
    """S001-04, S001-19: bits that stay set (IS 15959: first breath until the next outage) are no new event."""
    hearer = hearer_with()
    assert told(hearer, 0, MAGNET, BREATH) == {"PUSH_ALARM": [201]}
    assert told(hearer, 1, MAGNET, COVER, BREATH) == {"PUSH_ALARM": [251], "ESW_DIFF": [251]}
    assert told(hearer, 2, COVER, BREATH) == {"ESW_DIFF": [202]}
    assert told(hearer, 3, COVER, GASP) == {"PUSH_ALARM": [101], "ESW_DIFF": [101]}
    assert told(hearer, 4, COVER, BREATH) == {"PUSH_ALARM": [102], "ESW_DIFF": [102]}


def test_an_event_without_an_end_is_told_again_and_a_repeated_push_is_not() -> None:
    """Once its bit is set, the word of a cover that is opened again is the same (IS 15959)."""
    hearer = hearer_with()
    assert told(hearer, 0, COVER, BREATH) == {"PUSH_ALARM": [251]}
    assert told(hearer, 0, COVER, BREATH) == {}
    assert told(hearer, 9, COVER, BREATH) == {"PUSH_ALARM": [251]}


def test_a_head_end_that_starts_anew_knows_the_last_word() -> None:
    hearer = hearer_with(**{SERIAL: octets_of(status_bits()[bit] for bit in (MAGNET, BREATH))})
    assert told(hearer, 1, COVER, BREATH) == {"PUSH_ALARM": [251], "ESW_DIFF": [251, 202]}


def test_a_push_whose_list_is_not_known_is_said_once_and_filed_when_its_meter_has_told_it() -> None:
    """Without a scaler, too: the value would be wrong by powers of ten."""
    lists = PushLists({(SERIAL, "0.5.25.9.0.255"): _LISTED}, {})
    hearer, decoder = hearer_with(), Decoder(lists.labels)
    received = Received(_FIRST, "127.0.0.1:1", "tcp", "wrapper", b"", Opened(notification(), meter=SERIAL), "")
    first, again = (hearer.file(decoder.decode(received)) for _ in range(2))
    assert [(entry.event_type, entry.serial) for entry in first.log] == [("PUSH_LIST_UNKNOWN", SERIAL)]
    assert not first.rows
    assert not again.log
    lists.told(SERIAL, {(3, "1.0.12.27.0.255"): ScalerUnit(0, "V"), (3, "1.0.1.29.0.255"): ScalerUnit(1, "Wh")})
    (row,) = hearer.file(decoder.decode(received)).rows[ENERGY][SERIAL]
    assert row[ENERGY.columns.index("value") - 1] == 70


async def push(ear: Hearing) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", ear.port)
    writer.write(wrapped(notification(ALERT_BODY)))
    writer.close()
    await writer.wait_closed()


def is_taken(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


async def test_an_inventory_that_we_stumble_over_costs_no_push(caplog: pytest.LogCaptureFixture) -> None:
    handed: list[Batch] = []

    def renew() -> Acquainted:
        raise KeyError("device_id")

    with listening(handed.append, NOBODY, renew=renew) as ear:
        for number in (1, 2):
            await push(ear)
            await asyncio.to_thread(eventually, lambda number=number: len(handed) == number)
    assert [entry.event_type for batch in handed for entry in batch.log] == ["UNKNOWN_METER"] * 2
    assert ear.bugs == 1  # it is not asked again at once
    assert [record.exc_info is not None for record in caplog.records] == [True]


async def test_a_listener_that_has_ended_by_our_mistake_is_opened_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """At the same place, for meters know no other; a meter that was not heard pushes again."""
    monkeypatch.setattr(hearing, "_REST_S", 0.05)
    handed: list[Batch] = []

    def hand_in(batch: Batch) -> None:
        handed.append(batch)
        assert len(handed) > 1, "a mistake"

    with listening(hand_in) as ear:
        await push(ear)
        await asyncio.to_thread(eventually, lambda: ear.bugs)
        await asyncio.to_thread(eventually, lambda: is_taken(ear.port))
        await push(ear)
        await asyncio.to_thread(eventually, lambda: len(handed) == 2)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert ear.bugs == 1


def test_what_goes_wrong_before_it_listens_is_told_to_who_opens_it() -> None:
    ear = Hearing(("127.0.0.1", 70_000), KNOWN, Hearer(dt.UTC), lambda _batch: None)
    with pytest.raises(OverflowError), ear:
        pass


@pytest.mark.parametrize(("status", "verdict"), [(0x00, (192, ())), (0x01, (64, (1, 4))), (0xFF, (192, ()))])
def test_a_push_whose_clock_calls_itself_invalid_brings_invalid_readings(
    status: int, verdict: tuple[int, tuple[int, ...]]
) -> None:
    """Clock status bit 0 (Blue Book 4.1.6.1), in the head of what is pushed; FF: not specified."""
    clock = b"\x09\x0c" + STAMP[:-1] + bytes((status,))
    body = b"\x02\x0a" + HEAD + BLOCK + clock + b"\x17\x43\x66\x80\x00" + b"\x17\x3d\xcc\xcc\xcd" * 6
    apdu = notification(body)
    received = Received(dt.datetime.now(dt.UTC), "", "tcp", "wrapper", apdu, Opened(apdu), "")
    hearer = Hearer(ZoneInfo("Asia/Kolkata"))
    hearer.know(KNOWN.serials)
    filed = hearer.file(Decoder(KNOWN.labels).decode(received)).rows[ENERGY][SERIAL]
    rows = [dict(zip(ENERGY.columns[1:], row, strict=True)) for row in filed]
    assert [(row["quality"], row["validation_flags"]) for row in rows] == [verdict] * 4
