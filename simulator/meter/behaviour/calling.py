# SPDX-License-Identifier: MIT
"""What clients do with an Auto connect object (class 29, Blue Book 4.7.6). What a meter could not follow is refused.

The calling is the fleet's, which looks at the attributes after each change.
"""

from __future__ import annotations

from typing import Any

from simulator.meter.calling import DESTINATIONS, MODE, MOST_DESTINATIONS, Mode, destinations_of, head_of, rules_of
from simulator.meter.change import Answer, Change, Meter, plain_value
from simulator.wire.axdr import Data, encode
from simulator.wire.codes import ActionResult, DataAccessResult

_MODES = frozenset(map(int, Mode))


async def set_rules(meter: Meter, key: bytes, value: Data) -> Answer:
    if key[:8] != head_of(meter.cohort.model) or not _is_followed(meter, key[8], plain_value(value)):
        return DataAccessResult.OTHER_REASON
    return Change(attributes={key: encode(value)})


def _is_followed(meter: Meter, index: int, value: Any) -> bool:
    if index == MODE:
        return value in _MODES
    if index == DESTINATIONS:
        most = max(MOST_DESTINATIONS, len(meter.cohort.around.destinations))
        return len(destinations_of(value)) == len(value) <= most
    return True


async def connect(meter: Meter, key: bytes, parameter: Data) -> Answer:
    """Begins to connect according to the mode; refused where the mode, the window or an empty list forbids it."""
    is_ours = key[:8] == head_of(meter.cohort.model)
    if not is_ours or not rules_of(meter.cohort, meter.row).obeys_connect(meter.local_s):
        return ActionResult.OTHER_REASON
    meter.cohort.around.connect(meter.cohort, meter.row)
    return Change()
