# SPDX-License-Identifier: GPL-2.0-only
"""What meters, links and loads do to readings, and what the head-end says of it: communication status and flags."""

from __future__ import annotations

from collections.abc import Iterator

import databases_bench
import pytest
from databases_bench import impatient, made
from live import Spawned, run, spawned, sql

from simulator.store.embedded import EmbeddedPostgres
from simulator.values import MS_PER_HOUR

_AT = ("--start", "2025-06-02T10:00:00+05:30", "--speed", 0, "--history", "6d", "--seed", 64)
_BLOCKS = 48 * 6 + 20
_STATUSES = """
SELECT communication_status, count(*) FROM {} t JOIN public.meters m ON m.id = t.meter_id
WHERE meter_number = %s GROUP BY 1"""
_LOST = 10  # the association view has fewer blocks
_PATIENCE_S = 1.4  # with meter 1, which answers until then


@pytest.fixture(scope="module")
def fleet(postgres: EmbeddedPostgres) -> Iterator[Spawned]:
    with spawned(postgres.home, 3, *_AT) as fleet:
        yield fleet


@pytest.fixture
def hes(postgres: EmbeddedPostgres) -> Iterator[str]:
    with made(postgres) as dsn:
        yield dsn


def collect(fleet: Spawned, hes: str, *words: object) -> None:
    databases_bench.collect(fleet, hes, "--profiles", "block", "--pdu", 1024, *words)


def ordered(fleet: Spawned, *words: object) -> None:
    done = run(*words, "--database", fleet.dsn, home=fleet.log.parent)
    assert done.returncode == 0, done.stderr


def statuses(fleet: Spawned, hes: str, relation: str, meter: int = 1) -> dict[str, int]:
    return dict(sql(hes, _STATUSES.format(relation), fleet.meters[meter - 1].serial))


def differs(fleet: Spawned, hes: str) -> bool:
    words = ("--database", fleet.dsn, "--hes", hes, "--tables", "block_load_profile")
    return run("verify", *words, home=fleet.log.parent).returncode == 1


def test_rows_of_an_answer_that_broke_off_are_kept_and_marked(fleet: Spawned, hes: str) -> None:
    """Blocks of a long GET stop coming (Green Book 9.4.6.3): PARTIAL, until the next read brings it whole."""
    meter = fleet.meters[0]
    ordered(fleet, "link", 1, f"{{lost_block: {_LOST}}}")
    try:
        with impatient(meter.host, meter.port, _PATIENCE_S):
            collect(fleet, hes, "--retries", 0)
    finally:
        ordered(fleet, "link", 1, "--clear")
    came = statuses(fleet, hes, "hes.block_load_profile")
    assert list(came) == ["PARTIAL"]
    assert 10 < came["PARTIAL"] < _BLOCKS
    assert statuses(fleet, hes, "hes.energy_measurements").keys() == {"PARTIAL"}
    assert statuses(fleet, hes, "hes.block_load_profile", meter=2) == {"SUCCESS": _BLOCKS}
    assert differs(fleet, hes)
    collect(fleet, hes)
    assert not differs(fleet, hes)
    assert statuses(fleet, hes, "hes.block_load_profile") == {"SUCCESS": _BLOCKS}
    assert statuses(fleet, hes, "hes.energy_measurements").keys() == {"SUCCESS"}


def test_an_answer_that_comes_whole_the_second_time_is_no_partial_one(fleet: Spawned, hes: str) -> None:
    meter = fleet.meters[0]
    ordered(fleet, "link", 1, f"{{lost_block: {_LOST}, times: 1}}")
    with impatient(meter.host, meter.port, _PATIENCE_S):
        collect(fleet, hes, "--retries", 1)
    assert statuses(fleet, hes, "hes.block_load_profile") == {"SUCCESS": _BLOCKS}
    flags = "SELECT DISTINCT validation_flags FROM hes.energy_measurements WHERE retry_count = 1"
    assert sql(hes, flags) == [([7],)]


def test_readings_of_a_clock_that_calls_itself_invalid_are_flagged(fleet: Spawned, hes: str) -> None:
    """Flag 4 and quality 64, at the time that the meter told all the same; those of other times and meters are good."""
    day = "from: 2025-06-01T00:30, to: 2025-06-02T00:00"
    ordered(fleet, "link", 3, f"{{clock_status: invalid, {day}}}")
    try:
        collect(fleet, hes)
    finally:
        ordered(fleet, "link", 3, "--clear")
    verdicts = (
        "SELECT meter_number, quality, validation_flags, count(DISTINCT timestamp) FROM hes.energy_measurements e"
        " JOIN public.meters m ON m.id = e.meter_id WHERE measurement_type = 'INTERVAL' GROUP BY 1, 2, 3 ORDER BY 1, 2"
    )
    good = [(meter.serial, 192, [], _BLOCKS) for meter in fleet.meters[:2]]
    serial = fleet.meters[2].serial
    assert sql(hes, verdicts) == [*good, (serial, 64, [1, 4], 48), (serial, 192, [], _BLOCKS - 48)]
    assert not differs(fleet, hes)


def test_an_interval_far_above_the_day_before_is_a_spike(fleet: Spawned, hes: str) -> None:
    """Flag 10, on the one block of a load that comes and goes."""
    collect(fleet, hes)
    ordered(fleet, "supply", 2, "--load", 500, "--for", "30m")
    fleet.step(2 * MS_PER_HOUR)
    collect(fleet, hes)
    spikes = sql(
        hes,
        "SELECT m.meter_number, timestamp AT TIME ZONE 'Asia/Kolkata', quality FROM hes.energy_measurements e"
        " JOIN public.meters m ON m.id = e.meter_id WHERE 10 = ANY (validation_flags)"
        " AND reading_type = 'ACTIVE_ENERGY_IMPORT'",
    )
    assert [(meter, str(at), quality) for meter, at, quality in spikes] == [
        (fleet.meters[1].serial, "2025-06-02 10:30:00", 192)
    ]


def test_after_other_scalers_all_is_read_again(fleet: Spawned, hes: str) -> None:
    """A meter that lies about one has good rows overwritten; when it does not any more, none stays wrong."""
    collect(fleet, hes)
    ordered(fleet, "link", 2, "{wrong_scaler: 1}")
    try:
        collect(fleet, hes)
    finally:
        ordered(fleet, "link", 2, "--clear")
    assert differs(fleet, hes)
    fleet.step(2 * MS_PER_HOUR)
    collect(fleet, hes)
    assert not differs(fleet, hes)
    said = "SELECT event_type, count(*) FROM hes.event_logs WHERE event_type LIKE '%CHANGED' GROUP BY 1 ORDER BY 1"
    assert sql(hes, said) == [("ROWS_CHANGED", 2), ("SCALER_CHANGED", 2)]
