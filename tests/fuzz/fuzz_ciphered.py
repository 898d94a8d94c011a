# SPDX-License-Identifier: MIT
"""What must hold inside ciphered associations and in HLS: the key is known, so that what is inside gets fuzzed, too."""

from __future__ import annotations

from dlms_bench import AK, CLIENT_TITLE, EK, ENERGY_VALUE, HIGH, METER_TITLE, NOT_ASSOCIATED, diagnosis, octets
from fuzz_pieces import head, pieces
from security_bench import CTOS, DEDICATED, GET, SECRET, Client
from test_hls import Challenger, hls_fields

from simulator.wire import acse, ciphering
from simulator.wire.ciphering import Key

READ = "c401c100" + ENERGY_VALUE
_TAGS = (0xC8, 0xC9, 0xCB, 0xDB, 0xD0, 0xD1, 0xD3, 0xDC)
_CONTROLS = (0x30, 0x10, 0x20, 0x70)  # both, authenticated, encrypted, under the broadcast key
_PLAIN, _AARQ, _RELEASE = 0x80, 0x81, 0x82
_LONGEST = 60_000


def ciphered(data: bytes) -> None:
    """Every answer deciphers, counters of the meter never come twice, and those of the client never go down."""
    (policy,), rest = head(data, 1)
    client = Client(policy=policy & 3)
    assert diagnosis(client.open(dedicated_key=DEDICATED)) == (0, "user", 0)
    client.counter = 1000
    seen: set[int] = set()
    lowest = client.guard.lowest()
    for piece in pieces(rest):
        answer = client.send(_sealed(client, piece))
        assert client.guard.lowest() >= lowest
        lowest = client.guard.lowest()
        if answer is not None:
            _check_answer(octets(answer), seen)
    _assert_usable(client)


def _sealed(client: Client, piece: bytes) -> bytes:
    (kind,), plain = head(piece[:_LONGEST], 1)
    if kind == _PLAIN:
        return plain
    if kind == _AARQ:
        fields = {"calling_ap_title": CLIENT_TITLE, "user_information": client.cipher(plain, tag=0x21)}
        return acse.encode_aarq(acse.Aarq(context_name=acse.CONTEXT_NAME + b"\x03", **fields))  # type: ignore[arg-type]
    if kind == _RELEASE:
        return acse.encode_rlrq(acse.Rlrq(b"\0", client.cipher(plain, tag=0x21)))
    tag, control = _TAGS[kind & 7], _CONTROLS[kind >> 3 & 3]
    own = (
        Key(DEDICATED, AK) if tag in ciphering.DEDICATED_TAGS else Key(client.guard.bk, AK) if control & 0x40 else None
    )
    return client.cipher(plain, tag=tag, control=control, key=own)


def _check_answer(answer: bytes, seen: set[int]) -> None:
    if answer[0] in (0xD8, 0x63, 0x61):
        return
    envelope = ciphering.decode(answer)
    assert envelope.counter not in seen
    seen.add(envelope.counter)
    key = Key(DEDICATED if envelope.tag in ciphering.DEDICATED_TAGS else EK, AK)
    plain = key.reveal(envelope.control, METER_TITLE, envelope.counter, envelope.text)
    assert plain is not None
    assert envelope.control == 0x20 or plain[0] in (0xC2, 0xC4, 0xC5, 0xC7, 0xD8, 0xDA)


def _assert_usable(client: Client) -> None:
    """Encryption without authentication lets anybody use up the counters of its policy; then there are none left."""
    if client.guard.lowest() > ciphering.MAX_COUNTER - 4:
        return
    client.counter = max(client.counter, client.guard.lowest())
    answer = client.get()
    if answer is None or answer.startswith("d8"):
        assert diagnosis(client.open()) == (0, "user", 0)
        answer = client.get()
    assert client.reveal(answer)[1] == READ


_RIGHT, _PROOF, _APDU = range(3)


class Waiting(Challenger):
    """A client that was given a challenge, always the same one."""

    def __init__(self, mechanism: int, *, context: int) -> None:
        Client.__init__(self, sap=HIGH, mechanism=mechanism, secret=SECRET)
        self.bench.session._random_octets = lambda count: bytes(range(count))
        self.mechanism, self.ctos, self.stoc, self.context = mechanism, CTOS, bytes(range(16)), context
        fields = hls_fields(mechanism, CTOS)
        reply = self.open(fields=fields) if context == 3 else self._open_plain(fields)
        assert diagnosis(reply) == (0, "user", 14)

    def _open_plain(self, fields: dict[str, bytes | None]) -> str | None:
        aarq = super().aarq(control=0, fields={**fields, "context_name": acse.CONTEXT_NAME + b"\x01"})
        return self.send(aarq)

    def say(self, apdu: bytes) -> str | None:
        return self.send(apdu if self.context == 1 else self.cipher(apdu, tag=0xCB))


def logins(data: bytes) -> None:
    """Nobody is let in without the right proof, and a wrong one ends the association (Green Book 9.2.7.4)."""
    (how,), rest = head(data, 1)
    client = Waiting(2 + how % 5, context=1 if how & 0x80 else 3)
    right = False
    for piece in pieces(rest):
        (kind,), octets_ = head(piece, 1)
        if kind == _RIGHT:
            client.say(client.pass_3(client.proof()))
            right = True
        elif kind == _PROOF and len(octets_) < 128:
            client.say(client.pass_3(octets_))
        else:
            client.say(octets_)
        granted = [was for _, was in client.bench.meter.logins]
        assert sum(granted) <= right
        if granted and not any(granted):
            assert client.say(GET) == NOT_ASSOCIATED
            return
