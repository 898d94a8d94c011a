# SPDX-License-Identifier: MIT
"""The kinds of steps. A new kind is a class in one of these files and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from simulator.scenario.step import Entry
from simulator.scenario.steps.clocks import ClockDrift, ClockJump
from simulator.scenario.steps.events import Event, Tamper
from simulator.scenario.steps.links import Link
from simulator.scenario.steps.meters import Act, BillingReset, Relay, Write
from simulator.scenario.steps.programmes import Firmware, KeyChange, Tariff
from simulator.scenario.steps.pushes import Push
from simulator.scenario.steps.replacement import Replace
from simulator.scenario.steps.store import Log, Sql
from simulator.scenario.steps.supply import Load, Outage, PhaseLoss, Restore, Theft, Voltage

_KINDS: tuple[type[Entry], ...] = (
    Act,
    BillingReset,
    ClockDrift,
    ClockJump,
    Event,
    Firmware,
    KeyChange,
    Link,
    Load,
    Log,
    Outage,
    PhaseLoss,
    Push,
    Relay,
    Replace,
    Restore,
    Sql,
    Tamper,
    Tariff,
    Theft,
    Voltage,
    Write,
)


def kind_of(kind: type[Entry]) -> str:
    """The word after `do:`."""
    return str(get_args(kind.model_fields["do"].annotation)[0])


STEPS: Mapping[str, type[Entry]] = {kind_of(kind): kind for kind in _KINDS}
