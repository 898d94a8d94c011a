# SPDX-License-Identifier: MIT
"""APDUs are never longer than this, whatever longer ones the client could take: so blocks are short, and frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from simulator.faults.fault import Fault


@dataclass(frozen=True, slots=True)
class ShortFrames(Fault):
    short_frames: Annotated[int, Field(ge=64)]  # as DLMS's smallest max PDU that is in use (Green Book 9.4.4)

    def size(self, agreed: int) -> int | None:
        return min(agreed, self.short_frames)
