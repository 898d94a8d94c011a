# SPDX-License-Identifier: GPL-2.0-only
"""The push listener on real sockets: framings, forms of protection, peers of all kinds."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import itertools
import socket
from collections.abc import AsyncIterator

import pytest
from gurux_dlms.enums import InterfaceType
from push_bench import (
    ALERT_BODY,
    BLOCK_BODY,
    BOOK,
    CONFIRMED,
    EK,
    PAIR,
    STAMP,
    TITLE,
    by_gurux,
    call,
    in_hdlc,
    notification,
    sealed,
    values,
    wrapped,
)

from simulator.headend import listening
from simulator.headend.confirming import Confirmer, Trouble
from simulator.headend.keybook import KeyBook, KeyPair, Owner
from simulator.headend.listener import Listener
from simulator.headend.notifications import Decoder, Label
from simulator.headend.unsealing import Unsealer, gurux_reveal, reveal
from simulator.wire import ciphering

WAIT_S = 30.0
INDIA = dt.timezone(dt.timedelta(hours=5, minutes=30))


@pytest.fixture
async def ear() -> AsyncIterator[Listener]:
    async with Listener(keys=BOOK) as ear:
        yield ear


async def test_a_plain_push_of_the_layout_of_is_15959(ear: Listener) -> None:
    await call(ear, wrapped(notification(sent=STAMP)))
    note = await ear.next(WAIT_S)
    assert note.problem == ""
    assert (note.device, note.setup, note.invoke_id) == ("MFL9160000007", "0.5.25.9.0.255", 7)
    assert note.clock == note.sent == dt.datetime(2025, 6, 1, 10, 15, tzinfo=INDIA)
    assert values(note) == [230.4, 7]
    assert (note.received.transport, note.received.framing, note.meter) == ("tcp", "wrapper", "MFL9160000007")


async def test_an_alert_names_its_bits(ear: Listener) -> None:
    """Bit 85 is the third from the left of octet 10: 04 81 80 says 128 bits follow."""
    await call(ear, wrapped(notification(ALERT_BODY)))
    note = await ear.next(WAIT_S)
    assert note.setup == "0.4.25.9.0.255"
    assert [(bit.bit, bit.name) for bit in note.alerts] == [(85, "Last gasp")]


@pytest.mark.parametrize("opener", [reveal, gurux_reveal])
@pytest.mark.parametrize("control", [0x10, 0x20, 0x30])
async def test_forms_of_protection(control: int, opener: object) -> None:
    async with Listener(unsealer=Unsealer(BOOK, reveal=opener)) as ear:  # type: ignore[arg-type]
        await call(ear, wrapped(sealed(notification(), control, 9)))
        note = await ear.next(WAIT_S)
    opened = note.received.opened
    assert (note.meter, opened.title, opened.control, opened.counter) == ("9160000007", TITLE, control, 9)
    assert values(note) == [230.4, 7]


@pytest.mark.parametrize("interface", [InterfaceType.WRAPPER, InterfaceType.HDLC])
@pytest.mark.parametrize("control", [0x00, 0x10, 0x20, 0x30])
async def test_what_gurux_pushes_is_read_and_confirmed_in_kind(
    ear: Listener, control: int, interface: InterfaceType
) -> None:
    answer = await call(ear, by_gurux(BLOCK_BODY, control, interface=interface))
    note = await ear.next(WAIT_S)
    assert (note.problem, note.setup, note.received.answer) == ("", "0.5.25.9.0.255", "confirmed")
    confirm = note.received.opened.plain[1:5]
    apdu = answer[8:] if interface is InterfaceType.WRAPPER else answer[11:-3]
    if control:
        envelope = ciphering.decode(apdu)
        assert (envelope.tag, envelope.control) == (0xDB, control)
        plain = gurux_reveal(envelope, PAIR)
    else:
        plain = apdu
    assert plain == b"\x10" + confirm + b"\x00"  # DataNotificationConfirm, no date-time


async def test_an_unconfirmed_push_is_not_answered(ear: Listener) -> None:
    assert await call(ear, wrapped(sealed(notification()))) == b""


async def test_a_confirmation_names_its_sender_and_never_repeats_a_counter() -> None:
    async with Listener(keys=BOOK, confirmer=Confirmer(b"HEADEND1")) as ear:
        pushes = b"".join(wrapped(sealed(notification(invoke=CONFIRMED | at), 0x30, at)) for at in range(20))
        answers = await call(ear, pushes)
    found = [ciphering.decode(answers[at + 8 : at + 8 + answers[at + 7]]) for at in range(0, len(answers), 8 + 34)]
    assert len(found) == 20
    assert {envelope.title for envelope in found} == {b"HEADEND1"}
    assert [b.counter - a.counter for a, b in itertools.pairwise(found)] == [1] * 19


async def test_the_published_example_of_the_field(ear: Listener) -> None:
    """Title 41 4C 4C .., security control 0x20 (no tag), counter 0, ports 1 and 0x40."""
    title = bytes.fromhex("414c4c000051 9abd")
    ear.unsealer.keys = KeyBook({title: Owner("ALL1", (PAIR,))})
    frame = wrapped(sealed(notification(), 0x20, 0, title))
    assert frame[8:18] == b"\xdb\x08" + title
    await call(ear, frame)
    note = await ear.next(WAIT_S)
    assert (note.problem, note.meter, note.received.opened.counter) == ("", "ALL1", 0)


@pytest.mark.parametrize("octets", [1, 2, 4])
async def test_hdlc_from_servers_of_all_address_lengths(ear: Listener, octets: int) -> None:
    await call(ear, in_hdlc(notification(), octets=octets))
    note = await ear.next(WAIT_S)
    assert (note.problem, note.received.framing) == ("", "hdlc")
    assert values(note) == [230.4, 7]


async def test_segments_become_one_push(ear: Listener) -> None:
    body = b"\x02\x02\x09\x81\xf0" + bytes(240) + b"\x11\x07"
    await call(ear, in_hdlc(notification(body), size=50))
    note = await ear.next(WAIT_S)
    assert values(note) == [bytes(240), 7]


@pytest.mark.parametrize("frame", [wrapped, in_hdlc])
async def test_pushes_one_behind_the_other_and_in_drops(ear: Listener, frame: object) -> None:
    stream = b"".join(frame(sealed(notification(invoke=at), 0x30, at)) for at in range(30))  # type: ignore[operator]
    await call(ear, stream)
    await call(ear, *(stream[at : at + 7] for at in range(0, len(stream), 7)))
    assert [(await ear.next(WAIT_S)).invoke_id for _ in range(60)] == [*range(30)] * 2
    assert ear.received.broken == 0


async def test_udp_is_confirmed_where_it_came_from(ear: Listener) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as meter:
        meter.setblocking(False)
        meter.connect(("127.0.0.1", ear.port))
        await loop.sock_sendall(meter, wrapped(notification(invoke=CONFIRMED | 3)))
        answer = await asyncio.wait_for(loop.sock_recv(meter, 100), WAIT_S)
        await loop.sock_sendall(meter, b"\x00\x01\x00")
    assert answer == bytes.fromhex("0001 0040 0001 0006 10 40000003 00")
    note = await ear.next(WAIT_S)
    assert (note.received.transport, note.invoke_id) == ("udp", 3)


@pytest.mark.parametrize(
    ("apdu", "problem"),
    [
        (sealed(notification(), title=b"NOBODY01"), "nobody has told its keys"),
        (sealed(notification())[:-1] + b"\x00", "its keys do not fit"),
        (sealed(notification(), 0x31), "0x31 is not of suite 0"),
        (b"\xdb\x08" + TITLE + b"\x20\x30", "broken envelope"),
        (b"\xdb\x00\x05\x30\x00\x00\x00\x01", "without a system title"),
        (b"\xc0\x01\xc1\x00\x08", "APDU of tag 0xc0"),
        (notification(b"\x02\x7f\x11\x01"), "broken: 127 elements"),
        (notification() + b"\x00", "broken: 1 octets too many"),
        (notification(b""), "broken: a value is missing"),
        (b"\x0f\x00", "broken"),
        (b"", "an empty APDU"),
    ],
)
async def test_what_cannot_be_read_is_told_and_hurts_nobody(ear: Listener, apdu: bytes, problem: str) -> None:
    assert await call(ear, wrapped(apdu), wrapped(notification())) == b""
    assert problem in (await ear.next(WAIT_S)).problem
    assert (await ear.next(WAIT_S)).problem == ""


async def test_a_wrong_key_without_a_tag_is_told_by_what_comes_out(ear: Listener) -> None:
    ear.unsealer.keys = KeyBook({TITLE: Owner("7", (KeyPair(EK[::-1], b""),))})
    await call(ear, wrapped(sealed(notification(), 0x20)))
    assert "its keys do not fit" in (await ear.next(WAIT_S)).problem


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n", b"\x00\x02" + bytes(40), b"\xff" * 100_000])
async def test_garbage_costs_its_own_connection(ear: Listener, garbage: bytes) -> None:
    with contextlib.suppress(ConnectionResetError):  # what was not read yet when it was closed resets it
        assert await call(ear, garbage) == b""
    await call(ear, wrapped(notification()))
    assert (await ear.next(WAIT_S)).problem == ""
    assert (ear.received.broken, ear.received.pushes) == (1, 1)


async def test_half_a_frame_is_counted_when_its_meter_leaves(ear: Listener) -> None:
    await call(ear, wrapped(notification())[:-3])
    assert (ear.received.broken, ear.received.pushes) == (1, 0)


async def test_counters_that_do_not_grow_are_told(ear: Listener) -> None:
    await call(ear, *(wrapped(sealed(notification(), 0x30, counter)) for counter in (5, 6, 6, 2, 7)))
    remarks = [(await ear.next(WAIT_S)).received.opened.remark for _ in range(5)]
    assert remarks == ["", "", "repeated", "fell from 6", ""]


async def test_keys_of_everyone_open_what_strangers_push(ear: Listener) -> None:
    ear.unsealer.keys = KeyBook({}, (PAIR,))
    await call(ear, wrapped(sealed(notification(), title=b"STRANGER")))
    note = await ear.next(WAIT_S)
    assert (note.problem, note.meter) == ("", "MFL9160000007")


async def test_event_notifications(ear: Listener) -> None:
    """Green Book 9.5: [194] time OPTIONAL, cosem-attribute-descriptor, attribute-value."""
    descriptor = bytes.fromhex("0001 00005e5b12ff 02")
    word = b"\x04\x81\x80" + bytes(15) + b"\x01"
    await call(
        ear, wrapped(b"\xc2\x01\x0c" + STAMP + descriptor + word), wrapped(b"\xc2\x00" + descriptor + b"\x11\x05")
    )
    first, second = await ear.next(WAIT_S), await ear.next(WAIT_S)
    assert first.sent == dt.datetime(2025, 6, 1, 10, 15, tzinfo=INDIA)
    assert [bit.bit for bit in first.alerts] == [127]
    assert second.items[0].label is not None
    assert (second.items[0].label.obis, second.items[0].value.value) == ("0.0.94.91.18.255", 5)


async def test_the_first_pushes_fail_as_asked_for() -> None:
    push = wrapped(notification(invoke=CONFIRMED | 1))
    async with Listener(trouble=Trouble(fail_first=2)) as ear:
        for _ in range(2):
            with pytest.raises(ConnectionResetError):
                await call(ear, push)
        assert await call(ear, push) != b""
        assert [(await ear.next(WAIT_S)).received.answer for _ in range(3)] == ["refused", "refused", "confirmed"]


async def test_a_share_of_pushes_fails_evenly() -> None:
    assert [Trouble(fail_share=0.25).fails(number) for number in range(8)] == [False, False, False, True] * 2


async def test_confirmations_can_be_late_or_missing() -> None:
    push = wrapped(notification(invoke=CONFIRMED | 1))
    async with Listener(trouble=Trouble(delay_s=0.1)) as ear:
        began = asyncio.get_running_loop().time()
        assert await call(ear, push) != b""
        assert asyncio.get_running_loop().time() - began >= 0.1 - 0.002  # timers of a loop may be a tick early
    async with Listener(trouble=Trouble(confirm=False)) as ear:
        assert await call(ear, push) == b""


async def test_thousands_of_short_connections(ear: Listener) -> None:
    """A connection a push, as meters call: all are accepted while the pushes are decoded one by one."""
    calls = 1_000
    gate = asyncio.Semaphore(100)

    async def push(number: int) -> None:
        async with gate:
            await call(ear, wrapped(sealed(notification(invoke=number), 0x30, number)), answer=False)

    senders = asyncio.gather(*map(push, range(calls)))
    heard = {(await ear.next(WAIT_S)).invoke_id for _ in range(calls)}
    await senders
    assert heard == set(range(calls))
    assert (ear.received.connections, ear.received.turned_away) == (calls, 0)


async def test_more_than_can_wait_is_not_read_until_somebody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.headend.listener._WAITING", 50)
    many = wrapped(notification()) * 400
    async with Listener() as ear:
        senders = [asyncio.ensure_future(call(ear, many)) for _ in range(5)]
        for _ in range(2_000):
            assert (await ear.next(WAIT_S)).problem == ""
        await asyncio.gather(*senders)
        assert ear.received.pushes == 2_000


async def test_lists_of_another_length_are_asked_for_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another fleet of the same seed has the same keys, and its meters may push other objects."""
    monkeypatch.setattr(listening, "_REFRESH_S", 0.01)
    head = [Label(1, "0.0.96.1.2.255", 2), Label(40, "0.5.25.9.0.255", 1), Label(8, "0.0.1.0.0.255", 2)]
    new = [*head, Label(3, "1.0.12.27.0.255", 2), Label(3, "1.0.1.29.0.255", 2)]
    asked = asyncio.Event()

    async def refresh() -> listening.Known:
        asked.set()
        return listening.Known(BOOK, lambda serial, setup: new)

    async with Listener(keys=BOOK, decoder=Decoder(lambda serial, setup: head)) as ear:
        learning = asyncio.create_task(listening._learn(ear, refresh))
        await call(ear, wrapped(sealed(notification())))
        assert [item.label for item in (await ear.next(WAIT_S)).values] == [None, None]
        await asyncio.wait_for(asked.wait(), WAIT_S)
        await call(ear, wrapped(sealed(notification(), counter=2)))
        assert [item.label for item in (await ear.next(WAIT_S)).values] == new[3:]
        learning.cancel()
