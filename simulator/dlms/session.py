# SPDX-License-Identifier: MIT
"""The one face of the protocol engine: bytes and an instant in, requests and bytes out (Green Book 9.4).

No socket, no clock, no await, no meter in it. One session is one connection; whatever its peer sends, it answers as
the standard says or stays silent, and never raises for it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import NamedTuple

from simulator.dlms import entering, leaving, service_access, service_action, service_get, service_set
from simulator.dlms.association import Association
from simulator.dlms.associations import Associations
from simulator.dlms.entering import Entered
from simulator.dlms.framing import Framing, Lost, Poll, Word
from simulator.dlms.leaving import TOO_LONG, refuse
from simulator.dlms.legality import ENVELOPES, NOT_ASSOCIATED, UNKNOWN
from simulator.dlms.limits import DEFAULT_LIMITS, Limits
from simulator.dlms.unasked import News, hears
from simulator.dlms.wrapper_link import WrapperLink
from simulator.errors import PeerError
from simulator.ports import Answer, LogicalDevice, Protection, Request, Reserve
from simulator.wire import acse, gbt, refusal
from simulator.wire.notification import EventNotification
from simulator.wire.refusal import OPERATION_NOT_POSSIBLE, SERVICE_NOT_ALLOWED, Refusal

_SERVICES: dict[int, Callable[[Association, bytes], Request | bytes | Refusal]] = {
    service.TAG: service.serve for service in (service_get, service_set, service_action, service_access)
}
_NOT_NOW = Refusal(SERVICE_NOT_ALLOWED, OPERATION_NOT_POSSIBLE)
_UNDECODABLE = UNKNOWN
_ENVELOPES = frozenset(bytes((tag,)) for tag in ENVELOPES)


Outcome = Request | bytes | None


class Held(NamedTuple):
    """What waits until the invocation counters are safe, or is told that they are not."""

    go_on: Callable[[], Outcome]
    give_up: Callable[[], bytes | None]


class Session:
    """Drive it so: `feed`, then `next` until None; a Request from `next` is answered by `respond` before the next one.

    While a request waits for its answers the driver should not feed on without end: more than `limits.max_pending`
    octets end the session.
    """

    def __init__(
        self,
        devices: Callable[[int], LogicalDevice | None],
        *,
        framing: Framing | None = None,
        limits: Limits = DEFAULT_LIMITS,
        random_octets: Callable[[int], bytes] = secrets.token_bytes,
        owner: LogicalDevice | None = None,
    ) -> None:
        """`random_octets`: HLS challenges; nobody may foresee them, so they are no function of a seed.

        `owner`: the connection is this meter's own, and dies with it.
        """
        self.device: LogicalDevice | None = None  # whom the pending request is for
        self._devices, self._owner = devices, owner
        self._limits = limits
        self._random_octets = random_octets
        self._framing = framing or WrapperLink(max_frame=limits.max_frame, max_pending=limits.max_pending)
        self._associations = Associations(limits.max_associations)
        self._news = News(self._associations)
        self._to_say = self._news.waiting  # looked at with every answer
        self._asking: Association | None = None
        self._request: Request | None = None
        self._held: Held | None = None
        self._resumed: Callable[[], Outcome] | None = None
        self._fed_ms: int | None = None
        self._half_since_ms: int | None = None

    def interpose(
        self, framing: Callable[[Framing], Framing], device: Callable[[int, LogicalDevice], LogicalDevice]
    ) -> None:
        """Others stand before the framing and the devices, by their server's number, from the next message on."""
        self._framing, devices = framing(self._framing), self._devices

        def behind(server: int) -> LogicalDevice | None:
            found = devices(server)
            return None if found is None else device(server, found)

        self._devices = behind
        self._associations.rest_on(device)

    def limit(self, server: int, another: Callable[[int], int]) -> None:
        """Answers to a server's client keep another limit than was agreed, which is told."""
        if (association := self._associations.get(server)) is not None:
            association.limit(another)

    @property
    def closing(self) -> bool:
        """The peer broke the framing beyond repair: send what `next` gave, then close."""
        return self._framing.broken

    @property
    def listening(self) -> list[int]:
        """Servers, by their number, whose clients have negotiated to be told of events."""
        if self._framing.word is Word.NEVER:
            return []
        return [server for server, association in self._associations.items() if hears(association)]

    def expect_listeners(self, told: Callable[[int], None]) -> None:
        """Who is told of servers that may come to be listened to from now on."""
        self._associations.told_of_listener = told

    def notify(self, server: int, event: EventNotification) -> bool:
        """To the client that listens to a server: `next` gives it out when that is due. Whether it pushed out an older
        one that had to wait."""
        association = self._associations[server]
        self._framing.want_poll(server, association.client, wanted=True)
        return self._news.add(association, event)

    def feed(self, data: bytes, now_ms: int) -> None:
        self._fed_ms = now_ms
        if self._owner is not None and self._owner.is_gone:
            return
        self._framing.feed(data, now_ms)

    def next(self) -> Request | bytes | None:
        """Bytes to send now, a Request to answer, or None: nothing until more is fed."""
        if self._request is not None:
            raise ValueError("the pending request must be answered first")
        if self._resumed is not None:
            go_on, self._resumed = self._resumed, None
            if outcome := go_on():
                return outcome
        framing = self._framing
        while (frame := framing.next()) is not None:
            self._half_since_ms = None
            outcome = self._take(*frame) if type(frame) is tuple else self._take_signal(frame)
            if outcome:
                return outcome
        if not framing.buffered:
            self._half_since_ms = None
        elif self._half_since_ms is None:
            self._half_since_ms = self._fed_ms
        return self._speak() if self._to_say and framing.word is Word.AT_ONCE else None

    def respond(self, request: Request, answers: Sequence[Answer]) -> bytes:
        """The framed answer to the pending request, one answer per item; empty if it was unconfirmed."""
        if request is not self._request:
            raise ValueError("this request is not pending")
        association, held = self._asking, self._held
        self._asking = self._request = self.device = self._held = None
        if held is not None:
            return self._reserved(held, safe=bool(answers[0]))
        assert association is not None
        if association.device.is_gone:
            return b""
        apdu = association.answer(answers)
        if association.form is not None:
            apdu = association.covered(apdu)
        if not association.by_blocks and len(apdu) <= association.client_limit:
            # The usual case, without a call more than it needs.
            return self._framing.encode(association.server, association.client, apdu) if apdu else b""
        return self._framed(association, apdu) or b""

    def expired(self, now_ms: int) -> bool:
        """Idle too long, or a frame half-sent too long. Never while the meter owes an answer or has no power."""
        if self._request is not None or (self._owner is not None and self._owner.is_dark):
            return False
        if self._fed_ms is None:
            self._fed_ms = now_ms  # a peer that connects and says nothing
        half = self._half_since_ms is not None and now_ms - self._half_since_ms >= self._limits.half_frame_ms
        return half or now_ms - self._fed_ms >= self._limits.idle_ms

    def _take(self, client: int, server: int, apdu: bytes) -> Outcome:
        association = self._associations.get(server)
        if (
            association is None
            or association.client != client
            or len(apdu) > association.receive_limit
            or (self._owner is None and association.device.is_gone)  # an owner was asked when the octets came
        ):
            return self._take_other(client, server, apdu)
        if apdu[:2] in association.legal:
            return self._serve(association, apdu)
        if association.shield is not None and apdu[:1] in _ENVELOPES:
            return self._take_envelope(association, apdu)
        return self._take_other(client, server, apdu)

    def _serve(self, association: Association, apdu: bytes) -> Outcome:
        """A legal APDU, no longer ciphered."""
        association.blocks.is_current = False
        if association.trial is not None:
            return self._prove(association, apdu)
        try:
            outcome = _SERVICES[apdu[0]](association, apdu)
        except PeerError:
            outcome = _UNDECODABLE
        if isinstance(outcome, bytes):
            return self._framed(association, association.covered(outcome))
        if isinstance(outcome, Refusal):
            return self._framed(association, refusal.encode(outcome))
        self._asking, self._request, self.device = association, outcome, association.device
        return outcome

    def _framed(self, association: Association, apdu: bytes) -> bytes | None:
        return self._sent(association, association.parts(apdu))

    def _sent(self, association: Association, apdus: list[bytes]) -> bytes | None:
        return b"".join(self._framing.encode(association.server, association.client, apdu) for apdu in apdus) or None

    def _take_signal(self, signal: bytes | Lost | Poll | tuple[int, int, bytes]) -> Outcome:
        """What a framing says of itself: bytes that it owes its peer, the end of a connection below (9.4.3), or a
        client that lets a server speak."""
        if isinstance(signal, bytes):
            return signal
        if isinstance(signal, Poll):
            return self._take_poll(signal)
        self._associations.lose(*signal[:2])
        return None

    def _take_other(self, client: int, server: int, apdu: bytes) -> Outcome:
        """Opening, release, what is ciphered, and whatever is not legal now."""
        device = self._devices(server)
        self._associations.forget_the_gone(server)
        if device is None or device.is_gone:
            return None  # nobody lives there, or it has no power: silence (Green Book 7.3.3.2)
        answer: bytes | Refusal
        try:
            if apdu[:1] == b"\x60":
                return self._open(client, server, device, apdu)
            association = self._association(client, server, device, apdu)
            if apdu[:1] == b"\x62":
                answer = self._release(association, acse.decode_rlrq(apdu))
            elif association is not None and association.takes_block(apdu):
                return self._take_block(association, apdu)
            elif association is not None and len(apdu) <= association.receive_limit and association.shield:
                return self._unseal(association, apdu)
            else:
                answer = refuse(association, apdu)
        except PeerError:
            answer = _UNDECODABLE
        return self._told(client, server, answer)

    def _told(self, client: int, server: int, answer: bytes | Refusal) -> bytes | None:
        apdu = refusal.encode(answer) if isinstance(answer, Refusal) else answer
        return self._framing.encode(server, client, apdu) if apdu else None

    def _association(self, client: int, server: int, device: LogicalDevice, apdu: bytes) -> Association | None:
        """The client's association; a pre-established one begins with its first ciphered APDU."""
        if (association := self._associations.between(client, server)) is not None:
            return association
        if apdu[:1] and apdu[0] in ENVELOPES:
            association = entering.established(client, server, device, self._limits)
            if association is not None:
                self._associations.keep(association)
            return association
        return None

    def _take_envelope(self, association: Association, apdu: bytes) -> Outcome:
        try:
            return self._unseal(association, apdu)
        except PeerError:
            return self._told(association.client, association.server, _UNDECODABLE)

    def _unseal(self, association: Association, apdu: bytes) -> Outcome:
        """An APDU in an association that ciphers."""
        shield = association.shield
        assert shield is not None
        if apdu[:1] in _ENVELOPES:
            revealed = shield.reveal(apdu)
            if isinstance(revealed, Refusal):
                return self._told(association.client, association.server, revealed)
            apdu = revealed.apdu
            association.take_form(revealed.form)
        elif not shield.admits_plain():
            return self._told(association.client, association.server, NOT_ASSOCIATED)
        else:
            association.take_form(None)
        if apdu[:2] not in association.services:
            answer = refuse(association, apdu)
            return self._told(association.client, association.server, answer)
        if shield.protection.is_reserved():
            return self._serve(association, apdu)
        return self._once_reserved(association, shield.protection, lambda: self._serve(association, apdu))

    def _speak(self) -> Outcome:
        """What a meter has to say unasked, where nothing else is under way."""
        while (association := self._news.ready()) is not None:
            if outcome := self._tell_news(association):
                return outcome
        return None

    def _take_poll(self, poll: Poll) -> Outcome:
        association = self._associations.between(poll.client, poll.server)
        if association is None or association.is_busy or not self._news.has(association):
            return self._framing.unasked(poll.server, poll.client, b"")  # the word goes back
        return self._tell_news(association)

    def _tell_news(self, association: Association) -> Outcome:
        protection = association.shield.protection if association.shield is not None else None

        def tell() -> bytes:
            return self._news.told(association, self._framing)

        def drop() -> bytes:
            return self._news.dropped(association, self._framing)

        return self._once_reserved(association, protection, tell, drop)

    def _take_block(self, association: Association, apdu: bytes) -> Outcome:
        """Of a request in general blocks, or the client's word on an answer in such."""
        taken = association.blocks.take(gbt.decode(apdu))
        if taken is None:
            return self._told(association.client, association.server, TOO_LONG)
        if isinstance(taken, list):
            return self._sent(association, taken)
        association.by_blocks = True
        outcome = self._take_assembled(association, taken)
        if self._request is None:  # answered or refused; else the driver's answer will follow in blocks
            association.by_blocks = False
        return outcome

    def _take_assembled(self, association: Association, apdu: bytes) -> Outcome:
        association.take_form(None)
        if association.shield is not None:
            return self._unseal(association, apdu)
        if apdu[:2] in association.legal:
            return self._serve(association, apdu)
        return self._told(association.client, association.server, refuse(association, apdu))

    def _once_reserved(
        self,
        association: Association,
        protection: Protection | None,
        go_on: Callable[[], Outcome],
        give_up: Callable[[], bytes | None] | None = None,
    ) -> Outcome:
        """Goes on at once, or when the driver has made the counters safe."""
        if protection is None or protection.is_reserved():
            return go_on()
        self._held = Held(go_on, give_up or (lambda: self._told(association.client, association.server, _NOT_NOW)))
        self._request, self.device = Reserve(association.client), association.device
        return self._request

    def _reserved(self, held: Held, *, safe: bool) -> bytes:
        if self._owner is not None and self._owner.is_gone:
            return b""
        if safe:
            self._resumed = held.go_on
            return b""
        return held.give_up() or b""

    def _open(self, client: int, server: int, device: LogicalDevice, apdu: bytes) -> Outcome:
        """An AARQ ends whatever association this device had on this connection, granted or not; one that does not
        decipher might be anybody's and ends nothing."""
        found = entering.enter((client, server), device, acse.decode_aarq(apdu), self._limits, self._random_octets)
        if isinstance(found, Refusal):
            return self._told(client, server, found)
        self._associations.pop(server, None)
        if found.login is not None:
            device.login(client, granted=found.login)
        if found.association is None:
            return self._told(client, server, acse.encode_aare(found.aare))
        return self._once_reserved(found.association, found.protection, lambda: self._welcome(found))

    def _welcome(self, found: Entered) -> bytes | None:
        association = found.association
        assert association is not None
        self._associations.keep(association)
        aare = found.aare._replace(user_information=association.covered(found.aare.user_information or b""))
        return self._framed(association, acse.encode_aare(aare)) if found.wants_answer else None

    def _prove(self, association: Association, apdu: bytes) -> Outcome:
        """HLS pass 3: the client is in, or the association is gone."""
        try:
            answer, granted = entering.prove(association, apdu)
        except PeerError:
            answer, granted = _UNDECODABLE, None
        if isinstance(answer, Refusal):
            return self._told(association.client, association.server, answer)
        if granted is not None:
            association.device.login(association.client, granted=granted)
        if not granted:
            del self._associations[association.server]
        protection = association.device.protection(association.client)
        return self._once_reserved(
            association, protection, lambda: self._framed(association, association.covered(answer))
        )

    def _release(self, association: Association | None, rlrq: acse.Rlrq) -> bytes | Refusal:
        answer = leaving.release(association, rlrq)
        if association is not None and isinstance(answer, bytes):
            del self._associations[association.server]
        return answer
