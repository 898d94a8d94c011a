# SPDX-License-Identifier: MIT
"""Entries of a scenario of which a word is not known: the rest of them is looked at all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.errors import UserError
from simulator.scenario.scenario import load_scenario


def test_an_unknown_word_hides_nothing_else_of_its_entry(tmp_path: Path) -> None:
    text = """network: [{listen: tcp, framing: hdl, port: 99999}, {listen: tcp, framing: gatway, physical: 3}]
push: {destination: sink, schedule: TEN_MIN}
timeline: [{do: outag, at: 5q}, {at: 5q}]
expect: [{evnt: 201, at: 5q}]
"""
    path = tmp_path / "scenario.yaml"
    path.write_text(f"name: x\nfleet: [{{count: 3}}]\n{text}")
    with pytest.raises(UserError) as found:
        load_scenario(path)
    told = [one.partition(": ")[2] for one in str(found.value).splitlines()]
    expected = [
        "network.0: hdlc,port=99999: '99999' is not a port",
        "network.0: framing: over tcp there is no 'hdl'",
        "network.1: framing: over tcp there is no 'gatway'",
        "push.schedule: there is no schedule 'TEN_MIN'",
        "timeline.0.do: there is no step 'outag'",
        "timeline.0.at: '5q' is not a time",
        "timeline.1: say what to do",
        "timeline.1.at: '5q' is not a time",
        "expect.0: say what is expected",
        "expect.0.at: '5q' is not a time",
    ]
    all_told = [next((one for one in told if one.startswith(words)), words) for words in expected]
    assert [one for one in all_told if one not in told] == []
    assert not [one for one in told if "--push" in one]
