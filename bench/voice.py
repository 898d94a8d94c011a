# SPDX-License-Identifier: MIT
"""What one client of one meter says: octets to frames, with the invocation counter, number or proof of the moment.

The load generator and the first talk with a meter share it, so that both say the same. It reads only what a proof
needs.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Mapping

from bench.plan import Say, Secrets
from simulator.values import attribute_key, parse_obis
from simulator.wire import acse, hdlc, proofs, wrapper
from simulator.wire.apdu_action import ActionNormal, encode_request
from simulator.wire.axdr import Data
from simulator.wire.ciphering import GLO_INITIATE_REQUEST, GLO_OF, PROTECTED, Envelope, Key, encode
from simulator.wire.codes import Tag
from simulator.wire.hdlc import POLL_FINAL, Address, Control, Frame

READER, SETTER = 32, 48  # the clients with a password, and with ciphering
METER = 1
INVOKE = 0xC1
_TITLE = b"BENCH001"
_CHALLENGE = b"bench-to-server!"
_LLC = b"\xe6\xe6\x00"
_NUMBERS = 8
_REPLY_TO_HLS = attribute_key(15, parse_obis("0.0.40.0.0.255"), 1)


class Voice:
    def __init__(self, secrets: Secrets | None = None) -> None:
        self._number = 0  # of I frames that were sent on this connection
        if secrets is not None:
            self._key = Key(secrets.ek, secrets.ak)
            self._counters = itertools.count(secrets.counter)
        self._ready: deque[bytes] = deque()
        self._ways: Mapping[str, Callable[[bytes, bytes], bytes]] = {
            "frame": lambda octets, heard: octets,
            "snrm": self._connect,
            "numbered": self._numbered,
            "sealed": self._sealed,
            "aarq": self._open,
            "proof": self._prove,
        }

    def say(self, say: Say, heard: bytes) -> bytes:
        """The frame to send; `heard` is the answer to the one before it."""
        return self._ways[say.how](say.octets, heard)

    def again(self, say: Say) -> Callable[[], bytes]:
        """Gives a frame that says the same once more, each time."""
        if say.how == "sealed":
            ready = self._ready
            return lambda: ready.popleft() if ready else self.say(say, b"")
        frames = [self.say(say, b"") for _ in range(_NUMBERS if say.how == "numbered" else 1)]
        return itertools.cycle(frames).__next__

    def prepare(self, say: Say, count: int) -> None:
        """So many of them are made at once, before the clock runs; what is left from before is used first."""
        if say.how == "sealed":
            self._ready.extend(self.say(say, b"") for _ in range(count - len(self._ready)))

    def _connect(self, octets: bytes, heard: bytes) -> bytes:
        self._number = 0
        return hdlc.encode_command(Frame(Address(METER), READER, Control.SNRM | POLL_FINAL, octets))

    def _numbered(self, apdu: bytes, heard: bytes) -> bytes:
        """An I frame; each was answered by one."""
        number, self._number = self._number, (self._number + 1) % _NUMBERS
        control = number << 5 | POLL_FINAL | number << 1
        return hdlc.encode_command(Frame(Address(METER), READER, control, _LLC + apdu))

    def _sealed(self, apdu: bytes, heard: bytes) -> bytes:
        """In a service-specific envelope under the global key, authenticated and encrypted."""
        return wrapper.encode(SETTER, METER, self._envelope(GLO_OF[apdu[0]], apdu))

    def _envelope(self, tag: int, apdu: bytes) -> bytes:
        counter = next(self._counters)
        return encode(Envelope(tag, None, PROTECTED, counter, self._key.protect(PROTECTED, _TITLE, counter, apdu)))

    def _open(self, initiate: bytes, heard: bytes) -> bytes:
        """HLS pass 1, its InitiateRequest ciphered."""
        aarq = acse.Aarq(
            context_name=acse.CONTEXT_NAME + b"\x03",
            calling_ap_title=_TITLE,
            requirements=acse.AUTHENTICATION_UNIT,
            mechanism_name=acse.MECHANISM_NAME + bytes((proofs.GMAC,)),
            authentication_value=_CHALLENGE,
            user_information=self._envelope(GLO_INITIATE_REQUEST, initiate),
        )
        return wrapper.encode(SETTER, METER, acse.encode_aarq(aarq))

    def _prove(self, octets: bytes, heard: bytes) -> bytes:
        """HLS pass 3: the meter's challenge is in the AARE."""
        aare = acse.decode_aare(heard[wrapper.HEADER_OCTETS :])
        return self.proof_of(aare.authentication_value or b"", aare.responding_ap_title or b"")

    def proof_of(self, challenge: bytes, title: bytes) -> bytes:
        exchange = proofs.Exchange(challenge, _CHALLENGE, _TITLE, title)
        proof = Data(Tag.OCTET_STRING, proofs.prove_gmac(self._key, 0, next(self._counters), exchange))
        return self._sealed(encode_request(ActionNormal(INVOKE, _REPLY_TO_HLS, proof)), b"")

    def reveal(self, title: bytes, envelope: Envelope) -> bytes | None:
        return self._key.reveal(envelope.control, title, envelope.counter, envelope.text)
