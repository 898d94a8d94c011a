# SPDX-License-Identifier: GPL-2.0-only
"""A capture taken apart again: pcapng, IPv4, TCP and UDP, frames, APDUs; and Gurux's translator on each of them.

Written from the standards, with nothing of the capture's own code.
"""

from __future__ import annotations

import csv
import datetime as dt
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from gurux_dlms import GXByteBuffer
from gurux_dlms._GXFCS16 import _GXFCS16
from gurux_dlms.enums import Security
from gurux_dlms.GXDLMSTranslator import GXDLMSTranslator

from simulator.wire import acse, gbt

End = tuple[str, int]
TCP, UDP = 6, 17
GLO, DED = (*range(0xC8, 0xD0), 0xDB), (*range(0xD0, 0xD8), 0xDC)
COMPLAINTS = ("Failed", "Invalid", "not complete", "Data length is", "Unknown", '<Data="')


class Packet(NamedTuple):
    """What an enhanced packet block holds, down to the payload."""

    at: dt.datetime
    source: End
    target: End
    protocol: int
    sequence: int
    flags: int
    data: bytes


class Piece(NamedTuple):
    """What one side of a conversation sent in one packet."""

    at: dt.datetime
    source: End
    target: End
    data: bytes


class Apdu(NamedTuple):
    at: dt.datetime
    client: int
    server: bytes  # its number as framed, with whatever a gateway puts before it
    is_request: bool
    octets: bytes


# ------------------------------------------------------------------------------------------------------------- packets


def packets(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """Blocks have their length at both ends (pcapng 3.1); type 6 is an enhanced packet block (4.3). Milliseconds."""
    assert struct.unpack_from("<I4xI", octets) == (0x0A0D0D0A, 0x1A2B3C4D)
    while octets:
        kind, size = struct.unpack_from("<II", octets)
        assert size % 4 == 0
        assert struct.unpack_from("<I", octets, size - 4) == (size,)
        if kind == 1:
            assert struct.unpack_from("<H", octets, 8) == (101,)
        if kind == 6:
            high, low, kept, length = struct.unpack_from("<IIII", octets, 12)
            assert kept == length
            yield high << 32 | low, octets[28 : 28 + kept]
        octets = octets[size:]


def ones_sum(octets: bytes) -> int:
    """RFC 1071, word by word; 0xFFFF where a checksum is right."""
    total = 0
    for (word,) in struct.iter_unpack(">H", octets + bytes(len(octets) % 2)):
        total += word
        total = (total & 0xFFFF) + (total >> 16)
    return total


def packet_of(at_ms: int, octets: bytes) -> Packet:
    assert octets[0] == 0x45
    assert int.from_bytes(octets[2:4], "big") == len(octets)
    assert ones_sum(octets[:20]) == 0xFFFF
    pseudo = octets[12:20] + struct.pack(">HH", octets[9], len(octets) - 20)
    assert ones_sum(pseudo + octets[20:]) == 0xFFFF
    source, target = (".".join(map(str, octets[at : at + 4])) for at in (12, 16))
    ports = struct.unpack_from(">HH", octets, 20)
    at = dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC)
    if octets[9] == UDP:
        assert int.from_bytes(octets[24:26], "big") == len(octets) - 20
        return Packet(at, (source, ports[0]), (target, ports[1]), UDP, 0, 0, octets[28:])
    (sequence,) = struct.unpack_from(">I", octets, 24)
    return Packet(at, (source, ports[0]), (target, ports[1]), TCP, sequence, octets[33], octets[40:])


def pieces(path: Path) -> list[Piece]:
    """What was sent, in order, with sequence numbers that leave no gap."""
    sent: dict[tuple[End, End], int] = defaultdict(int)
    found = []
    for packet in (packet_of(*block) for block in packets(path.read_bytes())):
        way = packet.source, packet.target
        if packet.protocol == TCP:
            assert packet.sequence == (0 if packet.flags & 2 else 1 + sent[way])
            sent[way] += len(packet.data)
        if packet.data:
            found.append(Piece(packet.at, *way, packet.data))
    return found


def streams(path: Path) -> dict[tuple[End, End], bytes]:
    """What each side sent, by source and target."""
    found: dict[tuple[End, End], bytes] = defaultdict(bytes)
    for piece in pieces(path):
        found[piece.source, piece.target] += piece.data
    return found


# ------------------------------------------------------------------------------------------------------ frames, APDUs


def frames(octets: bytes, *, hdlc: bool) -> Iterator[bytes]:
    while octets:
        size = (int.from_bytes(octets[1:3], "big") & 0x7FF) + 2 if hdlc else 8 + int.from_bytes(octets[6:8], "big")
        yield octets[:size]
        octets = octets[size:]


class Half:
    """One direction of a conversation: octets in, whole APDUs out. Gurux looks at every HDLC frame."""

    def __init__(self, *, is_request: bool) -> None:
        self.is_request = is_request
        self.frames = 0
        self._rest = b""
        self._segments: dict[bytes, bytes] = defaultdict(bytes)

    def feed(self, piece: Piece) -> Iterator[Apdu]:
        self._rest += piece.data
        while frame := self._frame():
            self.frames += 1
            taken = self._of_hdlc(frame) if frame[0] == 0x7E else self._of_wrapper(frame)
            if taken is not None:
                yield Apdu(piece.at, *taken)

    def done(self) -> bool:
        return not self._rest and not any(self._segments.values())

    def _frame(self) -> bytes:
        """The next whole one; lines of a sign-on (IEC 62056-21) are passed over."""
        if self._rest[:1] in (b"/", b"\x06"):
            line, end, self._rest = self._rest.partition(b"\r\n")
            assert end, line
        size = 0
        if len(self._rest) >= 8:
            size = len(next(frames(self._rest, hdlc=self._rest[0] == 0x7E)))
        if not 0 < size <= len(self._rest):
            return b""
        frame, self._rest = self._rest[:size], self._rest[size:]
        return frame

    def _of_wrapper(self, frame: bytes) -> tuple[int, bytes, bool, bytes]:
        source, target = (int.from_bytes(frame[at : at + 2], "big") for at in (2, 4))
        client, server = (source, target) if self.is_request else (target, source)
        apdu, where = frame[8:], server.to_bytes(2, "big")
        if apdu[0] in (0xE6, 0xE7):  # a gateway's prefix (Green Book 10.10)
            end = 3 + apdu[2]
            apdu, where = apdu[end:], where + apdu[3:end]
        return client, where, self.is_request, apdu

    def _of_hdlc(self, frame: bytes) -> tuple[int, bytes, bool, bytes] | None:
        """IEC 62056-46 6.4: format, target, source, control, HCS, information, FCS."""
        assert frame[-1] == 0x7E
        assert int.from_bytes(frame[-3:-1], "big") == _GXFCS16.countFCS16(GXByteBuffer(frame), 1, len(frame) - 4)
        target, at = _address(frame, 3)
        source, at = _address(frame, at)
        control, information = frame[at], frame[at + 3 : -3]
        if control & 1:  # no I frame
            return None
        client, server = (source, target) if self.is_request else (target, source)
        if not frame[1] & 0x08 and client + server not in self._segments:  # alone, a last segment tells nobody anything
            assert GXDLMSTranslator().messageToXml(GXByteBuffer(frame))
        self._segments[client + server] += information
        if frame[1] & 0x08:
            return None
        whole = self._segments.pop(client + server)
        assert whole[:3] == (b"\xe6\xe6\x00" if self.is_request else b"\xe6\xe7\x00")
        return client[0] >> 1, server, self.is_request, whole[3:]


def _address(frame: bytes, at: int) -> tuple[bytes, int]:
    end = at
    while not frame[end] & 1:
        end += 1
    return frame[at : end + 1], end + 1


def conversations(path: Path) -> Iterator[list[Apdu]]:
    """The APDUs of each pair of ends, in order; whoever speaks first is the client."""
    ways: dict[frozenset[End], tuple[dict[End, Half], list[Apdu]]] = {}
    for piece in pieces(path):
        halves, apdus = ways.setdefault(frozenset((piece.source, piece.target)), ({}, []))
        half = halves.setdefault(piece.source, Half(is_request=not halves))
        apdus += half.feed(piece)
    for halves, apdus in ways.values():
        assert all(half.done() for half in halves.values())
        yield assembled(apdus)


def assembled(apdus: Iterable[Apdu]) -> list[Apdu]:
    """General blocks (Green Book 9.4.6.13) put together; each must be one that the translator reads as well."""
    found: list[Apdu] = []
    parts: dict[tuple[int, bytes, bool], bytes] = defaultdict(bytes)
    for apdu in apdus:
        if apdu.octets[0] != gbt.TAG:
            found.append(apdu)
            continue
        assert "GeneralBlockTransfer" in GXDLMSTranslator().pduToXml(GXByteBuffer(apdu.octets))
        block = gbt.decode(apdu.octets)
        key = apdu[1:4]
        parts[key] += block.data
        if block.last and (whole := parts.pop(key)):
            found.append(apdu._replace(octets=whole))
    return found


# -------------------------------------------------------------------------------------------------- Gurux's translator


class Keys:
    """The file beside the capture: the last line before an instant holds."""

    def __init__(self, path: Path) -> None:
        self._rows = list(csv.DictReader(path.with_name(f"{path.name}.keys").open()))

    def forget(self, name: str) -> None:
        for row in self._rows:
            row[name] = ""

    def at(self, instant: dt.datetime, title: bytes, client: int, name: str) -> bytes:
        mine = [row for row in self._rows if (row["system_title"], row["client"]) == (title.hex(), str(client))]
        known = [row[name] for row in mine if row[name] and dt.datetime.fromisoformat(row["since"]) <= instant]
        return bytes.fromhex(known[-1] if known else "")


class Told(NamedTuple):
    apdu: Apdu
    text: str

    @property
    def complaint(self) -> str:
        """What the translator complains of, or that it left something ciphered."""
        tag, found = self.apdu.octets[0], [word for word in COMPLAINTS if word in self.text]
        if tag in (*GLO, *DED) and "Decrypt data" not in self.text:
            found.append("not deciphered")
        if tag in (0x60, 0x61) and "InitiateRe" not in self.text and "ServiceError" not in self.text:
            found.append("its user-information was not deciphered")
        return ", ".join(found)


def told(conversation: list[Apdu], keys: Keys) -> Iterator[Told]:
    """Each APDU as XML, deciphered with the keys in force when its request came."""
    titles: dict[tuple[int, bytes], tuple[bytes, bytes]] = {}
    asked: dict[tuple[int, bytes], dt.datetime] = {}
    for number, apdu in enumerate(conversation):
        association = apdu.client, apdu.server
        if apdu.octets[0] == 0x60:
            titles[association] = _titles(apdu.octets, _next_aare(conversation[number:], association))
        if apdu.is_request:
            asked[association] = apdu.at
        yield Told(apdu, _text(apdu, keys, asked.get(association, apdu.at), titles.get(association, (b"", b""))))


def _next_aare(rest: list[Apdu], association: tuple[int, bytes]) -> bytes:
    mine = (apdu for apdu in rest if (apdu.client, apdu.server) == association)
    return next((apdu.octets for apdu in mine if apdu.octets[0] == 0x61), b"")


def _titles(aarq: bytes, aare: bytes) -> tuple[bytes, bytes]:
    meter = acse.decode_aare(aare).responding_ap_title if aare else None
    return acse.decode_aarq(aarq).calling_ap_title or b"", meter or b""


def _text(apdu: Apdu, keys: Keys, asked: dt.datetime, titles: tuple[bytes, bytes]) -> str:
    translator = GXDLMSTranslator()
    translator.comments = True
    translator.security = Security.AUTHENTICATION_ENCRYPTION
    translator.systemTitle, translator.serverSystemTitle = titles
    key = "dedicated" if apdu.octets[0] in DED else "ek"  # Gurux knows dedicated keys in service-specific requests only
    translator.blockCipherKey = bytearray(keys.at(asked, titles[1], apdu.client, key))
    translator.dedicatedKey = translator.blockCipherKey
    translator.authenticationKey = bytearray(keys.at(asked, titles[1], apdu.client, "ak"))
    return str(translator.pduToXml(GXByteBuffer(apdu.octets)))
