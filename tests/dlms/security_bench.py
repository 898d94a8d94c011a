# SPDX-License-Identifier: MIT
"""A client of ciphered associations for tests in hex: what it sends is written out, nothing is taken for granted."""

from __future__ import annotations

from dataclasses import replace

from dlms_bench import (
    AK,
    CLIENT_TITLE,
    EK,
    ENERGY,
    ENERGY_VALUE,
    METER_TITLE,
    PUBLIC,
    Bench,
    aarq,
    diagnosis,
    get,
    octets,
    request,
)

from simulator.wire import ciphering
from simulator.wire.ciphering import Envelope, Key

DECIPHERING_ERROR = "d80105"
READ = "c401c100" + ENERGY_VALUE
SECRET = bytes(range(0x40, 0x50))
CTOS = b"clientchallenge!"
DEDICATED = bytes(range(0x70, 0x80))
REPLY_TO_HLS = bytes.fromhex("000f 0000280000ff 01")
GET = octets(get(ENERGY))


def counter_error(expected: int) -> str:
    return f"d80106{expected:08x}"


class Client:
    """A ciphering client, written out by hand: counters and keys are what the test says."""

    def __init__(self, *, policy: int = 0, sap: int = PUBLIC, **rules: object) -> None:
        self.bench, self.sap = Bench(), sap
        meter = self.bench.meter
        meter.clients[sap] = replace(meter.clients[sap], **{"contexts": frozenset({1, 3}), **rules})  # type: ignore[arg-type]
        self.guard = meter.protection(sap)
        self.guard.policy = policy
        self.key, self.counter = Key(EK, AK), 1

    def cipher(self, plain: bytes, *, tag: int = 0xC8, control: int = 0x30, key: Key | None = None) -> bytes:
        text = (key or self.key).protect(control, CLIENT_TITLE, self.counter, plain)
        title = CLIENT_TITLE if tag in (0xDB, 0xDC) else None
        self.counter += 1
        return ciphering.encode(Envelope(tag, title, control, self.counter - 1, text))

    def reveal(self, apdu: str | None, key: Key | None = None) -> tuple[Envelope, str]:
        assert apdu is not None
        envelope = ciphering.decode(octets(apdu))
        plain = (key or self.key).reveal(envelope.control, METER_TITLE, envelope.counter, envelope.text)
        assert plain is not None
        return envelope, plain.hex()

    def aarq(self, *, control: int = 0x30, fields: dict[str, bytes | None] | None = None, **changes: object) -> bytes:
        information = self.cipher(request(**changes), tag=0x21, control=control) if control else request(**changes)
        every = {"calling_ap_title": CLIENT_TITLE, "user_information": information, **(fields or {})}
        return aarq(context=3, acse_fields=every)

    def open(self, **options: object) -> str | None:
        return self.send(self.aarq(**options))  # type: ignore[arg-type]

    def send(self, apdu: bytes) -> str | None:
        return self.bench.send(apdu, client=self.sap)

    def get(self, **options: object) -> str | None:
        return self.send(self.cipher(GET, **options))  # type: ignore[arg-type]


def opened(**options: object) -> Client:
    client = Client(**options)  # type: ignore[arg-type]
    reply = client.open()
    assert diagnosis(reply) == (0, "user", 0)
    return client
