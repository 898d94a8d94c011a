# SPDX-License-Identifier: GPL-2.0-only
"""What meters push, as rows: a listener in a thread of its own, which hands batches to whoever lands them."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import psycopg

from simulator.cosem.status_word import StatusBit, raised, status_bits
from simulator.errors import MeterfleetError, UserError
from simulator.headend.filing import file_blocks, file_days, file_instantaneous
from simulator.headend.judging import Circumstances
from simulator.headend.keybook import KeyBook
from simulator.headend.listener import Listener
from simulator.headend.notifications import Decoder, Item, Labels, Notification
from simulator.headend.occurrences import alarms, moved
from simulator.headend.profiles import Column, ProfileTable
from simulator.headend.pushlists import PROFILES
from simulator.headend.unsealing import Unsealer
from simulator.hes.landing import Batch, LogEntry, Push
from simulator.hes.tables import EVENTS
from simulator.wire.codes import Tag

_INSTANTANEOUS, _ALERT, _BLOCK, _DAILY = (f"0.{group}.25.9.0.255" for group in (0, 4, 5, 6))
_NORMAL = tuple(bit for bit in status_bits() if bit.name == "First breath")  # stays set until the supply fails
_BLOCK_S = 1800
_GATHER_S = 0.1
_PAUSE_S = 5.0
_REST_S = 1.0
log = logging.getLogger(__name__)


class Hearer:
    """Files pushes, and knows each meter's last status word. `block_s`: the block period of a meter, which no push
    tells; `words`: the status words that were told last, by serial. Pure."""

    def __init__(
        self,
        zone: dt.tzinfo,
        *,
        block_s: Callable[[str], int | None] = lambda _serial: None,
        words: Mapping[str, bytes] | None = None,
    ) -> None:
        self._zone, self._block_s = zone, block_s
        self._serials: Mapping[str, str] = {}
        self._known: dict[str, Circumstances] = {}
        self._newest: dict[tuple[str, str], dt.datetime] = {}  # push by meter and setup
        self._unread: set[tuple[str, str]] = set()  # by meter and setup, what was said not to be known
        self._words = {serial: tuple(raised(word)) for serial, word in (words or {}).items()}

    def know(self, serials: Mapping[str, str]) -> None:
        """Of the meters there are, by serial and by device id."""
        self._serials = serials

    def is_strange(self, note: Notification) -> bool:
        """From a meter that is not known, or not by these keys: it may have taken another one's place."""
        opened = note.received.opened
        return bool(opened.problem and opened.title) or (not note.problem and note.meter not in self._serials)

    def file(self, note: Notification) -> Batch:
        batch = Batch()
        serial = self._serials.get(note.meter, "")
        if note.problem or not serial:
            words = note.problem or f"a push of {note.meter or 'nobody'}, which is not in the inventory"
            batch.log.append(LogEntry("UNDECODABLE" if note.problem else "UNKNOWN_METER", words, serial))
            return batch
        moment = self._moment(note)
        received = note.received
        values = [item.value.value for item in note.items]
        batch.pushes.append(Push(serial, note.setup, moment, received.moment, received.apdu, values))
        is_repeated = self._newest.get((serial, note.setup)) == moment
        self._file_values(batch, serial, note, is_repeated=is_repeated)
        self._newest[serial, note.setup] = moment
        if note.setup == _ALERT:
            self._file_word(batch, serial, note.alerts, moment, is_repeated=is_repeated)
        return batch

    def _file_values(self, batch: Batch, serial: str, note: Notification, *, is_repeated: bool) -> None:
        table = _as_table(note)
        if table is None:
            self._say_unread(batch, serial, note)
            return
        self._unread.discard((serial, note.setup))
        how = self._known.setdefault(serial, Circumstances(source="AUTO_READ"))
        how = replace(how, is_repeated=is_repeated)
        if note.setup == _INSTANTANEOUS:
            file_instantaneous(batch, serial, table, how, self._zone)
        elif note.setup == _BLOCK:
            file_blocks(batch, serial, table, how, self._zone, period_s=self._block_s(serial) or _BLOCK_S)
        elif note.setup == _DAILY:
            file_days(batch, serial, table, how, self._zone)

    def _say_unread(self, batch: Batch, serial: str, note: Notification) -> None:
        """Once, until it is known; on the terminal of the first meter only."""
        key = (serial, note.setup)
        if note.setup not in PROFILES or key in self._unread or all(item.label for item in note.items):
            return
        words = (
            f"values of push {note.setup} are kept in hes.push_history and not filed: what its {len(note.items)} "
            "elements are, and in which scaler, the meter has not told; --profiles config reads that"
        )
        if not self._unread:
            log.warning("meter %s: %s; hes.event_logs has all such meters", serial, words)
        self._unread.add(key)
        batch.log.append(LogEntry("PUSH_LIST_UNKNOWN", words, serial))

    def _file_word(
        self, batch: Batch, serial: str, word: tuple[StatusBit, ...], moment: dt.datetime, *, is_repeated: bool
    ) -> None:
        """Of a meter whose word nobody has seen yet, it is taken for that of normal operation."""
        before = self._words.get(serial)
        self._words[serial] = word
        if is_repeated and word == before:
            return
        batch.add(EVENTS, serial, alarms(moment, _NORMAL if before is None else before, word))
        if before is not None:
            batch.add(EVENTS, serial, moved(moment, before, word))

    def _moment(self, note: Notification) -> dt.datetime:
        """When the meter says that it was; else when it came."""
        shown = note.clock if isinstance(note.clock, dt.datetime) else note.sent
        if not isinstance(shown, dt.datetime):
            return note.received.moment
        return shown if shown.tzinfo else shown.replace(tzinfo=self._zone)


def _as_table(note: Notification) -> ProfileTable | None:
    """The push as a profile of one row whose first column is the clock; None if its elements are not known."""
    if not isinstance(note.clock, dt.datetime) or any(item.label is None for item in note.items):
        return None
    body = [_column(item) for item in note.values]
    clock = Column("", "0.0.1.0.0.255", 8, 2, type=Tag.DATE_TIME)
    row = [note.clock, *(item.value.value for item in note.values)]
    return ProfileTable(note.setup, [clock, *body], [row], (note.clock_status,))


def _column(item: Item) -> Column:
    label, value = item
    assert label is not None
    return Column(label.name, label.obis, label.class_id, label.attribute, 0, value.unit, value.scaler, value.type)


@dataclass(frozen=True, slots=True)
class Acquainted:
    """What is known of the meters that may push. `serials`: by serial and by device id."""

    serials: Mapping[str, str]
    keys: KeyBook
    labels: Labels


class Hearing:
    """`with Hearing(...)`: a listener in a thread of its own. What was confirmed to a meter is handed in before it
    ends; `bugs`: mistakes of our own, none of which ends it."""

    def __init__(
        self,
        place: tuple[str, int],
        known: Acquainted,
        hearer: Hearer,
        hand_in: Callable[[Batch], None],
        *,
        renew: Callable[[], Acquainted] | None = None,
    ) -> None:
        """`renew` tells anew which meters there are; it is asked, and not too often, when a stranger pushes."""
        self._place, self._known, self._renew = place, known, renew
        self._hearer, self._hand_in = hearer, hand_in
        self._hearer.know(known.serials)
        self._again_s = 0.0
        self._ready = threading.Event()
        self._trouble: Exception | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._listen()), daemon=True)
        self.port = place[1]
        self.bugs = 0

    def __enter__(self) -> Hearing:
        self._thread.start()
        self._ready.wait()
        if self._trouble:
            raise self._trouble
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Returns when the last push is handed in."""
        if self._loop and self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # it has ended this very moment
                self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    async def _listen(self) -> None:
        """What ends the listener before it is told to is said, and it is opened again at the same place."""
        self._loop = asyncio.get_running_loop()
        while not self._ended.is_set():
            try:
                await self._hear()
            except Exception as error:
                if not self._ready.is_set():
                    self._trouble = error
                    break
                if isinstance(error, UserError):
                    log.warning("pushes are not received now: %s", error)
                else:
                    self._stumbled("while it received pushes", error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), _REST_S)
        self._ready.set()

    async def _hear(self) -> None:
        decoder, unsealer = Decoder(self._known.labels), Unsealer(self._known.keys)
        async with Listener(self._place[0], self.port, decoder=decoder, unsealer=unsealer) as ear:
            self.port = ear.port
            self._ready.set()
            while (first := await self._next(ear)) is not None:
                await asyncio.to_thread(self._hand_in, await self._gathered(ear, first))
        while ear.waiting:
            await asyncio.to_thread(self._hand_in, await self._gathered(ear, await ear.next()))

    def _stumbled(self, where: str, error: Exception) -> None:
        """A mistake of our own is shown, and counted."""
        self.bugs += 1
        log.error("a mistake of meterfleet's own %s", where, exc_info=error)

    async def _next(self, ear: Listener) -> Notification | None:
        """None: it is to end."""
        coming, ended = asyncio.ensure_future(ear.next()), asyncio.ensure_future(self._ended.wait())
        await asyncio.wait((coming, ended), return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if coming.done():
            return coming.result()
        coming.cancel()
        return None

    async def _gathered(self, ear: Listener, first: Notification) -> Batch:
        """One push, and those that have come with it."""
        batch = self._filed(await self._acquaint(ear, first))
        until_s = asyncio.get_running_loop().time() + _GATHER_S
        while ear.waiting and asyncio.get_running_loop().time() < until_s:
            batch.take(self._filed(await self._acquaint(ear, await ear.next())))
        return batch

    def _filed(self, note: Notification) -> Batch:
        try:
            return self._hearer.file(note)
        except Exception as error:  # it costs that push only
            self._stumbled(f"while it filed a push of meter {note.meter}", error)
            return Batch(log=[LogEntry("INTERNAL_ERROR", repr(error))])

    async def _acquaint(self, ear: Listener, note: Notification) -> Notification:
        """The same, or read with what the inventory has by now, if its meter was a stranger."""
        if self._renew is None or not self._hearer.is_strange(note) or time.monotonic() < self._again_s:
            return note
        try:
            self._known = known = await asyncio.to_thread(self._renew)
            ear.unsealer.keys, ear.decoder.labels = known.keys, known.labels
            self._hearer.know(known.serials)
            received = note.received
            note = ear.decoder.decode(replace(received, opened=ear.unsealer.open(received.apdu)))
        except (MeterfleetError, psycopg.Error) as error:
            log.warning("the inventory cannot be asked who pushes: %s", error)
        except Exception as error:
            self._stumbled("while it asked the inventory who pushes", error)
        self._again_s = time.monotonic() + (_PAUSE_S if self._hearer.is_strange(note) else 0.0)
        return note
