# SPDX-License-Identifier: MIT
"""What a fault may do: the places at which a meter and its link can be made to misbehave, one method each.

A fault says what happens and does nothing itself: it holds no state, asks no clock, draws no number but by `roll`, and
never waits. None from a method: nothing happens here. Whoever asks (fleet/, device, protection) does what it says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import Enum
from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import BeforeValidator, ConfigDict, Field

from simulator.ports import GetAnswer, GetItem
from simulator.values import parse_duration_ms
from simulator.wire.hdlc import FLAG

Roll = Callable[[], float]
"""The next number in [0, 1) of one fault on one meter: a function of the seed, the meter and how many came before."""

Peek = Callable[[bytes], bytes | None]
"""What the same client would be told of another attribute, by its nine octets; None: nothing, or not at once."""


def _duration_ms(text: Any) -> int:
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is not a duration; write for example 250ms, 2s or 10m")
    return parse_duration_ms(text)


DurationMs = Annotated[int, BeforeValidator(_duration_ms)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
"""How often: 1, or true, is always."""

Count = Annotated[int, Field(ge=0)]


class End(Enum):
    RESET = "the peer is told by a reset"
    SILENCE = "the peer is never told"


class Message(NamedTuple):
    """A frame on its way to a client, or what came from one at once."""

    octets: bytes
    outgoing: bool
    last: bool  # an answer ends with it
    octets_before: int  # that have gone to the client on this connection
    messages_before: int  # either way
    reliable: bool  # what gets lost is sent again below us: TCP, not UDP


class Carried(NamedTuple):
    """What becomes of a message. No octets: it is lost."""

    octets: bytes
    delay_ms: float = 0.0  # later than it would come
    busy_ms: float = 0.0  # the link can carry nothing else meanwhile
    end: End | None = None  # of the connection, when the octets are through


@dataclass(frozen=True, slots=True)
class Fault:
    """Nothing is wrong. Each fault changes one of these."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    @property
    def name(self) -> str:
        """As in the registry: that of its first field."""
        return fields(self)[0].name

    def admits(self, others: Callable[[], int], roll: Roll) -> bool:
        """Whether a new connection is taken while so many others to the meter are open (they are counted if asked)."""
        return True

    def carry(self, message: Message, roll: Roll) -> Carried | None: ...

    def reply(self, apdu: bytes, roll: Roll) -> bytes | None:
        """An APDU in place of the meter's own answer to this one, which the meter never sees."""

    def spoil(self, apdu: bytes, roll: Roll) -> bytes | None:
        """An answer changed before it is ciphered, and once more as it is framed; empty: it is not sent."""

    def seal(self, control: int, text: bytes, roll: Roll) -> bytes | None:
        """The text of an envelope changed, which ends with its tag if the security control says so."""

    def counter(self, counter: int) -> int | None:
        """Another invocation counter to send."""

    def size(self, agreed: int) -> int | None:
        """Another limit for the APDUs of this client than was agreed."""

    def fails(self, roll: Roll) -> bool:
        """Whether a GET, SET or ACTION is answered by temporary-failure."""
        return False

    def select(self, item: GetItem) -> GetItem | GetAnswer | None:
        """What is read instead, or the answer without reading."""

    def change(self, item: GetItem, value: bytes, peek: Peek) -> bytes | None:
        """Another value (A-XDR Data) than the one that was read."""

    def push(self, body: bytes) -> bytes | None:
        """Another body (A-XDR Data) of what the meter pushes."""


def flipped(octets: bytes, at: int) -> bytes:
    """One bit of one octet is wrong. Never so that a flag of HDLC comes out, which would be another fault."""
    wrong = octets[at] ^ 1
    return octets[:at] + bytes((wrong if wrong != FLAG else octets[at] ^ 2,)) + octets[at + 1 :]
