# SPDX-License-Identifier: MIT
"""Disconnect control (class 70, Blue Book 4.5.8): the relay in its seven control modes.

Disconnected, a meter consumes nothing and its voltage remains. The energy of the running block is settled exactly at
the instant of the change: what flowed before it is carried in the columns until the block is captured.
"""

from __future__ import annotations

from dataclasses import replace
from enum import IntEnum

import numpy as np

from simulator.meter.change import PRIVATE, Answer, Change, Meter, objects_of, sibling
from simulator.meter.columns import Ints
from simulator.meter.events import CONNECTED, DISCONNECTED, LIMIT_DISABLED, LIMIT_ENABLED, OVERLOAD_ENDED
from simulator.meter.supplied import changed_supply
from simulator.wire.axdr import Data
from simulator.wire.codes import ActionResult, DataAccessResult

_CLASS, _LIMITER = 70, 71
CONTROL_MODE = 4
TRIPPED, _NOT_TRIPPED = b"\x03\x01", b"\x03\x00"


class State(IntEnum):
    DISCONNECTED = 0
    CONNECTED = 1
    READY = 2  # for reconnection


# Blue Book 4.5.8: transitions by control mode; (from, to) states for each who may ask.
_OFF = {State.CONNECTED: State.DISCONNECTED, State.READY: State.DISCONNECTED}  # b and c
_ON, _READY = {State.DISCONNECTED: State.CONNECTED}, {State.DISCONNECTED: State.READY}  # a, d
_BY_HAND, _AWAITED = {State.READY: State.CONNECTED}, {State.CONNECTED: State.READY}  # e or h, f or g
Moves = dict[State, State]
_NEVER: Moves = {}
_REMOTE_ON: tuple[Moves, ...] = (_NEVER, _READY, _ON, _READY, _ON, _READY, _READY)
_MANUAL_OFF: tuple[Moves, ...] = (_NEVER, _AWAITED, _AWAITED, _NEVER, _NEVER, _AWAITED, _NEVER)
_LOCAL_ON: tuple[Moves, ...] = (*[_NEVER] * 5, _BY_HAND, _BY_HAND)
LAST_MODE = 6


async def remote_disconnect(meter: Meter, key: bytes, parameter: Data) -> Answer:
    mode = meter.value(sibling(key, CONTROL_MODE))
    return move(meter, (_AWAITED if meter.local else _OFF) if mode else _NEVER, goal=False)


async def remote_reconnect(meter: Meter, key: bytes, parameter: Data) -> Answer:
    mode = meter.value(sibling(key, CONTROL_MODE))
    return move(meter, _LOCAL_ON[mode] if meter.local else _REMOTE_ON[mode], goal=True)


async def press_button(meter: Meter, key: bytes, *, connect: bool) -> Answer:
    """What the consumer can do at the meter itself."""
    mode = meter.value(sibling(key, CONTROL_MODE))
    return move(meter, (_BY_HAND if mode else _NEVER) if connect else _MANUAL_OFF[mode], goal=connect)


async def set_control_mode(meter: Meter, key: bytes, value: Data) -> Answer:
    """Mode 0 takes the switch out of service, and with it the load limit function (IS 15959: 159, 160)."""
    if value.value > LAST_MODE:
        return DataAccessResult.OTHER_REASON
    attributes, was_off = {key: bytes((value.tag, value.value))}, not meter.value(key)
    events = () if (value.value == 0) == was_off else (LIMIT_ENABLED if was_off else LIMIT_DISABLED,)
    if value.value == 0 and not meter.number("output"):  # the output is always closed
        closed = switched(meter, State.CONNECTED)
        return replace(closed, attributes={**closed.attributes, **attributes}, events=(*closed.events, *events))
    return Change(attributes=attributes, events=events)


def may_reconnect_locally(meter: Meter) -> bool:
    """Whether the meter itself could close its relay now."""
    modes = [meter.value(head + bytes((CONTROL_MODE,))) for head in objects_of(meter.cohort.model, _CLASS)]
    return meter.number("control_state") == State.READY and any(_LOCAL_ON[mode] for mode in modes)


def move(meter: Meter, moves: Moves, *, goal: bool) -> Answer:
    """A transition; what is already as it was asked for is a success that changes nothing."""
    state = State(meter.number("control_state"))
    if state in moves:
        return switched(meter, moves[state])
    reached = (State.CONNECTED, State.READY) if goal else (State.DISCONNECTED,)
    return Change() if moves and state in reached else ActionResult.OTHER_REASON


def switched(meter: Meter, state: State) -> Change:
    """The change to a control state, with what the running block must remember of the time before."""
    before, after = meter.number("output"), int(state == State.CONNECTED)
    columns: dict[str, Ints | int] = {"control_state": int(state), "relay_ms": meter.instant_ms}
    if before == after:
        return Change(columns=columns)
    columns |= _output(meter, after)
    if not after:
        return Change(columns=columns, events=(DISCONNECTED,))
    over = dict.fromkeys(limiters_tripped(meter), _NOT_TRIPPED)
    return Change(columns=columns, attributes=over, events=(CONNECTED, OVERLOAD_ENDED) if over else (CONNECTED,))


def limiters_tripped(meter: Meter) -> list[bytes]:
    """What limiters remember, where one has opened the switch because of an overload."""
    keys = [head + bytes((PRIVATE,)) for head in objects_of(meter.cohort.model, _LIMITER)]
    return [key for key in keys if meter.encoded(key) == TRIPPED]


def _output(meter: Meter, closed: int) -> dict[str, Ints | int]:
    change = changed_supply(meter.cohort, np.array([meter.row]), meter.instant_ms, {"output": closed})
    return {name: value if isinstance(value, int) else value[..., 0] for name, value in change.items()}
