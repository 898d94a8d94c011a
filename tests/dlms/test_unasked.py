# SPDX-License-Identifier: MIT
"""EventNotification on open associations, in hex: at once, never within another exchange, ciphered as the association
is, and in HDLC when the client polls (Green Book 9.3.11, 9.3.12)."""

from __future__ import annotations

import pytest
from dlms_bench import (
    AK,
    ENERGY,
    ENERGY_VALUE,
    EVERYTHING,
    HIGH,
    METER,
    PROFILE,
    PUBLIC,
    Bench,
    aarq,
    associated,
    diagnosis,
    get,
    get_next,
    octets,
)
from hdlc_bench import AARQ, DISC, ONE, RR, Line, Told, information, lpdu, ready
from security_bench import DEDICATED, READ, Client
from test_hls import hls_fields

from simulator.dlms.unasked import MOST
from simulator.wire import gbt, wrapper
from simulator.wire.ciphering import Key
from simulator.wire.codes import Conformance
from simulator.wire.gbt import GeneralBlock
from simulator.wire.notification import EventNotification

TOLD = EVERYTHING | Conformance.EVENT_NOTIFICATION
WORD = bytes.fromhex("0001 00005e5b12ff 02")
TIME = bytes.fromhex("07ea0b1506090a0bff800000")
VALUE = bytes.fromhex("048180") + bytes(15) + b"\x01"
EVENT = EventNotification(TIME, WORD, VALUE)
APDU = "c2010c" + TIME.hex() + WORD.hex() + VALUE.hex()
UI, UI_POLL, UI_FINAL = 0x03, 0x13, 0x13


def open_bench(**changes: int) -> Bench:
    return associated(conformance=TOLD, proposed=TOLD, **changes)


def said(bench: Bench) -> list[str]:
    return [frame[8:].hex() for frame in bench.drain()]


def test_at_once_with_time_and_attribute() -> None:
    bench = open_bench()
    assert bench.session.listening == [METER]
    assert not bench.session.notify(METER, EVENT)
    assert list(bench.drain()) == [wrapper.encode(METER, PUBLIC, octets(APDU))]
    assert bench.send(get(ENERGY)) == READ
    bench.session.notify(METER, EVENT._replace(time=None))
    assert said(bench) == ["c200" + APDU[30:]]


@pytest.mark.parametrize(("offered", "proposed"), [(EVERYTHING, TOLD), (TOLD, EVERYTHING)])
def test_only_where_both_sides_want_it(offered: int, proposed: int) -> None:
    assert associated(conformance=offered, proposed=proposed).session.listening == []


def test_who_may_come_to_be_listened_to_is_told_with_the_association() -> None:
    told: list[int] = []
    for conformance in (EVERYTHING, TOLD):
        bench = Bench(conformance=TOLD)
        bench.session.expect_listeners(told.append)
        bench.send(aarq(conformance=conformance).hex())
    assert told == [METER]


def test_nobody_listens_before_the_association_is_open() -> None:
    bench = Bench(conformance=TOLD)
    assert bench.session.listening == []
    assert diagnosis(bench.open(HIGH, conformance=TOLD, acse_fields=hls_fields(5, b"challenge"))) == (0, "user", 14)
    assert bench.session.listening == []


def test_not_before_the_answer_to_the_request_in_hand() -> None:
    bench = open_bench()
    bench.session.feed(wrapper.encode(PUBLIC, METER, octets(get(ENERGY))), 0)
    request = bench.session.next()
    bench.session.notify(METER, EVENT)
    assert bench.session.respond(request, [octets(ENERGY_VALUE)])[8:].hex() == READ  # type: ignore[arg-type]
    assert said(bench) == [APDU]


def test_not_within_a_get_in_blocks() -> None:
    bench = open_bench(client_pdu=300)
    first = bench.send(get(PROFILE))
    assert first is not None
    assert first.startswith("c402c100")
    bench.session.notify(METER, EVENT)
    assert said(bench) == []
    frames = [frame[8:].hex() for frame in bench.feed(wrapper.encode(PUBLIC, METER, octets(get_next(1))))]
    assert frames[0].startswith("c402c101")  # the last block
    assert frames[1:] == [APDU]


def test_another_request_gives_the_transfer_up() -> None:
    bench = open_bench(client_pdu=300)
    bench.send(get(PROFILE))
    bench.session.notify(METER, EVENT)
    frames = bench.feed(wrapper.encode(PUBLIC, METER, octets(get(ENERGY))))
    assert [frame[8:].hex() for frame in frames] == [READ, APDU]


def test_not_within_a_set_in_blocks() -> None:
    bench = open_bench()
    bench.send(f"c102c1{bytes.fromhex('000100002a0000ff02').hex()}00" + "00" + "00000001" + "02" + "0902")
    bench.session.notify(METER, EVENT)
    assert said(bench) == []
    frames = bench.feed(wrapper.encode(PUBLIC, METER, octets("c103c1" + "01" + "00000002" + "02" + "4142")))
    assert [frame[8:].hex() for frame in frames] == ["c503c10000000002", APDU]


def test_not_within_general_blocks() -> None:
    both = (TOLD & ~Conformance.BLOCK_TRANSFER_WITH_GET) | Conformance.GENERAL_BLOCK_TRANSFER
    bench = associated(conformance=both, proposed=both, client_pdu=128)
    assert (bench.send(get(PROFILE)) or "").startswith("e0")
    bench.session.notify(METER, EVENT)
    assert said(bench) == []
    told, number = [], 1
    while APDU not in told:
        block = gbt.encode(GeneralBlock(False, False, 1, number, number, b""))
        told = [frame[8:].hex() for frame in bench.feed(wrapper.encode(PUBLIC, METER, block))]
        assert told[0].startswith("e0")
        number += 1
    assert octets(told[0])[1] & 0x80  # right behind the last block
    assert number > 2


def test_a_request_beside_a_transfer_in_general_blocks_gives_it_up() -> None:
    both = TOLD | Conformance.GENERAL_BLOCK_TRANSFER
    bench = associated(conformance=both, proposed=both)
    bench.send(gbt.encode(GeneralBlock(False, False, 1, 1, 0, octets(get(ENERGY))[:5])))
    bench.session.notify(METER, EVENT)
    assert said(bench) == []
    frames = bench.feed(wrapper.encode(PUBLIC, METER, octets(get(ENERGY))))
    assert [frame[8:].hex() for frame in frames] == [READ, APDU]


def test_the_oldest_goes_when_too_many_wait() -> None:
    bench = open_bench(client_pdu=300)
    bench.send(get(PROFILE))
    events = [EVENT._replace(value=b"\x11" + bytes((number,))) for number in range(MOST + 2)]
    assert [bench.session.notify(METER, event) for event in events] == [False] * MOST + [True, True]
    bench.session.feed(wrapper.encode(PUBLIC, METER, octets(get_next(1))), 0)
    assert [apdu[-2:] for apdu in said(bench)[1:]] == [f"{number:02x}" for number in range(2, MOST + 2)]


def test_what_the_client_cannot_receive_is_not_sent() -> None:
    bench = open_bench(client_pdu=40)
    bench.session.notify(METER, EVENT)
    assert said(bench) == []
    assert bench.send(get(ENERGY)) == READ


@pytest.mark.parametrize("how", ["release", "another AARQ", "no power"])
def test_it_ends_with_the_association(how: str) -> None:
    bench = open_bench(client_pdu=300)
    bench.send(get(PROFILE))
    bench.session.notify(METER, EVENT)
    if how == "release":
        assert bench.send("6200") is not None
    elif how == "no power":
        bench.meter.is_gone = True
    else:
        assert diagnosis(bench.open(conformance=TOLD)) == (0, "user", 0)
    assert said(bench) == []


# -- ciphered ---------------------------------------------------------------------------------------------------------


def listening(**opened: object) -> Client:
    client = Client(conformance=TOLD)
    assert diagnosis(client.open(conformance=TOLD, **opened)) == (0, "user", 0)
    return client


def told(client: Client) -> str:
    client.bench.session.notify(METER, EVENT)
    (apdu,) = said(client.bench)
    return apdu


def test_under_the_global_key_with_a_counter_of_its_own() -> None:
    client = listening()
    before, _ = client.reveal(client.get())
    envelope, plain = client.reveal(told(client))
    assert (envelope.tag, envelope.control, plain) == (0xCA, 0x30, APDU)
    assert envelope.counter == before.counter + 1


@pytest.mark.parametrize(("control", "tag"), [(0x10, 0xC8), (0x20, 0xC8), (0x10, 0xDB), (0x30, 0xDB)])
def test_in_the_form_of_the_clients_latest_apdu(control: int, tag: int) -> None:
    client = listening()
    client.get(control=control, tag=tag)
    envelope, plain = client.reveal(told(client))
    assert (envelope.tag, envelope.control, plain) == (0xDB if tag == 0xDB else 0xCA, control, APDU)


@pytest.mark.parametrize(("tag", "told_tag"), [(0xD0, 0xD2), (0xDC, 0xDC)])
def test_under_the_dedicated_key(tag: int, told_tag: int) -> None:
    client = listening(dedicated_key=DEDICATED)
    key = Key(DEDICATED, AK)
    client.counter = 0
    client.get(tag=tag, key=key)
    envelope, plain = client.reveal(told(client), key)
    assert (envelope.tag, plain) == (told_tag, APDU)


def test_under_the_key_of_now() -> None:
    client = listening()
    client.get()
    client.guard.ek = DEDICATED
    assert client.reveal(told(client), Key(DEDICATED, AK))[1] == APDU


def test_plain_and_as_the_policy_wants() -> None:
    client = listening(control=0)
    assert told(client) == APDU
    client.guard.policy = 3
    assert client.reveal(told(client))[1] == APDU


def test_counters_are_safe_before_it_is_ciphered() -> None:
    client = listening()
    meter = client.bench.meter
    client.guard.safe, before = False, meter.reserved
    assert client.reveal(told(client))[1] == APDU
    assert meter.reserved == before + 1


def test_nothing_is_said_without_safe_counters() -> None:
    client = listening()
    meter = client.bench.meter
    client.guard.safe, meter.can_reserve = False, False
    client.bench.session.notify(METER, EVENT)
    client.guard.safe = False
    assert said(client.bench) == []
    client.guard.safe = meter.can_reserve = True
    assert client.reveal(client.get())[1] == READ
    assert said(client.bench) == []


# -- HDLC: a secondary station speaks when it is polled (IEC 62056-46 6.4.4.4) ----------------------------------------


def open_line(**changes: int) -> Line:
    line = Line(**{"conformance": TOLD, **changes})  # type: ignore[arg-type]
    line.connect()
    (answer,) = line.send(AARQ, lpdu(aarq(conformance=TOLD)))
    assert diagnosis(answer.information[3:].hex()) == (0, "user", 0)
    return line


def notify(line: Line) -> None:
    line.session.notify(METER, EVENT)
    assert line.session.next() is None  # not polled


UNNUMBERED = Told(UI_FINAL, b"\xe6\xe7\x00" + octets(APDU))


def test_an_empty_ui_frame_triggers_it() -> None:
    line = open_line()
    notify(line)
    assert line.send(UI) == []  # without a poll
    assert line.send(UI_POLL) == [UNNUMBERED]
    assert line.send(UI_POLL) == []  # there is no more


def test_a_poll_without_anything_else_to_answer_by() -> None:
    line = open_line()
    notify(line)
    notify(line)
    assert line.one(ready(1)) == UNNUMBERED
    assert line.one(ready(1)) == UNNUMBERED
    assert line.one(ready(1)) == Told(RR | 0x20)
    (answer,) = line.send(information(1, 1), lpdu(get(ENERGY)))
    assert answer.information[3:].hex() == READ


def test_an_answer_and_its_segments_go_first() -> None:
    line = open_line()
    first = line.one(information(1, 1), lpdu(get(PROFILE)))
    assert first.segmented
    notify(line)
    number, more = 2, first
    while more.segmented:
        more = line.one(ready(number))
        assert more.control & 1 == 0
        number = (number + 1) % 8
    assert line.one(ready(number)) == UNNUMBERED


def test_a_request_that_wants_no_answer_gives_the_word() -> None:
    line = open_line()
    notify(line)
    unconfirmed = f"c10181{bytes.fromhex('000100002a0000ff02').hex()}00090141"
    assert line.one(information(1, 1), lpdu(unconfirmed)) == UNNUMBERED


def test_it_ends_with_the_data_link() -> None:
    line = open_line()
    notify(line)
    line.one(DISC)
    assert line.send(UI_POLL) == []
    line.connect()
    assert line.one(ready(0)).control & 0x0F == 0x01


def test_another_client_does_not_get_it() -> None:
    line = open_line()
    notify(line)
    assert line.send(UI_POLL, client=32) == []
    assert line.send(UI_POLL, server=ONE) == [UNNUMBERED]
