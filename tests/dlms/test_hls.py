# SPDX-License-Identifier: MIT
"""High level security in hex (Green Book 9.2.7, 9.4.4)."""

from __future__ import annotations

import pytest
from dlms_bench import (
    AK,
    CLIENT_TITLE,
    EK,
    HIGH,
    METER_TITLE,
    NOT_ASSOCIATED,
    READER,
    RELAY_OFF,
    Bench,
    aarq,
    diagnosis,
    low_level,
    octets,
)
from security_bench import (
    CTOS,
    DEDICATED,
    GET,
    READ,
    REPLY_TO_HLS,
    SECRET,
    Client,
)

from simulator.wire import acse, proofs
from simulator.wire.ciphering import Key
from simulator.wire.proofs import Exchange


def hls_fields(mechanism: int, challenge: bytes = CTOS) -> dict[str, bytes | None]:
    fields = low_level(challenge, mechanism)["acse_fields"]
    assert isinstance(fields, dict)
    return {**fields, "calling_ap_title": CLIENT_TITLE}


class Challenger(Client):
    def __init__(self, mechanism: int, *, challenge_octets: int = 16, ctos: bytes = CTOS, context: int = 3) -> None:
        super().__init__(sap=HIGH, mechanism=mechanism, secret=SECRET, challenge_octets=challenge_octets)
        self.mechanism, self.ctos = mechanism, ctos
        fields = hls_fields(mechanism, ctos)
        reply = self.open(fields=fields) if context == 3 else self.send(aarq(acse_fields=fields))
        assert diagnosis(reply) == (0, "user", 14)
        self.aare = acse.decode_aare(octets(reply or ""))
        self.stoc = self.aare.authentication_value or b""

    def proof(self, stoc: bytes | None = None, secret: bytes = SECRET) -> bytes:
        exchange = Exchange(self.stoc if stoc is None else stoc, self.ctos, CLIENT_TITLE, METER_TITLE)
        if self.mechanism != proofs.GMAC:
            return proofs.prove(self.mechanism, secret, exchange)
        self.counter += 1
        return proofs.prove_gmac(Key(secret if secret != SECRET else EK, AK), 0, self.counter - 1, exchange)

    def pass_3(self, proof: bytes, method: bytes = REPLY_TO_HLS) -> bytes:
        return octets(f"c301c1{method.hex()}0109{len(proof):02x}{proof.hex()}")


@pytest.mark.parametrize("mechanism", [2, 3, 4, 5, 6])
@pytest.mark.parametrize(("ours", "theirs"), [(8, 8), (16, 16), (64, 64), (64, 8), (8, 64)])
def test_hls_with_challenges_of_8_to_64_octets(mechanism: int, ours: int, theirs: int) -> None:
    """In the field: both sizes, in either direction."""
    ctos = (CTOS * 4)[:theirs]
    client = Challenger(mechanism, challenge_octets=ours, ctos=ctos)
    assert len(client.stoc) == ours
    assert client.aare.mechanism_name == acse.MECHANISM_NAME + bytes((mechanism,))
    assert client.aare.requirements == b"\x07\x80"
    answer = octets(client.reveal(client.send(client.cipher(client.pass_3(client.proof()), tag=0xCB)))[1])
    assert answer[:6].hex() == "c701c1000100"
    proof, exchange = answer[8:], Exchange(ctos, client.stoc, METER_TITLE, CLIENT_TITLE)
    if mechanism == proofs.GMAC:
        assert proof == proofs.prove_gmac(Key(EK, AK), 0, proofs.counter_of(proof), exchange)
    else:
        assert proof == proofs.prove(mechanism, SECRET, exchange)
    assert client.reveal(client.get())[1] == READ
    assert client.bench.meter.logins == [(HIGH, True)]


@pytest.mark.parametrize("size", [0, 7, 65])
def test_hls_with_a_challenge_of_another_size(size: int) -> None:
    client = Client(sap=HIGH, mechanism=5, secret=SECRET)
    assert diagnosis(client.open(fields=hls_fields(5, bytes(size)))) == (1, "user", 13)


@pytest.mark.parametrize("mechanism", [2, 3, 4, 5, 6])
def test_hls_in_a_plain_context(mechanism: int) -> None:
    client = Challenger(mechanism, context=1)
    assert client.send(GET) == NOT_ASSOCIATED
    assert (client.send(client.pass_3(client.proof())) or "").startswith("c701c1000100")
    assert client.send(GET) == READ


@pytest.mark.parametrize("mechanism", [2, 3, 4, 5, 6])
def test_hls_wrong_proof_ends_the_association(mechanism: int) -> None:
    client = Challenger(mechanism)
    wrong = client.cipher(client.pass_3(client.proof(secret=bytes(16))), tag=0xCB)
    assert client.reveal(client.send(wrong))[1] == "c701c1fa00"
    assert client.get() == NOT_ASSOCIATED
    assert client.bench.meter.logins == [(HIGH, False)]


@pytest.mark.parametrize("proof", ["", "00", "10", "1000000001", "10ffffffff" + "00" * 12, "00" * 200])
def test_hls_any_octets_for_a_proof(proof: str) -> None:
    for mechanism in (2, 5):
        client = Challenger(mechanism, context=1)
        size = f"{len(octets(proof)):02x}" if len(octets(proof)) < 128 else "81c8"
        reply = client.send(octets(f"c301c1{REPLY_TO_HLS.hex()}0109{size}{proof}"))
        assert reply == "c701c1fa00"


def test_hls_before_pass_3_only_that_method_is_legal() -> None:
    client = Challenger(2)
    assert client.get() == NOT_ASSOCIATED
    assert client.send(client.cipher(octets(f"c301c1{RELAY_OFF.hex()}010f00"), tag=0xCB)) == NOT_ASSOCIATED
    assert client.send(client.pass_3(client.proof())) == NOT_ASSOCIATED  # plain
    assert client.bench.meter.invoked == client.bench.meter.asked == []
    assert client.reveal(client.send(client.cipher(client.pass_3(client.proof()), tag=0xCB)))[1].startswith("c701c100")


def test_hls_by_the_clients_own_association_object() -> None:
    own = bytes.fromhex("0000280003ff")
    client = Client(sap=HIGH, mechanism=2, secret=SECRET, association=own)
    stoc = acse.decode_aare(octets(client.open(fields=hls_fields(2)) or "")).authentication_value or b""
    proof = proofs.prove(2, SECRET, Exchange(stoc, CTOS, CLIENT_TITLE, METER_TITLE))
    method = b"\x00\x0f" + own + b"\x01"
    apdu = client.cipher(octets(f"c301c1{method.hex()}0109{len(proof):02x}{proof.hex()}"), tag=0xCB)
    assert client.reveal(client.send(apdu))[1].startswith("c701c100")


def test_hls_replayed_proof() -> None:
    """Each login has its own challenge, so that yesterday's answer is worth nothing."""
    client = Challenger(2, context=1)
    proof = client.proof()
    again = Challenger(2, context=1)
    assert again.stoc != client.stoc
    assert again.send(again.pass_3(proof)) == "c701c1fa00"


def test_hls_gmac_proof_with_a_used_counter() -> None:
    client = Challenger(5)
    client.counter = 1
    proof = client.proof()
    assert client.reveal(client.send(client.cipher(client.pass_3(proof), tag=0xCB)))[1] == "c701c1fa00"


def test_hls_passes_3_and_4_go_under_the_global_key_beside_a_dedicated_one() -> None:
    """In the field."""
    client = Client(sap=HIGH, mechanism=2, secret=SECRET)
    reply = client.open(fields=hls_fields(2), dedicated_key=DEDICATED)
    stoc = acse.decode_aare(octets(reply or "")).authentication_value or b""
    proof = proofs.prove(2, SECRET, Exchange(stoc, CTOS, CLIENT_TITLE, METER_TITLE))
    pass_3 = octets(f"c301c1{REPLY_TO_HLS.hex()}0109{len(proof):02x}{proof.hex()}")
    assert client.reveal(client.send(client.cipher(pass_3, tag=0xCB)))[1].startswith("c701c100")
    assert client.reveal(client.get(tag=0xD0, key=Key(DEDICATED, AK)), Key(DEDICATED, AK))[1] == READ


def test_mechanism_7_is_of_other_suites() -> None:
    client = Client(sap=HIGH, mechanism=7, secret=SECRET)
    assert diagnosis(client.open(fields=hls_fields(7))) == (1, "user", 11)


def test_another_mechanism_than_the_clients_own() -> None:
    bench = Bench()
    assert diagnosis(bench.open(HIGH, acse_fields=hls_fields(4))) == (1, "user", 11)
    assert diagnosis(bench.open(HIGH, acse_fields=hls_fields(1))) == (1, "user", 11)
    assert diagnosis(bench.open(HIGH, acse_fields={"calling_ap_title": CLIENT_TITLE})) == (1, "user", 14)


def test_a_locked_client_is_rejected_for_now() -> None:
    client = Client(sap=READER, locked=True)
    assert diagnosis(client.send(aarq(acse_fields=low_level()["acse_fields"]))) == (2, "user", 1)  # type: ignore[arg-type]
    assert client.bench.meter.logins == []


def test_a_wrong_password_is_a_failed_login() -> None:
    client = Client(sap=READER)
    client.send(aarq(acse_fields=low_level(b"wrong")["acse_fields"]))  # type: ignore[arg-type]
    client.send(aarq(acse_fields=low_level()["acse_fields"]))  # type: ignore[arg-type]
    assert client.bench.meter.logins == [(READER, False), (READER, True)]
