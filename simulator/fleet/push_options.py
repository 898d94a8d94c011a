# SPDX-License-Identifier: MIT
"""Where a run's meters push by default, and when: what `--push` and `--push-schedule` say.

They change the defaults of the models and nothing that identifies a fleet; what a client has set stays set.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from simulator.cosem.compiler import compile_model
from simulator.cosem.model import Model
from simulator.cosem.variants import with_defaults
from simulator.documents import did_you_mean
from simulator.errors import UserError
from simulator.meter.change import objects_of
from simulator.meter.guard import POLICY, SECURITY_SETUP
from simulator.meter.push.schedule import SCHEDULE, TIMES
from simulator.meter.push.setup import DESTINATION, LINE, PUSH_SETUP, Service, destination_of
from simulator.meter.push.times import SCHEDULE_TYPES, encoded_moments
from simulator.values import attribute_key, parse_obis
from simulator.wire.axdr import Data, encode
from simulator.wire.codes import Tag

_SERVICES = {"tcp": Service.TCP, "udp": Service.UDP, "hdlc": Service.HDLC}
_SECURITIES = {"0": 0, "10": 1, "20": 2, "30": 3}  # security control in hexadecimal -> security_policy
_WORDS = (*_SERVICES, "confirmed", *(f"security={control}" for control in _SECURITIES))
_A_XDR = 0
LISTEN_PORT = 4061  # where `meterfleet listen` is


@dataclass(frozen=True, slots=True)
class PushOptions:
    destination: str | None = None  # host:port, or "" for the meters' serial lines; None: the model's, that is nobody
    service: Service = Service.TCP
    is_confirmed: bool = False
    policy: int | None = None  # security_policy of the push association; None: the model's
    schedule: str | None = None  # type of the instant push's schedule; None: the model's

    @cache  # noqa: B019 - options live as long as their run
    def model(self, name: str) -> Model:
        """A model with these defaults."""
        model = compile_model(name)
        defaults = dict(self._defaults(model))
        return with_defaults(model, defaults) if defaults else model

    def _defaults(self, model: Model) -> Iterator[tuple[bytes, bytes]]:
        if self.destination is not None:
            for head in objects_of(model, PUSH_SETUP):
                parts = (Tag.ENUM, self.service), (Tag.OCTET_STRING, self.destination.encode()), (Tag.ENUM, _A_XDR)
                yield head + bytes((DESTINATION,)), encode(Data(Tag.STRUCTURE, tuple(Data(*part) for part in parts)))
        pushes = model.spec.pushes
        if pushes is not None and self.schedule is not None:
            key = attribute_key(SCHEDULE, parse_obis(pushes.schedule), TIMES)
            yield key, encoded_moments(SCHEDULE_TYPES[self.schedule])
        setup = model.spec.clients[pushes.client].security_setup if pushes is not None else None
        if setup is not None and self.policy is not None:
            yield attribute_key(SECURITY_SETUP, parse_obis(setup), POLICY), encode(Data(Tag.ENUM, self.policy))


def parse_push(text: str | None, schedule: str | None) -> PushOptions:
    """What `--push` and `--push-schedule` say; UserError says what is wrong."""
    if schedule is not None and schedule not in SCHEDULE_TYPES:
        raise UserError(f"--push-schedule {schedule}: {did_you_mean(schedule, list(SCHEDULE_TYPES))}")
    if text is None:
        return PushOptions(schedule=schedule)
    destination, *words = text.split(",")
    for word in words:
        if word not in _WORDS:
            raise UserError(f"--push {text}: {word!r} is not known; {did_you_mean(word, list(_WORDS))}")
    services = {_SERVICES[word] for word in words if word in _SERVICES}
    if services == {Service.UDP, Service.HDLC}:
        services = {Service.HDLC_UDP}
    controls = [word.removeprefix("security=") for word in words if word.startswith("security=")]
    if len(services) > 1 or len(controls) > 1:
        raise UserError(f"--push {text}: give one of {', '.join(_SERVICES)} or udp,hdlc, and one security")
    service = services.pop() if services else Service.HDLC if destination == LINE else Service.TCP
    if destination == LINE and (service is not Service.HDLC or "confirmed" in words):
        raise UserError(f"--push {text}: along their serial lines meters push in HDLC, and nobody confirms it there")
    found = destination_of(service, b"" if destination == LINE else destination.encode(), LISTEN_PORT)
    if found is None:
        raise UserError(
            f"--push {text}: {destination!r} is no destination; write for example 127.0.0.1:4061, or {LINE}"
        )
    policy = _SECURITIES[controls[0]] if controls else None
    return PushOptions("" if found.is_line else found.place, service, "confirmed" in words, policy, schedule)
