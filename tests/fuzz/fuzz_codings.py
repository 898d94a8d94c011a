# SPDX-License-Identifier: MIT
"""What must hold of the codings alone: octets are Malformed or a noun that is the same when written and read again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fuzz_pieces import head

from simulator.errors import PeerError, UserError
from simulator.fleet.listen import parse_listen
from simulator.wire import (
    acse,
    apdu_access,
    apdu_action,
    apdu_get,
    apdu_set,
    axdr,
    ciphering,
    gbt,
    hdlc_parameters,
    initiate,
)

Coding = tuple[Callable[[bytes], Any], Callable[[Any], bytes] | None]

CODINGS: Sequence[Coding] = (
    (axdr.decode_whole, axdr.encode),
    (apdu_get.decode_request, apdu_get.encode_request),
    (apdu_get.decode_response, apdu_get.encode_response),
    (apdu_set.decode_request, apdu_set.encode_request),
    (apdu_set.decode_response, apdu_set.encode_response),
    (apdu_action.decode_request, apdu_action.encode_request),
    (apdu_action.decode_response, apdu_action.encode_response),
    (apdu_access.decode_request, None),
    (gbt.decode, gbt.encode),
    (ciphering.decode, ciphering.encode),
    (acse.decode_aarq, acse.encode_aarq),
    (acse.decode_aare, acse.encode_aare),
    (acse.decode_rlrq, acse.encode_rlrq),
    (acse.decode_rlre, acse.encode_rlre),
    (initiate.decode_request, initiate.encode_request),
    (initiate.decode_response, initiate.encode_response),
    (initiate.decode_error, initiate.encode_error),
)
_METERS = 1_000


def nouns(data: bytes) -> None:
    """The first octet says which coding. Compared as octets: not a number equals itself nowhere else."""
    (which,), octets = head(data, 1)
    decode, encode = CODINGS[which % len(CODINGS)]
    try:
        noun = decode(octets)
    except PeerError:
        return
    if encode is not None:
        written = encode(noun)
        assert encode(decode(written)) == written


def parameters(data: bytes) -> None:
    """HDLC parameters of an SNRM: nobody is promised more than both sides can do (IEC 62056-46 6.4.4.4.3.2)."""
    proposed = hdlc_parameters.decode(data)
    if proposed is not None and proposed.valid:
        agreed = hdlc_parameters.agree(proposed, information=2030, window=7)
        assert agreed.valid
        assert max(agreed[:2]) <= 2030
        assert max(agreed[2:]) <= 7
        assert hdlc_parameters.decode(hdlc_parameters.encode(agreed)) == agreed


def listens(data: bytes) -> None:
    """The user's words: a Listen whose every place is one, or a mistake that is told."""
    try:
        listen = parse_listen(data.decode("utf-8", "replace"), _METERS)
    except UserError:
        return
    for index in (0, _METERS - 1):
        listen.place_of(index)
