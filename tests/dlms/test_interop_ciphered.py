# SPDX-License-Identifier: MIT
"""What real client stacks were seen to need of a server, in ciphered associations and over HDLC.

test_interop.py has the same needs in plain associations over the wrapper; what is the same code for both is not
repeated, what could differ is.
"""

from __future__ import annotations

import pytest
from dlms_bench import (
    AK,
    ENERGY,
    ENERGY_VALUE,
    METER,
    METER_TITLE,
    NOT_ASSOCIATED,
    PROFILE,
    PROFILE_VALUE,
    PUBLIC,
    READER,
    SECRET,
    aarq,
    diagnosis,
    get,
    get_list,
    get_next,
    low_level,
    octets,
)
from hdlc_bench import Line, information, lpdu, ready
from security_bench import DEDICATED, READ, Client, counter_error, opened
from test_hls import Challenger, hls_fields

from simulator.wire import acse, hdlc, initiate, wrapper
from simulator.wire.apdu_get import GetResponseBlock, decode_response
from simulator.wire.ciphering import Key, decode
from simulator.wire.hdlc import Address, Frame

GLO_GET, GENERAL = 0xC8, 0xDB
NOWHERE = bytes(9)


# ----------------------------------------------------------------------------------------------- ciphered associations


def test_public_client_then_a_ciphered_one_on_one_connection_without_release() -> None:
    """A client reads the invocation counter as public client, then logs in."""
    client = Client(sap=READER, mechanism=0)
    assert diagnosis(client.bench.open(PUBLIC)) == (0, "user", 0)
    assert client.bench.send(get(ENERGY)) == READ
    assert diagnosis(client.open()) == (0, "user", 0)
    assert client.reveal(client.get())[1] == READ
    assert client.bench.send(get(ENERGY), client=PUBLIC) == NOT_ASSOCIATED
    assert diagnosis(client.bench.open(PUBLIC)) == (0, "user", 0)
    assert client.get() == NOT_ASSOCIATED


@pytest.mark.parametrize("asked", [None, 0, 3])
def test_quality_of_service_is_in_the_ciphered_answer_only_if_it_was_in_the_question(asked: int | None) -> None:
    client = Client()
    aare = acse.decode_aare(octets(client.open(quality_of_service=asked) or ""))
    told = initiate.decode_response(octets(client.reveal((aare.user_information or b"").hex())[1]))
    assert told.quality_of_service == asked


def test_hls_runs_under_the_global_key_even_where_a_dedicated_one_is_in_use() -> None:
    client, dedicated = Challenger(5), Key(DEDICATED, AK)
    aare = acse.decode_aare(octets(client.open(fields=hls_fields(5), dedicated_key=DEDICATED) or ""))
    client.stoc = aare.authentication_value or b""
    assert client.reveal(client.send(client.cipher(client.pass_3(client.proof()), tag=0xCB)))[0].tag == 0xCF
    assert client.reveal(client.get(tag=0xD0, key=dedicated), dedicated)[1] == READ


def test_pipelined_ciphered_requests_split_anywhere_are_answered_in_order_in_their_own_forms() -> None:
    """Both envelopes mixed in one association, each answer with its request's envelope and invoke-id."""
    client = opened()
    tags = [GLO_GET, GENERAL] * 8
    requests = [client.cipher(octets(get(ENERGY, invoke=0xC0 | n)), tag=tag) for n, tag in enumerate(tags)]
    stream = b"".join(wrapper.encode(PUBLIC, METER, request) for request in requests)
    answers = [part for cut in (stream[:3], stream[3:140], stream[140:]) for part in client.bench.feed(cut)]
    envelopes, plains = zip(*(client.reveal(answer[8:].hex()) for answer in answers), strict=True)
    assert [envelope.tag for envelope in envelopes] == [0xCC, GENERAL] * 8
    assert [octets(plain)[2] for plain in plains] == [0xC0 | n for n in range(16)]
    counters = [envelope.counter for envelope in envelopes]
    assert counters == sorted(set(counters))


def test_a_counter_that_is_too_low_is_answered_by_the_expected_one_in_either_form() -> None:
    for tag in (GLO_GET, GENERAL):
        client = opened()
        client.counter = 7_000
        assert client.reveal(client.get(tag=tag))[1] == READ
        client.counter = 7_000
        assert client.get(tag=tag) == counter_error(7_001)


def test_reading_what_is_not_there_is_a_data_access_result_inside_the_envelope() -> None:
    client = opened()
    for attribute in (0, 1, 3, 40, 127, 255):
        request = get(octets("0003 0100010800ff") + bytes((attribute,)))
        assert client.reveal(client.send(client.cipher(octets(request))))[1] == "c401c10104"


def test_fifty_ciphered_clients_at_once_each_with_its_own_state() -> None:
    """Each in another place of another transfer, with keys of its own."""
    clients = [opened() for _ in range(50)]
    for number, client in enumerate(clients):
        client.open(max_pdu=100 + 3 * number)
    replies: list[str | None] = [client.send(client.cipher(octets(get(PROFILE)))) for client in clients]
    streams = [b""] * len(clients)
    while any(replies):
        for place, (client, reply) in enumerate(zip(clients, replies, strict=True)):
            if reply:
                block = decode_response(octets(client.reveal(reply)[1]))
                assert isinstance(block, GetResponseBlock)
                assert isinstance(block.result, bytes)
                streams[place] += block.result
                more = None if block.last else client.cipher(octets(get_next(block.number)))
                replies[place] = client.send(more) if more else None
    assert streams == [PROFILE_VALUE] * len(clients)


def test_a_ciphered_list_with_refusals_is_in_order_whole_or_in_blocks() -> None:
    wanted = [ENERGY, SECRET, NOWHERE] * 10
    results = "1e" + ("00" + ENERGY_VALUE + "0103" + "0104") * 10
    client = opened()
    assert client.reveal(client.send(client.cipher(octets(get_list(*wanted)))))[1] == "c403c1" + results
    client.open(max_pdu=120)
    stream, number, request = b"", 0, get_list(*wanted)
    while True:
        block = decode_response(octets(client.reveal(client.send(client.cipher(octets(request))))[1]))
        assert isinstance(block, GetResponseBlock)
        assert isinstance(block.result, bytes)
        stream, number = stream + block.result, number + 1
        if block.last:
            break
        request = get_next(number)
    assert (stream.hex(), number > 1) == (results, True)


def test_a_ciphered_header_that_announces_ffff_octets_takes_none_along() -> None:
    hung, well = opened(), opened()
    hung.bench.feed(bytes.fromhex("000100100001ffff c8"), 1_000)
    assert well.reveal(well.get())[1] == READ
    assert hung.bench.session.expired(11_000)


def test_an_empty_ciphered_profile_is_an_empty_array() -> None:
    client = opened()
    client.bench.meter.values[PROFILE] = b"\x01\x00"
    assert client.reveal(client.send(client.cipher(octets(get(PROFILE)))))[1] == "c401c1000100"


# ---------------------------------------------------------------------------------------------------------------- HDLC


class Talk:
    """One data link connection of a client, with its sequence numbers."""

    def __init__(self, line: Line, client: int = PUBLIC) -> None:
        self.line, self.client, self.sent, self.received = line, client, 0, 0
        line.connect(client=client)

    def frame(self, apdu: str | bytes) -> bytes:
        control = information(self.sent, self.received)
        self.sent = self.sent + 1 & 7
        return hdlc.encode_command(Frame(Address(METER), self.client, control, lpdu(apdu)))

    def ask(self, apdu: str | bytes) -> bytes:
        """The whole answer, segments put together."""
        (told,) = self.line.feed(self.frame(apdu))
        whole = told.information
        self.received = self.received + 1 & 7
        while told.segmented:
            (told,) = self.line.send(ready(self.received), client=self.client)
            whole += told.information
            self.received = self.received + 1 & 7
        return whole[3:]


def reader_aarq() -> bytes:
    return aarq(acse_fields=low_level()["acse_fields"])  # type: ignore[arg-type]


def test_hdlc_a_second_aarq_on_one_data_link_replaces_the_association() -> None:
    """No DISC and no release between them; and another client SAP has a data link of its own."""
    line = Line()
    talk = Talk(line, READER)
    for _ in range(2):
        assert diagnosis(talk.ask(reader_aarq()).hex()) == (0, "user", 0)
        assert talk.ask(get(ENERGY)).hex() == READ
    public = Talk(line, PUBLIC)
    assert diagnosis(public.ask(aarq()).hex()) == (0, "user", 0)
    assert public.ask(get(ENERGY)).hex() == READ


@pytest.mark.parametrize("rlrq", ["6200", "6203800100"])
def test_hdlc_release_is_answered_and_the_data_link_stays(rlrq: str) -> None:
    talk = Talk(Line())
    talk.ask(aarq())
    assert talk.ask(rlrq).hex() == "6303800100"
    assert talk.ask(get(ENERGY)).hex() == NOT_ASSOCIATED
    assert diagnosis(talk.ask(aarq()).hex()) == (0, "user", 0)


def test_hdlc_frames_may_come_octet_by_octet() -> None:
    talk = Talk(Line())
    told = [one for octet in talk.frame(aarq()) for one in talk.line.feed(bytes((octet,)))]
    assert diagnosis(told[0].information[3:].hex()) == (0, "user", 0)


def test_hdlc_reading_what_is_not_there_is_a_data_access_result() -> None:
    talk = Talk(Line())
    talk.ask(aarq())
    for attribute in (0, 1, 3, 40, 255):
        assert talk.ask(get(octets("0003 0100010800ff") + bytes((attribute,)))).hex() == "c401c10104"


def test_hdlc_a_frame_that_announces_more_than_follows_hangs_nobody_else() -> None:
    """Another connection has another line, and this one hears again after the inter-octet time-out."""
    hung, well = Line(), Line()
    hung.feed(bytes.fromhex("7ea7ff0321"))
    assert Talk(well).ask(aarq())
    hung.now_ms += 10_000
    assert Talk(hung).ask(aarq())


def test_hdlc_a_long_answer_comes_in_segments_with_its_own_invoke_id() -> None:
    talk = Talk(Line())
    talk.ask(aarq())
    answer = talk.ask(get(PROFILE, invoke=0xC7))
    assert answer.hex() == "c401c700" + PROFILE_VALUE.hex()
    answer = talk.ask(get_list(ENERGY, SECRET, PROFILE))
    assert answer.hex() == f"c403c103 00{ENERGY_VALUE} 0103 00{PROFILE_VALUE.hex()}".replace(" ", "")


def test_hdlc_a_ciphered_association() -> None:
    """The envelope is cut into segments, not the other way round."""
    client, line = Client(), Line()
    line.meter = client.bench.meter
    line.homes[METER] = client.bench.meter
    talk = Talk(line)
    assert diagnosis(talk.ask(client.aarq()).hex()) == (0, "user", 0)
    for tag in (GLO_GET, GENERAL):
        answer = talk.ask(client.cipher(octets(get(PROFILE)), tag=tag))
        assert client.reveal(answer.hex())[1] == "c401c100" + PROFILE_VALUE.hex()
        assert decode(answer).title == (METER_TITLE if tag == GENERAL else None)
    assert talk.ask(get(ENERGY)).hex() == NOT_ASSOCIATED
