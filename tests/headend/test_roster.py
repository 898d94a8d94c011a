# SPDX-License-Identifier: GPL-2.0-only
"""Inventories from a file: what is wrong with one is told before anybody is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from simulator.commands.pushers import owners_in
from simulator.errors import UserError
from simulator.headend.options import parse_client
from simulator.headend.roster import known_meters, read_inventory_file

_METER: dict[str, Any] = {
    "serial": "9160000001", "host": "127.0.0.1", "port": 4059, "framing": "wrapper", "system_title": "4d464c00000001ff",
    "clients": [{"sap": 32, "password": "secret"}],
}  # fmt: skip


def written(folder: Path, *entries: Any) -> Path:
    path = folder / "meters.json"
    path.write_text(json.dumps(entries))
    return path


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({}, "meter 2: 'serial' is missing"),
        ("9160000002", "meter 2 is not as"),
        (_METER, "9160000001 is there 2 times"),
        (_METER | {"serial": "2", "clients": None}, "meter 2 is not as"),
        (_METER | {"serial": "2", "clients": [{"password": "secret"}]}, "meter 2: 'sap' is missing"),
        (_METER | {"serial": "2", "clients": [{"sap": 48, "ek": "secret"}]}, "meter 2 is not as"),
        (_METER | {"serial": "2", "system_title": 7}, "meter 2 is not as"),
        ({"serial": "2", "clients": []}, "meter 2: 'host' is missing"),
    ],
)
def test_a_line_that_nobody_could_use_is_told(tmp_path: Path, entry: Any, told: str) -> None:
    with pytest.raises(UserError) as caught:
        read_inventory_file(written(tmp_path, _METER, entry))
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("meters.csv", "", "{}: no meter in it"),
        ("meters.csv", "serial,host\n", "{}: no meter in it"),
        ("meters.json", "[]", "{}: no meter in it"),
        (
            "fleet.yaml",
            "# a fleet\nlisten: {a: 1, b: 2}\n",
            "{}:2: more cells than the 1 of the first line; an inventory",
        ),
        ("meters.csv", "serial,,host\n1,,a\n1,2,a,b\n", "{}:3: more cells than the 3 of the first line"),
        (
            "fleet.yaml",
            "fleet:\n  - meters\n",
            "{} is no inventory as `meterfleet inventory` prints it: 'serial' is missing",
        ),
    ],
)
def test_a_file_that_names_no_meters_is_told(tmp_path: Path, name: str, text: str, told: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        read_inventory_file(path)
    assert str(caught.value).startswith(told.format(path))


def test_a_meter_without_names_title_and_keys_can_be_read(tmp_path: Path) -> None:
    """By LLS; its pushes are known by what they say themselves."""
    nameless = {name: value for name, value in _METER.items() if name != "system_title"}
    entries = read_inventory_file(written(tmp_path, nameless))
    assert [meter.serial for meter in known_meters(entries, parse_client("mr"))] == ["9160000001"]
    assert owners_in(entries) == {}


def test_a_client_without_keys_cannot_be_the_one_that_ciphers(tmp_path: Path) -> None:
    entry = _METER | {"clients": [{"sap": 48, "secret": "00" * 16}]}
    with pytest.raises(UserError, match="no keys of client 48 for meter 9160000001"):
        known_meters(read_inventory_file(written(tmp_path, entry)), parse_client("us"))
