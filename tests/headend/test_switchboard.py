# SPDX-License-Identifier: GPL-2.0-only
"""Calls of meters when a process has many descriptors, or none left."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
from live import DEADLINE_S, eventually, free_port, spawned

from simulator.headend.objects import DATA, ObjectEntry
from simulator.headend.reader import MeterReader
from simulator.headend.switchboard import Switchboard
from simulator.headend.way import Way
from simulator.hes.landing import Batch
from simulator.store.embedded import EmbeddedPostgres

_MANY = 1100  # descriptors; select knows 1,024
_SERIAL = ObjectEntry(DATA, 0, "0.0.96.1.0.255", {}, {})


@contextmanager
def descriptors(count: int) -> Iterator[None]:
    """So many that are taken."""
    with ExitStack() as stack:
        for _ in range(count):
            stack.callback(os.close, os.dup(0))
        yield


@contextmanager
def limit(soft: int) -> Iterator[None]:
    before, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < soft:
        pytest.skip(f"{hard} descriptors are all that this machine gives")
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, hard))


def test_a_call_is_held_however_many_others_are(postgres: EmbeddedPostgres) -> None:
    port = free_port()
    with spawned(postgres.home, 1, "--seed", 68, listen=f"dial,address=127.0.0.1:{port}") as fleet:
        meter = fleet.ready["meters"][0]
        names = {meter["logical_device_name"]: meter["serial"]}
        with (
            limit(2 * _MANY),
            descriptors(_MANY),
            Switchboard(("127.0.0.1", port), names, Way(), timeout_s=30) as board,
        ):
            eventually(lambda: board.has(meter["serial"]))
            with (
                board.link(meter["serial"], timeout_s=30) as opened,
                MeterReader("", 0, client=16, password=None, opened=opened) as reader,
            ):
                assert reader.read(_SERIAL).text == meter["serial"]
            assert board.has(meter["serial"])
            assert board.arrived() == {meter["serial"]}
            assert board.arrived() == set()


def test_calls_are_taken_again_when_there_are_descriptors_again(caplog: pytest.LogCaptureFixture) -> None:
    with Switchboard(("127.0.0.1", 0), {}, Way(), timeout_s=30) as board, socket.socket() as caller:
        caller.settimeout(DEADLINE_S)
        with limit(max(map(int, os.listdir("/proc/self/fd"))) + 10), ExitStack() as stack:
            with suppress(OSError):
                while True:
                    stack.callback(os.close, os.dup(0))
            caller.connect(("127.0.0.1", board.port))
            eventually(lambda: "a call could not be taken" in caplog.text)
        assert caller.recv(1), "it is asked who it is"


def test_a_mistake_of_ours_costs_its_call_only_and_is_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    handed: list[Batch] = []

    def stumble(*_: object) -> str:
        raise KeyError("a mistake")

    monkeypatch.setattr(Switchboard, "_name", stumble)
    with Switchboard(("127.0.0.1", 0), {}, Way(), timeout_s=30) as board:
        board.hand_in = handed.append
        with socket.create_connection(("127.0.0.1", board.port), DEADLINE_S) as caller:
            assert caller.recv(1) == b""
            eventually(lambda: handed)
    assert (board.bugs, [entry.event_type for batch in handed for entry in batch.log]) == (1, ["INTERNAL_ERROR"])
    assert [record.exc_info is not None for record in caplog.records] == [True]
