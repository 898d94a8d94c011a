# SPDX-License-Identifier: MIT
"""The shipped models against the facts that they are made from, and what a user's own model may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.cosem.compiler import compile_model
from simulator.cosem.model import Measured, Setting
from simulator.cosem.registry import load_registry
from simulator.cosem.spec import model_names
from simulator.errors import UserError
from simulator.values import format_obis
from simulator.wire.axdr import decode_whole
from simulator.wire.codes import Tag

D1 = "is15959-1ph"


def value_of(name: str, code: str) -> Setting | Measured:
    source = next(o for o in compile_model(name).objects if format_obis(o.logical_name) == code).attributes[1].source
    assert isinstance(source, Setting | Measured)
    return source


@pytest.mark.parametrize("name", model_names())
def test_every_readable_attribute_of_a_shipped_model_is_in_its_object_list(name: str) -> None:
    model = compile_model(name)
    for view in model.views.values():
        listed = set()
        for class_id, _, logical_name, rights in (element.value for element in decode_whole(view.object_list).value):
            head = class_id.value.to_bytes(2, "big") + logical_name.value
            listed |= {head + bytes((a.value[0].value,)) for a in rights.value[0].value if a.value[1].value & 1}
        assert listed == set(view.readable)


@pytest.mark.parametrize("name", model_names())
def test_every_object_is_in_the_registry_with_its_class(name: str) -> None:
    model = compile_model(name)
    registry = load_registry(model.spec.registry)
    for entry in model.objects:
        assert registry[format_obis(entry.logical_name)].class_id == entry.interface_class.class_id


def test_both_kinds_of_registers_by_one_switch() -> None:
    floating, whole = value_of(D1, "1.0.1.8.0.255"), value_of(f"{D1}-integer", "1.0.1.8.0.255")
    assert isinstance(floating, Measured)
    assert isinstance(whole, Measured)
    # A physical D1 meter showed float32 847.8488 with scaler 3 (kWh); another make counts Wh in double-long-unsigned.
    assert floating.encoding.encoder()(847_849).hex() == "174453f656"
    assert whole.encoding.encoder()(847_849).hex() == "06000cefe9"


def test_numbers_beyond_the_wire_type_stop_at_its_end() -> None:
    source = value_of(f"{D1}-integer", "1.0.12.7.0.255")
    assert isinstance(source, Measured)
    assert source.encoding.encoder()(70_000).hex() == "12ffff"
    assert source.encoding.encoder()(-1).hex() == "120000"


def test_capture_lists_have_the_columns_that_real_meters_showed() -> None:
    profiles = compile_model(D1).profiles
    counts = {code: len(profiles[code].columns) for code in ("1.0.94.91.0.255", "1.0.99.1.0.255", "1.0.99.2.0.255")}
    assert counts == {"1.0.94.91.0.255": 22, "1.0.99.1.0.255": 8, "1.0.99.2.0.255": 5}
    assert profiles["1.0.99.1.0.255"].depth == 3360
    assert len(profiles["0.0.94.91.10.255"].columns) == 8


def test_a_scaler_profile_repeats_the_scalers_of_its_columns() -> None:
    (row,) = decode_whole(compile_model(D1).profiles["1.0.94.91.4.255"].constant).value
    pairs = [(cell.value[0].value, cell.value[1].value) for cell in row.value]
    assert pairs == [(0, 35), (3, 30), (3, 31), (3, 30), (3, 31), (0, 33), (0, 33)]


def test_the_public_client_sees_little_and_writes_nothing() -> None:
    view = compile_model(D1).views[16]
    assert len(view.visible) < 15
    assert not view.writable
    assert not view.methods


def write(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text)
    return str(path)


def test_three_lines_make_a_new_model(tmp_path: Path) -> None:
    text = f"extends: {D1}\ntitle: A rooftop meter\nvalues: {{0.0.94.91.12.255: {{value: (5-30) A}}}}\n"
    model = compile_model(write(tmp_path, text))
    rating = next(o for o in model.objects if format_obis(o.logical_name) == "0.0.94.91.12.255").attributes[1].source
    assert isinstance(rating, Setting)
    assert rating.default == b"\x0a\x08(5-30) A"
    assert len(model.objects) == len(compile_model(D1).objects)


WITHOUT_FIRMWARE_CLIENT = f"""
extends: {D1}
clients: {{80: null}}
objects: {{association-fu: null}}
access:
  public: {{80: null}}
  clock: {{80: null}}
  image: {{80: null}}
  current-association: {{80: null}}
  association-fu: null
  security-fu: {{80: null}}
"""


def test_a_null_takes_a_key_away(tmp_path: Path) -> None:
    model = compile_model(write(tmp_path, WITHOUT_FIRMWARE_CLIENT))
    assert sorted(model.views) == [16, 32, 48, 64, 96]


def test_every_mistake_of_a_model_is_told_where_it_stands(tmp_path: Path) -> None:
    text = """extends: is15959-1ph
registers: flaot32
objects:
  metering: [1.0.1.99.0.255]
values:
  0.0.94.91.9.255: {vlaue: 6}
  0.0.96.99.0.255: {value: 1}
access:
  metering: {32: q}
"""
    with pytest.raises(UserError) as error:
        compile_model(write(tmp_path, text))
    told = [(m.line, m.message) for m in error.value.mistakes]
    assert sorted(line for line, _ in told) == [2, 4, 6, 7, 9]
    assert "did you mean value?" in next(words for line, words in told if line == 6)
    assert "did you mean float32" in told[0][1]
    assert "not in the registry" in told[1][1]


def test_a_value_of_the_wrong_type_is_told(tmp_path: Path) -> None:
    text = f"extends: {D1}\nvalues:\n  0.0.96.1.4.255: {{value: soon}}\n  0.0.94.91.9.255: {{vlaue: 6}}\n"
    with pytest.raises(UserError) as error:
        compile_model(write(tmp_path, text))
    assert [m.line for m in error.value.mistakes] == [3, 4]
    assert "whole number from 0 to 65535" in error.value.mistakes[0].message
    assert "did you mean value?" in error.value.mistakes[1].message


def test_extending_in_a_circle_is_told(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("extends: mine\n")
    with pytest.raises(UserError, match="in a circle"):
        compile_model(write(tmp_path, "extends: other\n"))


def test_a_date_time_setting_is_an_octet_string_of_twelve() -> None:
    source = value_of(D1, "0.0.94.96.22.255")
    assert isinstance(source, Setting)
    assert decode_whole(source.default).tag == Tag.OCTET_STRING


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("register_types:\n  mine: {30: [float32, 3]}\n", 3, "unit 255, for all other units, is missing"),
        ("register_types:\n  mine: {255: [visible-string, 0]}\n", 3, "not the type of a number"),
        ("clients:\n  32: {association: 0.0.40.0.9.255}\n", 3, "not among the model's objects"),
        ("clients:\n  32: {security_setup: here}\n", 3, "not a logical name"),
        ("class_defaults:\n  8: {clock_bass: 1}\n", 3, "did you mean clock_base"),
        ("profiles:\n  1.0.99.1.0.255: {table: blocks}\n", 3, "keeps no profile"),
        ("profiles:\n  1.0.99.1.0.255: {time: at}\n", 3, "the time of block_load_profile is capture_time"),
        ("profiles:\n  1.0.99.1.0.255: {capture: []}\n", 3, "at least one"),
        ("profiles:\n  0.0.94.91.10.255: {capture: [1.0.99.1.0.255]}\n", 3, "no column of another one"),
        ('profiles:\n  0.0.94.91.10.255: {capture: ["1.0.99.1.0.255:7"]}\n', 3, "no column of another one"),
        ("utc_offset_minutes: 337\n", 2, "a multiple of 15"),
    ],
)
def test_what_a_model_cannot_mean_is_told(tmp_path: Path, text: str, line: int, words: str) -> None:
    with pytest.raises(UserError) as error:
        compile_model(write(tmp_path, f"extends: {D1}\n{text}"))
    assert [(m.line, words in m.message) for m in error.value.mistakes] == [(line, True)]


def test_a_clock_says_the_time_zone_of_its_model(tmp_path: Path) -> None:
    """Blue Book 4.5.1: time_zone is UTC less local time, in minutes; no daylight saving is enabled."""
    for minutes, encoded in ((330, "10feb6"), (60, "10ffc4"), (-180, "1000b4")):
        path = tmp_path / f"zone{minutes}.yaml"
        path.write_text(f"extends: is15959-1ph\ntitle: zone {minutes}\nutc_offset_minutes: {minutes}\n")
        (clock,) = [entry for entry in compile_model(str(path)).objects if entry.interface_class.class_id == 8]
        told = {one.key[8]: one.source.default.hex() for one in clock.attributes if isinstance(one.source, Setting)}
        assert (told[3], told[8]) == (encoded, "0300")


def mistakes(folder: Path, text: str) -> list[str]:
    with pytest.raises(UserError) as error:
        compile_model(write(folder, text))
    return [f"{mistake.line}:{mistake.column} {mistake.message}" for mistake in error.value.mistakes]


def test_an_association_whose_client_is_taken_away_is_told_there(tmp_path: Path) -> None:
    told = mistakes(tmp_path, f"extends: {D1}\nclients:\n  16: null\n")
    assert told[0] == "3:7 clients.16: 0.0.40.0.1.255 is the association of no client; give it one"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("profiles: {1.0.99.1.0.255: {depth: 99999999999999999999}}", "less than 4294967296"),
        ("profiles: {1.0.99.1.0.255: {period_s: -1}}", "at least 0"),
        ("values: {0.0.96.1.4.255: {value: {float32: [1]}}}", "[1] is not a number"),
        ("nominal_voltage_v: .inf", "a number, not inf"),
        ("values: {0.0.96.1.4.255: {value: {'bit-string[99999999999]': []}}}", "is not a type expression"),
        ("access: {public: {16: r1-99999999999}}", "'r1-99999999999' is not a right"),
        ("profiles: {1.0.99.1.0.255: {capture: ['0.0.1.0.0.255:²']}}", "has no attribute ²"),
    ],
)
def test_a_number_that_does_not_fit_is_told(tmp_path: Path, wrong: str, words: str) -> None:
    (told,) = mistakes(tmp_path, f"extends: {D1}\n{wrong}\n")
    assert told.startswith("2:")
    assert words in told


def test_the_path_of_a_base_counts_from_the_file_that_says_it(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(f"extends: {D1}\ntitle: Of a folder\n")
    assert compile_model(write(tmp_path, "extends: base.yaml\n")).spec.title == "Of a folder"


@pytest.mark.parametrize("name", ["nowhere.yaml", "x" * 5000])
def test_a_base_that_is_not_there_is_told_where_it_is_said(tmp_path: Path, name: str) -> None:
    (told,) = mistakes(tmp_path, f"title: x\nextends: {name}\n")
    assert told.startswith("2:10 extends: there is no ")
    assert f"{tmp_path}/nowhere.yaml" in told or "no model" in told
