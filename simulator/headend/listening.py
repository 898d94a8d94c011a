# SPDX-License-Identifier: GPL-2.0-only
"""Does the command `meterfleet listen`: opens the listener, shows and stores what comes, ends when it is told to.

It parses no option and looks nothing up; what is known of meters is handed to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from rich.console import Console

from simulator.errors import MeterfleetError
from simulator.headend.confirming import Confirmer, Trouble
from simulator.headend.failures import HeadEndError
from simulator.headend.keybook import KeyBook
from simulator.headend.listener import Listener
from simulator.headend.notifications import Decoder, Labels, Notification
from simulator.headend.pushlog import PushFile, Shown, as_json
from simulator.headend.tables import plain_console
from simulator.headend.unsealing import Unsealer, gurux_reveal, reveal

_REFRESH_S = 5.0
_PIPE_COLUMNS = 160
_NO_TROUBLE = Trouble()


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the meters that may call."""

    keys: KeyBook
    labels: Labels


@dataclass(frozen=True, slots=True)
class Plan:
    host: str
    port: int
    count: int | None = None  # so many pushes, and it ends
    for_s: float | None = None
    as_json: bool = False
    lines: bool = False
    store: Path | None = None
    trouble: Trouble = _NO_TROUBLE
    title: bytes | None = None
    gurux_ciphering: bool = False


Refresh = Callable[[], Awaitable[Known]]


async def listen(plan: Plan, known: Known, names: Mapping[str, str], *, refresh: Refresh | None = None) -> None:
    """Until the count, the time or a signal; HeadEndError if the time is over before the count.

    `refresh` tells anew what is known, and is asked when a push cannot be read or has another length than its list.
    """
    ear = Listener(
        plan.host,
        plan.port,
        decoder=Decoder(known.labels),
        unsealer=Unsealer(known.keys, reveal=gurux_reveal if plan.gurux_ciphering else reveal),
        confirmer=Confirmer(plan.title),
        trouble=plan.trouble,
    )
    with _Output(plan, names) as output:
        async with ear:
            _say(f"listening on {plan.host}:{ear.port}, TCP and UDP; Ctrl-C ends")
            in_time = await _hear(ear, plan, output, refresh)
    counts, heard = ear.received, output.heard
    _say(f"{heard} pushes: {counts.unreadable} not readable, {counts.confirmed} confirmed, {counts.refused} refused")
    if not in_time and plan.count is not None and heard < plan.count:
        raise HeadEndError(f"only {heard} of {plan.count} pushes came in time")


async def _hear(ear: Listener, plan: Plan, output: _Output, refresh: Refresh | None) -> bool:
    """False if the time was over first; what has come by then is shown all the same."""
    hearing = asyncio.ensure_future(_take(ear, plan.count, output))
    learning = asyncio.ensure_future(_learn(ear, refresh)) if refresh else None
    stopped = _on_signals(hearing.cancel)
    done, _ = await asyncio.wait({hearing}, timeout=plan.for_s)
    for task in filter(None, (hearing, learning)):
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await hearing
    while ear.waiting and (plan.count is None or output.heard < plan.count):
        output.put(await ear.next())
    return bool(done or stopped)


async def _take(ear: Listener, count: int | None, output: _Output) -> None:
    while count is None or output.heard < count:
        output.put(await ear.next())


async def _learn(ear: Listener, refresh: Refresh) -> None:
    """Keys or lists may have been changed, meters added: look again when something could not be read or does not fit
    the list that is known, and not too often."""
    before = _puzzles(ear)
    while True:
        await asyncio.sleep(_REFRESH_S)
        if (now := _puzzles(ear)) > before:
            before = now
            with contextlib.suppress(MeterfleetError):  # what is known holds until more can be known
                known = await refresh()
                ear.unsealer.keys, ear.decoder.labels = known.keys, known.labels


def _puzzles(ear: Listener) -> int:
    return ear.received.unreadable + ear.decoder.misfits


def _on_signals(stop: Callable[[], object]) -> list[int]:
    """Filled with the signals that came."""
    came: list[int] = []

    def act(number: int) -> None:
        came.append(number)
        stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError, ValueError):
            asyncio.get_running_loop().add_signal_handler(number, act, number)
    return came


class _Output:
    """Where pushes go: stdout, and a file if there is one."""

    def __init__(self, plan: Plan, names: Mapping[str, str]) -> None:
        self.heard = 0
        console = plain_console(width=None if sys.stdout.isatty() else _PIPE_COLUMNS)
        self._shown = None if plan.as_json else Shown(console, names, lines=plan.lines)
        self._file = PushFile(plan.store) if plan.store else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def put(self, note: Notification) -> None:
        self.heard += 1
        document = as_json(note) if self._file or self._shown is None else {}
        if self._file:
            self._file.append(document)
        if self._shown is None:
            print(json.dumps(document, ensure_ascii=False), flush=True)
        else:
            self._shown.show(note)


def _say(words: str) -> None:
    Console(stderr=True).print(words, highlight=False, markup=False, soft_wrap=True)
