# SPDX-License-Identifier: MIT
"""Commands as processes of their own that need no half second of imports: forked by a nursery that has them all.

A child is what `python -m simulator WORDS…` would be, with its own arguments, environment, folder, streams, signals
and exit code. Only the start of the interpreter is not its own; `live.command` is for tests that want that, too.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from runpy import run_module
from threading import Lock
from typing import Any

_CHECKOUT = Path(__file__).resolve().parents[1]
_MESSAGE = 200_000  # octets: words, environment and folder of a child
_STATUS = 4  # octets
_one_at_a_time = Lock()  # of the threads that start commands


class Forked(subprocess.Popen[Any]):
    """`Popen` of a line that begins with `python -m simulator`."""

    def _execute_child(self, args: Sequence[str], *rest: Any) -> None:
        cwd, environment, pipes = rest[4], rest[5], rest[9:15]
        p2cread, _, _, c2pwrite, _, errwrite = pipes
        streams = [given if given != -1 else own for own, given in enumerate((p2cread, c2pwrite, errwrite))]
        wanted = {"words": args[3:], "environment": environment or dict(os.environ), "folder": cwd or os.getcwd()}
        self._status, theirs = os.pipe()
        with _one_at_a_time:
            nursery = _nursery()
            socket.send_fds(nursery, [json.dumps(wanted).encode()], [*streams, theirs])
            self.pid = int(nursery.recv(_MESSAGE))
        self._child_created = True
        os.close(theirs)
        self._close_pipe_fds(*pipes)

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        if wait_flags == os.WNOHANG and not select.select([self._status], [], [], 0)[0]:
            return 0, 0
        told = os.read(self._status, _STATUS)
        assert len(told) == _STATUS, "the nursery has died"
        os.close(self._status)
        return self.pid, int.from_bytes(told, "big")

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        if self.returncode is None:
            pid, status = self._try_wait(os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


@cache
def _nursery() -> socket.socket:
    """The way to it; it ends when this process does."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    line = [sys.executable, __file__, str(theirs.fileno())]
    nursery = subprocess.Popen(line, cwd=_CHECKOUT, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
    theirs.close()

    def end() -> None:
        ours.close()
        nursery.wait()

    atexit.register(end)
    return ours


# ------------------------------------------------------------------------------------------------------ the nursery


def _bring_up(requests: socket.socket) -> None:
    """Returns in each child, and never in the nursery itself."""
    statuses: dict[int, int] = {}  # where to tell what became of a child
    ended, waking = os.pipe()
    os.set_blocking(waking, False)
    signal.set_wakeup_fd(waking)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        for ready in select.select([requests, ended], [], [])[0]:
            if ready == ended:
                os.read(ended, 1)
                _tell(statuses)
                continue
            message, given, _, _ = socket.recv_fds(requests, _MESSAGE, 4)
            if not message:
                sys.exit()
            child = os.fork()
            if not child:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _become(json.loads(message), given, [requests.detach(), ended, waking, *statuses.values()])
                return
            statuses[child] = given.pop()
            for one in given:
                os.close(one)
            requests.send(str(child).encode())


def _tell(statuses: dict[int, int]) -> None:
    while statuses:
        child, status = os.waitpid(-1, os.WNOHANG)
        if not child:
            return
        with suppress(BrokenPipeError):  # nobody wants to know
            os.write(statuses[child], status.to_bytes(_STATUS, "big"))
        os.close(statuses.pop(child))


def _become(wanted: dict[str, Any], given: list[int], others: list[int]) -> None:
    for number, one in enumerate(given[:3]):
        os.dup2(one, number)
    for one in (*given, *others):
        os.close(one)
    sys.stdout = os.fdopen(1, "w", closefd=False)  # the nursery's would remember what its own can do
    sys.stderr = os.fdopen(2, "w", 1, errors="backslashreplace", closefd=False)
    os.environ.clear()
    os.environ.update(wanted["environment"])
    os.chdir(wanted["folder"])
    sys.argv[1:] = wanted["words"]


def _import_all() -> None:
    import simulator.commands

    for found in iter_modules(simulator.commands.__path__):
        import_module(f"simulator.commands.{found.name}")
    for name in ("uvloop", "numpy.random", "simulator.store.writer"):
        import_module(name)


if __name__ == "__main__":
    sys.path[0] = str(_CHECKOUT)
    _import_all()
    gc.freeze()
    _bring_up(socket.socket(fileno=int(sys.argv[1])))
    run_module("simulator", run_name="__main__", alter_sys=True)
