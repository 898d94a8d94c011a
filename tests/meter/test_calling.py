# SPDX-License-Identifier: MIT
"""Auto connect objects (class 29 version 2, Blue Book 4.7.6): what may be written, and when a meter calls then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from meter_bench import Install, Meters, data, done, key, lost_answers

from simulator.errors import StoreUnavailable
from simulator.fleet.callers import Callers
from simulator.fleet.dialling import Diallers
from simulator.fleet.sessions import Residents
from simulator.meter.device import Device
from simulator.meter.replacement import replace as replaced
from simulator.ports import GetItem
from simulator.wire.axdr import Data
from simulator.wire.codes import Tag

AUTO, SCRIPT = "0.0.2.1.0.255", "0.0.10.0.1.255"
MODE, REPETITIONS, DELAY, WINDOWS, DESTINATIONS = range(2, 7)
REFUSED, DENIED, MISMATCH = 250, 3, 12
MINUTE_MS = 60_000
CLOSED = 1  # a port that nobody listens on


def places(*texts: str) -> Data:
    return Data(Tag.ARRAY, tuple(Data(Tag.OCTET_STRING, text.encode()) for text in texts))


def window(start: str, end: str) -> Data:
    return Data(Tag.ARRAY, (Data(Tag.STRUCTURE, (stamp_data(start), stamp_data(end))),))


def stamp_data(text: str) -> Data:
    return data("stamp", text)


async def octets(meters: Meters, index: int, *, client: int = 48) -> Any:
    return (await done(Device(meters.cohort, 0).get(client, GetItem(key(AUTO, index), None)))).hex()


async def test_a_meter_that_calls_nobody_shows_it(install: Install) -> None:
    meters = await install("is15959-1ph")
    assert [await octets(meters, index) for index in range(1, 7)] == [
        "09060000020100ff", "1600", "110a", "120000", "0100", "0100",
    ]  # fmt: skip
    assert await octets(meters, MODE, client=32) == "1600"
    assert await meters.write(AUTO, MODE, data("enum", 101), client=32) == DENIED


async def test_a_fleet_that_calls_shows_whom_and_a_client_can_change_it(install: Install) -> None:
    meters = await install("is15959-1ph")
    calling(meters, "127.0.0.1:4064", "[::1]:4065")
    assert await octets(meters, MODE) == "1665"
    assert (
        await octets(meters, DESTINATIONS) == "0102" + "090e" + b"127.0.0.1:4064".hex() + "090a" + b"[::1]:4065".hex()
    )
    assert await meters.write(AUTO, DESTINATIONS, places("10.0.0.7:5000")) == 0
    assert await meters.write(AUTO, MODE, data("enum", 104)) == 0
    again = await meters.restarted()
    calling(again, "127.0.0.1:4064")
    assert (await again.read(AUTO, DESTINATIONS), await again.read(AUTO, MODE)) == ((b"10.0.0.7:5000",), 104)
    assert (await again.read(AUTO, DESTINATIONS, row=1), await again.read(AUTO, MODE, row=1)) == (
        (b"127.0.0.1:4064",), 101,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("index", "value", "result"),
    [
        *((MODE, data("enum", mode), 0) for mode in (0, 101, 102, 103, 104)),
        *((MODE, data("enum", mode), REFUSED) for mode in (1, 2, 3, 4, 5, 6, 100, 105, 200)),
        (MODE, data("unsigned", 101), MISMATCH),
        (REPETITIONS, data("unsigned", 3), 0),
        (DELAY, data("long-unsigned", 900), 0),
        (DESTINATIONS, places(), 0),
        (DESTINATIONS, places("hes.example", "10.0.0.1:1", "[fd00::1]:9", "fd00::1"), 0),
        (DESTINATIONS, places("a", "b", "c", "d", "e"), REFUSED),
        (DESTINATIONS, places("10.0.0.1:0"), REFUSED),
        (DESTINATIONS, places("10.0.0.1", ""), REFUSED),
        (DESTINATIONS, Data(Tag.ARRAY, (Data(Tag.OCTET_STRING, b"\xff\xfe"),)), REFUSED),
        (DESTINATIONS, Data(Tag.ARRAY, (Data(Tag.UNSIGNED, 1),)), MISMATCH),
        (WINDOWS, window("*-*-* 01:00:00", "*-*-* 02:00:00"), 0),
    ],
)
async def test_what_a_meter_could_not_follow_is_refused(install: Install, index: int, value: Data, result: int) -> None:
    meters = await install("every-class", count=1)
    before = await octets(meters, index)
    assert await meters.write(AUTO, index, value) == result
    assert (await octets(meters, index) == before) == (result != 0 or value in (data("enum", 0), places()))


# ------------------------------------------------------------------------------------------------------- the calling


def calling(meters: Meters, *destinations: str, connect: Any = None) -> None:
    """They are of a fleet whose meters call these."""
    told = replace(meters.cohort.around, destinations=destinations)
    meters.cohort.around = told if connect is None else replace(told, **connect)


class Exchange:
    """A head-end that takes calls, counts them, and may close them at once; and the meters' calls, by a wall clock that
    the test moves."""

    def __init__(self, meters: Meters) -> None:
        cohort, count = meters.cohort, len(meters.cohort.identities)
        self.meters, self.now_ms, self.calls, self.attempts = meters, 1_000_000, 0, 0
        self.open: list[asyncio.StreamWriter] = []
        self.callers = Callers(count, [cohort], lambda: meters.now_ms)
        residents = Residents(count, lambda index: Device(cohort, index), lambda index: cohort.identities[index])
        self.diallers = Diallers(
            self.callers, residents, lambda place: lambda index: asyncio.Protocol(), self._source, lambda: self.now_ms
        )

    async def taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.calls += 1
        self.open.append(writer)
        await reader.read()  # until the meter, too, has closed
        writer.close()
        self.open.remove(writer)

    def _source(self, index: int) -> None:
        self.attempts += 1

    async def attempted(self, wall_ms: int, attempts: int) -> None:
        """So much later a head-end that takes no calls has been called so often."""
        self.now_ms += wall_ms
        async with asyncio.timeout(10):
            while self.attempts < attempts:
                self.diallers.tick()
                await settled()
        self.diallers.tick()
        await settled()
        assert self.attempts == attempts

    async def after(self, wall_ms: int, calls: int, *, held: int | None = None) -> None:
        """So much later there have been so many calls, of which so many are held."""
        self.now_ms += wall_ms
        async with asyncio.timeout(10):
            while True:
                self.diallers.tick()
                await settled()
                if self.calls >= calls and (held is None or len(self.open) == held):
                    break
        await settled()
        self.diallers.tick()  # it notices what has ended
        assert self.calls == calls


async def settled(until: Callable[[], object] = lambda: True) -> None:
    """What goes on by itself has come to an end, after that which is sure to come."""
    async with asyncio.timeout(10):
        while not until():
            await asyncio.sleep(0.001)
    for _ in range(20):
        await asyncio.sleep(0.001)


@asynccontextmanager
async def exchange(meters: Meters, *, row: int = 0, **rules: Data) -> AsyncIterator[Exchange]:
    """Meters call it; `rules` are written by a client of one."""
    one = Exchange(meters)
    server = await asyncio.start_server(one.taken, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connect = {"connect": lambda cohort, row: one.diallers.connect(row), "look": one.callers.look}
    calling(meters, f"127.0.0.1:{port}", connect=connect)
    for name, value in rules.items():
        assert await meters.write(AUTO, globals()[name], value, row=row) == 0
    one.callers.begin()
    try:
        yield one
    finally:
        one.diallers.close()
        await settled()
        server.close()


TRIALS = {"REPETITIONS": data("unsigned", 2), "DELAY": data("long-unsigned", 20)}


async def test_repetitions_and_repetition_delay_space_the_trials(install: Install) -> None:
    """One call and two repetitions, 20 s apart; a permanent connection is tried for anew after a minute."""
    meters = await install("every-class", count=1)
    async with exchange(meters, DESTINATIONS=places(f"127.0.0.1:{CLOSED}"), **TRIALS) as head_end:
        await head_end.attempted(0, 1)
        await head_end.attempted(19_000, 1)
        await head_end.attempted(1_000, 2)
        await head_end.attempted(20_000, 3)
        await head_end.attempted(59_000, 3)
        await head_end.attempted(31_000, 4)
        await head_end.attempted(20_000, 5)


@pytest.mark.parametrize("name", ["a..b", "a\0b"])
async def test_a_name_that_is_none_is_an_attempt_that_has_failed(install: Install, name: str) -> None:
    meters = await install("every-class", count=1)
    async with exchange(meters, DESTINATIONS=places(f"{name}:4059"), **TRIALS) as head_end:
        await head_end.attempted(0, 1)
        await head_end.attempted(20_000, 2)


async def test_a_call_that_a_client_has_asked_for_is_given_up_after_the_last_trial(install: Install) -> None:
    meters = await install("every-class", count=1)
    there = places(f"127.0.0.1:{CLOSED}")
    async with exchange(meters, MODE=data("enum", 104), DESTINATIONS=there, **TRIALS) as head_end:
        assert await meters.act(AUTO, 1) == 0
        for wall_ms, attempts in ((0, 1), (20_000, 2), (20_000, 3), (10 * MINUTE_MS, 3)):
            await head_end.attempted(wall_ms, attempts)


async def test_a_call_that_was_taken_and_ended_is_no_trial(install: Install) -> None:
    """repetition_delay is for attempts that have failed."""
    meters = await install("every-class", count=1)
    rules = {"REPETITIONS": data("unsigned", 0), "DELAY": data("long-unsigned", 900)}
    async with exchange(meters, **rules) as head_end:
        for calls in (1, 2, 3):
            await head_end.after(10_000, calls, held=1)
            head_end.open[0].close()
            await head_end.after(0, calls, held=0)


async def test_connect_calls_at_once_and_only_once(install: Install) -> None:
    """Mode 104: usually disconnected."""
    meters = await install("every-class", count=1)
    async with exchange(meters, MODE=data("enum", 104)) as head_end:
        await head_end.after(MINUTE_MS, 0)
        assert await meters.act(AUTO, 1) == 0
        await settled(lambda: head_end.open)
        assert (head_end.calls, len(head_end.open)) == (1, 1)
        assert await meters.act(AUTO, 1) == 0  # it is connected
        await head_end.after(MINUTE_MS, 1, held=1)
        head_end.open[0].close()
        await head_end.after(MINUTE_MS, 1, held=0)
        await head_end.after(MINUTE_MS, 1, held=0)
        assert await meters.act(AUTO, 1) == 0
        await head_end.after(0, 2, held=1)


async def test_the_calling_window_opens_and_closes_by_the_meters_clock(install: Install) -> None:
    """Mode 102: no connection outside; the head-end is left when the window closes."""
    meters = await install("every-class", count=1)
    opened = {"WINDOWS": window("*-*-* 06:00:00", "*-*-* 07:00:00"), "MODE": data("enum", 102)}
    async with exchange(meters, **opened) as head_end:
        await meters.until("2025-05-20T05:59:59")
        await head_end.after(MINUTE_MS, 0)
        assert await meters.act(AUTO, 1) == REFUSED
        await meters.until("2025-05-20T06:00:00")
        await head_end.after(1_000, 1, held=1)
        await meters.until("2025-05-20T06:59:59")
        await head_end.after(1_000, 1, held=1)
        await meters.until("2025-05-20T07:00:00")
        await head_end.after(1_000, 1, held=0)
        await head_end.after(MINUTE_MS, 1, held=0)
        await meters.until("2025-05-21T06:30:00")
        await head_end.after(1_000, 2, held=1)


async def test_in_mode_103_connect_calls_outside_the_window_too(install: Install) -> None:
    meters = await install("every-class", count=1)
    opened = {"WINDOWS": window("*-*-* 06:00:00", "*-*-* 07:00:00"), "MODE": data("enum", 103)}
    async with exchange(meters, **opened) as head_end:
        await head_end.after(MINUTE_MS, 0)
        assert await meters.act(AUTO, 1) == 0
        await head_end.after(0, 1, held=1)
        await head_end.after(MINUTE_MS, 1, held=1)  # it stays until the head-end has enough


async def test_another_destination_is_called_next(install: Install) -> None:
    meters = await install("every-class", count=1)
    async with exchange(meters) as head_end:
        await head_end.after(0, 1, held=1)
        other = Exchange(meters)
        server = await asyncio.start_server(other.taken, "127.0.0.1", 0)
        there = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        assert await meters.write(AUTO, DESTINATIONS, places(there)) == 0
        await head_end.after(MINUTE_MS, 1, held=1)  # the call that it has goes on
        head_end.open[0].close()
        await head_end.after(0, 1, held=0)
        await head_end.after(2_000, 1, held=0)
        await settled(lambda: other.open)
        assert len(other.open) == 1
        server.close()


async def test_each_meters_window_is_its_own(install: Install) -> None:
    """By its own rules, and its own clock: one of them is a quarter of an hour ahead."""
    meters = await install("every-class", count=3)
    opened = {"WINDOWS": window("*-*-* 06:00:00", "*-*-* 07:00:00"), "MODE": data("enum", 102)}
    async with exchange(meters, row=0, **opened) as head_end:
        for index, value in ((MODE, data("enum", 103)), (WINDOWS, window("*-*-* 06:30:00", "*-*-* 07:00:00"))):
            for row in (1, 2):
                assert await meters.write(AUTO, index, value, row=row) == 0
        await meters.until("2025-05-20T05:30:00")
        assert await meters.act("0.0.1.0.0.255", 6, data("long", 900), row=1) == 0  # shift_time by a quarter
        for moment, held in (("05:59:59", 0), ("06:00:00", 1), ("06:15:00", 2), ("06:30:00", 3), ("06:45:00", 2)):
            await meters.until(f"2025-05-20T{moment}")
            await head_end.after(MINUTE_MS, head_end.calls + max(held - len(head_end.open), 0), held=held)


async def test_rules_of_before_are_forgotten(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    """And those that meters have are not."""
    monkeypatch.setattr("simulator.fleet.callers._FEW", 2)
    meters = await install("every-class", count=3)
    async with exchange(meters, row=1, MODE=data("enum", 0)) as head_end:
        for delay_s in range(1, 20):
            assert await meters.write(AUTO, DELAY, data("long-unsigned", delay_s)) == 0
            assert head_end.callers.follow() == [0]
        assert [head_end.callers.rules(meter).delay_s for meter in range(3)] == [19, 0, 0]
        assert [head_end.callers.rules(meter).mode for meter in range(3)] == [101, 0, 101]
        assert len(head_end.callers._rules) < 10


async def test_a_meter_in_anothers_place_calls_as_it_was_delivered(install: Install) -> None:
    meters = await install("every-class", count=1)
    async with exchange(meters, DESTINATIONS=places(f"127.0.0.1:{CLOSED}")) as head_end:
        await head_end.attempted(0, 1)
        assert head_end.calls == 0
        assert len(await replaced(meters.cohort, np.array([0]), meters.now_ms)) == 1
        await head_end.after(0, 1, held=1)


async def test_so_it_does_if_nobody_knew_for_a_while_whether_it_is_there(install: Install) -> None:
    """And it registers, as any new meter does."""
    meters = await install("every-class", count=1)
    registered = list[tuple[list[int], str]]()
    async with exchange(meters, DESTINATIONS=places(f"127.0.0.1:{CLOSED}")) as head_end:
        told = {"occur": lambda cohort, rows, what, at_ms: registered.append((rows.tolist(), what))}
        meters.cohort.around = replace(meters.cohort.around, **told)
        await head_end.attempted(0, 1)
        with lost_answers(meters), pytest.raises(StoreUnavailable):
            await replaced(meters.cohort, np.array([0]), meters.now_ms)
        assert registered == []
        await meters.until_ms(meters.now_ms + 1)
        assert registered == [([0], "registration")]
        await head_end.after(0, 1, held=1)


async def test_a_script_can_say_connect(install: Install, tmp_path: Path) -> None:
    model = tmp_path / "mine.yaml"
    action = f"[2, 29, {AUTO}, 1, {{integer: 0}}]"
    model.write_text(f"extends: every-class\nvalues: {{{SCRIPT}: {{scripts: [[1, [{action}]]]}}}}\n")
    meters = await install(str(model), count=1)
    async with exchange(meters, MODE=data("enum", 104)) as head_end:
        assert await meters.act(SCRIPT, 1, data("long-unsigned", 1)) == 0
        await head_end.after(0, 1, held=1)


@pytest.mark.parametrize("mode", [0, 102])
async def test_connect_is_refused_where_mode_or_list_forbid_it(install: Install, mode: int) -> None:
    meters = await install("every-class", count=1)
    closed = window("2020-01-01 00:00:00", "2020-01-02 00:00:00")
    async with exchange(meters, MODE=data("enum", mode), WINDOWS=closed) as head_end:
        assert await meters.act(AUTO, 1) == REFUSED
        assert await meters.write(AUTO, MODE, data("enum", 104)) == 0
        assert await meters.write(AUTO, DESTINATIONS, places()) == 0
        assert await meters.act(AUTO, 1) == REFUSED
        await head_end.after(MINUTE_MS, 0)
