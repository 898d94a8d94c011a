# SPDX-License-Identifier: MIT
"""Meters on UDP: each peer of each local address has a conversation of its own, as if it had a connection.

A datagram is one frame (Green Book 7.3.3.2); whatever is none is dropped. Conversations end by silence, and the oldest
goes when there are too many.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Callable

from simulator.fleet.sockets import IP_PKTINFO
from simulator.wire.wrapper import HEADER_OCTETS

log = logging.getLogger(__name__)

_LARGEST = 65_535
_AT_ONCE = 64  # datagrams taken before others of the loop have their turn
_MAX_PEERS = 16_384
_PACKET_INFO = struct.Struct("=I4s4s")  # interface, local address, destination in the header (ip(7))
Peer = tuple[str, int]


class DatagramPort:
    """One bound socket and the conversations on it."""

    def __init__(self, opened: socket.socket, protocol: Callable[[], asyncio.Protocol]) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket, self._protocol = opened, protocol
        self._host, self._port = opened.getsockname()[:2]
        self._conversations: dict[tuple[Peer, str], Conversation] = {}
        self._loop.add_reader(opened, self._readable)

    def close(self) -> None:
        self._loop.remove_reader(self._socket)
        for conversation in list(self._conversations.values()):
            conversation.abort()
        self._socket.close()

    def send(self, data: bytes, peer: Peer, host: str) -> None:
        ancillary = []
        if IP_PKTINFO is not None:
            info = _PACKET_INFO.pack(0, socket.inet_aton(host), bytes(4))
            ancillary.append((socket.IPPROTO_IP, IP_PKTINFO, info))
        try:
            self._socket.sendmsg([data], ancillary, 0, peer)
        except OSError as error:  # a full buffer or an unreachable peer: a datagram may get lost
            log.debug("an answer to %s is lost: %s", peer, error.strerror)

    def forget(self, peer: Peer, host: str) -> None:
        self._conversations.pop((peer, host), None)

    def _readable(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                data, ancillary, _, peer = self._socket.recvmsg(_LARGEST, socket.CMSG_SPACE(_PACKET_INFO.size))
            except BlockingIOError:
                return
            except OSError as error:  # what came back for an earlier answer
                log.debug("a peer is gone: %s", error.strerror)
                continue
            if _is_frame(data):
                self._take(data, peer, self._called(ancillary))

    def _called(self, ancillary: list[tuple[int, int, bytes]]) -> str:
        """The local address that a datagram was sent to."""
        for level, kind, info in ancillary:
            if level == socket.IPPROTO_IP and kind == IP_PKTINFO:
                return socket.inet_ntoa(_PACKET_INFO.unpack(info)[2])
        return str(self._host)

    def _take(self, data: bytes, peer: Peer, host: str) -> None:
        conversation = self._conversations.get((peer, host))
        if conversation is None:
            if len(self._conversations) >= _MAX_PEERS:
                next(iter(self._conversations.values())).abort()
            conversation = Conversation(self, peer, (host, self._port))
            self._conversations[peer, host] = conversation
            conversation.begin(self._protocol())
        conversation.take(data)


class Conversation(asyncio.Transport):
    """What one peer and one meter say to each other."""

    def __init__(self, port: DatagramPort, peer: Peer, called: tuple[str, int]) -> None:
        super().__init__({"sockname": called, "peername": peer})
        self._port, self._peer, self._host = port, peer, called[0]
        self._protocol: asyncio.Protocol | None = None

    def begin(self, protocol: asyncio.Protocol) -> None:
        self._protocol = protocol
        protocol.connection_made(self)

    def take(self, data: bytes) -> None:
        if self._protocol:
            self._protocol.data_received(data)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Answers to frames that were taken together come together: each goes in a datagram of its own."""
        octets = bytes(data)
        while octets:
            end = HEADER_OCTETS + int.from_bytes(octets[6:8], "big")
            self._port.send(octets[:end], self._peer, self._host)
            octets = octets[end:]

    def is_closing(self) -> bool:
        return self._protocol is None

    def close(self) -> None:
        self._port.forget(self._peer, self._host)
        protocol, self._protocol = self._protocol, None
        if protocol:
            protocol.connection_lost(None)

    abort = close

    def pause_reading(self) -> None:
        """A socket of many cannot wait for one; the session bounds what it holds."""

    def resume_reading(self) -> None:
        pass


def _is_frame(data: bytes) -> bool:
    return data[:2] == b"\x00\x01" and len(data) == HEADER_OCTETS + int.from_bytes(data[6:8], "big")
