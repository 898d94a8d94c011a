# SPDX-License-Identifier: MIT
"""Suite 0 against the worked examples of the Green Book (9.2.7, tables of the ciphered GET and of HLS with GMAC)."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import PeerError
from simulator.wire import ciphering, proofs
from simulator.wire.ciphering import Envelope, Key, decode, encode, overhead, required, unwrap
from simulator.wire.proofs import Exchange

EK, AK = bytes(range(16)), bytes(range(0xD0, 0xE0))
CLIENT, METER = bytes.fromhex("4d4d4d0000000001"), bytes.fromhex("4d4d4d0000bc614e")
GET = bytes.fromhex("c0010000080000010000ff0200")
COUNTER = 0x01234567
CIPHERED_GET = {
    0x10: "c81e10 01234567 c0010000080000010000ff0200 06725d910f9221d263877516",
    0x20: "c812 20 01234567 411312ff935a47566827c467bc",
    0x30: "c81e 30 01234567 411312ff935a47566827c467bc 7d825c3be4a77c3fcc056b6b",
}


@pytest.mark.parametrize("control", [0x10, 0x20, 0x30])
def test_the_examples_of_the_green_book(control: int) -> None:
    key, apdu = Key(EK, AK), bytes.fromhex(CIPHERED_GET[control])
    envelope = decode(apdu)
    assert envelope[:4] == (0xC8, None, control, COUNTER)
    assert key.reveal(control, METER, COUNTER, envelope.text) == GET
    assert encode(envelope._replace(text=key.protect(control, METER, COUNTER, GET))) == apdu


def test_hls_gmac_of_the_green_book() -> None:
    key, ctos, stoc = Key(EK, AK), b"K56iVagY", b"P6wRJ21F"
    of_client = proofs.prove_gmac(key, 0, 1, Exchange(stoc, ctos, CLIENT, METER))
    of_meter = proofs.prove_gmac(key, 0, COUNTER, Exchange(ctos, stoc, METER, CLIENT))
    assert of_client.hex() == "1000000001" + "1a52fe7dd3e72748973c1e28"
    assert of_meter.hex() == "1001234567" + "fe1466afb3dbcd4f9389e2b7"
    assert proofs.counter_of(of_meter) == COUNTER


def test_hls_by_hashes() -> None:
    """Green Book 9.2.7.4: challenge and secret; SHA-256 takes titles and both challenges in besides."""
    exchange = Exchange(b"challenge", b"own", CLIENT, METER)
    assert proofs.prove(proofs.MD5, b"secret", exchange) == hashlib.md5(b"challengesecret").digest()
    assert proofs.prove(proofs.SHA1, b"secret", exchange) == hashlib.sha1(b"challengesecret").digest()
    whole = b"secret" + CLIENT + METER + b"challenge" + b"own"
    assert proofs.prove(proofs.SHA256, b"secret", exchange) == hashlib.sha256(whole).digest()


def test_hls_by_aes() -> None:
    """FIPS 197, appendix C.1; a challenge that is no whole block is filled up by zeros."""
    exchange = Exchange(bytes.fromhex("00112233445566778899aabbccddeeff"), b"", CLIENT, METER)
    assert proofs.prove(proofs.AES_ECB, EK, exchange).hex() == "69c4e0d86a7b0430d8cdb78070b4c55a"
    assert len(proofs.prove(proofs.AES_ECB, EK, exchange._replace(challenge=bytes(33)))) == 48


@given(
    plain=st.binary(max_size=300),
    control=st.sampled_from([0x10, 0x20, 0x30]),
    counter=st.integers(0, ciphering.MAX_COUNTER),
    tag=st.sampled_from([0xDB, 0xDC, 0xC8, 0xD4]),
)
def test_what_is_protected_is_revealed(plain: bytes, control: int, counter: int, tag: int) -> None:
    key = Key(EK, AK)
    title = METER if tag in (0xDB, 0xDC) else None
    apdu = encode(Envelope(tag, title, control, counter, key.protect(control, METER, counter, plain)))
    assert len(apdu) <= len(plain) + overhead(tag)
    envelope = decode(apdu)
    assert envelope.title == title
    assert key.reveal(control, METER, envelope.counter, envelope.text) == plain


@pytest.mark.parametrize("control", [0x10, 0x30])
def test_any_changed_bit_is_noticed(control: int) -> None:
    key = Key(EK, AK)
    text = key.protect(control, METER, COUNTER, GET)
    for bit in range(len(text) * 8):
        changed = (int.from_bytes(text, "big") ^ 1 << bit).to_bytes(len(text), "big")
        assert key.reveal(control, METER, COUNTER, changed) is None
    assert key.reveal(control, METER, COUNTER + 1, text) is None
    assert key.reveal(control, CLIENT, COUNTER, text) is None
    assert key.reveal(control | 0x40, METER, COUNTER, text) is None
    assert Key(AK, AK).reveal(control, METER, COUNTER, text) is None
    assert Key(EK, EK).reveal(control, METER, COUNTER, text) is None
    assert key.reveal(control, METER, COUNTER, text[:11]) is None


@given(st.binary(max_size=60))
def test_any_octets_are_an_envelope_or_malformed(octets: bytes) -> None:
    for tag in (0x21, 0xC8, 0xDB, 0xDC):
        apdu = bytes((tag,)) + octets
        try:
            envelope = decode(apdu)
        except PeerError:
            continue
        assert decode(encode(envelope)) == envelope


def test_key_wrap_of_rfc_3394() -> None:
    """RFC 3394, 4.1."""
    wrapped = bytes.fromhex("1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5")
    assert unwrap(EK, wrapped) == bytes.fromhex("00112233445566778899aabbccddeeff")
    assert unwrap(AK, wrapped) is None
    assert unwrap(EK, wrapped[:-1]) is None
    assert unwrap(EK, b"") is None
    assert unwrap(EK, aes_key_wrap(EK, bytes(32))) == bytes(32)


@pytest.mark.parametrize(
    ("policy", "request_bits", "answer_bits"),
    [(0, 0, 0), (1, 0x10, 0x10), (2, 0x20, 0x20), (3, 0x30, 0x30), (4, 0x10, 0), (12, 0x30, 0), (0x60, 0, 0x30)],
)
def test_policies_of_both_versions(policy: int, request_bits: int, answer_bits: int) -> None:
    """Blue Book 4.4.7: version 0 counts, version 1 has a bit for each."""
    assert (required(policy), required(policy, answer=True)) == (request_bits, answer_bits)
