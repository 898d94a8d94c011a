# SPDX-License-Identifier: GPL-2.0-only
"""Scalers and units of a meter's registers, asked for once each.

A register that will not tell has none: its numbers come as they are. One that only cannot tell now is ReadRefused, for
its numbers would be wrong by powers of ten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simulator.headend.failures import BrokenAnswer, ReadRefused, is_transient
from simulator.headend.gets import Gets
from simulator.headend.objects import PROFILE, Target
from simulator.headend.profiles import Column
from simulator.headend.values import PLAIN, UNITS, ScalerUnit
from simulator.wire.codes import DataAccessResult

Register = tuple[int, str]
"""Class id and OBIS code."""

# IS 15959: a scaler profile has one row, whose cells are the scaler_unit of the columns of its profile. Registers
# that exist only as columns (block energies) have theirs nowhere else.
SCALER_PROFILES = {
    "1.0.94.91.0.255": "1.0.94.91.3.255",
    "1.0.99.1.0.255": "1.0.94.91.4.255",
    "1.0.99.2.0.255": "1.0.94.91.5.255",
    "1.0.98.1.0.255": "1.0.94.91.6.255",
    **{f"0.0.99.98.{log}.255": "1.0.94.91.7.255" for log in range(7)},
}


class Scales:
    """What this session's meter has told of its registers so far."""

    def __init__(self, gets: Gets) -> None:
        self._gets = gets
        self._known: dict[Register, ScalerUnit] = {}

    def of(self, register: Register) -> ScalerUnit:
        if register not in self._known:
            self._ask([register])
        return self._known[register]

    def of_profile(self, obis: str, columns: Sequence[Column]) -> Mapping[Register, ScalerUnit]:
        """From the scaler profile where there is one, the rest register by register."""
        wanted = {column.register for column in columns if column.register}
        if wanted - self._known.keys() and obis in SCALER_PROFILES:
            self._ask_profile(SCALER_PROFILES[obis])
        self._ask(sorted(wanted - self._known.keys()))
        return self._known

    def _ask(self, registers: Sequence[Register]) -> None:
        answers = self._gets.many([(Target(*register), 3) for register in registers])
        for register, answer in zip(registers, answers, strict=True):
            if isinstance(answer, DataAccessResult) and is_transient(answer):
                raise ReadRefused(answer, f"{register[1]}:3")
            self._known[register] = PLAIN if isinstance(answer, DataAccessResult) else scaler_unit(answer.decoded)

    def _ask_profile(self, obis: str) -> None:
        profile = Target(PROFILE, obis)
        try:
            captured = self._gets.one(profile, 3).elements()
            rows = self._gets.one(profile, 2).elements()
        except ReadRefused as refused:
            if is_transient(refused.result):
                raise
            return  # not every meter has one, nor may every client read it
        for (class_id, name, *_), scale in zip(captured, rows[0] if rows else (), strict=False):
            if isinstance(scale, list):
                self._known[int(class_id), ".".join(str(group) for group in name)] = scaler_unit(scale)


def scaler_unit(decoded: Any) -> ScalerUnit:
    """scal_unit_type ::= structure (integer, enum) (Blue Book 4.3.2)."""
    try:
        scaler, unit = decoded
        return ScalerUnit(int(scaler), UNITS.get(int(unit), "" if unit == 255 else f"unit {int(unit)}"))
    except (TypeError, ValueError) as error:
        raise BrokenAnswer(f"{decoded!r} is no scaler and unit") from error
