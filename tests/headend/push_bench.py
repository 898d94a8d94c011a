# SPDX-License-Identifier: GPL-2.0-only
"""Pushes as meters send them: laid out by hand from the Green Book, or built by gurux; and how they are sent.

Only the ciphering is the product's own, which gurux judges elsewhere.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence
from typing import Any

from gurux_dlms import GXByteBuffer
from gurux_dlms.enums import InterfaceType, Security
from gurux_dlms.secure import GXDLMSSecureNotify

from simulator.headend.keybook import KeyBook, KeyPair, Owner
from simulator.headend.listener import Listener
from simulator.wire import hdlc
from simulator.wire.ciphering import GENERAL_GLO, Envelope, Key, encode

TITLE, EK, AK = bytes.fromhex("4d464c0000000007"), bytes(range(16)), bytes(range(0xD0, 0xE0))
PAIR = KeyPair(EK, AK)
BOOK = KeyBook({TITLE: Owner("9160000007", (PAIR,))})
STAMP = struct.pack(">HBBBBBBBhB", 2025, 6, 1, 7, 10, 15, 0, 0, -330, 0)
HEAD = bytes.fromhex("0a0d") + b"MFL9160000007"
BLOCK, ALERT = bytes.fromhex("0906 0005190900ff"), bytes.fromhex("0906 0004190900ff")
CONFIRMED = 0x4000_0000
# facts of the field: structure(4): device id, push setup, clock, the 128 bits of the event status word
ALERT_BODY = b"\x02\x04" + HEAD + ALERT + b"\x09\x0c" + STAMP + b"\x04\x81\x80" + bytes(10) + b"\x04" + bytes(5)
BLOCK_BODY = b"\x02\x05" + HEAD + BLOCK + b"\x09\x0c" + STAMP + b"\x17" + struct.pack(">f", 230.4) + b"\x12\x00\x07"


def notification(body: bytes = BLOCK_BODY, *, invoke: int = 7, sent: bytes = b"") -> bytes:
    """DataNotification (Green Book 9.5): [15] long-invoke-id-and-priority, date-time, notification-body."""
    return b"\x0f" + invoke.to_bytes(4, "big") + bytes((len(sent),)) + sent + body


def sealed(apdu: bytes, control: int = 0x30, counter: int = 1, title: bytes = TITLE) -> bytes:
    text = Key(EK, AK).protect(control, title, counter, apdu)
    return encode(Envelope(GENERAL_GLO, title, control, counter, text))


def wrapped(apdu: bytes) -> bytes:
    """From the management logical device to the push client."""
    return bytes.fromhex("0001 0001 0040") + len(apdu).to_bytes(2, "big") + apdu


def in_hdlc(apdu: bytes, *, octets: int = 1, size: int = 2000) -> bytes:
    """UI frames from a server to client 64, in segments if need be."""
    server = hdlc.Address(1, None if octets == 1 else 17, octets)
    whole = b"\xe6\xe7\x00" + apdu
    parts = [whole[at : at + size] for at in range(0, len(whole), size)]
    frames = (hdlc.encode(server, 64, hdlc.Control.UI, part, segmented=part is not parts[-1]) for part in parts)
    return b"".join(frames)


def by_gurux(body: bytes, control: int, *, interface: InterfaceType = InterfaceType.WRAPPER, counter: int = 5) -> bytes:
    """The whole frame, built and ciphered by gurux; it asks for a confirmation."""
    sender: Any = GXDLMSSecureNotify(True, 64, 1, interface)
    cipher = sender.ciphering
    cipher.systemTitle, cipher.blockCipherKey, cipher.authenticationKey = map(bytearray, (TITLE, EK, AK))
    cipher.security, cipher.invocationCounter = Security(control), counter
    (frame,) = sender.generateDataNotificationMessages(None, GXByteBuffer(body))
    return bytes(frame)


async def call(ear: Listener, *pieces: bytes, answer: bool = True) -> bytes:
    """A meter's connection: send, close one's half, and what came back until the listener had closed too."""
    reader, writer = await asyncio.open_connection("127.0.0.1", ear.port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)
    try:
        if not answer:
            return b""
        writer.write_eof()
        return await reader.read()
    finally:
        writer.close()


def values(note: Any) -> Sequence[Any]:
    return [item.value.value for item in note.values]
