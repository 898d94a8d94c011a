# SPDX-License-Identifier: GPL-2.0-only
"""What a client sees of each quirk, given by order or by the meters' model; link profiles; the command."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from faults_bench import HDLC, TICK_S, at_once, faulty, lasting, reader, tell
from gurux_dlms import GXDLMSClient
from gurux_dlms.enums import ClockStatus, DataType
from live import BLOCK, CLOCK, INSTANTANEOUS, Judge, Spawned, by_entry, by_range, free_port, run, spawned
from typer.testing import CliRunner

from simulator.cli import app
from simulator.cosem.spec import load_spec
from simulator.errors import UserError
from simulator.headend.failures import ReadRefused
from simulator.resources import data_root
from simulator.testing.factory import fleets
from simulator.testing.fleet import LiveFleet
from simulator.testing.servers import Server
from simulator.wire.codes import DataAccessResult

DAY = dt.datetime(2025, 6, 9)
AT = "2025-06-10T10:00:17+05:30"
MODEL = "extends: is15959-1ph\ntitle: with a quirk of its own\nquirks: [deviation-required]\n"


@pytest.fixture(scope="module")
def fleet(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spawned]:
    """Its HDLC way is a slow link; the wrapper is another, which the command line gives."""
    model = tmp_path_factory.mktemp("models") / "quirky.yaml"
    model.write_text(MODEL)
    listen = f"hdlc,address=127.46.0.1,port={free_port()},link=rf-mesh"
    options = ("--model", model, "--block-minutes", 30, "--history", "3d", "--start", AT, "--speed", 0)
    with spawned(home, 3, *options, "--listen", listen, "--link", "ethernet") as fleet:
        yield fleet


@pytest.fixture(scope="module")
def ordinary(meterfleet_server: Server) -> Iterator[LiveFleet]:
    """Meters of a model without quirks, on a link that is none."""
    with fleets(meterfleet_server) as meterfleet:
        yield meterfleet(count=6, history="3d", block_minutes=30, start=AT)


def stamp(hour: int, minute: int = 0, *, day: int = 9, deviation: str = "feb6") -> bytes:
    """A date-time of June 2025; deviation -330 minutes is that of the meters (Blue Book 4.1.6.1)."""
    return bytes.fromhex(f"07e906{day:02x}ff{hour:02x}{minute:02x}0000{deviation}00")


NIGHT = by_range(stamp(0), stamp(2))
DAY_LONG = by_range(stamp(0, 30), stamp(0, day=10))


def times(judge: Judge, selection: bytes = NIGHT) -> list[str]:
    return [row[0][5:7].hex() for row in judge.rows(BLOCK, selection)]


def test_range_end_exclusive(fleet: Spawned) -> None:
    """Blue Book 4.3.6: to_value belongs to the range; to this meter it does not."""
    with Judge(fleet.meters[0]) as judge:
        assert times(judge) == ["0000", "001e", "0100", "011e", "0200"]
        with faulty(fleet, 1, {"quirk": "range-end-exclusive"}):
            assert times(judge) == ["0000", "001e", "0100", "011e"]


def test_deviation_required_is_of_the_model(fleet: Spawned) -> None:
    """A client that leaves the deviation open is refused by each meter of the model; --clear does not heal that."""
    tell(fleet, clear=True)
    with Judge(fleet.meters[0]) as judge:
        assert times(judge)
        open_end = by_range(stamp(0, deviation="8000"), stamp(2, deviation="8000"))
        assert judge.get(7, BLOCK, 2, open_end).result == DataAccessResult.TYPE_UNMATCHED
    with reader(fleet, 2) as meter, pytest.raises(ReadRefused) as refused:
        meter.profile(BLOCK, start=DAY, end=DAY + dt.timedelta(hours=2))
    assert refused.value.result is DataAccessResult.TYPE_UNMATCHED


def test_a_quirk_of_the_model_is_asked_before_one_that_was_given(fleet: Spawned) -> None:
    open_start = by_range(stamp(0, deviation="8000"), stamp(2))
    with Judge(fleet.meters[2]) as judge, faulty(fleet, 3, {"quirk": "deviation-required-empty"}):
        assert judge.get(7, BLOCK, 2, open_start).result == DataAccessResult.TYPE_UNMATCHED
        assert [one["fault"] for one in tell(fleet, meters="3")] == [
            "{quirk: deviation-required}",
            "{quirk: deviation-required-empty}",
        ]


def test_deviation_required_may_also_mean_an_empty_answer(ordinary: LiveFleet) -> None:
    """Of a model that has no quirk: nothing is refused, and nothing selected until both ends say their deviation."""
    meter = ordinary.meters[0]
    open_ends = (by_range(stamp(0, deviation="8000"), stamp(2)), by_range(stamp(0), stamp(2, deviation="8000")))
    with Judge(meter) as judge:
        assert [len(times(judge, selection)) for selection in (*open_ends, NIGHT)] == [5, 5, 5]
        ordinary.link(meter, {"quirk": "deviation-required-empty"})
        assert [len(times(judge, selection)) for selection in (*open_ends, NIGHT)] == [0, 0, 5]
        ordinary.clear(meter)
        assert len(times(judge, open_ends[0])) == 5


def test_sort_column_last(fleet: Spawned) -> None:
    """The capture objects and the rows agree, by range, by entry and by columns."""
    with reader(fleet) as meter:
        ordinary = meter.profile(BLOCK, first=1, count=3)
    with Judge(fleet.meters[0]) as judge:
        plain, part = judge.rows(BLOCK, by_entry(1, 3)), judge.rows(BLOCK, NIGHT)
        with faulty(fleet, 1, {"quirk": "sort-column-last"}):
            assert judge.rows(BLOCK, by_entry(1, 3)) == [[*row[1:], row[0]] for row in plain]
            assert judge.rows(BLOCK, NIGHT) == [[*row[1:], row[0]] for row in part]
            assert judge.rows(BLOCK, by_entry(1, 3, 2, 3)) == [row[2:4] for row in plain]
            columns = by_range(stamp(0), stamp(2), [(8, CLOCK, 2)])
            assert judge.rows(BLOCK, columns) == [[row[0]] for row in part]
            with reader(fleet) as meter:
                turned = meter.profile(BLOCK, first=1, count=3)
    assert [column.obis for column in turned.columns] == [c.obis for c in ordinary.columns[1:]] + [CLOCK]
    assert [[*row[-1:], *row[:-1]] for row in turned.rows] == [list(row) for row in ordinary.rows]


def test_rounded_times(fleet: Spawned) -> None:
    """The instantaneous profile is stamped 10:00:17 by the fleet's clock."""
    with Judge(fleet.meters[0]) as judge:
        assert judge.rows(INSTANTANEOUS)[0][0][5:8] == bytes((10, 0, 17))
        with faulty(fleet, 1, {"quirk": "rounded-times"}):
            assert judge.rows(INSTANTANEOUS)[0][0][5:8] == bytes((10, 0, 0))
        with faulty(fleet, 1, {"rounded_times": "30s"}):
            assert judge.rows(INSTANTANEOUS)[0][0][5:8] == bytes((10, 0, 30))


def test_clock_status(fleet: Spawned) -> None:
    """Blue Book 4.1.6.1, as gurux understands it: of the clock, and of what is stamped by it. The time stays right."""

    def seen(octets: bytes) -> tuple[int, str]:
        read = GXDLMSClient.changeType(bytearray(octets), DataType.DATETIME)
        return int(read.status), read.value.isoformat()

    at, day = "2025-06-10T10:00:17+05:30", "2025-06-09T00:00:00+05:30"
    with Judge(fleet.meters[0]) as judge:
        assert seen(judge.get(8, CLOCK).value) == (0, at)
        with faulty(fleet, 1, {"clock_status": "invalid"}):
            assert seen(judge.get(8, CLOCK).value) == (ClockStatus.INVALID_VALUE, at)
            assert seen(judge.rows(BLOCK, NIGHT)[0][0]) == (ClockStatus.INVALID_VALUE, day)
            assert {row[0][-1] for row in judge.rows(BLOCK, by_entry(1, 60))} == {1}
        with faulty(fleet, 1, {"clock_status": ["doubtful", "different_base"]}):
            marks = ClockStatus.DOUBTFUL_VALUE | ClockStatus.DIFFERENT_CLOCK_BASE
            assert seen(judge.rows(INSTANTANEOUS)[0][0]) == (marks, at)
        assert seen(judge.rows(BLOCK, NIGHT)[0][0]) == (0, day)


def test_short_frames(fleet: Spawned) -> None:
    with Judge(fleet.meters[0], max_pdu=1024) as judge:
        whole, blocks = judge.rows(BLOCK, NIGHT), judge.blocks
        with faulty(fleet, 1, {"quirk": "short-frames"}):
            assert judge.rows(BLOCK, NIGHT) == whole
            assert judge.blocks > blocks == 1
        assert judge.rows(BLOCK, NIGHT) == whole
        assert judge.blocks == 1


def test_a_link_profile_of_a_way_and_one_of_the_command_line(fleet: Spawned) -> None:
    with reader(fleet) as wired:
        wired.association_view()
        at_once(lambda: wired.read(CLOCK))
    with lasting(0.8), reader(fleet, 1, HDLC):
        pass  # SNRM and AARQ: two answers


LINKS = {  # seconds before an answer begins, how many more it may be, bits per second
    "ethernet": (0.001, 0.001, 100_000_000),
    "4g": (0.05, 0.04, 5_000_000),
    "rf-mesh": (0.4, 0.8, 15_000),
    "plc": (0.5, 0.7, 12_000),
    "gprs": (0.65, 0.4, 24_000),
    "nb-iot": (1.5, 2.0, 16_000),
}
SLACK_S = 20.0  # of a busy machine


def test_each_link_profile_is_as_slow_as_it_says(ordinary: LiveFleet) -> None:
    """A profile of 48 rows, on associations that were open before; all at once, each meter on a link of its own."""
    assert {path.stem for path in (data_root() / "profiles" / "links").glob("*.yaml")} == set(LINKS)
    opened = [Judge(meter) for meter in ordinary.meters]
    with ExitStack() as associations, ThreadPoolExecutor(len(LINKS)) as threads:
        judges = [associations.enter_context(judge) for judge in opened]
        associations.callback(ordinary.clear, "all")
        for meter, name in zip(ordinary.meters, LINKS, strict=True):
            ordinary.link(meter, {"link": name})
        took = dict(zip(LINKS, threads.map(taken, judges), strict=True))
    for name, (octets, seconds) in took.items():
        delay_s, jitter_s, bits_a_second = LINKS[name]
        least_s = delay_s + octets * 8 / bits_a_second
        assert least_s - TICK_S <= seconds < least_s + jitter_s + SLACK_S, f"{name}: {octets} octets in {seconds:.3f} s"


def taken(judge: Judge) -> tuple[int, float]:
    """Octets of an answer that is a whole day, and seconds until it was there."""
    begun = time.monotonic()
    octets = judge.get(7, BLOCK, 2, DAY_LONG).octets
    return len(octets), time.monotonic() - begun


def test_the_command_sets_lists_and_clears(fleet: Spawned, home: Path) -> None:
    def link(*words: str) -> str:
        done = CliRunner().invoke(app, ["link", *words, "--database", fleet.dsn])
        assert done.exit_code == 0, done.output
        return done.output

    done = run("link", "2-3", "{delay: 2s, jitter: 1s}", "gprs", "--json", "--database", fleet.dsn, home=home)
    assert [(one["meters"], one["fault"]) for one in json.loads(done.stdout)["faults"]][1:] == [
        ("2-3", "{delay: 2s, jitter: 1s}"),
        *[("2-3", "{link: gprs}")] * 3,
    ]
    assert "2-3" in link("3")
    assert "gprs" not in link("1")
    assert "gprs" not in link("all", "--clear")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("9", "{delay: 2s}"), "'9' is no meter; write a number from 1 to 3"),
        (("all", "{delay: 2}"), "faults:1:9: delay: 2 is not a duration"),
        (("all", "5g"), "'5g' is no link profile or quirk pack; known are"),
        (("all", "{delay: 2s"), "not valid YAML"),
    ],
)
def test_the_command_tells_mistakes(fleet: Spawned, words: tuple[str, ...], told: str) -> None:
    done = CliRunner().invoke(app, ["link", *words, "--database", fleet.dsn])
    assert isinstance(done.exception, UserError)
    assert told in str(done.exception)


def test_a_model_with_an_unknown_quirk_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text("extends: is15959-1ph\ntitle: odd\nquirks: [short-frames, tall-frames]\n")
    with pytest.raises(UserError) as error:
        load_spec(str(path))
    assert "odd.yaml:3:9: quirks: there is no quirk pack 'tall-frames'; known are" in str(error.value)
    assert "did you mean short-frames?" in str(error.value)
