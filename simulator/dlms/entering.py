# SPDX-License-Identifier: MIT
"""From an AARQ to an association: its ciphering, the judgement, and HLS (Green Book 9.4.4, 9.2.7.4).

It makes associations and keeps none, sends nothing, and leaves the AARE's own ciphering to whom keeps them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from simulator.dlms import hls, opening
from simulator.dlms.association import Association
from simulator.dlms.legality import NOT_ASSOCIATED, State
from simulator.dlms.limits import Limits
from simulator.dlms.opening import CIPHERED, Negotiated, Offer, Verdict, context_of, title_of
from simulator.dlms.shield import Revealed, Shield
from simulator.ports import AssociationRules, LogicalDevice, Protection
from simulator.wire.acse import Aare, Aarq
from simulator.wire.apdu_action import ActionNormal, ActionResponseNormal, Outcome, decode_request, encode_response
from simulator.wire.axdr import Data, encode
from simulator.wire.ciphering import GLO_INITIATE_REQUEST, KEY_OCTETS
from simulator.wire.codes import ActionResult, Tag
from simulator.wire.proofs import GMAC
from simulator.wire.refusal import Refusal

_NONE, _LLS = 0, 1


class Entered(NamedTuple):
    aare: Aare
    association: Association | None = None  # None: rejected
    protection: Protection | None = None  # whose counters must be safe before the AARE goes out
    wants_answer: bool = True
    login: bool | None = None  # granted, failed, or None: nobody has proved anything yet


def enter(
    addresses: tuple[int, int],
    device: LogicalDevice,
    aarq: Aarq,
    limits: Limits,
    random_octets: Callable[[int], bytes],
) -> Entered | Refusal:
    """A Refusal: the AARQ's user-information does not decipher, or has an old counter."""
    rules = device.rules(addresses[0])
    shield, revealed = None, None
    if rules is not None and context_of(aarq) == CIPHERED and CIPHERED in rules.contexts and title_of(aarq):
        found = _unsealed(device, rules, aarq)
        if isinstance(found, Refusal):
            return found
        shield, revealed = found
    offer = _offer(device, rules, aarq, shield, revealed, random_octets)
    verdict = opening.judge(aarq, rules, offer)
    if verdict.agreed is None or rules is None:
        return Entered(verdict.aare, login=False if verdict.wrong_secret else None)
    trial = _trial(rules, aarq, offer)
    association = Association(addresses, device, verdict.agreed, limits, shield=shield, trial=trial)
    association.aarq = aarq
    _settle_ciphering(association, device, verdict, revealed)
    uses_counters = shield is not None or rules.mechanism == GMAC
    protection = device.protection(rules.client) if uses_counters else None
    login = True if rules.mechanism == _LLS else None
    return Entered(verdict.aare, association, protection, verdict.wants_answer, login)


def _unsealed(device: LogicalDevice, rules: AssociationRules, aarq: Aarq) -> tuple[Shield, Revealed | None] | Refusal:
    shield = Shield(device.protection(rules.client), title_of(aarq))
    information = aarq.user_information or b""
    if information[:1] != bytes((GLO_INITIATE_REQUEST,)):
        return shield, None
    revealed = shield.reveal(information)
    if isinstance(revealed, Refusal):
        return revealed
    shield.strict = True
    return shield, revealed


def _offer(
    device: LogicalDevice,
    rules: AssociationRules | None,
    aarq: Aarq,
    shield: Shield | None,
    revealed: Revealed | None,
    random_octets: Callable[[int], bytes],
) -> Offer:
    if rules is None:
        return Offer(aarq.user_information)
    return Offer(
        information=aarq.user_information if revealed is None else revealed.apdu,
        ciphered=revealed is not None,
        must_cipher=shield is not None and revealed is None and not shield.admits_plain(),
        title=device.protection(rules.client).title if rules.mechanism > _LLS or shield else b"",
        challenge=random_octets(rules.challenge_octets) if rules.mechanism > _LLS else b"",
    )


def _trial(rules: AssociationRules, aarq: Aarq, offer: Offer) -> hls.Trial | None:
    if rules.mechanism <= _LLS:
        return None
    challenges = (aarq.authentication_value or b"", offer.challenge)
    titles = (title_of(aarq) or b"", offer.title)
    return hls.begin(rules.mechanism, rules.secret, rules.association, challenges=challenges, titles=titles)


def _settle_ciphering(
    association: Association, device: LogicalDevice, verdict: Verdict, revealed: Revealed | None
) -> None:
    shield = association.shield
    if shield is None or association.aarq is None:
        return
    shield.protection.heard(title_of(association.aarq) or b"")
    if revealed is None or verdict.request is None:
        return
    association.take_form(revealed.form)
    key = verdict.request.dedicated_key
    if key is not None and len(key) == KEY_OCTETS:
        shield.use_dedicated(key)


def established(client: int, server: int, device: LogicalDevice, limits: Limits) -> Association | None:
    """The association that exists without an AARQ, if the meter has one for this client."""
    rules = device.rules(client)
    if rules is None or not rules.pre_established:
        return None
    protection = device.protection(client)
    agreed = Negotiated(rules.conformance & opening.SERVED_CONFORMANCE, 0, rules.max_pdu)
    shield = Shield(protection, protection.client_title, strict=True)
    return Association((client, server), device, agreed, limits, shield=shield)


def prove(association: Association, apdu: bytes) -> tuple[bytes | Refusal, bool | None]:
    """The answer to HLS pass 3 and whether the client is in; None: it was not pass 3. Raises PeerError."""
    trial, shield = association.trial, association.shield
    request = decode_request(apdu)
    assert trial is not None
    assert isinstance(request, ActionNormal)
    if not hls.is_reply(trial, request):
        return NOT_ASSOCIATED, None
    protection = association.device.protection(association.client)
    lowest = protection.lowest() if shield is None else shield.lowest_before
    proof = hls.judge(trial, request, protection, lowest)
    if proof is None:
        return encode_response(ActionResponseNormal(request.invoke, Outcome(ActionResult.OTHER_REASON, None))), False
    association.trial = None
    association.settle(State.OPEN)
    outcome = Outcome(ActionResult.SUCCESS, encode(Data(Tag.OCTET_STRING, proof)))
    return encode_response(ActionResponseNormal(request.invoke, outcome)), True
