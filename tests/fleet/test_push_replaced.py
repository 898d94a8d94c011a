# SPDX-License-Identifier: GPL-2.0-only
"""Pushes and a meter that is replaced: the new one registers under its own keys, the old one's are never mixed in."""

from __future__ import annotations

import socket

import numpy as np
import pytest
from pushing_fleet import (
    ALERT,
    BLOCK,
    HOUR_MS,
    INSTANT,
    MINUTE_MS,
    PLAIN,
    REGISTRATION,
    Pushing,
    heard,
    pushing,
)

from simulator.cosem.compiler import compile_model
from simulator.headend.keybook import KeyBook, KeyPair, Owner
from simulator.headend.listener import Listener
from simulator.headend.unsealing import Unsealer, gurux_reveal
from simulator.meter.identity import Identity, serial_of
from simulator.meter.push.setup import setup_of
from simulator.meter.replacement import replace
from simulator.values import parse_obis
from simulator.wire.ciphering import decode

_HISTORY = """SELECT m.generation, h.status, h.error_message, count(*)::int
  FROM sim.push_history h JOIN sim.push_setups s ON s.id = h.push_setup_id JOIN sim.meters m ON m.id = s.meter_id
  JOIN sim.obis_codes o ON o.id = s.obis_code_id WHERE o.logical_name = %s AND m.place = 1
 GROUP BY 1, 2, 3 ORDER BY 1, 2"""


def book(*meters: Identity) -> KeyBook:
    owners = {one.system_title: Owner(one.serial, (KeyPair(one.key("ek"), one.key("ak")),)) for one in meters}
    return KeyBook(owners)


async def replaced(meters: Pushing) -> None:
    assert await meters.fleet.replacing.replace([0]) == 1


async def test_the_new_meter_registers_under_its_own_title_and_keys(database: str) -> None:
    old = Identity(7, compile_model("is15959-1ph").spec.flag, serial_of(7, 0))
    new = old.successor(1)
    async with (
        Listener(unsealer=Unsealer(book(old, new), reveal=gurux_reveal)) as ear,
        pushing(database, 1, f"127.0.0.1:{ear.port}") as meters,
    ):
        assert meters.fleet.identity(0) == old
        await replaced(meters)
        await meters.step(10 * MINUTE_MS)
        assert meters.fleet.identity(0) == new
        note = await heard(ear, REGISTRATION, serial=new.serial)
        assert note.device == new.device_id
        assert decode(note.received.apdu).title == new.system_title
        assert note.values[0].value.value == new.serial


async def test_it_is_reached_as_its_model_says_and_pushes_on_schedule(database: str) -> None:
    async with Listener() as ear, pushing(database, 2, PLAIN.format(port=ear.port)) as meters:
        await meters.step(20 * MINUTE_MS)
        old = meters.fleet.identity(0)
        await replaced(meters)
        await meters.step(HOUR_MS)
        new = meters.fleet.identity(0)
        assert (await heard(ear, REGISTRATION, serial=old.serial)).device == old.device_id
        assert (await heard(ear, REGISTRATION, serial=new.serial)).device == new.device_id
        for setup in (INSTANT, BLOCK):
            pushed = meters.sql(_HISTORY, setup)
            assert {generation for generation, *_ in pushed} >= {1}
            assert {status for _, status, *_ in pushed} == {"SUCCESS"}
        last = meters.sql("SELECT max(h.timestamp)::time::text FROM sim.push_history h JOIN sim.push_setups s"
                          " ON s.id = h.push_setup_id WHERE s.meter_id = %s", old.id)  # fmt: skip
        assert last[0][0] <= "00:20:00"


async def test_what_the_old_one_had_not_got_rid_of_is_given_up(database: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]  # nobody listens there any more
    async with pushing(database, 2, PLAIN.format(port=port)) as meters:
        await meters.step(10 * MINUTE_MS)
        await meters.happen([0], 251)
        await meters.step(1000)
        assert {row[0] for row in meters.alarms()} == {"PENDING"}
        await replaced(meters)
        await meters.step(HOUR_MS)
        of_old = [row for row in meters.sql(_HISTORY, ALERT) if row[0] == 0]
        assert [row[1:3] for row in of_old if row[1] == "CANCELLED"] == [("CANCELLED", "the meter was replaced")]
        assert [row for row in meters.sql(_HISTORY, ALERT) if row[0] == 1] == []
        assert {row[0] for row in meters.alarms()} == {"FAILED"}


@pytest.mark.parametrize("before", [False, True])
async def test_what_ends_in_the_moment_of_a_replacement_is_in_the_old_ones_history(database: str, before: bool) -> None:
    """`before`: it has pushed before, so that there are rows of its setup."""
    async with Listener() as ear, pushing(database, 1, PLAIN.format(port=ear.port)) as meters:
        pushes, (cohort, row), old = meters.fleet.pushes, meters.fleet.place(0), meters.fleet.identity(0)
        if before:
            await meters.step(20 * MINUTE_MS)
        async with pushes.journal._writing:  # the history is behind
            for setup in (INSTANT, ALERT):
                assert pushes.push(cohort, row, parse_obis(setup), meters.fleet.clock.now_ms())
            await meters.until_landed()
            await replace(cohort, np.array([row]), meters.fleet.clock.now_ms())
        assert meters.fleet.identity(0) != old
        await pushes.journal.flush()
        told = meters.sql(
            "SELECT logical_name, h.status, h.payload IS NOT NULL, (SELECT count(*)::int FROM sim.push_history_objects"
            " WHERE push_history_id = h.id) FROM sim.push_history h JOIN sim.push_setups s ON s.id = h.push_setup_id"
            " JOIN sim.obis_codes o ON o.id = s.obis_code_id WHERE s.meter_id = %s AND trigger = 'MANUAL' ORDER BY 1",
            old.id,
        )
        listed = {setup: len(setup_of(cohort, row, parse_obis(setup)).objects) for setup in (INSTANT, ALERT)}
        assert told == [(setup, "SUCCESS", True, count) for setup, count in listed.items()]


async def test_who_is_replaced_does_not_wait_for_the_pushes_of_others(database: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        place = PLAIN.format(port=mute.getsockname()[1]) + ",confirmed"
        async with pushing(database, 2, place) as meters:
            outbox = meters.fleet.pushes.outbox
            cohort, row = meters.fleet.place(1)
            assert meters.fleet.pushes.push(cohort, row, parse_obis(INSTANT), meters.fleet.clock.now_ms())
            await meters.until(lambda: outbox.under_way)
            (waiting,) = outbox._sending
            await replaced(meters)
            assert waiting in outbox._sending
