# SPDX-License-Identifier: MIT
"""Whatever bytes come, a session answers or is silent: it never raises, hangs or grows (design 5, bad input)."""

from __future__ import annotations

from dlms_bench import METER, PUBLIC, READER, Bench, aarq, associated, low_level
from hypothesis import given
from hypothesis import strategies as st
from strategies_of_services import requests

from simulator.dlms.limits import Limits
from simulator.wire import wrapper
from simulator.wire.axdr import decode_whole  # noqa: F401

LIMITS = Limits(max_frame=2_000, max_pending=4_000, max_assembled=500, max_items=4)
tags = st.sampled_from([0xC0, 0xC1, 0xC3, 0x60, 0x62, 0xD8, 0xE0])
"""Noise behind a service's own tag and choice goes further than noise alone."""
noise = st.one_of(
    st.binary(max_size=60),
    st.builds(lambda tag, choice, rest: bytes((tag, choice)) + rest, tags, st.integers(0, 7), st.binary(max_size=60)),
    requests,
)


def bounded(bench: Bench) -> None:
    held = bench.session._framing.buffered
    assert held <= LIMITS.max_pending + LIMITS.max_frame
