# SPDX-License-Identifier: MIT
"""Registers tell a scaler that is off by so many powers of ten (Blue Book 4.3.2: scaler_unit), and so do the scaler
profiles in which IS 15959 has those of profiles' columns."""

from __future__ import annotations

import re
from dataclasses import dataclass

from simulator.faults.fault import Fault, Peek
from simulator.ports import GetItem

_SCALER_UNITS = {(b"\0\3", 3), (b"\0\4", 3), (b"\0\5", 4)}  # register, extended register, demand register
_SCALER_BUFFERS = {b"\0\7\1\0\x5e\x5b" + bytes((number, 0xFF, 2)) for number in range(3, 8)}  # 1.0.94.91.3.255 …
_SCALER = re.compile(rb"(\x02\x02\x0f)(.)(?=\x16)", re.DOTALL)  # a structure of an integer and an enum


@dataclass(frozen=True, slots=True)
class WrongScaler(Fault):
    wrong_scaler: int

    def change(self, item: GetItem, value: bytes, peek: Peek) -> bytes | None:
        is_buffer = item.attribute in _SCALER_BUFFERS
        if not is_buffer and (item.attribute[:2], item.attribute[8]) not in _SCALER_UNITS:
            return None
        return _SCALER.sub(self._shifted, value)

    def _shifted(self, found: re.Match[bytes]) -> bytes:
        scaler = int.from_bytes(found[2], "big", signed=True) + self.wrong_scaler
        return found[1] + min(max(scaler, -128), 127).to_bytes(1, "big", signed=True)
