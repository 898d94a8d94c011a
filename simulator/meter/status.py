# SPDX-License-Identifier: MIT
"""The event status word (0.0.94.91.18.255) and its filter (ESWF, 0.0.94.91.26.255): 128 bits, as four numbers of 32.

Bit n of the DLMS bit string is bit 7 - n % 8 of its octet n // 8, and that octet is byte 15 - n // 8 of
sim.eswf_status: the bytes from 15 to 0 are the octets on the wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from simulator.cosem.model import Model, Setting, StatusWord
from simulator.cosem.status_word import STATUS_WORD, status_bits
from simulator.meter.columns import STATUS_WORDS, Ints
from simulator.store.copy import Column, Int2, Int4, Octets, Rows, Text, Timestamp, Uuid, encode_rows
from simulator.values import attribute_key, parse_obis

if TYPE_CHECKING:
    from simulator.meter.cohort import Cohort

WORD, FILTER = (attribute_key(1, parse_obis(code), 2) for code in (STATUS_WORD, "0.0.94.91.26.255"))
OCTETS = 16
_PREFIX = b"\x04\x81\x80"  # bit-string of 128 bits: the long form of the length (Green Book 9.5)
_HEX = np.frombuffer(b"0123456789ABCDEF", np.uint8)
Bytes = npt.NDArray[np.uint8]


def words_of(encoded: bytes) -> Ints:
    """The four numbers of a status word as it is on the wire."""
    return np.frombuffer(encoded[-OCTETS:], ">u4").astype(np.int64)


def encoded_word(words: Ints) -> bytes:
    return _PREFIX + words.astype(">u4").tobytes()


def default_word(model: Model, key: bytes) -> Ints:
    """Of a new meter: zeros if the model has no such object."""
    for entry in model.objects:
        for attribute in entry.attributes:
            if attribute.key == key and isinstance(attribute.source, StatusWord | Setting):
                return words_of(attribute.source.default)
    return np.zeros(STATUS_WORDS, np.int64)


def place_of(bit: int) -> tuple[int, int]:
    """Which of the four numbers, and the bit in it."""
    return bit // 32, 1 << 31 - bit % 32


def octets_of(words: Ints) -> Bytes:
    """[n, 16] octets of words [4, n], as they are on the wire."""
    return np.ascontiguousarray(words.T, ">u4").view(np.uint8)


def hexadecimal(words: Ints, repeats: int = 1) -> Octets:
    """Words [4, n] as 32 characters each, for as many rows each; one constant if they are all equal."""
    octets = octets_of(words if (words != words[:, :1]).any() else words[:, :1])
    texts = _HEX[np.stack([octets >> 4, octets & 15], axis=-1)].reshape(len(octets), 2 * OCTETS)
    return Octets(texts.tobytes() if len(texts) == 1 else np.repeat(texts, repeats, axis=0))


def filters(cohort: Cohort, rows: Ints) -> Ints:
    """[4, rows] what each meter's filter passes."""
    passed = np.repeat(default_word(cohort.model, FILTER)[:, None], len(rows), axis=1)
    for place, row in enumerate(rows.tolist()):
        if (row, FILTER) in cohort.overrides:
            passed[:, place] = words_of(cohort.overrides[row, FILTER])
    return passed


def status_rows(meters: Bytes, codes: Mapping[str, int], words: Ints, local_s: Ints, ids: Ints | None = None) -> Rows:
    """Rows of sim.eswf_status; `ids` if others refer to them."""
    octets = octets_of(words)
    columns: dict[str, Column] = {
        "meter_id": Uuid(meters),
        "obis_code_id": Int4(codes[STATUS_WORD]),
        "timestamp": Timestamp(local_s),
        **{f"esw_byte_{15 - place}": Int2(octets[:, place]) for place in range(OCTETS)},
    }
    return encode_rows("eswf_status", columns if ids is None else {"id": Int4(ids), **columns})


def alarm_rows(status_ids: Ints, bit: int, local_s: Ints) -> Rows:
    """Rows of sim.eswf_push_alarms for one raised bit."""
    columns: dict[str, Column] = {
        "eswf_status_id": Int4(status_ids),
        "alarm_timestamp": Timestamp(local_s),
        "alarm_type": Text(status_bits()[bit].name),
        "byte_position": Int4(15 - bit // 8),
        "bit_position": Int4(7 - bit % 8),
        "status": Text("PENDING"),
    }
    return encode_rows("eswf_push_alarms", columns)
