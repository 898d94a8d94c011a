# SPDX-License-Identifier: MIT
"""What a SET or an ACTION on each interface class does, in two tables: a new behaviour is a function and a line here.

What is in neither table is a plain setting, written as it comes, or a method that the meter refuses.
"""

from __future__ import annotations

from collections.abc import Mapping

from simulator.meter.behaviour import (
    calling,
    clock,
    image,
    limiter,
    lists,
    profile,
    pushing,
    registers,
    relay,
    schedule,
    scripts,
    status_word,
    tariffs,
)
from simulator.meter.behaviour.regime import CAPTURE_PERIOD
from simulator.meter.change import Answer, Change, Hook, Meter, Timer
from simulator.meter.events import METERING_MODE, STATUS_FILTER
from simulator.meter.status import FILTER, WORD
from simulator.values import attribute_key, parse_obis
from simulator.wire.axdr import Data, encode
from simulator.wire.codes import ActionResult, DataAccessResult

Place = tuple[int, int]  # class id, attribute or method index


async def _keep(meter: Meter, key: bytes, value: Data) -> Answer:
    """A plain setting that timers look at: they must look anew."""
    return Change(attributes={key: encode(value)})


def _logged(event: int) -> Hook:
    """A plain setting whose change is an event."""

    async def keep(meter: Meter, key: bytes, value: Data) -> Answer:
        return Change(attributes={key: encode(value)}, events=(event,))

    return keep


WRITES: Mapping[Place, Hook] = {
    (7, 3): profile.set_capture_objects,
    (7, 4): profile.set_period,
    (8, 2): clock.set_time,
    (11, 2): tariffs.set_special_days,
    (20, 6): tariffs.set_passive,
    (20, 7): tariffs.set_passive,
    (20, 8): tariffs.set_passive,
    (20, 9): tariffs.set_passive,
    (20, 10): tariffs.set_activation_time,
    (21, 2): _keep,
    (21, 3): _keep,
    (21, 4): _keep,
    (9, 2): _keep,
    (22, 2): schedule.set_script,
    (22, 4): schedule.set_execution_time,
    **{(29, index): calling.set_rules for index in range(2, 7)},
    **{(40, index): pushing.set_setup for index in range(2, 14)},
    (70, 4): relay.set_control_mode,
    (71, 2): _keep,
    (71, 4): limiter.set_normal,
    (71, 5): limiter.set_emergency,
    (71, 6): limiter.set_duration,
    (71, 7): limiter.set_duration,
    (71, 8): limiter.set_emergency_profile,
    (71, 9): _keep,
    (71, 11): _keep,
}
WRITES_OF_DATA: Mapping[bytes, Hook] = {  # objects of class 1 that mean more than their value
    CAPTURE_PERIOD: profile.set_period,
    profile.DEMAND_INTEGRATION: profile.set_period,
    WORD: status_word.clear,
    FILTER: _logged(STATUS_FILTER),
    attribute_key(1, parse_obis("0.0.94.96.19.255"), 2): _logged(METERING_MODE),
}
ACTS: Mapping[Place, Hook] = {
    (3, 1): registers.reset,
    (4, 1): registers.reset,
    (5, 1): registers.reset_demand,
    (5, 2): registers.next_period,
    (7, 1): profile.reset,
    (7, 2): profile.capture,
    (8, 1): clock.adjust_to_quarter,
    (8, 2): clock.adjust_to_measuring_period,
    (8, 3): clock.adjust_to_minute,
    (8, 4): clock.adjust_to_preset_time,
    (8, 5): clock.preset_adjusting_time,
    (8, 6): clock.shift_time,
    (9, 1): scripts.execute,
    (11, 1): tariffs.insert_special_day,
    (11, 2): tariffs.delete_special_day,
    (17, 1): lists.connect_logical_device,
    (18, 1): image.initiate,
    (18, 2): image.transfer_block,
    (18, 3): image.verify,
    (18, 4): image.activate,
    (20, 1): tariffs.activate,
    (29, 1): calling.connect,
    (40, 1): pushing.push,
    (40, 2): pushing.reset,
    (42, 1): lists.add_multicast,
    (42, 2): lists.delete_multicast,
    (42, 3): lists.count_multicast,
    (48, 1): lists.add_ipv6,
    (48, 2): lists.remove_ipv6,
    (70, 1): relay.remote_disconnect,
    (70, 2): relay.remote_reconnect,
}
TIMERS: tuple[Timer, ...] = (
    tariffs.TIMER,
    schedule.TIMER,
    image.TIMER,
    limiter.EMERGENCY_TIMER,
    limiter.LIMIT_TIMER,
    limiter.MONITOR_TIMER,
)


def write_hook(key: bytes) -> Hook | None:
    return WRITES_OF_DATA.get(key) or WRITES.get(place_of(key))


def act_hook(key: bytes) -> Hook | None:
    return ACTS.get(place_of(key))


def place_of(key: bytes) -> Place:
    return int.from_bytes(key[:2], "big"), key[8]


async def written(meter: Meter, key: bytes, value: Data) -> Answer:
    """Do what a write means, at once."""
    hook = write_hook(key)
    return DataAccessResult.OTHER_REASON if hook is None else await _concluded(meter, await hook(meter, key, value))


async def acted(meter: Meter, key: bytes, parameter: Data) -> Answer:
    """Do what a method means, at once."""
    hook = act_hook(key)
    return ActionResult.OTHER_REASON if hook is None else await _concluded(meter, await hook(meter, key, parameter))


async def _concluded(meter: Meter, answer: Answer) -> Answer:
    change = answer[0] if isinstance(answer, tuple) else answer
    if isinstance(change, Change) and not change.is_empty:
        await meter.apply(change)
    return answer
