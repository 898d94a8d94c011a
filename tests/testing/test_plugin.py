# SPDX-License-Identifier: MIT
"""The plug-in as its users have it: pytest of its own, run by pytest."""

from __future__ import annotations

from pathlib import Path

import pytest
from plugged import LIMIT_S, OPTIONS

from simulator.resources import data_root
from simulator.store.embedded import EmbeddedPostgres

READ = """
import socket, struct

# AARQ of the public client, get-request-normal of the clock (Green Book 11.4, 9.5), in the wrapper
AARQ = "601da109060760857405080101be10040e01000000065f1f0400001e1dffff"
CLOCK = "c001c100080000010000ff0200"

def read(meter):
    with socket.create_connection((meter.host, meter.port), timeout=30) as line:
        for apdu in map(bytes.fromhex, (AARQ, CLOCK)):
            line.sendall(struct.pack(">4H", 1, 16, 1, len(apdu)) + apdu)
            answer = line.recv(4096)
    return answer[8:]
"""


@pytest.fixture
def tests(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A folder for tests, with a client; what runs there imports this checkout."""
    monkeypatch.setenv("PYTHONPATH", str(data_root()))
    pytester.makepyfile(client=READ)
    return pytester


def run(tests: pytest.Pytester, postgres: EmbeddedPostgres, *options: str) -> pytest.RunResult:
    dsn = f"--meterfleet-database={postgres.dsn('postgres')}"
    return tests.runpytest_subprocess(*OPTIONS, dsn, *options, timeout=LIMIT_S)


def test_three_lines_and_a_scenario(tests: pytest.Pytester, postgres: EmbeddedPostgres) -> None:
    """And no gurux: GPL code comes into a test's process only if the test brings it."""
    tests.makepyfile("""
        import sys
        from client import read

        def test_it(meterfleet):
            fleet = meterfleet(count=3, push=True)
            assert all(read(meter).startswith(b"\\xc4\\x01\\xc1\\x00") for meter in fleet.meters)
            fleet.push("all")
            assert fleet.expect_push(within="30s").values
            assert not [name for name in sys.modules if name.startswith(("gurux", "simulator.headend"))]
    """)
    tests.mkdir("story").joinpath("magnet.yaml").write_text(
        "name: a magnet\nparameters: {count: 2}\nclock: {start: '2025-06-01T10:00:00'}\nfleet: [{count: '${count}'}]\n"
        "timeline: [{at: 5m, do: event, code: 201}]\nexpect: [{event: 201, within: 10m, count: 3}]\n"
    )
    tests.path.joinpath("story", "test_story.py").write_text(
        "def test_it(meterfleet):\n"
        "    fleet = meterfleet(scenario='magnet.yaml', params={'count': 3})\n"
        "    assert len(fleet.meters) == 3\n"
        "    fleet.step('6m')\n"
        "    assert fleet.expect_event(201).at.minute == 5\n"
        "    fleet.finish()\n"
    )
    run(tests, postgres).assert_outcomes(passed=2)


def test_workers_do_not_collide(tests: pytest.Pytester, postgres: EmbeddedPostgres) -> None:
    tests.makepyfile("""
        import pytest
        from client import read

        @pytest.mark.parametrize("number", range(6))
        def test_it(meterfleet, number):
            fleet = meterfleet(count=number + 1, listen=["wrapper", "hdlc", "wrapper,shared=1"])
            assert [read(meter)[:4] for meter in fleet.meters] == [b"\\xc4\\x01\\xc1\\x00"] * (number + 1)
            assert fleet.sql("SELECT count(*) FROM meters") == [(number + 1,)]
            assert len(fleet.journal()) == number + 1
    """)
    run(tests, postgres, "-n", "2").assert_outcomes(passed=6)


def test_mistakes_are_told_without_our_insides(tests: pytest.Pytester, postgres: EmbeddedPostgres) -> None:
    tests.makepyfile("""
        def test_waits_in_vain(meterfleet):
            fleet = meterfleet()
            fleet.expect_read(fleet.meters[0], "1.0.1.8.0.255:2", within="10ms")
    """)
    result = run(tests, postgres)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*expect_read(fleet.meters*", "E*expected a read of 1.0.1.8.0.255:2 of meter 1 (*) with the result success*"]
    )
    assert "expecting.py" not in result.stdout.str()


def test_a_server_that_is_not_there(tests: pytest.Pytester) -> None:
    tests.makepyfile("def test_it(meterfleet):\n    meterfleet()\n")
    tests.makeini("[pytest]\nmeterfleet_database = postgresql://nobody@127.0.0.1:1/none\n")
    result = tests.runpytest_subprocess(*OPTIONS, timeout=LIMIT_S)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*the database cannot be used now: *127.0.0.1*"])


def test_the_embedded_server_is_kept_and_stopped(
    tests: pytest.Pytester, postgres_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second session finds what the first has made, and nothing of its databases."""
    home = postgres_home / "of-the-plug-in"
    monkeypatch.setenv("METERFLEET_HOME", str(home))
    tests.makepyfile("""
        def test_it(meterfleet):
            names = meterfleet().sql("SELECT datname FROM pg_database WHERE datname LIKE 'meterfleet%'")
            assert sorted(name.split("_")[1] for name, in names) == ["template", "test"]
    """)
    server = EmbeddedPostgres(home / "testing")
    made = []
    for _ in range(2):
        tests.runpytest_subprocess(*OPTIONS, timeout=LIMIT_S).assert_outcomes(passed=1)
        made.append((server.data / "PG_VERSION").stat().st_mtime_ns)
        assert not server.is_running()
    assert made[0] == made[1]


def test_it_is_not_felt_where_it_is_not_used(tests: pytest.Pytester) -> None:
    tests.makepyfile("""
        import sys

        def test_it():
            assert "simulator.testing.plugin" in sys.modules
            assert not {"numpy", "psycopg", "pydantic", "gurux_dlms"} & set(sys.modules)
    """)
    tests.runpytest_subprocess(*OPTIONS, "-p", "no:hypothesispytest", timeout=LIMIT_S).assert_outcomes(passed=1)
