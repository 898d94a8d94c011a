# SPDX-License-Identifier: MIT
"""Binding the sockets of a fleet. One busy address is reported and skipped; the rest of the fleet serves."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable, Iterator

from simulator.fleet.listen import Listen, Spread

log = logging.getLogger(__name__)

_BACKLOG = 4096
_REPORTED = 5
# Linux tells the local address of each datagram; elsewhere each address has its own socket.
IP_PKTINFO: int | None = getattr(socket, "IP_PKTINFO", 8 if hasattr(socket, "SO_PEERCRED") else None)
Bind = Callable[[str, int], socket.socket]


def open_sockets(listen: Listen, count: int) -> Iterator[socket.socket]:
    """Bound sockets for a fleet: one wildcard socket for an address per meter, else one per meter, or one for all."""
    bind = _bound_udp if listen.framing == "udp" else _bound_tcp
    if listen.spread is Spread.SHARED:
        yield from _each(listen, 1, bind)
        return
    if listen.spread is Spread.ADDRESSES and (listen.framing != "udp" or IP_PKTINFO is not None):
        try:
            yield bind("0.0.0.0", listen.port)
            return
        except OSError as error:
            log.warning(
                "port %d is taken on some address (%s); binding each meter's address", listen.port, error.strerror
            )
    yield from _each(listen, count, bind)


def _each(listen: Listen, count: int, bind: Bind) -> Iterator[socket.socket]:
    failed = 0
    for index in range(count):
        place = listen.place_of(index)
        assert place.host is not None
        assert place.port is not None
        try:
            yield bind(place.host, place.port)
        except OSError as error:
            failed += 1
            if failed <= _REPORTED:
                words = "meter %d cannot listen on %s:%d: %s; skipped"
                log.warning(words, index + 1, place.host, place.port, error.strerror)
            if error.errno == errno.EMFILE:
                log.warning("the limit of open files is reached; use an address per meter, or raise `ulimit -n`")
                failed = count - index
                break
    if failed > _REPORTED:
        log.warning("%d of %d meters cannot listen", failed, count)


def _bound_tcp(host: str, port: int) -> socket.socket:
    return _bound(socket.SOCK_STREAM, host, port)


def _bound_udp(host: str, port: int) -> socket.socket:
    return _bound(socket.SOCK_DGRAM, host, port)


def _bound(kind: socket.SocketKind, host: str, port: int) -> socket.socket:
    opened = socket.socket(socket.AF_INET, kind)
    try:
        if kind is socket.SOCK_STREAM:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        elif IP_PKTINFO is not None:
            opened.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        opened.bind((host, port))
        if kind is socket.SOCK_STREAM:
            opened.listen(_BACKLOG)
    except OSError:
        opened.close()
        raise
    opened.setblocking(False)
    return opened
