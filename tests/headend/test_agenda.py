# SPDX-License-Identifier: GPL-2.0-only
"""When meters are due: who is being read, or has not called, is set aside and costs nothing."""

from __future__ import annotations

import time
from collections.abc import Collection

from simulator.headend.agenda import Agenda, Schedule

_ONCE = Schedule({"block": 60.0}, once=True)
_ALWAYS = Schedule({"block": 60.0, "daily": 600.0})


def due(agenda: Agenda, now_s: float, absent: Collection[str] = ()) -> dict[str, tuple[str, ...]]:
    return dict(agenda.due(now_s, lambda serial: serial in absent))


def test_who_calls_is_awaited_and_then_said_to_be_missing() -> None:
    agenda, now_s = Agenda(_ONCE, ["M1", "M2"]), time.monotonic()
    assert due(agenda, now_s, {"M1"}) == {"M2": ("block",)}
    assert due(agenda, now_s + 100, {"M1"}) == {}
    assert not agenda.is_done
    assert due(agenda, now_s + 121, {"M1"}) == {"M1": ("block",)}
    assert agenda.is_done


def test_who_calls_at_last_is_read_at_once_and_awaited_as_long_the_next_time() -> None:
    agenda, now_s = Agenda(_ALWAYS, ["M1"]), time.monotonic()
    assert due(agenda, now_s, {"M1"}) == {}
    agenda.arrived(["M1"])
    assert due(agenda, now_s + 100) == {"M1": ("block", "daily")}
    agenda.freed("M1")
    assert due(agenda, now_s + 200, {"M1"}) == {}
    assert due(agenda, now_s + 230, {"M1"}) == {}
    assert due(agenda, now_s + 321, {"M1"}) == {"M1": ("block",)}


def test_what_falls_due_while_a_meter_is_read_comes_when_it_is_free() -> None:
    agenda, now_s = Agenda(_ALWAYS, ["M1"]), time.monotonic()
    assert due(agenda, now_s) == {"M1": ("block", "daily")}
    assert due(agenda, now_s + 61) == {}
    agenda.arrived(["M1"])  # another call of who is being read
    assert due(agenda, now_s + 62) == {}
    agenda.freed("M1")
    assert due(agenda, now_s + 63) == {"M1": ("block",)}
    agenda.freed("M1")
    assert due(agenda, now_s + 100) == {}
    assert due(agenda, now_s + 124) == {"M1": ("block",)}


def test_only_who_is_in_the_inventory_is_read() -> None:
    agenda, now_s = Agenda(_ALWAYS, ["M1", "M2"]), time.monotonic()
    assert due(agenda, now_s, {"M1"}) == {"M2": ("block", "daily")}
    agenda.renew({"M3"}, ["M3"])
    agenda.arrived(["M1"])
    assert due(agenda, now_s + 1) == {"M3": ("block", "daily")}


def test_a_hundred_thousand_that_have_not_called_cost_nothing() -> None:
    """While somebody else is waited for; so many are looked at once only."""
    asked = []
    agenda, now_s = Agenda(_ALWAYS, map(str, range(100_000))), time.monotonic()
    for second in range(10):
        assert not list(agenda.due(now_s + second, lambda serial: asked.append(serial) is None))
    assert len(asked) == 100_000


def test_who_only_hears_pushes_goes_on_without_meters_to_read() -> None:
    """All of them call by themselves, and calls are not taken."""
    assert not Agenda(Schedule({"block": 60.0}), {}).is_done
    assert Agenda(_ONCE, {}).is_done
