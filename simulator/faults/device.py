# SPDX-License-Identifier: MIT
"""A logical device with faults, and the protection of its associations: what they promise is in ports.

Each asks anew, at every request, which faults the meter has now. It reads no value and opens no envelope itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from simulator.faults import course
from simulator.faults.book import Turn
from simulator.ports import (
    ActAnswer,
    ActItem,
    AssociationRules,
    GetAnswer,
    GetItem,
    LogicalDevice,
    Protection,
    SetItem,
)
from simulator.wire.ciphering import Key
from simulator.wire.codes import ActionResult, DataAccessResult

Turns = Callable[[], Sequence[Turn]]
Spoil = Callable[[bytes], bytes]


class StandIn:
    """Before a logical device: what a subclass does not change is passed on."""

    __slots__ = ("_inner",)

    def __init__(self, inner: LogicalDevice) -> None:
        self._inner = inner

    @property
    def is_dark(self) -> bool:
        return self._inner.is_dark

    @property
    def is_gone(self) -> bool:
        return self._inner.is_gone

    def rules(self, client: int) -> AssociationRules | None:
        return self._inner.rules(client)

    def protection(self, client: int) -> Protection:
        return self._inner.protection(client)

    def login(self, client: int, *, granted: bool) -> None:
        self._inner.login(client, granted=granted)

    def reserve(self, client: int) -> Awaitable[bool]:
        return self._inner.reserve(client)


class FaultyDevice(StandIn):
    """`spoil`: what becomes of an answer before it is ciphered."""

    __slots__ = ("_spoil", "_turns")

    def __init__(self, inner: LogicalDevice, turns: Turns, spoil: Spoil) -> None:
        super().__init__(inner)
        self._turns, self._spoil = turns, spoil

    def protection(self, client: int) -> Protection:
        return FaultyProtection(self._inner.protection(client), self._turns, self._spoil)

    def get(self, client: int, item: GetItem) -> GetAnswer | Awaitable[GetAnswer]:
        turns = self._turns()
        if course.fails(turns):
            return DataAccessResult.TEMPORARY_FAILURE
        chosen = course.select(turns, item)
        if not isinstance(chosen, GetItem):
            return chosen
        answer = self._inner.get(client, chosen)
        if isinstance(answer, Awaitable):
            return self._changed_later(turns, client, item, answer)
        return self._changed(turns, client, item, answer)

    def set(self, client: int, item: SetItem) -> DataAccessResult | Awaitable[DataAccessResult]:
        if course.fails(self._turns()):
            return DataAccessResult.TEMPORARY_FAILURE
        return self._inner.set(client, item)

    def act(self, client: int, item: ActItem) -> ActAnswer | Awaitable[ActAnswer]:
        if course.fails(self._turns()):
            return ActAnswer(ActionResult.TEMPORARY_FAILURE)
        return self._inner.act(client, item)

    async def _changed_later(
        self, turns: Sequence[Turn], client: int, item: GetItem, answer: Awaitable[GetAnswer]
    ) -> GetAnswer:
        return self._changed(turns, client, item, await answer)

    def _changed(self, turns: Sequence[Turn], client: int, item: GetItem, answer: GetAnswer) -> GetAnswer:
        if isinstance(answer, DataAccessResult):
            return answer

        def peek(attribute: bytes) -> bytes | None:
            told = self._inner.get(client, GetItem(attribute, None))
            return told if isinstance(told, bytes) else None

        return course.change(turns, item, answer, peek)


class FaultyProtection:
    __slots__ = ("_inner", "_spoil", "_turns")

    def __init__(self, inner: Protection, turns: Turns, spoil: Spoil) -> None:
        self._inner, self._turns, self._spoil = inner, turns, spoil

    @property
    def title(self) -> bytes:
        return self._inner.title

    @property
    def client_title(self) -> bytes | None:
        return self._inner.client_title

    @property
    def policy(self) -> int:
        return self._inner.policy

    def key(self, *, broadcast: bool = False) -> Key:
        return FaultyKey(self._inner.key(broadcast=broadcast), self.title, self._turns, self._spoil)

    def dedicated(self, key: bytes) -> Key:
        return FaultyKey(self._inner.dedicated(key), self.title, self._turns, self._spoil)

    def lowest(self, *, broadcast: bool = False) -> int:
        return self._inner.lowest(broadcast=broadcast)

    def accept(self, counter: int, *, broadcast: bool = False) -> None:
        self._inner.accept(counter, broadcast=broadcast)

    def next_counter(self) -> int:
        return course.counter(self._turns(), self._inner.next_counter())

    def is_reserved(self) -> bool:
        return self._inner.is_reserved()

    def heard(self, client_title: bytes) -> None:
        self._inner.heard(client_title)


class FaultyKey(Key):
    """Answers pass the faults on their way into the cipher and out of it; `title` is the meter's own, for what is
    protected in a client's name is only compared with what the client has sent."""

    __slots__ = ("_inner", "_spoil", "_title", "_turns")

    def __init__(self, inner: Key, title: bytes, turns: Turns, spoil: Spoil) -> None:
        self._inner, self._title, self._turns, self._spoil = inner, title, turns, spoil

    def protect(self, control: int, title: bytes, counter: int, plain: bytes) -> bytes:
        if title != self._title:
            return self._inner.protect(control, title, counter, plain)
        text = self._inner.protect(control, title, counter, self._spoil(plain))
        return course.seal(self._turns(), control, text)

    def reveal(self, control: int, title: bytes, counter: int, text: bytes) -> bytes | None:
        return self._inner.reveal(control, title, counter, text)
