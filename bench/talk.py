# SPDX-License-Identifier: MIT
"""A first talk with a meter that learns how long its answers are.

Here everything is decoded and checked once, so that the load generator need not. SystemExit if the meter does not do
what it should.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from bench import frames
from bench.crew import frame_octets
from bench.plan import Exchange, Say, Secrets
from bench.voice import METER, READER, SETTER, Voice
from simulator.wire import acse, ciphering, gbt, wrapper
from simulator.wire.apdu_get import GetResponseNormal, GetResponseWithList, decode_response

_HEAD_OCTETS = 8  # enough of any frame to know how long it is
_HDLC_ANSWER_HEAD = 11  # flag, format, two addresses, control, HCS, LLC


class Talk:
    """One connection to a meter, a request at a time."""

    def __init__(self, connection: socket.socket, secrets: Secrets | None = None) -> None:
        self._connection = connection
        self._stream = connection.makefile("rb")
        self._voice = Voice(secrets)
        self._heard = b""

    def exchange(self, say: Say) -> tuple[Exchange, bytes]:
        """An answer of one frame."""
        self._connection.sendall(self._voice.say(say, self._heard))
        self._heard = self._frame()
        return Exchange(say, len(self._heard), len(self._heard)), self._heard

    def _frame(self) -> bytes:
        head = self._stream.read(_HEAD_OCTETS)
        if len(head) < _HEAD_OCTETS:
            raise SystemExit("the meter closed the connection")
        return head + self._stream.read(frame_octets(head) - _HEAD_OCTETS)


class PlainTalk(Talk):
    """The reader over the wrapper."""

    def open(self, password: str, max_pdu: int) -> Exchange:
        exchange, answer = self.exchange(reading(frames.associate(password, max_pdu)))
        _check_association(answer[wrapper.HEADER_OCTETS :])
        return exchange

    def get(self, request: bytes) -> tuple[Exchange, ...]:
        """All exchanges up to the last block."""
        exchange, answer = self.exchange(reading(request))
        exchanges = [exchange]
        while (block := _block(answer[wrapper.HEADER_OCTETS :])) is not None:
            exchange, answer = self.exchange(reading(frames.next_block(block)))
            exchanges.append(exchange)
        return tuple(exchanges)

    def release(self) -> Exchange:
        return self.exchange(reading(frames.RELEASE))[0]


class HdlcTalk(Talk):
    """The reader over HDLC."""

    def open(self, password: str) -> tuple[Exchange, Exchange]:
        connected, _ = self.exchange(Say(b"", "snrm"))
        exchange, answer = self.exchange(Say(frames.associate(password, frames.INDIAN_PDU), "numbered"))
        _check_association(answer[_HDLC_ANSWER_HEAD:-3])
        return connected, exchange

    def get(self, request: bytes) -> Exchange:
        exchange, answer = self.exchange(Say(request, "numbered"))
        _block(answer[_HDLC_ANSWER_HEAD:-3])
        return exchange


class SealedTalk(Talk):
    """The ciphering client over the wrapper: HLS in four passes, requests and answers in envelopes."""

    def open(self, conformance: int) -> tuple[Exchange, Exchange]:
        first, aare = self.exchange(Say(frames.proposal(frames.INDIAN_PDU, conformance), "aarq"))
        self._title = acse.decode_aare(aare[wrapper.HEADER_OCTETS :]).responding_ap_title or b""
        proof, answer = self.exchange(Say(b"", "proof"))
        if self._revealed(answer[wrapper.HEADER_OCTETS :])[:4] != bytes.fromhex("c701c100"):
            raise SystemExit("the meter did not take the proof of an HLS client")
        return first, proof

    def get(self, request: bytes) -> Exchange:
        exchange, answer = self.exchange(Say(request, "sealed"))
        _block(self._revealed(answer[wrapper.HEADER_OCTETS :]))
        return exchange

    def get_in_blocks(self, request: bytes) -> tuple[Exchange, Exchange]:
        """General blocks: the first one alone, then all others at once."""
        first, answer = self.exchange(Say(request, "sealed"))
        say = Say(wrapper.encode(SETTER, METER, frames.all_further_blocks()))
        second, following = self.exchange(say)
        blocks = [gbt.decode(frame[wrapper.HEADER_OCTETS :]) for frame in (answer, following)]
        octets = second.answer_octets
        while not blocks[-1].last:
            frame = self._frame()
            octets += len(frame)
            blocks.append(gbt.decode(frame[wrapper.HEADER_OCTETS :]))
        _block(self._revealed(b"".join(block.data for block in blocks)))
        return first, second._replace(answer_octets=octets)

    def release(self) -> Exchange:
        return self.exchange(Say(wrapper.encode(SETTER, METER, frames.RELEASE)))[0]

    def _revealed(self, apdu: bytes) -> bytes:
        plain = self._voice.reveal(self._title, ciphering.decode(apdu))
        if plain is None:
            raise SystemExit("an answer of the meter does not decipher")
        return plain


@contextmanager
def connected(host: str, port: int) -> Iterator[socket.socket]:
    with socket.create_connection((host, port), timeout=30) as connection:
        yield connection


def reading(apdu: bytes) -> Say:
    return Say(wrapper.encode(READER, METER, apdu))


def _check_association(aare: bytes) -> None:
    if acse.decode_aare(aare).result != b"\x00":
        raise SystemExit("the meter did not open an association")


def _block(answer: bytes) -> int | None:
    """The number of a block that others follow; None: the value is complete."""
    response = decode_response(answer)
    if isinstance(response, GetResponseWithList) or not isinstance(response.result, bytes):
        raise SystemExit(f"the meter refused a GET: {response}")
    if isinstance(response, GetResponseNormal) or response.last:
        return None
    return response.number
