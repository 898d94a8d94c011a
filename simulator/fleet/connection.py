# SPDX-License-Identifier: MIT
"""One connection: bytes between a transport and a protocol session, questions between the session and a meter.

Answers that need no store are given in the same turn of the loop; while one is awaited, nothing more is read from
that peer, so that memory stays bounded and answers keep their order.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from typing import cast

from simulator.dlms.session import Session
from simulator.fleet.listen import Listen
from simulator.ports import (
    Access,
    ActAnswer,
    ActItem,
    Answer,
    Get,
    GetItem,
    LogicalDevice,
    Request,
    SetItem,
)
from simulator.wire.codes import ActionResult, DataAccessResult
from simulator.wire.notification import EventNotification

log = logging.getLogger(__name__)

Item = GetItem | SetItem | ActItem | None
SessionAt = Callable[["Connection", str, int], Session | None]
_BATCH = 16  # answers to pipelined requests that are sent at once
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # linger: what is unsent is thrown away
_TOO_LATE_S = 30.0  # an answer that the store owes for longer is given up with the connection


def monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class Connection(asyncio.Protocol):
    """`session_at` gives a session with whoever lives at the local address that was called; None: nobody."""

    __slots__ = (
        "_answering",
        "_congested",
        "_known",
        "_session_at",
        "_transport",
        "called",
        "is_faulty",
        "meters",
        "session",
        "way",
    )

    def __init__(self, session_at: SessionAt, known: set[Connection]) -> None:
        self._session_at, self._known = session_at, known
        self._transport: asyncio.Transport | None = None
        self.session: Session | None = None
        self.way: Listen | None = None
        self.called = "", 0  # the place on that way
        self.meters: range | None = None  # that it leads to, once somebody has asked
        self.is_faulty = False  # faults stand between its session and its bytes
        self._answering: asyncio.Task[None] | None = None
        self._congested = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        host, port = transport.get_extra_info("sockname")[:2]
        self.session = self._session_at(self, host, port)
        if self.session is None:
            self._transport.abort()
            return
        self._known.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._known.discard(self)
        if self._answering:
            self._answering.cancel()
        self.session = None

    def data_received(self, data: bytes) -> None:
        if self.session is not None:
            self._pump(self.session, data)

    def pause_writing(self) -> None:
        """The peer does not read its answers: do not take more of its questions."""
        self._congested = True
        if self._transport and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._congested = False
        asyncio.get_running_loop().call_soon(self._go_on)  # a transport of asyncio must not be closed from in here

    def expire(self, now_ms: int) -> None:
        """Close if the peer has been silent, or stuck within a frame, for too long."""
        if self.session and self._transport and self._answering is None and self.session.expired(now_ms):
            self._transport.close()

    def close(self) -> None:
        if self._transport:
            self._transport.close()

    def deliver(self, octets: bytes) -> None:
        """What was held back goes out now, if the peer is still there."""
        if octets and self._transport and not self._transport.is_closing():
            self._send([octets])

    @property
    def is_congested(self) -> bool:
        """Its peer does not take what was sent already."""
        return self._congested

    def notify(self, server: int, event: EventNotification) -> None:
        """Something for the client that listens to a server; it goes out as soon as nothing else is being said."""
        if self.session is not None and self.session.notify(server, event):
            log.warning("%s:%d: the oldest event that waited for its client was dropped for a new one", *self.called)
        asyncio.get_running_loop().call_soon(self._speak)  # who tells of events may be in the middle of a request

    def reset(self) -> None:
        """The peer is told by a reset that the connection is gone (RFC 9293 3.10.7)."""
        if self._transport and not self._transport.is_closing():
            reset(self._transport)

    def fall_silent(self) -> None:
        """Nothing is heard or said any more, and the peer is not told: only TCP would tell that we close."""
        if self._transport and self._transport.get_extra_info("socket") is None:
            self._transport.close()
        self.session = None

    def _pump(self, session: Session, data: bytes = b"") -> None:
        """Whoever calls: a bug of ours may cost this peer its connection, never the fleet its life."""
        try:
            if data:
                session.feed(data, monotonic_ms())
            self._take_all(session)
        except Exception:
            log.exception("a request failed; the connection is closed")
            self.close()

    def _take_all(self, session: Session) -> None:
        out: list[bytes] = []
        while not self._congested and self._answering is None and (event := session.next()) is not None:
            if isinstance(event, bytes):
                out.append(event)
                continue
            answers = answer_at_once(session.device, event)
            if isinstance(answers, list):
                out.append(session.respond(event, answers))
            else:
                self._await(session, event, answers)
            if len(out) == _BATCH:  # so that a peer that does not read is noticed before more is made for it
                self._send(out)
                out = []
        self._send(out)
        if session.closing and self._transport and self._answering is None:
            self._transport.close()

    def _go_on(self) -> None:
        """After an answer or a congestion: what has come in meanwhile, then more."""
        if self.session and self._transport and self._answering is None and not self._transport.is_closing():
            self._pump(self.session)
            if not self._congested and self._answering is None and not self._transport.is_closing():
                self._transport.resume_reading()

    def _speak(self) -> None:
        if self.session and self._transport and self._answering is None and not self._transport.is_closing():
            self._pump(self.session)

    def _send(self, out: list[bytes]) -> None:
        if out and self._transport:
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))

    def _await(self, session: Session, request: Request, answers: Awaitable[list[Answer]]) -> None:
        assert self._transport is not None
        self._transport.pause_reading()
        self._answering = asyncio.ensure_future(self._finish(session, request, answers))

    async def _finish(self, session: Session, request: Request, answers: Awaitable[list[Answer]]) -> None:
        try:
            async with asyncio.timeout(_TOO_LATE_S):
                given = await answers
            if self._transport is None or self._transport.is_closing():
                return
            self._send([session.respond(request, given)])
            self._answering = None
            self._go_on()
        except Exception:
            log.exception("an answer failed; the connection is closed")
            self.close()


def reset(transport: asyncio.Transport) -> None:
    """The peer is told that the connection is gone; what is unsent is thrown away."""
    opened = transport.get_extra_info("socket")
    if opened is not None:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
    transport.abort()


def answer_at_once(device: LogicalDevice | None, request: Request) -> list[Answer] | Awaitable[list[Answer]]:
    """All answers if none needs the store, else an awaitable of them; items are asked in order either way."""
    assert device is not None  # a request comes with its device
    if type(request) is Get and len(request.items) == 1:  # four requests of five
        found = device.get(request.client, request.items[0])
        if type(found) is bytes:
            return [found]
        return [found] if not isinstance(found, Awaitable) else _rest(device, request, [], found)
    answers: list[Answer] = []
    for item in request.items:
        answer = _ask(device, request, item, answers)
        if type(answer) is bytes or not isinstance(answer, Awaitable):  # the first test is the cheap one
            answers.append(answer)
        else:
            return _rest(device, request, answers, answer)
    return answers


async def _rest(
    device: LogicalDevice, request: Request, answers: list[Answer], pending: Awaitable[Answer]
) -> list[Answer]:
    answers.append(await pending)
    for item in request.items[len(answers) :]:
        answer = _ask(device, request, item, answers)
        answers.append(await answer if isinstance(answer, Awaitable) else answer)
    return answers


def _ask(device: LogicalDevice, request: Request, item: Item, before: list[Answer]) -> Answer | Awaitable[Answer]:
    if type(item) is GetItem and type(request) is Get:
        return device.get(request.client, item)
    if isinstance(request, Access) and request.stop_at_failure and any(map(_has_failed, before)):
        other = DataAccessResult.OTHER_REASON
        return ActAnswer(ActionResult.OTHER_REASON) if isinstance(item, ActItem) else other
    if isinstance(item, GetItem):
        return device.get(request.client, item)
    if isinstance(item, SetItem):
        return device.set(request.client, item)
    return device.reserve(request.client) if item is None else device.act(request.client, item)


def _has_failed(answer: Answer) -> bool:
    result = answer.result if isinstance(answer, ActAnswer) else answer
    return isinstance(result, DataAccessResult | ActionResult) and result != 0
