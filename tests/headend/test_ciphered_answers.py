# SPDX-License-Identifier: GPL-2.0-only
"""Ciphered answers, right and changed on their way, as the reader's gurux takes them (Green Book 9.2.7.2, 9.5)."""

from __future__ import annotations

import pytest
from gurux_dlms import GXByteBuffer, GXReplyData
from gurux_dlms.enums import Authentication, InterfaceType
from gurux_dlms.secure import GXDLMSSecureClient

from simulator.headend.ciphering import Keys, prepare
from simulator.headend.failures import BrokenAnswer
from simulator.wire import ciphering, wrapper
from simulator.wire.ciphering import Envelope, Key

TITLE, EK, AK, DEDICATED = b"MFL\0\0\0\0\1", bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 48))
ANSWER = bytes.fromhex("c401c100 06 11223344")
GLO, DED, GENERAL_GLO, GENERAL_DED = 0xCC, 0xD4, 0xDB, 0xDC


def client(*, dedicated: bytes | None = None, known: bool = True) -> GXDLMSSecureClient:
    protocol = GXDLMSSecureClient(True, 48, 1, Authentication.HIGH, None, InterfaceType.WRAPPER)
    prepare(protocol, Keys(EK, AK, dedicated))
    protocol.settings.connected = 2  # an association is open
    protocol.settings.sourceSystemTitle = TITLE if known else None
    return protocol


def sealed(tag: int = GLO, control: int = 0x30, *, key: bytes = EK) -> bytes:
    title = TITLE if tag in (GENERAL_GLO, GENERAL_DED) else None
    text = Key(key, AK).protect(control, TITLE, 7, ANSWER)
    return ciphering.encode(Envelope(tag, title, control, 7, text))


def taken(apdu: bytes, protocol: GXDLMSSecureClient | None = None) -> object:
    reply = GXReplyData()
    (protocol or client()).getData(GXByteBuffer(wrapper.encode(1, 48, apdu)), reply, GXReplyData())
    return reply.value


@pytest.mark.parametrize("control", [0x10, 0x20, 0x30])
@pytest.mark.parametrize("tag", [GLO, GENERAL_GLO, DED, GENERAL_DED])
def test_what_is_as_the_meter_sent_it_is_taken(tag: int, control: int) -> None:
    dedicated = DEDICATED if tag in (DED, GENERAL_DED) else None
    protocol = client(dedicated=dedicated)
    assert taken(sealed(tag, control, key=dedicated or EK), protocol) == 0x11223344


@pytest.mark.parametrize("control", [0x10, 0x30])
@pytest.mark.parametrize("tag", [GLO, GENERAL_GLO])
def test_no_octet_of_an_answer_can_change(tag: int, control: int) -> None:
    """Counter, text or tag; what gurux's own cipher reads on with if the text is encrypted, too."""
    apdu = sealed(tag, control)
    for at in range(len(apdu) - len(ANSWER) - 16, len(apdu)):
        changed = bytearray(apdu)
        changed[at] ^= 0x04
        with pytest.raises(BrokenAnswer, match="authentication tag is wrong"):
            taken(bytes(changed))


def test_keys_of_another_meter() -> None:
    with pytest.raises(BrokenAnswer, match="other keys"):
        taken(sealed(key=DEDICATED))


@pytest.mark.parametrize("control", [0x00, 0x31, 0x70, 0xB0])
def test_what_is_not_of_suite_0_or_not_protected(control: int) -> None:
    apdu = bytearray(sealed())
    apdu[2] = control
    with pytest.raises(BrokenAnswer, match=f"security control {control:#04x}"):
        taken(bytes(apdu))


@pytest.mark.parametrize("apdu", [sealed() + b"\0", b"\xcc\x03\x30\0\0"])
def test_envelopes_that_are_none(apdu: bytes) -> None:
    with pytest.raises(BrokenAnswer, match="ciphered answer is broken"):
        taken(apdu)


def test_a_meter_without_a_title() -> None:
    with pytest.raises(BrokenAnswer, match="system title"):
        taken(sealed(), client(known=False))


def test_a_client_that_is_not_prepared_keeps_gurux_s_cipher() -> None:
    protocol = client()
    del protocol.ciphering.checks_tags
    apdu = sealed()
    assert taken(apdu[:-1] + bytes((apdu[-1] ^ 1,)), protocol) == 0x11223344
