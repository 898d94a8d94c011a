# SPDX-License-Identifier: GPL-2.0-only
"""Every event code of the catalogue, injected into a running fleet and read back over DLMS and in the store."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from live import CLOCK, Judge, Spawned, spawned

AT = "2025-06-10T10:20:30+05:30"
WORD, FILTER, TAMPERS, PROGRAMMINGS = "0.0.94.91.18.255", "0.0.94.91.26.255", "0.0.94.91.0.255", "0.0.96.2.0.255"
METERS = 4
BYTES = ", ".join(f"esw_byte_{15 - place}" for place in range(16))
OF_METER = "JOIN sim.meters m ON m.id = meter_id WHERE meter_number = %s"
ALARMS = f"sim.eswf_push_alarms a JOIN sim.eswf_status s ON s.id = a.eswf_status_id {OF_METER}"
with (Path(__file__).parents[2] / "obis" / "is15959-events.csv").open() as file:
    EVENTS = list(csv.DictReader(file))


@dataclass
class House:
    """A fleet of one model, and an association with each of its meters."""

    fleet: Spawned
    judges: list[Judge]

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
        counters = {code: self.judges[place].get(1, code).value for code in (TAMPERS, PROGRAMMINGS)}
        alarms = self.fleet.sql(f"SELECT count(*) FROM {ALARMS}", self.fleet.meters[place].serial)[0][0]
        return {"word": word[3:], "alarms": alarms, **counters}


@pytest.fixture(scope="module")
def houses(home: Path) -> Iterator[Callable[[str], House]]:
    """One fleet per model, started when it is asked for."""
    opened: dict[str, Any] = {}

    def house(phases: str) -> House:
        if phases not in opened:
            options = ("--model", f"is15959-{phases.lower()}h", "--history", "1d", "--start", AT, "--speed", 0)
            context = spawned(home, METERS, *options)
            fleet = context.__enter__()
            opened[phases] = context, House(fleet, [Judge(meter).__enter__() for meter in fleet.meters])
        found: House = opened[phases][1]
        return found

    yield house
    for context, entered in opened.values():
        for judge in entered.judges:
            judge.wire.close()
        context.__exit__(None, None, None)


def moved(word: bytes, event: dict[str, str]) -> tuple[bytes, int | None]:
    """What an event makes of a status word by IS 15959, and the bit that it raises."""
    bits = {bit for bit in range(128) if word[bit // 8] >> (7 - bit % 8) & 1}
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
    """S004-15 to S004-18: row, log profile, counters, event code object, status word and alarm agree."""
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
    expected, raised = moved(before["word"], event)
    assert after["word"].hex() == expected.hex()
    if expected != before["word"]:
        assert bytes(house.newest(BYTES, f"sim.eswf_status s {OF_METER}", place, "s.id")) == expected
    passed = judge.get(1, FILTER).octets[3:]
    is_alarm = raised is not None and bool(passed[raised // 8] >> (7 - raised % 8) & 1)
    assert after["alarms"] - before["alarms"] == is_alarm
    if is_alarm:
        alarm = house.newest(f"byte_position, bit_position, a.status, {BYTES}", ALARMS, place, "a.id")
        assert alarm[:3] == (15 - raised // 8, 7 - raised % 8, "PENDING")
        assert alarm[3 + 15 - alarm[0]] & (1 << alarm[1])


def test_all_types_of_events_occur() -> None:
    """S004-16."""
    assert len({event["event_type"] for event in EVENTS}) == 10
