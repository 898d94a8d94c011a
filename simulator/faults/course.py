# SPDX-License-Identifier: MIT
"""Takes one thing past all faults of a meter in their order: what one leaves of it, the next one gets."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from simulator.faults.book import Turn
from simulator.faults.fault import Carried, Message, Peek
from simulator.ports import GetAnswer, GetItem


def admits(turns: Sequence[Turn], others: Callable[[], int]) -> bool:
    for turn in turns:
        if not turn.fault.admits(others, turn.roll):
            turn.strikes()
            return False
    return True


def carry(turns: Sequence[Turn], message: Message) -> Carried:
    """Delays add up; a message that is lost, or ends the connection, meets no further fault."""
    result = Carried(message.octets)
    for turn in turns:
        carried = turn.fault.carry(message._replace(octets=result.octets), turn.roll)
        if carried is None:
            continue
        turn.strikes()
        delay_ms, busy_ms = result.delay_ms + carried.delay_ms, result.busy_ms + carried.busy_ms
        result = Carried(carried.octets, delay_ms, busy_ms, carried.end)
        if carried.end or not carried.octets:
            break
    return result


def reply(turns: Sequence[Turn], apdu: bytes) -> bytes | None:
    for turn in turns:
        if (answer := turn.fault.reply(apdu, turn.roll)) is not None:
            turn.strikes()
            return answer
    return None


def spoil(turns: Sequence[Turn], apdu: bytes) -> bytes:
    """Empty: not sent."""
    for turn in turns:
        spoilt = turn.fault.spoil(apdu, turn.roll)
        if spoilt is not None:
            turn.strikes()
            apdu = spoilt
        if not apdu:
            break
    return apdu


def seal(turns: Sequence[Turn], control: int, text: bytes) -> bytes:
    for turn in turns:
        if (other := turn.fault.seal(control, text, turn.roll)) is not None:
            turn.strikes()
            text = other
    return text


def counter(turns: Sequence[Turn], number: int) -> int:
    for turn in turns:
        if (other := turn.fault.counter(number)) is not None:
            turn.strikes()
            number = other
    return number


def size(turns: Sequence[Turn], agreed: int) -> int:
    limit = agreed
    for turn in turns:
        if (other := turn.fault.size(limit)) is not None:
            turn.strikes()
            limit = other
    return limit


def fails(turns: Sequence[Turn]) -> bool:
    for turn in turns:
        if turn.fault.fails(turn.roll):
            turn.strikes()
            return True
    return False


def select(turns: Sequence[Turn], item: GetItem) -> GetItem | GetAnswer:
    for turn in turns:
        chosen = turn.fault.select(item)
        if chosen is None:
            continue
        turn.strikes()
        if not isinstance(chosen, GetItem):
            return chosen
        item = chosen
    return item


def change(turns: Sequence[Turn], item: GetItem, value: bytes, peek: Peek) -> bytes:
    for turn in turns:
        if (other := turn.fault.change(item, value, peek)) is not None:
            turn.strikes()
            value = other
    return value


def push(turns: Sequence[Turn], body: bytes) -> bytes:
    for turn in turns:
        if (other := turn.fault.push(body)) is not None:
            turn.strikes()
            body = other
    return body
