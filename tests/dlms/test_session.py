# SPDX-License-Identifier: MIT
"""The face of the engine: legality, release, order, framing, limits, silence and time (Green Book 9.4)."""

from __future__ import annotations

import gc
import weakref

import pytest
from dlms_bench import (
    EMPTY_HOUSE,
    ENERGY,
    ENERGY_VALUE,
    EVERYTHING,
    METER,
    NAME,
    NOBODY,
    NOT_ASSOCIATED,
    OTHER_METER,
    PDU_TOO_LONG,
    PROFILE,
    PROFILE_VALUE,
    PUBLIC,
    READER,
    UNKNOWN,
    Bench,
    aarq,
    associated,
    diagnosis,
    get,
    get_list,
    get_next,
)

from simulator.dlms.legality import TABLE, State
from simulator.dlms.limits import Limits
from simulator.dlms.session import Session
from simulator.ports import Get
from simulator.wire import wrapper
from simulator.wire.acse import Rlre, decode_rlre
from simulator.wire.codes import Conformance
from simulator.wire.initiate import InitiateResponse, decode_response
from simulator.wire.refusal import Refusal

ENERGY_READ = "c401c100" + ENERGY_VALUE
RELEASED = "6303800100"


def frame(apdu: str | bytes, client: int = PUBLIC, server: int = METER) -> bytes:
    return wrapper.encode(client, server, bytes.fromhex(apdu) if isinstance(apdu, str) else apdu)


# --- legality ---------------------------------------------------------------------------------------------------


# Of ACCESS, which has no choice, one long-invoke-id stands for all.
SERVICES = sorted(service for service in TABLE[State.OPEN] if service[0] != 0xD9 or service[1] == 0x40)
ALL_BITS = EVERYTHING | int(Conformance.ACCESS)


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_before_an_association(service: bytes) -> None:
    """T_APPL_IDLE_N1: service-not-allowed, whatever follows the choice."""
    assert Bench().send(service.hex() + "c1") == NOT_ASSOCIATED


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_without_its_bits(service: bytes) -> None:
    needed = TABLE[State.OPEN][service]
    assert not isinstance(needed, Refusal)
    for bit in (1 << place for place in range(24)):
        if bit & needed:
            rest = (0x7FFFFF & ~bit) | int(Conformance.DATA_NOTIFICATION)
            assert associated(proposed=rest, conformance=ALL_BITS).send(service.hex() + "c1") == UNKNOWN
    bench = associated(proposed=needed, conformance=ALL_BITS)
    assert bench.send(service.hex() + "c1") == UNKNOWN  # legal now, but cut off


@pytest.mark.parametrize(
    "apdu",
    [
        "05 01 02 fa00",  # Read
        "06 01 02 fa00 01 00",  # Write
        "16 01 02 fa00 01 00",  # unconfirmed Write
        "e0 80 0001 0000 00",  # general block transfer
        "0f 00000001 00 00",  # data notification: a server's own
        "c401c10000",  # a response
        "00",
        "ff",
        "0e010600",
        "61 00",
        "63 00",
    ],
)
def test_services_that_are_not_here(apdu: str) -> None:
    """T_APPL_DATA_LN_N4, in the field: refused by code, in any state."""
    assert Bench().send(apdu) == UNKNOWN
    bench = associated()
    assert bench.send(apdu) == UNKNOWN
    assert bench.send(get(ENERGY)) == ENERGY_READ


@pytest.mark.parametrize(
    "apdu", ["c8 05 30 00000001", "d0 05 30 00000001", "db 08 4d54460000000001 05 30 00000001", "dc 00"]
)
def test_what_is_ciphered_belongs_into_a_ciphered_association(apdu: str) -> None:
    assert Bench().send(apdu) == NOT_ASSOCIATED
    bench = associated()
    assert bench.send(apdu) == UNKNOWN
    assert bench.send(get(ENERGY)) == ENERGY_READ


def test_an_empty_frame_is_answered() -> None:
    assert Bench().send("") == UNKNOWN
    assert associated().send("") == UNKNOWN


def test_another_client_is_not_associated() -> None:
    bench = associated(PUBLIC)
    assert bench.send(get(ENERGY), client=READER) == NOT_ASSOCIATED
    assert bench.send(get(ENERGY), client=NOBODY) == NOT_ASSOCIATED
    assert bench.send("c7", client=READER) == UNKNOWN
    assert bench.send(get(ENERGY)) == ENERGY_READ


def test_another_client_does_not_disturb_a_transfer() -> None:
    bench = associated(client_pdu=128)
    bench.send(get(PROFILE))
    bench.send(get(ENERGY), client=READER)
    assert (bench.send(get_next(1)) or "").startswith("c402c10000000002")


def test_unknown_server_address_is_silence() -> None:
    bench = associated()
    for apdu in (get(ENERGY), aarq(), "6200", "ff", ""):
        assert bench.send(apdu, server=EMPTY_HOUSE) is None


def test_pdu_longer_than_the_meter_takes() -> None:
    bench = associated(max_pdu=40)
    assert bench.send("c101c1" + NAME.hex() + "00" + "0919" + "41" * 25) == "c501c100"
    assert bench.send("c101c1" + NAME.hex() + "00" + "091a" + "41" * 26) == PDU_TOO_LONG
    assert [len(item.value.value) for item in bench.meter.written] == [25]


# --- release ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rlrq", ["6200", "6203800100", "6203800101", "620380011e"])
def test_release(rlrq: str) -> None:
    """T_APPL_REL_P1, in the field: an empty body and a reason."""
    bench = associated()
    assert bench.send(rlrq) == RELEASED
    assert bench.send(get(ENERGY)) == NOT_ASSOCIATED
    assert diagnosis(bench.open()) == (0, "user", 0)


def test_release_with_user_information_tells_some_back() -> None:
    bench = associated(max_pdu=750)
    reply = bench.send("6215 800100 be10 040e 01 00 00 00 06 5f1f04 00 001e1f 0400")
    rlre = decode_rlre(bytes.fromhex(reply or ""))
    assert rlre == Rlre(b"\x00", rlre.user_information)
    assert decode_response(rlre.user_information or b"") == InitiateResponse(None, 6, 0x001E1D & 0x1E1F, 750, 7)
    assert bench.send(get(ENERGY)) == NOT_ASSOCIATED


def test_release_of_nothing_is_granted() -> None:
    assert Bench().send("6200") == RELEASED
    bench = associated(PUBLIC)
    assert bench.send("6200", client=READER) == RELEASED
    assert bench.send(get(ENERGY)) == ENERGY_READ


@pytest.mark.parametrize("rlrq", ["62", "6201", "620080", "6204800100", "6203800200"])
def test_a_release_that_cannot_be_read_releases_nothing(rlrq: str) -> None:
    bench = associated()
    assert bench.send(rlrq) == UNKNOWN
    assert bench.send(get(ENERGY)) == ENERGY_READ


def test_release_ends_a_transfer() -> None:
    bench = associated(client_pdu=128)
    bench.send(get(PROFILE))
    bench.send("6200")
    bench.open(max_pdu=128)
    assert bench.send(get_next(1)) == "c402c101000000010110"


# --- order and framing ------------------------------------------------------------------------------------------

CONVERSATION = [
    aarq(max_pdu=128),
    get(ENERGY, invoke=0xC1),
    get(NAME, invoke=0x42),
    get_list(ENERGY, NAME, invoke=0x43),
    get(PROFILE, invoke=0xC4),
    get_next(1, invoke=0xC4),
    "c101c5" + NAME.hex() + "00" + "0903414243",
    "c10186" + NAME.hex() + "00" + "0903414244",
    "c301c7 0046 000060030aff 01 00",
    get(NAME, invoke=0x48),
    "ff",
    "6200",
    get(NAME, invoke=0x49),
]


def conversation() -> list[bytes]:
    return [frame(apdu) for apdu in CONVERSATION]


def test_pipelined_requests_are_answered_in_order_each_with_its_invoke_id() -> None:
    """In the field: three peers answer pipelined requests with the wrong invoke-id."""
    answers = Bench().feed(b"".join(conversation()))
    assert [answer[8:11].hex() for answer in answers[1:9]] == [
        "c401c1",
        "c40142",
        "c40343",
        "c402c4",
        "c402c4",
        "c501c5",
        "c701c7",
        "c40148",
    ]
    assert answers[8][8:].hex() == "c401480009034142" + "44"
    assert [answer[8:].hex() for answer in answers[9:]] == [UNKNOWN, RELEASED, NOT_ASSOCIATED]


def test_any_split_gives_the_same_answers() -> None:
    """In the field: split at any byte, also inside the wrapper header."""
    stream = b"".join(conversation())
    one_by_one = Bench()
    expected = [answer for part in conversation() for answer in one_by_one.feed(part)]
    assert Bench().feed(stream) == expected
    for step in (1, 2, 3, 7, 8, 9, 50):
        bench = Bench()
        pieces = [stream[place : place + step] for place in range(0, len(stream), step)]
        assert [answer for piece in pieces for answer in bench.feed(piece)] == expected


def test_a_request_is_out_until_it_is_answered() -> None:
    bench = associated()
    session = bench.session
    session.feed(frame(get(ENERGY)) + frame(get(NAME)), 0)
    request = session.next()
    assert isinstance(request, Get)
    assert session.device is bench.meter
    with pytest.raises(ValueError, match="pending"):
        session.next()
    with pytest.raises(ValueError, match="not pending"):
        session.respond(request._replace(client=1), [b"\x00"])
    assert session.respond(request, [b"\x00"])[8:].hex() == "c401c10000"
    assert session.device is None
    with pytest.raises(ValueError, match="not pending"):
        session.respond(request, [b"\x00"])
    second = session.next()
    assert isinstance(second, Get)
    assert second.items[0].attribute == NAME


def test_two_clients_at_once_share_nothing() -> None:
    """In the field: one peer shares one state among all connections."""
    first, second = associated(PUBLIC, client_pdu=128), associated(READER, client_pdu=300)
    first.send(get(PROFILE))
    second.send(get(PROFILE), client=READER)
    assert (first.send(get_next(1)) or "").startswith("c402c10000000002" + "0076" + PROFILE_VALUE[118:236].hex())
    assert second.send("6200", client=READER) == RELEASED
    assert (first.send(get_next(2)) or "").startswith("c402c10000000003")


@pytest.mark.parametrize("garbage", ["0002001000010001ff", "7ea0080201930202" + "00" * 8, "1603010200010001fc0303"])
def test_bytes_that_are_no_wrapper_close_the_connection(garbage: str) -> None:
    bench = associated()
    answers = bench.feed(frame(get(ENERGY)) + bytes.fromhex(garbage) + frame(get(ENERGY)))
    assert [answer[8:].hex() for answer in answers] == [ENERGY_READ]
    assert bench.session.closing
    assert bench.feed(frame(get(ENERGY))) == []


def test_nothing_wrong_nothing_closing() -> None:
    bench = associated()
    bench.send("ff")
    assert not bench.session.closing


# --- limits and time --------------------------------------------------------------------------------------------


def test_a_frame_longer_than_the_limit_closes() -> None:
    bench = associated(limits=Limits(max_frame=100))
    assert bench.feed(frame(bytes(101))) == []
    assert bench.session.closing


def test_a_peer_that_sends_and_never_waits_is_closed() -> None:
    bench = associated(limits=Limits(max_pending=200))
    for _ in range(100):
        bench.session.feed(frame(get(ENERGY)), 0)
    assert bench.session.closing


def test_one_connection_holds_so_many_associations() -> None:
    """The oldest gives way."""
    bench = Bench(limits=Limits(max_associations=1))
    bench.open(server=METER)
    bench.open(server=OTHER_METER)
    assert bench.send(get(ENERGY), server=METER) == NOT_ASSOCIATED
    assert bench.send(get(ENERGY), server=OTHER_METER) == ENERGY_READ


def test_idle_session_expires() -> None:
    bench = associated()
    assert not bench.session.expired(179_999)
    bench.feed(frame(get(ENERGY)), 100_000)
    assert not bench.session.expired(279_999)
    assert bench.session.expired(280_000)


def test_silent_peer_expires_from_when_it_was_first_looked_at() -> None:
    session = Session({}.get)
    assert not session.expired(1_000_000)
    assert session.expired(1_180_000)


def test_half_a_frame_expires_however_slowly_it_grows() -> None:
    """In the field: a header that announces more than follows."""
    bench = associated()
    bench.feed(frame(get(ENERGY)) + bytes.fromhex("0001001000 01ffff"), 5_000)
    for second in range(6, 15):
        bench.feed(b"\x00", second * 1_000)
        assert not bench.session.expired(second * 1_000)
    assert bench.session.expired(15_000)


def test_a_frame_completed_in_time_starts_no_clock() -> None:
    bench = associated()
    whole = frame(get(ENERGY))
    bench.feed(whole[:5], 0)
    bench.feed(whole[5:] + whole[:3], 9_000)
    assert not bench.session.expired(18_999)
    bench.feed(whole[3:], 18_999)
    assert not bench.session.expired(60_000)


def test_a_session_does_not_expire_while_the_meter_owes_an_answer() -> None:
    bench = associated()
    bench.session.feed(frame(get(ENERGY)), 0)
    request = bench.session.next()
    assert not bench.session.expired(1_000_000)
    assert isinstance(request, Get)
    bench.session.respond(request, [b"\x00"])
    assert bench.session.expired(1_000_000)


def test_memory_goes_with_the_session() -> None:
    bench = associated(client_pdu=128)
    bench.send(get(PROFILE))
    gone = weakref.ref(bench.session)
    bench.session = None  # type: ignore[assignment]
    gc.collect()
    assert gone() is None
