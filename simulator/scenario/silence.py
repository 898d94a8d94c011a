# SPDX-License-Identifier: MIT
"""Result codes of DLMS in words, and beside them why a meter gives none at all."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from simulator.documents import did_you_mean
from simulator.wire.codes import ActionResult, DataAccessResult


class Silence(IntEnum):
    """Negative: DLMS's own codes are not."""

    NO_POWER = -1
    NO_SUCH_CLIENT = -2
    NOBODY_TO_PUSH_TO = -3


_WORDS = {
    Silence.NO_POWER: "no power",
    Silence.NO_SUCH_CLIENT: "the model has no such client",
    Silence.NOBODY_TO_PUSH_TO: "nobody to push to",
}


def _known_refusal(name: str) -> str:
    if name not in _REFUSALS:
        raise ValueError(f"{name!r} is no refusal; {did_you_mean(name, _REFUSALS)}")
    return name


def result_in_words(result: int) -> str:
    """Of silence, a data-access-result, or an action-result: those that stand for a refusal share their numbers."""
    if result < 0:
        return _WORDS[Silence(result)]
    known = result if isinstance(result, DataAccessResult) else ActionResult(result)
    return known.name.lower().replace("_", "-")


_REFUSALS = [result_in_words(one) for one in DataAccessResult if one != DataAccessResult.SUCCESS]
Refusal = Annotated[str, AfterValidator(_known_refusal), WithJsonSchema({"enum": _REFUSALS})]
"""The name of a data-access-result."""
