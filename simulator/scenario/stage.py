# SPDX-License-Identifier: MIT
"""What steps and expectations act on: a running fleet, as few words as they need of it."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path

from simulator.cosem.model import Model, Setting
from simulator.fleet.listen import Place
from simulator.fleet.runner import Fleet
from simulator.fleet.selection import parts_of
from simulator.meter.behaviour import story
from simulator.meter.behaviour.registry import act_hook, write_hook
from simulator.meter.change import result_of
from simulator.meter.cohort import Cohort
from simulator.meter.columns import Ints
from simulator.meter.device import Device
from simulator.ports import ActAnswer, ActItem, GetAnswer, GetItem, SetItem
from simulator.scenario.calling import place_to_call
from simulator.scenario.fitting import attribute_of
from simulator.scenario.selecting import Numbers, Residents
from simulator.scenario.silence import Silence
from simulator.scenario.values import Target
from simulator.values import attribute_key
from simulator.wire.axdr import Data
from simulator.wire.codes import ActionResult, DataAccessResult

_UNDEFINED = DataAccessResult.OBJECT_UNDEFINED


@dataclass(frozen=True, slots=True)
class Stage:
    fleet: Fleet
    residents: Residents
    folder: Path  # of the scenario's file: where its other files are

    @property
    def now_ms(self) -> int:
        return self.fleet.clock.now_ms()

    def parts(self, numbers: Numbers) -> list[tuple[Cohort, Ints]]:
        return parts_of(self.fleet.cohorts, numbers.tolist())

    def device(self, number: int) -> Device:
        return self.fleet.device(number)

    # -- one meter, as a client or as the meter itself ------------------------------------------------------------

    def silence(self, number: int, client: int | None) -> Silence | None:
        """Why whoever asks a meter as a client, or None past all access rights, is not heard; None: it listens."""
        device = self.device(number)
        if device.is_dark:
            return Silence.NO_POWER
        is_known = client is None or client in device.cohort.model.views
        return None if is_known else Silence.NO_SUCH_CLIENT

    async def read(self, number: int, client: int, target: Target) -> GetAnswer | Silence:
        """What a client of the meter would be told."""
        if (silence := self.silence(number, client)) is not None:
            return silence
        device = self.device(number)
        if (key := _key(device.cohort.model, target)) is None:
            return _UNDEFINED
        answer = device.get(client, GetItem(key, None))
        return await answer if inspect.isawaitable(answer) else answer

    def call(self, number: int, target: Target) -> tuple[Place, bytes] | None:
        """Where a meter is called, and the attribute; None if it cannot be."""
        place = place_to_call(self.fleet.listeners.listens, number)
        key = _key(self.device(number).cohort.model, target)
        return None if place is None or key is None else (place, key)

    async def write(self, number: int, target: Target, value: Data, client: int | None) -> int:
        """A result code or silence; without a client no access right is asked for."""
        if (silence := self.silence(number, client)) is not None:
            return silence
        device = self.device(number)
        key = _key(device.cohort.model, target)
        if key is None:
            return _UNDEFINED
        if client is not None:
            answer = device.set(client, SetItem(key, None, value))
            return await answer if inspect.isawaitable(answer) else answer
        return await _override(device, key, value)

    async def act(self, number: int, target: Target, parameter: Data, client: int | None) -> int:
        if (silence := self.silence(number, client)) is not None:
            return silence
        device = self.device(number)
        key = _key(device.cohort.model, target)
        if key is None:
            return _UNDEFINED
        if client is not None:
            answer = device.act(client, ActItem(key, parameter))
            told: ActAnswer = await answer if inspect.isawaitable(answer) else answer
            return told.result
        if act_hook(key) is None:
            return ActionResult.OTHER_REASON
        return result_of(await story.act(device.cohort, device.row, key, parameter))


async def _override(device: Device, key: bytes, value: Data) -> int:
    attribute = attribute_of(device.cohort.model, key)
    if attribute is None:
        return _UNDEFINED
    if not attribute.type.matches(value):
        return DataAccessResult.TYPE_UNMATCHED
    if write_hook(key) is not None:
        return result_of(await story.set_attribute(device.cohort, device.row, key, value))
    if not isinstance(attribute.source, Setting):
        return DataAccessResult.OTHER_REASON  # what the meter measures takes no value from outside
    return await device.write(key, value)


def _key(model: Model, target: Target) -> bytes | None:
    """The nine octets of an attribute or method; None if the model has no such object."""
    class_id = model.class_of.get(target.logical_name)
    return None if class_id is None else attribute_key(class_id, target.logical_name, target.index)
