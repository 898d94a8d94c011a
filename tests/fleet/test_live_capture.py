# SPDX-License-Identifier: GPL-2.0-only
"""`spawn --capture`: the file is pcapng by its own reader here, and Gurux's translator understands what is in it."""

from __future__ import annotations

import csv
import stat
from pathlib import Path

import pytest
from capture_bench import Keys, conversations, frames, packets, streams, told
from live import BLOCK, Judge, free_port, run, spawned

from simulator.fleet.capture import open_capture

AT = "2025-06-10T10:00:00+05:30"


@pytest.mark.parametrize("hdlc", [False, True])
def test_each_frame_is_kept_and_can_be_read(home: Path, tmp_path: Path, *, hdlc: bool) -> None:
    path, port = tmp_path / "one.pcapng", free_port()
    listen = f"{'hdlc' if hdlc else 'wrapper'},address=127.44.0.1,port={port}"
    options = ("--start", AT, "--speed", 0, "--seed", 74, "--capture", path)
    place = (f"127.44.0.1:{port}", *(["--hdlc"] if hdlc else []))
    for old in (path, tmp_path / "one.pcapng.keys"):
        old.write_text("from the last time")
        old.chmod(0o644)
    with spawned(home, 1, *options, listen=listen) as fleet:
        login = next(one for one in fleet.ready["meters"][0]["clients"] if one["sap"] == 48)
        secrets = ("--password", login["secret"], "--ek", login["ek"], "--ak", login["ak"])
        done = run("read", *place, "clock", "--client", "us", *secrets, home=home)
        assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "one.pcapng.keys").open()))
    keys = next(row for row in rows if row["client"] == "48")
    assert (keys["ek"], keys["secret"]) == (login["ek"], login["secret"])
    kept = list(conversations(path))
    assert len(kept) == 2  # the public client for the counter, then the utility
    texts = [one for talk in kept for one in told(talk, Keys(path))]
    assert not [one.complaint for one in texts if one.complaint]
    whole = "\n".join(one.text for one in texts)
    for word in ("AssociationRequest", "AssociationResponse", "GetRequest", "GetResponse", "ActionRequest"):
        assert word in whole
    assert "07E9060A" in whole  # the clock, deciphered
    for name in ("one.pcapng", "one.pcapng.keys"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_a_long_stream_is_cut_into_packets_that_ipv4_can_carry(home: Path, tmp_path: Path) -> None:
    """Blocks of 65,535 octets with the wrapper's header are longer than a packet."""
    path, port = tmp_path / "long.pcapng", free_port()
    options = ("--start", AT, "--speed", 0, "--seed", 75, "--history", "60d", "--block-minutes", 15)
    listen = f"wrapper,address=127.44.0.1,port={port}"
    with spawned(home, 1, *options, "--capture", path, listen=listen) as fleet, Judge(fleet.meters[0]) as judge:
        assert len(judge.rows(BLOCK)) > 3000
        received = judge.blocks
    assert max(len(octets) for _, octets in packets(path.read_bytes())) == 0xFFFF
    kept = streams(path)
    ((_, answers),) = [(way, octets) for way, octets in kept.items() if way[0] == ("127.44.0.1", port)]
    assert len(list(frames(answers, hdlc=False))) == received + 1  # and the AARE


def test_a_full_disk_ends_the_capture_and_nothing_else(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    path = tmp_path / "full"
    path.symlink_to("/dev/full")
    capture = open_capture(path)
    for _ in range(1000):
        capture.packet(bytes(100))
    capture.flush()
    capture.packet(bytes(100))
    capture.close()
    assert [record.getMessage() for record in caplog.records] == [
        f"{path} cannot be written (No space left on device); the capture ends here"
    ]


def test_a_file_that_cannot_be_made_ends_with_2(tmp_path: Path) -> None:
    done = run("spawn", 1, "--capture", tmp_path / "nowhere" / "one.pcapng", home=tmp_path / "home")
    assert done.returncode == 2
    assert "No such file or directory" in " ".join(done.stderr.split())
    assert not (tmp_path / "home").exists()
