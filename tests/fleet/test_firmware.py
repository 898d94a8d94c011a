# SPDX-License-Identifier: GPL-2.0-only
"""An image of 1 MiB over a bad link, with Gurux as the client: all steps of image transfer (Blue Book 4.4.6), from the
firmware client's ciphered HLS association to the version that the meter reader sees."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from live import READER, Judge, Spawned, spawned
from openssl import openssl
from secure import SecureJudge, login_of

AT = "2025-06-10T10:00:00+05:30"
FIRMWARE_CLIENT, IMAGE, VERSION, TRANSACTIONS = 80, "0.0.44.0.0.255", "1.0.0.2.0.255", "0.0.99.98.3.255"
BITMAP, FIRST_MISSING, STATUS, TO_ACTIVATE = 3, 4, 6, 7
INITIATE, TRANSFER, VERIFY, ACTIVATE = 1, 2, 3, 4
INITIATED, VERIFIED, ACTIVATING, ACTIVATED = 1, 3, 5, 6  # image_transfer_status
TEMPORARY_FAILURE, OTHER_REASON = 2, 250
ACTIVATION_MS = 30_000
BLOCK = 4096
NAME = b"V2.1.0"
BODY = random.Random(1).randbytes((1 << 20) - hashlib.sha256().digest_size)
CONTENTS = BODY + hashlib.sha256(BODY).digest()
COUNT = len(CONTENTS) // BLOCK
ZERO = b"\x0f\x00"
# Blocks of 200 octets, as in the model, would be five thousand round trips.
LARGE_BLOCKS = f"""
extends: is15959-1ph
title: takes images in large blocks
clients:
  {FIRMWARE_CLIENT}: {{max_pdu: {2 * BLOCK}}}
class_defaults:
  18: {{image_block_size: {BLOCK}}}
"""


@pytest.fixture(scope="module")
def fleet(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spawned]:
    model = tmp_path_factory.mktemp("models") / "large-blocks.yaml"
    model.write_text(LARGE_BLOCKS)
    with spawned(home, 2, "--model", model, "--start", AT, "--speed", 0) as fleet:
        yield fleet


def firmware_client(fleet: Spawned, meter: int = 0) -> SecureJudge:
    return SecureJudge(fleet.meters[meter], login_of(fleet.ready["meters"][meter], FIRMWARE_CLIENT))


def initiate(judge: SecureJudge) -> int:
    size = len(CONTENTS).to_bytes(4, "big")
    return judge.act(18, IMAGE, INITIATE, b"\x02\x02\x09" + bytes((len(NAME),)) + NAME + b"\x06" + size)


def transfer(judge: SecureJudge, number: int) -> int:
    octets = CONTENTS[number * BLOCK : (number + 1) * BLOCK]
    head = b"\x02\x02\x06" + number.to_bytes(4, "big") + b"\x09\x82" + len(octets).to_bytes(2, "big")
    return judge.act(18, IMAGE, TRANSFER, head + octets)


def over_a_bad_link(judge: SecureJudge, numbers: Iterable[int], dice: random.Random) -> set[int]:
    """The blocks that arrive, in no order: of four one is lost, and one sent twice as if its answer had been."""
    waiting, arrived = list(numbers), set()
    dice.shuffle(waiting)
    for number in waiting:
        fate = dice.randrange(4)
        for _ in range((1, 2, 1, 0)[fate]):
            assert transfer(judge, number) == 0
            arrived.add(number)
    return arrived


def missing(judge: SecureJudge) -> list[int]:
    """By image_transferred_blocks_status, and image_first_not_transferred_block_number agrees."""
    octets = judge.get(18, IMAGE, BITMAP).octets
    head = b"\x04\x82" + COUNT.to_bytes(2, "big")
    assert octets[:4] == head
    bits = f"{int.from_bytes(octets[4:], 'big'):0{COUNT}b}"
    assert len(bits) == COUNT
    found = [number for number, bit in enumerate(bits) if bit == "0"]
    assert judge.get(18, IMAGE, FIRST_MISSING).value == (found[0] if found else COUNT)
    return found


def test_one_mebibyte_over_a_bad_link(fleet: Spawned) -> None:
    dice, rounds, left = random.Random(2), 0, set(range(COUNT))
    with firmware_client(fleet) as judge:
        assert judge.get(18, IMAGE, 2).value == BLOCK
        assert initiate(judge) == 0
        assert judge.get(18, IMAGE, STATUS).value == INITIATED
    while left:
        with openssl(), firmware_client(fleet) as judge:  # the link breaks after each round; what has come stays
            left -= over_a_bad_link(judge, missing(judge), dice)
            assert missing(judge) == sorted(left)
            assert judge.act(18, IMAGE, VERIFY, ZERO) == (OTHER_REASON if left else 0)
        rounds += 1
    assert rounds > 2
    verified_and_activated(fleet)


def verified_and_activated(fleet: Spawned) -> None:
    with firmware_client(fleet) as judge:
        assert judge.get(18, IMAGE, STATUS).value == VERIFIED
        assert CONTENTS[-32:] in judge.get(18, IMAGE, TO_ACTIVATE).octets
        assert judge.act(18, IMAGE, ACTIVATE, ZERO) == TEMPORARY_FAILURE  # it has begun
        assert judge.get(18, IMAGE, STATUS).value == ACTIVATING
        assert transfer(judge, 0) == OTHER_REASON
    assert version(fleet) == "V1.0.0"
    fleet.step(ACTIVATION_MS)
    with firmware_client(fleet) as judge:
        assert judge.get(18, IMAGE, STATUS).value == ACTIVATED
        assert judge.act(18, IMAGE, ACTIVATE, ZERO) == 0
    assert version(fleet) == NAME.decode()
    assert version(fleet, 1) == "V1.0.0"  # the neighbour's is its own
    assert logged(fleet) == [(157, "FIRMWARE", fleet.meters[0].serial)]
    with Judge(fleet.meters[0], READER) as reader:
        assert [row[1] for row in reader.rows(TRANSACTIONS)] == [157]


def version(fleet: Spawned, meter: int = 0) -> str:
    with Judge(fleet.meters[meter], READER) as reader:
        return str(reader.get(1, VERSION).value)


def logged(fleet: Spawned) -> list[tuple[object, ...]]:
    return fleet.sql(
        "SELECT event_code, event_type, meter_number FROM sim.event_logs JOIN sim.meters ON meters.id = meter_id"
        " WHERE event_code BETWEEN 151 AND 200"
    )
