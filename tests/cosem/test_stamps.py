# SPDX-License-Identifier: MIT
"""Date-times (Blue Book 4.1.6.1): octets out, and what a client's range means in meter time."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.cosem.stamps import local_seconds, stamp, stamps

IST = 330
LOCAL_2025_06_01 = 1_748_736_000  # 2025-06-01T00:00:00 as if it were UTC


def test_indian_standard_time_has_deviation_minus_330() -> None:
    assert stamp(LOCAL_2025_06_01, IST).hex() == "07e90601" + "07" + "00000000" + "feb6" + "00"


@given(st.lists(st.integers(0, 4_102_444_799), min_size=1, max_size=50))
def test_a_column_of_stamps_equals_single_ones(moments: list[int]) -> None:
    column = stamps(np.array(moments, np.int64), IST)
    assert [bytes(row) for row in column] == [stamp(moment, IST) for moment in moments]


@given(st.integers(0, 4_102_444_799))
def test_a_stamp_reads_back_as_itself(moment: int) -> None:
    for latest in (False, True):
        assert local_seconds(stamp(moment, IST), IST, latest=latest) == moment


@pytest.mark.parametrize(
    ("octets", "first", "last"),
    [
        ("07E90601FF000000008000FF", "2025-06-01T00:00:00", "2025-06-01T00:00:00"),  # no deviation: meter time
        ("07E90601FF00000000FEB600", "2025-06-01T00:00:00", "2025-06-01T00:00:00"),  # the meter's own deviation
        ("07E90601FF00000000000000", "2025-06-01T05:30:00", "2025-06-01T05:30:00"),  # UTC
        ("07E90601FF0A1EFFFF8000FF", "2025-06-01T10:30:00", "2025-06-01T10:30:59"),  # seconds not specified
        ("07E90601FFFFFFFFFF8000FF", "2025-06-01T00:00:00", "2025-06-01T23:59:59"),  # a whole day
        ("07E902FFFFFFFFFFFF8000FF", "2025-02-01T00:00:00", "2025-02-28T23:59:59"),  # a whole month
        ("07E8FFFFFFFFFFFFFF8000FF", "2024-01-01T00:00:00", "2024-12-31T23:59:59"),  # a whole year
    ],
)
def test_both_ends_of_a_range_are_inclusive_whatever_is_not_specified(octets: str, first: str, last: str) -> None:
    def seconds(text: str) -> int:
        return int((dt.datetime.fromisoformat(text) - dt.datetime(1970, 1, 1)).total_seconds())

    raw = bytes.fromhex(octets)
    assert local_seconds(raw, IST, latest=False) == seconds(first)
    assert local_seconds(raw, IST, latest=True) == seconds(last)


@pytest.mark.parametrize("octets", ["", "07E90601", "FFFFFFFFFFFFFFFFFF8000FF", "000006010000000000800000"])
def test_what_names_no_moment_is_a_value_error(octets: str) -> None:
    with pytest.raises(ValueError):
        local_seconds(bytes.fromhex(octets), IST, latest=True)
