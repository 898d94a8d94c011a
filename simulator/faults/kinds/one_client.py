# SPDX-License-Identifier: MIT
"""One connection at a time: whoever calls while it is open is reset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from simulator.faults.fault import Fault, Roll


@dataclass(frozen=True, slots=True)
class OneClient(Fault):
    one_client: Literal[True]

    def admits(self, others: Callable[[], int], roll: Roll) -> bool:
        return not others()
