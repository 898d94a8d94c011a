# SPDX-License-Identifier: GPL-2.0-only
"""The reference head-end end to end: a real fleet, DLMS by gurux, PostgreSQL; and what `verify` finds."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from databases_bench import change, collect, count, headend_line, invoke, killed_midway, made, verify
from live import Spawned, run, spawned, sql
from psycopg.conninfo import conninfo_to_dict

from simulator.store.embedded import EmbeddedPostgres

_METERS = 20
_BLOCKS = 48 * 2 + 20  # two days, and ten hours of the third
_AT = ("--start", "2025-06-02T10:00:00+05:30", "--speed", 0, "--history", "2d")  # across the end of a month
_CODES = (101, 102, 151)


@pytest.fixture(scope="module")
def fleet(postgres: EmbeddedPostgres) -> Iterator[Spawned]:
    with spawned(postgres.home, _METERS, *_AT, "--seed", 61) as fleet:
        fleet.inject("1-5", *_CODES)
        yield fleet


@pytest.fixture(scope="module")
def collected(postgres: EmbeddedPostgres, fleet: Spawned) -> Iterator[str]:
    """Everything that the fleet had to say, read once. Tests must not change it."""
    with made(postgres) as dsn:
        collect(fleet, dsn)
        yield dsn


@pytest.fixture
def copied(postgres: EmbeddedPostgres, collected: str) -> Iterator[str]:
    """What was collected, to be changed."""
    with made(postgres, str(conninfo_to_dict(collected)["dbname"])) as dsn:
        yield dsn


# ------------------------------------------------------------------------------------------------ nothing is lost


def test_what_the_head_end_has_is_what_the_meters_said(fleet: Spawned, collected: str) -> None:
    code, found = verify(fleet, collected)
    assert (code, found["findings"]) == (0, [])
    assert found["meters"] == _METERS
    tables = found["tables"]
    assert tables["block_load_profile"]["rows"] == _METERS * _BLOCKS
    assert tables["daily_load_profile"]["rows"] == _METERS * 2
    assert tables["billing_profile"]["rows"] == _METERS
    assert tables["instant_profile"]["rows"] == _METERS
    assert tables["event_logs"]["rows"] >= 5 * len(_CODES)


def test_readings_are_the_original_times_its_power_of_ten(collected: str) -> None:
    for relation in (
        "public.meter_readings",
        "hes.power_readings",
        "hes.energy_measurements",
        "hes.voltage_measurements",
        "hes.current_measurements",
    ):
        (row,) = sql(
            collected,
            f"SELECT count(*), count(*) FILTER (WHERE abs(value - original_value * 10.0 ^ scaling_factor)"
            f" > 1e-12 * abs(value)) FROM {relation}",
        )
        assert row[0] > 0
        assert row[1] == 0


def test_what_was_read_is_validated_and_audited(collected: str) -> None:
    """S000-21: the triggers, on real rows."""
    assert count(collected, "public.meter_readings WHERE (quality < 192) <> (validation_status = 'UNVALIDATED')") == 0
    audited = count(collected, "hes.meter_readings_audit WHERE operation = 'I' AND modified_by IS NOT NULL")
    assert audited == count(collected, "public.meter_readings") > 0


def test_an_interval_is_the_difference_of_two_registers(fleet: Spawned, collected: str) -> None:
    """S000-04: intervals of a day sum to what the daily profile's registers differ by."""
    (row,) = sql(
        collected,
        """SELECT count(*), max(abs(interval_wh - register_wh)) FROM (
             SELECT d.meter_id, (d.cumulative_kwh_import - before.cumulative_kwh_import) * 1000 AS register_wh,
                    (SELECT sum(value) FROM hes.energy_measurements e
                     WHERE e.meter_id = d.meter_id AND measurement_type = 'INTERVAL'
                       AND reading_type = 'ACTIVE_ENERGY_IMPORT'
                       AND timestamp > before.capture_date::timestamp AT TIME ZONE 'Asia/Kolkata'
                       AND timestamp <= d.capture_date::timestamp AT TIME ZONE 'Asia/Kolkata') AS interval_wh
             FROM hes.daily_load_profile d JOIN hes.daily_load_profile before
               ON before.meter_id = d.meter_id AND before.capture_date = d.capture_date - 1) AS days""",
    )
    assert row[0] == _METERS
    assert row[1] <= 2  # float32 leaves a register of some thousand kWh with a watt-hour of doubt


def test_days_from_blocks_are_what_the_registers_moved_by(collected: str) -> None:
    """S001-17: the aggregate beside the reported days, where all blocks are there."""
    (row,) = sql(
        collected,
        """SELECT count(*), max(abs(a.kwh_import - (d.cumulative_kwh_import - before.cumulative_kwh_import)))
           FROM hes.daily_load_profile d
           JOIN hes.daily_load_profile before
             ON before.meter_id = d.meter_id AND before.capture_date = d.capture_date - 1
           JOIN hes.daily_load_profile_agg a ON a.meter_id = d.meter_id AND a.blocks = 48
                AND (a.day AT TIME ZONE 'Asia/Kolkata')::date = before.capture_date""",
    )
    assert row[0] == _METERS
    assert row[1] <= 0.002  # float32


def test_the_head_end_logs_what_it_does_itself(collected: str) -> None:
    """S001-05: entries of the system, without a meter."""
    said = sql(collected, "SELECT event_type, meter_id IS NULL FROM hes.event_logs ORDER BY event_timestamp, id")
    assert said[0] == ("START", True)
    assert said[-1] == ("STOP", True)


def test_reading_again_adds_nothing_and_audits_nothing(fleet: Spawned, copied: str) -> None:
    kept = {name: count(copied, name) for name in ("hes.billing_profile", "hes.meter_readings_audit")}
    rows = "xmin::text FROM hes.block_load_profile UNION ALL SELECT xmin::text FROM hes.billing_profile"
    versions = sorted(sql(copied, f"SELECT {rows}"))
    change(copied, "UPDATE public.meters SET status = 'DISCONNECTED'")
    assert ", 0 rows new" in collect(fleet, copied)
    assert {name: count(copied, name) for name in kept} == kept
    assert sorted(sql(copied, f"SELECT {rows}")) == versions


def test_a_gap_is_found_and_filled(fleet: Spawned, copied: str) -> None:
    change(
        copied,
        "DELETE FROM hes.block_load_profile WHERE capture_time BETWEEN '2025-06-01 06:00Z' AND '2025-06-01 09:00Z'",
    )
    assert verify(fleet, copied, "--tables", "block_load_profile")[0] == 1
    collect(fleet, copied, "--profiles", "block")
    assert verify(fleet, copied, "--tables", "block_load_profile")[0] == 0


def test_killed_in_the_middle_and_started_again_nothing_is_missing(fleet: Spawned, empty: str) -> None:
    def begun() -> bool:
        made = sql(empty, "SELECT to_regclass('hes.settings') IS NOT NULL")[0][0]
        return made and count(empty, "hes.block_load_profile") > 0

    killed_midway(fleet, *headend_line(fleet, empty), begun=begun)
    assert count(empty, "hes.block_load_profile") < _METERS * _BLOCKS
    collect(fleet, empty)
    _, found = verify(fleet, empty)
    assert [one for one in found["findings"] if one["table"] != "instant_profile"] == []


# ----------------------------------------------------------------------------------------- what is wrong is found


_WRONG = (
    "ALTER TABLE hes.block_load_profile DROP CONSTRAINT block_load_profile_pkey",
    "DELETE FROM hes.block_load_profile WHERE (meter_id, capture_time) IN"
    " (SELECT meter_id, max(capture_time) FROM hes.block_load_profile GROUP BY 1 ORDER BY 1 LIMIT 2)",
    "DELETE FROM hes.daily_load_profile WHERE (meter_id, capture_date) IN"
    " (SELECT meter_id, max(capture_date) FROM hes.daily_load_profile GROUP BY 1 ORDER BY 1 DESC LIMIT 1)",
    "UPDATE hes.billing_profile SET cumulative_kwh_import = cumulative_kwh_import + 1"
    " WHERE meter_id = (SELECT min(id::text)::uuid FROM public.meters)",
    "INSERT INTO hes.block_load_profile SELECT * FROM hes.block_load_profile ORDER BY meter_id, capture_time LIMIT 1",
)


def test_exactly_the_five_rows_that_were_tampered_with_are_found(fleet: Spawned, copied: str, tmp_path: Path) -> None:
    change(copied, *_WRONG)
    report = tmp_path / "report.html"
    code, found = verify(fleet, copied, "--report", report)
    assert code == 1
    kinds = sorted((one["table"], one["kind"]) for one in found["findings"])
    assert kinds == [
        ("billing_profile", "different"),
        ("block_load_profile", "duplicate"),
        ("block_load_profile", "missing"),
        ("block_load_profile", "missing"),
        ("daily_load_profile", "missing"),
    ]
    (changed,) = (one for one in found["findings"] if one["kind"] == "different")
    said, stored = map(float, changed["columns"]["cumulative_kwh_import"])
    assert stored - said == pytest.approx(1, abs=1e-3)
    text = report.read_text()
    assert all(one["meter"] in text for one in found["findings"])
    assert "http" not in text


def test_rows_that_came_late_are_told_on_request_and_those_that_nobody_said_always(fleet: Spawned, copied: str) -> None:
    change(
        copied,
        "UPDATE hes.daily_load_profile SET inserted_at = inserted_at + interval '3 hours'"
        " WHERE meter_id = (SELECT min(id::text)::uuid FROM public.meters) AND capture_date = '2025-06-01'",
    )
    assert verify(fleet, copied, "--tables", "daily_load_profile")[0] == 0
    code, found = verify(fleet, copied, "--tables", "daily_load_profile", "--late", "2h")
    assert (code, [one["kind"] for one in found["findings"]]) == (1, ["late"])
    change(copied, "UPDATE hes.daily_load_profile SET capture_date = '2025-05-01' WHERE meter_id = (SELECT"
                    " min(id::text)::uuid FROM public.meters) AND capture_date = '2025-06-01'")  # fmt: skip
    _, found = verify(fleet, copied, "--tables", "daily_load_profile")
    assert sorted(one["kind"] for one in found["findings"]) == ["extra", "missing"]


def test_a_map_reads_a_schema_of_another_shape(fleet: Spawned, copied: str, tmp_path: Path) -> None:
    """docs/your-own-head-end.md: wide table in watt-hours, start of the interval, UTC without a zone."""
    docs = Path(__file__).parents[2] / "docs"
    maps = docs / "other-head-end.yaml"
    assert maps.read_text().partition("block_load")[2] in (docs / "your-own-head-end.md").read_text()
    change(
        copied,
        "CREATE TABLE public.half_hours AS SELECT m.meter_number::bigint AS device, (t.capture_time -"
        " interval '30 min') AT TIME ZONE 'UTC' AS started_at, t.kwh_import * 1000 AS import_wh,"
        " t.kwh_export * 1000 AS export_wh, t.inserted_at AS loaded_at FROM hes.block_load_profile t"
        " JOIN public.meters m ON m.id = t.meter_id",
    )
    assert verify(fleet, copied, "--map", maps)[0] == 0
    modulo = tmp_path / "modulo.yaml"  # whatever SQL a map has
    modulo.write_text(maps.read_text().replace("/ 1000.0", "/ (2000.0 % 3000)  * 2"))
    assert verify(fleet, copied, "--map", modulo)[0] == 0
    change(
        copied,
        "DELETE FROM public.half_hours WHERE (device, started_at)"
        " = (SELECT max(device), min(started_at) FROM public.half_hours)",
    )
    code, found = verify(fleet, copied, "--map", maps)
    assert (code, [one["kind"] for one in found["findings"]]) == (1, ["missing"])
    assert list(found["tables"]) == ["block_load_profile"]


def test_a_mistake_in_a_map_is_told_with_its_line(fleet: Spawned, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("block_load_profile:\n  from: t\n  meter: m\n  time: t\n  columns:\n    kwh_imports: t.kwh\n")
    done = run("verify", "--database", fleet.dsn, "--map", wrong, home=fleet.log.parent)
    assert done.returncode == 2
    assert f"{wrong}:6:" in done.stderr


# --------------------------------------------------------------------------------------- other makes, ciphered


@pytest.mark.parametrize(("model", "phases"), [("is15959-3ph", "BRY"), ("is15959-1ph-integer", "R")])
def test_other_makes_are_read_by_a_ciphered_client(
    postgres: EmbeddedPostgres, empty: str, model: str, phases: str
) -> None:
    """S000-05: a voltage for each phase that there is; numbers are exact, whatever the meter sends them as."""
    with spawned(postgres.home, 2, "--model", model, *_AT[:-1], "1d", "--seed", 62) as fleet:
        collect(fleet, empty, "--client", "us")
        code, found = verify(fleet, empty)
    assert (code, found["findings"]) == (0, [])
    assert found["tables"]["block_load_profile"]["rows"] == 2 * (_BLOCKS - 48)
    kinds = {kind for (kind,) in sql(empty, "SELECT DISTINCT split_part(reading_type, '_', 1) FROM hes.power_readings")}
    assert kinds == {"ACTIVE", "APPARENT"} | ({"REACTIVE"} if len(phases) == 3 else set())  # S000-03
    assert sql(empty, "SELECT string_agg(DISTINCT phase, '' ORDER BY phase) FROM hes.voltage_measurements") == [
        (phases,)
    ]
    assert count(empty, "hes.block_load_profile WHERE obis_code_id IS NULL") == 0
    assert count(empty, "hes.voltage_measurements WHERE obis_code_id IS NULL") == 0


# ------------------------------------------------------------------------------------------ by hand, and reviews


def _hes(dsn: str, *words: object) -> str:
    done = invoke(*words, "--hes-database", dsn)
    assert done.exit_code == 0
    return done.stdout


def test_manual_input_is_audited_and_counted(fleet: Spawned, copied: str) -> None:
    """S000-18, S000-22, S000-26."""
    meter = fleet.meters[0].serial
    at = ("--at", "2025-06-01T00:00:00+05:30")
    words = ("hes", "put", meter, "ACTIVE_ENERGY_IMPORT")
    assert _hes(copied, *words, 1000, *at, "--manual") == "stored\n"
    assert _hes(copied, *words, 1000, *at, "--manual") == "it is there already\n"
    assert _hes(copied, *words, 1001, *at, "--validated") == "stored\n"
    (row,) = sql(
        copied,
        "SELECT value, source, quality, validation_status FROM public.meter_readings"
        " WHERE timestamp = '2025-06-01+05:30'",
    )
    assert row == (1001, "MANUAL_READ", 216, "MANUALLY_VALIDATED")
    assert _hes(copied, *words[:3], "VOLTAGE_R", 240, *at, "--simulated") == "stored\n"
    kinds = dict(sql(copied, "SELECT source, count(*) FROM public.meter_readings GROUP BY 1"))
    assert kinds.keys() == {"NORMAL_READ", "MANUAL_READ", "HES_SIMULATOR"}
    changes = json.loads(_hes(copied, "hes", "audit", "--meter", meter, "--since", "1h", "--changed", "--json"))
    assert [(one["operation"], one["old_value"], one["new_value"]) for one in changes] == [("U", 1000, 1001)]
    everything = json.loads(_hes(copied, "hes", "audit", "--meter", meter, "--json"))
    assert {"I", "U"} == {one["operation"] for one in everything}
    counted = json.loads(_hes(copied, "hes", "quality", "--since", "2025-01-01", "--json"))
    total = sum(count(copied, relation) for relation in counted["relations"])
    assert counted["total"] == total == sum(counted["status"].values()) == sum(counted["quality"].values())
    assert counted["quality"]["good by hand"] == 1


def test_a_profile_is_exported_without_a_gap(fleet: Spawned, collected: str) -> None:
    """S001-18: 48 half hours a day."""
    words = ("--meter", fleet.meters[3].serial, "--from", "2025-05-31", "--to", "2025-06-01", "--csv")
    rows = list(csv.DictReader(_hes(collected, "profile", "export", *words).splitlines()))
    assert len(rows) == 96
    assert rows[0]["rtc_timestamp"] == "2025-05-31 00:30:00"
    assert rows[-1]["rtc_timestamp"] == "2025-06-02 00:00:00"
    assert sum(float(row["kwh_import"]) for row in rows) > 0
