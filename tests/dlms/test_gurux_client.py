# SPDX-License-Identifier: GPL-2.0-only
"""An outside judge: the Gurux client builds the requests and reads the answers, over a loop-back without sockets."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

import pytest
from dlms_bench import ENERGY, NAME, PASSWORD, PROFILE, PROFILE_VALUE, PUBLIC, READER, ROWS, TELL_ALL, Bench
from gurux_dlms import (
    GXByteBuffer,
    GXDLMSClient,
    GXDLMSConfirmedServiceError,
    GXDLMSException,
    GXDLMSExceptionResponse,
    GXReplyData,
)
from gurux_dlms.enums import Authentication, Conformance, DataType, InterfaceType, ObjectType
from gurux_dlms.GXDLMSTranslator import GXDLMSTranslator
from gurux_dlms.GXWriteItem import GXWriteItem
from gurux_dlms.objects import GXDLMSData, GXDLMSProfileGeneric, GXDLMSRegister

from simulator.ports import GetItem
from simulator.wire.axdr import Data, encode
from simulator.wire.codes import Tag
from simulator.wire.selection import EntryDescriptor, RangeDescriptor

WANTED = (
    Conformance.GET
    | Conformance.SET
    | Conformance.ACTION
    | Conformance.SELECTIVE_ACCESS
    | Conformance.MULTIPLE_REFERENCES
    | Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ
    | Conformance.BLOCK_TRANSFER_WITH_SET_OR_WRITE
    | Conformance.BLOCK_TRANSFER_WITH_ACTION
)


class Judge:
    def __init__(self, bench: Bench, client: int = PUBLIC, *, password: bytes | None = None, max_pdu: int = 0xFFFF):
        authentication = Authentication.LOW if password is not None else Authentication.NONE
        self.bench = bench
        self.client = GXDLMSClient(True, client, 1, authentication, password, InterfaceType.WRAPPER)
        self.client.proposedConformance = WANTED
        self.client.maxReceivePDUSize = max_pdu
        self.client.autoIncreaseInvokeID = True

    def ask(self, frames: Iterable[bytes]) -> Any:
        """All frames of one request and all blocks of its answer."""
        data = GXReplyData()
        for frame in frames:
            data.clear()
            self._exchange(frame, data)
            while data.isMoreData():
                self._exchange(self.client.receiverReady(data), data)
        return data

    def _exchange(self, frame: bytes, data: Any) -> None:
        answers = self.bench.feed(bytes(frame))
        assert len(answers) == 1
        assert self.client.getData(GXByteBuffer(answers[0]), data, GXReplyData())
        if data.error:
            raise GXDLMSException(data.error)

    def open(self) -> None:
        self.client.parseAareResponse(self.ask(self.client.aarqRequest()).data)


@pytest.fixture(params=[0xFFFF, 128, 64])
def judge(request: pytest.FixtureRequest) -> Judge:
    """A client that takes long PDUs and two that need blocks both ways."""
    found = Judge(Bench(max_pdu=request.param), max_pdu=request.param)
    found.open()
    return found


def register() -> Any:
    return GXDLMSRegister("1.0.1.8.0.255")


def name() -> Any:
    return GXDLMSData("0.0.42.0.0.255")


def test_the_association_is_what_we_say(judge: Judge) -> None:
    assert judge.client.negotiatedConformance == WANTED
    assert judge.client.maxReceivePDUSize == judge.bench.meter.clients[PUBLIC].max_pdu


def test_password() -> None:
    judge = Judge(Bench(), READER, password=PASSWORD)
    judge.open()
    assert judge.ask(judge.client.read(register(), 2)).value == 258


@pytest.mark.parametrize("password", [b"wrong", None])
def test_wrong_password(password: bytes | None) -> None:
    judge = Judge(Bench(), READER, password=password)
    with pytest.raises(GXDLMSException, match=r"(?i)authentication"):
        judge.open()


def test_small_pdu_is_refused() -> None:
    judge = Judge(Bench())
    judge.client.settings.maxPduSize = 11
    with pytest.raises((GXDLMSException, GXDLMSConfirmedServiceError)):
        judge.open()


def test_get(judge: Judge) -> None:
    for _ in range(20):  # the invoke-id goes round
        assert judge.ask(judge.client.read(register(), 2)).value == 258
    assert bytes(judge.ask(judge.client.read(name(), 2)).value) == b"MTF0000000000001"


def test_get_refused(judge: Judge) -> None:
    with pytest.raises(GXDLMSException):
        judge.ask(judge.client.read(GXDLMSData("0.0.96.0.10.255"), 2))


def test_get_before_the_association() -> None:
    judge = Judge(Bench())
    with pytest.raises(GXDLMSExceptionResponse):
        judge.ask(judge.client.read(register(), 2))


def test_long_get(judge: Judge) -> None:
    rows = judge.ask(judge.client.read(GXDLMSProfileGeneric("1.0.99.1.0.255"), 2)).value
    assert [bytes(row) for row in rows] == [bytes((row,)) * 12 for row in range(ROWS)]


def test_get_list(judge: Judge) -> None:
    wanted = [(register(), 2), (name(), 2), (register(), 2)]
    values: list[Any] = []
    for frames in judge.client.readList(wanted):
        values += judge.ask(frames).value
    assert [value if isinstance(value, int) else bytes(value) for value in values] == [258, b"MTF0000000000001", 258]


def test_rows_by_entry_and_by_range(judge: Judge) -> None:
    profile = GXDLMSProfileGeneric("1.0.99.1.0.255")
    judge.ask(judge.client.readRowsByEntry(profile, 1, 5))
    judge.ask(judge.client.readRowsByRange(profile, dt.datetime(2025, 6, 1), dt.datetime(2025, 6, 2)))
    entries, interval = judge.bench.meter.asked
    assert entries == GetItem(PROFILE, EntryDescriptor(1, 5, 1, 0))
    assert isinstance(interval.selection, RangeDescriptor)
    assert interval.selection.restricting.logical_name.hex() == "0000010000ff"
    assert interval.selection.start.value[:4].hex() == "07e90601"
    assert interval.selection.end.value[:4].hex() == "07e90602"


@pytest.mark.parametrize("octets", [3, 40, 2_000])
def test_set(judge: Judge, octets: int) -> None:
    """The longest goes in blocks to all but the first meter, which takes it whole."""
    target = name()
    target.value = bytes(range(256)) * 8
    target.value = target.value[:octets]
    target.setDataType(2, DataType.OCTET_STRING)
    judge.ask(judge.client.write(target, 2))
    assert judge.bench.meter.values[NAME] == encode(Data(Tag.OCTET_STRING, target.value))


def test_set_refused(judge: Judge) -> None:
    target = register()
    target.value = 1
    target.setDataType(2, DataType.UINT32)
    with pytest.raises(GXDLMSException):
        judge.ask(judge.client.write(target, 2))


def test_set_list() -> None:
    judge = Judge(Bench())
    judge.open()
    target = name()
    target.value = b"new"
    target.setDataType(2, DataType.OCTET_STRING)
    item = GXWriteItem()
    item.target, item.index = target, 2
    item.getDataType = lambda: DataType.OCTET_STRING
    item.selector, item.parameters = 0, None
    judge.ask(judge.client.writeList([item, item]))
    assert [written.value.value for written in judge.bench.meter.written] == [b"new", b"new"]


def test_action_with_a_long_answer(judge: Judge) -> None:
    reply = judge.ask(judge.client.method(_relay(), 2, 0, DataType.INT8))
    assert judge.bench.meter.invoked[0].method == TELL_ALL
    assert bytes(reply.data.array())[-len(PROFILE_VALUE) :] == PROFILE_VALUE


def _relay() -> Any:
    relay = GXDLMSData("0.0.96.3.10.255")
    relay.objectType = ObjectType.DISCONNECT_CONTROL
    return relay


@pytest.mark.parametrize("octets", [10, 1_000])
def test_action_with_a_long_parameter(judge: Judge, octets: int) -> None:
    judge.ask(judge.client.method(_relay(), 1, bytes(octets), DataType.OCTET_STRING))
    assert judge.bench.meter.invoked[0].parameter == Data(Tag.OCTET_STRING, bytes(octets))


def test_release(judge: Judge) -> None:
    judge.ask([judge.client.disconnectRequest()])
    judge.client.settings.connected = 0
    with pytest.raises(GXDLMSExceptionResponse):
        judge.ask(judge.client.read(register(), 2))


def test_association_again_on_the_same_connection(judge: Judge) -> None:
    """In the field: public client, then another, no release between."""
    other = Judge(judge.bench, READER, password=PASSWORD)
    other.open()
    assert other.ask(other.client.read(register(), 2)).value == 258


def test_every_answer_is_readable_by_the_translator(judge: Judge) -> None:
    """In the field: check by re-parsing with a second implementation."""
    translator = GXDLMSTranslator()
    bench = Bench()
    bench.open()
    asked = [
        f"c001c1{ENERGY.hex()}00",
        f"c003c1 02 {ENERGY.hex()}00 {bytes(9).hex()}00",
        "c002c100000001",
        f"c101c1{NAME.hex()}000901aa",
        f"c104c1 01 {NAME.hex()}00 01 0901aa",
        f"c301c1{TELL_ALL.hex()}00",
        "ff",
    ]
    for apdu in asked:
        assert translator.pduToXml(bench.send(apdu))
