# SPDX-License-Identifier: GPL-2.0-only
"""What versions 1 and 2 of the Push setup add: to whom and how protected, when a push counts as delivered, and what a
meter cannot follow (Blue Book 4.4.8.2)."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from pushing_fleet import INSTANT, MINUTE_MS, PLAIN, UTILITY, book_of, heard, pushing

from simulator.fleet import sender
from simulator.fleet.sender import Order, Sender
from simulator.headend.listener import Listener
from simulator.meter.push.setup import Destination, Service

LISTED = "array(structure(long-unsigned,logical-name,integer,long-unsigned,structure(enum,any),array(any)))"
_KEY_INFO = "structure(enum,structure(enum))"
PROTECTION = f"array(structure(enum,structure({'octet-string,' * 4}{_KEY_INFO})))"


def protection(kind: int, *, recipient: str = "") -> list[Any]:
    return [[kind, ["", "", recipient, "", [0, [0]]]]]


async def test_a_setup_says_to_whom_a_push_goes_and_how_it_is_protected(database: str) -> None:
    """push_client_SAP and push_protection_parameters (Blue Book 4.4.8.2, version 1), in the frame and under the key."""
    async with Listener() as ear, pushing(database, 1, PLAIN.format(port=ear.port), models=("every-class",)) as meters:
        ear.unsealer.keys = book_of(meters, client=UTILITY)
        assert await meters.set(0, 40, INSTANT, 9, "integer", UTILITY) == 0
        for kind, control in ((0, 0x10), (1, 0x20), (2, 0x30)):
            assert await meters.set(0, 40, INSTANT, 10, PROTECTION, protection(kind)) == 0
            assert await meters.act(0, 40, INSTANT, 1) == 0
            await meters.step(1_000)
            note = await heard(ear, INSTANT)
            assert (note.problem, note.received.opened.control) == ("", control)


REFUSED, DENIED, MISMATCH = 250, 3, 12
NONE: list[Any] = [0, {"null-data": None}]
DESTINATION = "structure(enum,octet-string,enum)"
SCALERS, LOAD = "1.0.94.91.4.255", "1.0.99.1.0.255"


def listed(
    data_index: int = 0, restriction: list[Any] = NONE, columns: tuple[str, ...] = (), *, code: str = LOAD
) -> list[Any]:
    kind = "structure(long-unsigned,logical-name,integer,long-unsigned)"
    captured = [{kind: [3 if name.startswith("1") else 8, name, 2, 0]} for name in columns]
    return [[7, code, 2, data_index, restriction, captured]]


def by(kind: int, part: str, *values: Any) -> list[Any]:
    return [kind, {f"structure({','.join([part] * len(values))})": list(values)}]


def dates(*moments: str) -> list[Any]:
    return by(1, "stamp", *moments)


def entries(*numbers: int) -> list[Any]:
    return by(2, "long-unsigned", *numbers)


CLOCK, ENERGY, STRANGE = "0.0.1.0.0.255", "1.0.1.29.0.255", "1.0.99.99.0.255"


async def test_what_a_meter_cannot_follow_is_refused(database: str) -> None:
    june = ("2025-06-01 00:00:00", "2025-06-02 00:00:00")
    cases: list[tuple[int, str, Any, int]] = [
        (3, DESTINATION, [4, "+911234567", 0], REFUSED),  # a short message
        (3, DESTINATION, [0, "10.0.0.1:4059", 1], REFUSED),  # XML
        (3, DESTINATION, [0, "host:0", 0], REFUSED),
        (3, DESTINATION, [4, "", 0], 0),  # nobody, whatever the service
        (8, "logical-name", "0.0.22.0.0.255", 0),
        (8, "logical-name", "9.9.9.9.9.255", REFUSED),  # nothing that it has
        (8, "logical-name", "0.0.25.1.0.255", REFUSED),  # no port
        (9, "integer", 99, REFUSED),  # nobody
        (10, PROTECTION, protection(3), REFUSED),  # signed
        (10, PROTECTION, protection(2, recipient="434c493132333435"), REFUSED),  # general-ciphering says this
        (11, "enum", 3, REFUSED),
        (13, "stamp", "2025-06-01 00:00:00", DENIED),  # the meter's own
        (2, LISTED, listed(0x1003), 0),
        (2, LISTED, listed(0x9001), REFUSED),
        (2, LISTED, listed(0x1003, dates(*june)), REFUSED),  # two selections
        (2, LISTED, listed(0, dates(*june)), 0),
        (2, LISTED, listed(0, entries(2, 0)), 0),
        (2, LISTED, listed(0, NONE, (CLOCK, ENERGY)), 0),
        (2, LISTED, listed(0, NONE, (CLOCK, STRANGE)), REFUSED),  # not captured
        (2, LISTED, listed(0, by(3, "unsigned", 1, 2)), MISMATCH),
        (2, LISTED, listed(0, dates(june[0])), MISMATCH),
        (2, LISTED, listed(0, by(1, "octet-string", "now", "then")), MISMATCH),
        (2, LISTED, listed(0, entries(3, 2)), MISMATCH),
        (2, LISTED, listed(0, [1, {"unsigned": 5}]), MISMATCH),
        (2, LISTED, listed(0, entries(1, 1), code=SCALERS), REFUSED),  # whole or not at all
        (2, LISTED, [[3, "1.0.1.8.0.255", 2, 0, entries(1, 2), []]], REFUSED),  # no profile
        (2, LISTED, [[3, "1.0.1.8.0.255", -1, 0, NONE, []]], REFUSED),
    ]
    async with pushing(database, 1, None, models=("every-class",)) as meters:
        for attribute, kind, value, result in cases:
            before = await meters.get(0, 40, INSTANT, attribute)
            assert await meters.set(0, 40, INSTANT, attribute, kind, value) == result, (attribute, value)
            assert (await meters.get(0, 40, INSTANT, attribute) == before) == (result != 0)


CONFIRMATION = "structure(stamp,double-long-unsigned)"


@pytest.mark.parametrize(
    ("start", "interval_s", "confirmed"),
    [
        ("*-*-* *:*:*", 0, [True] * 6),  # no limit
        ("*-*-* *:*:*", 1800, [True, False, True, False, True, False]),
        ("2025-06-01 00:30:00", 0, [False, True, True, True, True, True]),
        ("2025-06-01 00:30:00", 3600, [False, True, False, False, False, True]),
        ("*-*-* 01:00:00", 3600, [True, False, False, True, False, False]),  # of every day
    ],
)
async def test_confirmation_parameters_say_which_pushes_ask_for_a_confirmation(
    database: str, start: str, interval_s: int, confirmed: list[bool]
) -> None:
    """From a start on, and one in so many seconds (Blue Book 4.4.8.2, version 2); six pushes, a quarter of an hour
    apart."""
    async with Listener() as ear, pushing(database, 1, PLAIN.format(port=ear.port), models=("every-class",)) as meters:
        assert await meters.set(0, 40, INSTANT, 11, "enum", 2) == 0
        assert await meters.set(0, 40, INSTANT, 12, CONFIRMATION, [start, interval_s]) == 0
        for _ in confirmed:
            await meters.step(15 * MINUTE_MS)
        answers = [(await heard(ear, INSTANT)).received.answer for _ in confirmed]
        assert [answer == "confirmed" for answer in answers] == confirmed
        assert meters.history(INSTANT, 0, "status") == [("SUCCESS",)] * 6


async def test_the_last_confirmation_is_shown_and_survives_a_restart(database: str) -> None:
    """push_operation_method 2 and last_confirmation_date_time (Blue Book 4.4.8.2, version 2)."""
    async with Listener() as ear:
        place = PLAIN.format(port=ear.port)
        async with pushing(database, 2, place, models=("every-class",)) as meters:
            never = await meters.get(0, 40, INSTANT, 13)
            assert await meters.set(0, 40, INSTANT, 11, "enum", 2) == 0
            for index in (0, 1):
                assert await meters.act(index, 40, INSTANT, 1) == 0
            await meters.step(MINUTE_MS)
            shown = await meters.get(0, 40, INSTANT, 13)
            assert shown[2:9].hex() == "07e9060107" + "0000"  # midnight of 1 June 2025, a Sunday
            assert await meters.get(1, 40, INSTANT, 13) == never  # unconfirmed
        async with pushing(database, 2, place, models=("every-class",)) as meters:
            assert await meters.get(0, 40, INSTANT, 13) == shown
            assert await meters.act(0, 40, INSTANT, 2) == 0
            assert await meters.get(0, 40, INSTANT, 13) == never


@pytest.mark.parametrize(("acknowledged", "why"), [(False, None), (True, "no confirmation came")])
async def test_what_the_peers_tcp_has_not_acknowledged_is_not_delivered(
    monkeypatch: pytest.MonkeyPatch, acknowledged: bool, why: str | None
) -> None:
    """push_operation_method 1: a peer that does not read leaves the end of a long push unacknowledged."""
    monkeypatch.setattr(sender, "_TIMEOUT_S", 1.0)
    told: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
    with socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        peer.bind(("127.0.0.1", 0))
        peer.listen()
        destination = Destination(Service.TCP, *peer.getsockname())
        outbox = Sender()
        outbox.send(Order(bytes(60_000), destination, None, None, told.set_result, acknowledged))
        assert await told == why
        await outbox.close()


async def test_what_it_has_acknowledged_is(database: str) -> None:
    async with Listener() as ear, pushing(database, 1, PLAIN.format(port=ear.port), models=("every-class",)) as meters:
        assert await meters.set(0, 40, INSTANT, 11, "enum", 1) == 0
        assert await meters.act(0, 40, INSTANT, 1) == 0
        await meters.step(MINUTE_MS)
        assert meters.history(INSTANT, 0, "status") == [("SUCCESS",)]
        assert (await heard(ear, INSTANT)).received.answer == ""
