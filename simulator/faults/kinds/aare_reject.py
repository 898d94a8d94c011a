# SPDX-License-Identifier: MIT
"""Every AARQ is rejected by this diagnostic of the service user (Green Book 9.4.2); 13 is authentication-failure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from simulator.faults.fault import Fault, Roll
from simulator.wire.acse import AARQ, Aare, decode_aarq, diagnostic_of, encode_aare
from simulator.wire.axdr import Malformed


@dataclass(frozen=True, slots=True)
class AareReject(Fault):
    aare_reject: Annotated[int, Field(ge=1, le=14)]
    result: Literal["permanent", "transient"] = "permanent"

    def reply(self, apdu: bytes, roll: Roll) -> bytes | None:
        if apdu[0] != AARQ:
            return None
        try:
            context = decode_aarq(apdu).context_name
        except Malformed:
            return None
        result = bytes((1 if self.result == "permanent" else 2,))
        return encode_aare(Aare(context or b"", result, diagnostic_of(self.aare_reject)))
