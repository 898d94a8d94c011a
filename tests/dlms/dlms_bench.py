# SPDX-License-Identifier: MIT
"""The bench of the protocol engine: hex APDUs in, hex APDUs out, and a small meter with a handful of attributes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from simulator.dlms.limits import DEFAULT_LIMITS, Limits
from simulator.dlms.session import Session
from simulator.ports import (
    Access,
    Act,
    ActAnswer,
    ActItem,
    Answer,
    AssociationRules,
    Get,
    GetAnswer,
    GetItem,
    Request,
    Reserve,
    Set,
    SetItem,
)
from simulator.wire import acse, initiate, wrapper
from simulator.wire.axdr import Data, encode, sequence_of
from simulator.wire.ciphering import Key
from simulator.wire.codes import ActionResult, Conformance, DataAccessResult, Tag

PUBLIC, READER, SETTER, HIGH, NOBODY = 16, 32, 48, 64, 99
METER, OTHER_METER, EMPTY_HOUSE = 1, 2, 77
PASSWORD = b"12345678"
METER_TITLE, CLIENT_TITLE = b"MFL\0\0\0\0\1", b"CLI12345"
EK, BK = bytes(range(16)), bytes(range(0x10, 0x20))  # the lab keys of the Green Book's examples
AK = bytes(range(0xD0, 0xE0))

ENERGY = bytes.fromhex("0003 0100010800ff 02")
NAME = bytes.fromhex("0001 00002a0000ff 02")
PROFILE = bytes.fromhex("0007 0100630100ff 02")
SECRET = bytes.fromhex("0001 000060000aff 02")
RELAY_OFF = bytes.fromhex("0046 000060030aff 01")
TELL_ALL = bytes.fromhex("0046 000060030aff 02")
FAIL = bytes.fromhex("0046 000060030aff 03")

ENERGY_VALUE = "0600000102"
ROWS = 30
PROFILE_VALUE = sequence_of([encode(Data(Tag.OCTET_STRING, bytes((row,)) * 12)) for row in range(ROWS)])

EVERYTHING = int(
    Conformance.GET
    | Conformance.SET
    | Conformance.ACTION
    | Conformance.SELECTIVE_ACCESS
    | Conformance.MULTIPLE_REFERENCES
    | Conformance.BLOCK_TRANSFER_WITH_GET
    | Conformance.BLOCK_TRANSFER_WITH_SET
    | Conformance.BLOCK_TRANSFER_WITH_ACTION
)


def rules(client: int, mechanism: int, *, conformance: int = EVERYTHING, max_pdu: int = 1024) -> AssociationRules:
    return AssociationRules(client, mechanism, frozenset({1}), conformance, max_pdu, PASSWORD if mechanism else b"")


class Guard:
    """A security context in memory; its counters are never safe until somebody reserves them."""

    client_title: bytes | None = None

    def __init__(self) -> None:
        self.title = METER_TITLE
        self.policy = 0
        self.ek, self.bk, self.ak = EK, BK, AK
        self.next = {False: 0, True: 0}
        self.sent = 0
        self.safe = False

    def key(self, *, broadcast: bool = False) -> Key:
        return Key(self.bk if broadcast else self.ek, self.ak)

    def dedicated(self, key: bytes) -> Key:
        return Key(key, self.ak)

    def lowest(self, *, broadcast: bool = False) -> int:
        return self.next[broadcast]

    def accept(self, counter: int, *, broadcast: bool = False) -> None:
        self.next[broadcast] = counter + 1

    def next_counter(self) -> int:
        self.sent += 1
        return self.sent - 1

    def is_reserved(self) -> bool:
        return self.safe

    def heard(self, client_title: bytes) -> None:
        self.client_title = client_title


class Meter:
    """A logical device in memory. Attributes hold encoded Data; what is absent is undefined."""

    is_dark = is_gone = False

    def __init__(self, **changes: int) -> None:
        self.clients = {
            PUBLIC: rules(PUBLIC, 0, **changes),
            READER: rules(READER, 1, **changes),
            SETTER: rules(SETTER, 1, **changes),
            HIGH: rules(HIGH, 5, **changes),
        }
        self.values: dict[bytes, bytes] = {
            ENERGY: bytes.fromhex(ENERGY_VALUE),
            NAME: encode(Data(Tag.OCTET_STRING, b"MTF0000000000001")),
            PROFILE: PROFILE_VALUE,
        }
        self.asked: list[GetItem] = []
        self.written: list[SetItem] = []
        self.invoked: list[ActItem] = []
        self.guards: dict[int, Guard] = {}
        self.logins: list[tuple[int, bool]] = []
        self.reserved = 0
        self.can_reserve = True

    def rules(self, client: int) -> AssociationRules | None:
        return self.clients.get(client)

    def protection(self, client: int) -> Guard:
        return self.guards.setdefault(client, Guard())

    def login(self, client: int, *, granted: bool) -> None:
        self.logins.append((client, granted))

    def reserve(self, client: int) -> bool:
        self.reserved += 1
        self.guards[client].safe = True
        return self.can_reserve

    def get(self, client: int, item: GetItem) -> GetAnswer:
        self.asked.append(item)
        if item.attribute == SECRET:
            return DataAccessResult.READ_WRITE_DENIED
        return self.values.get(item.attribute, DataAccessResult.OBJECT_UNDEFINED)

    def set(self, client: int, item: SetItem) -> DataAccessResult:
        if item.attribute not in self.values:
            return DataAccessResult.OBJECT_UNDEFINED
        if item.attribute == ENERGY:
            return DataAccessResult.READ_WRITE_DENIED
        self.written.append(item)
        self.values[item.attribute] = encode(item.value)
        return DataAccessResult.SUCCESS

    def act(self, client: int, item: ActItem) -> ActAnswer:
        self.invoked.append(item)
        if item.method == RELAY_OFF:
            return ActAnswer(ActionResult.SUCCESS)
        if item.method == TELL_ALL:
            return ActAnswer(ActionResult.SUCCESS, PROFILE_VALUE)
        return ActAnswer(ActionResult.READ_WRITE_DENIED)


def answer(meter: Meter, request: Request) -> list[Answer]:
    if isinstance(request, Get):
        return [meter.get(request.client, item) for item in request.items]
    if isinstance(request, Set):
        return [meter.set(request.client, item) for item in request.items]
    if isinstance(request, Access):
        return [_access(meter, request.client, item) for item in request.items]
    if isinstance(request, Reserve):
        return [meter.reserve(request.client)]
    assert isinstance(request, Act)
    return [meter.act(request.client, item) for item in request.items]


def _access(meter: Meter, client: int, item: GetItem | SetItem | ActItem) -> Answer:
    if isinstance(item, GetItem):
        return meter.get(client, item)
    return meter.set(client, item) if isinstance(item, SetItem) else meter.act(client, item)


def octets(apdu: str | bytes) -> bytes:
    return bytes.fromhex(apdu) if isinstance(apdu, str) else apdu


class Bench:
    """One connection to a house of two meters."""

    def __init__(self, *, limits: Limits = DEFAULT_LIMITS, **changes: int) -> None:
        self.meters = {METER: Meter(**changes), OTHER_METER: Meter(**changes)}
        self.meter = self.meters[METER]
        self.session = Session(self.meters.get, limits=limits)

    def drain(self) -> Iterator[bytes]:
        """Every frame due, the meter asked where the session asks."""
        while (outcome := self.session.next()) is not None:
            if isinstance(outcome, bytes):
                yield outcome
                continue
            meter = cast(Meter, self.session.device)
            frame = self.session.respond(outcome, answer(meter, outcome))
            if frame:
                yield frame

    def feed(self, stream: bytes, now_ms: int = 0) -> list[bytes]:
        self.session.feed(stream, now_ms)
        return list(self.drain())

    def send(self, apdu: str | bytes, *, client: int = PUBLIC, server: int = METER) -> str | None:
        """The hex of the one APDU that answers, or None for silence."""
        frames = self.feed(wrapper.encode(client, server, octets(apdu)))
        if not frames:
            return None
        assert len(frames) == 1
        head = frames[0][:8].hex()
        assert head == f"0001{server:04x}{client:04x}{len(frames[0]) - 8:04x}"  # addresses swapped
        return frames[0][8:].hex()

    def open(self, client: int = PUBLIC, *, server: int = METER, **changes: object) -> str | None:
        if client in (READER, SETTER):
            changes = {**low_level(), **changes}
        return self.send(aarq(**changes), client=client, server=server)


def associated(client: int = PUBLIC, *, limits: Limits = DEFAULT_LIMITS, **changes: int) -> Bench:
    """A bench with an open association. `client_pdu` and `proposed` go into the AARQ, the rest into the rules."""
    asked = {"max_pdu": changes.pop("client_pdu", 1024), "conformance": changes.pop("proposed", EVERYTHING)}
    bench = Bench(limits=limits, **changes)
    reply = bench.open(client, **asked)
    assert reply is not None
    assert diagnosis(reply) == (0, "user", 0)
    return bench


def request(**changes: object) -> bytes:
    """InitiateRequest of an ordinary client, save what changes."""
    ordinary = initiate.InitiateRequest(None, True, None, 6, EVERYTHING, 1024)
    return initiate.encode_request(ordinary._replace(**changes))


def aarq(*, context: int = 1, acse_fields: dict[str, bytes | None] | None = None, **changes: object) -> bytes:
    """An AARQ: `acse_fields` as they stand in it, everything else is of the InitiateRequest."""
    noun = acse.Aarq(context_name=acse.CONTEXT_NAME + bytes((context,)), user_information=request(**changes))
    return acse.encode_aarq(noun._replace(**(acse_fields or {})))


def low_level(password: bytes | None = PASSWORD, mechanism: int = 1) -> dict[str, object]:
    return {
        "acse_fields": {
            "requirements": acse.AUTHENTICATION_UNIT,
            "mechanism_name": acse.MECHANISM_NAME + bytes((mechanism,)),
            "authentication_value": password,
        }
    }


def diagnosis(reply: str | None) -> tuple[int, str, int]:
    """(association result, who says so, diagnostic) of an AARE."""
    assert reply is not None
    aare = acse.decode_aare(octets(reply))
    who = {0xA1: "user", 0xA2: "provider"}[aare.diagnostic[0]]
    return aare.result[0], who, aare.diagnostic[-1]


def told(reply: str | None) -> initiate.InitiateResponse | initiate.ConfirmedServiceError:
    """What an AARE's user-information says."""
    assert reply is not None
    information = acse.decode_aare(octets(reply)).user_information
    assert information is not None
    decode = initiate.decode_error if information[0] == 0x0E else initiate.decode_response
    return decode(information)


def get(attribute: bytes, *, invoke: int = 0xC1, selection: str = "00") -> str:
    return f"c001{invoke:02x}{attribute.hex()}{selection}"


def get_list(*attributes: bytes, invoke: int = 0xC1) -> str:
    return f"c003{invoke:02x}{len(attributes):02x}" + "".join(attribute.hex() + "00" for attribute in attributes)


def get_next(number: int, *, invoke: int = 0xC1) -> str:
    return f"c002{invoke:02x}{number:08x}"


NOT_ASSOCIATED = "d80101"
UNKNOWN = "d80202"
PDU_TOO_LONG = "d80104"
