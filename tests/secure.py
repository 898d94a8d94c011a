# SPDX-License-Identifier: GPL-2.0-only
"""A Gurux client that ciphers, for tests on a spawned fleet; its keys come from the ready event."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any, Self

from gurux_dlms import GXByteBuffer, GXReplyData
from gurux_dlms.enums import Authentication, Conformance, InterfaceType, Security
from gurux_dlms.GXDLMSTranslator import GXDLMSTranslator
from gurux_dlms.secure import GXDLMSSecureClient
from live import EVERYTHING, Judge, Meter, Wire

vars(sys.modules["gurux_dlms.GXDLMSChippering"])["print"] = lambda *_: None  # it remarks on each ciphered frame

TITLE = b"CLI12345"
DEDICATED = bytes(range(32, 48))
GENERAL = EVERYTHING | Conformance.GENERAL_PROTECTION


@dataclass
class Login:
    """One client of one meter: what the inventory tells of it, and how the test wants it ciphered."""

    client: int
    mechanism: int
    secret: bytes
    ek: bytes = bytes(16)
    ak: bytes = bytes(16)
    master: bytes = bytes(16)
    security: int = Security.AUTHENTICATION_ENCRYPTION
    conformance: int = field(default=EVERYTHING)
    dedicated: bytes | None = None
    counter: int | None = None  # None: one more than what the public client is shown

    @property
    def counter_obis(self) -> str:
        return f"0.0.43.1.{self.client // 16}.255"


def login_of(entry: dict[str, Any], client: int, **changes: Any) -> Login:
    """From a meter's entry in the ready event."""
    found = next(one for one in entry["clients"] if one["sap"] == client)
    keys = {name: bytes.fromhex(found[name]) for name in ("ek", "ak", "master") if name in found}
    if "secret" in found:
        secret, mechanism = bytes.fromhex(found["secret"]), int(found["auth"].removeprefix("hls"))
    else:
        secret, mechanism = found["password"].encode(), 1
    return Login(**{"client": client, "mechanism": mechanism, "secret": secret, **keys, **changes})


def shown_counter(meter: Meter, login: Login) -> int:
    """What the public client reads."""
    with Judge(meter, 16) as public:
        got = public.get(1, login.counter_obis)
    assert got.result == 0
    return int(got.value)


class SecureJudge(Judge):
    """An association that Gurux has opened with all passes; every frame either way is kept."""

    def __init__(self, meter: Meter, login: Login) -> None:
        self.frames: list[bytes] = []
        self.protocol = GXDLMSSecureClient(
            True, login.client, 1, Authentication(login.mechanism), login.secret, InterfaceType.WRAPPER
        )
        self.protocol.proposedConformance = login.conformance
        self.protocol.maxReceivePDUSize = 1024
        cipher = self.protocol.ciphering
        cipher.systemTitle, cipher.security = TITLE, Security(login.security)
        cipher.blockCipherKey, cipher.authenticationKey = bytearray(login.ek), bytearray(login.ak)
        cipher.dedicatedKey = login.dedicated
        cipher.invocationCounter = shown_counter(meter, login) + 1 if login.counter is None else login.counter
        self.wire = Wire(meter)
        self.blocks = 0

    @property
    def counter(self) -> int:
        """The next one that Gurux will use."""
        return int(self.protocol.ciphering.invocationCounter)

    def __enter__(self) -> Self:
        super().__enter__()
        if self.protocol.isAuthenticationRequired:
            reply = self._ask(self.protocol.getApplicationAssociationRequest())
            assert not reply.error, f"HLS pass 3: action-result {reply.error}"
            self.protocol.parseApplicationAssociationResponse(reply.data)
        return self

    def release(self) -> bytes:
        """The RLRE."""
        for frame in self.protocol.releaseRequest():
            self._exchange(frame, GXReplyData())
        return self.frames[-1][8:]

    def _exchange(self, frame: bytes, reply: Any) -> None:
        self.frames.append(bytes(frame))
        self.wire.send_octets(bytes(frame))
        self.frames.append(self.wire.receive_frame())
        assert self.protocol.getData(GXByteBuffer(self.frames[-1]), reply, GXReplyData())


def translated(frame: bytes, judge: SecureJudge) -> str:
    """A frame as XML, deciphered: Gurux's translator is another reader than its client."""
    translator = GXDLMSTranslator()
    translator.comments = True
    cipher = judge.protocol.ciphering
    translator.security, translator.systemTitle = cipher.security, TITLE
    translator.serverSystemTitle = judge.protocol.settings.sourceSystemTitle
    translator.blockCipherKey, translator.authenticationKey = cipher.blockCipherKey, cipher.authenticationKey
    translator.dedicatedKey = cipher.dedicatedKey
    return str(translator.pduToXml(GXByteBuffer(frame[8:])))
