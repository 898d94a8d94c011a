# SPDX-License-Identifier: MIT
"""The application-layer conformance tests of the DLMS UA by their names, octet for octet: hex in, hex out.

What each name probes is told in its docstring; where only the name is public, the docstring says how it is read here.
"""

from __future__ import annotations

import pytest
from dlms_bench import (
    ENERGY,
    ENERGY_VALUE,
    METER,
    NAME,
    NOT_ASSOCIATED,
    PUBLIC,
    READER,
    UNKNOWN,
    Bench,
    associated,
    get,
    octets,
)
from hdlc_bench import AARQ, DISC, DM, SNRM, UA, Line, Told, information, lpdu

from simulator.wire import wrapper

LN = "a109060760857405080101"
INITIATE = "01 00 00 00 06 5f1f0400001e1d ffff"  # no dedicated key, response allowed, no quality of service, DLMS 6
GRANTED = "a203020100 a305a103020100"  # accepted; acse-service-user: null
REJECTED = "a203020101 a305a1030201"  # rejected permanently; acse-service-user: a diagnostic follows
NO_REASON = REJECTED + "01"
AGREED = "08 00 06 5f1f0400001e1d 0400 0007"  # DLMS 6, the conformance proposed, PDUs up to 1024, LN
PASSWORD = "8a020780 8b0760857405080201 ac0a80083132333435363738"
ENERGY_READ = "c401c100" + ENERGY_VALUE
RELEASED = "6303800100"


def wrapped(tag: int, contents: str) -> str:
    """A short BER tag-length-value."""
    inside = bytes.fromhex(contents)
    return bytes((tag, len(inside))).hex() + inside.hex()


def user_information(apdu: str) -> str:
    return wrapped(0xBE, wrapped(0x04, apdu))


def aarq(*fields: str, initiate: str = INITIATE) -> str:
    return wrapped(0x60, "".join(fields or (LN,)) + user_information(initiate))


def aare(outcome: str, told: str = AGREED) -> str:
    return wrapped(0x61, LN + outcome + user_information(told))


def initiate_error(error: int) -> str:
    """confirmedServiceError: initiateError, ServiceError initiate."""
    return aare(NO_REASON, f"0e0106{error:02x}")


OPENED = aare(GRANTED)


def is_open(bench: Bench, client: int = PUBLIC) -> bool:
    reply = bench.send(get(ENERGY), client=client)
    assert reply in (NOT_ASSOCIATED, ENERGY_READ)
    return reply == ENERGY_READ


def test_t_appl_idle_n1() -> None:
    """A GET without an association is refused, reads nothing, and stands in no later association's way."""
    bench = Bench()
    assert bench.send("c001c1 0003 0100010800ff 02 00") == "d80101"
    assert bench.meter.asked == []
    assert bench.send(aarq()) == OPENED
    assert is_open(bench)


def test_t_appl_open_1() -> None:
    """The normal opening, here with every octet written out."""
    bench = Bench()
    reply = bench.send("601d a109060760857405080101 be10040e 01 00 00 00 06 5f1f0400001e1d ffff")
    assert reply == "6129a109060760857405080101a203020100a305a103020100be10040e0800065f1f0400001e1d04000007"
    assert is_open(bench)


def test_t_appl_open_3() -> None:
    """A second way to open (its change is not public): with a password, and from there as in the first."""
    bench = Bench()
    assert bench.send(aarq(LN, PASSWORD), client=READER) == OPENED
    assert is_open(bench, READER)
    assert not is_open(bench, PUBLIC)


@pytest.mark.parametrize("version", ["", "80020780", "80020284"])
def test_t_appl_open_4(version: str) -> None:
    """protocol-version is version1 where it is absent, and may offer others beside it (X.227)."""
    bench = Bench()
    assert bench.send(aarq(version, LN)) == OPENED
    assert is_open(bench)


@pytest.mark.parametrize("version", ["80020700", "80020640", "800100"])
def test_t_appl_open_4_without_version_1(version: str) -> None:
    """acse-service-provider: no-common-acse-version."""
    bench = Bench()
    assert bench.send(aarq(version, LN)) == aare("a203020101 a305a203020102")
    assert not is_open(bench)


@pytest.mark.parametrize("context", ["60857405080102", "60857405080105", "60857405080163", "60857405090101", "2a0304"])
def test_t_appl_open_5(context: str) -> None:
    """An unknown application context: application-context-name-not-supported, and which one is."""
    bench = Bench()
    assert bench.send(aarq(wrapped(0xA1, wrapped(0x06, context)))) == aare(REJECTED + "02")
    assert not is_open(bench)


TITLES = {
    "called-AP-title": "a2 0a 0408 4d464c0000000001",
    "called-AE-qualifier": "a3 04 0402 0102",
    "called-AP-invocation-id": "a4 03 020101",
    "called-AE-invocation-id": "a5 03 020101",
    "calling-AP-title": "a6 0a 0408 434c493132333435",
    "calling-AE-qualifier": "a7 04 0402 0102",
    "calling-AP-invocation-id": "a8 03 020101",
    "calling-AE-invocation-id": "a9 03 020101",
}


@pytest.mark.parametrize("fields", [*TITLES.values(), "".join(TITLES.values())], ids=[*TITLES, "all"])
def test_t_appl_open_6(fields: str) -> None:
    """Titles, qualifiers and invocation ids, one by one and all at once, disturb no plain association."""
    bench = Bench()
    assert bench.send(aarq(LN, fields)) == OPENED
    assert is_open(bench)


@pytest.mark.parametrize(
    ("fields", "diagnostic"),
    [
        ("", 14),  # authentication-required
        ("8a020780", 12),  # the functional unit is on, but no mechanism is named
        ("8a020780 8b0760857405080209 ac0a80083132333435363738", 11),  # one that does not exist
        ("8a020780 8b0760857405080201", 13),  # no password
        ("8a020780 8b0760857405080201 ac0a80083132333435363739", 13),  # a wrong one
        ("8a020780 8b0760857405080201 ac0280 00", 13),  # an empty one
    ],
)
def test_t_appl_open_7(fields: str, diagnostic: int) -> None:
    """The authentication functional unit: each way to leave out or spoil a field of it has its own diagnostic."""
    bench = Bench()
    assert bench.send(aarq(LN, fields), client=READER) == aare(f"{REJECTED}{diagnostic:02x}")
    assert not is_open(bench, READER)
    assert bench.send(aarq(LN, PASSWORD), client=READER) == OPENED


def test_t_appl_open_9() -> None:
    """A dedicated key without ciphering: ignored, the association is plain and refuses what is ciphered."""
    bench = Bench()
    assert bench.send(aarq(initiate="01 01 10" + "20" * 16 + "00 00 06 5f1f0400001e1d ffff")) == OPENED
    assert is_open(bench)
    assert bench.send("d0 05 30 00000001") == UNKNOWN


@pytest.mark.parametrize("quality", [0, 1, 0x7F, 0x80, 0xFF])
def test_t_appl_open_11(quality: int) -> None:
    """A proposed quality-of-service, whose value means nothing, is told back; where none is proposed, none is."""
    bench = Bench()
    reply = bench.send(aarq(initiate=f"01 00 00 01 {quality:02x} 06 5f1f0400001e1d ffff"))
    assert reply == aare(GRANTED, f"08 01 {quality:02x} 06 5f1f0400001e1d 0400 0007")
    assert is_open(bench)
    assert Bench().send(aarq()) == aare(GRANTED, "08 00 06 5f1f0400001e1d 0400 0007")


@pytest.mark.parametrize("version", [0, 5, 7])
def test_t_appl_open_12(version: int) -> None:
    """Another DLMS version than 6: initiate error dlms-version-too-low, the only one there is for versions."""
    bench = Bench()
    assert bench.send(aarq(initiate=f"01 00 00 00 {version:02x} 5f1f0400001e1d ffff")) == initiate_error(1)
    assert not is_open(bench)


@pytest.mark.parametrize("size", [1, 11])
def test_t_appl_open_14(size: int) -> None:
    """A client PDU size too small for any service: initiate error pdu-size-too-short; 12 will do, 0 is no limit."""
    bench = Bench()
    assert bench.send(aarq(initiate=f"01 00 00 00 06 5f1f0400001e1d {size:04x}")) == initiate_error(3)
    assert not is_open(bench)
    for enough in ("000c", "0000"):
        assert bench.send(aarq(initiate=f"01 00 00 00 06 5f1f0400001e1d {enough}")) == OPENED


@pytest.mark.parametrize(
    "apdu",
    [
        f"c000c1 {ENERGY.hex()} 00",  # GET: a choice that does not exist
        f"c004c1 {ENERGY.hex()} 00",
        f"c0ffc1 {ENERGY.hex()} 00",
        f"c100c1 {NAME.hex()} 00 090141",  # SET
        f"c106c1 {NAME.hex()} 00 090141",
        f"c101c1 {NAME.hex()} 00 0800",  # a value of a type that does not exist
        f"c101c1 {NAME.hex()} 00 fe",
        f"c300c1 {NAME.hex()} 00",  # ACTION
        f"c307c1 {NAME.hex()} 00",
    ],
)
def test_t_appl_data_ln_n1(apdu: str) -> None:
    """GET, SET and ACTION with an unknown tag inside: refused as unknown, nothing done, the association stays."""
    bench = associated()
    assert bench.send(apdu) == "d80202"
    assert (bench.meter.asked, bench.meter.written, bench.meter.invoked) == ([], [], [])
    assert is_open(bench)


WHOLE = {
    "get": get(ENERGY),
    "get with a selection": get(ENERGY, selection="01 01 0600000001"),
    "set": f"c101c1{NAME.hex()}000903414243",
    "action": "c301c1 0046 000060030aff 01 01 0f00",
}


@pytest.mark.parametrize("service", WHOLE)
def test_t_appl_data_ln_n3(service: str) -> None:
    """GET, SET and ACTION that lack a field, wherever they break off: refused as unknown, nothing done."""
    whole = octets(WHOLE[service])
    bench = associated()
    for end in range(1, len(whole)):
        assert bench.send(whole[:end]) == "d80202", whole[:end].hex()
    assert (bench.meter.asked, bench.meter.written, bench.meter.invoked) == ([], [], [])
    assert bench.send(whole) != "d80202"


@pytest.mark.parametrize(
    "apdu",
    [
        "0501 02 fa00",  # Read and Write belong to short names
        "0601 02 fa00 01 00",
        "0d01 02 fa00 01 00",  # UnconfirmedWrite
        "c2 00 0003 0100010800ff 02 0600000001",  # event-notification is the server's own
        f"d9 40000001 00 00 01 01 {ENERGY.hex()} 01 00",  # ACCESS was not negotiated
        "e0 80 0001 0000 00",  # nor general block transfer
        "c7",
        "00",
        "ff",
    ],
)
def test_t_appl_data_ln_n4(apdu: str) -> None:
    """A service that is not supported, or was not negotiated: service-unknown, the association stays."""
    bench = associated()
    assert bench.send(apdu) == "d80202"
    assert is_open(bench)


@pytest.mark.parametrize("rlrq", ["6200", "6203800100"])
def test_t_appl_rel_p1(rlrq: str) -> None:
    """RLRQ, RLRE, then DISC: the association ends first, the link below lives on until it is told to go."""
    line = Line()
    line.connect()
    opening = line.one(AARQ, lpdu(aarq()))
    assert opening.information == b"\xe6\xe7\x00" + octets(OPENED)
    released = line.one(information(1, 1), lpdu(rlrq))
    assert released.information == b"\xe6\xe7\x00" + octets(RELEASED)
    refused = line.one(information(2, 2), lpdu(get(ENERGY)))
    assert refused.information == b"\xe6\xe7\x00" + octets(NOT_ASSOCIATED)
    assert line.one(DISC) == Told(UA)
    assert line.one(DISC) == Told(DM)
    assert line.one(SNRM).control == UA


def test_t_appl_rel_p1_in_the_wrapper() -> None:
    """Where there is no DISC, the connection stays and takes the next AARQ; all of it in one stream."""
    bench = Bench()
    asked = [aarq(), get(ENERGY), "6200", get(ENERGY), aarq(), get(ENERGY)]
    answers = bench.feed(b"".join(wrapper.encode(PUBLIC, METER, octets(apdu)) for apdu in asked))
    told = [answer[8:].hex() for answer in answers]
    assert told == [OPENED, ENERGY_READ, RELEASED, NOT_ASSOCIATED, OPENED, ENERGY_READ]
    assert not bench.session.closing
