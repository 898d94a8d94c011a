# SPDX-License-Identifier: MIT
"""The general-block-transfer APDU: a piece of any other APDU (Green Book 9.5). Bytes to a noun and back."""

from __future__ import annotations

import struct
from typing import NamedTuple

from simulator.wire.axdr import encode_string, take, take_string
from simulator.wire.fields import filled

TAG = 0xE0
HEAD_OCTETS = 6
MAX_WINDOW = 0x3F
MAX_NUMBER = 0xFFFF
_LAST, _STREAMING = 0x80, 0x40
_HEAD = struct.Struct(">BBHH")  # tag, block-control, block-number, block-number-acknowledged


class GeneralBlock(NamedTuple):
    last: bool
    streaming: bool  # more blocks follow at once; the other side waits
    window: int  # how many blocks the sender takes at once
    number: int
    acknowledged: int  # the last block of the other side that came in order
    data: bytes


def decode(apdu: bytes) -> GeneralBlock:
    head, offset = take(apdu, 0, HEAD_OCTETS)
    _, control, number, acknowledged = _HEAD.unpack(head)
    data, offset = take_string(apdu, offset)
    last, streaming = bool(control & _LAST), bool(control & _STREAMING)
    return filled(apdu, offset, GeneralBlock(last, streaming, control & MAX_WINDOW, number, acknowledged, data))


def encode(block: GeneralBlock) -> bytes:
    last, streaming, window, number, acknowledged, data = block
    control = (last and _LAST) | (streaming and _STREAMING) | window
    return _HEAD.pack(TAG, control, number, acknowledged) + encode_string(data)
