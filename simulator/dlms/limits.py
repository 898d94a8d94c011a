# SPDX-License-Identifier: MIT
"""How much of a meter one peer may occupy, and for how long. Numbers only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    max_frame: int = 65_535  # octets of one APDU in its frame; the wrapper's length field ends there too
    max_pending: int = 262_144  # octets received and not taken up yet: pipelined requests
    max_assembled: int = 65_536  # octets of one SET or ACTION that comes in blocks
    max_sent: int = 65_535  # octets of one APDU that we send, whatever the client could take
    max_items: int = 256  # attributes or methods in one with-list request
    max_associations: int = 64  # with as many logical devices behind one connection
    idle_ms: int = 180_000
    half_frame_ms: int = 10_000


DEFAULT_LIMITS = Limits()
