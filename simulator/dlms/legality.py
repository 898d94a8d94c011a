# SPDX-License-Identifier: MIT
"""Which service is legal in which state of an association, and the refusal where it is not: one table.

What is absent from the table is refused as UNKNOWN. No code but the table belongs in this file.

A service is the first two octets of its APDU: tag and choice. An association between one client and one logical
device is in one of three states (Green Book 9.4.2):

* CLOSED: there is none, or the client's address is not the one that opened it. Services that exist are not allowed
  now (state-error 1); anything else is unknown in any state (state-error 2).
* AUTHENTICATING: HLS passes 1 and 2 are done. Only the method that carries pass 3 is legal, whatever was negotiated;
  dlms/hls.py looks at which method it is.
* OPEN: the client is authenticated and has negotiated a conformance block. A service is legal if all of its bits in
  this table were negotiated. If not, it is as unknown to this association as a service that does not exist: a client
  that was told "no multiple references" must not find out that it works anyway (Green Book 9.4.6.1).

The services of the association itself, AARQ (0x60) and RLRQ (0x62), are legal in each state and thus not in the
table: a second AARQ replaces the association, a release of nothing is granted. Ciphered APDUs are judged by what is
inside them; where there is no association, or none that deciphers, ENVELOPES is what is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from simulator.wire import ciphering, refusal
from simulator.wire.codes import Conformance as Bit
from simulator.wire.refusal import Refusal


class State(Enum):
    CLOSED = "closed"
    AUTHENTICATING = "authenticating"
    OPEN = "open"


NOT_ASSOCIATED = Refusal(refusal.SERVICE_NOT_ALLOWED, refusal.OPERATION_NOT_POSSIBLE)
UNKNOWN = Refusal(refusal.SERVICE_UNKNOWN, refusal.SERVICE_NOT_SUPPORTED)

_LIST = Bit.MULTIPLE_REFERENCES
_GET, _GET_BLOCK = Bit.GET, Bit.GET | Bit.BLOCK_TRANSFER_WITH_GET
_SET, _SET_BLOCK = Bit.SET, Bit.SET | Bit.BLOCK_TRANSFER_WITH_SET
_ACTION, _ACTION_BLOCK = Bit.ACTION, Bit.ACTION | Bit.BLOCK_TRANSFER_WITH_ACTION

_NEEDED_BITS = {
    b"\xc0\x01": int(_GET),  # get-request-normal
    b"\xc0\x02": _GET_BLOCK,  # get-request-next
    b"\xc0\x03": _GET | _LIST,  # get-request-with-list
    b"\xc1\x01": int(_SET),  # set-request-normal
    b"\xc1\x02": _SET_BLOCK,  # set-request-with-first-datablock
    b"\xc1\x03": _SET_BLOCK,  # set-request-with-datablock
    b"\xc1\x04": _SET | _LIST,  # set-request-with-list
    b"\xc1\x05": _SET_BLOCK | _LIST,  # set-request-with-list-and-first-datablock
    b"\xc3\x01": int(_ACTION),  # action-request-normal
    b"\xc3\x02": _ACTION_BLOCK,  # action-request-next-pblock
    b"\xc3\x03": _ACTION | _LIST,  # action-request-with-list
    b"\xc3\x04": _ACTION_BLOCK,  # action-request-with-first-pblock
    b"\xc3\x05": _ACTION_BLOCK | _LIST,  # action-request-with-list-and-first-pblock
    b"\xc3\x06": _ACTION_BLOCK,  # action-request-with-pblock
    # access-request: no choice follows its tag, but the first octet of long-invoke-id-and-priority
    **{bytes((0xD9, octet)): int(Bit.ACCESS) for octet in range(256)},
}

ENVELOPES = ciphering.REQUEST_TAGS
_PASS_3 = b"\xc3\x01"

TABLE: Mapping[State, Mapping[bytes, int | Refusal]] = {
    State.CLOSED: dict.fromkeys(_NEEDED_BITS, NOT_ASSOCIATED),
    State.AUTHENTICATING: {**dict.fromkeys(_NEEDED_BITS, NOT_ASSOCIATED), _PASS_3: 0},
    State.OPEN: _NEEDED_BITS,  # the bits that make it legal; UNKNOWN without them
}
