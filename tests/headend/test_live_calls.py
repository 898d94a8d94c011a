# SPDX-License-Identifier: GPL-2.0-only
"""Meters that call the head-end: matched by what they say they are, and read over the connection that they made."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from databases_bench import headend_line, made, started
from live import DEADLINE_S, Spawned, eventually, free_port, run, spawned, sql

from simulator.errors import UserError
from simulator.headend.options import parse_accept
from simulator.headend.way import Way
from simulator.store.embedded import EmbeddedPostgres

_METERS = 3
_TABLES = "block_load_profile,daily_load_profile"
_AT = ("--start", "2025-06-02T10:00:00+05:30", "--speed", 0, "--history", "1d", "--seed", 66)


@pytest.fixture
def database(postgres: EmbeddedPostgres) -> Iterator[str]:
    with made(postgres) as dsn:
        yield dsn


@contextmanager
def accepting(fleet: Spawned, dsn: str, accept: str, *words: object) -> Iterator[subprocess.Popen[str]]:
    process = started(*headend_line(fleet, dsn, "--accept", accept, *words), home=fleet.log.parent)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def differences(fleet: Spawned, dsn: str) -> list[object]:
    words = ("verify", "--database", fleet.dsn, "--hes", dsn, "--json", "--tables", _TABLES)
    return list(json.loads(run(*words, home=fleet.log.parent).stdout)["findings"])


@pytest.mark.parametrize(("framing", "client"), [("", "mr"), (",hdlc", "us")])
def test_meters_that_call_are_read(postgres: EmbeddedPostgres, database: str, framing: str, client: str) -> None:
    """A ciphered client makes two associations on one call."""
    port = free_port()
    dial = f"dial,address=127.0.0.1:{port}" + (",hdlc=1,info=2030" if framing else "")
    with (
        spawned(postgres.home, _METERS, *_AT, listen=dial) as fleet,
        accepting(
            fleet, database, f"127.0.0.1:{port}{framing}", "--once", "--client", client, "--profiles", "block,daily"
        ) as head_end,
    ):
        _, errors = head_end.communicate(timeout=DEADLINE_S)
        assert f"{_METERS} reads of meters, 0 given up" in errors, errors
        assert differences(fleet, database) == []
    assert sql(database, "SELECT count(*) FROM hes.block_load_profile") == [(_METERS * 48 + _METERS * 20,)]


def test_calls_are_held_between_polls_and_made_again(postgres: EmbeddedPostgres, database: str) -> None:
    port = free_port()
    with (
        spawned(postgres.home, 2, "--seed", 67, listen=f"dial,address=127.0.0.1:{port}") as fleet,
        accepting(fleet, database, f"127.0.0.1:{port}", "--every", "1s", "--profiles", "instantaneous") as head_end,
    ):
        polls = "SELECT count(*) FROM sim.instant_profile"
        eventually(lambda: fleet.sql(polls)[0][0] >= 4)
        fleet.order("power", meters="1", on=False)
        fleet.order("power", meters="1", on=True)
        fleet.step(60_000)  # it has started again and calls anew
        first = "SELECT count(*) FROM sim.instant_profile i JOIN sim.meters m ON m.id = i.meter_id WHERE m.meter_number"
        before = fleet.sql(f"{first} = %s", fleet.ready["meters"][0]["serial"])
        eventually(lambda: fleet.sql(f"{first} = %s", fleet.ready["meters"][0]["serial"]) > before)
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as stranger:
            stranger.sendall(b"hello, hello")
            unknown = "SELECT count(*) FROM hes.event_logs WHERE event_type = 'UNKNOWN_METER'"
            eventually(lambda: sql(database, unknown)[0][0])
        head_end.terminate()
        assert head_end.wait(DEADLINE_S) == 0


def test_places_of_calls_are_read() -> None:
    assert parse_accept("127.0.0.1") == (("127.0.0.1", 4064), Way(information=2030))
    assert parse_accept("[::1]:5000,hdlc") == (("::1", 5000), Way(hdlc=True, information=2030))
    with pytest.raises(UserError, match="hdlc or wrapper"):
        parse_accept("127.0.0.1:5000,udp")
