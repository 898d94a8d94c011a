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
from push_bench import ALERT_BODY, BOOK, notification, wrapped

from simulator.commands.pushed import labels
from simulator.headend import hearing
from simulator.headend.hearing import Acquainted, Hearer, Hearing
from simulator.hes.landing import Batch

SERIAL = "9160000007"
NOBODY = Acquainted({}, BOOK, labels(lambda _serial: "is15959-1ph", {}))
KNOWN = Acquainted({SERIAL: SERIAL, "MFL" + SERIAL: SERIAL}, BOOK, NOBODY.labels)


def listening(
    hand_in: Callable[[Batch], None], known: Acquainted = KNOWN, *, renew: Callable[[], Acquainted] | None = None
) -> Hearing:
    return Hearing(("127.0.0.1", 0), known, Hearer(ZoneInfo("Asia/Kolkata")), hand_in, renew=renew)


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
