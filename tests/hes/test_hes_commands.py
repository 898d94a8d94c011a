# SPDX-License-Identifier: MIT
"""`db init --hes`, `db status` and `db maintain` as their user meets them, and what verification refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from simulator.cli import app
from simulator.errors import UserError
from simulator.hes.database import HesDatabase
from simulator.hes.maps import TRUTHS, read_maps
from simulator.hes.review import checked_value, in_own_unit
from simulator.hes.verifying import reading


def call(*words: str) -> Result:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.exception
    return result


def test_status_names_who_keeps_each_promise(database: str) -> None:
    """S000-02: `public.meter_readings: hypertable (emulated)`."""
    assert "the head-end's tables are made" in call("db", "init", "--hes", "--database", database).stdout
    assert "the head-end's tables are there" in call("db", "init", "--hes", "--database", database).stdout
    told = json.loads(call("db", "status", "--database", database, "--json").stdout)["head_end"]
    assert "public.meter_readings: hypertable (emulated)" in told
    assert "hes.block_load_profile: retention (emulated)" in told
    assert "hes.block_load_profile: compression (not on this tier)" in told  # nothing emulates it


@pytest.mark.parametrize(
    "line", ["db init --hes", "db migrate --hes", "headend --once --retries 0 --inventory {inventory}"]
)
def test_another_time_zone_than_that_of_the_tables_is_refused_and_none_is_needed(
    database: str, tmp_path: Path, line: str
) -> None:
    """The days of the tables are cut in one zone, for good."""
    call("db", "init", "--hes", "--hes-database", database, "--timezone", "Europe/Berlin")
    inventory = tmp_path / "none.json"
    inventory.write_text('[{"serial": "1", "host": "127.0.0.1", "port": 9, "clients": [{"sap": 32, "password": "0"}]}]')
    words = [*line.format(inventory=inventory).split(), "--hes-database", database]
    told = str(CliRunner().invoke(app, [*words, "--timezone", "Asia/Kolkata"]).exception)
    assert told == (
        "--timezone Asia/Kolkata: the days of these tables are those of Europe/Berlin; leave it out, or make the "
        "tables anew, without their data, by `meterfleet db init --hes --fresh --timezone Asia/Kolkata`"
    )
    assert not isinstance(CliRunner().invoke(app, words).exception, UserError)
    with HesDatabase.open(database) as hes:
        assert hes.timezone() == "Europe/Berlin"
        zones = hes.connection.execute("SELECT DISTINCT timezone FROM public.meters").fetchall()
    assert zones == ([("Europe/Berlin",)] if "headend" in line else [])


def test_status_says_how_to_get_the_tables(database: str) -> None:
    (hint,) = json.loads(call("db", "status", "--database", database, "--json").stdout)["head_end"]
    assert "meterfleet db init --hes" in hint


def test_maintenance_says_first_what_it_would_do(database: str) -> None:
    """S000-24, S000-25."""
    call("db", "init", "--hes", "--database", database)
    with HesDatabase.open(database) as hes:
        hes.connection.execute("INSERT INTO public.meters (meter_number, meter_type) VALUES ('M17', 'D1')")
        hes.connection.execute(
            "INSERT INTO public.meter_readings (meter_id, timestamp, reading_type, value)"
            " SELECT id, now() - age, 'ACTIVE_ENERGY_IMPORT', 1 FROM public.meters,"
            " unnest(ARRAY[interval '1 year', interval '1 day', interval '-1 year']) AS age"
        )
        would = call("db", "maintain", "--database", database, "--dry-run").stdout
        assert "would: public.meter_readings: rows older than 90 days deleted: 1" in would
        assert "would: hes.block_load_profile: statistics brought up to date" in would
        assert hes.connection.execute("SELECT count(*) FROM public.meter_readings").fetchone() == (3,)
        call("db", "maintain", "--database", database)
        assert hes.connection.execute("SELECT count(*) FROM public.meter_readings").fetchone() == (2,)


def test_retention_is_counted_from_the_newest_row(database: str) -> None:
    """A fleet may live in any year: of a week that is long past by the server's clock, all is kept."""
    call("db", "init", "--hes", "--database", database)
    with HesDatabase.open(database) as hes:
        hes.connection.execute(
            "INSERT INTO public.meters (meter_number, meter_type) VALUES ('M17', 'D1');"
            "INSERT INTO hes.instant_profile (meter_id, timestamp) SELECT id, '2025-06-08'::timestamptz - age"
            " FROM public.meters, unnest(ARRAY[interval '0', interval '7 days', interval '1 year']) AS age;"
            "INSERT INTO hes.instant_profile (meter_id, timestamp, communication_status)"
            " SELECT id, now(), 'TIMEOUT' FROM public.meters;"  # said by no meter
            "INSERT INTO hes.billing_profile (meter_id, billing_date) SELECT id, date"
            " FROM public.meters, unnest(ARRAY['1999-12-01', '1989-12-15', '1989-11-15']::date[]) AS date"
        )
        call("db", "maintain", "--database", database)
        newest = "SELECT (SELECT count(*) FROM hes.instant_profile), (SELECT count(*) FROM hes.billing_profile)"
        assert hes.connection.execute(newest.encode()).fetchone() == (3, 2)


def test_retention_does_not_hang_on_one_meter_whose_clock_is_ahead(database: str) -> None:
    """Else what all others have of a week that is long past would be deleted with its next maintenance."""
    call("db", "init", "--hes", "--database", database)
    with HesDatabase.open(database) as hes:
        hes.connection.execute(
            "INSERT INTO public.meters (meter_number, meter_type) SELECT 'M' || n, 'D1' FROM generate_series(1, 3) n;"
            "INSERT INTO hes.instant_profile (meter_id, timestamp) SELECT id, CASE meter_number WHEN 'M1'"
            " THEN '2040-01-01'::timestamptz ELSE '2025-06-08' END - age * interval '1 day'"
            " FROM public.meters, unnest(ARRAY[0, 7, 400]) AS age"
        )
        call("db", "maintain", "--database", database)
        left = (
            "SELECT meter_number, count(*) FROM hes.instant_profile JOIN public.meters m ON m.id = meter_id GROUP BY 1"
        )
        assert dict(hes.connection.execute(left.encode()).fetchall()) == {"M1": 3, "M2": 2, "M3": 2}


def test_our_own_map_compares_every_table() -> None:
    assert read_maps(None).tables().keys() == TRUTHS.keys()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("blocks:\n  from: t\n", "blocks"),
        ("block_load_profile:\n  from: t\n  meter: m\n", "time"),
        (
            "block_load_profile:\n  from: t\n  meter: m\n  time: t\n  columns: {kwh: t.k}\n",
            "block_load_profile has no column",
        ),
    ],
)
def test_every_mistake_in_a_map_is_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=told):
        read_maps(path)


_SPOILT = "postgresql://me:s3cret@[server/hes"


@pytest.mark.parametrize(
    "words",
    [
        ("db", "init", "--hes", "--hes-database", _SPOILT),
        ("db", "migrate", "--database", _SPOILT),
        ("headend", "--once", "--hes-database", _SPOILT, "--inventory"),
    ],
)
def test_a_dsn_that_is_none_is_a_mistake_of_the_user_and_its_password_is_not_shown(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    empty = tmp_path / "meters.csv"
    empty.write_text("serial\n")
    result = CliRunner().invoke(app, [*words, *([str(empty)] if words[-1] == "--inventory" else [])])
    assert isinstance(result.exception, UserError)
    assert "names no database" in str(result.exception)
    assert "s3cret" not in str(result.exception)


def test_tables_that_are_not_as_the_map_says_are_a_mistake_of_the_user(database: str) -> None:
    """Exit code 2, for 1 says that rows differ."""
    with pytest.raises(UserError, match="half_hours"), reading(database) as connection:
        connection.execute("SELECT * FROM public.half_hours")


def test_a_reading_by_hand_is_of_a_type_that_is_known_or_new_on_purpose(database: str) -> None:
    """A word misspelt would be a series of its own that nobody looks for."""
    call("db", "init", "--hes", "--database", database)
    with HesDatabase.open(database) as hes:
        hes.connection.execute("INSERT INTO public.meters (meter_number, meter_type) VALUES ('M17', 'D1')")

        def put(kind: str, *more: str, value: str = "1000") -> Result:
            at = ("--at", "2025-06-01T00:00:00+05:30", "--hes-database", database)
            return CliRunner().invoke(app, ["hes", "put", "M17", kind, value, *at, *more])

        assert "did you mean ACTIVE_ENERGY_IMPORT?" in str(put("ACTIVE_ENERGY_IMPROT").exception)
        assert "--new-type" in str(put("GAS_VOLUME").exception)
        assert "capitals" in str(put("gas volume", "--new-type").exception)
        assert "write a number" in str(put("TAMPERS", value="nan").exception)
        assert put("GAS_VOLUME", "--new-type").stdout == put("TAMPERS").stdout == "stored\n"
        assert put("MAX_DEMAND_ACTIVE_IMPORT").stdout == "stored\n"
        kinds = hes.connection.execute("SELECT reading_type, unit FROM public.meter_readings ORDER BY 1").fetchall()
        assert kinds == [("GAS_VOLUME", None), ("MAX_DEMAND_ACTIVE_IMPORT", "W"), ("TAMPERS", None)]


@pytest.mark.parametrize(
    ("kind", "value", "unit", "stored"),
    [
        ("ACTIVE_ENERGY_IMPORT", "0.1", "kWh", (100.0, "Wh")),
        ("ACTIVE_ENERGY_IMPORT", "12832.601", "kWh", (12832601.0, "Wh")),  # a float times 1000 has another digit
        ("APPARENT_ENERGY_EXPORT", "1.5", "MVAh", (1_500_000.0, "VAh")),
        ("VOLTAGE_R", "230.4", "V", (230.4, "V")),
        ("GAS_VOLUME", "7", "m³", (7.0, "m³")),
    ],
)
def test_a_reading_by_hand_is_kept_in_the_unit_of_its_type(
    kind: str, value: str, unit: str, stored: tuple[float, str]
) -> None:
    assert in_own_unit(kind, float(value), unit) == stored


@pytest.mark.parametrize(
    ("kind", "unit", "told"),
    [
        ("ACTIVE_ENERGY_IMPORT", "banana", "Wh, kWh or MWh"),
        ("ACTIVE_ENERGY_IMPORT", "VAh", "Wh, kWh or MWh"),
        ("ACTIVE_ENERGY_IMPORT", "mWh", "Wh, kWh or MWh"),
        ("TAMPERS", "Wh", "no unit"),
    ],
)
def test_a_unit_that_is_not_of_the_type_is_refused(kind: str, unit: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        in_own_unit(kind, 1.0, unit)


@pytest.mark.parametrize(("value", "unit"), [(1e99, None), (-1e15, "Wh"), (1e12, "MWh"), (1e308, "MWh")])
def test_no_meter_counts_so_far(value: float, unit: str | None) -> None:
    with pytest.raises(UserError, match="one is less than 1e\\+15"):
        checked_value("ACTIVE_ENERGY_IMPORT", value, unit)


def test_the_unit_of_a_reading_that_is_there_is_put_right(database: str) -> None:
    """Rows that an older version took in kWh."""
    call("db", "init", "--hes", "--database", database)
    with HesDatabase.open(database) as hes:
        hes.connection.execute(
            "INSERT INTO public.meters (meter_number, meter_type) VALUES ('M17', 'D1');"
            "INSERT INTO public.meter_readings (meter_id, timestamp, reading_type, value, unit, quality)"
            " SELECT id, '2025-06-01Z', 'ACTIVE_ENERGY_IMPORT', 1000, 'kWh', 96 FROM public.meters"
        )
        where = ("--at", "2025-06-01T00:00:00+00:00", "--hes-database", database)
        assert call("hes", "put", "M17", "ACTIVE_ENERGY_IMPORT", "1", "--unit", "kWh", *where).stdout == "stored\n"
        found = hes.connection.execute("SELECT value, unit FROM public.meter_readings").fetchall()
    assert found == [(1000.0, "Wh")]


def test_the_audit_is_json_whatever_values_there_were(database: str) -> None:
    """RFC 8259: there is no NaN."""
    call("db", "init", "--hes", "--database", database)
    with HesDatabase.open(database) as hes:
        hes.connection.execute(
            "INSERT INTO public.meters (meter_number, meter_type) VALUES ('M17', 'D1');"
            "INSERT INTO public.meter_readings (meter_id, timestamp, reading_type, value)"
            " SELECT id, '2025-06-01Z', 'TAMPERS', 'NaN' FROM public.meters"
        )
    text = call("hes", "audit", "--meter", "M17", "--json", "--hes-database", database).stdout
    (change,) = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert (change["new_value"], change["timestamp"]) == ("nan", "2025-06-01 00:00:00+00:00")
    shown = call("hes", "audit", "--meter", "M17", "--hes-database", database).stdout
    assert "2025-06-01 05:30:00 +0530" in shown  # of the tables' zone


@pytest.mark.parametrize(
    "words",
    [
        ("profile", "export", "--from", "2025-06-01", "--to", "2025-06-02"),
        ("profile", "export", "--from", "0001-01-01", "--to", "9999-12-31"),
        ("hes", "audit"),
    ],
)
def test_a_meter_that_is_not_there_is_a_mistake_of_the_user(database: str, words: tuple[str, ...]) -> None:
    """Exit code 2: no rows would look like a meter that has said nothing."""
    call("db", "init", "--hes", "--database", database)
    result = CliRunner().invoke(app, [*words, "--meter", "99", "--hes-database", database])
    assert isinstance(result.exception, UserError)
    assert "there is no meter 99" in str(result.exception)
