# SPDX-License-Identifier: MIT
"""How long a test waits for a fleet of the pytest plug-in: in the first session, which makes the server's folder, and
in one after it, which only starts the server; there also for further fleets, of several sizes."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.effort import Effort
from bench.figures import Figure, at_most
from bench.fleets import home
from simulator.store.embedded import EmbeddedPostgres

_READY_S = 2
_KINDS: tuple[tuple[str, dict[str, object]], ...] = (
    ("3 meters", {"count": 3}),
    ("3 meters with a week", {"count": 3, "history": "7d"}),
    ("100 meters", {"count": 100}),
    ("1,000 meters", {"count": 1_000}),
)
_TEST = """
import json, os, time

KINDS = json.loads(os.environ["KINDS"])

def test_it(request):
    waited, began = [], time.perf_counter()
    meterfleet = request.getfixturevalue("meterfleet")
    for kind in KINDS[:1] + KINDS:
        assert len(meterfleet(**kind).meters) == kind["count"]
        waited.append(time.perf_counter() - began)
        began = time.perf_counter()
    with open("waited.json", "w") as file:
        json.dump(waited, file)
"""


def fixture(effort: Effort) -> Iterator[Figure]:
    fresh, later = [], []
    for _ in range(effort.starts):
        with home() as place:
            fresh.append(_session(place))
            later.append(_session(place))
    yield _figure("plug-in, first session ever: first fleet, 3 meters", [waited[0] for waited in fresh])
    yield _figure("plug-in, any other session: first fleet, 3 meters", [waited[0] for waited in later], most_s=_READY_S)
    for number, (kind, _) in enumerate(_KINDS, start=1):
        yield _figure(f"plug-in: a further fleet, {kind}", [waited[number] for waited in later], most_s=_READY_S)


def _figure(what: str, seconds: list[float], *, most_s: float | None = None) -> Figure:
    median_s = statistics.median(seconds)
    targets = () if most_s is None else (at_most("seconds", median_s, most=most_s),)
    return Figure(what, "s", median_s, targets=targets)


def _session(place: EmbeddedPostgres) -> list[float]:
    """What the one test of a pytest of its own has waited for: the session's server with a fleet, then each kind."""
    with tempfile.TemporaryDirectory(prefix="meterfleet-bench-") as folder:
        Path(folder, "test_it.py").write_text(_TEST)
        kinds = json.dumps([values for _, values in _KINDS])
        known = {**os.environ, "METERFLEET_HOME": str(place.home), "KINDS": kinds}
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"]
        subprocess.run(command, cwd=folder, env=known, check=True, capture_output=True)
        waited: list[float] = json.loads(Path(folder, "waited.json").read_text())
    return waited
