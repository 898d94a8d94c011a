# SPDX-License-Identifier: MIT
"""HLS passes 3 and 4: the client's proof judged, the meter's own given (Green Book 9.2.7.4, Blue Book 4.4.4).

A pure step: it opens no association and counts no failure; who calls it does.
"""

from __future__ import annotations

import hmac
from typing import NamedTuple

from simulator.errors import PeerError
from simulator.ports import Protection
from simulator.values import attribute_key, parse_obis
from simulator.wire import proofs
from simulator.wire.apdu_action import ActionNormal
from simulator.wire.ciphering import MAX_COUNTER
from simulator.wire.codes import Tag
from simulator.wire.proofs import GMAC, Exchange

_ASSOCIATION_LN, _REPLY_TO_HLS = 15, 1
_CURRENT = parse_obis("0.0.40.0.0.255")


class Trial(NamedTuple):
    """What was exchanged in passes 1 and 2."""

    mechanism: int
    secret: bytes
    association: bytes  # logical name of the client's own association object
    from_client: Exchange  # what the client has to answer, as it sees it
    from_meter: Exchange  # what the meter has to answer


def begin(
    mechanism: int,
    secret: bytes,
    association: bytes,
    *,
    challenges: tuple[bytes, bytes],
    titles: tuple[bytes, bytes],
) -> Trial:
    """`challenges` and `titles`: the client's, then the meter's."""
    ctos, stoc = challenges
    client_title, title = titles
    from_client = Exchange(stoc, ctos, client_title, title)
    return Trial(mechanism, secret, association, from_client, Exchange(ctos, stoc, title, client_title))


def is_reply(trial: Trial, request: ActionNormal) -> bool:
    """Whether an ACTION is pass 3: reply_to_HLS_authentication of the current association or the client's own."""
    names = (_CURRENT, trial.association)
    return request.method in {attribute_key(_ASSOCIATION_LN, name, _REPLY_TO_HLS) for name in names}


def judge(trial: Trial, request: ActionNormal, protection: Protection, lowest: int) -> bytes | None:
    """The meter's proof if the client's is right, else None. `lowest`: the lowest counter that a GMAC proof may have.

    A client makes its GMAC proof before the APDU around it is ciphered, so the proof's counter is often the lower one.
    """
    given = request.parameter
    if given is None or given.tag != Tag.OCTET_STRING:
        return None
    try:
        right = _right(trial, given.value, protection, lowest)
    except PeerError:
        return None
    if right is None or not hmac.compare_digest(given.value, right):
        return None
    if trial.mechanism != GMAC:
        return proofs.prove(trial.mechanism, trial.secret, trial.from_meter)
    counter = proofs.counter_of(given.value)
    if counter >= protection.lowest():
        protection.accept(counter)
    return proofs.prove_gmac(protection.key(), 0, protection.next_counter(), trial.from_meter)


def _right(trial: Trial, given: bytes, protection: Protection, lowest: int) -> bytes | None:
    if trial.mechanism != GMAC:
        return proofs.prove(trial.mechanism, trial.secret, trial.from_client)
    counter = proofs.counter_of(given)
    if not lowest <= counter <= MAX_COUNTER:
        return None
    return proofs.prove_gmac(protection.key(), 0, counter, trial.from_client)
