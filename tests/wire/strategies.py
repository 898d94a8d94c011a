# SPDX-License-Identifier: MIT
"""Hypothesis strategies for the nouns of the wire: every one that can exist, and nothing that cannot."""

from __future__ import annotations

from hypothesis import strategies as st

from simulator.wire.axdr import Data
from simulator.wire.codes import Tag
from simulator.wire.fields import Block
from simulator.wire.selection import CaptureObject, EntryDescriptor, OtherSelector, RangeDescriptor

RANGES = {
    Tag.DOUBLE_LONG: 32,
    Tag.INTEGER: 8,
    Tag.BCD: 8,
    Tag.LONG: 16,
    Tag.LONG64: 64,
    Tag.DELTA_INTEGER: 8,
    Tag.DELTA_LONG: 16,
    Tag.DELTA_DOUBLE_LONG: 32,
}
UNSIGNED_RANGES = {
    Tag.DOUBLE_LONG_UNSIGNED: 32,
    Tag.UNSIGNED: 8,
    Tag.LONG_UNSIGNED: 16,
    Tag.LONG64_UNSIGNED: 64,
    Tag.ENUM: 8,
    Tag.DELTA_UNSIGNED: 8,
    Tag.DELTA_LONG_UNSIGNED: 16,
    Tag.DELTA_DOUBLE_LONG_UNSIGNED: 32,
}


def _of(tag: Tag, values: st.SearchStrategy[object]) -> st.SearchStrategy[Data]:
    return values.map(lambda value: Data(int(tag), value))


def _bits(octets: bytes) -> st.SearchStrategy[tuple[int, bytes]]:
    most = len(octets) * 8
    return st.integers(max(0, most - 7), most).map(lambda count: (count, octets))


leaves = st.one_of(
    *(_of(tag, st.integers(-(1 << bits - 1), (1 << bits - 1) - 1)) for tag, bits in RANGES.items()),
    *(_of(tag, st.integers(0, (1 << bits) - 1)) for tag, bits in UNSIGNED_RANGES.items()),
    *(_of(tag, st.binary(max_size=300)) for tag in (Tag.OCTET_STRING, Tag.VISIBLE_STRING, Tag.UTF8_STRING)),
    *(
        _of(tag, st.binary(min_size=size, max_size=size))
        for tag, size in ((Tag.DATE_TIME, 12), (Tag.DATE, 5), (Tag.TIME, 4))
    ),
    _of(Tag.NULL, st.none()),
    _of(Tag.DONT_CARE, st.none()),
    _of(Tag.BOOLEAN, st.booleans()),
    _of(Tag.BIT_STRING, st.binary(max_size=20).flatmap(_bits)),
    _of(Tag.FLOAT32, st.floats(width=32, allow_nan=False)),
    _of(Tag.FLOAT64, st.floats(allow_nan=False)),
    _of(
        Tag.COMPACT_ARRAY,
        st.tuples(st.sampled_from([b"\x12", b"\x02\x02\x12\x06", b"\x01\x00\x03\x0f", b"\x02\x00"]), st.binary()),
    ),
)
data = st.recursive(
    leaves,
    lambda inner: st.one_of(
        *(_of(tag, st.lists(inner, max_size=5).map(tuple)) for tag in (Tag.ARRAY, Tag.STRUCTURE)),
    ),
    max_leaves=12,
)

octet = st.integers(0, 255)
u16 = st.integers(0, 0xFFFF)
u32 = st.integers(0, 0xFFFF_FFFF)
descriptors = st.binary(min_size=9, max_size=9)
blocks = st.builds(Block, st.booleans(), u32, st.binary(max_size=300))

BUFFER = bytes.fromhex("0007 0100630100ff 02")
capture_objects = st.builds(CaptureObject, u16, st.binary(min_size=6, max_size=6), st.integers(-128, 127), u16)
buffer_selections = st.one_of(
    st.builds(RangeDescriptor, capture_objects, data, data, st.lists(capture_objects, max_size=3).map(tuple)),
    st.builds(EntryDescriptor, u32, u32, u16, u16),
)
targets = st.one_of(
    st.tuples(descriptors, st.none()),
    st.tuples(st.just(BUFFER), buffer_selections),
    st.tuples(descriptors, st.builds(OtherSelector, st.integers(3, 255), data)),
)
