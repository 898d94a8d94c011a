# SPDX-License-Identifier: MIT
"""Where the fleets of a test process listen: addresses and ports that no other test process takes at the same time."""

from __future__ import annotations

import itertools
import os
import socket
import sys
from collections.abc import Iterator, Sequence

from simulator.errors import UserError

_FIRST, _LAST = 20_000, 32_000  # below the ports that systems give to callers
_ADDRESSED = ("wrapper", "udp", "hdlc", "gateway")
_fleets = itertools.count()
_tried = itertools.count(os.getpid() * 61)  # processes begin at different places, so that they seldom meet


def listen_texts(wanted: str | Sequence[str], count: int) -> list[str]:
    """Each as `--listen` has it, with an address and a free port where it names none."""
    texts = [wanted] if isinstance(wanted, str) else list(wanted)
    number = next(_fleets)
    return [_placed(text, count, number) for text in texts]


def _placed(text: str, count: int, number: int) -> str:
    framing, *pairs = text.split(",")
    keys = {pair.partition("=")[0] for pair in pairs}
    if framing not in _ADDRESSED or keys & {"port", "ports"}:
        return text
    kind = socket.SOCK_DGRAM if framing == "udp" else socket.SOCK_STREAM
    if sys.platform == "darwin" and framing != "gateway" and not keys & {"shared", "address"}:
        return f"{text},ports={free_ports(count, kind)}"  # only 127.0.0.1 is local there
    address = [] if framing == "gateway" or keys & {"shared", "address"} else [f"address={_own_address(number)}"]
    return ",".join([text, *address, f"port={free_ports(1, kind)}"])


def _own_address(number: int) -> str:
    """The first of a fleet: 127.64.0.1 to 127.127.255.1, by process and fleet."""
    return f"127.{64 + os.getpid() % 64}.{number % 256}.1"


def free_ports(count: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """The first of so many neighbouring ports that nobody has now."""
    for start in _starts(count):
        if all(_is_free(port, kind) for port in range(start, start + count)):
            return start
    raise UserError(f"there are no {count} neighbouring free ports between {_FIRST} and {_LAST}")


def _starts(count: int) -> Iterator[int]:
    room = _LAST - _FIRST - count
    if room < 1:
        raise UserError(f"{count} meters do not get a port each; listen at an address per meter")
    return (_FIRST + place % room for place in itertools.islice(_tried, room))


def _is_free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True
