# SPDX-License-Identifier: GPL-2.0-only
"""One association with one meter, spoken by gurux-dlms: AARQ and RLRQ, and requests with all blocks of their answers.

It moves encoded requests and answers; what the values mean is the reader's business. It never logs an AARQ, which
carries the password in clear.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from gurux_dlms import GXReplyData
from gurux_dlms.enums import Authentication, Command, InterfaceType, RequestTypes
from gurux_dlms.enums.ExceptionServiceError import ExceptionServiceError
from gurux_dlms.GXDLMSConfirmedServiceError import GXDLMSConfirmedServiceError
from gurux_dlms.GXDLMSExceptionResponse import GXDLMSExceptionResponse
from gurux_dlms.secure import GXDLMSSecureClient

from simulator.headend.aside import Aside, Heard
from simulator.headend.bounds import AnswerSize, Unasked
from simulator.headend.ciphering import Keys, prepare
from simulator.headend.failures import (
    INITIATE_ERRORS,
    PROVIDER_DIAGNOSTICS,
    USER_DIAGNOSTICS,
    AssociationRefused,
    BrokenAnswer,
    HeadEndError,
    ServiceRefused,
)
from simulator.headend.link import Link
from simulator.headend.notifications import Notification
from simulator.headend.way import Way
from simulator.wire import axdr
from simulator.wire.codes import Conformance

_RESULT = b"\xa2\x03\x02\x01"  # AARE: [2] result, INTEGER, one octet
_USER_DIAGNOSTIC = b"\xa3\x05\xa1\x03\x02\x01"  # [3] result-source-diagnostic, acse-service-user
_PROVIDER_DIAGNOSTIC = b"\xa3\x05\xa2\x03\x02\x01"  # the same, acse-service-provider
_INITIATE_ERROR = b"\x0e\x01\x06"  # confirmedServiceError, initiateError, initiate
_WRAPPER = Way()
_TOO_DEEP = f"the meter's answer is nested deeper than {axdr.MAX_DEPTH} arrays and structures"
_REJECTED_FRAME = {
    0x1F: "the meter is in disconnected mode (HDLC DM); it lost the connection, or another client took it",
    0x97: "the meter rejected an HDLC frame (FRMR)",
}
_HLS_FIRST_STEP = 14  # authentication-required with result accepted: the meter now expects pass 3


class Session:
    """An association of `client` with the logical device `server`."""

    def __init__(
        self,
        *,
        client: int,
        password: bytes | None,
        server: int,
        mechanism: int,
        max_pdu: int,
        conformance: Conformance | int | None,
        keys: Keys | None = None,
        logger: logging.Logger | None,
        way: Way = _WRAPPER,
        where: str = "",
        heard: Heard | None = None,
    ) -> None:
        """`heard` is told what the meter at `where` says unasked while an answer is waited for."""
        address, octets = way.server_address(server) if way.hdlc else (server, 0)
        interface = InterfaceType.HDLC if way.hdlc else InterfaceType.WRAPPER
        self.protocol: Any = GXDLMSSecureClient(True, client, address, Authentication(mechanism), password, interface)
        self.protocol.serverAddressSize = octets
        self._hdlc = way.hdlc
        if way.hdlc:
            self.protocol.hdlcSettings.maxInfoTX = self.protocol.hdlcSettings.maxInfoRX = way.information
        prepare(self.protocol, keys)
        self.protocol.maxReceivePDUSize = max_pdu
        if conformance is not None:
            self.protocol.proposedConformance = _mirrored(conformance)
        elif heard is not None and not way.hdlc:  # there it would have to be polled for, between requests
            self.protocol.proposedConformance |= _mirrored(Conformance.EVENT_NOTIFICATION)
        self._aside = Aside(self.protocol, keys, where, heard or _ignored)
        self._client = client
        self._logger = logger
        self._link: Link | None = None
        self._connected = False  # HDLC: in normal response mode
        self._settled = False  # associated, and no request waits for its answer

    @property
    def conformance(self) -> int:
        """The negotiated conformance block, bits as in `wire.codes.Conformance`."""
        return _mirrored(self.protocol.negotiatedConformance)

    def open(self, link: Link, *, counter: int | None = None) -> None:
        """Associate over a connection, which is closed if that fails; `counter`: the first to cipher with."""
        self._link = link
        if counter is not None:
            self.protocol.ciphering.invocationCounter = counter
        try:
            if self._hdlc:
                self._connect(link)
            self._associate(link)
        except BaseException:
            self.close()
            raise
        self._settled = True

    def close(self) -> None:
        """Release the association and the connection. A meter that is gone already is no failure any more."""
        link, self._link = self._link, None
        if link is None:
            return
        try:
            # After a request without its answer the next frame would be that, or another time-out.
            for frame in (self.protocol.releaseRequest() or ()) if self._settled else ():
                link.send(bytes(frame))
                link.receive()
            if self._hdlc and self._connected:
                link.send(bytes(self.protocol.disconnectRequest(True)))
                link.receive()
        except HeadEndError:
            pass
        finally:
            link.close()

    def _connect(self, link: Link) -> None:
        """SNRM and UA: sizes of frames are agreed (IEC 62056-46 6.4.4.4.3.2)."""
        link.send(bytes(self.protocol.snrmRequest()))
        reply = self._receive(GXReplyData())
        if reply.command != Command.UA:
            raise BrokenAnswer(f"the meter answered the SNRM by an HDLC frame of control field {reply.command:#04x}")
        self._parse(self.protocol.parseUAResponse, reply.data)
        self._connected = True

    def _associate(self, link: Link) -> None:
        if self._logger:
            self._logger.debug("AARQ of client %d", self._client)
        reply = GXReplyData()
        for frame in self.protocol.aarqRequest():
            reply = GXReplyData()
            link.send(bytes(frame))
            self._gather(reply)
        if reply.command != Command.AARE:
            raise BrokenAnswer(f"the meter answered the AARQ by an APDU of tag {reply.command}")
        diagnostic = _accepted(bytes(reply.data.array()))
        self._parse(self.protocol.parseAareResponse, reply.data)
        if diagnostic == _HLS_FIRST_STEP:
            self._prove_secret()

    def exchange(self, messages: Sequence[bytes]) -> Any:
        """Send one request, frame by frame, and gather the whole answer; a refusal is in its `error`."""
        reply = GXReplyData()
        self._settled = False
        try:
            for message in messages:
                reply = GXReplyData()
                self._send(message)
                self._gather(reply)
                if reply.error:
                    break
        except HeadEndError as error:
            error.came = bytes(reply.data.array())
            raise
        if (reply.invokeId ^ self.protocol.settings.invokeId) & 0x0F:
            raise BrokenAnswer(f"the answer's invoke-id {reply.invokeId & 0x0F} is not the request's")
        self._settled = True
        if _is_deep(reply.value):
            raise BrokenAnswer(_TOO_DEEP)
        return reply

    def _gather(self, reply: Any) -> None:
        """The whole answer into `reply`, block by block."""
        size = AnswerSize()
        while self._receive(reply).isMoreData():
            size.took(reply.data.size)
            self._send(self._more(reply))

    def _more(self, reply: Any) -> Any:
        """What asks for the next block."""
        try:
            return self.protocol.receiverReady(reply)
        except Exception as error:  # gurux lacks parts of general block transfer, and raises whatever comes of that
            raise BrokenAnswer(f"gurux cannot ask for the rest of the meter's answer: {error}") from error

    def next_invoke_id(self) -> None:
        # gurux's own autoIncreaseInvokeID writes to another attribute than the one it sends.
        self.protocol.settings.invokeId = (self.protocol.settings.invokeId + 1) & 0x0F

    def _send(self, frame: bytes) -> None:
        if self._link is None:
            raise HeadEndError("not connected: call connect() first")
        if self._logger:
            self._logger.debug("> %s", frame.hex())
        self._link.send(bytes(frame))

    def _receive(self, reply: Any) -> Any:
        """Take the next frame that is an answer into `reply`; what the meter says unasked is put aside."""
        assert self._link
        unasked = Unasked()
        while True:
            frame = self._link.receive()
            if self._logger:
                self._logger.debug("< %s", frame.hex())
            is_aside = self._aside.take(frame, is_hdlc=self._hdlc)
            if not is_aside and self._parse(self.protocol.getData, frame, reply, GXReplyData()):
                if self._hdlc and reply.frameId in _REJECTED_FRAME:
                    raise BrokenAnswer(_REJECTED_FRAME[reply.frameId])
                if _is_list(self.protocol) and reply.moreData & RequestTypes.FRAME:
                    reply.error = 0  # of a list whose end has not come yet, gurux takes any octet for an error
                return reply
            unasked.took()

    def _parse(self, parse: Any, *arguments: Any) -> Any:
        try:
            return parse(*arguments)
        except GXDLMSExceptionResponse as error:
            raise ServiceRefused(f"the meter answered by an exception-response: {error}{_hint(error)}") from error
        except GXDLMSConfirmedServiceError as error:
            raise ServiceRefused(f"the meter answered by a confirmed-service-error: {error}") from error
        except HeadEndError:
            raise
        except RecursionError as error:
            raise BrokenAnswer(_TOO_DEEP) from error
        except Exception as error:  # gurux raises whatever its parser stumbles over
            if isinstance(error.__context__, HeadEndError):  # of an AARE's user-information it says "rejected"
                raise error.__context__ from None
            if _is_list(self.protocol):
                return True  # its reading of lists is not used (reader._items), so neither is its complaint
            raise BrokenAnswer(f"gurux cannot parse the meter's answer: {error}") from error

    def _prove_secret(self) -> None:
        """HLS passes 3 and 4 (Green Book 9.2): each side returns the other's challenge, processed."""
        reply = self.exchange(self.protocol.getApplicationAssociationRequest())
        if reply.error:
            raise AssociationRefused(1, 13, USER_DIAGNOSTICS[13])
        self._parse(self.protocol.parseApplicationAssociationResponse, reply.data)


def _ignored(_note: Notification) -> None:
    """Nobody wants to know."""


def _hint(error: Any) -> str:
    is_key = error.exceptionServiceError == ExceptionServiceError.DECIPHERING_ERROR
    return "; are the keys (--ek, --ak) those of the meter?" if is_key else ""


def _is_deep(decoded: Any) -> bool:
    level = [decoded]
    for _ in range(axdr.MAX_DEPTH + 1):
        level = [item for collection in level if isinstance(collection, list) for item in collection]
    return bool(level)


def _is_list(protocol: Any) -> bool:
    settings = protocol.settings
    return bool(settings.command == Command.GET_REQUEST and settings.commandType == 3)


def _accepted(aare: bytes) -> int:
    """The AARE's diagnostic; AssociationRefused unless its result is 0.

    Read here because gurux takes a provider's diagnostic for a user's, and a rejection without one for an acceptance.
    """
    result = _octet_after(aare, _RESULT)
    user = _octet_after(aare, _USER_DIAGNOSTIC)
    if result == 0:
        return user or 0
    if result is None:
        raise BrokenAnswer(f"the AARE has no result: {aare.hex(' ')}")
    provider = _octet_after(aare, _PROVIDER_DIAGNOSTIC)
    initiate = _octet_after(aare, _INITIATE_ERROR)
    raise AssociationRefused(result, user or provider or 0, _why_rejected(user, provider, initiate))


def _why_rejected(user: int | None, provider: int | None, initiate: int | None) -> str:
    if initiate is not None:
        return INITIATE_ERRORS.get(initiate, f"initiate error {initiate}")
    if provider is not None:
        return PROVIDER_DIAGNOSTICS.get(provider, f"diagnostic {provider} of the service provider")
    return USER_DIAGNOSTICS.get(user or 1, f"diagnostic {user} of the service user")


def _octet_after(octets: bytes, prefix: bytes) -> int | None:
    at = octets.find(prefix)
    end = at + len(prefix)
    return octets[end] if at >= 0 and end < len(octets) else None


def _mirrored(conformance: int) -> int:
    """gurux numbers the 24 bits of the conformance block from the other end."""
    return int(f"{conformance:024b}"[::-1], 2)
