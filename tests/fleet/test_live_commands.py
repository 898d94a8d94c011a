# SPDX-License-Identifier: GPL-2.0-only
"""The command line as its user meets it: real processes, their output and exit codes.

Exit codes: 0, 1 (it went wrong while running), 2 (the user's mistake), and then nothing has been started.
"""

from __future__ import annotations

import csv
import json
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from live import (
    BLOCK,
    CLOCK,
    ENERGY,
    PUBLIC,
    READER,
    Judge,
    Meter,
    Spawned,
    Wire,
    free_port,
    free_ports,
    run,
    spawned,
    sql,
    start,
)

from simulator.cli import main
from simulator.store.embedded import EmbeddedPostgres
from simulator.values import MS_PER_HOUR

AT = ("--start", "2025-06-10T10:00:00+05:30", "--speed", 0)
SERIAL, NAME = "0.0.96.1.0.255", "0.0.42.0.0.255"


@pytest.fixture(scope="module")
def three(server: EmbeddedPostgres) -> Iterator[Spawned]:
    """The last fleet started on its server, one port per meter."""
    listen = f"wrapper,address=127.0.0.1,ports={free_ports(3)}"
    with spawned(server.home, 3, *AT, "--history", "2d", "--seed", 31, listen=listen) as fleet:
        yield fleet


@pytest.fixture
def home_of_three(three: Spawned, server: EmbeddedPostgres) -> Path:
    return server.home


# ------------------------------------------------------------------------------------------------- the user's mistakes


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("spawn 0", "N: expected at least 1, not '0'"),
        ("spawn many", "N: expected a whole number, not 'many'"),
        ("spawn 3 --load hosehold", "there is no load 'hosehold'; known are business-eu"),
        ("spawn 3 --model is15959-2ph", "there is no model 'is15959-2ph'; known are "),
        ("spawn 3 --model nowhere/mine.yaml", "nowhere/mine.yaml: there is no such file"),
        ("spawn 3 --history soon", "'soon' is not a duration; write for example 60d"),
        ("spawn 3 --history 4000d", "at most 3660 days"),
        ("spawn 3 --start yesterday", "--start yesterday:"),
        ("spawn 3 --start 2025-06-01T00:00:00", "without an offset"),
        ("spawn 3 --block-minutes 20", "15, 30 or 60 minutes, not 20"),
        ("spawn 3 --listen pigeon", "'pigeon' is not known"),
        ("spawn 3 --listen wrapper,ports=65535", "go beyond 65535"),
        ("spawn 3 --listen wrapper,address=127.255.255.254", "3 addresses from 127.255.255.254 go beyond 127.0.0.0/8"),
        ("spawn 3 --speed -1", "--speed: a speed is 0 to 1,000,000, or max"),
        ("spawn 3 --speed inf", "--speed: a speed is 0 to 1,000,000, or max"),
        ("spawn 3 --seed 99999999999999999999", "--seed: expected at most 9223372036854775807"),
        ("spawn 3 --start 9999-12-31T00:00:00Z", "2000 to 2099"),
        ("clock --speed soon", "--speed: a speed is 0 to 1,000,000, or max, not 'soon'"),
        ("spawn 3 --sped 1", "--sped"),
        ("spawn 10000000", "1 to 9,999,999 meters"),
        ("inventory --csv --json", "not both"),
        ("inventory", "no fleet has been started"),
        ("clock", "no fleet has been started"),
        ("clock --step soon", "'soon' is not a duration"),
        ("db status", "no fleet has been started"),
        ("check nowhere.yaml nowhere.csv", "nowhere.csv: there is no such file"),
        ("read 127.0.0.1:99999", "a port is 1 to 65535"),
        ("obis frind x", "frind"),
    ],
)
def test_a_mistake_ends_with_2_and_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: str, told: str
) -> None:
    monkeypatch.setenv("METERFLEET_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("sys.argv", ["meterfleet", *words.split()])
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "home").exists()


def test_several_mistakes_are_told_at_once(tmp_path: Path) -> None:
    done = run("spawn", 3, "--load", "hosehold", "--block-minutes", 20, "--history", "4000d", home=tmp_path / "home")
    assert done.returncode == 2
    for told in ("'hosehold'", "not 20", "3660 days"):
        assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_every_mistake_of_a_profile_file_is_told_with_path_and_line(tmp_path: Path) -> None:
    model = tmp_path / "mine.yaml"
    model.write_text("extends: is15959-1ph\nphases: 2\nblock_minutes: soon\ntitel: mine\n")
    for words in (("spawn", 3, "--model", model), ("check", model)):
        done = run(*words, home=tmp_path / "home")
        assert done.returncode == 2
        for line in (2, 3, 4):
            assert f"{model}:{line}:" in done.stderr
        assert "did you mean title?" in done.stderr
    assert not (tmp_path / "home").exists()


def test_yaml_that_is_none_is_told_with_its_line(tmp_path: Path) -> None:
    model = tmp_path / "mine.yaml"
    model.write_text("extends: is15959-1ph\ntitle: [unclosed\nphases: 1\n")
    done = run("check", model, home=tmp_path)
    assert done.returncode == 2
    assert f"{model}:" in done.stderr
    assert "not valid YAML" in done.stderr


# ------------------------------------------------------------------------------------------------------------- places


def test_a_fleet_with_ports_listens_on_each(three: Spawned) -> None:
    assert [meter.port - three.meters[0].port for meter in three.meters] == [0, 1, 2]
    serials = []
    for meter in three.meters:
        with Judge(meter, PUBLIC) as judge:
            serials.append(judge.get(1, SERIAL).value)
    assert serials == [meter.serial for meter in three.meters]
    assert len(set(serials)) == 3


def test_a_port_in_use_is_reported_and_the_rest_of_the_fleet_serves(home: Path) -> None:
    first = free_ports(3)
    with socket.create_server(("127.0.0.1", first + 1)):
        listen = f"wrapper,address=127.0.0.1,ports={first}"
        with spawned(home, 3, *AT, "--seed", 32, listen=listen) as fleet:
            for meter in (fleet.meters[0], fleet.meters[2]):
                with Judge(meter) as judge:
                    assert judge.get(1, SERIAL).value == meter.serial
    assert f"meter 2 cannot listen on 127.0.0.1:{first + 1}" in " ".join(fleet.log.read_text().split())


def test_all_ports_in_use_end_with_2_and_a_clear_word(home: Path) -> None:
    first = free_ports(2)
    with ExitStack() as taken:
        for port in (first, first + 1):
            taken.enter_context(socket.create_server(("127.0.0.1", port)))
        listen = f"wrapper,address=127.0.0.1,ports={first}"
        done = run("spawn", 2, "--listen", listen, *AT, "--seed", 33, home=home)
    assert done.returncode == 2
    words = f"no meter can listen: 2 of 2 meters cannot listen on 127.0.0.1:{first} to 127.0.0.1:{first + 1}: in use"
    assert words in " ".join(done.stderr.split())
    assert not done.stdout
    assert "Traceback" not in done.stderr
    server = EmbeddedPostgres(home)
    dsn = server.dsn((home / "current").read_text().strip())
    assert sql(dsn, "SELECT DISTINCT status FROM sim.meters") == [("STOPPED",)]


def test_an_address_that_is_no_meter_is_closed_at_once(floating: Spawned) -> None:
    """The wildcard socket answers for every address of the machine, the fleet only for its own."""
    host, port = floating.meters[0].host.rsplit(".", 1)[0] + ".200", floating.meters[0].port
    with Wire(Meter("", host, port, "")) as wire, pytest.raises((AssertionError, ConnectionError)):
        wire.ask("c001c100080000010000ff0200")


# ------------------------------------------------------------------------------------------------------- begin and end


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_fleet_in_order(home: Path, number: signal.Signals) -> None:
    fleet = start(home, 2, *AT, "--seed", 40 + number, how=subprocess.Popen)
    try:
        assert fleet.sql("SELECT DISTINCT status FROM sim.meters") == [("RUNNING",)]
        with Judge(fleet.meters[0]) as judge:
            assert fleet.end(number) == 0
            with pytest.raises((AssertionError, OSError)):
                judge.get(8, CLOCK)
    finally:
        fleet.end(signal.SIGKILL)
    assert fleet.sql("SELECT DISTINCT status FROM sim.meters") == [("STOPPED",)]
    assert "Traceback" not in fleet.log.read_text()


def test_a_second_process_on_the_same_fleet_is_refused(three: Spawned, home_of_three: Path) -> None:
    words = (*AT, "--history", "2d", "--seed", 31, "--listen", f"wrapper,address=127.43.0.1,port={free_port()}")
    done = run("spawn", 3, *words, home=home_of_three)
    assert done.returncode == 2
    assert "this fleet is served already; stop it there" in done.stderr
    with Judge(three.meters[0]) as judge:
        assert judge.get(3, ENERGY).result == 0
    assert three.sql("SELECT DISTINCT host, status FROM sim.meters") == [("127.0.0.1", "RUNNING")]


def test_another_fleet_in_the_same_database_is_refused(three: Spawned, home_of_three: Path) -> None:
    done = run("spawn", 4, "--database", three.dsn, *AT, home=home_of_three)
    assert done.returncode == 2


# ------------------------------------------------------------------------------------------------------ what it tells


def test_inventory_lists_what_the_ready_event_said(three: Spawned, home_of_three: Path) -> None:
    listed = run("inventory", "--json", home=home_of_three)
    assert (listed.returncode, listed.stderr) == (0, "")
    assert json.loads(listed.stdout) == three.ready["meters"]
    rows = list(csv.DictReader(run("inventory", "--csv", home=home_of_three).stdout.splitlines()))
    told = [(row["serial"], row["host"], int(row["port"]), row["client_32_password"]) for row in rows]
    assert told == [tuple(meter) for meter in three.meters]
    with Judge(three.meters[2], READER) as judge:
        assert judge.get(1, NAME).value == rows[2]["logical_device_name"]


def test_db_status_counts_the_rows(three: Spawned, home_of_three: Path) -> None:
    done = run("db", "status", "--json", home=home_of_three)
    facts: dict[str, Any] = json.loads(done.stdout)
    assert facts["dsn"] == three.dsn
    assert facts["server"].startswith("PostgreSQL")
    assert facts["tier"] in ("none", "apache", "timescale")
    assert facts["rows"]["meters"] == 3
    assert facts["rows"]["block_load_profile"] == 3 * (2 * 48 + 20)
    assert facts["clock_ms"] == three.clock()["now_ms"]
    shown = run("clock", home=home_of_three).stdout.partition(",")[0]
    assert shown.endswith("+0530")
    assert f"clock  {shown}\n" in run("db", "status", home=home_of_three).stdout


def test_obis_check_find_and_check(home_of_three: Path) -> None:
    done = run("obis", "check", home=home_of_three)
    assert done.returncode == 0
    assert "is15959.csv: " in done.stdout
    assert "is15959-1ph-integer.yaml: " in done.stdout
    assert ENERGY in run("obis", "find", "energy", "Wh", "import", home=home_of_three).stdout


def read(home: Path, meter: Meter, *words: object) -> dict[str, Any]:
    done = run("read", f"{meter.host}:{meter.port}", *words, "--json", home=home)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_read_shows_real_values_and_finds_the_password_itself(three: Spawned, home_of_three: Path) -> None:
    meter = three.meters[1]
    text = json.dumps(read(home_of_three, meter, "--client", "mr", "serial", "clock", ENERGY))
    ((shown,),) = three.sql(
        """SELECT d.cumulative_kwh_import + sum(b.kwh_import) FROM sim.daily_load_profile d
             JOIN sim.block_load_profile b ON b.meter_id = d.meter_id AND b.capture_time > d.capture_date
             JOIN sim.meters m ON m.id = d.meter_id
            WHERE meter_number = %s AND d.capture_date = '2025-06-10' GROUP BY d.id""",
        meter.serial,
    )
    assert meter.serial in text
    assert "2025-06-10T10:00:00" in text
    assert meter.password not in text
    with Judge(meter) as judge:
        assert judge.get(3, ENERGY).value == pytest.approx(float(shown), rel=1e-6)
    assert str(shown).rstrip("0")[:6].replace(".", "") in text.replace(".", "")


def test_read_shows_profile_rows(three: Spawned, home_of_three: Path) -> None:
    meter = three.meters[2]
    document = read(home_of_three, meter, "--client", "mr", "block", "--entries", "1-3")
    text = json.dumps(document)
    rows = three.sql(
        """SELECT to_char(capture_time, 'YYYY-MM-DD"T"HH24:MI:SS'), average_voltage_r FROM sim.block_load_profile
             JOIN sim.meters m ON m.id = meter_id WHERE meter_number = %s ORDER BY capture_time LIMIT 4""",
        meter.serial,
    )
    assert [moment in text for moment, _ in rows] == [True, True, True, False]
    assert all(f"{float(voltage)}" in text for _, voltage in rows[:3])
    assert BLOCK in text


def test_read_without_a_fleet_there_ends_with_1(home_of_three: Path) -> None:
    done = run("read", f"127.0.0.1:{free_port()}", home=home_of_three)
    assert done.returncode == 1
    assert "nothing listens" in done.stderr


def test_clock_shows_steps_and_changes_the_speed(home: Path) -> None:
    with spawned(home, 1, *AT, "--seed", 34) as fleet:
        shown = json.loads(run("clock", "--json", "--database", fleet.dsn, home=home).stdout)
        stepped = json.loads(run("clock", "--step", "6h", "--json", "--database", fleet.dsn, home=home).stdout)
        assert stepped["now_ms"] - shown["now_ms"] == 6 * MS_PER_HOUR
        with Judge(fleet.meters[0]) as judge:
            assert judge.get(7, BLOCK, 7).value == 12
            assert judge.get(8, CLOCK).octets[2:10] == bytes.fromhex("07e9060a02100000")
        assert "speed 60" in run("clock", "--speed", 60, "--database", fleet.dsn, home=home).stdout


# ------------------------------------------------------------------------------------------------- the store's commands


def test_the_server_is_not_stopped_under_a_running_fleet(three: Spawned, home_of_three: Path) -> None:
    done = run("db", "stop", home=home_of_three)
    assert done.returncode == 2
    assert "fleet_3_" in done.stderr
    assert "--force" in done.stderr
    with Judge(three.meters[0]) as judge:
        assert judge.get(3, ENERGY).result == 0


def test_the_shell_takes_the_words_of_psql(three: Spawned, home_of_three: Path) -> None:
    done = run("db", "shell", "--", "-Atc", "SELECT count(*) FROM meters", home=home_of_three)
    assert (done.returncode, done.stdout.strip()) == (0, "3")


def test_the_clock_is_told_in_the_meters_own_time(three: Spawned, home_of_three: Path) -> None:
    done = run("clock", home=home_of_three)
    assert done.returncode == 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0530, speed [\d.]+\n", done.stdout)
