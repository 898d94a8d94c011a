# SPDX-License-Identifier: MIT
"""Why a meter gives no result code of DLMS at all, beside those codes; and either in words."""

from __future__ import annotations

from enum import IntEnum

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


def result_in_words(result: int) -> str:
    """Of silence, a data-access-result, or an action-result: those that stand for a refusal share their numbers."""
    if result < 0:
        return _WORDS[Silence(result)]
    known = result if isinstance(result, DataAccessResult) else ActionResult(result)
    return known.name.lower().replace("_", "-")
