# SPDX-License-Identifier: MIT
"""A logical device before a meter's own: it keeps the journal, and gives other values where a test wants them.

It stands before all faults, so that the journal has what a client got, whoever made it. A refusal stays a refusal.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from simulator.faults.device import StandIn
from simulator.meter.change import plain
from simulator.ports import (
    ActAnswer,
    ActItem,
    GetAnswer,
    GetItem,
    LogicalDevice,
    SetItem,
)
from simulator.values import format_obis
from simulator.wire.codes import ActionResult, DataAccessResult

A = TypeVar("A")
Tell = Callable[..., None]  # client, kind, what, result, octets, and value or selection
Overridden = Callable[[bytes], GetAnswer | None]  # attribute -> the answer in place of a value


class WitnessedDevice(StandIn):
    __slots__ = ("_overridden", "_tell")

    def __init__(self, inner: LogicalDevice, tell: Tell, overridden: Overridden) -> None:
        super().__init__(inner)
        self._tell, self._overridden = tell, overridden

    def login(self, client: int, *, granted: bool) -> None:
        self._tell(client, "login", "", "success" if granted else "authentication-failure", 0)
        self._inner.login(client, granted=granted)

    def get(self, client: int, item: GetItem) -> GetAnswer | Awaitable[GetAnswer]:
        def told(true: GetAnswer) -> GetAnswer:
            other = self._overridden(item.attribute) if isinstance(true, bytes) else None
            answer = true if other is None else other
            size = len(answer) if isinstance(answer, bytes) else 0
            self._tell(client, "get", words(item.attribute), outcome(answer), size, selection=item.selection)
            return answer

        return _after(self._inner.get(client, item), told)

    def set(self, client: int, item: SetItem) -> DataAccessResult | Awaitable[DataAccessResult]:
        def told(answer: DataAccessResult) -> DataAccessResult:
            self._tell(client, "set", words(item.attribute), outcome(answer), 0, value=plain(item.value))
            return answer

        return _after(self._inner.set(client, item), told)

    def act(self, client: int, item: ActItem) -> ActAnswer | Awaitable[ActAnswer]:
        def told(answer: ActAnswer) -> ActAnswer:
            size = len(answer.data) if isinstance(answer.data, bytes) else 0
            value = None if item.parameter is None else plain(item.parameter)
            self._tell(client, "act", words(item.method), outcome(answer.result), size, value=value)
            return answer

        return _after(self._inner.act(client, item), told)


def _after(answer: A | Awaitable[A], told: Callable[[A], A]) -> A | Awaitable[A]:
    """Told when it is there."""
    return _later(answer, told) if isinstance(answer, Awaitable) else told(answer)


async def _later(answer: Awaitable[A], told: Callable[[A], A]) -> A:
    return told(await answer)


def words(key: bytes) -> str:
    """`1.0.1.8.0.255:2` of the nine octets of an attribute or a method."""
    return f"{format_obis(key[2:8])}:{key[8]}"


def outcome(answer: bytes | DataAccessResult | ActionResult) -> str:
    return "success" if isinstance(answer, bytes) else answer.name.lower().replace("_", "-")
