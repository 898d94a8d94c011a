# SPDX-License-Identifier: MIT
"""The event catalogue, and what a user's own may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.cosem.catalogue import clears, load_catalogue, raises, read_catalogue
from simulator.cosem.compiler import compile_model
from simulator.cosem.status_word import status_bits
from simulator.errors import UserError

HEAD = "code,log,name,event_type,kind,pair,esw_bit,snapshot,applies,tamper\n"


def test_bits_and_codes_agree_with_the_table_of_the_status_word() -> None:
    """IS 15959 as two implementations have it: which codes raise and clear each bit."""
    events = load_catalogue("is15959")
    for bit in status_bits():
        raising = {code for code, event in events.items() if raises(events, event) == bit.bit}
        clearing = {code for code, event in events.items() if clears(events, event) == bit.bit}
        shared = {bit.restoration} if bit.bit == 84 else set()  # 301 and 302 both raise it
        turns = {85: {102}, 86: {101}}.get(bit.bit, {bit.restoration} - shared)
        assert raising == ({bit.occurrence} | shared) - {0}, bit
        assert clearing == turns - {0}, bit


def test_a_meter_notices_what_is_for_its_phases_and_what_it_has_a_log_for(tmp_path: Path) -> None:
    single, three = compile_model("is15959-1ph").events, compile_model("is15959-3ph").events
    assert (1 in single, 69 in single) == (False, True)
    assert (1 in three, 69 in three) == (True, False)
    mute = tmp_path / "mute.yaml"
    mute.write_text("extends: is15959-1ph\nevents: null\n")
    assert not compile_model(str(mute)).events


def test_an_unknown_catalogue_is_told_with_its_line(tmp_path: Path) -> None:
    model = tmp_path / "mine.yaml"
    model.write_text("extends: is15959-1ph\nevents: is1595\n")
    with pytest.raises(UserError, match=r"mine.yaml:2:\d+.*did you mean is15959"):
        compile_model(str(model))


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("1,0,x,CLOCK,single,,,no,1P,\n1,0,y,CLOCK,single,,,no,1P,\n", r":3:1: code 1 is listed twice"),
        ("1,0,x,CLOCK,occurrence,2,,no,1P,\n", r":2:1: code 1 .* its pair must be a code that names it in turn"),
        ("1,0,x,CLOCK,single,2,,no,1P,\n", r":2:1: code 1 is single"),
        ("1,7,x,CLOCK,single,,,no,1P,\n", r":2.*log"),
        ("1,0,x,TIME,single,,,no,1P,\n", r":2.*event_type"),
        ("1,0,x,CLOCK,single,,128,no,1P,\n", r":2.*esw_bit"),
        ("1,0,x,CLOCK,occurrence,2,,no,1P,\n2,1,x,CLOCK,restoration,1,,no,1P,\n", "must share log and phases"),
    ],
)
def test_mistakes_are_told_with_their_line(tmp_path: Path, rows: str, told: str) -> None:
    path = tmp_path / "my-events.csv"
    path.write_text(HEAD + rows)
    with pytest.raises(UserError, match=told):
        read_catalogue(path)
