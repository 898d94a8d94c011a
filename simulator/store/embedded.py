# SPDX-License-Identifier: MIT
"""A private PostgreSQL server in a folder of its own, on a Unix socket, that outlives the process that started it.

It must never touch a process or a folder that is not its own, and never run as root. Every decision is taken under a
lock that goes with the process (flock), never by counting users.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.pq import PGconn, Ping

from simulator.errors import StoreError, UserError
from simulator.store import processes
from simulator.store.account import account_for
from simulator.store.binaries import find_binaries, reachable
from simulator.store.connections import store_errors
from simulator.store.homes import SOCKET, cluster_folder, default_home, make_passable, shelf_folder, socket_folder
from simulator.store.queries import query, template

__all__ = ["EmbeddedPostgres", "default_home"]

_NEEDED_OCTETS = 200 << 20  # a new cluster and its first WAL
_START_LIMIT_S = 300.0  # a long replay of WAL after a crash is not a failure
_STOP_LIMIT_S = 60.0
_ORPHANS_LIMIT_S = 15.0
_POLL_S = 0.01
_STATUS_LINE = 7  # of postmaster.pid: the eighth line is the state of the server

_INITDB = "-U postgres -A trust -E UTF8 --locale=C --no-instructions"
_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "log_checkpoints": "off",
    "jit": "off",
}


class EmbeddedPostgres:
    """The server of one home. Any number of these objects, in any number of processes, speak of the same server."""

    def __init__(self, home: Path, *, binaries: Path | None = None) -> None:
        if sys.platform == "win32":
            raise UserError("there is no embedded PostgreSQL on Windows yet; name a server with --database")
        self.home = Path(os.path.realpath(home))  # one spelling: the server is known by its path
        if self.home.exists() and not self.home.is_dir():
            raise UserError(f"{home} is no folder; set METERFLEET_HOME, or --home, to one of yours")
        self._binaries = binaries
        self.cluster = cluster_folder(self.home)
        self.data = self.cluster / "data"
        self.log = self.cluster / "postgres.log"
        self._account = account_for(self.cluster)
        self._sockets = socket_folder(self.cluster, self._account.uid)

    def start(self) -> None:
        """Return when the server takes connections, whoever started it."""
        with self._locked():
            self._wait_until(lambda: self._is_ready() or self._pid() is None, _START_LIMIT_S)
            if self._pid() is None:
                self._launch(self._prepared())

    def stop(self) -> None:
        if not self.is_running():
            return
        with self._locked():
            if (pid := self._pid()) is not None:
                os.kill(pid, signal.SIGINT)  # "fast": ends sessions, rolls back, checkpoints
                self._wait_until(lambda: not processes.serves(pid, self.data), _STOP_LIMIT_S)
                with suppress(OSError):
                    self._sockets.rmdir()  # it may lie in /tmp

    def is_running(self) -> bool:
        return self._pid() is not None

    def dsn(self, database: str) -> str:
        return f"postgresql://postgres@/{quote(database, safe='')}?host={quote(str(self._sockets), safe='')}&port=5432"

    def databases(self) -> list[str]:
        return self._names("databases")

    def served(self) -> list[str]:
        """The databases whose fleet is running now."""
        return self._names("served_databases")

    def fleets(self) -> list[str]:
        """The databases that hold a fleet: a user's own, and what each server has, do not."""
        return [name for name in self.databases() if self._holds_fleet(name)]

    def _holds_fleet(self, name: str) -> bool:
        with suppress(psycopg.Error), psycopg.connect(self.dsn(name), autocommit=True) as connection:
            return connection.execute(query("holds_fleet")).fetchone() == (True,)
        return False  # dropped meanwhile, or nobody may look into it

    def ensure_database(self, name: str) -> None:
        with self._locked():  # two CREATE DATABASE at once disturb each other in the template
            self._ensure(name)

    @contextmanager
    def database_instead(self, name: str, of: Callable[[str], bool]) -> Iterator[list[str]]:
        """Make sure of a database and drop those in whose place it comes, but none that somebody is connected to; their
        names. While this lasts, nobody drops it so either."""
        with self._locked():
            self._ensure(name)
            with store_errors():
                held = psycopg.connect(self.dsn(name), autocommit=True)
        with closing(held):
            yield self._drop([one for one in self._names("unused_databases") if of(one)])

    def _ensure(self, name: str) -> None:
        if name not in self.databases():
            with store_errors(), psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
                connection.execute(template("create_database").format(database=sql.Identifier(name)))

    def _drop(self, names: Sequence[str]) -> list[str]:
        """Those of them that went: somebody may have come to one in the meantime."""
        dropped = []
        with store_errors(), psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            for name in names:
                with suppress(psycopg.errors.ObjectInUse):
                    connection.execute(template("drop_unused_database").format(database=sql.Identifier(name)))
                    dropped.append(name)
        return dropped

    def _names(self, statement: str) -> list[str]:
        with store_errors(), psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            return [name for (name,) in connection.execute(query(statement))]

    @contextmanager
    def _locked(self) -> Iterator[None]:
        import fcntl  # not on Windows

        try:
            for folder in (self.home, self.cluster.parent):
                make_passable(folder)
            descriptor = os.open(self.cluster.parent, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise self._no_place(error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _no_place(self, error: OSError) -> UserError:
        why = error.strerror or error
        return UserError(f"cannot keep data in {self.home}: {why}; set METERFLEET_HOME to a folder of yours")

    def _make_private(self, folder: Path) -> None:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            if self._account.is_other:
                os.chown(folder, self._account.uid, self._account.gid)
        status = folder.lstat()
        if not folder.is_dir() or folder.is_symlink() or status.st_uid != self._account.uid:
            raise UserError(
                f"{folder} is not a folder of the user that runs the server; remove it, or use another home"
            )

    def _prepared(self) -> Path:
        """The path of `postgres`, when there is a cluster for it to run."""
        try:
            for folder in (self.cluster, self._sockets):
                self._make_private(folder)
        except OSError as error:
            raise self._no_place(error) from error
        if not self._account.can_enter(self.cluster):
            raise UserError(
                f"{self.cluster} holds data, but the user that runs the server cannot get there any more; "
                "let others pass its parent folders (chmod o+x)"
            )
        marker = self.data / "PG_VERSION"
        made_by = int(marker.read_text()) if marker.exists() else None
        binaries = find_binaries(made_by, folder=self._binaries)
        programs = reachable(binaries, self._account, shelf_folder(self.cluster))
        if made_by is None:
            self._initialise(programs)
        return programs / "postgres"

    def _initialise(self, programs: Path) -> None:
        """Into another name first, so that an initdb that dies half-way leaves no half-made cluster."""
        if shutil.disk_usage(self.cluster).free < _NEEDED_OCTETS:
            raise UserError(
                f"the disk of {self.cluster} is full: a new store needs {_NEEDED_OCTETS >> 20} MB; "
                "free some space, or set METERFLEET_HOME to another disk"
            )
        unfinished = self.cluster / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        made = self._account.run(programs / "initdb", "-D", unfinished, *_INITDB.split())
        if made.returncode:
            raise StoreError(f"PostgreSQL could not make its data folder:\n{made.stdout.strip()}")
        unfinished.rename(self.data)

    def _launch(self, program: Path) -> None:
        self._disown()
        give_up = time.monotonic() + _ORPHANS_LIMIT_S
        while (complaint := self._attempt(program)) is not None:
            # Children of a killed server may live on for a moment, and PostgreSQL rightly waits for their end.
            if "is still in use" not in complaint or time.monotonic() > give_up:
                advice = "; free some disk space" if "No space left" in complaint else ""
                raise StoreError(f"PostgreSQL did not start{advice}. The end of {self.log}:\n{complaint}")
            time.sleep(_POLL_S * 10)

    def _attempt(self, program: Path) -> str | None:
        """Start the server and wait until it is ready: None, or what it wrote before it ended."""
        written = self.log.stat().st_size if self.log.exists() else 0
        # The shell hands the server over to init: it is nobody's child here and never lingers as a zombie.
        # Paths travel as parameters, which no shell interprets, whatever characters they hold.
        script = 'log=$1; shift; "$@" >>"$log" 2>&1 </dev/null & echo $!'
        shell = self._account.run("/bin/sh", "-c", script, "sh", self.log, program, "-D", self.data, *self._options())
        if shell.returncode:
            return shell.stdout
        pid = int(shell.stdout)
        self._wait_until(lambda: self._is_ready() or processes.has_ended(pid), _START_LIMIT_S)
        if self._is_ready():
            return None
        return self._log_from(written)

    def _log_from(self, offset: int) -> str:
        with suppress(FileNotFoundError), self.log.open(errors="replace") as log:
            log.seek(offset)
            return log.read()[-2000:].strip()
        return "(nothing)"

    def _options(self) -> list[str]:
        """On the command line: root writes no file into a folder of somebody else's."""
        quoted = '"' + str(self._sockets).replace('"', '""') + '"'  # one item of a list, whatever it holds
        settings = _SETTINGS | {"unix_socket_directories": quoted}
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def _disown(self) -> None:
        """Make the lock files of a dead server harmless when their pid has come to belong to another program.

        PostgreSQL would take that program for a running server and refuse to start. With our own pid in the file it
        sees its grandparent there, which is no rival, and still looks for survivors in the shared memory that the
        file names; removing the file would take that safeguard away.
        """
        lock = self.data / "postmaster.pid"
        if lock.exists():
            script = 'sed "1s/.*/$2/" "$1" >"$1.new" && mv "$1.new" "$1"'
            self._account.run("/bin/sh", "-c", script, "sh", lock, str(os.getpid()))
        (self._sockets / f"{SOCKET}.lock").unlink(missing_ok=True)

    def _pid(self) -> int | None:
        """The pid of the live server of this data folder, or None."""
        lines = self._lock_lines()
        if not lines or not lines[0].strip().isdigit():
            return None
        pid = int(lines[0])
        return pid if processes.serves(pid, self.data) else None

    def _is_ready(self) -> bool:
        lines = self._lock_lines()
        if len(lines) <= _STATUS_LINE or lines[_STATUS_LINE].strip() != "ready" or self._pid() is None:
            return False
        # The file outlives a server that is being killed at this moment; only the server itself answers.
        return PGconn.ping(self.dsn("postgres").encode()) == Ping.OK

    def _lock_lines(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _wait_until(self, condition: Callable[[], bool], limit_s: float) -> None:
        give_up = time.monotonic() + limit_s
        while not condition():
            if time.monotonic() > give_up:
                raise StoreError(f"PostgreSQL is neither ready nor gone after {limit_s:.0f} s; see {self.log}")
            time.sleep(_POLL_S)
