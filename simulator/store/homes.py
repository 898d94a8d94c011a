# SPDX-License-Identifier: MIT
"""Where an embedded server's folders are. It opens no folder to others, other than those that it makes itself.

All places follow from the home alone, so that every process finds the same server without a note kept anywhere.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from simulator.store.account import account_for

ROOT_HOME = Path("/var/lib/meterfleet")
SOCKET = ".s.PGSQL.5432"

_LONGEST_SOCKET_PATH = 103  # sun_path of macOS, less its closing zero; Linux has four octets more


def default_home() -> Path:
    """METERFLEET_HOME, or the system's place for data of this user."""
    if home := os.environ.get("METERFLEET_HOME"):
        return Path(home)
    if sys.platform != "win32" and os.geteuid() == 0:
        return ROOT_HOME
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "meterfleet"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "meterfleet"


def cluster_folder(home: Path) -> Path:
    """The folder of the server's own: below the home or, if root's server cannot get there, in a twin by its name.

    Where a cluster is already, there it stays: a change of rights must not make its data seem lost.
    """
    own, twin = home / "postgres", ROOT_HOME / f"home-{_digest(home)}"
    if os.geteuid() != 0:
        return own
    for folder in (own, twin):
        if (folder / "data").exists():
            return folder
    return own if account_for(own).can_enter(home) else twin


def socket_folder(cluster: Path, uid: int) -> Path:
    inside = cluster / "run"
    fits = len(os.fsencode(inside / SOCKET)) <= _LONGEST_SOCKET_PATH
    if fits and "," not in str(inside):  # to a client, a comma separates one host from the next
        return inside
    return Path("/tmp") / f"meterfleet-{uid}-{_digest(cluster)}"


def shelf_folder(cluster: Path) -> Path:
    """Where root keeps copies of programs for servers that cannot reach the originals."""
    return ROOT_HOME if os.geteuid() == 0 else cluster


def make_passable(folder: Path) -> None:
    """Make the folders that do not exist yet; as root so that other users can pass, whatever the umask."""
    for place in reversed([folder, *folder.parents]):
        if not place.exists():
            place.mkdir(exist_ok=True)
            if os.geteuid() == 0:
                place.chmod(0o755)


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
