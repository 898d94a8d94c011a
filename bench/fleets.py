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

from bench.voice import READER, SETTER
from simulator.store.embedded import EmbeddedPostgres

START = "2025-06-01T00:00:00+05:30"
_FIRST_ADDRESS = "127.7.0.1"
_MODEL = Path(__file__).with_name("hls5.yaml")


@dataclass(frozen=True, slots=True)
class Meter:
    host: str
    password: str
    ek: bytes
    ak: bytes


@dataclass(frozen=True, slots=True)
class Fleet:
    pid: int
    port: int  # of the wrapper
    hdlc_port: int
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
    every_way: bool = False,
    options: Sequence[str] = (),
) -> Iterator[Fleet]:
    """A running fleet that has said that it is ready. `every_way`: with HDLC, and HLS by GMAC."""
    port, hdlc_port = _free_port(), _free_port()
    program = str(Path(sys.executable).with_name("meterfleet"))
    command = [program, "spawn", str(count), "--home", str(place.home), "--json"]
    command += ["--start", start, "--listen", f"wrapper,address={_FIRST_ADDRESS},port={port}"]
    if every_way:
        command += ["--model", str(_MODEL), "--listen", f"hdlc,address={_FIRST_ADDRESS},port={hdlc_port}"]
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
            meters = tuple(_meter(entry["host"], entry["clients"]) for entry in event["meters"])
            yield Fleet(process.pid, port, hdlc_port, event["dsn"], meters, ready_s)
        finally:
            process.terminate()


def server_pid(place: EmbeddedPostgres) -> int:
    """The process whose children are PostgreSQL's own and one for each connection."""
    return int((place.data / "postmaster.pid").read_text().split()[0])


def _meter(host: str, clients: list[dict[str, str]]) -> Meter:
    by_address = {int(client["sap"]): client for client in clients}
    setter = by_address[SETTER]
    keys = (bytes.fromhex(setter[name]) for name in ("ek", "ak"))
    return Meter(host, by_address[READER]["password"], *keys)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("0.0.0.0", 0))
        return int(listener.getsockname()[1])
