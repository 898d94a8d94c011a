# SPDX-License-Identifier: GPL-2.0-only
"""What is put aside and what is left for the answer: frames with a notification in each of its envelopes."""

from __future__ import annotations

import pytest
from gurux_dlms.secure import GXDLMSSecureClient

from simulator.headend.aside import Aside
from simulator.headend.ciphering import Keys
from simulator.headend.notifications import Notification
from simulator.wire import ciphering, hdlc, wrapper
from simulator.wire.ciphering import Envelope, Key
from simulator.wire.hdlc import POLL_FINAL, Address, Control

TITLE, EK, AK, DEDICATED = b"MFL\0\0\0\0\1", bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 48))
EVENT = bytes.fromhex("c200 0001 00005e5b12ff 02 1107")
DATA = bytes.fromhex("0f 00000001 00 1107")
ANSWER = bytes.fromhex("c401c100 1107")


def taken(apdu: bytes, *, in_hdlc: int | None = None, ek: bytes = EK) -> list[Notification]:
    """In the wrapper, or in an HDLC frame of that control field."""
    protocol = GXDLMSSecureClient(True, 48, 1)
    protocol.settings.sourceSystemTitle = TITLE
    heard: list[Notification] = []
    aside = Aside(protocol, Keys(ek, AK, DEDICATED), "here", heard.append)
    lpdu = b"\xe6\xe7\x00" + apdu
    frame = wrapper.encode(1, 48, apdu) if in_hdlc is None else hdlc.encode(Address(1), 48, in_hdlc, lpdu)
    assert aside.take(frame, is_hdlc=in_hdlc is not None) == bool(heard)
    return heard


def sealed(plain: bytes, tag: int, *, key: bytes = EK) -> bytes:
    title = TITLE if tag in (0xDB, 0xDC) else None
    text = Key(key, AK).protect(0x30, TITLE, 7, plain)
    return ciphering.encode(Envelope(tag, title, 0x30, 7, text))


@pytest.mark.parametrize("plain", [EVENT, DATA])
def test_notifications_are_put_aside(plain: bytes) -> None:
    for apdu in (plain, sealed(plain, 0xDB), sealed(plain, 0xDC, key=DEDICATED)):
        (note,) = taken(apdu)
        assert (note.problem, [item.value.value for item in note.items]) == ("", [7])


@pytest.mark.parametrize(("tag", "key"), [(0xCA, EK), (0xD2, DEDICATED)])
def test_an_event_in_an_envelope_of_its_own(tag: int, key: bytes) -> None:
    (note,) = taken(sealed(EVENT, tag, key=key))
    assert (note.problem, note.received.opened.counter) == ("", 7)
    (wrong,) = taken(sealed(EVENT, tag, key=bytes(16)))
    assert wrong.problem == "its keys do not fit"
    (broken,) = taken(bytes((tag, 0x03, 0x30, 0, 0)))
    assert broken.problem.startswith("a broken envelope")


@pytest.mark.parametrize(
    "apdu", [ANSWER, sealed(ANSWER, 0xCC), sealed(ANSWER, 0xDB), sealed(EVENT, 0xDB, key=bytes(16)), b"\xdb\x08", b""]
)
def test_answers_and_what_cannot_be_told_are_left(apdu: bytes) -> None:
    assert taken(apdu) == []


def test_hdlc_tells_by_the_frame() -> None:
    """An unnumbered information frame never answers; what an I frame carries is judged when it is whole."""
    assert len(taken(EVENT, in_hdlc=Control.UI | POLL_FINAL)) == 1
    assert len(taken(sealed(EVENT, 0xCA), in_hdlc=Control.UI)) == 1
    assert taken(EVENT, in_hdlc=Control.I | POLL_FINAL) == []
