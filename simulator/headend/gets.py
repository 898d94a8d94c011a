# SPDX-License-Identifier: GPL-2.0-only
"""GET, one attribute or a list of them: the A-XDR octets of each value and gurux's reading of these octets.

An answer that is not exactly the values asked for is BrokenAnswer; scalers and texts are the business of others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from gurux_dlms import GXByteBuffer, GXDLMSClient

from simulator.headend.failures import BrokenAnswer, ReadRefused
from simulator.headend.objects import Target
from simulator.headend.session import Session
from simulator.wire import axdr
from simulator.wire.codes import Conformance, DataAccessResult, Tag

_LIST_LENGTH = 10  # attributes in one GET with list; gurux splits longer ones, and wrongly so when the PDU is small
_GET_RESPONSE = 0xC4
_APDU_HEAD_OCTETS = 3  # get-response, with-list, invoke-id-and-priority
_NOTHING = (b"\x00", b"\x01\x00", b"\x02\x00")  # null, an empty array, an empty structure: gurux reads all as None


class Reading(NamedTuple):
    octets: bytes
    decoded: Any

    def elements(self) -> list[Any]:
        """Of an array."""
        if self.octets[0] != Tag.ARRAY:
            raise BrokenAnswer(f"an array was expected, not type {self.octets[0]}")
        return self.decoded or []


class Gets:
    """The GET service of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def one(self, target: Target, attribute: int, selection: bytes | None = None) -> Reading:
        self._session.next_invoke_id()
        data = GXByteBuffer(selection) if selection else None
        # gurux's public read() takes no selection.
        request = self._session.protocol._read(target.name, target.objectType, attribute, data)
        return self.answer(request, f"{target.name}:{attribute}")

    def answer(self, request: Any, what: str) -> Reading:
        """Send a request that gurux has built, for one value."""
        reply = self._session.exchange(request)
        octets = bytes(reply.data.array())
        if reply.error:
            refused = ReadRefused(result_of(reply.error), what)
            refused.came = octets
            raise refused
        if not _is_whole(octets, reply):
            raise BrokenAnswer(f"{what}: the {len(octets)} octets of the value are not one value")
        return Reading(octets, reply.value)

    def many(self, targets: Sequence[tuple[Target, int]]) -> list[Reading | DataAccessResult]:
        """One value or refusal each, in order; one by one if the meter has no multiple references."""
        if len(targets) < 2 or not self._session.conformance & Conformance.MULTIPLE_REFERENCES:
            return [self._one_or_refusal(*target) for target in targets]
        items: list[Reading | DataAccessResult] = []
        for at in range(0, len(targets), _LIST_LENGTH):
            items += self._listed(targets[at : at + _LIST_LENGTH])
        return items

    def _one_or_refusal(self, target: Target, attribute: int) -> Reading | DataAccessResult:
        try:
            return self.one(target, attribute)
        except ReadRefused as refused:
            return DataAccessResult(refused.result)

    def _listed(self, targets: Sequence[tuple[Target, int]]) -> list[Reading | DataAccessResult]:
        self._session.next_invoke_id()
        reply = self._session.exchange(self._session.protocol.readList(list(targets))[0])
        octets = bytes(reply.data.array())
        if not octets:  # refused as a whole
            return [result_of(reply.error)] * len(targets)
        if octets[0] == _GET_RESPONSE:  # came in one APDU; from blocks, gurux leaves the list alone
            octets = octets[_APDU_HEAD_OCTETS:]
        return list_items(octets, len(targets))


def _is_whole(octets: bytes, reply: Any) -> bool:
    """Whether gurux's reading used up the octets; of an array that is cut off, it gives the elements that are there."""
    if reply.value is None:
        return octets in _NOTHING
    if isinstance(reply.value, list) and octets[0] in (Tag.ARRAY, Tag.STRUCTURE):
        return reply.readPosition == len(octets) and axdr.decode_length(octets, 1)[0] == len(reply.value)
    return bool(reply.readPosition == len(octets))


def list_items(octets: bytes, expected: int) -> list[Reading | DataAccessResult]:
    """SEQUENCE OF Get-Data-Result (Green Book 9.5).

    Read here because gurux forgets which item was refused, and loses its place after an empty array.
    """
    if not octets or octets[0] != expected:
        raise BrokenAnswer(f"{expected} attributes were asked for, {octets[0] if octets else 0} answered")
    items: list[Reading | DataAccessResult] = []
    at = 1
    try:
        while len(items) < expected:
            choice, at = octets[at], at + 1
            item, at = (result_of(octets[at]), at + 1) if choice else _reading(octets, at)
            items.append(item)
    except (IndexError, axdr.Malformed) as error:
        raise BrokenAnswer(f"the list of values is cut off: {error}") from error
    if at != len(octets):
        raise BrokenAnswer(f"{len(octets) - at} octets too many after the list of values")
    return items


def whole_elements(octets: bytes) -> list[Any]:
    """Those of an array that is cut off that came whole."""
    if octets[:1] != bytes((Tag.ARRAY,)):
        return []
    count = 0
    try:
        _, first = axdr.decode_length(octets, 1)
        end = first
        while end < len(octets):
            _, end = axdr.decode(octets, end)
            count += 1
    except axdr.Malformed:
        pass
    if not count:
        return []
    kept = bytes((Tag.ARRAY,)) + axdr.encode_length(count) + octets[first:end]
    return list(GXDLMSClient.getValue(GXByteBuffer(kept), False))


def _reading(octets: bytes, at: int) -> tuple[Reading, int]:
    _, end = axdr.decode(octets, at)
    value = octets[at:end]
    return Reading(value, GXDLMSClient.getValue(GXByteBuffer(value), False)), end


def result_of(code: int) -> DataAccessResult:
    try:
        return DataAccessResult(code)
    except ValueError:
        raise BrokenAnswer(f"{code} is no data-access-result") from None
