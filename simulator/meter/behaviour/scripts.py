# SPDX-License-Identifier: MIT
"""Script tables (class 9, Blue Book 4.5.2): what a script says is done in its order, until something refuses."""

from __future__ import annotations

from typing import Any

from simulator.meter.change import Answer, Change, Meter, result_of
from simulator.values import attribute_key
from simulator.wire.axdr import Data, decode_whole
from simulator.wire.codes import ActionResult

_SCRIPTS = 2
_WRITE, _EXECUTE = 1, 2
_TABLE_CLASS = 9


async def execute(meter: Meter, key: bytes, parameter: Data) -> Answer:
    return await run_script(meter, key[2:8], parameter.value)


async def run_script(meter: Meter, table: bytes, selector: int) -> Answer:
    """Script `selector` of a table; OBJECT_UNAVAILABLE if there is none. Each action is a change of its own."""
    actions = script_of(meter, table, selector)
    if actions is None:
        return ActionResult.OBJECT_UNAVAILABLE
    for action in actions:
        service, class_id, logical_name, index, parameter = action.value
        key = attribute_key(class_id.value, logical_name.value, index.value)
        answer = await (meter.write if service.value == _WRITE else meter.act)(meter, key, parameter)
        if result := result_of(answer):
            return ActionResult(result)
    return Change()


def script_of(meter: Meter, table: bytes, selector: int) -> tuple[Any, ...] | None:
    encoded = meter.encoded(attribute_key(_TABLE_CLASS, table, _SCRIPTS))
    scripts = decode_whole(encoded).value if encoded else ()
    return next((tuple(script.value[1].value) for script in scripts if script.value[0].value == selector), None)
