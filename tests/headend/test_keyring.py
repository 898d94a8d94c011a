# SPDX-License-Identifier: GPL-2.0-only
"""`--keys`: what is understood of an inventory, and what is told of a file that is none."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from simulator.errors import UserError
from simulator.headend.keyring import login_for, named, read_meters
from simulator.headend.options import Call, Preset
from simulator.headend.reach import Reach
from simulator.headend.way import Transport, Way

CSV = """serial,host,port,framing,server,physical,device,baud,mode_e,client_16_auth,client_48_secret,client_48_ek
0830000001,,,serial,1,16,/dev/pts/7,9600,True,none,0011,2233
0830000002,10.0.0.2,4063,gateway,1,,,,,none,00,
0830000004,10.0.0.9,4061,dial,1,,,,,none,,
"""


def test_a_dash_reads_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(CSV))
    assert [entry["serial"] for entry in read_meters(Path("-"))] == ["0830000001", "0830000002", "0830000004"]


def test_rows_are_entries(tmp_path: Path) -> None:
    path = tmp_path / "meters.csv"
    path.write_text(CSV)
    entries = read_meters(path)
    assert entries[0]["clients"][1] == {"sap": 48, "secret": "0011", "ek": "2233"}
    assert named(entries, "0830000001", Way()) == (
        "/dev/pts/7", 0, 1,
        Way(Transport.SERIAL, hdlc=True, physical=16, mode_e=True, device_address="0830000001"),
    )  # fmt: skip
    assert named(entries, "0830000002", Way()) == ("10.0.0.2", 4063, 1, Way(gateway="0830000002"))
    assert named(entries, "0830000003", Way()) is None
    assert named(entries, "0830000002", Way(gateway="2")) == named(entries, "0830000002", Way())
    assert named(entries, "0830000001", Way(hdlc=True, address_octets=2))
    for serial, way, told in (
        ("0830000002", Way(gateway="0830000001"), "goes by its own name"),
        ("0830000001", Way(gateway="0830000001"), "not reached by gateway; its first place is of serial"),
        ("0830000002", Way(hdlc=True), "not reached by hdlc; its first place is of gateway"),
    ):
        with pytest.raises(UserError, match=told):
            named(entries, serial, way)
    with pytest.raises(UserError, match="cannot be called"):
        named(entries, "0830000004", Way())


def test_keys_that_are_given_win_over_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "meters.csv"
    path.write_text(CSV)
    reach = Reach(client="us", keys=path, ek="zz")
    call, _ = reach.call(["0830000001"])
    assert (call.password, call.ek) == ("0011", "zz")


def test_a_client_that_the_meter_has_not(tmp_path: Path) -> None:
    path = tmp_path / "meters.csv"
    path.write_text(CSV)
    way = Way(gateway="0830000002")
    call = Call("10.0.0.2", 4063, Preset(77, 1), 1, password=None, timeout_s=1, max_pdu=1024, way=way)
    with pytest.raises(UserError, match="meter 0830000002 has no client 77; it has 16, 48"):
        login_for(read_meters(path), call)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not what `meterfleet inventory --csv`"),
        ("a,b\n1,2\n", "not what `meterfleet inventory --csv`"),
        ("[1, 2", ":1:6: no JSON"),
        ('[{"serial": "1"}]', "not what `meterfleet inventory --json`"),
        ("serial,framing,port\n1,wrapper,x\n", ":2"),
        (None, "No such file"),
    ],
)
def test_a_file_that_is_no_inventory_is_told(tmp_path: Path, text: str | None, told: str) -> None:
    path = tmp_path / "meters"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match="meters") as raised:
        read_meters(path)
    assert told in str(raised.value)
