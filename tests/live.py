# SPDX-License-Identifier: GPL-2.0-only
"""What tests on the real thing share: a spawned fleet, a Gurux client on a socket of its own, orders and SQL.

The client uses nothing of the product's protocol engine or of its reader, so that it judges both from outside. Frames
that Gurux would not send go over `Wire`, octet by octet.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

import psycopg
from forked import Forked
from gurux_dlms import GXByteBuffer, GXDLMSClient, GXReplyData
from gurux_dlms.enums import Authentication, Conformance, DataType, InterfaceType

from simulator.fleet.control import order
from simulator.store.database import Store

PUBLIC, READER = 16, 32
CLOCK, BLOCK, DAILY, BILLING = "0.0.1.0.0.255", "1.0.99.1.0.255", "1.0.99.2.0.255", "1.0.98.1.0.255"
INSTANTANEOUS, ENERGY, MESSAGE = "1.0.94.91.0.255", "1.0.1.8.0.255", "0.0.96.13.1.255"
IST = "+05:30"
DEADLINE_S = 60.0
_PORTS = 3_000  # of each worker
_FIRST_PORT = 10_000 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 7 * _PORTS
_turns = itertools.count(random.randrange(_PORTS))  # beside other runs on this machine
EVERYTHING = (
    Conformance.GET
    | Conformance.SET
    | Conformance.ACTION
    | Conformance.SELECTIVE_ACCESS
    | Conformance.MULTIPLE_REFERENCES
    | Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ
    | Conformance.BLOCK_TRANSFER_WITH_SET_OR_WRITE
    | Conformance.BLOCK_TRANSFER_WITH_ACTION
)
T = TypeVar("T")


# --------------------------------------------------------------------------------------------------- a spawned fleet


class Meter(NamedTuple):
    """One entry of the ready event."""

    serial: str
    host: str
    port: int
    password: str


class Spawned:
    """A running `meterfleet spawn`; its warnings are in the file `log`."""

    def __init__(self, process: subprocess.Popen[str], ready: dict[str, Any], log: Path) -> None:
        self.process, self.ready, self.log = process, ready, log
        self.dsn: str = ready["dsn"]
        self.meters = [_meter(entry) for entry in ready["meters"]]

    def sql(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        return sql(self.dsn, statement, *parameters)

    def step(self, span_ms: int) -> None:
        """Jump the simulated clock ahead; returns when everything in between has happened."""
        asyncio.run(_order(self.dsn, "clock", step_ms=span_ms))

    def inject(self, meters: object, *codes: int) -> dict[str, Any]:
        """Let meters notice events."""
        return asyncio.run(_order(self.dsn, "event", meters=str(meters), codes=codes))

    def order(self, name: str, **values: Any) -> dict[str, Any]:
        return asyncio.run(_order(self.dsn, name, **values))

    def clock(self) -> dict[str, Any]:
        return asyncio.run(_order(self.dsn, "clock"))

    def end(self, number: int = signal.SIGTERM) -> int:
        """Its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(DEADLINE_S)
        if self.process.stdout:
            self.process.stdout.close()
        return code


def _meter(entry: dict[str, Any]) -> Meter:
    password = next(client["password"] for client in entry["clients"] if client["sap"] == READER)
    return Meter(entry["serial"], entry["host"], entry["port"], password)


async def _order(dsn: str, name: str, **values: Any) -> dict[str, Any]:
    store = await Store.open(dsn)
    try:
        return await order(store, name, **values)
    finally:
        await store.close()


def command(*words: object, home: Path) -> tuple[list[str], dict[str, str]]:
    """The command line and environment of `meterfleet WORDS…` as a process."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("METERFLEET_")}
    environment = {**kept, "METERFLEET_HOME": str(home), "COLUMNS": "200"}
    return [sys.executable, "-m", "simulator", *map(str, words)], environment


def run(*words: object, home: Path) -> subprocess.CompletedProcess[str]:
    line, environment = command(*words, home=home)
    with Forked(line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            told = process.communicate(timeout=DEADLINE_S)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(line, process.returncode, *told)


def start(
    home: Path, count: int, *options: object, listen: str | None = None, how: type[subprocess.Popen[str]] = Forked
) -> Spawned:
    """Spawn a fleet and wait for its ready event; AssertionError with its words if it ends instead."""
    place = listen or f"wrapper,address=127.41.0.1,port={free_port()}"
    line, environment = command("spawn", count, "--json", "--listen", place, *options, home=home)
    log = home / f"fleet-{time.monotonic_ns()}.log"
    with log.open("w") as errors:
        process = how(line, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)
    assert process.stdout is not None
    ready = process.stdout.readline()
    assert ready, f"exit code {process.wait()}: {log.read_text()}"
    return Spawned(process, json.loads(ready), log)


@contextmanager
def spawned(home: Path, count: int, *options: object, listen: str | None = None) -> Iterator[Spawned]:
    fleet = start(home, count, *options, listen=listen)
    try:
        yield fleet
    finally:
        fleet.end()


def free_port() -> int:
    """One that nobody's outgoing connection (Linux: from 32,768) and no other worker of this run takes meanwhile."""
    return free_ports(1)


def free_ports(count: int) -> int:
    """The first of neighbouring ports that are all free, for TCP and for UDP."""
    while True:
        ports = [_FIRST_PORT + turn % _PORTS for turn in itertools.islice(_turns, count)]
        if ports[-1] - ports[0] == count - 1 and all(map(_is_free, ports)):
            return ports[0]


def _is_free(port: int) -> bool:
    with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagrams, suppress(OSError):
        stream.bind(("0.0.0.0", port))
        datagrams.bind(("0.0.0.0", port))
        return True
    return False


def sql(dsn: str, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(statement.encode(), parameters or None).fetchall()


def eventually(condition: Callable[[], T], *, within_s: float = DEADLINE_S) -> T:
    """What the condition gives as soon as it is true."""
    give_up = time.monotonic() + within_s
    while not (seen := condition()):
        assert time.monotonic() < give_up, "it did not come true in time"
        time.sleep(0.02)
    return seen


# ---------------------------------------------------------------------------------------------------- a Gurux client


class Got(NamedTuple):
    """The answer to a GET: data-access-result, the value's octets, and what Gurux makes of them."""

    result: int
    octets: bytes
    value: Any


class Judge:
    """One association over TCP, spoken by gurux-dlms; `with Judge(meter) as judge:` opens and closes it."""

    def __init__(self, meter: Meter, client: int = READER, *, max_pdu: int = 0xFFFF) -> None:
        mechanism = Authentication.LOW if client == READER else Authentication.NONE
        password = meter.password if client == READER else None
        self.protocol: Any = GXDLMSClient(True, client, 1, mechanism, password, InterfaceType.WRAPPER)
        self.protocol.proposedConformance = EVERYTHING
        self.protocol.maxReceivePDUSize = max_pdu
        self.wire = Wire(meter)
        self.blocks = 0  # of the last answer

    def __enter__(self) -> Self:
        self.protocol.parseAareResponse(self._ask(self.protocol.aarqRequest()).data)
        return self

    def __exit__(self, *_: object) -> None:
        self.wire.close()

    def get(self, class_id: int, obis: str, attribute: int = 2, selection: bytes = b"") -> Got:
        self._next_invoke_id()
        data = GXByteBuffer(selection) if selection else None
        return self.ask(self.protocol._read(obis, class_id, attribute, data))

    def set(self, class_id: int, obis: str, attribute: int, octets: bytes) -> int:
        """Gurux sends octets of type ARRAY as they are."""
        self._next_invoke_id()
        request = self.protocol._GXDLMSClient__write(obis, octets, DataType.ARRAY, class_id, attribute)
        return self.ask(request).result

    def act(self, class_id: int, obis: str, method: int, octets: bytes) -> int:
        self._next_invoke_id()
        request = self.protocol._GXDLMSClient__method(obis, class_id, method, octets, DataType.ARRAY)
        return self.ask(request).result

    def rows(self, obis: str, selection: bytes = b"") -> list[list[Any]]:
        """A profile's buffer: numbers, octets, None."""
        got = self.get(7, obis, 2, selection)
        assert got.result == 0, f"data-access-result {got.result}"
        assert got.octets[0] == 1
        return [[plain(cell) for cell in row] for row in got.value or []]

    def ask(self, frames: Sequence[bytes]) -> Got:
        reply = self._ask(frames)
        return Got(int(reply.error), bytes(reply.data.array()), reply.value)

    def _ask(self, frames: Sequence[bytes]) -> Any:
        for frame in frames:
            reply, self.blocks = GXReplyData(), 1
            self._exchange(frame, reply)
            while reply.isMoreData():
                self.blocks += 1
                self._exchange(self.protocol.receiverReady(reply), reply)
        return reply

    def _exchange(self, frame: bytes, reply: Any) -> None:
        self.wire.send_octets(bytes(frame))
        assert self.protocol.getData(GXByteBuffer(self.wire.receive_frame()), reply, GXReplyData())

    def _next_invoke_id(self) -> None:
        # Gurux's autoIncreaseInvokeID writes to another attribute than the one that it sends.
        self.protocol.settings.invokeId = (self.protocol.settings.invokeId + 1) & 0x0F


def plain(cell: Any) -> Any:
    return bytes(cell) if isinstance(cell, bytearray) else cell


# ------------------------------------------------------------------------------------------------------ octets alone


class Wire:
    """A TCP connection to a meter for APDUs that are laid out by hand; hexadecimal in and out."""

    def __init__(self, meter: Meter) -> None:
        self._socket = socket.create_connection((meter.host, meter.port), timeout=DEADLINE_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._stream.close()
        self._socket.close()

    def send_octets(self, octets: bytes) -> None:
        self._socket.sendall(octets)

    def receive_frame(self) -> bytes:
        header = self._stream.read(8)
        assert len(header) == 8, "the meter closed the connection"
        return header + self._stream.read(int.from_bytes(header[6:], "big"))

    def receive(self) -> str:
        return self.receive_frame()[8:].hex()

    def ask(self, apdu: str, client: int = PUBLIC) -> str:
        self.send_octets(framed(apdu, client))
        return self.receive()


def framed(apdu: str, client: int = PUBLIC, server: int = 1) -> bytes:
    """In the wrapper (Green Book 7.3.3.2): version 1, source, destination, length."""
    octets = bytes.fromhex(apdu)
    return b"\x00\x01" + b"".join(number.to_bytes(2, "big") for number in (client, server, len(octets))) + octets


def obis_hex(obis: str) -> str:
    return bytes(map(int, obis.split("."))).hex()


def attribute_hex(class_id: int, obis: str, index: int) -> str:
    return f"{class_id:04x}{obis_hex(obis)}{index:02x}"


def get_hex(class_id: int, obis: str, index: int = 2, *, invoke: int = 0xC1, selection: str = "00") -> str:
    """get-request-normal (Green Book 9.5)."""
    return f"c001{invoke:02x}{attribute_hex(class_id, obis, index)}{selection}"


# ------------------------------------------------------------------------------------ selective access, Blue Book 4.3.6


def by_range(first: bytes, last: bytes, columns: Sequence[tuple[int, str, int]] = ()) -> bytes:
    """Selector 1, restricted by the clock; `first` and `last` are date-times of 12 octets."""
    wanted = [f"0204 12{class_id:04x} 0906{obis_hex(obis)} 0f{index:02x} 120000" for class_id, obis, index in columns]
    clock = f"0204 120008 0906{obis_hex(CLOCK)} 0f02 120000"
    ends = f"090c{first.hex()} 090c{last.hex()}"
    return bytes.fromhex(f"01 0204 {clock} {ends} 01{len(wanted):02x}" + "".join(wanted))


def by_entry(first: int, last: int, first_column: int = 1, last_column: int = 0) -> bytes:
    """Selector 2; a last entry or column of 0 is the end."""
    return bytes.fromhex(f"02 0204 06{first:08x} 06{last:08x} 12{first_column:04x} 12{last_column:04x}")
