# SPDX-License-Identifier: GPL-2.0-only
"""The invocation-counter lab as Gurux meets it, as client 48: each meter's trouble, and none before the step that makes
it. The scenario's own expectations see what the meters say of themselves; these troubles are on the way."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest
from gurux_dlms import GXDLMSExceptionResponse
from live import CLOCK
from secure import Login, SecureJudge

from simulator.testing.factory import fleets
from simulator.testing.fleet import LiveFleet
from simulator.testing.servers import Server

UTILITY = 48
Before = tuple[LiveFleet, list[int]]  # and each meter's counter just before the steps


@pytest.fixture(scope="module")
def before(meterfleet_server: Server) -> Iterator[Before]:
    """All three answer as they should, until the steps of the first minute."""
    with fleets(meterfleet_server) as meterfleet:
        lab = meterfleet(scenario="invocation-counter-lab")
        sent = []
        for number in (1, 2, 3):
            with utility(lab, number) as judge:
                sent.append(asked(judge))
        lab.step("2m")
        yield lab, sent


def utility(lab: LiveFleet, number: int) -> SecureJudge:
    meter = lab.meters[number - 1]
    known = meter.client(UTILITY)
    keys = {name: key for name, key in (("ek", known.ek), ("ak", known.ak)) if key is not None}
    return SecureJudge(meter, Login(UTILITY, int(known.auth.removeprefix("hls")), known.secret or b"", **keys))


def asked(judge: SecureJudge) -> int:
    """The meter's own counter in an answer: behind wrapper, tag, a length of one octet and the security control."""
    assert judge.get(8, CLOCK).result == 0
    found: int = struct.unpack_from(">I", judge.frames[-1], 8 + 3)[0]
    return found


def test_the_first_has_new_keys(before: Before) -> None:
    lab, _ = before
    with pytest.raises(GXDLMSExceptionResponse), utility(lab, 1):
        pass


def test_the_second_answers_with_counters_that_it_has_sent_before(before: Before) -> None:
    lab, sent = before
    with utility(lab, 2) as judge:
        assert asked(judge) < sent[1]


def test_the_third_refuses_one_request_for_its_counter(before: Before) -> None:
    lab, sent = before
    judge = utility(lab, 3)
    with pytest.raises(GXDLMSExceptionResponse), judge:
        judge.get(8, CLOCK)
    assert judge.frames[-1][8:11].hex() == "d80106"  # invocation-counter-error (Green Book 9.4.2.6)
    with utility(lab, 3) as judge:
        assert asked(judge) > sent[2]
