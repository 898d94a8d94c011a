# SPDX-License-Identifier: MIT
"""The one face of the protocol engine: bytes and an instant in, requests and bytes out (Green Book 9.4).

No socket, no clock, no await, no meter in it. One session is one connection; whatever its peer sends, it answers as
the standard says or stays silent, and never raises for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from simulator.dlms import opening, service_action, service_get, service_set
from simulator.dlms.association import Association
from simulator.dlms.framing import Framing, Lost
from simulator.dlms.legality import TABLE, UNKNOWN, State
from simulator.dlms.limits import DEFAULT_LIMITS, Limits
from simulator.errors import PeerError
from simulator.ports import Answer, LogicalDevice, Request
from simulator.wire import acse, initiate, refusal, wrapper
from simulator.wire.refusal import PDU_TOO_LONG, SERVICE_NOT_ALLOWED, Refusal

_SERVICES: dict[int, Callable[[Association, bytes], Request | bytes | Refusal]] = {
    service.TAG: service.serve for service in (service_get, service_set, service_action)
}
_TOO_LONG = Refusal(SERVICE_NOT_ALLOWED, PDU_TOO_LONG)
_UNDECODABLE = UNKNOWN
_RELEASED = b"\x00"  # release-response-reason normal


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
    ) -> None:
        self.device: LogicalDevice | None = None  # whom the pending request is for
        self._devices = devices
        self._limits = limits
        self._framing = framing or wrapper.Splitter(max_frame=limits.max_frame, max_pending=limits.max_pending)
        # One association per logical device: behind one port a client may talk to several meters in turn.
        self._associations: dict[int, Association] = {}
        self._asking: Association | None = None
        self._request: Request | None = None
        self._fed_ms: int | None = None
        self._half_since_ms: int | None = None

    @property
    def closing(self) -> bool:
        """The peer broke the framing beyond repair: send what `next` gave, then close."""
        return self._framing.broken

    def feed(self, data: bytes, now_ms: int) -> None:
        self._fed_ms = now_ms
        self._framing.feed(data, now_ms)

    def next(self) -> Request | bytes | None:
        """Bytes to send now, a Request to answer, or None: nothing until more is fed."""
        if self._asking is not None:
            raise ValueError("the pending request must be answered first")
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
        return None

    def respond(self, request: Request, answers: Sequence[Answer]) -> bytes:
        """The framed answer to the pending request, one answer per item; empty if it was unconfirmed."""
        association = self._asking
        if association is None or request is not self._request:
            raise ValueError("this request is not pending")
        self._asking = self._request = self.device = None
        apdu = association.answer(answers)
        return self._framing.encode(association.server, association.client, apdu) if apdu else b""

    def expired(self, now_ms: int) -> bool:
        """Idle too long, or a frame half-sent too long. Never while the meter owes an answer."""
        if self._asking is not None:
            return False
        if self._fed_ms is None:
            self._fed_ms = now_ms  # a peer that connects and says nothing
        half = self._half_since_ms is not None and now_ms - self._half_since_ms >= self._limits.half_frame_ms
        return half or now_ms - self._fed_ms >= self._limits.idle_ms

    def _take(self, client: int, server: int, apdu: bytes) -> Request | bytes | None:
        association = self._associations.get(server)
        if (
            association is None
            or association.client != client
            or apdu[:2] not in association.legal
            or len(apdu) > association.receive_limit
        ):
            return self._take_other(client, server, apdu)
        try:
            outcome = _SERVICES[apdu[0]](association, apdu)
        except PeerError:
            outcome = _UNDECODABLE
        if isinstance(outcome, bytes):
            return self._framing.encode(server, client, outcome) if outcome else None
        if isinstance(outcome, Refusal):
            return self._framing.encode(server, client, refusal.encode(outcome))
        self._asking, self._request, self.device = association, outcome, association.device
        return outcome

    def _take_signal(self, signal: bytes | Lost | tuple[int, int, bytes]) -> bytes | None:
        """What a framing says of itself: bytes that it owes its peer, or the end of a connection below (9.4.3)."""
        if isinstance(signal, bytes):
            return signal
        client, server = signal[:2]
        association = self._associations.get(server)
        if association is not None and association.client == client:
            del self._associations[server]
        return None

    def _take_other(self, client: int, server: int, apdu: bytes) -> bytes | None:
        """Opening, release, and whatever is not legal now."""
        device = self._devices(server)
        if device is None:
            return None  # nobody lives there: silence (Green Book 7.3.3.2)
        try:
            if apdu[:1] == b"\x60":
                answer = self._open(client, server, device, acse.decode_aarq(apdu))
            elif apdu[:1] == b"\x62":
                answer = self._release(client, server, acse.decode_rlrq(apdu))
            else:
                answer = refusal.encode(self._refuse(client, server, apdu))
        except PeerError:
            answer = refusal.encode(_UNDECODABLE)
        return self._framing.encode(server, client, answer) if answer else None

    def _open(self, client: int, server: int, device: LogicalDevice, aarq: acse.Aarq) -> bytes:
        """An AARQ ends whatever association this device had on this connection, granted or not."""
        self._associations.pop(server, None)
        aare, agreed = opening.judge(aarq, device.rules(client))
        if agreed is not None:
            if len(self._associations) >= self._limits.max_associations:
                del self._associations[next(iter(self._associations))]  # the oldest
            association = Association((client, server), device, agreed, self._limits)
            association.aarq = aarq
            self._associations[server] = association
        return aare

    def _release(self, client: int, server: int, rlrq: acse.Rlrq) -> bytes:
        """A release of nothing is granted too: the client has what it wants, and would wait for a word (9.4.5)."""
        association = self._associations.get(server)
        told = None
        if association is not None and association.client == client:
            del self._associations[server]
            if rlrq.user_information is not None:
                told = _parting(association)
        return acse.encode_rlre(acse.Rlre(_RELEASED, told))

    def _refuse(self, client: int, server: int, apdu: bytes) -> Refusal:
        association = self._associations.get(server)
        if association is None or association.client != client:
            verdict = TABLE[State.CLOSED].get(apdu[:2], UNKNOWN)
            return verdict if isinstance(verdict, Refusal) else UNKNOWN
        association.transfer = None
        return _TOO_LONG if len(apdu) > association.receive_limit else UNKNOWN


def _parting(association: Association) -> bytes:
    """The InitiateResponse once more, where the RLRQ came with user-information of its own (Green Book 9.4.2)."""
    response = initiate.InitiateResponse(
        quality_of_service=None,
        version=initiate.DLMS_VERSION,
        conformance=association.conformance,
        max_pdu=association.receive_limit,
        vaa_name=initiate.VAA_NAME_LN,
    )
    return initiate.encode_response(response)
