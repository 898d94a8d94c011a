# SPDX-License-Identifier: MIT
"""What a night of a small fleet leaves behind: something of every meter in every table."""

from __future__ import annotations

import psycopg
from playing import Play

OF_EVERY_METER = {
    "meters": "id",
    **dict.fromkeys(
        (
            "push_setups",
            "instant_profile",
            "block_load_profile",
            "daily_load_profile",
            "billing_profile",
            "event_logs",
            "eswf_status",
            "energy_measurements",
            "voltage_measurements",
            "current_measurements",
        ),
        "meter_id",
    ),
    "push_objects JOIN push_setups s ON s.id = push_setup_id": "s.meter_id",
    "push_schedules JOIN push_setups s ON s.id = push_setup_id": "s.meter_id",
    "schedule_entries JOIN push_schedules d ON d.id = schedule_id JOIN push_setups s ON s.id = push_setup_id": (
        "s.meter_id"
    ),
    "push_history JOIN push_setups s ON s.id = push_setup_id": "s.meter_id",
    "eswf_push_alarms a JOIN eswf_status w ON w.id = a.eswf_status_id": "w.meter_id",
}


async def test_a_storm_at_the_end_of_a_month_leaves_rows_of_every_meter_in_every_table(
    database: str, play: Play
) -> None:
    """S004-01: load profiles, events, pushes and the status word, all of them kept for all of them."""
    await play("""name: all of it
clock: {start: "2025-06-30T23:30:00+05:30"}
fleet: [{count: 3, load: shop}]
timeline: [{at: 2m, do: outage, for: 5m}]
expect: [{read: "1.0.94.91.0.255:2", refused: object-undefined, share: 0, at: 20m, within: 1m}]
end: 40m
push: {destination: sink}
""")
    with psycopg.connect(database, options="-c search_path=sim") as connection:
        counted = {
            name: connection.execute(f"SELECT count(DISTINCT {meter}) FROM {name}".encode()).fetchone()
            for name, meter in OF_EVERY_METER.items()
        }
    assert counted == dict.fromkeys(OF_EVERY_METER, (3,))
