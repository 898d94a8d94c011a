# SPDX-License-Identifier: MIT
"""`meterfleet(…)` in a test: a fleet, started and closed with the test."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from simulator.testing.fleet import LiveFleet
from simulator.testing.plan import Duration, Push, planned
from simulator.testing.running import Running
from simulator.testing.servers import Server
from simulator.testing.thread import LoopThread

_OPENING_S, _CLOSING_S = 300.0, 30.0


@contextmanager
def fleets(server: Server, folder: Path = Path()) -> Iterator[Meterfleet]:
    """What the fixture `meterfleet` gives, for a fixture of another scope: the fleets close with the context."""
    with ExitStack() as around:
        yield Meterfleet(server, folder, around)


class Meterfleet:
    """The fixture `meterfleet`: each call is a fleet on a database of its own."""

    def __init__(self, server: Server, folder: Path, around: ExitStack) -> None:
        self._server, self._folder, self._around = server, folder, around

    def __call__(
        self,
        *,
        count: int | None = None,
        model: str | Path | None = None,
        load: str | None = None,
        seed: int | None = None,
        history: Duration | None = None,
        start: str | dt.datetime | None = None,
        block_minutes: int | None = None,
        scenario: str | Path | None = None,
        params: Mapping[str, object] | None = None,
        speed: float = 0.0,
        listen: str | Sequence[str] | None = None,
        push: Push = None,
        push_schedule: str | None = None,
    ) -> LiveFleet:
        """A fleet of one model, or that of a scenario, when its meters can be read.

        speed: 0 stands still until `step`. start: without an offset in the meters' own time. listen: as
        `spawn --listen`; addresses and ports that it does not name are chosen. push: HOST:PORT with the words of
        `spawn --push`; True: pushes are heard and forgotten, and `expect_push` sees them.
        """
        given = {
            "count": count, "model": model, "load": load, "seed": seed, "history": history, "start": start,
            "block_minutes": block_minutes,
        }  # fmt: skip
        plan = planned(
            scenario=scenario,
            params=params,
            folder=self._folder,
            speed=speed,
            listen=listen,
            push=push,
            push_schedule=push_schedule,
            **{name: value for name, value in given.items() if value is not None},
        )
        running = Running(plan, self._around.enter_context(self._server.database()))
        thread = LoopThread("meterfleet")
        self._around.callback(thread.close)
        thread.call(running.open(), _OPENING_S, "opening the fleet")
        self._around.callback(lambda: thread.call(running.close(), _CLOSING_S, "closing the fleet"))
        return LiveFleet(running, thread)
