# SPDX-License-Identifier: MIT
"""`python tests/fuzz TARGET... [--seconds N] [--work FOLDER] [--keep]`: coverage-guided fuzzing by atheris.

Each target runs in a process of its own; what a run finds lies in the work folder. --keep minimises what was gathered
there into the corpus that the tests replay.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

_HERE = Path(__file__).parent
_LONGEST = 2_000  # octets of one input
_SLOWEST_S = 5
_MEMORY_MIB = 2_048
sys.path[:0] = [str(_HERE), str(_HERE.parent / "dlms"), str(_HERE.parent.parent)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python tests/fuzz", description="fuzz what peers' octets reach")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="all if none is named")
    parser.add_argument("--seconds", type=int, default=600, help="for each target")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "meterfleet-fuzz")
    parser.add_argument("--keep", action="store_true", help="minimise what was found before into tests/fuzz/corpus")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options, flags = parser.parse_known_args()
    if options.inside:
        _fuzz(options.targets[0], flags)
        return
    failed = [name for name in options.targets or _names() if _run(name, options)]
    sys.exit(f"found something: {', '.join(failed)}; the inputs are in {options.work}" if failed else 0)


def _names() -> list[str]:
    from fuzz_targets import TARGETS

    return list(TARGETS)


def _run(name: str, options: argparse.Namespace) -> int:
    """One target in its own process, as libFuzzer ends it."""
    kept, gathered = _HERE / "corpus" / name, options.work / name
    for folder in (kept, gathered):
        folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(_HERE), name, "--inside", f"-max_len={_LONGEST}", f"-timeout={_SLOWEST_S}"]
    command += [f"-rss_limit_mb={_MEMORY_MIB}", f"-artifact_prefix={gathered.parent}/{name}-"]
    if options.keep:
        with tempfile.TemporaryDirectory() as fresh:
            done = subprocess.run(
                [*command, "-merge=1", "-use_counters=0", fresh, str(kept), str(gathered)], check=False
            ).returncode
            return done or _replace(kept, Path(fresh))
    print(f"--- {name}, {options.seconds} s", flush=True)
    flags = [f"-max_total_time={options.seconds}", "-print_final_stats=1", "-verbosity=1"]
    return subprocess.run([*command, *flags, str(gathered), str(kept)], check=False).returncode


def _replace(kept: Path, fresh: Path) -> int:
    for old in kept.iterdir():
        old.unlink()
    for new in fresh.iterdir():
        (kept / new.name).write_bytes(new.read_bytes())
    return 0


def _fuzz(name: str, flags: list[str]) -> None:
    import atheris

    with atheris.instrument_imports(include=["simulator.wire", "simulator.dlms", "simulator.fleet.listen"]):
        from fuzz_targets import TARGETS
    again = shlex.join([sys.executable, str(_HERE), name, "--inside"])  # a merge runs itself once more, by the shell
    atheris.Setup([again, *flags], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
