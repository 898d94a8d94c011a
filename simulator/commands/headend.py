# SPDX-License-Identifier: MIT
"""`meterfleet headend`: options in, meters read and readings landed; gurux is imported only when it runs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console

from simulator.commands.inventory import read_inventory, read_replaced
from simulator.commands.options import HesOption, span_ms
from simulator.commands.place import DatabaseOption, FleetOption, HomeOption, Place, ended, existing_place
from simulator.cosem.registry import obis_names, read_registry, registry_files
from simulator.errors import UserError
from simulator.fleet.push_options import LISTEN_PORT
from simulator.headend.options import Preset, parse_accept, parse_address, parse_polling_client
from simulator.headend.reach import TimeoutOption
from simulator.hes.database import HesDatabase
from simulator.hes.landing import Batch, Landing, LogEntry, Memory, Registered
from simulator.values import MS_PER_SECOND

if TYPE_CHECKING:
    from simulator.headend.collecting import Collector
    from simulator.headend.hearing import Acquainted, Hearing
    from simulator.headend.notifications import Labels
    from simulator.headend.polling import Past
    from simulator.headend.pushlists import PushLists
    from simulator.headend.roster import KnownMeter
    from simulator.headend.switchboard import Switchboard
    from simulator.headend.way import Way

Inventory = Callable[[], list[dict[str, Any]]]
PERIODS = {
    "instantaneous": "15m", "block": "1h", "daily": "24h", "billing": "24h", "events": "24h", "config": "24h",
}  # fmt: skip
_SCALED = {"CUMULATIVE": "daily", "INTERVAL": "block"}  # the profiles that have registers of the same scalers
_UNITS = {27: "W", 28: "VA", 29: "var", 30: "Wh", 31: "VAh", 32: "varh", 33: "A", 35: "V", 44: "Hz"}
_ENDING = b"reads under way come to their end; Ctrl-C again ends at once\n"
EPILOG = f"""Examples:

meterfleet headend --once                                 read all meters of the fleet started last, then end

meterfleet headend --listen 127.0.0.1:{LISTEN_PORT}                  poll on schedule and receive pushes, until Ctrl-C

meterfleet headend --accept 127.0.0.1:4064               read meters that call (`spawn 10 --listen dial,address=…`)

meterfleet headend --profiles block,events --every 5m --for 2h

meterfleet headend --inventory meters.csv --hes-database postgresql://me@server/hes --client us"""


def headend(
    inventory: Annotated[
        Path | None, typer.Option(help="CSV or JSON of `meterfleet inventory` (default: the fleet's database).")
    ] = None,
    hes: HesOption = None,
    client: Annotated[str, typer.Option(help="mr (LLS), or us (HLS, ciphered).")] = "mr",
    profiles: Annotated[str, typer.Option(help="What to read, separated by commas.")] = ",".join(PERIODS),
    every: Annotated[
        str | None, typer.Option(help="Read all of it so often (default: instantaneous 15m, block 1h, the rest 24h).")
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Read every meter once, then end; by 1 if none was read.")
    ] = False,
    for_: Annotated[str | None, typer.Option("--for", help="End after so long, e.g. 2h.")] = None,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Meters that are read at once.")] = 8,
    retries: Annotated[int, typer.Option(min=0, max=10, help="More attempts at a meter that fails.")] = 2,
    timeout: TimeoutOption = 10.0,
    pdu: Annotated[int, typer.Option(min=64, max=65535, help="Largest APDU that is taken, octets.")] = 65535,
    drift: Annotated[str, typer.Option(help="Log clocks that are further off than this.")] = "60s",
    listen: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Receive pushes there, TCP and UDP.")] = None,
    accept: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT[,hdlc]", help="Read meters that call by themselves over their calls there."),
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(help="The meters' time zone (default: that of the tables, at first Asia/Kolkata).")
    ] = None,
    database: DatabaseOption = None,
    home: HomeOption = None,
    fleet: FleetOption = None,
) -> None:
    """Be a head-end: read the meters on a schedule, receive pushes, and keep it all in the head-end's database."""
    from simulator.headend.agenda import Schedule
    from simulator.headend.collecting import Manners

    place = None if inventory and hes else existing_place(database, home, fleet)
    periods = {part: _period(every or PERIODS[part]) for part in _parts(profiles)}
    dsn = hes or (place.dsn if place else "")
    drift_s, zone = _seconds("--drift", drift), _agreed_zone(dsn, timezone)
    manners = Manners(workers, timeout, retries, drift_s, ZoneInfo(zone), pdu)
    run = _Run(
        dsn=dsn,
        inventory=partial(_entries, inventory, place),
        replaced=partial(_replaced, inventory, place),
        preset=parse_polling_client(client),
        manners=manners,
        zone=zone,
        accept=parse_accept(accept) if accept else None,
    )
    where = parse_address(listen, default_port=LISTEN_PORT) if listen else None
    run.prepare()
    if not run.collect(Schedule(periods, once), where, place, _seconds("--for", for_) if for_ else None):
        raise typer.Exit(1)


class _Run:
    """One run of the head-end, from the inventory to its last row."""

    def __init__(
        self,
        *,
        dsn: str,
        inventory: Inventory,
        replaced: Callable[[], dict[str, str]],
        preset: Preset,
        manners: Any,
        zone: str,
        accept: tuple[tuple[str, int], Way] | None = None,
    ) -> None:
        self.dsn, self.manners, self.zone = dsn, manners, zone
        self._inventory, self._replaced, self._preset, self._accept = inventory, replaced, preset, accept
        self._board: Switchboard | None = None
        self.entries = inventory()
        self.meters = self._known()
        self.pasts: dict[str, Past] = {}
        self._words: dict[str, bytes] = {}  # event status words that were told last
        if unread := len(self.entries) - len(self.meters):
            _say(f"{unread} meters call by themselves and are not read; --accept HOST:PORT takes their calls")

    def _known(self) -> list[KnownMeter]:
        from simulator.headend.roster import known_meters

        return known_meters(self.entries, self._preset, accepted=self._accept[1] if self._accept else None)

    def renewed(self) -> list[KnownMeter]:
        """The inventory as it is now. Who is new is in the tables before anybody reads it. From any thread."""
        entries = self._inventory()
        with HesDatabase.open(self.dsn) as database:
            self._furnish(database, entries)
        self.entries = entries
        if self._board is not None:
            self._board.names = self._device_names()
        return self._known()

    @contextlib.contextmanager
    def opened(self) -> Iterator[Landing]:
        """A way into the tables, which somebody may have made anew since they were used last."""
        with HesDatabase.open(self.dsn) as database:
            yield self._furnish(database, self.entries)

    def _furnish(self, database: HesDatabase, entries: Sequence[dict[str, Any]]) -> Landing:
        """Tables, objects and meters, where they are missing."""
        database.install(self.zone)
        landing = Landing(database.connection)
        landing.know(_objects())
        if new := [_registered(entry) for entry in entries if str(entry["serial"]) not in landing.ids]:
            landing.register(new, self.zone)
        return landing

    def _device_names(self) -> dict[str, str]:
        name = "logical_device_name"
        return {entry[name]: str(entry["serial"]) for entry in self.entries if name in entry}

    def prepare(self) -> None:
        """Tables, objects and meters, as the inventory has them; what the tables hold is asked of them."""
        from simulator.headend.renewing import gone

        with HesDatabase.open(self.dsn) as database:
            landing = self._furnish(database, ())
            landing.register([_registered(entry) for entry in self.entries], self.zone)
            memory = Memory(database.connection)
            self.pasts, self._words = _pasts(memory), memory.words()
            landing.land(gone(self._replaced(), memory.in_use()))
            landing.land(Batch(log=[LogEntry("START", f"the head-end reads {len(self.meters)} meters")]))

    def collect(self, schedule: Any, where: tuple[str, int] | None, place: Place | None, for_s: float | None) -> bool:
        """False: we have stumbled over mistakes of our own, or who is to be read once could not be, all of them."""
        from simulator.headend.collecting import Collector

        with contextlib.ExitStack() as stack:
            board = self._board = self._switchboard()
            lists = self._lists() if where and place is None else None
            collector = Collector(
                self.meters, self.pasts, self.manners, self.opened, calls=board, renew=self.renewed, lists=lists
            )
            stack.enter_context(_stopped_by_signals(collector))
            if board:
                board.hand_in = collector.hand_in
                stack.enter_context(board)
                _say(f"calls of meters are taken on {board.host}:{board.port}")
            ear = self._hear(stack, where, partial(self._acquainted, place, lists), collector) if where else None
            collector.run(schedule, for_s=for_s, before_end=ear.close if ear else lambda: None)
            collector.tally.bugs += (ear.bugs if ear else 0) + (board.bugs if board else 0)
        self._conclude(collector, place)
        return not collector.tally.bugs and not (schedule.once and collector.tally.is_in_vain)

    def _switchboard(self) -> Switchboard | None:
        from simulator.headend.switchboard import Switchboard

        if self._accept is None:
            return None
        place, way = self._accept
        return Switchboard(place, self._device_names(), way, timeout_s=self.manners.timeout_s)

    def _hear(
        self,
        stack: contextlib.ExitStack,
        where: tuple[str, int],
        acquainted: Callable[[], Acquainted],
        collector: Collector,
    ) -> Hearing:
        from simulator.headend.hearing import Hearer, Hearing

        def renew() -> Acquainted:
            self.renewed()
            collector.renewal.doubt()
            return acquainted()

        known = acquainted()
        hearer = Hearer(self.manners.zone, block_s=collector.block_s, words=self._words)
        hearing = stack.enter_context(Hearing(where, known, hearer, collector.hand_in, renew=renew))
        _say(f"pushes are received on {where[0]}:{hearing.port}")
        return hearing

    def _lists(self) -> PushLists:
        """Without the fleet's database, what meters push is what they have told."""
        from simulator.headend.pushlists import PushLists

        with HesDatabase.open(self.dsn) as database:
            return PushLists(Memory(database.connection).push_lists(), obis_names())

    def _acquainted(self, place: Place | None, lists: PushLists | None) -> Acquainted:
        from simulator.commands import pushers
        from simulator.commands.pushed import labels
        from simulator.headend.hearing import Acquainted
        from simulator.headend.keybook import KeyBook

        told: Labels
        if place is None:
            assert lists is not None
            told = lists.labels
        else:
            found = asyncio.run(pushers.read_fleet(place))
            told = labels(found.model_of, found.objects)
        names = ("serial", "device_id")
        serials = {str(one[name]): str(one["serial"]) for one in self.entries for name in names if name in one}
        keys = KeyBook(pushers.owners_in(self.entries))
        return Acquainted(serials, keys, lambda name, setup: told(serials.get(name, name), setup))

    def _conclude(self, collector: Collector, place: Place | None) -> None:
        tally = collector.tally
        words = f"{tally.polls} reads of meters, {tally.failed} given up, {tally.pushes} pushes, {tally.rows} rows new"
        words += f", {tally.bugs} mistakes of meterfleet's own" if tally.bugs else ""
        with HesDatabase.open(self.dsn) as database:
            Landing(database.connection).land(Batch(log=[LogEntry("STOP", words)]))
        _say(words)
        for serial, problem in list(tally.problems.items())[:5]:
            _say(f"{serial}: {problem}")
        if tally.failed and place and (hint := ended(place)):
            _say(hint)


def _pasts(memory: Memory) -> dict[str, Past]:
    from simulator.headend.judging import DAY
    from simulator.headend.polling import Known, Past

    blocks = memory.last("hes.block_load_profile", "capture_time")
    days = memory.last("hes.daily_load_profile", "capture_date")
    periods = memory.last("hes.block_load_profile", "block_interval_minutes")
    events, gaps, scalers = memory.last_events(), memory.gaps(), memory.scalers()
    pasts = {}
    for serial in {*blocks, *days, *events}:
        block = blocks.get(serial)
        holes = tuple(gap for gap in gaps.get(serial, ()) if block and gap[0] < block)  # what is later is read anyway
        scales = {(_SCALED[kind], obis): scaler for (kind, obis), scaler in scalers.get(serial, {}).items()}
        known = Known(block, day=days.get(serial), event=events.get(serial), gaps=holes, scalers=scales)
        pasts[serial] = Past(known)
        pasts[serial].block_s = 60 * period if (period := periods.get(serial)) else None
    for (serial, kind), value in memory.registers().items():
        pasts.setdefault(serial, Past()).registers[kind] = value
    for (serial, kind), values in memory.intervals().items():
        pasts.setdefault(serial, Past()).usual[kind] = deque(values, maxlen=DAY)
    return pasts


def _entries(inventory: Path | None, place: Place | None) -> list[dict[str, Any]]:
    from simulator.headend.roster import read_inventory_file

    if inventory:
        return read_inventory_file(inventory)
    assert place is not None
    return asyncio.run(read_inventory(place))


def _replaced(inventory: Path | None, place: Place | None) -> dict[str, str]:
    """An inventory in a file tells of nobody who was there before."""
    return {} if inventory or place is None else asyncio.run(read_replaced(place))


def _registered(entry: dict[str, Any]) -> Registered:
    return Registered(str(entry["serial"]), "DLMS", entry.get("host"), entry.get("port"))


def _objects() -> list[tuple[str, int, str, str]]:
    entries = (entry for path in registry_files() for entry in read_registry(path).values())
    return [(one.logical_name, one.class_id, one.name, _UNITS.get(one.unit, "")) for one in entries]


def _parts(text: str) -> list[str]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not PERIODS.keys() >= set(parts):
        raise UserError(f"--profiles {text!r}: write one or more of {', '.join(PERIODS)}, separated by commas")
    return parts


def _agreed_zone(dsn: str, wanted: str | None) -> str:
    try:
        ZoneInfo(wanted or "UTC")
    except (KeyError, ValueError, OSError):
        raise UserError(f"there is no time zone {wanted!r}; write for example Asia/Kolkata or UTC") from None
    with HesDatabase.open(dsn) as database:
        return database.agreed_zone(wanted)


def _period(text: str) -> float:
    if (period_s := _seconds("--every", text)) <= 0:
        raise UserError(f"--every {text}: meters cannot be read without end; write for example 5m")
    return period_s


def _seconds(option: str, text: str) -> float:
    return span_ms(option, text) / MS_PER_SECOND


@contextlib.contextmanager
def _stopped_by_signals(collector: Collector) -> Iterator[None]:
    """Ctrl-C and SIGTERM end it in good order, and a second one at once: what has landed is safe."""
    numbers = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()

    def stop(*_: object) -> None:
        collector.stop()
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
        with contextlib.suppress(OSError):  # nobody reads it any more
            os.write(sys.stderr.fileno(), _ENDING)  # print must not be called within itself

    before = [signal.signal(number, stop) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _say(words: str) -> None:
    Console(stderr=True).print(words, highlight=False, markup=False, soft_wrap=True)
