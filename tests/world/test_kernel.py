# SPDX-License-Identifier: MIT
"""The kernel's order: instant, then scenario, demand, capture, push, then first come."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.world.kernel import Kernel, Priority


def test_a_push_at_midnight_comes_after_midnights_row() -> None:
    kernel, seen = Kernel(0), list[object]()
    for priority in (Priority.PUSH, Priority.CAPTURE, Priority.SCENARIO, Priority.DEMAND):
        kernel.schedule(86_400_000, priority, partial(seen.append, priority))
    kernel.run_until(86_400_000)
    assert seen == [Priority.SCENARIO, Priority.DEMAND, Priority.CAPTURE, Priority.PUSH]


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(Priority))))
def test_order_is_instant_priority_first_come(due: list[tuple[int, Priority]]) -> None:
    kernel, seen = Kernel(0), list[object]()
    for order, (instant, priority) in enumerate(due):
        kernel.schedule(instant, priority, partial(seen.append, (instant, priority, order)))
    kernel.run_until(5)
    assert seen == sorted((instant, priority, order) for order, (instant, priority) in enumerate(due))


def test_what_is_cancelled_does_not_run() -> None:
    kernel, seen = Kernel(0), list[object]()
    first = kernel.schedule(1, Priority.PUSH, lambda: seen.append("first"))
    kernel.schedule(2, Priority.PUSH, lambda: seen.append("second"))
    assert kernel.cancel(first)
    assert not kernel.cancel(first)
    assert kernel.next_instant() == 2
    kernel.run_until(10)
    assert seen == ["second"]
    assert kernel.now == 10


def test_what_has_run_cannot_be_cancelled() -> None:
    kernel = Kernel(0)
    handle = kernel.schedule(1, Priority.PUSH, lambda: None)
    kernel.step()
    assert not kernel.cancel(handle)


def test_an_action_may_schedule_at_its_own_instant() -> None:
    kernel, seen = Kernel(0), list[object]()
    kernel.schedule(5, Priority.PUSH, lambda: kernel.schedule(5, Priority.SCENARIO, lambda: seen.append(kernel.now)))
    kernel.run_until(5)
    assert seen == [5]


def test_step_hands_on_what_the_action_returned() -> None:
    kernel = Kernel(100)
    kernel.schedule(250, Priority.DEMAND, lambda: "row")
    assert kernel.step() == "row"
    assert kernel.now == 250
    assert kernel.next_instant() is None
    with pytest.raises(IndexError):
        kernel.step()


def test_an_instant_that_has_passed_is_refused() -> None:
    kernel = Kernel(100)
    with pytest.raises(ValueError, match="has passed"):
        kernel.schedule(99, Priority.PUSH, lambda: None)


def test_run_until_leaves_later_things_alone() -> None:
    kernel, seen = Kernel(0), list[object]()
    kernel.schedule(11, Priority.PUSH, lambda: seen.append(11))
    kernel.run_until(10)
    assert (seen, kernel.now, kernel.next_instant()) == ([], 10, 11)
