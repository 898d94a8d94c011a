# SPDX-License-Identifier: MIT
"""Where the meters listen: what `--listen` says, which address is which meter's, and binding the sockets.

One busy address is reported and skipped; the rest of the fleet serves. It never speaks DLMS.
"""

from __future__ import annotations

import errno
import ipaddress
import logging
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from simulator.errors import UserError

log = logging.getLogger(__name__)

DEFAULT_ADDRESS = "127.1.0.1"
DEFAULT_PORT = 4059  # IANA: dlms-cosem
_BACKLOG = 4096
_REPORTED = 5
_KEYS = {"address", "port", "ports"}


@dataclass(frozen=True, slots=True)
class Listen:
    """`wrapper,address=A,port=P`: meter i at address A + i; `wrapper,address=A,ports=P`: meter i at A, port P + i."""

    framing: str
    address: ipaddress.IPv4Address
    port: int
    one_port_per_meter: bool

    def place_of(self, index: int) -> tuple[str, int]:
        """Host and port of a meter."""
        if self.one_port_per_meter:
            return str(self.address), self.port + index
        return str(self.address + index), self.port

    def meter_at(self, host: str, port: int) -> int:
        """The number of the meter at a place; may lie outside the fleet."""
        if self.one_port_per_meter:
            return port - self.port
        return int(ipaddress.IPv4Address(host)) - int(self.address)


def parse_listen(text: str, count: int) -> Listen:
    """What one `--listen` says for a fleet of `count` meters; UserError says what is wrong with it."""
    framing, *pairs = text.split(",")
    if framing != "wrapper":
        raise UserError(
            f"--listen {text}: {framing!r} is not known; write for example wrapper,address=127.1.0.1,port=4059"
        )
    options = dict(pair.partition("=")[::2] for pair in pairs)
    if unknown := set(options) - _KEYS:
        raise UserError(f"--listen {text}: {sorted(unknown)[0]!r} is not known; known are {', '.join(sorted(_KEYS))}")
    if "port" in options and "ports" in options:
        raise UserError(f"--listen {text}: give port (an address per meter) or ports (a port per meter), not both")
    per_port = "ports" in options
    try:
        address = ipaddress.IPv4Address(options.get("address", "127.0.0.1" if per_port else DEFAULT_ADDRESS))
    except ValueError:
        raise UserError(f"--listen {text}: {options['address']!r} is not an IPv4 address") from None
    port = options.get("ports" if per_port else "port", str(DEFAULT_PORT))
    if not port.isdigit() or not 1 <= int(port) <= 65_535:
        raise UserError(f"--listen {text}: {port!r} is not a port; 1 to 65535")
    listen = Listen(framing, address, int(port), per_port)
    _check_room(listen, text, count)
    return listen


def _check_room(listen: Listen, text: str, count: int) -> None:
    if listen.one_port_per_meter and listen.port + count - 1 > 65_535:
        raise UserError(f"--listen {text}: {count} ports from {listen.port} go beyond 65535; use an address per meter")
    if int(listen.address) + count - 1 > int(ipaddress.IPv4Address("255.255.255.255")):
        raise UserError(f"--listen {text}: {count} addresses from {listen.address} go beyond the address space")


def open_sockets(listen: Listen, count: int) -> Iterator[socket.socket]:
    """Bound sockets for a fleet: one wildcard socket for an address per meter, else one per meter."""
    if not listen.one_port_per_meter:
        try:
            yield _bound("0.0.0.0", listen.port)
            return
        except OSError as error:
            log.warning(
                "port %d is taken on some address (%s); binding each meter's address", listen.port, error.strerror
            )
    yield from _each(listen, count)


def _each(listen: Listen, count: int) -> Iterator[socket.socket]:
    failed = 0
    for index in range(count):
        host, port = listen.place_of(index)
        try:
            yield _bound(host, port)
        except OSError as error:
            failed += 1
            if failed <= _REPORTED:
                log.warning("meter %d cannot listen on %s:%d: %s; skipped", index + 1, host, port, error.strerror)
            if error.errno == errno.EMFILE:
                log.warning("the limit of open files is reached; use an address per meter, or raise `ulimit -n`")
                failed = count - index
                break
    if failed > _REPORTED:
        log.warning("%d of %d meters cannot listen", failed, count)


def _bound(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener
