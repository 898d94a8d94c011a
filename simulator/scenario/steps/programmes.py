# SPDX-License-Identifier: MIT
"""Steps that take a head-end several calls: firmware, keys, a tariff."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from simulator.cosem.model import Model
from simulator.cosem.spec import TariffStep
from simulator.meter.behaviour.image import sealed
from simulator.meter.device import Device
from simulator.meter.identity import key_of
from simulator.scenario.fitting import Unfit, without_client
from simulator.scenario.selecting import Numbers
from simulator.scenario.silence import Silence
from simulator.scenario.stage import Stage
from simulator.scenario.step import Outcome, Step, each
from simulator.scenario.values import Target, parse_data
from simulator.values import parse_obis
from simulator.wire.axdr import Data
from simulator.wire.ciphering import wrap
from simulator.wire.codes import ActionResult, Tag

_UTILITY, _UPGRADE = 48, 80
_IMAGE, _CALENDAR, _TARIFF_SCRIPTS = (
    parse_obis(text) for text in ("0.0.44.0.0.255", "0.0.13.0.0.255", "0.0.10.0.100.255")
)
_INITIATE, _BLOCK, _VERIFY, _ACTIVATE = range(1, 5)
_ZERO = parse_data("integer:0")
_KEY_IDS = {"ek": 0, "bk": 1, "ak": 2}
_PASSIVE_NAME, _PASSIVE_DAYS = 6, 9


class Firmware(Step):
    """An image is transferred, verified and activated, block by block as client 80; half a minute later it runs."""

    do: Literal["firmware"]
    version: str = Field(min_length=1, max_length=32, description="the image's identifier, which becomes the version")
    size: int = Field(default=600, ge=64, le=65_536, description="octets")
    corrupt: bool = Field(default=False, description="the signature is wrong, so that meters refuse to activate it")

    async def begin(self, stage: Stage, numbers: Numbers, level: float) -> Outcome:
        image = sealed(self.version.encode().ljust(self.size - 32, b"."))
        if self.corrupt:
            image = bytes((image[0] ^ 1, *image[1:]))
        return await each(numbers, lambda number: self._install(stage, number, image))

    async def _install(self, stage: Stage, number: int, image: bytes) -> int:
        size = len(image)
        start = Data(
            Tag.STRUCTURE, (Data(Tag.OCTET_STRING, self.version.encode()), Data(Tag.DOUBLE_LONG_UNSIGNED, size))
        )
        block = await self._block_size(stage, number)
        blocks = [
            (_BLOCK, Data(Tag.STRUCTURE, (Data(Tag.DOUBLE_LONG_UNSIGNED, at // block), Data(Tag.OCTET_STRING, part))))
            for at in range(0, size, block)
            for part in (image[at : at + block],)
        ]
        for method, parameter in ((_INITIATE, start), *blocks, (_VERIFY, _ZERO)):
            if result := await stage.act(number, Target(_IMAGE, method), parameter, _UPGRADE):
                return result
        result = await stage.act(number, Target(_IMAGE, _ACTIVATE), _ZERO, _UPGRADE)
        return 0 if result == ActionResult.TEMPORARY_FAILURE else result  # it is being done

    async def _block_size(self, stage: Stage, number: int) -> int:
        answer = await stage.read(number, _UPGRADE, Target(_IMAGE, 2))
        return int.from_bytes(answer[1:], "big") if isinstance(answer, bytes) else self.size


class KeyChange(Step):
    """New keys that follow from the seed and `generation`, as a head-end transfers them; the inventory shows them."""

    do: Literal["key_change"]
    keys: list[Literal["ek", "bk", "ak"]] = Field(default=["ek", "ak"], min_length=1)
    client: int = Field(_UTILITY, ge=1, le=127, description="whose security setup")
    generation: int = Field(default=1, ge=1, le=999, description="another number, other keys")

    def unfit(self, model: Model) -> Unfit | None:
        unknown = without_client(model, "client", self.client)
        if unknown is None and model.spec.clients[self.client].security_setup is None:
            return Unfit("client", f"has no keys of client {self.client}")
        return unknown

    async def begin(self, stage: Stage, numbers: Numbers, level: float) -> Outcome:
        return await each(numbers, lambda number: self._change(stage, number))

    async def _change(self, stage: Stage, number: int) -> int:
        device = stage.device(number)
        spec = device.cohort.model.spec.clients.get(self.client)
        if spec is None or spec.security_setup is None:
            return Silence.NO_SUCH_CLIENT if spec is None else ActionResult.OBJECT_UNDEFINED
        transfer = Target(parse_obis(spec.security_setup), 2)
        return await stage.act(number, transfer, self._wrapped(device), _UTILITY)

    def _wrapped(self, device: Device) -> Data:
        identity = device.cohort.identities[device.row]
        master = key_of(identity, device.cohort.vault.given(device.row), self.client, "master")
        items = []
        for name in self.keys:
            key = wrap(master, identity.key(f"{name}{self.client}/{self.generation}"))
            items.append(Data(Tag.STRUCTURE, (Data(Tag.ENUM, _KEY_IDS[name]), Data(Tag.OCTET_STRING, key))))
        return Data(Tag.ARRAY, tuple(items))


class Tariff(Step):
    """A new day of tariff zones for every day: written as the passive calendar and activated."""

    do: Literal["tariff"]
    name: str = Field(max_length=8)
    zones: list[TariffStep] = Field(min_length=1, description="from when on which zone: {start: '18:00', zone: 2}")

    @field_validator("zones")
    @classmethod
    def _from_midnight(cls, zones: list[TariffStep]) -> list[TariffStep]:
        if min(zone.quarter for zone in zones):
            raise ValueError("the first zone starts at 00:00")
        return zones

    async def begin(self, stage: Stage, numbers: Numbers, level: float) -> Outcome:
        return await each(numbers, lambda number: self._activate(stage, number))

    async def _activate(self, stage: Stage, number: int) -> int:
        for index, value in ((_PASSIVE_NAME, self._name), (_PASSIVE_DAYS, self._days)):
            if result := await stage.write(number, Target(_CALENDAR, index), value, _UTILITY):
                return result
        return await stage.act(number, Target(_CALENDAR, 1), _ZERO, _UTILITY)

    @property
    def _name(self) -> Data:
        return Data(Tag.OCTET_STRING, self.name.encode())

    @property
    def _days(self) -> Data:
        ordered = sorted(self.zones, key=lambda zone: zone.quarter)
        plan = tuple(_switch(zone) for zone in ordered)
        day = Data(Tag.STRUCTURE, (Data(Tag.UNSIGNED, 1), Data(Tag.ARRAY, plan)))
        return Data(Tag.ARRAY, (day,))


def _switch(zone: TariffStep) -> Data:
    minutes = zone.quarter * 15
    time = bytes((minutes // 60, minutes % 60, 0, 0))
    script = Data(Tag.OCTET_STRING, _TARIFF_SCRIPTS)
    return Data(Tag.STRUCTURE, (Data(Tag.OCTET_STRING, time), script, Data(Tag.LONG_UNSIGNED, zone.zone)))
