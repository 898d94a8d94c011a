# SPDX-License-Identifier: GPL-2.0-only
"""`meterfleet read` from the outside: what is printed, and the exit codes 0, 1 and 2."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from simulator.headend.commands import register
from simulator.headend.options import Known
from simulator.values import parse_obis
from simulator.wire.axdr import sequence_of

SERIAL, ENERGY, BLOCK, CLOCK = "0.0.96.1.0.255", "1.0.1.8.0.255", "1.0.99.1.0.255", "0.0.1.0.0.255"

Run = Callable[..., Result]


def listed(class_id: int, obis: str, *attributes: int) -> bytes:
    rights = b"".join(bytes((2, 3, 15, index, 22, 1, 0)) for index in attributes)
    head = b"\x02\x04\x12" + class_id.to_bytes(2, "big") + b"\x11\x00\x09\x06" + parse_obis(obis)
    return head + b"\x02\x02\x01" + bytes((len(attributes),)) + rights + b"\x01\x00"


@pytest.fixture
def meter(peer: Any) -> Any:
    objects = [listed(1, SERIAL, 2), listed(3, ENERGY, 2, 3), listed(7, BLOCK, 2, 3), listed(8, CLOCK, 2)]
    peer.put(15, "0.0.40.0.0.255", 2, sequence_of(objects))
    peer.put(1, SERIAL, 2, b"\x0a\x05MF001")
    peer.put(8, CLOCK, 2, bytes.fromhex("090c07e90601070b1e0000feb600"))
    peer.put(3, ENERGY, 2, b"\x17" + struct.pack(">f", 847.8488))
    peer.put(3, ENERGY, 3, bytes.fromhex("02020f03161e"))
    peer.put(7, BLOCK, 3, bytes.fromhex("0101 0204 120003 0906 0100010800ff 0f02 120000"))
    peer.put(7, BLOCK, 2, sequence_of([b"\x02\x01\x17" + struct.pack(">f", 1.5)] * 3))
    return peer


@pytest.fixture
def run(meter: Any) -> Run:
    app = typer.Typer()
    register(
        app,
        credentials=lambda call: Known("known") if call.preset.client == 32 else None,
        names=lambda: {SERIAL: "Meter serial number"},
    )

    def call(*words: str, **environment: str) -> Result:
        return CliRunner().invoke(app, [f"127.0.0.1:{meter.port}", *words], env=environment)

    return call


def test_without_a_wish_it_shows_identity_clock_and_registers(run: Run) -> None:
    result = run()
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    places = [next(at for at, line in enumerate(lines) if text in line) for text in ("MF001", "2025-06-01", "847848.8")]
    assert places == sorted(places)
    assert "Meter serial number" in result.stdout
    assert BLOCK not in result.stdout


@pytest.mark.parametrize("text", ["[/x]", "[red]", ":mouse:"])
def test_what_a_meter_says_is_shown_as_it_is(run: Run, meter: Any, text: str) -> None:
    """It is no markup of ours: neither hidden, nor the end of the command."""
    meter.put(1, SERIAL, 2, b"\x0a" + bytes((len(text),)) + text.encode())
    result = run("serial")
    assert result.exit_code == 0
    assert f" {text} " in result.stdout


@pytest.mark.parametrize(
    ("status", "words", "shown"),
    [
        (0x00, [], "2025-06-01 11:30:00+05:30 "),
        (0x01, ["invalid"], "+05:30 (clock invalid) "),
        (0x86, ["doubtful", "different_base", "daylight_saving"], "+05:30 (clock doubtful, different base) "),
        (0x80, ["daylight_saving"], "+05:30 "),
        (0xFF, ["not_specified"], "+05:30 (clock not specified) "),
    ],
)
def test_what_a_clock_says_of_itself_is_shown(run: Run, meter: Any, status: int, words: list[str], shown: str) -> None:
    """Blue Book 4.1.6.1: the last octet of a date-time, in the clock and in the rows of a profile."""
    stamp = bytes.fromhex("090c07e90601070b1e0000feb6") + bytes((status,))
    meter.put(8, CLOCK, 2, stamp)
    meter.put(7, BLOCK, 3, bytes.fromhex("0101 0204 120008 0906 0000010000ff 0f02 120000"))
    meter.put(7, BLOCK, 2, sequence_of([b"\x02\x01" + stamp]))
    for what in ("clock", "block"):
        assert shown in run(what).stdout.replace("│", " ")
    document = json.loads(run("clock", "block", "--json").stdout)
    assert document["objects"][0]["attributes"]["2"].get("clock_status", []) == words
    assert document["profiles"][0].get("clock_status", [[]]) == [words]


def test_json(run: Run) -> None:
    document = json.loads(run("serial", ENERGY, "block", "--json").stdout)
    assert document["client"] == 16
    assert [entry["attributes"]["2"] for entry in document["objects"]] == [
        {"type": "visible-string", "value": "MF001"},
        {"type": "float32", "value": 847848.8, "unit": "Wh"},
    ]
    (profile,) = document["profiles"]
    assert profile["columns"][0]["obis"] == ENERGY
    assert profile["rows"] == [[1500.0]] * 3


def test_everything(run: Run) -> None:
    document = json.loads(run("--all", "--json").stdout)
    assert [(entry["obis"], sorted(entry["attributes"])) for entry in document["objects"]] == [
        (SERIAL, ["2"]),
        (ENERGY, ["2", "3"]),
        (BLOCK, ["2", "3"]),
        (CLOCK, ["2"]),
    ]


def test_rows_are_selected(run: Run, meter: Any) -> None:
    assert run("block", "clock", "--entries", "2-3").exit_code == 0
    assert any(request[12:].startswith(bytes.fromhex("01020204 0600000002 0600000003")) for request in meter.requests)


def test_a_refusal_ends_with_1_and_says_why(run: Run) -> None:
    result = run(f"{SERIAL}:7")
    assert result.exit_code == 1
    assert "object-undefined, 4" in result.stderr


def test_what_was_read_before_a_refusal_is_not_lost(run: Run) -> None:
    result = run("serial", f"{SERIAL}:7", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["objects"][0]["attributes"]["2"]["value"] == "MF001"


def test_nobody_there_ends_with_1() -> None:
    app = typer.Typer()
    register(app)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    result = CliRunner().invoke(app, [address])
    assert result.exit_code == 1
    assert f"nothing listens on {address}" in result.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["blok"], "did you mean block?"),
        (["--client", "boss"], "is not a client"),
        (["block", "--from", "soon"], "is not a date"),
        (["--from", "2025-06-01"], "belong to a profile"),
        (["clock", "--entries", "1-2"], "nothing that you named is a profile"),
        (["clock", "--all"], "not both"),
        (["--client", "us"], "METERFLEET_PASSWORD"),
        (["--client", "mr", "--password", ""], "--password is empty"),
        (["--ek", "zz"], "the encryption key (--ek) is written in hexadecimal"),
        (["--ek", "00" * 16], "both keys"),
        (["--client", "us", "--password", "00", "--ek", "00" * 16, "--ak", "00"], "the authentication key (--ak) is"),
        (["--gateway", ""], "1 to 255"),
        (["block", "--columns", "1.0.2.8.0.255"], "no column"),
    ],
)
def test_mistakes_end_with_2(run: Run, words: list[str], told: str) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert told in result.stderr


@pytest.mark.parametrize("words", [["--timeout", "nan"], ["--timeout", "1e99"], ["--baud", "0"]])
def test_numbers_that_are_none(run: Run, words: list[str]) -> None:
    assert run(*words).exit_code == 2


def test_a_bad_address_ends_with_2() -> None:
    app = typer.Typer()
    register(app)
    result = CliRunner().invoke(app, ["[::1]:99999"])
    assert result.exit_code == 2
    assert "[::1]:99999" in result.stderr


def test_the_password_comes_from_option_environment_or_fleet_and_is_never_printed(run: Run, meter: Any) -> None:
    for words, environment, sent in (
        (["--client", "mr", "--password", "s3cret-o"], {}, b"s3cret-o"),
        (["--client", "mr"], {"METERFLEET_PASSWORD": "s3cret-e"}, b"s3cret-e"),
        (["--client", "mr"], {}, b"known"),
    ):
        meter.requests.clear()
        result = run("serial", *words, **environment)
        assert sent in meter.requests[0]
        assert result.exit_code == 0
        assert "s3cret" not in result.output


def test_help_has_examples_and_shows_no_password(run: Run) -> None:
    result = run("--help", METERFLEET_PASSWORD="s3cret-e", COLUMNS="100")
    assert "Examples" in result.stdout
    assert "s3cret" not in result.output
