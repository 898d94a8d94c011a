# SPDX-License-Identifier: MIT
"""The statements for TimescaleDB's own licence, as far as they can be judged without a server of that licence: a server
of the Apache licence knows the same functions, and refuses to run them by the licence alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib.resources import files

import psycopg
import pytest
from hes_bench import METER

from simulator.hes.database import HesDatabase, is_too_old

_SQL = files("simulator.hes").joinpath("sql")
_COMMUNITY = _SQL.joinpath("community.sql").read_text("utf-8")
_AGGREGATE = _SQL.joinpath("aggregate_community.sql").read_text("utf-8")


@pytest.fixture
def apache(apache_server: Callable[[], str]) -> Iterator[HesDatabase]:
    with HesDatabase.open(apache_server()) as database:
        database.install()
        database.connection.execute(
            "INSERT INTO public.meters (id, meter_number, meter_type) VALUES (%s, 'M17', 'D1')", [METER]
        )
        yield database


def test_segments_are_made_by_all_columns_of_keys(hes: HesDatabase) -> None:
    """Else: column "obis_code_id" must be used for segmenting (tsl/src/compression/create.c)."""
    found = re.search(r"FOR policy IN\n(\s+SELECT p\.relation.*?)LOOP", _COMMUNITY, re.DOTALL)
    assert found is not None
    segments = {row[0]: set(row[3].split(", ")) for row in hes.connection.execute(found[1].encode())}
    assert len(segments) == 9
    assert segments["public.meter_readings"] == {"meter_id", "reading_type"}
    assert segments["hes.energy_measurements"] == {"meter_id", "obis_code_id", "reading_type", "measurement_type"}
    assert segments["hes.voltage_measurements"] == {"meter_id", "obis_code_id", "phase"}
    assert segments["hes.block_load_profile"] == {"meter_id", "obis_code_id"}
    assert segments["hes.billing_profile"] == {"meter_id", "obis_code_id", "reset_count"}


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT add_retention_policy('hes.block_load_profile'::regclass, interval '3 years', if_not_exists => true)",
        "SELECT add_retention_policy('hes.billing_profile'::regclass, interval '3 years', if_not_exists => true)",
        "ALTER TABLE hes.block_load_profile SET (timescaledb.compress, timescaledb.compress_segmentby = 'meter_id',"
        " timescaledb.compress_orderby = 'capture_time DESC')",
        "SELECT add_compression_policy('hes.block_load_profile'::regclass, interval '7 days', if_not_exists => true,"
        " initial_start => now() + interval '1 hour')",
        "SELECT add_continuous_aggregate_policy('hes.block_load_profile', start_offset => interval '32 days',"
        " end_offset => interval '1 hour', schedule_interval => interval '1 hour')",
        "SELECT remove_retention_policy('hes.block_load_profile'::regclass, if_exists => true)",
        "SELECT remove_compression_policy('hes.block_load_profile'::regclass, if_exists => true)",
        "SELECT decompress_chunk(chunk, true) FROM show_chunks('hes.block_load_profile'::regclass) AS chunk",
    ],
)
def test_only_the_licence_is_against_it(apache: HesDatabase, statement: str) -> None:
    """Names and types of arguments are those of the server; community.sql and the reverts use them so."""
    apache.connection.execute("INSERT INTO hes.block_load_profile (meter_id, capture_time) VALUES (%s, now())", [METER])
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="license"):
        apache.connection.execute(statement.encode())


def test_the_buckets_are_the_days_of_the_view(apache: HesDatabase) -> None:
    """A block belongs to the day in which it began, in the meters' zone; that at midnight to the day before."""
    apache.connection.execute(
        "INSERT INTO hes.block_load_profile (meter_id, capture_time, kwh_import) SELECT %s, at, 0.125 FROM"
        " generate_series('2025-05-31 18:00Z'::timestamptz, '2025-06-02 18:30Z', interval '30 minutes') AS at",
        [METER],
    )
    found = re.search(r"AS\n(\s+SELECT meter_id, time_bucket.*?)WITH NO DATA", _AGGREGATE, re.DOTALL)
    assert found is not None
    buckets = f"""SELECT meter_id, bucket - interval '1 second' AS day, kwh_import, blocks
                  FROM ({found[1].replace("%L", "'Asia/Kolkata'")}) AS buckets ORDER BY 1, 2"""
    days = "SELECT meter_id, day, kwh_import, blocks FROM hes.daily_load_profile_agg ORDER BY 1, 2"
    both = [apache.connection.execute(query.encode()).fetchall() for query in (buckets, days)]
    assert both[0] == both[1]
    assert [row[3] for row in both[0]] == [2, 48, 48]


@pytest.mark.parametrize(
    ("version", "is_old"), [("2.14.2", True), ("2.15.0", False), ("2.20.0-dev", False), ("3.0", False)]
)
def test_what_cannot_make_the_aggregate_is_told_by_its_version(version: str, is_old: bool) -> None:
    assert is_too_old(version) is is_old
