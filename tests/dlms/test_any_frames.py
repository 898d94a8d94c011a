# SPDX-License-Identifier: MIT
"""Whatever comes below the associations or inside ciphering: the fuzzer's targets on what Hypothesis makes.

The targets (tests/fuzz) say what must hold; here they are fed with frames that are nearly right.
"""

from __future__ import annotations

import fuzz_associations
import fuzz_ciphered
import fuzz_lines
from dlms_bench import aarq, low_level
from fuzz_pieces import SEPARATOR
from hypothesis import given, settings
from hypothesis import strategies as st
from test_any_bytes import apdus

from simulator.wire.hdlc import Control

octet = st.binary(min_size=1, max_size=1)
some = st.binary(max_size=40)


def told(*parts: st.SearchStrategy[bytes], most: int = 10) -> st.SearchStrategy[bytes]:
    """Pieces, each of these parts in order."""
    return st.lists(st.tuples(*parts).map(b"".join), max_size=most).map(SEPARATOR.join)


def one_of(*octets: int) -> st.SearchStrategy[bytes]:
    return st.sampled_from(octets).map(lambda value: bytes((value,)))


envelopes = one_of(*range(0x20), 0x80, 0x81, 0x82)
proofs = st.one_of(st.just(b"\0"), st.builds(bytes.__add__, one_of(1, 2), st.one_of(some, apdus)))
general = st.tuples(
    one_of(0x81, 0xC5, 0x41, 0x05, 0xBF, 0x80), one_of(0, 1, 1, 1, 2, 0xFF), one_of(0, 0, 1, 2, 9, 0xFF)
)
commands = st.one_of(one_of(*(control | 0x10 for control in Control)), octet)
in_order = st.builds(bytes.__add__, st.just(b"\x40"), st.one_of(apdus, st.just(aarq())))
any_frame = st.tuples(st.one_of(one_of(*range(16)), octet), commands, st.one_of(some, apdus)).map(b"".join)
lines = st.one_of(st.sampled_from([b"/?!\r\n", b"/?9160000001!\r\n", b"\x06252\r\n", b"\x06052\r\n", b"/?1!"]), some)
fields = st.tuples(
    st.one_of(one_of(0x80, 0xA1, 0xA6, 0x8A, 0x8B, 0xAC, 0xBE), octet),
    st.one_of(some, st.sampled_from([aarq()[4:], aarq(**low_level())[4:], bytes.fromhex("060760857405080101")])),
).map(b"".join)


@given(st.builds(bytes.__add__, one_of(0, 1, 2, 3), told(envelopes, apdus)))
@settings(max_examples=100)
def test_anything_inside_ciphering(data: bytes) -> None:
    fuzz_ciphered.ciphered(data)


@given(st.builds(bytes.__add__, octet, told(proofs, most=4)))
@settings(max_examples=100)
def test_anything_for_a_proof(data: bytes) -> None:
    fuzz_ciphered.logins(data)


@given(told(general.map(b"".join), st.one_of(some, apdus)))
@settings(max_examples=100)
def test_any_general_blocks_and_apdus_between_them(data: bytes) -> None:
    fuzz_associations.blocks(data)


@given(st.builds(bytes.__add__, octet, st.lists(fields, max_size=8).map(SEPARATOR.join)))
@settings(max_examples=100)
def test_any_aarq(data: bytes) -> None:
    fuzz_associations.openings(data)


@given(st.lists(st.one_of(in_order, any_frame), max_size=12).map(SEPARATOR.join))
@settings(max_examples=100)
def test_any_frames_on_an_hdlc_line(data: bytes) -> None:
    fuzz_lines.frames(data)


@given(told(octet, lines))
@settings(max_examples=100)
def test_any_characters_of_a_sign_on(data: bytes) -> None:
    fuzz_lines.sign_on(data)


@given(told(octet, octet, one_of(1, 2), apdus))
@settings(max_examples=100)
def test_anything_behind_a_gateway(data: bytes) -> None:
    fuzz_lines.prefixes(data)
