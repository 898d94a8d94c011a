# SPDX-License-Identifier: GPL-2.0-only
"""Auto connect objects (class 29, Blue Book 4.7.6) as gurux decodes and writes them, on meters that then call it."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gurux_dlms.enums import ObjectType
from gurux_dlms.objects import GXDLMSAutoConnect
from gurux_dlms.objects.enums import AutoConnectMode
from live import DEADLINE_S, Judge, Spawned, free_port, spawned
from secure import SecureJudge, login_of
from ways_bench import WayJudge

MODE, REPETITIONS, DELAY, WINDOWS, DESTINATIONS = range(2, 7)
UTILITY, BASE = 48, "127.45.0."
_AT = ("--start", "2025-06-10T10:00:00+05:30", "--speed", 0)


@pytest.fixture
def head_end() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(DEADLINE_S)
        yield server


def listening() -> str:
    return f"wrapper,address={BASE}1,port={free_port()}"


def place(server: socket.socket) -> str:
    return f"127.0.0.1:{server.getsockname()[1]}"


def utility(fleet: Spawned) -> SecureJudge:
    return SecureJudge(fleet.meters[0], login_of(fleet.ready["meters"][0], UTILITY))


def seen(judge: Judge) -> Any:
    """The object as gurux makes it of the meter's answers."""
    found = GXDLMSAutoConnect()
    for index in range(MODE, DESTINATIONS + 1):
        judge.protocol.updateValue(found, index, judge.get(ObjectType.AUTO_CONNECT, found.logicalName, index).value)
    return found


def write(judge: Judge, wanted: Any, *indices: int) -> list[int]:
    return [judge.ask(judge.protocol.write(wanted, index)).result for index in indices]


def is_served(fleet: Spawned, server: socket.socket) -> bool:
    """The next call is the meter's, and it answers there."""
    opened, (host, _) = server.accept()
    opened.settimeout(DEADLINE_S)
    with WayJudge({"framing": "wrapper", "server": 1, "opened": opened}, fleet.meters[0].password) as judge:
        return host == f"{BASE}1" and judge.get(1, "0.0.42.0.0.255").result == 0


def test_a_meter_calls_whom_its_client_says_and_still_does_when_it_was_killed(
    home: Path, head_end: socket.socket
) -> None:
    at = listening()
    with spawned(home, 1, *_AT, "--seed", 45, listen=at) as fleet:
        with utility(fleet) as judge:
            found = seen(judge)
            assert (found.mode, found.destinations) == (AutoConnectMode.NO_AUTO_DIALLING, [])
            found.mode, found.destinations = AutoConnectMode.DISCONNECT_CONNECT_INVOKED, [place(head_end)]
            found.repetitions, found.repetitionDelay = 2, 5
            assert write(judge, found, MODE, REPETITIONS, DELAY, DESTINATIONS) == [0, 0, 0, 0]
            assert judge.act(ObjectType.AUTO_CONNECT, found.logicalName, 1, b"\x0f\x00") == 0
        assert is_served(fleet, head_end)
        with utility(fleet) as judge:
            found.mode = AutoConnectMode.PERMANENTLY_CONNECT
            assert write(judge, found, MODE) == [0]
        assert is_served(fleet, head_end)
        fleet.end(signal.SIGKILL)
    with spawned(home, 1, *_AT, "--seed", 45, listen=at) as fleet:
        assert is_served(fleet, head_end)
        with Judge(fleet.meters[0]) as judge:
            found = seen(judge)
        assert (found.mode, found.destinations) == (AutoConnectMode.PERMANENTLY_CONNECT, [place(head_end)])
        assert (found.repetitions, found.repetitionDelay, found.callingWindow) == (2, 5, [])


def test_a_meter_that_was_started_to_call_can_be_told_another_head_end_on_its_call(
    home: Path, head_end: socket.socket
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as first:
        first.settimeout(DEADLINE_S)
        options = (*_AT, "--seed", 46, "--listen", f"dial,address={place(first)}")
        with spawned(home, 1, *options, listen=listening()) as fleet:
            opened, _ = first.accept()
            with utility(fleet) as judge:
                found = seen(judge)
                assert (found.mode, found.destinations) == (AutoConnectMode.PERMANENTLY_CONNECT, [place(first)])
                found.destinations = [place(head_end)]
                assert write(judge, found, DESTINATIONS) == [0]
            opened.close()
            assert is_served(fleet, head_end)
