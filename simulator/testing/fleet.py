# SPDX-License-Identifier: MIT
"""A running fleet as a test sees it: every method is synchronous, may be called from any thread, and has a limit.

What a test got wrong is a UserError, what did not come is an AssertionError, what takes too long says so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from typing import Any

import psycopg
from pydantic import ValidationError

from simulator.documents import did_you_mean
from simulator.errors import UserError
from simulator.expected import in_words
from simulator.faults.parse import Setting, faults_of
from simulator.fleet.links import understood
from simulator.fleet.selection import parse_meters
from simulator.scenario.player import missed
from simulator.scenario.replay import Result
from simulator.scenario.step import Lasting, Outcome, Step
from simulator.scenario.steps import STEPS
from simulator.scenario.values import SETUPS
from simulator.store.connections import store_errors
from simulator.testing.expecting import Takings, disappointed
from simulator.testing.journal import Entry
from simulator.testing.meters import Meter
from simulator.testing.overrides import answer_of, key_in, target_of
from simulator.testing.plan import Duration, duration_ms
from simulator.testing.running import Running
from simulator.testing.thread import LoopThread
from simulator.testing.told import Logged, Pushed
from simulator.values import MS_PER_SECOND, NEVER_MS

Meters = Meter | Iterable[Meter] | str
"""One meter, several, or words: `1-20,33`, a serial number, `all`."""
Faults = Mapping[str, Any] | str | Sequence[Mapping[str, Any] | str]
_SHORT_S = 30.0
_LONG = "2m"
_SHORTLY = "5s"


class LiveFleet:
    def __init__(self, running: Running, thread: LoopThread) -> None:
        self._running, self._thread = running, thread
        self._takings = Takings()
        self.dsn = running.dsn

    @property
    def meters(self) -> Sequence[Meter]:
        """Those that are there now."""
        return tuple(self._running.meters())

    # -- time ---------------------------------------------------------------------------------------------------

    @property
    def now(self) -> dt.datetime:
        """Simulated time, at the meters' offset from UTC."""

        async def look() -> int:
            return self._running.now_ms()

        return self._running.moment(self._thread.call(look(), _SHORT_S, "now"))

    def step(self, span: Duration, *, within: Duration = _LONG) -> dt.datetime:
        """Time jumps ahead; returns the new `now` when everything in between has happened, pushes included."""
        step_ms = duration_ms(span, "step")
        self._thread.call(self._running.turn(step_ms=step_ms), _seconds(within), f"step {span}")
        return self.now

    def speed(self, rate: float) -> None:
        """Simulated seconds per second from now on; 0 stands still."""
        self._thread.call(self._running.turn(speed=rate), _SHORT_S, f"speed {rate:g}")

    # -- what happens to meters ---------------------------------------------------------------------------------

    def event(self, meters: Meters, *codes: int) -> None:
        """The meters notice events, all codes in their order."""
        if not codes:
            raise UserError("event: say which, for example fleet.event(fleet.meters, 201)")
        self.play(meters, "event", code=list(codes))

    def outage(self, meters: Meters) -> None:
        """Their supply fails, until `restore`."""
        self.play(meters, "outage")

    def restore(self, meters: Meters) -> None:
        """Their supply returns; each starts when its model has needed its time."""
        self.play(meters, "restore")

    def replace(self, meters: Meters, *, reading: float = 0) -> list[Meter]:
        """Others come into their places, with registers that begin at `reading` kWh; returns those."""
        indices = self._indices(meters)
        self.play(meters, "replace", reading=reading)
        there = self.meters
        return [there[index] for index in indices]

    def voltage(self, meters: Meters, factor: float, *, phase: str | None = None) -> None:
        """A factor of the natural voltage: 0.7 a sag, 1.2 a swell, 1 as it would be."""
        self.play(meters, "voltage", factor=factor, **({"phase": phase} if phase else {}))

    def push(self, meters: Meters, setup: str = "instant") -> None:
        """They push now what the setup lists."""
        self.play(meters, "push", setup=setup)

    def play(self, meters: Meters, do: str, **settings: Any) -> None:
        """Any step of scenarios, now: `fleet.play(meters, "theft", how="bypass")`. UserError if a meter refuses."""
        self._agree(_told(do, settings), self._running.play(_step(do, settings), self._indices(meters)))

    def undo(self, meters: Meters, do: str, **settings: Any) -> None:
        """The end of a step that lasts, with the same settings as its beginning."""
        step = _step(do, settings)
        if not isinstance(step, Lasting):
            raise UserError(f"{do} is over at once: there is nothing to undo")
        self._agree(_told(do, settings), self._running.undo(step, self._indices(meters)))

    def _agree(self, do: str, doing: Coroutine[Any, Any, Outcome]) -> None:
        outcome = self._thread.call(doing, _SHORT_S, do)
        if outcome.refused:
            raise UserError(f"{do}: {outcome.words}")

    # -- links and answers --------------------------------------------------------------------------------------

    def link(self, meters: Meters, faults: Faults) -> None:
        """The meters and their links misbehave: `{"drop": 0.3}`, several in a list, or a profile: `{"link": "plc"}`."""
        settings = _faults(faults)
        chosen = frozenset(self._indices(meters))

        async def change() -> None:
            self._running.fleet.links.set(chosen, settings)

        self._thread.call(change(), _SHORT_S, "link")

    def clear(self, meters: Meters = "all") -> None:
        """No faults, and no values in place of true ones."""
        chosen = frozenset(self._indices(meters))

        async def change() -> None:
            self._running.fleet.links.clear(chosen)
            for index in chosen:
                self._running.overrides.clear(index)

        self._thread.call(change(), _SHORT_S, "clear")

    def override(
        self, meter: Meter, what: str, value: Any = None, *, raw: bytes | None = None, refused: str | None = None
    ) -> None:
        """A GET of `1.0.1.8.0.255:2` that would have given a value gives this one, until `clear`.

        value: of the attribute's own type, as model files write it (texts may be hex:…). raw: A-XDR encoded Data, of
        any type. refused: the name of a data-access-result.
        """
        target, index = target_of(what), meter.number - 1

        async def change() -> None:
            model = self._running.fleet.place(index)[0].model
            key = key_in(model, target)
            self._running.overrides.set(index, key, answer_of(model, key, value, raw, refused))

        self._thread.call(change(), _SHORT_S, "override")

    # -- what was asked and told --------------------------------------------------------------------------------

    def sql(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """The rows of a statement on the fleet's database; tables of the schema sim need no prefix."""
        with store_errors(), psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute("SET search_path TO sim, public")
            cursor = connection.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def journal(self, meter: Meter | None = None) -> list[Entry]:
        """What clients asked and got, of one meter or of all, the oldest first."""
        return self._running.journal.entries(meter)

    def pushes(self) -> list[Pushed]:
        """All attempts to push since the fleet was ready."""
        rows = self._thread.call(self._running.told("pushes_since", "push_history"), _SHORT_S, "pushes")
        return [Pushed(meter=self._meter(row.pop("serial")), **row) for row in rows]

    def events(self) -> list[Logged]:
        """All that the meters logged since the fleet was ready."""
        rows = self._thread.call(self._running.told("events_since", "event_logs"), _SHORT_S, "events")
        return [Logged(meter=self._meter(row.pop("serial")), **row) for row in rows]

    # -- expectations -------------------------------------------------------------------------------------------

    def expect_read(
        self,
        meter: Meter,
        what: str,
        *,
        client: int | None = None,
        result: str | None = "success",
        within: Duration = _SHORTLY,
    ) -> Entry:
        """A client reads `1.0.1.8.0.255:2`, or any attribute of `1.0.1.8.0.255`. Each read serves one expectation."""
        __tracebackhide__ = True

        def fits(entry: Entry) -> bool:
            is_it = entry.kind == "get" and entry.meter == meter and f"{entry.what}:".startswith(f"{what}:")
            return is_it and client in (None, entry.client) and result in (None, entry.result)

        found = self._running.journal.take(fits, _seconds(within))
        if found is None:
            by = "" if client is None else f" by client {client}"
            wish = f"a read of {what} of {meter}{by}" + (f" with the result {result}" if result else "")
            raise disappointed(wish, within, self.journal(meter))
        return found

    def expect_push(
        self,
        setup: str = "instant",
        *,
        meter: Meter | None = None,
        status: str = "SUCCESS",
        within: Duration = _SHORTLY,
    ) -> Pushed:
        """A meter, or that one, has pushed. Each push serves one expectation."""
        __tracebackhide__ = True
        name = SETUPS.get(setup, setup)

        def fits(row: Pushed) -> bool:
            return row.setup == name and row.status == status and meter in (None, row.meter)

        found, seen = self._takings.take(self.pushes, fits, _seconds(within))
        if found is None:
            wish = f"a push of {setup}" + (f" by {meter}" if meter else "") + f" with the status {status}"
            raise disappointed(wish, within, seen, hint=self._standstill())
        return found

    def expect_event(self, code: int, *, meter: Meter | None = None, within: Duration = _SHORTLY) -> Logged:
        """A meter, or that one, has logged an event. Each entry serves one expectation."""
        __tracebackhide__ = True

        def fits(row: Logged) -> bool:
            return row.code == code and meter in (None, row.meter)

        found, seen = self._takings.take(self.events, fits, _seconds(within))
        if found is None:
            wish = f"event {code}" + (f" of {meter}" if meter else "")
            raise disappointed(wish, within, seen, hint=self._standstill())
        return found

    def finish(self, *, within: Duration = _LONG) -> None:
        """The scenario to its end; AssertionError with what it expected in vain."""
        __tracebackhide__ = True
        player = self._running.player
        if player is None:
            raise UserError("finish: this fleet is of no scenario")
        if player.end_ms() >= NEVER_MS:
            raise UserError("finish: a step of this scenario repeats without end; give it an `end:`")
        left_ms = player.end_ms() - round(self.now.timestamp() * MS_PER_SECOND)
        self.step(dt.timedelta(milliseconds=max(left_ms, 0)), within=within)
        result = Result(player.scenario, player.rows, player.start_ms, player.end_ms())
        told = [f"  {row.step}: {row.kind}: {row.detail}" for row in missed(result.rows)]
        told += [f"  {name}: was not checked" for name, row in result.expectations if row is None]
        if told:
            raise AssertionError("\n".join(["the scenario went otherwise than it should:", *told]))

    def _standstill(self) -> str:
        if self._running.fleet.clock.speed:
            return ""
        return f"simulated time stands at {self.now:%Y-%m-%d %H:%M:%S}; fleet.step or fleet.speed lets it pass"

    # -- which meters -------------------------------------------------------------------------------------------

    def _indices(self, meters: Meters) -> list[int]:
        if isinstance(meters, str):
            spec = self._running.plan.spec
            words = self._running.fleet.replacing.numbered(meters)
            return sorted(parse_meters(words, spec.count, spec.meter_named))
        chosen = [meters] if isinstance(meters, Meter) else list(meters)
        if not all(isinstance(one, Meter) for one in chosen):
            raise UserError(f"{meters!r}: give meters of fleet.meters, or words such as '1-20' or 'all'")
        return sorted({one.number - 1 for one in chosen})

    def _meter(self, serial: str) -> Meter:
        return self._running.meter_named(serial)


def _seconds(within: Duration) -> float:
    return duration_ms(within, "within") / MS_PER_SECOND


def _told(do: str, settings: Mapping[str, Any]) -> str:
    return " ".join([do, *(f"{name}={value!r}" for name, value in settings.items())])


def _step(do: str, settings: Mapping[str, Any]) -> Step:
    kind = STEPS.get(do)
    if kind is None or not issubclass(kind, Step):
        known = [name for name, one in STEPS.items() if issubclass(one, Step)]
        raise UserError(f"there is no step {do!r} that happens to meters; {did_you_mean(do, known)}")
    try:
        return kind(do=do, **settings)
    except ValidationError as error:
        told = (f"{'.'.join(map(str, one['loc']))}: {in_words([one])}" for one in error.errors())
        raise UserError(f"{do}: {'; '.join(told)}") from None


def _faults(faults: Faults) -> list[Setting]:
    if isinstance(faults, Mapping):
        return faults_of(dict(faults))
    listed = [faults] if isinstance(faults, str) else list(faults)
    return understood([dict(one) if isinstance(one, Mapping) else one for one in listed])
