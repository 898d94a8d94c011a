# SPDX-License-Identifier: GPL-2.0-only
"""Answers to confirmed pushes: DataNotificationConfirm in the form of the push (Green Book 9.3.10, 9.5).

And the troubles that a tester asks for, so that meters have to repeat. It sends nothing itself.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

from simulator.errors import UserError
from simulator.headend.unsealing import DATA_NOTIFICATION, Opened
from simulator.wire.ciphering import GENERAL_GLO, MAX_COUNTER, Envelope, Key, encode

CONFIRM = 0x10
CONFIRMED = 0x4000_0000  # service class, bit 30 of long-invoke-id-and-priority
_EPOCH_S = 1_704_067_200  # 2024-01-01: counters begin at the seconds since, and so grow over restarts
_INVOKE_ID = slice(1, 5)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a push is done to."""

    confirm: bool = True
    fail_first: int = 0  # so many pushes are not confirmed, and their connection is reset
    fail_share: float = 0.0  # or this share of all, evenly spread
    delay_s: float = 0.0  # before each confirmation

    def fails(self, number: int) -> bool:
        """Of the push of that number, from 0."""
        share = self.fail_share
        return number < self.fail_first or int((number + 1) * share) > int(number * share)


def parse_failures(text: str | None) -> tuple[int, float]:
    """``3``: the first three; ``0.25`` or ``25%``: a quarter of all."""
    try:
        if text is None:
            return 0, 0.0
        if text.isdecimal():
            return int(text), 0.0
        share = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise UserError(f"--fail {text}: write a number of pushes, or a share such as 0.25 or 25%")
    return 0, share


class Confirmer:
    """`title`: of the head-end. The one that is made up is new each time, so that no nonce comes twice."""

    def __init__(self, title: bytes | None = None) -> None:
        self.title = title or b"MFE" + secrets.token_bytes(5)
        self._counter = int(time.time()) - _EPOCH_S

    def answer(self, opened: Opened) -> bytes | None:
        """The APDU to send back; None if the push asks for none."""
        plain = opened.plain
        if len(plain) < 5 or plain[0] != DATA_NOTIFICATION or not _is_confirmed(plain):
            return None
        confirm = bytes((CONFIRM,)) + plain[_INVOKE_ID] + b"\x00"  # no date-time
        if opened.key is None:
            return confirm
        self._counter = (self._counter + 1) & MAX_COUNTER
        key = Key(opened.key.ek, opened.key.ak)
        text = key.protect(opened.control, self.title, self._counter, confirm)
        return encode(Envelope(GENERAL_GLO, self.title, opened.control, self._counter, text))


def _is_confirmed(plain: bytes) -> bool:
    return bool(int.from_bytes(plain[_INVOKE_ID], "big") & CONFIRMED)
