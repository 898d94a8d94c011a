# SPDX-License-Identifier: MIT
"""Our server as its users start it: the command `meterfleet spawn`, in a home that goes away afterwards."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.frames import READER
from simulator.store.embedded import EmbeddedPostgres

START = "2025-06-01T00:00:00+05:30"
_FIRST_ADDRESS = "127.7.0.1"


@dataclass(frozen=True, slots=True)
class Meter:
    host: str
    password: str


@dataclass(frozen=True, slots=True)
class Fleet:
    pid: int
    port: int
    dsn: str
    meters: tuple[Meter, ...]  # the first thousand
    ready_s: float  # from the start of the process to its word that the meters can be read


@contextmanager
def home() -> Iterator[EmbeddedPostgres]:
    """A place where nothing has been started yet; whatever server comes to run there is stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="meterfleet-bench-") as folder:
        Path(folder).chmod(0o755)  # as root the server runs as an unprivileged user
        server = EmbeddedPostgres(Path(folder))
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def fleet(
    place: EmbeddedPostgres,
    count: int,
    *,
    history: str | None = None,
    start: str = START,
    options: Sequence[str] = (),
) -> Iterator[Fleet]:
    """A running fleet that has said that it is ready."""
    port = _free_port()
    program = str(Path(sys.executable).with_name("meterfleet"))
    command = [program, "spawn", str(count), "--home", str(place.home), "--json"]
    command += ["--start", start, "--listen", f"wrapper,address={_FIRST_ADDRESS},port={port}"]
    command += [*options, *(["--history", history] if history else [])]
    log = place.home / "spawn.log"
    began_s = time.perf_counter()
    with log.open("w") as words, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=words, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            ready_s = time.perf_counter() - began_s
            if not line:
                raise SystemExit(f"the fleet did not start:\n{log.read_text()}")
            event = json.loads(line)
            meters = tuple(Meter(entry["host"], _password(entry["clients"])) for entry in event["meters"])
            yield Fleet(process.pid, port, event["dsn"], meters, ready_s)
        finally:
            process.terminate()


def server_pid(place: EmbeddedPostgres) -> int:
    """The process whose children are PostgreSQL's own and one for each connection."""
    return int((place.data / "postmaster.pid").read_text().split()[0])


def _password(clients: list[dict[str, str | int]]) -> str:
    return next(str(client["password"]) for client in clients if client["sap"] == READER)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("0.0.0.0", 0))
        return int(listener.getsockname()[1])
