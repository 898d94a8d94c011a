# SPDX-License-Identifier: MIT
"""The same seed and scenario give the same rows and pushes, octet by octet: at any speed, and among other meters."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from playing import Play

from simulator.fleet.pace import MAX_SPEED

FLEET = """
parameters: {others: 1}
seed: 4
fleet:
  - {count: 6, load: shop, feeder: {A: 0.5, B: 0.5}, block: 15}
  - {count: "${others}", load: household, feeder: C, block: 15}
"""
STORY = f"""name: over the end of a month
clock: {{start: "2025-06-30T23:30:00+05:30"}}
{FLEET}
timeline:
  - {{at: 2m, on: {{feeder: "[AB]", share: 0.5}}, do: relay, to: open, for: 20m, stagger: 5m}}
  - {{on: {{meters: 1-6}}, do: event, code: 203, random: {{count: 3, within: 30m}}, for: 1m}}
  - {{at: 5m, on: {{meters: 1}}, do: write, object: "0.0.96.13.1.255:2", value: "visible-string:hello", client: 32}}
  - {{at: 6m, on: {{meters: 1}}, do: key_change, keys: [ek, ak]}}
  - {{at: 7m, on: {{meters: 6}}, do: firmware, version: V2.0.1}}
  - {{at: 10m, on: {{meters: 1-2}}, do: clock_jump, by: 90s}}
  - {{on: {{meters: 3}}, do: clock_drift, ppm: 5000, for: 30m}}
  - {{at: 12m, on: {{meters: "2,4-5"}}, do: replace, reading: 2}}
  - {{at: 20m, on: {{meters: 1}}, do: billing_reset}}
  - {{at: 25m30s, on: {{meters: 4}}, do: replace}}
expect:
  - {{read: "1.0.94.91.0.255:2", on: {{meters: 1-6}}, refused: object-undefined, share: 0, at: 15m, within: 1m}}
end: 40m
push: {{destination: sink}}
"""
SHORT_STORY = f"""name: over an hour
clock: {{start: "2025-06-10T10:57:00+05:30"}}
{FLEET}
timeline:
  - {{at: 30s, on: {{feeder: "[AB]", share: 0.5}}, do: relay, to: open, for: 3m, stagger: 90s}}
  - {{on: {{meters: 1-6}}, do: event, code: 203, random: {{count: 3, within: 4m}}, for: 20s}}
  - {{on: {{meters: 3}}, do: clock_drift, ppm: 5000, for: 2m}}
  - {{at: 1m, on: {{meters: 1-2}}, do: clock_jump, by: 90s}}
  - {{at: 1m, on: {{meters: 4-5}}, do: load, shape: workshop, for: 2m}}
  - {{at: 2m, on: {{meters: 6}}, do: outage, for: 1m}}
  - {{at: 3m10s, on: {{meters: 2}}, do: replace}}
end: 5m
push: {{destination: sink, schedule: FIFTEEN_MIN}}
"""

# Tables of what the meters in the first six places have, each with the rows above its own.
TABLES = {
    "attribute_values": "",
    "security_keys": "",
    "image_blocks": "",
    "instant_profile": "",
    "block_load_profile": "",
    "daily_load_profile": "",
    "billing_profile": "",
    "energy_measurements": "",
    "event_logs": "",
    "eswf_status": "",
    "eswf_push_alarms": "JOIN eswf_status a ON a.id = t.eswf_status_id"
    " LEFT JOIN push_history b ON b.id = t.push_history_id",
    "push_setups": "",
    "push_objects": "JOIN push_setups a ON a.id = t.push_setup_id",
    "push_schedules": "JOIN push_setups b ON b.id = t.push_setup_id",
    "schedule_entries": "JOIN push_schedules a ON a.id = t.schedule_id",
    "push_history": "JOIN push_setups a ON a.id = t.push_setup_id LEFT JOIN push_schedules b ON b.id = t.schedule_id",
    "push_history_objects": "JOIN push_history b ON b.id = t.push_history_id JOIN push_objects c"
    " ON c.id = t.push_object_id JOIN push_setups a ON a.id = b.push_setup_id",
}
# What names a row, says by the wall clock when it was written, or has a port that was free, as has config.listen.
APART = (
    "{id,created_at,updated_at,obis_code_id,push_setup_id,schedule_id,push_history_id,push_object_id,eswf_status_id,"
)
APART += "port,destination,destination_and_method,scenario}"
Rows = dict[str, list[tuple[object, ...]]]


def stored(dsn: str) -> Rows:
    """By table, all columns but those apart."""
    queries = {
        "meters": f"SELECT {cells('t')} FROM meters t WHERE place <= 6",
        "scenario_steps": f"SELECT {cells('t')} FROM scenario_steps t WHERE outcome <> 'BEGUN'",
    }
    for name, above in TABLES.items():
        names = ["t", *(alias for alias in "abc" if f" {alias} ON " in above)]
        owner = "a" if "a" in names else "t"
        mine = f"{owner}.meter_id IN (SELECT id FROM meters WHERE place <= 6)"
        queries[name] = f"SELECT {', '.join(map(cells, names))} FROM {name} t {above} WHERE {mine}"
    with psycopg.connect(dsn, options="-c search_path=sim") as connection:
        return {name: sorted(connection.execute(query.encode()).fetchall()) for name, query in queries.items()}


def cells(alias: str) -> str:
    """A whole row as text; an object by its logical name."""
    name = f"(SELECT logical_name FROM obis_codes WHERE id = (to_jsonb({alias}) ->> 'obis_code_id')::integer)"
    return (
        f"(to_jsonb({alias}) - '{APART}'::text[] #- '{{config,listen}}' || jsonb_build_object('object', {name}))::text"
    )


async def test_the_same_seed_gives_the_same_rows_at_any_speed_and_among_other_meters(database: str, play: Play) -> None:
    seen = await lived_through(play, database, STORY, ((MAX_SPEED, "1"), (60.0 * 20, "1"), (MAX_SPEED, "22")))
    assert [name for name, rows in seen[0].items() if not rows] == []
    assert seen[0] == seen[1]
    assert seen[0] == seen[2]


async def test_sixty_seconds_a_second_bring_the_same_as_full_speed(database: str, play: Play) -> None:
    """Over a full hour: blocks and pushes; the clock follows the real one and is not stepped."""
    seen = await lived_through(play, database, SHORT_STORY, ((60.0, "1"), (MAX_SPEED, "1"), (60.0 * 4, "22")))
    assert all(
        seen[0][name] for name in ("block_load_profile", "event_logs", "eswf_push_alarms", "push_history_objects")
    )
    assert seen[0] == seen[1]
    assert seen[0] == seen[2]


async def lived_through(play: Play, dsn: str, story: str, ways: Sequence[tuple[float, str]]) -> list[Rows]:
    """What the first six meters have after each way: speed, and how many others live among them."""
    seen = []
    for speed, others in ways:
        await play(story, speed=speed, others=others)
        seen.append(stored(dsn))
        with psycopg.connect(dsn) as connection:
            connection.execute("DROP SCHEMA sim CASCADE")
    return seen
