# SPDX-License-Identifier: MIT
"""Meters called over the network as the public client: one association, one GET, over the wrapper on TCP.

It sees what a head-end would see of a link. It holds no connection beyond one call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from simulator.fleet.listen import Listen, Place
from simulator.wire import wrapper

_AT_ONCE = 200
_PUBLIC = 16
# AARQ: LN referencing without security, all services of a reader, PDU of 65,535 octets (Green Book 11.4).
_AARQ = bytes.fromhex("601da109060760857405080101be10040e01000000065f1f0400001e1dffff")
_CALLED = b"\xa2\x03\x02\x01\x00"  # association-result accepted, in the AARE
_GET, _GOT = b"\xc0\x01\xc1", b"\xc4\x01\xc1\x00"  # get-request-normal, get-response-normal with data


def place_to_call(listens: Sequence[Listen], number: int) -> Place | None:
    """The first place of a meter at which it speaks the wrapper on TCP."""
    return next((listen.place_of(number) for listen in listens if listen.framing == "wrapper"), None)


async def answered(places: Sequence[tuple[Place, bytes]], limit_s: float) -> list[bool]:
    """Which of the meters gave a value of the attribute of nine octets within a limit of wall time."""
    turns = asyncio.Semaphore(_AT_ONCE)

    async def call(place: Place, attribute: bytes) -> bool:
        async with turns:
            try:
                async with asyncio.timeout(limit_s):
                    return await _called(place, attribute)
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                return False

    return await asyncio.gather(*(call(place, attribute) for place, attribute in places))


async def _called(place: Place, attribute: bytes) -> bool:
    reader, writer = await asyncio.open_connection(place.host, place.port)
    try:
        if _CALLED not in await _asked(reader, writer, place.server, _AARQ):
            return False
        return (await _asked(reader, writer, place.server, _GET + attribute + b"\x00")).startswith(_GOT)
    finally:
        writer.transport.abort()


async def _asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: int, apdu: bytes) -> bytes:
    writer.write(wrapper.encode(_PUBLIC, server, apdu))
    header = await reader.readexactly(wrapper.HEADER_OCTETS)
    return await reader.readexactly(int.from_bytes(header[6:], "big"))
