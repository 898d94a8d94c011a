# SPDX-License-Identifier: MIT
"""Ciphered associations in hex: SYMSEC_0: replay, wrong key, downgrade ... (Green Book 9.2.7)."""

from __future__ import annotations

import pytest
from dlms_bench import (
    AK,
    BK,
    CLIENT_TITLE,
    EK,
    METER_TITLE,
    NOBODY,
    NOT_ASSOCIATED,
    PROFILE,
    PROFILE_VALUE,
    RELAY_OFF,
    SETTER,
    UNKNOWN,
    diagnosis,
    get,
    get_next,
    octets,
    request,
)
from security_bench import (
    DECIPHERING_ERROR,
    DEDICATED,
    GET,
    READ,
    Client,
    counter_error,
    opened,
)

from simulator.ports import AssociationRules
from simulator.wire import acse, ciphering, initiate
from simulator.wire.ciphering import Envelope, Key


def test_the_aare_tells_the_meters_title_and_a_ciphered_initiate_response() -> None:
    client = Client()
    aare = acse.decode_aare(octets(client.open() or ""))
    assert aare.responding_ap_title == METER_TITLE
    envelope, plain = client.reveal((aare.user_information or b"").hex())
    assert (envelope.tag, envelope.control) == (0x28, 0x30)
    assert initiate.decode_response(octets(plain)).vaa_name == 7


@pytest.mark.parametrize("control", [0x10, 0x20, 0x30])
@pytest.mark.parametrize(("tag", "answer_tag"), [(0xC8, 0xCC), (0xDB, 0xDB)])
def test_an_answer_has_the_form_of_its_request(tag: int, answer_tag: int, control: int) -> None:
    """In the field: both envelopes in one association."""
    client = opened()
    envelope, plain = client.reveal(client.get(tag=tag, control=control))
    assert (envelope.tag, envelope.control, plain) == (answer_tag, control, READ)
    assert envelope.title == (METER_TITLE if tag == 0xDB else None)


def test_symsec_replay() -> None:
    """The same octets once more are refused by the counter expected, and nothing is done twice."""
    client = opened()
    apdu = client.cipher(octets(f"c301c1{RELAY_OFF.hex()}010f00"), tag=0xCB)
    assert client.reveal(client.send(apdu))[1] == "c701c10000"
    assert client.send(apdu) == counter_error(client.counter)
    assert len(client.bench.meter.invoked) == 1


def test_symsec_replayed_aarq() -> None:
    client = Client()
    apdu = client.aarq()
    assert diagnosis(client.send(apdu)) == (0, "user", 0)
    assert client.send(apdu) == counter_error(2)
    assert client.reveal(client.get(control=0x30))[1] == READ  # the association stands: the replay was not its client


def test_symsec_lower_counter() -> None:
    client = opened()
    client.counter = 0
    assert client.get() == counter_error(2)
    assert client.get() == counter_error(2)
    assert client.reveal(client.get())[1] == READ


def test_symsec_counter_jump() -> None:
    """In the field: a client may begin with any higher number."""
    client = opened()
    client.counter = 0x7FFF_FFFF
    assert client.reveal(client.get())[1] == READ
    client.counter = ciphering.MAX_COUNTER
    assert client.reveal(client.get())[1] == READ
    client.counter = ciphering.MAX_COUNTER  # none is left with this key
    assert client.get() == counter_error(ciphering.MAX_COUNTER)


@pytest.mark.parametrize("control", [0x10, 0x30])
def test_symsec_wrong_tag(control: int) -> None:
    client = opened()
    apdu = bytearray(client.cipher(GET, control=control))
    apdu[-1] ^= 1
    assert client.send(bytes(apdu)) == DECIPHERING_ERROR
    client.counter -= 1  # the counter of a forgery is not used up
    assert client.reveal(client.get())[1] == READ


@pytest.mark.parametrize("key", [Key(BK, AK), Key(EK, BK)])
@pytest.mark.parametrize("control", [0x20, 0x30])
def test_symsec_wrong_key(key: Key, control: int) -> None:
    """Encryption without a tag shows a wrong key by what comes out; it has no authentication key to be wrong."""
    client = opened()
    answer = client.get(key=key, control=control)
    if control == 0x20 and answer != DECIPHERING_ERROR:
        assert client.reveal(answer)[1] == READ
    else:
        assert answer == DECIPHERING_ERROR
    aarq_of_another = Client()
    aarq_of_another.key = key
    assert aarq_of_another.open() == DECIPHERING_ERROR


@pytest.mark.parametrize("count", [0, 1, 4, 5, 16])
def test_symsec_stripped_header(count: int) -> None:
    """Header or tag cut off: a refusal by code, the association lives."""
    client = opened()
    whole = client.cipher(GET)
    stripped = bytes((0xC8, count)) + whole[2 : 2 + count]
    assert client.send(stripped) in (DECIPHERING_ERROR, UNKNOWN)
    assert client.send(whole[:-1]) == UNKNOWN
    assert client.reveal(client.get())[1] == READ


def test_symsec_plain_apdu_in_a_ciphered_association() -> None:
    client = opened()
    assert client.send(GET) == NOT_ASSOCIATED
    assert client.bench.meter.asked == []
    assert client.send(client.cipher(client.cipher(GET))) == DECIPHERING_ERROR  # a glo-get inside a glo-get
    assert client.send(client.cipher(client.cipher(GET), tag=0xDB)) == UNKNOWN


def test_plain_in_a_plain_initiation_of_the_ciphered_context() -> None:
    """Policy 0 demands nothing, and the client has promised nothing."""
    client = Client()
    assert diagnosis(client.open(control=0)) == (0, "user", 0)
    assert client.send(GET) == READ
    assert client.reveal(client.get())[1] == READ
    client.guard.policy = 1  # security_activate works at once
    assert client.send(GET) == NOT_ASSOCIATED


@pytest.mark.parametrize(
    ("policy", "control", "granted"),
    [
        *((1, 0x10, True), (1, 0x30, True), (1, 0x20, False), (2, 0x20, True), (2, 0x10, False), (3, 0x30, True)),
        *((3, 0x10, False), (3, 0x20, False), (0x04, 0x10, True), (0x04, 0x20, False), (0x0C, 0x20, False)),
    ],
)
def test_symsec_policy(policy: int, control: int, granted: bool) -> None:
    """Policies 0 to 3 and the bits of version 1 (Blue Book 4.4.7)."""
    client = Client(policy=policy)
    assert diagnosis(client.open()) == (0, "user", 0)
    answer = client.get(control=control)
    if granted:
        assert client.reveal(answer)[1] == READ
    else:
        assert answer == NOT_ASSOCIATED
        assert client.bench.meter.asked == []


@pytest.mark.parametrize("policy", [1, 2, 3])
def test_symsec_policy_downgrade_in_the_aarq(policy: int) -> None:
    client = Client(policy=policy)
    assert diagnosis(client.open(control=0)) == (1, "user", 1)
    assert client.open(control=0x30 & ~(0x10 if policy & 1 else 0x20)) == NOT_ASSOCIATED
    assert diagnosis(client.open()) == (0, "user", 0)


def test_a_policy_for_answers_alone() -> None:
    """Version 1, bits 5 and 6: what the meter sends is protected more than what it was asked by."""
    client = Client(policy=0x60)
    client.open()
    assert client.reveal(client.get(control=0x10))[0].control == 0x30


@pytest.mark.parametrize("control", [0x31, 0xB0, 0x00, 0x0F])
def test_suites_and_compression_that_are_not_here(control: int) -> None:
    client = opened()
    envelope = Envelope(0xC8, None, control, client.counter, client.key.protect(0x30, CLIENT_TITLE, 2, GET))
    assert client.send(ciphering.encode(envelope)) == DECIPHERING_ERROR


def test_a_title_that_is_not_the_clients() -> None:
    client = opened()
    text = client.key.protect(0x30, METER_TITLE, client.counter, GET)
    assert client.send(ciphering.encode(Envelope(0xDB, METER_TITLE, 0x30, client.counter, text))) == DECIPHERING_ERROR


@pytest.mark.parametrize("title", [None, b"short", b"much too long"])
def test_a_ciphered_context_needs_a_title(title: bytes | None) -> None:
    client = Client()
    assert diagnosis(client.open(fields={"calling_ap_title": title})) == (1, "user", 3)


def test_general_broadcast_key() -> None:
    """A counter of its own, and the answer under the unicast key."""
    client = opened()
    client.counter = 0
    envelope, plain = client.reveal(client.get(tag=0xDB, control=0x70, key=Key(BK, AK)))
    assert (envelope.control, plain) == (0x30, READ)
    client.counter = 0
    assert client.get(tag=0xDB, control=0x70, key=Key(BK, AK)) == counter_error(1)
    client.counter = 2
    assert client.reveal(client.get())[1] == READ


@pytest.mark.parametrize(("tag", "answer_tag"), [(0xD0, 0xD4), (0xDC, 0xDC)])
def test_dedicated_key(tag: int, answer_tag: int) -> None:
    client = Client()
    client.open(dedicated_key=DEDICATED)
    key = Key(DEDICATED, AK)
    client.counter = 0
    envelope, plain = client.reveal(client.get(tag=tag, key=key), key)
    assert (envelope.tag, plain) == (answer_tag, READ)
    client.counter = 0
    assert client.get(tag=tag, key=key) == counter_error(1)
    client.counter = 2
    assert client.reveal(client.get())[1] == READ  # the global key goes on beside it


def test_a_dedicated_key_that_came_plain_is_ignored() -> None:
    """T_APPL_OPEN_9."""
    client = Client()
    assert diagnosis(client.open(control=0, dedicated_key=DEDICATED)) == (0, "user", 0)
    assert client.get(tag=0xD0, key=Key(DEDICATED, AK)) == DECIPHERING_ERROR


def test_what_the_client_may_not_do_is_refused_inside_the_envelope_too() -> None:
    client = Client()
    client.open(conformance=int(initiate.DLMS_VERSION) | 0x10)  # GET and two bits that it may not have
    assert client.send(client.cipher(octets(f"c301c1{RELAY_OFF.hex()}010f00"), tag=0xCB)) == UNKNOWN


@pytest.mark.parametrize("tag", [0xC8, 0xDB])
@pytest.mark.parametrize("max_pdu", [64, 128, 300])
def test_a_long_answer_fits_the_clients_pdu_with_its_envelope(tag: int, max_pdu: int) -> None:
    client = Client()
    client.open(max_pdu=max_pdu)
    value, number = "", 0
    apdu = client.cipher(octets(get(PROFILE)), tag=tag)
    while True:
        answer = client.send(apdu)
        assert len(octets(answer or "")) <= max_pdu
        plain = octets(client.reveal(answer)[1])
        number += 1
        assert plain[:2] == b"\xc4\x02"
        assert int.from_bytes(plain[4:8], "big") == number
        value += plain[10 if plain[9] < 0x80 else 10 + plain[9] - 0x80 :].hex()
        if plain[3]:
            break
        apdu = client.cipher(octets(get_next(number)), tag=tag)
    assert octets(value) == PROFILE_VALUE


def test_a_pdu_without_room_for_an_envelope() -> None:
    client = Client()
    assert diagnosis(client.open(max_pdu=40)) == (1, "user", 1)


def test_counters_are_safe_before_anything_is_answered() -> None:
    client = Client()
    meter = client.bench.meter
    meter.can_reserve = False
    assert client.open() == NOT_ASSOCIATED
    assert meter.reserved == 1
    client.guard.safe, meter.can_reserve = False, True
    assert diagnosis(client.open()) == (0, "user", 0)
    client.guard.safe, meter.can_reserve = False, False
    assert client.get() == NOT_ASSOCIATED
    assert meter.asked == []
    meter.can_reserve = client.guard.safe = True
    assert client.reveal(client.get())[1] == READ


def test_release_plain_and_protected() -> None:
    client = opened()
    assert client.send(octets("6200")) == "6303800100"
    assert client.get() == NOT_ASSOCIATED
    client = opened()
    rlrq = acse.encode_rlrq(acse.Rlrq(b"\0", client.cipher(request(), tag=0x21)))
    rlre = acse.decode_rlre(octets(client.send(rlrq) or ""))
    assert client.reveal((rlre.user_information or b"").hex())[0].tag == 0x28
    assert client.send(rlrq) == "6303800100" or client.get() == NOT_ASSOCIATED


def test_a_forged_release_releases_nothing() -> None:
    client = opened()
    forged = acse.encode_rlrq(acse.Rlrq(b"\0", client.cipher(request(), tag=0x21, key=Key(BK, AK))))
    assert client.send(forged) == DECIPHERING_ERROR
    assert client.reveal(client.get())[1] == READ


# ------------------------------------------------------------------------------------------------- pre-established


def established(**options: object) -> Client:
    return Client(sap=SETTER, mechanism=0, contexts=frozenset({3}), pre_established=True, **options)  # type: ignore[arg-type]


def test_a_pre_established_association_needs_no_aarq() -> None:
    client = established()
    envelope, plain = client.reveal(client.get(tag=0xDB))
    assert (envelope.tag, plain) == (0xDB, READ)
    assert client.get() == DECIPHERING_ERROR  # nobody has told the title
    client.guard.client_title = CLIENT_TITLE
    client = established()
    client.guard.client_title = CLIENT_TITLE
    assert client.reveal(client.get())[1] == READ


def test_a_pre_established_association_takes_nothing_plain_and_no_aarq() -> None:
    client = established()
    assert client.send(GET) == NOT_ASSOCIATED
    assert diagnosis(client.open()) == (1, "user", 1)
    assert client.reveal(client.get(tag=0xDB))[1] == READ
    assert client.send(GET) == NOT_ASSOCIATED
    assert client.bench.send(client.cipher(GET, tag=0xDB), client=NOBODY) == NOT_ASSOCIATED


def test_secrets_are_not_shown() -> None:
    rules = AssociationRules(1, 2, frozenset({3}), 0, 0, secret=b"s3cret")
    assert "s3cret" not in repr(rules)
    assert EK.hex() not in repr(Key(EK, AK))
