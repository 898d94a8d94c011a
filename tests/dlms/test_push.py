# SPDX-License-Identifier: MIT
"""Pushes as octets: the field's published layout, both security controls, wrapper and HDLC, confirmations."""

from __future__ import annotations

import pytest

from simulator.dlms.push import Confirmation, Link, covered, framed
from simulator.wire import ciphering, hdlc, wrapper
from simulator.wire.ciphering import GENERAL_GLO, Envelope, Key
from simulator.wire.notification import CONFIRMED, Confirm, DataNotification, decode_notification, encode_confirm

TITLE, CLIENT = bytes.fromhex("414c4c0000519abd"), b"CLI12345"
EK, AK = bytes(range(16)), bytes(range(0xD0, 0xE0))
NOTICE = DataNotification(CONFIRMED | 5, b"", bytes.fromhex("0201 0a03 414c4c"))


class Guard:
    """A security context with counters of its own."""

    title, client_title, policy = TITLE, None, 3

    def __init__(self) -> None:
        self.sent = 0
        self.expected = 0

    def key(self, *, broadcast: bool = False) -> Key:
        return Key(EK, AK)

    def next_counter(self) -> int:
        self.sent += 1
        return self.sent - 1

    def lowest(self, *, broadcast: bool = False) -> int:
        return self.expected

    def accept(self, counter: int, *, broadcast: bool = False) -> None:
        self.expected = counter + 1


def test_a_plain_push_goes_from_the_management_device_to_the_push_client():
    apdu = covered(NOTICE, Guard(), 0)
    assert apdu.hex() == "0f40000005000201" + "0a03414c4c"
    assert framed(apdu, 64, Link.WRAPPER) == bytes.fromhex("0001 0001 0040 000d") + apdu


@pytest.mark.parametrize(("control", "extra"), [(0x20, 0), (0x30, 12), (0x10, 12)])
def test_a_protected_push_names_the_meter_and_counts(control, extra):
    guard = Guard()
    first, second = covered(NOTICE, guard, control), covered(NOTICE, guard, control)
    size = 5 + 13 + extra
    head = bytes((0xDB, 8)) + TITLE + bytes((size, control))
    assert first[: len(head) + 4] == head + bytes(4)
    assert second[len(head) : len(head) + 4] == bytes((0, 0, 0, 1))
    envelope = ciphering.decode(first)
    plain = Key(EK, AK).reveal(control, TITLE, 0, envelope.text)
    assert plain is not None
    assert decode_notification(plain) == NOTICE


def test_over_hdlc_a_push_is_one_unnumbered_frame():
    apdu = covered(NOTICE, Guard(), 0)
    frame = framed(apdu, 64, Link.HDLC)
    assert frame is not None
    # format and length, client 64, server 1, UI, HCS, LLC of a response, the APDU, FCS
    assert frame.hex().startswith("7ea019" + "81" + "03" + "03")
    assert frame[8:11] == bytes.fromhex("e6e700")
    assert frame[11:-3] == apdu
    assert framed(bytes(2_028), 64, Link.HDLC) is None


def confirmation(invoke: int, counter: int | None = None, control: int = 0x30) -> bytes:
    apdu = encode_confirm(Confirm(invoke, b""))
    if counter is not None:
        text = Key(EK, AK).protect(control, CLIENT, counter, apdu)
        apdu = ciphering.encode(Envelope(GENERAL_GLO, CLIENT, control, counter, text))
    return wrapper.encode(64, 1, apdu)


def test_only_the_confirmation_of_its_own_invoke_id_confirms():
    awaited = Confirmation(NOTICE.invoke, Link.WRAPPER, Guard(), 0)
    assert not awaited.feed(confirmation(NOTICE.invoke + 1) + wrapper.encode(64, 1, b"\xd8\x01\x02"))
    octets = confirmation(NOTICE.invoke)
    assert not awaited.feed(octets[:9])
    assert awaited.feed(octets[9:])


def test_a_protected_push_is_confirmed_by_nothing_plain_and_by_no_counter_twice():
    guard = Guard()
    awaited = Confirmation(NOTICE.invoke, Link.WRAPPER, guard, 0x30)
    assert not awaited.feed(confirmation(NOTICE.invoke))
    assert not awaited.feed(confirmation(NOTICE.invoke, 0, control=0x20))
    assert awaited.feed(confirmation(NOTICE.invoke, 7))
    again = Confirmation(NOTICE.invoke, Link.WRAPPER, guard, 0x30)
    assert not again.feed(confirmation(NOTICE.invoke, 7))


def test_a_confirmation_over_hdlc_comes_in_an_unnumbered_frame():
    lpdu = b"\xe6\xe6\x00" + encode_confirm(Confirm(NOTICE.invoke, b""))
    command = hdlc.encode_command(hdlc.Frame(hdlc.Address(1), 64, hdlc.Control.UI, lpdu))
    assert Confirmation(NOTICE.invoke, Link.HDLC, Guard(), 0).feed(command)
