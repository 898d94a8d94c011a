# SPDX-License-Identifier: MIT
"""ACCESS: a list of reads, writes and methods in one request (Green Book 9.3.5, 9.5)."""

from __future__ import annotations

import pytest
from dlms_bench import (
    ENERGY,
    ENERGY_VALUE,
    EVERYTHING,
    FAIL,
    NAME,
    PROFILE,
    PROFILE_VALUE,
    RELAY_OFF,
    SECRET,
    TELL_ALL,
    UNKNOWN,
    Bench,
    diagnosis,
    get,
    octets,
)
from security_bench import Client

from simulator.wire.codes import Conformance

ACCESS = int(Conformance.ACCESS)
INVOKE = "40000001"  # confirmed


def opened(conformance: int = EVERYTHING | ACCESS, max_pdu: int = 1024) -> Bench:
    bench = Bench(conformance=EVERYTHING | ACCESS | int(Conformance.GENERAL_BLOCK_TRANSFER))
    assert diagnosis(bench.open(conformance=conformance, max_pdu=max_pdu)) == (0, "user", 0)
    return bench


def access(*items: tuple[str, str], invoke: str = INVOKE, date_time: str = "00") -> str:
    specifications, data = (f"{len(items):02x}" + "".join(item[part] for item in items) for part in (0, 1))
    return f"d9{invoke}{date_time}{specifications}{data}"


def reading(attribute: bytes) -> tuple[str, str]:
    return f"01{attribute.hex()}", "00"


def writing(attribute: bytes, value: str) -> tuple[str, str]:
    return f"02{attribute.hex()}", value


def acting(method: bytes, parameter: str = "00") -> tuple[str, str]:
    return f"03{method.hex()}", parameter


def test_reads_writes_and_methods_in_one_request() -> None:
    bench = opened()
    items = (reading(ENERGY), writing(NAME, "0901aa"), acting(RELAY_OFF, "0f00"), reading(SECRET), acting(FAIL, "0f00"))
    reply = bench.send(access(*items))
    assert reply == f"da{INVOKE}0000" + f"05{ENERGY_VALUE}00000000" + "05 0100 0200 0300 0103 0303".replace(" ", "")
    assert len(bench.meter.written) == len(bench.meter.invoked) - 1 == 1


def test_date_time_comes_back_and_a_self_descriptive_answer_repeats_the_list() -> None:
    bench = opened()
    stamp = "0c07e90610020a000000feb600"
    assert bench.send(access(reading(ENERGY), date_time=stamp)) == f"da{INVOKE}{stamp}0001{ENERGY_VALUE}010100"
    told = bench.send(access(reading(ENERGY), invoke="50000001"))
    assert told == "da500000010001" + f"0101{ENERGY.hex()}" + f"01{ENERGY_VALUE}010100"


def test_return_parameters_of_a_method() -> None:
    reply = opened().send(access(acting(TELL_ALL, "0f00")))
    assert reply == f"da{INVOKE}000001{PROFILE_VALUE.hex()}010300"


def test_an_unconfirmed_request_is_done_in_silence() -> None:
    bench = opened()
    assert bench.send(access(writing(NAME, "0901aa"), invoke="00000001")) is None
    assert len(bench.meter.written) == 1


def test_selection_with_and_without_its_conformance_bit() -> None:
    entries = "02" + "0204 0600000001 0600000002 120001 120000".replace(" ", "")
    item = (f"04{PROFILE.hex()}{entries}", "00")
    bench = opened()
    assert (bench.send(access(item)) or "").endswith("010100")
    assert bench.meter.asked[0].selection is not None
    bench = opened(conformance=(EVERYTHING | ACCESS) & ~int(Conformance.SELECTIVE_ACCESS))
    assert bench.send(access(item, reading(ENERGY))) == f"da{INVOKE}00000200{ENERGY_VALUE}02010c0100"
    assert bench.send(access(item)) == f"da{INVOKE}0000010001010c"


def test_an_answer_that_is_too_long() -> None:
    bench = opened(max_pdu=100)
    assert bench.send(access(reading(PROFILE))) == "d80103"
    bench = opened(EVERYTHING | ACCESS | int(Conformance.GENERAL_BLOCK_TRANSFER), max_pdu=100)
    assert (bench.send(access(reading(PROFILE))) or "").startswith("e010000100005dda")


@pytest.mark.parametrize(
    "apdu",
    ["d9", "d940000001", access(("09" + ENERGY.hex(), "00")), access(reading(ENERGY)) + "00", f"d9{INVOKE}000100"],
)
def test_broken_requests(apdu: str) -> None:
    bench = opened()
    assert bench.send(apdu) == UNKNOWN
    assert bench.send(get(ENERGY)) == "c401c100" + ENERGY_VALUE


def test_only_if_negotiated() -> None:
    assert opened(conformance=EVERYTHING).send(access(reading(ENERGY))) == UNKNOWN


def test_ciphered() -> None:
    """There is no service-specific envelope for it, only the general one."""
    client = Client(conformance=EVERYTHING | ACCESS)
    client.open(conformance=EVERYTHING | ACCESS)
    answer = client.send(client.cipher(octets(access(reading(ENERGY))), tag=0xDB))
    assert client.reveal(answer)[1] == f"da{INVOKE}000001{ENERGY_VALUE}010100"
