# SPDX-License-Identifier: GPL-2.0-only
"""`meterfleet write` and `meterfleet act` from the outside: the octets sent, what is printed, exit codes 0, 1 and 2."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import typer
from headend_bench import CLOCK, ENERGY, RELAY, SERIAL, Peer
from typer.testing import CliRunner, Result

from simulator.errors import UserError
from simulator.headend.changing import register
from simulator.headend.options import Known
from simulator.headend.orders import parse_order, parse_value
from simulator.values import parse_obis
from simulator.wire import axdr

Run = Callable[..., Result]


@pytest.fixture
def run(meter: Peer) -> Run:
    app = typer.Typer()
    register(
        app,
        credentials=lambda call: Known("known") if call.preset.client == 32 else None,
        names=lambda: {SERIAL: "Meter serial number"},
    )

    def call(command: str, *words: str) -> Result:
        return CliRunner().invoke(app, [command, f"127.0.0.1:{meter.port}", *words])

    return call


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("visible-string:hello", "0a0568656c6c6f"),
        ("visible-string:12", "0a023132"),
        ("visible-string:a:b", "0a03613a62"),
        ("visible-string:", "0a00"),
        ("long-unsigned:900", "120384"),
        ("integer:-5", "0ffb"),
        ("octet-string:hex:0102", "09020102"),
        ("octet-string:0102", "090430313032"),
        ("stamp:2025-06-01 00:00:00", "090c07e90601ff000000008000ff"),
        ("enum:1", "1601"),
        ("boolean:true", "0301"),
        ("null-data", "00"),
        ("float32:1.5", "173fc00000"),
        ("date-time:2025-06-01 00:00:00", "1907e90601ff000000008000ff"),
        ("logical-name:0.0.1.0.0.255", "09060000010000ff"),
        ("bit-string[4]:[0, 3]", "040490"),
        ("bit-string[4]:1001", "040490"),
        ("bit-string:1001", "040490"),
        ("bit-string:0000000000", "040a0000"),
        ("bit-string[8]:[]", "040800"),
        ('array(structure(octet-string,unsigned)):[["hex:0a", 1], ["b", 2]]', "0102 020209010a1101 02020901621102"),
    ],
)
def test_a_value_becomes_the_octets_of_its_type(text: str, octets: str) -> None:
    """Data (Green Book 9.5)."""
    assert axdr.encode(parse_value(text)) == bytes.fromhex(octets)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("hello", "write the type before the value"),
        ("null-data:1", "write the type before the value"),
        ("string:hello", "'string' is not a type; known are"),
        ("long-unsigned:65536", "whole number from 0 to 65535"),
        ("long-unsigned:many", "whole number from 0 to 65535"),
        ("long-unsigned:1.5", "whole number from 0 to 65535"),
        ("boolean:1", "not true or false"),
        ("bit-string:86", "bit-string: 86 does not say which bits there are; write all bits as 0 and 1, or"),
        ("bit-string:[86]", "for example bit-string[128]:[83, 86]"),
        ("bit-string:", "'' does not say which bits there are"),
        ("bit-string[128]:00", "'00' has 2 bits instead of 128"),
        ("bit-string[128]:[128]", "not a list of bit numbers below 128"),
        ("octet-string:hex:0g", "octet-string: "),
        ("stamp:tomorrow", "stamp: "),
        ("float32:1e300", "1e+300 is more than a float32 can hold"),
        ("float32:many", "'many' is not a number (float32)"),
        ("float32:[1]", "float32: "),
        ("array:[1]", "needs the type of its elements"),
        ("structure(unsigned,unsigned):[1]", "1 elements instead of 2"),
        ("date-time:now", "date-time: 'now' is not a date-time"),
        ("date-time:9999-99-99", "date-time: '9999-99-99' is not a date"),
        ("date:tomorrow", "date: 'tomorrow' is not a date"),
        ("time:25:00", "time: '25:00' is not a time"),
        ("bcd:x", "bcd: 'x' is not a whole number"),
    ],
)
def test_values_that_are_none(text: str, told: str) -> None:
    with pytest.raises(UserError) as mistake:
        parse_value(text)
    assert told in str(mistake.value)


def test_an_order_names_attribute_or_method() -> None:
    assert str(parse_order("relay:1", None, kind="method")) == f"{RELAY}:1"
    with pytest.raises(UserError, match=r"say which attribute; write for example 0\.0\.1\.0\.0\.255:2"):
        parse_order("clock", "null-data", kind="attribute")


def test_a_value_is_written(run: Run, meter: Peer) -> None:
    result = run("write", f"{SERIAL}:2", "visible-string:MF002", "--client", "mr")
    assert (result.exit_code, result.stdout) == (0, f"{SERIAL}:2 Meter serial number: written\n")
    assert meter.values[1, parse_obis(SERIAL), 2] == b"\x0a\x05MF002"
    assert b"known" in meter.requests[0]


def test_a_method_is_called_with_integer_0_or_with_its_parameter(run: Run, meter: Peer) -> None:
    for words, octets in (([], "0f00"), (["long-unsigned:2"], "120002")):
        result = run("act", "relay:1", *words)
        assert (result.exit_code, result.stdout) == (0, f"{RELAY}:1: done\n")
        (request,) = [request for request in meter.requests if request[0] == 0xC3]
        assert request[3:] == bytes.fromhex("0046") + parse_obis(RELAY) + b"\x01\x01" + bytes.fromhex(octets)
        meter.requests.clear()


def test_what_a_method_returns_is_shown(run: Run, meter: Peer) -> None:
    """action-response-normal with return parameters: Get-Data-Result, data (Green Book 9.5)."""
    meter.instead = lambda request: (
        b"\xc7\x01" + request[2:3] + bytes.fromhex("00 01 00 120384") if request[0] == 0xC3 else None
    )
    result = run("act", f"{ENERGY}:1")
    assert (result.exit_code, result.stdout) == (0, f"{ENERGY}:1: 900\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["write", f"{ENERGY}:9", "null-data"], "read-write-denied, 3"),
        (["act", "relay:2"], "read-write-denied, 3"),
        (["act", "1.0.99.2.0.255:1"], "does not see 1.0.99.2.0.255"),
    ],
)
def test_a_refusal_ends_with_1_and_says_why(run: Run, words: list[str], told: str) -> None:
    result = run(*words)
    assert result.exit_code == 1
    assert told in result.stderr
    assert not result.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["write", f"{CLOCK}:2"], "say what to write and the value"),
        (["write", f"{CLOCK}:2", "enum:1", "enum:2"], "say what to write and the value"),
        (["write", CLOCK, "enum:1"], "say which attribute"),
        (["write", "clok:2", "enum:1"], "did you mean clock?"),
        (["write", f"{CLOCK}:2", "enum:256"], "whole number from 0 to 255"),
        (["write", f"{CLOCK}:2", "enum:1", "--client", "us"], "METERFLEET_PASSWORD"),
        (["act"], "say which method"),
        (["act", "relay"], "say which method; write for example 0.0.96.3.10.255:1"),
        (["act", "relay:0"], "1 to 127"),
        (["act", "relay:1", "--udp", "--hdlc"], "not both"),
    ],
)
def test_a_mistake_ends_with_2_before_anybody_is_called(run: Run, meter: Peer, words: list[str], told: str) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert told in result.stderr
    assert meter.requests == []


@pytest.mark.parametrize("command", ["write", "act"])
def test_help_has_examples_and_the_options_of_read(run: Run, command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    for word in ("Examples", "--client", "--hdlc", "--serial", 'hex:0a", 1]]'):
        assert word in result.stdout
    assert json.dumps(result.stdout).count("METERFLEET_EK") == 1
