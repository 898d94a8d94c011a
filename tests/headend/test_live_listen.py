# SPDX-License-Identifier: GPL-2.0-only
"""`meterfleet listen` from the outside, with the keys and the push setups of a running fleet."""

from __future__ import annotations

import asyncio
import csv
import json
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from forked import Forked
from live import DEADLINE_S, Spawned, command, free_port, run, spawned
from push_bench import BLOCK_BODY, CONFIRMED, notification, wrapped
from typer.testing import CliRunner

from simulator.cli import app
from simulator.commands import pushers
from simulator.commands.place import Place
from simulator.commands.pushed import labels
from simulator.errors import UserError
from simulator.headend.keybook import KeyBook
from simulator.headend.unsealing import Unsealer
from simulator.store.database import Store
from simulator.store.embedded import EmbeddedPostgres
from simulator.store.rows import AttributeValue
from simulator.wire.ciphering import GENERAL_GLO, Envelope, Key, encode

BLOCK = "0.5.25.9.0.255"
BLOCK_VALUES = b"\x02\x0a" + BLOCK_BODY[2:-8] + b"\x17\x43\x66\x80\x00" + b"\x17\x3d\xcc\xcc\xcd" * 6  # 230.5, 0.1 …


@pytest.fixture(scope="module")
def fleet(postgres: EmbeddedPostgres) -> Iterator[Spawned]:
    with spawned(postgres.home, 2, "--start", "2025-06-10T10:00:00+05:30", "--speed", 0, "--seed", 75) as fleet:
        yield fleet


def sealed(entry: dict[str, Any], apdu: bytes, counter: int = 1) -> bytes:
    """Under the push client's keys, as the inventory has them."""
    (client,) = (one for one in entry["clients"] if one["sap"] == 64)
    title = bytes.fromhex(entry["system_title"])
    key = Key(bytes.fromhex(client["ek"]), bytes.fromhex(client["ak"]))
    return encode(Envelope(GENERAL_GLO, title, 0x30, counter, key.protect(0x30, title, counter, apdu)))


class Ear:
    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process, self.port = process, port

    def push(self, apdu: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE_S) as meter:
            meter.sendall(wrapped(apdu))
            meter.shutdown(socket.SHUT_WR)
            return meter.recv(1000)

    def end(self) -> tuple[int, str]:
        output, _ = self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode, output


@contextmanager
def listening(home: Path, *options: object) -> Iterator[Ear]:
    port = free_port()
    line, environment = command("listen", f"127.0.0.1:{port}", *options, home=home)
    pipe = subprocess.PIPE
    with Forked(line, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        assert "listening" in said, process.stderr.read()
        yield Ear(process, port)
        process.kill()


def test_a_push_is_deciphered_named_and_stored(fleet: Spawned, postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    entry, file = fleet.ready["meters"][1], tmp_path / "pushes.jsonl"
    apdu = sealed(entry, notification(BLOCK_VALUES, invoke=CONFIRMED | 5))
    with listening(postgres.home, "--database", fleet.dsn, "--json", "--count", 2, "--store", file) as ear:
        assert ear.push(apdu)[8] == GENERAL_GLO
        assert ear.push(b"\x0f\x00\x00\x00\x01\x00\x11\x07") == b""
        code, output = ear.end()
    assert code == 0
    assert output == file.read_text()
    first, second = map(json.loads, output.splitlines())
    assert (first["meter"], first["setup"], first["security"]) == (entry["serial"], BLOCK, "authenticated+encrypted")
    assert (first["invoke_id"], first["counter"], first["answer"]) == (5, 1, "confirmed")
    assert first["clock"] == "2025-06-01T10:15:00+05:30"
    assert first["apdu"] == apdu.hex()
    assert first["values"][0] == {
        "obis": "1.0.12.27.0.255", "class": 3, "attribute": 2, "name": "Average voltage", "type": "float32",
        "value": 230.5, "unit": "V",
    }  # fmt: skip
    assert (first["values"][1]["value"], first["values"][1]["unit"]) == (100, "Wh")
    assert (second["problem"], second["values"]) == (None, [{"type": "unsigned", "value": 7}])


def test_tables_for_people_and_an_end_by_signal(fleet: Spawned, postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    inventory = tmp_path / "meters.csv"
    inventory.write_text(run("inventory", "--csv", "--database", fleet.dsn, home=postgres.home).stdout)
    with listening(postgres.home, "--keys", inventory, "--model", "is15959-1ph") as ear:
        ear.push(sealed(fleet.ready["meters"][0], notification(BLOCK_VALUES)))
        assert ear.process.stdout is not None
        line, row = ear.process.stdout.readline(), ear.process.stdout.readline()
        ear.process.send_signal(signal.SIGINT)
        code, _ = ear.end()
    assert code == 0
    assert fleet.meters[0].serial in line
    assert "Push setup: block load" in line
    assert row.split() == ["1.0.12.27.0.255", "Average", "voltage", "230.5", "V"]


def test_what_a_meter_says_is_shown_as_it_is(postgres: EmbeddedPostgres) -> None:
    """It is no markup of ours, which would end the listener."""
    body = BLOCK_BODY[:1] + b"\x04" + BLOCK_BODY[2:-8] + b"\x0a\x04[/x]"
    with listening(postgres.home, "--ek", "00" * 16, "--count", 1) as ear:
        ear.push(notification(body))
        code, output = ear.end()
    assert (code, "[/x]" in output) == (0, True)


def test_too_few_pushes_in_time(postgres: EmbeddedPostgres) -> None:
    began = time.monotonic()
    with listening(postgres.home, "--ek", "00" * 16, "--count", 2, "--for", "300ms") as ear:
        assert ear.end()[0] == 1
    assert time.monotonic() - began < DEADLINE_S


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--ek", "12"], "16 octets, not 1"),
        (["--ek", "xyz"], "hexadecimal"),
        (["--ak", "00" * 16], "give --ek too"),
        (["--ek", "00" * 16, "--fail", "2.5"], "a share such as 0.25"),
        (["--ek", "00" * 16, "--for", "soon"], "is not a duration"),
        (["--ek", "00" * 16, "--title", "00"], "eight octets"),
        (["--ek", "00" * 16, "--model", "is15959-9ph"], "is15959-9ph"),
        (["--ek", "00" * 16], "cannot be listened on"),
    ],
)
def test_mistakes_of_the_user(words: list[str], told: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = CliRunner().invoke(app, ["listen", f"127.0.0.1:{taken.getsockname()[1]}", *words])
    assert isinstance(ended.exception, UserError)
    assert told in str(ended.exception)


def test_a_key_file_without_titles(tmp_path: Path) -> None:
    file = tmp_path / "keys.csv"
    file.write_text(f"serial,ek,ak\n1,{'00' * 16},{'00' * 16}\n")
    with pytest.raises(UserError, match="no system_title"):
        pushers.owners_in_file(file)


@pytest.mark.parametrize("name", ["meters.json", "ready.json", "meters.csv"])
def test_keys_of_files(fleet: Spawned, tmp_path: Path, name: str) -> None:
    entries, file = fleet.ready["meters"], tmp_path / name
    if name == "meters.csv":
        columns = ("serial", "system_title", "client_48_ek", "client_64_ek", "client_64_ak", "ak")
        with file.open("w", newline="") as text:
            writer = csv.writer(text)
            writer.writerow(columns)
            for entry in entries:
                push = next(one for one in entry["clients"] if one["sap"] == 64)
                writer.writerow((entry["serial"], entry["system_title"], "11" * 16, push["ek"], push["ak"], "22" * 16))
    else:
        file.write_text(json.dumps(entries if name == "meters.json" else fleet.ready))
    opened = Unsealer(KeyBook(pushers.owners_in_file(file))).open(sealed(entries[0], notification()))
    assert (opened.meter, opened.problem, opened.plain) == (entries[0]["serial"], "", notification())


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[1]")
    with pytest.raises(UserError, match="is no inventory"):
        pushers.owners_in_file(tmp_path / "x.json")


def test_a_list_that_a_client_has_written_goes_before_the_models(fleet: Spawned) -> None:
    serial = fleet.meters[0].serial
    written = bytes.fromhex("0101 0204 120001 0906 0000600100ff 0f02 120000")
    asyncio.run(_write(fleet, BLOCK, written))
    found = asyncio.run(pushers.read_fleet(Place(fleet.dsn)))
    find = labels(found.model_of, found.objects)
    assert [label.obis for label in find(serial, BLOCK)] == ["0.0.96.1.0.255"]
    assert len(find(fleet.meters[1].serial, BLOCK)) == 10


def test_rows_of_push_objects_go_before_the_models(fleet: Spawned) -> None:
    serial = fleet.meters[1].serial
    fleet.sql(
        """WITH setup AS (INSERT INTO sim.push_setups (meter_id, obis_code_id)
                          SELECT m.id, c.id FROM sim.meters m, sim.obis_codes c
                           WHERE m.meter_number = %s AND c.logical_name = '0.4.25.9.0.255' RETURNING id)
           INSERT INTO sim.push_objects (push_setup_id, class_id, logical_name, attribute_index, data_index, position)
           SELECT id, 8, '0.0.1.0.0.255', 2, 0, 1 FROM setup
           UNION ALL SELECT id, 1, '0.0.96.1.2.255', 2, 0, 0 FROM setup RETURNING id""",
        serial,
    )
    found = asyncio.run(pushers.read_fleet(Place(fleet.dsn)))
    found_labels = labels(found.model_of, found.objects)(serial, "0.4.25.9.0.255")
    assert [(label.class_id, label.obis) for label in found_labels] == [(1, "0.0.96.1.2.255"), (8, "0.0.1.0.0.255")]


async def _write(fleet: Spawned, setup: str, encoded: bytes) -> None:
    store = await Store.open(fleet.dsn)
    meters = await store.meters()
    await store.put_attribute(AttributeValue(meters[0].id, 40, setup, 2, encoded))
    await store.close()
