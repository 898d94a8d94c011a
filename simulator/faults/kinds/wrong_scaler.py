# SPDX-License-Identifier: MIT
"""Registers tell a scaler that is off by so many powers of ten (Blue Book 4.3.2: scaler_unit)."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.faults.fault import Fault, Peek
from simulator.ports import GetItem

_SCALER_UNITS = {(b"\0\3", 3), (b"\0\4", 3), (b"\0\5", 4)}  # register, extended register, demand register
_SCALER = b"\x02\x02\x0f"  # a structure of two, of which the first is an integer


@dataclass(frozen=True, slots=True)
class WrongScaler(Fault):
    wrong_scaler: int

    def change(self, item: GetItem, value: bytes, peek: Peek) -> bytes | None:
        if (item.attribute[:2], item.attribute[8]) not in _SCALER_UNITS or not value.startswith(_SCALER):
            return None
        scaler = int.from_bytes(value[3:4], "big", signed=True) + self.wrong_scaler
        return value[:3] + min(max(scaler, -128), 127).to_bytes(1, "big", signed=True) + value[4:]
