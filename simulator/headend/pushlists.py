# SPDX-License-Identifier: GPL-2.0-only
"""What meters push, as they have told it themselves: object lists of their push setups, and scalers of their registers.

Workers write it down and the listener asks, each from a thread of its own. It reads no meter and opens no database.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from simulator.headend.notifications import Label
from simulator.headend.objects import REGISTERS
from simulator.headend.options import NAMES
from simulator.headend.profiles import Column
from simulator.headend.scales import Register
from simulator.headend.values import PLAIN, ScalerUnit

PROFILES = {
    "0.0.25.9.0.255": NAMES["instantaneous"],
    "0.5.25.9.0.255": NAMES["block"],
    "0.6.25.9.0.255": NAMES["daily"],
}
"""Push setups whose values are filed, and the profile whose rows they are."""
Reference = tuple[int, str, int]
"""Class, OBIS code and attribute."""


class PushLists:
    """`lists` by serial number and push setup, as the tables have them from before."""

    def __init__(self, lists: Mapping[tuple[str, str], Sequence[Reference]], names: Mapping[str, str]) -> None:
        self._lists = {key: tuple(listed) for key, listed in lists.items()}
        self._names = names
        self._scales: dict[str, dict[Register, ScalerUnit]] = defaultdict(dict)

    def configured(self, serial: str, setups: Mapping[str, Mapping[str, Any]]) -> None:
        """As `configured.read_configuration` has them."""
        for obis, setup in setups.items():
            self._lists[serial, obis] = tuple((row[0], row[1], row[2]) for row in setup["objects"])

    def scaled(self, serial: str, columns: Iterable[Column]) -> None:
        """As they were read with a profile."""
        found = {one.register: ScalerUnit(one.scaler, one.unit) for one in columns if one.register}
        self._scales[serial] |= found

    def told(self, serial: str, scales: Mapping[Register, ScalerUnit]) -> None:
        self._scales[serial] |= scales

    def columns(self, serial: str, setup: str) -> list[Column]:
        """The list as columns of a profile, of which no scaler is known."""
        listed = self._lists.get((serial, setup), ())
        return [Column("", obis, class_id, attribute) for class_id, obis, attribute in listed]

    def unscaled(self, serial: str) -> list[str]:
        """Push setups whose list is known and whose scalers are not: what was read before this head-end was started."""
        return [setup for setup in PROFILES if (serial, setup) in self._lists and not self.labels(serial, setup)]

    def labels(self, serial: str, setup: str) -> Sequence[Label]:
        """Empty, as of a list that is not known, if one scaler is not: the value would be wrong by powers of ten."""
        listed = self._lists.get((serial, setup), ())
        found = [(one, self._scale(serial, one)) for one in listed]
        if any(scale is None for _, scale in found):
            return ()
        return [Label(*one, self._names.get(one[1], ""), scale or PLAIN) for one, scale in found]

    def _scale(self, serial: str, reference: Reference) -> ScalerUnit | None:
        class_id, obis, attribute = reference
        if class_id not in REGISTERS or attribute != 2:
            return PLAIN
        return self._scales.get(serial, {}).get((class_id, obis))
