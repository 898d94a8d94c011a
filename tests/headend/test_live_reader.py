# SPDX-License-Identifier: GPL-2.0-only
"""The reader against a running fleet: all that it may read, with its scaler and unit, equals what SQL says."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

import pytest
from live import BLOCK, CLOCK, ENERGY, MESSAGE, Spawned, free_port, spawned
from psycopg.conninfo import conninfo_to_dict
from typer.testing import CliRunner

from simulator.cli import app
from simulator.headend.failures import AssociationRefused, WriteRefused
from simulator.headend.reader import MeterReader
from simulator.headend.tables import read_everything
from simulator.headend.values import Value
from simulator.store.embedded import EmbeddedPostgres
from simulator.wire.axdr import Data
from simulator.wire.codes import DataAccessResult, Tag

INDIA = dt.timezone(dt.timedelta(hours=5, minutes=30))
AT = dt.datetime(2025, 6, 10, 10, tzinfo=INDIA)


@pytest.fixture(scope="module")
def fleet(postgres: EmbeddedPostgres) -> Iterator[Spawned]:
    options = ("--model", "is15959-1ph-integer", "--history", "2d", "--start", AT.isoformat(), "--speed", 0)
    with spawned(postgres.home, 2, *options, "--seed", 71) as fleet:
        yield fleet


@pytest.fixture(params=[128, 65535])
def reader(fleet: Spawned, request: pytest.FixtureRequest) -> Iterator[MeterReader]:
    meter = fleet.meters[1]
    password = meter.password.encode()
    with MeterReader(meter.host, meter.port, client=32, password=password, max_pdu=request.param) as reader:
        yield reader


def test_everything_readable_is_read_without_a_refusal(reader: MeterReader) -> None:
    readings = list(read_everything(reader))
    assert len(readings) > 80
    answers = [answer for reading in readings for answer in reading.attributes.values()]
    assert len(answers) > 400
    assert all(isinstance(answer, Value) for answer in answers)


def test_a_register_is_what_sql_adds_up_to(fleet: Spawned, reader: MeterReader) -> None:
    ((kwh,),) = fleet.sql(
        """SELECT d.cumulative_kwh_import + sum(b.kwh_import) FROM sim.daily_load_profile d
             JOIN sim.block_load_profile b ON b.meter_id = d.meter_id AND b.capture_time > d.capture_date
             JOIN sim.meters m ON m.id = d.meter_id
            WHERE meter_number = %s AND d.capture_date = '2025-06-10' GROUP BY d.id""",
        fleet.meters[1].serial,
    )
    energy = reader.read(ENERGY)
    assert (energy.value, energy.unit) == (kwh * 1000, "Wh")
    assert reader.read(CLOCK).value == AT


def test_profile_rows_are_those_of_the_table(fleet: Spawned, reader: MeterReader) -> None:
    table = reader.profile(BLOCK, start=AT - dt.timedelta(hours=6), end=AT)
    columns = [f"{column.obis}" for column in table.columns]
    voltage, energy = columns.index("1.0.12.27.0.255"), columns.index("1.0.1.29.0.255")
    rows = fleet.sql(
        """SELECT capture_time, average_voltage_r, kwh_import FROM sim.block_load_profile
             JOIN sim.meters m ON m.id = meter_id WHERE meter_number = %s ORDER BY capture_time DESC LIMIT 13""",
        fleet.meters[1].serial,
    )
    read = [(row[0].replace(tzinfo=None), row[voltage], row[energy] / Decimal(1000)) for row in table.rows]
    assert read == rows[::-1]


def test_a_write_is_there_for_another_reader(fleet: Spawned, reader: MeterReader) -> None:
    text = f"message {reader.conformance}"
    reader.write(MESSAGE, 2, Data(Tag.VISIBLE_STRING, text.encode()))
    meter = fleet.meters[1]
    with MeterReader(meter.host, meter.port, client=32, password=meter.password.encode()) as other:
        assert other.read(MESSAGE).value == text
    assert fleet.sql("SELECT value FROM sim.attribute_values WHERE logical_name = %s", MESSAGE) == [(text,)]
    with pytest.raises(WriteRefused) as refused:
        reader.write(CLOCK, 2, Data(Tag.OCTET_STRING, bytes(12)))
    assert refused.value.result is DataAccessResult.READ_WRITE_DENIED


def test_a_wrong_password_is_told(fleet: Spawned) -> None:
    meter = fleet.meters[1]
    with pytest.raises(AssociationRefused, match="password"):
        MeterReader(meter.host, meter.port, client=32, password=b"0123456789abcdef").connect()


def test_a_password_opens_its_own_meter_only(fleet: Spawned) -> None:
    first, second = fleet.meters
    with pytest.raises(AssociationRefused):
        MeterReader(first.host, first.port, client=32, password=second.password.encode()).connect()


def test_a_meter_of_a_fleet_is_named_by_its_number(fleet: Spawned, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its place and its keys are found; other fleets of this machine are named, or found by the place."""
    monkeypatch.setenv("METERFLEET_HOME", str(fleet.log.parent))
    second, name = fleet.meters[1], str(conninfo_to_dict(fleet.dsn)["dbname"])
    place = f"wrapper,address=127.61.0.1,port={free_port()}"
    with spawned(fleet.log.parent, 1, "--seed", 72, listen=place) as last:
        for words in (("2", "--fleet", name), (second.serial, "--fleet", name), (f"{second.host}:{second.port}",)):
            done = CliRunner().invoke(app, ["read", words[0], "serial", "--client", "us", "--json", *words[1:]])
            assert done.exit_code == 0, done.output
            assert second.serial in done.stdout
        done = CliRunner().invoke(app, ["read", "1", "serial", "--client", "mr"])
        assert last.meters[0].serial in done.stdout
        monkeypatch.setenv("METERFLEET_HOME", "/nowhere")
        done = CliRunner().invoke(app, ["read", "1", "serial", "--client", "mr", "--home", str(fleet.log.parent)])
        assert last.meters[0].serial in done.stdout
        monkeypatch.setenv("METERFLEET_HOME", str(fleet.log.parent))
        done = CliRunner().invoke(app, ["read", "7", "serial"])
        assert (done.exit_code, "has no meter 7" in done.stderr) == (2, True)
