# SPDX-License-Identifier: GPL-2.0-only
"""Every event code of the catalogue, injected into a running fleet and read back over DLMS and in the store."""

from __future__ import annotations

import asyncio
import csv
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from live import CLOCK, Judge, Spawned, spawned

from simulator.headend.keybook import KeyBook, KeyPair, Owner
from simulator.headend.listener import Listener
from simulator.headend.notifications import Notification

AT = "2025-06-10T10:20:30+05:30"
WORD, FILTER = "0.0.94.91.18.255", "0.0.94.91.26.255"
TAMPERS, PROGRAMMINGS, FAILURES, BILLS = "0.0.94.91.0.255", "0.0.96.2.0.255", "0.0.96.7.0.255", "0.0.0.1.0.255"
METERS = 4
BYTES = ", ".join(f"esw_byte_{15 - place}" for place in range(16))
OF_METER = "JOIN sim.meters m ON m.id = meter_id WHERE meter_number = %s"
ALARMS = f"sim.eswf_push_alarms a JOIN sim.eswf_status s ON s.id = a.eswf_status_id {OF_METER}"
with (Path(__file__).parents[2] / "obis" / "is15959-events.csv").open() as file:
    EVENTS = list(csv.DictReader(file))


ALERT, HEARD_WITHIN_S = "0.4.25.9.0.255", 30.0
PUSH_CLIENT = 64


class Ear:
    """The gurux listener in a thread of its own; alerts in the order in which they came."""

    def __init__(self) -> None:
        self.alerts: queue.Queue[Notification] = queue.Queue()
        self._started: queue.Queue[int] = queue.Queue()
        self._owners: dict[bytes, Owner] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._listen(),))
        self._thread.start()
        self.port = self._started.get(timeout=HEARD_WITHIN_S)

    def know(self, entries: list[dict[str, Any]]) -> None:
        """Keys of the push client, as the ready event tells them."""
        for entry in entries:
            (push,) = (client for client in entry["clients"] if client["sap"] == PUSH_CLIENT)
            pair = KeyPair(bytes.fromhex(push["ek"]), bytes.fromhex(push["ak"]))
            self._owners[bytes.fromhex(entry["system_title"])] = Owner(entry["serial"], (pair,))

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> None:
        self._task = asyncio.create_task(self._hear())
        await asyncio.wait({self._task})

    async def _hear(self) -> None:
        async with Listener(keys=KeyBook(self._owners)) as ear:
            self._started.put(ear.port)
            while True:
                note = await ear.next()
                if note.setup == ALERT:
                    self.alerts.put(note)


@dataclass
class House:
    """A fleet of one model, an association with each of its meters, and who hears their alerts."""

    fleet: Spawned
    judges: list[Judge]
    ear: Ear

    def place(self, event: dict[str, str]) -> int:
        """Both codes of a pair at the same meter; codes of the small non-rollover log at different ones."""
        return min(int(event["code"]), int(event["pair"] or 9999)) % METERS

    def newest(self, what: str, rows: str, place: int, order: str = "id") -> tuple[Any, ...]:
        statement = f"SELECT {what} FROM {rows} ORDER BY {order} DESC LIMIT 1"
        found = self.fleet.sql(statement, self.fleet.meters[place].serial)
        return found[0] if found else ()

    def shown(self, place: int) -> dict[str, Any]:
        word = self.judges[place].get(1, WORD).octets
        assert word[:3].hex() == "048180"
        counters = {code: self.judges[place].get(1, code).value for code in (TAMPERS, PROGRAMMINGS, FAILURES, BILLS)}
        alarms = self.fleet.sql(f"SELECT count(*) FROM {ALARMS}", self.fleet.meters[place].serial)[0][0]
        closed = self.judges[place].get(7, "1.0.98.1.0.255", 7).value
        return {"word": word[3:], "alarms": alarms, "closed": closed, **counters}


@pytest.fixture(scope="module")
def houses(home: Path) -> Iterator[Callable[[str], House]]:
    """One fleet per model, started when it is asked for."""
    opened: dict[str, Any] = {}

    def house(phases: str) -> House:
        if phases not in opened:
            context = furnished(home, phases)
            opened[phases] = context, context.__enter__()
        found: House = opened[phases][1]
        return found

    yield house
    for context, _ in opened.values():
        context.__exit__(None, None, None)


@contextmanager
def furnished(home: Path, phases: str) -> Iterator[House]:
    ear = Ear()
    options = ("--model", f"is15959-{phases.lower()}h", "--history", "1d", "--start", AT, "--speed", 0)
    try:
        with spawned(home, METERS, *options, "--push", f"127.0.0.1:{ear.port}") as fleet:
            ear.know(fleet.ready["meters"])
            judges = [Judge(meter).__enter__() for meter in fleet.meters]
            yield House(fleet, judges, ear)
            for judge in judges:
                judge.wire.close()
    finally:
        ear.close()


def is_set(word: bytes, bit: int) -> bool:
    return bool(word[bit // 8] >> (7 - bit % 8) & 1)


def moved(word: bytes, event: dict[str, str]) -> tuple[bytes, int | None]:
    """What an event makes of a status word by IS 15959, and the bit that it raises."""
    bits = {bit for bit in range(128) if is_set(word, bit)}
    code, bit = int(event["code"]), int(event["esw_bit"] or -1)
    raised = None
    if code in (101, 102):
        bits -= {85, 86} - {bit}
    if bit >= 0 and (event["kind"] != "restoration" or code == 102):
        raised = bit if event["kind"] == "single" or bit not in bits else None
        bits.add(bit)
    elif bit >= 0:
        bits.discard(bit)
    return sum(1 << (127 - bit) for bit in bits).to_bytes(16, "big"), raised


@pytest.mark.parametrize(
    ("phases", "event"),
    [(phases, event) for phases in ("1P", "3P") for event in EVENTS if phases in event["applies"]],
    ids=lambda value: value if isinstance(value, str) else value["code"],
)
def test_event(houses: Callable[[str], House], phases: str, event: dict[str, str]) -> None:
    """S004-15 to S004-18: row, log profile, counters, event code object, status word, alarm and alert push agree."""
    house = houses(phases)
    place, code, log = house.place(event), int(event["code"]), event["log"]
    judge, before = house.judges[place], house.shown(place)
    house.fleet.inject(place + 1, code)
    after = house.shown(place)

    row = house.newest(
        "event_code, event_type, event_timestamp, sequence_number, logical_name",
        f"(SELECT e.*, logical_name FROM sim.event_logs e JOIN sim.obis_codes o ON o.id = obis_code_id) e {OF_METER}",
        place,
        "e.id",
    )
    assert row[:2] == (code, event["event_type"])
    assert (f"{row[2]:%Y-%m-%dT%H:%M:%S}", row[4]) == (AT[:19], f"0.0.99.98.{log}.255")

    entry = judge.rows(f"0.0.99.98.{log}.255")[-1]
    columns = [(one[0], ".".join(map(str, one[1])), one[2]) for one in judge.get(7, f"0.0.99.98.{log}.255", 3).value]
    assert columns[:2] == [(8, CLOCK, 2), (1, f"0.0.96.11.{log}.255", 2)]
    assert entry[0] == bytes(judge.get(8, CLOCK).value)
    assert entry[1] == judge.get(1, f"0.0.96.11.{log}.255").value == code
    assert (len(columns) > 2) == (event["snapshot"] == "yes")
    for cell, column in zip(entry[2:], columns[2:], strict=True):
        assert cell == judge.get(*column).value, column  # the clock stands still

    assert after[TAMPERS] - before[TAMPERS] == (event["tamper"] == "yes")
    assert after[PROGRAMMINGS] - before[PROGRAMMINGS] == (code in range(151, 201))
    if phases == "3P":  # the other model does not show how often its supply failed
        assert after[FAILURES] - before[FAILURES] == (code == 101)
    assert after[BILLS] - before[BILLS] == after["closed"] - before["closed"] == (code == 166)
    expected, raised = moved(before["word"], event)
    assert after["word"].hex() == expected.hex()
    if expected != before["word"]:
        assert bytes(house.newest(BYTES, f"sim.eswf_status s {OF_METER}", place, "s.id")) == expected
    passed = judge.get(1, FILTER).octets[3:]
    moves = {bit for bit in range(128) if is_set(before["word"], bit) != is_set(expected, bit)} | {raised} - {None}
    if any(is_set(passed, bit) for bit in moves):
        alert = house.ear.alerts.get(timeout=HEARD_WITHIN_S)
        assert not alert.problem
        assert alert.device.endswith(house.fleet.meters[place].serial)
        assert alert.clock.isoformat() == AT
        (told,) = alert.values
        assert told.value.raw == "".join(f"{octet:08b}" for octet in expected)
    assert house.ear.alerts.empty()
    is_alarm = raised is not None and is_set(passed, raised)
    assert after["alarms"] - before["alarms"] == is_alarm
    if is_alarm:
        alarm = house.newest(f"byte_position, bit_position, a.status, {BYTES}", ALARMS, place, "a.id")
        assert alarm[:2] == (15 - raised // 8, 7 - raised % 8)
        assert alarm[3 + 15 - alarm[0]] & (1 << alarm[1])


def test_all_types_of_events_occur() -> None:
    """S004-16."""
    assert len({event["event_type"] for event in EVENTS}) == 10
