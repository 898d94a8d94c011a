# SPDX-License-Identifier: GPL-2.0-only
"""Meters that call the head-end: their connections are taken, matched to a meter by asking who it is, and held until
somebody reads over them.

It reads nothing but the logical device name (Blue Book 4.1.8.2), which every meter tells the public client.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from simulator.errors import MeterfleetError, UserError
from simulator.headend.failures import NotReachable
from simulator.headend.lines import HeldLine
from simulator.headend.link import Link, link_on
from simulator.headend.objects import DATA, ObjectEntry
from simulator.headend.reader import PUBLIC, MeterReader
from simulator.headend.way import Way
from simulator.hes.landing import Batch, LogEntry

log = logging.getLogger(__name__)

_DEVICE_NAME = ObjectEntry(DATA, 0, "0.0.42.0.0.255", {}, {})
_BACKLOG = 1024
_ASKED_AT_ONCE = 16
_PAUSE_S = 1.0


class Switchboard:
    """`with Switchboard(...)`: a listener in a thread of its own. `names`: serials by logical device name; `hand_in`
    takes what is to be told of callers that nobody knows; `bugs`: mistakes of our own."""

    def __init__(self, place: tuple[str, int], names: Mapping[str, str], way: Way, *, timeout_s: float) -> None:
        self.host, self.port = place
        self.names, self._way, self._timeout_s = names, way, timeout_s
        self.hand_in: Callable[[Batch], None] = lambda _batch: None
        self._lines: dict[str, socket.socket] = {}
        self._arrived: set[str] = set()
        self._changed = threading.Condition()
        self._asking = ThreadPoolExecutor(_ASKED_AT_ONCE, "switchboard")
        self._server: socket.socket | None = None
        self._closing = threading.Event()
        self.bugs = 0

    def __enter__(self) -> Switchboard:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            self._server = socket.create_server((self.host, self.port), family=family, backlog=_BACKLOG)
        except OSError as error:
            raise UserError(f"{self.host}:{self.port} cannot be listened on: {error.strerror or error}") from error
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._server,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._closing.set()
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)  # wakes the one who accepts
        self._server.close()
        self._asking.shutdown(wait=True, cancel_futures=True)
        for line in self._lines.values():
            line.close()

    def has(self, serial: str) -> bool:
        """Whether a call of the meter is held."""
        with self._changed:
            return serial in self._lines

    def arrived(self) -> set[str]:
        """Meters whose calls have come to be held since this was asked last."""
        with self._changed:
            arrived, self._arrived = self._arrived, set()
            return arrived

    @contextlib.contextmanager
    def link(self, serial: str, *, timeout_s: float) -> Iterator[Callable[[], Link]]:
        """What opens a link on the meter's own call, as often as needed; after trouble the call is ended, and the meter
        makes another. NotReachable if it has not called."""
        line = self._taken(serial, timeout_s)
        try:
            yield lambda: link_on(HeldLine(line, f"the call of {serial}", timeout_s=timeout_s), self._way)
        except BaseException:
            line.close()
            raise
        self._hold(serial, line)

    def _taken(self, serial: str, timeout_s: float) -> socket.socket:
        with self._changed:
            line = self._changed.wait_for(lambda: self._alive(serial), timeout_s)
        if line is None:
            raise NotReachable(f"meter {serial} has not called; it does so by itself (auto connect, class 29)")
        return line

    def _alive(self, serial: str) -> socket.socket | None:
        """A line on which nothing has come is a good one: meters speak when they are asked, or close it."""
        line = self._lines.pop(serial, None)
        if line is None or _is_quiet(line):
            return line
        line.close()
        return None

    def _hold(self, serial: str, line: socket.socket) -> None:
        with self._changed:
            old = self._lines.pop(serial, None)
            self._lines[serial] = line
            self._arrived.add(serial)  # once, however often before anybody asks
            self._changed.notify_all()
        if old is not None:
            old.close()

    # -- calls that come in ---------------------------------------------------------------------------------------

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                line, peer = server.accept()
            except OSError as error:  # of the one that called, or no descriptor is left for it
                if self._closing.wait(_PAUSE_S):
                    return
                log.warning("a call could not be taken: %s", error)
                continue
            try:
                self._asking.submit(self._ask, line, f"{peer[0]}:{peer[1]}")
            except RuntimeError:  # it is closing
                line.close()

    def _ask(self, line: socket.socket, where: str) -> None:
        try:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            serial = self.names.get(name := self._name(line, where), "")
            if serial:
                self._hold(serial, line)
                return
            self._turn_away(line, f"{name!r} has called from {where}, and is not in the inventory")
        except (MeterfleetError, OSError) as error:
            self._turn_away(line, f"who has called from {where} does not say who it is: {error}")
        except Exception as error:  # our own mistake: it costs that call only, and it is shown
            self.bugs += 1
            log.exception("a mistake of meterfleet's own while it asked a caller from %s", where)
            line.close()
            self.hand_in(Batch(log=[LogEntry("INTERNAL_ERROR", f"who has called from {where}: {error!r}")]))

    def _name(self, line: socket.socket, where: str) -> str:
        held = HeldLine(line, where, timeout_s=self._timeout_s)
        with MeterReader(
            where, 0, client=PUBLIC, password=None, way=self._way, timeout_s=self._timeout_s,
            opened=lambda: link_on(held, self._way),
        ) as reader:  # fmt: skip
            raw = reader.read(_DEVICE_NAME).raw
        return raw.decode("ascii", "replace") if isinstance(raw, bytes) else str(raw)

    def _turn_away(self, line: socket.socket, words: str) -> None:
        line.close()
        self.hand_in(Batch(log=[LogEntry("UNKNOWN_METER", words)]))


def _is_quiet(line: socket.socket) -> bool:
    """Nothing has come on it, not even its end. Not by select, which knows 1,024 descriptors only."""
    line.setblocking(False)
    try:
        line.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False
