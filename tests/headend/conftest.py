# SPDX-License-Identifier: GPL-2.0-only
"""Fixtures of the reading side: a peer on a real socket, furnished as a small meter, and a reader of it; a database."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from databases_bench import made
from headend_bench import Peer, furnish

from simulator.headend.reader import MeterReader
from simulator.store.embedded import EmbeddedPostgres


@pytest.fixture
def peer() -> Iterator[Peer]:
    listener = socket.create_server(("127.0.0.1", 0))
    peer = Peer(port=listener.getsockname()[1])
    thread = threading.Thread(target=peer.serve, args=(listener,), daemon=True)
    thread.start()
    yield peer
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(timeout=30)


@pytest.fixture
def meter(peer: Peer) -> Peer:
    furnish(peer)
    return peer


@pytest.fixture
def reader(meter: Peer) -> Iterator[MeterReader]:
    with MeterReader("127.0.0.1", meter.port, client=16, password=None, timeout_s=30) as reader:
        meter.requests.clear()
        yield reader


@pytest.fixture
def empty(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The DSN of a database without tables, of a test's own."""
    with made(postgres) as dsn:
        yield dsn
