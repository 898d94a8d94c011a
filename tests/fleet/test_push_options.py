# SPDX-License-Identifier: MIT
"""What `--push` says, and the names of push setups."""

from __future__ import annotations

import pytest

from simulator.cosem.compiler import compile_model
from simulator.errors import UserError
from simulator.fleet.push_options import parse_push
from simulator.meter.push.setup import setup_objects
from simulator.scenario.values import SETUPS
from simulator.values import parse_obis


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("10.0.0.5", "10.0.0.5:4061"),  # where `meterfleet listen` is
        ("10.0.0.5:4059,udp", "10.0.0.5:4059"),
        ("fd00::1", "[fd00::1]:4061"),
        ("[fd00::1]:4070", "[fd00::1]:4070"),
        ("head-end,confirmed", "head-end:4061"),
        ("line", ""),  # the meters' own, which has no address
        ("line,hdlc,security=0", ""),
    ],
)
def test_a_destination_always_has_a_port(text: str, told: str) -> None:
    assert parse_push(text, None).destination == told


@pytest.mark.parametrize("text", ["", ":4061", "10.0.0.5:", "10.0.0.5:99999"])
def test_what_is_no_destination_is_told(text: str) -> None:
    with pytest.raises(UserError, match=r"is no destination; write for example 127\.0\.0\.1:4061"):
        parse_push(text, None)


@pytest.mark.parametrize("text", ["line,tcp", "line,udp", "line,confirmed", "line,udp,hdlc"])
def test_along_a_line_meters_push_in_hdlc_and_nobody_confirms(text: str) -> None:
    with pytest.raises(UserError, match="along their serial lines"):
        parse_push(text, None)


@pytest.mark.parametrize("name", ["is15959-1ph", "is15959-3ph", "is15959-ct"])
def test_the_names_of_push_setups_are_those_of_the_models(name: str) -> None:
    model = compile_model(name)
    assert {parse_obis(setup) for setup in SETUPS.values()} == set(setup_objects(model))
    assert model.spec.pushes is not None
    assert model.spec.pushes.setups().items() <= SETUPS.items()
