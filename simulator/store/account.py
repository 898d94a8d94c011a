# SPDX-License-Identifier: MIT
"""Whom the embedded server runs as. PostgreSQL refuses to run as root, so root hands it to an unprivileged user.

It never opens a folder for that user: it only tells whether the user gets in.
"""

from __future__ import annotations

import os
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from simulator.errors import UserError

_UNPRIVILEGED = ("postgres", "nobody")
_NOT_YOURS = "{} belongs to another user; run as that user, or set METERFLEET_HOME to a folder of yours"


@dataclass(frozen=True, slots=True)
class Account:
    uid: int
    gid: int

    @property
    def is_other(self) -> bool:
        return self.uid != os.geteuid()

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run to the end as this account, away from the caller's terminal, signals, PG… variables and language."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        # The server takes its grandparent for no rival (PostgreSQL, CreateLockFile): see embedded._disown.
        environment |= {"LC_ALL": "C", "PG_GRANDPARENT_PID": str(os.getpid())}
        return subprocess.run(
            [str(part) for part in command],
            cwd="/",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            start_new_session=True,
            user=self.uid if self.is_other else None,
            group=self.gid if self.is_other else None,
            extra_groups=[] if self.is_other else None,
        )

    def can_enter(self, folder: Path) -> bool:
        """Whether this account may pass through the folder and all above it; what does not exist yet is no obstacle."""
        return all(self._may_pass(place) for place in (folder, *folder.parents) if place.exists())

    def _may_pass(self, folder: Path) -> bool:
        status = folder.stat()
        if status.st_uid == self.uid:
            return bool(status.st_mode & stat.S_IXUSR)
        if status.st_gid == self.gid:
            return bool(status.st_mode & stat.S_IXGRP)
        return bool(status.st_mode & stat.S_IXOTH)


def account_for(folder: Path) -> Account:
    """The owner of a server's folder that exists; for a new one ourselves or, if we are root, an unprivileged user."""
    try:
        owner = folder.stat()
    except (FileNotFoundError, NotADirectoryError):
        owner = None
    except PermissionError as error:
        raise UserError(_NOT_YOURS.format(folder)) from error
    if os.geteuid() != 0:
        if owner is not None and owner.st_uid != os.geteuid():
            raise UserError(_NOT_YOURS.format(folder))
        return Account(os.geteuid(), os.getegid())
    if owner is not None and owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    return _unprivileged()


def _unprivileged() -> Account:
    import pwd  # not on Windows

    for name in _UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise UserError(
        "PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it as; "
        "run as an ordinary user, or use --database"
    )
