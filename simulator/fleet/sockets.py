# SPDX-License-Identifier: MIT
"""Binding the sockets of a fleet. An address that is busy, or none of this machine, is noted; the rest serves."""

from __future__ import annotations

import errno
import ipaddress
import logging
import socket
import sys
from collections.abc import Callable, Iterator

from simulator.fleet.listen import Listen, Spread
from simulator.fleet.refusals import Refusals

log = logging.getLogger(__name__)

_BACKLOG = 4096
_ALL_LOCAL = ipaddress.IPv4Network("127.0.0.0/8")  # on Linux
# Linux tells the local address of each datagram; elsewhere each address has its own socket.
IP_PKTINFO: int | None = getattr(socket, "IP_PKTINFO", 8 if hasattr(socket, "SO_PEERCRED") else None)
Bind = Callable[[str, int], socket.socket]


def open_sockets(listen: Listen, count: int, refused: Refusals) -> Iterator[socket.socket]:
    """Bound sockets for a fleet: one wildcard socket for an address per meter, else one per meter, or one for all."""
    bind = _bound_udp if listen.framing == "udp" else _bound_tcp
    if listen.spread is Spread.ADDRESSES and (listen.framing != "udp" or IP_PKTINFO is not None):
        try:
            wildcard = bind("0.0.0.0", listen.port)
        except OSError as error:
            log.warning(
                "port %d is taken on some address (%s); binding each meter's address", listen.port, error.strerror
            )
        else:
            yield from _wildcard(wildcard, listen, count, refused)
            return
    yield from _each(listen, count, bind, refused)


def _wildcard(wildcard: socket.socket, listen: Listen, count: int, refused: Refusals) -> Iterator[socket.socket]:
    """It is bound on whatever addresses the machine has, so whether it has the meters' is asked here."""
    strangers = 0
    for index in () if _are_all_local(listen, count) else range(count):
        try:
            _bound(socket.SOCK_DGRAM, str(listen.place_of(index).host), 0).close()
        except OSError as error:
            strangers += 1
            refused.add([index], error)
    if strangers == count:
        wildcard.close()
    else:
        yield wildcard


def _are_all_local(listen: Listen, count: int) -> bool:
    return sys.platform == "linux" and all(one in _ALL_LOCAL for one in (listen.address, listen.address + count - 1))


def _each(listen: Listen, count: int, bind: Bind, refused: Refusals) -> Iterator[socket.socket]:
    is_shared = listen.spread is Spread.SHARED
    for index in range(1 if is_shared else count):
        place = listen.place_of(index)
        assert place.host is not None
        assert place.port is not None
        try:
            yield bind(place.host, place.port)
        except OSError as error:
            is_last = is_shared or error.errno == errno.EMFILE
            refused.add(range(index, count) if is_last else [index], error)
            if is_last:
                return


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
