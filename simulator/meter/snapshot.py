# SPDX-License-Identifier: MIT
"""The measured values that an event log keeps with an entry, for many meters at once, as JSON of sim.event_logs.

The log's capture list says which (Blue Book 4.3.6); the keys are those that the profile's buffer reads them back by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from simulator.cosem.model import Profile, StoreCell
from simulator.meter.columns import Ints
from simulator.meter.rows import json_values
from simulator.meter.shown import Shown

if TYPE_CHECKING:
    from simulator.meter.cohort import Cohort

Texts = npt.NDArray[np.object_]


class Snapshots:
    """What `rows` of a cohort show at one instant; each value becomes text once, however many logs keep it."""

    def __init__(self, cohort: Cohort, rows: Ints, instant_ms: int) -> None:
        self._cohort, self._rows, self._instant_ms = cohort, rows, instant_ms
        self._shown: Shown = {}
        self._texts: dict[str, Texts] = {}

    def of(self, profile: Profile, places: Ints, counted: dict[str, Ints]) -> list[str]:
        """JSON of the meters at `places` among the rows; `counted` are the counters that have changed meanwhile."""
        cells = [
            (cell, quantity)
            for cell, quantity in zip(profile.cells, profile.quantities, strict=True)
            if cell is not None and not cell.column
        ]
        columns = [self._column(cell, quantity, places, counted) for cell, quantity in cells]
        heads = [f'"{cell.key}":' for cell, _ in cells]
        return ["{" + ",".join(map(str.__add__, heads, row)) + "}" for row in zip(*columns, strict=True)]

    def _column(self, cell: StoreCell, quantity: str, places: Ints, counted: dict[str, Ints]) -> list[str]:
        if quantity in counted:
            return json_values(quantity, counted[quantity][places], cell)
        if cell.key not in self._texts:
            self._shown = self._shown or self._cohort.shown_at(self._rows, self._instant_ms)
            self._texts[cell.key] = np.array(json_values(quantity, self._shown[quantity], cell), object)
        return list(self._texts[cell.key][places])
