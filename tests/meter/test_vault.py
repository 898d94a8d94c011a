# SPDX-License-Identifier: MIT
"""Invocation counters on a real store: what is safe from a restart, and how often the store is asked (9.2.3.3)."""

from __future__ import annotations

import asyncio

from meter_bench import FIRMWARE, UTILITY, Install, Meters

from simulator.meter.guard import Guard


def guards(meters: Meters) -> list[Guard]:
    return [Guard(meters.cohort, row, client) for row in range(3) for client in (UTILITY, FIRMWARE)]


def use(guard: Guard, count: int) -> None:
    for _ in range(count):
        guard.accept(guard.lowest())
        guard.next_counter()


def stored(meters: Meters, *, row: int = 0, client: int = UTILITY) -> int:
    condition = "WHERE meter_id = %s AND client = %s AND key = 'unicast'"
    statement = f"SELECT lowest FROM invocation_counters {condition}"
    ((lowest,),) = meters.sql(statement, meters.cohort.identities[row].id, client)
    return int(lowest)


async def test_all_that_wait_are_written_together(install: Install) -> None:
    meters = await install("is15959-1ph")
    vault, all_of_them = meters.cohort.vault, guards(meters)
    for guard in all_of_them:
        use(guard, 1)
        assert not guard.is_reserved()
    await asyncio.gather(*(vault.reserve(row, client) for row in range(3) for client in (UTILITY, FIRMWARE)))
    assert all(guard.is_reserved() for guard in all_of_them)
    ((moments,),) = meters.sql("SELECT count(DISTINCT updated_at) FROM invocation_counters")
    assert moments == 2  # the first one's, and those of everybody who came meanwhile
    for row in range(3):
        assert stored(meters, row=row) > 1
        assert stored(meters, row=row, client=0) > 1  # the meter's own series


async def test_the_more_is_used_the_farther_ahead_is_written(install: Install) -> None:
    meters = await install("is15959-1ph")
    (guard, *_), vault = guards(meters), meters.cohort.vault
    ahead = []
    for _ in range(6):
        while guard.is_reserved():
            use(guard, 1)
        use(guard, 1)
        await vault.reserve(0, UTILITY)
        assert guard.is_reserved()
        ahead.append(stored(meters) - guard.lowest())
    assert ahead[0] == 256
    assert max(ahead) == 65_536
    await vault.settle(all_of_them=True)
    assert stored(meters) == guard.lowest()
    use(guard, 1)
    await vault.reserve(0, UTILITY)
    assert stored(meters) - guard.lowest() <= 256


async def test_what_a_guard_holds_goes_with_a_new_key(install: Install) -> None:
    meters = await install("is15959-1ph")
    (guard, *_), vault = guards(meters), meters.cohort.vault
    old = guard.key()
    use(guard, 5)
    assert guard.key() is old
    vault.put_key(0, UTILITY, "ek", bytes(16))
    vault.start_anew(0, UTILITY, "unicast")
    assert guard.lowest() == 0
    text = old.protect(0x30, guard.title, 0, b"text")
    assert guard.key().reveal(0x30, guard.title, 0, text) is None
    other = Guard(meters.cohort, 1, UTILITY)
    assert other.key().reveal(0x30, other.title, 0, text) is None


async def test_a_new_key_that_comes_while_counters_are_written_begins_at_zero(install: Install) -> None:
    """Green Book 9.2.3.3: after a restart the store must not ask counters of the old key."""
    meters = await install("is15959-1ph")
    (guard, *_), vault = guards(meters), meters.cohort.vault
    use(guard, 5)
    writing = asyncio.ensure_future(vault.reserve(0, UTILITY))
    await asyncio.sleep(0)  # it is on its way to the store
    vault.start_anew(0, UTILITY, "unicast")
    await writing
    assert (guard.lowest(), stored(meters)) == (0, 0)
    use(guard, 1)
    assert not guard.is_reserved()
