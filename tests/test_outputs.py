# SPDX-License-Identifier: MIT
"""Files that commands write, where there is no room for them, and where they are none."""

from __future__ import annotations

import errno
import os
import resource
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from simulator.commands import verify
from simulator.commands.outputs import write_whole
from simulator.errors import MeterfleetError

_ROOM = 4096
OLD, NEW = b"old", bytes(3 * _ROOM)


@contextmanager
def full_disk() -> Iterator[None]:
    """No file grows beyond `_ROOM` octets."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_ROOM, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "r.html"
    path.write_bytes(OLD)
    return path


def test_a_full_disk_leaves_the_older_file_and_no_half_ones(report: Path) -> None:
    with full_disk(), pytest.raises(OSError):
        write_whole(report, NEW)
    with full_disk(), pytest.raises(OSError):
        write_whole(report.with_name("new.html"), NEW)
    assert [(one.name, one.read_bytes()) for one in report.parent.iterdir()] == [("r.html", OLD)]


def test_a_full_disk_costs_verify_no_older_report(report: Path) -> None:
    with full_disk(), pytest.raises(MeterfleetError, match=r"r\.html cannot be written"):
        verify._write(report, NEW.decode())
    assert report.read_bytes() == OLD


def test_rights_and_links_stay(report: Path) -> None:
    report.chmod(0o640)
    link = report.with_name("link.html")
    link.symlink_to(report.name)
    write_whole(link, NEW)
    assert link.is_symlink()
    assert report.read_bytes() == NEW
    assert stat.S_IMODE(report.stat().st_mode) == 0o640


def test_a_new_file_has_the_rights_that_files_have(tmp_path: Path) -> None:
    usual, new, private = (tmp_path / name for name in ("usual", "new", "private"))
    usual.touch()
    write_whole(new, NEW)
    write_whole(private, NEW, mode=0o600)
    assert new.stat().st_mode == usual.stat().st_mode
    assert stat.S_IMODE(private.stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_in_a_folder_that_is_not_ours_is_written(report: Path) -> None:
    report.parent.chmod(0o555)
    try:
        write_whole(report, NEW)
    finally:
        report.parent.chmod(0o755)
    assert report.read_bytes() == NEW


def test_pipes_and_devices_are_written_as_they_are(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    told: list[bytes] = []
    reader = threading.Thread(target=lambda: told.append(pipe.read_bytes()))
    reader.start()
    write_whole(pipe, NEW)
    reader.join()
    assert told == [NEW]
    assert pipe.is_fifo()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux")
def test_a_device_that_is_full_stays_a_device() -> None:
    with pytest.raises(OSError) as error:
        write_whole(Path("/dev/full"), NEW)
    assert error.value.errno == errno.ENOSPC
    assert Path("/dev/full").is_char_device()


def test_our_own_output_by_another_name_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--report /dev/stdout > file`: what is printed afterwards would go nowhere."""
    with (tmp_path / "out").open("w") as output:
        monkeypatch.setattr("sys.stdout", output)
        write_whole(tmp_path / "out", b"report")
        assert os.path.samestat(os.fstat(output.fileno()), (tmp_path / "out").stat())
