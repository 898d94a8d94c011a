# SPDX-License-Identifier: MIT
"""Image transfer (class 18, Blue Book 4.4.6): initiate, blocks in any order, verify, activate.

State and blocks are in the store, so that a transfer goes on after a power loss. An image is signed by its last 32
octets, the SHA-256 digest of all before them; its identifier becomes the firmware version.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple
from uuid import UUID

import numpy as np

from simulator.meter.change import PRIVATE, Answer, Change, Meter, Timer, objects_of, sibling
from simulator.meter.events import FIRMWARE
from simulator.store.copy import Column, Int4, Octets, Uuid, encode_rows
from simulator.store.rows import Forget
from simulator.values import attribute_key, parse_obis
from simulator.wire.axdr import Data, encode
from simulator.wire.codes import ActionResult, Tag

_CLASS = 18
_BLOCK_SIZE, _BITMAP, _FIRST_MISSING, _ENABLED, _STATUS, _TO_ACTIVATE = range(2, 8)
INITIATED, VERIFIED, VERIFICATION_FAILED, ACTIVATING, ACTIVATED = 1, 3, 4, 5, 6
_SIGNATURE_OCTETS = 32
_LARGEST_OCTETS = 1 << 24
_ACTIVATION_MS = 30_000
_TABLE = "image_blocks"
FIRMWARE_VERSION = attribute_key(1, parse_obis("1.0.0.2.0.255"), 2)


def sealed(body: bytes) -> bytes:
    """An image that meters accept."""
    return body + hashlib.sha256(body).digest()


class Transfer(NamedTuple):
    """What an image transfer object remembers; `ready_ms` is when its activation ends."""

    identifier: bytes
    size: int
    ready_ms: int

    def encoded(self) -> bytes:
        tags = (Tag.OCTET_STRING, Tag.DOUBLE_LONG_UNSIGNED, Tag.LONG64)
        return encode(Data(Tag.STRUCTURE, tuple(map(Data, tags, self))))


async def initiate(meter: Meter, key: bytes, parameter: Data) -> Answer:
    """Whatever was transferred before is forgotten."""
    identifier, size = (part.value for part in parameter.value)
    if not meter.value(sibling(key, _ENABLED)) or not identifier or not 0 < size <= _LARGEST_OCTETS:
        return ActionResult.OTHER_REASON
    if _status(meter, key) == ACTIVATING:
        return ActionResult.TEMPORARY_FAILURE
    count = -(-size // _block_size(meter, key))
    attributes = {
        sibling(key, PRIVATE): Transfer(identifier, size, 0).encoded(),
        sibling(key, _BITMAP): encode(Data(Tag.BIT_STRING, (count, bytes(-(-count // 8))))),
        sibling(key, _FIRST_MISSING): _number(0),
        **_status_of(key, INITIATED),
    }
    return Change(attributes=attributes, forgets=(Forget((_id(meter),), _TABLE),))


async def transfer_block(meter: Meter, key: bytes, parameter: Data) -> Answer:
    number, octets = (part.value for part in parameter.value)
    transfer = _transfer(meter, key)
    if transfer is None or _status(meter, key) != INITIATED:
        return ActionResult.OTHER_REASON
    count, bits = meter.value(sibling(key, _BITMAP))
    block = _block_size(meter, key)
    if number >= count or len(octets) not in (block, min(block, transfer.size - number * block)):
        return ActionResult.OTHER_REASON
    if bits[number // 8] >> (7 - number % 8) & 1:
        return ActionResult.SUCCESS  # sent again because an answer was lost; what came first stays
    bitmap = int.from_bytes(bits, "big") | 1 << (len(bits) * 8 - 1 - number)
    marked = bitmap.to_bytes(len(bits), "big")
    attributes = {
        sibling(key, _BITMAP): encode(Data(Tag.BIT_STRING, (count, marked))),
        sibling(key, _FIRST_MISSING): _number(_first_missing(count, marked)),
    }
    rows: dict[str, Column] = {
        "meter_id": Uuid(meter.cohort.ids[meter.row : meter.row + 1]),
        "block_number": Int4(np.array([number])),
        "octets": Octets(octets),
    }
    return Change(attributes=attributes, batches=(encode_rows(_TABLE, rows),))


async def verify(meter: Meter, key: bytes, parameter: Data) -> Answer:
    """An incomplete image is not judged: the missing blocks may still come. A wrong one must be sent anew."""
    transfer = _transfer(meter, key)
    if transfer is None or _status(meter, key) not in (INITIATED, VERIFIED, VERIFICATION_FAILED):
        return ActionResult.OTHER_REASON
    count, bits = meter.value(sibling(key, _BITMAP))
    if _first_missing(count, bits) < count:
        return ActionResult.OTHER_REASON
    blocks = await meter.cohort.around.store.image_blocks(_id(meter))
    image = b"".join(blocks[number] for number in sorted(blocks))[: transfer.size]
    body, signature = image[:-_SIGNATURE_OCTETS], image[-_SIGNATURE_OCTETS:]
    if hashlib.sha256(body).digest() != signature:
        return Change(attributes=_status_of(key, VERIFICATION_FAILED)), ActionResult.OTHER_REASON
    info = Data(Tag.STRUCTURE, (
        Data(Tag.DOUBLE_LONG_UNSIGNED, transfer.size),
        Data(Tag.OCTET_STRING, transfer.identifier),
        Data(Tag.OCTET_STRING, signature),
    ))  # fmt: skip
    shown = {sibling(key, _TO_ACTIVATE): encode(Data(Tag.ARRAY, (info,)))}
    return Change(attributes={**shown, **_status_of(key, VERIFIED)})


async def activate(meter: Meter, key: bytes, parameter: Data) -> Answer:
    """Takes half a minute; asked meanwhile, the meter says temporary-failure (Blue Book 4.4.6.3, step 7)."""
    transfer, status = _transfer(meter, key), _status(meter, key)
    if status == ACTIVATING:
        return ActionResult.TEMPORARY_FAILURE
    if transfer is None or status != VERIFIED:
        return ActionResult.SUCCESS if status == ACTIVATED else ActionResult.OTHER_REASON
    pending = transfer._replace(ready_ms=meter.instant_ms + _ACTIVATION_MS).encoded()
    attributes = {sibling(key, PRIVATE): pending, **_status_of(key, ACTIVATING)}
    return Change(attributes=attributes), ActionResult.TEMPORARY_FAILURE


def _due(meter: Meter) -> int | None:
    ready = [transfer.ready_ms for _, transfer in _activating(meter)]
    return max(min(ready), meter.instant_ms) if ready else None


async def _fire(meter: Meter) -> Change | None:
    for key, transfer in _activating(meter):
        version = transfer.identifier if transfer.identifier.isascii() else transfer.identifier.hex().encode()
        firmware = {FIRMWARE_VERSION: encode(Data(Tag.VISIBLE_STRING, version))}
        return Change(attributes={**firmware, **_status_of(key, ACTIVATED)}, events=(FIRMWARE,))
    return None


def _activating(meter: Meter) -> list[tuple[bytes, Transfer]]:
    keys = [head + bytes((_STATUS,)) for head in objects_of(meter.cohort.model, _CLASS)]
    found = [(key, _transfer(meter, key)) for key in keys if _status(meter, key) == ACTIVATING]
    return [(key, transfer) for key, transfer in found if transfer is not None]


def _transfer(meter: Meter, key: bytes) -> Transfer | None:
    kept = meter.value(sibling(key, PRIVATE))
    return None if kept is None else Transfer(*kept)


def _status(meter: Meter, key: bytes) -> int:
    return int(meter.value(sibling(key, _STATUS)))


def _block_size(meter: Meter, key: bytes) -> int:
    return int(meter.value(sibling(key, _BLOCK_SIZE)))


def _status_of(key: bytes, status: int) -> dict[bytes, bytes]:
    return {sibling(key, _STATUS): bytes((Tag.ENUM, status))}


def _number(value: int) -> bytes:
    return encode(Data(Tag.DOUBLE_LONG_UNSIGNED, value))


def _first_missing(count: int, bits: bytes) -> int:
    """The number of the first block that has not come; the number of blocks if all have."""
    text = f"{int.from_bytes(bits, 'big'):0{len(bits) * 8}b}"[:count]
    place = text.find("0")
    return count if place < 0 else place


def _id(meter: Meter) -> UUID:
    return meter.cohort.identities[meter.row].id


TIMER = Timer(_due, _fire)
