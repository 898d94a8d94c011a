# SPDX-License-Identifier: MIT
"""Every SQL block of the seed documents 000 and 004 runs as it is written, once its relations are there.

None of them needs TimescaleDB. What a seed contradicts itself in is resolved in our schema, and said here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from simulator.hes.database import HesDatabase

_BLOCK = re.compile(r"^-- block: (\d+) (.*)\n", re.MULTILINE)
_, *_PARTS = _BLOCK.split((Path(__file__).parent / "seed_blocks.sql").read_text())
BLOCKS = {(seed, name): text.strip() for seed, name, text in zip(_PARTS[::3], _PARTS[1::3], _PARTS[2::3], strict=True)}
SIMULATOR = [text for (seed, _), text in BLOCKS.items() if seed == "004"]
_CREATED = re.compile(r"CREATE (TABLE|VIEW) (\w+)")
_COLUMNS = """
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"""


@pytest.fixture
def seeded(database: str) -> Iterator[psycopg.Connection[Any]]:
    """The blocks of 004 in a schema of their own; what they only name (schedule_entries, …) is found in ours."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA seed; SET search_path = seed, sim")
        for block in SIMULATOR:
            connection.execute(block.encode())
        yield connection


def columns(connection: psycopg.Connection[Any], relation: str) -> list[tuple[str, str]]:
    return connection.execute(_COLUMNS, [relation]).fetchall()


def test_all_blocks_are_here() -> None:
    assert len(SIMULATOR) == 13
    assert [name for seed, name in BLOCKS if seed == "000"] == ["Validation Triggers", "Timestamp Update Triggers"]


def test_our_relations_begin_like_the_seeds(seeded: psycopg.Connection[Any]) -> None:
    """Same columns, same types, same order; ours may have more of them at the end."""
    made = [_CREATED.search(block) for block in SIMULATOR]
    names = [found.group(2) for found in made if found]
    assert len(names) == 13
    for name in names:
        theirs, ours = columns(seeded, f"seed.{name}"), columns(seeded, f"sim.{name}")
        kept = [column for column in ours if column[0] in dict(theirs)]
        assert kept == theirs, name


def test_the_views_of_the_seed_find_what_they_name(seeded: psycopg.Connection[Any]) -> None:
    """`schedule_entries` and the three tables of measurements are ours, the rest the seed's."""
    seeded.execute(
        "INSERT INTO seed.obis_codes (logical_name, class_id) VALUES ('0.0.15.0.4.255', 22);"
        "INSERT INTO seed.push_schedules (obis_code_id, schedule_type) VALUES (1, 'ONE_HOUR');"
        "INSERT INTO sim.meters (id, meter_number, meter_type)"
        " VALUES ('00000000-0000-4000-8000-000000000017', 'M17', 'D1');"
        "SET sim.meter_id = '00000000-0000-4000-8000-000000000017';"
        "INSERT INTO sim.obis_codes (logical_name, class_id) VALUES ('0.0.15.0.4.255', 22);"
        "INSERT INTO sim.push_schedules (obis_code_id, schedule_type) VALUES (1, 'ONE_HOUR');"
        "INSERT INTO sim.schedule_entries (schedule_id, time_pattern, comment) VALUES (1, 'FF:00:00:FF', 'hourly')"
    )
    assert seeded.execute("SELECT * FROM seed.active_schedules").fetchall() == [
        (1, "ONE_HOUR", "0.0.15.0.4.255", "FF:00:00:FF", "hourly")
    ]
    assert seeded.execute("SELECT logical_name FROM seed.latest_measurements").fetchall() == [("0.0.15.0.4.255",)]


def _as_trigger(block: str) -> str:
    """A rule of 000 as PL/pgSQL takes it: of the new row, with an end to each statement."""
    of_row = re.sub(r"(?<![.\w])(quality|validation_status)\b", r"NEW.\1", block)
    return re.sub(r"('\w+'|CURRENT_TIMESTAMP|END IF)$", r"\1;", of_row, flags=re.MULTILINE)


@pytest.mark.parametrize("quality", [0, 64, 191, 192, 216])
def test_the_rules_of_000_do_what_our_triggers_do(database: str, quality: int) -> None:
    """Validation, and the time of modification in created_at (C-04); the default is VALID (C-05)."""
    with HesDatabase.open(database) as hes:
        hes.install()
        hes.connection.execute(
            "CREATE SCHEMA seed; CREATE TABLE seed.readings (quality integer, created_at timestamptz,"
            " validation_status varchar(20) DEFAULT 'VALID')"
        )
        for event, (name, block) in zip(
            ("INSERT OR UPDATE", "UPDATE"), [(n, b) for (seed, n), b in BLOCKS.items() if seed == "000"], strict=True
        ):
            function = name.lower().replace(" ", "_")
            hes.connection.execute(
                f"CREATE FUNCTION seed.{function}() RETURNS trigger LANGUAGE plpgsql"
                f" AS $$ BEGIN {_as_trigger(block)} RETURN NEW; END $$;"
                f"CREATE TRIGGER {function} BEFORE {event} ON seed.readings FOR EACH ROW"
                f" EXECUTE FUNCTION seed.{function}()".encode()
            )
        hes.connection.execute(
            "INSERT INTO public.meters (meter_number, meter_type) VALUES ('M17', 'D1');"
            f"INSERT INTO seed.readings (quality) VALUES ({quality}); UPDATE seed.readings SET quality = quality;"
            "INSERT INTO public.meter_readings (meter_id, timestamp, reading_type, quality, created_at)"
            f" SELECT id, now(), 'VOLTAGE', {quality}, '2000-01-01' FROM public.meters;"
            "UPDATE public.meter_readings SET quality = quality".encode()
        )
        told = "SELECT validation_status, created_at > now() - interval '1 hour' FROM"
        (theirs,) = hes.connection.execute(f"{told} seed.readings".encode()).fetchall()
        assert hes.connection.execute(f"{told} public.meter_readings".encode()).fetchall() == [theirs]
        assert theirs == ("UNVALIDATED" if quality < 192 else "VALID", True)
