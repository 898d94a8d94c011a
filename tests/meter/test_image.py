# SPDX-License-Identifier: MIT
"""Image transfer (Blue Book 4.4.6): in any order, resumed, verified by signature, activated after a while."""

from __future__ import annotations

from typing import Any

from meter_bench import FIRMWARE, IMAGE, Install, Meters, data

from simulator.meter.behaviour.image import sealed
from simulator.wire.axdr import Data
from simulator.wire.codes import Tag

D1 = "is15959-1ph"
TEMPORARY_FAILURE, REFUSED = 2, 250
BODY = bytes(range(256)) * 4 + b"end"
GOOD = sealed(BODY)
BLOCK = 200
COUNT = -(-len(GOOD) // BLOCK)
VERSION = "1.0.0.2.0.255"


async def act(meters: Meters, index: int, parameter: Data | None = None) -> int:
    return await meters.act(IMAGE, index, parameter, client=FIRMWARE)


async def read(meters: Meters, index: int) -> Any:
    return await meters.read(IMAGE, index, client=FIRMWARE)


async def initiate(meters: Meters, image: bytes = GOOD) -> None:
    parameter = data("structure(octet-string,double-long-unsigned)", ["V2.1.0", len(image)])
    assert await act(meters, 1, parameter) == 0


async def send(meters: Meters, numbers: Any, image: bytes = GOOD) -> list[int]:
    results = []
    for number in numbers:
        octets = image[number * BLOCK : (number + 1) * BLOCK]
        parts = (Data(Tag.DOUBLE_LONG_UNSIGNED, number), Data(Tag.OCTET_STRING, octets))
        results.append(await act(meters, 2, Data(Tag.STRUCTURE, parts)))
    return results


async def test_the_whole_way_with_missing_blocks_and_a_death_in_between(install: Install) -> None:
    meters = await install(D1)
    await meters.until("2025-05-20T10:10:00")
    await initiate(meters)
    assert await read(meters, 6) == 1
    assert await send(meters, [5, 0, 3, 3]) == [0, 0, 0, 0]  # a repeated block is taken for what it is
    assert await read(meters, 4) == 1
    assert await read(meters, 3) == (COUNT, bytes((0b10010100,)))
    assert await act(meters, 3) == REFUSED  # not complete
    assert await act(meters, 4) == REFUSED  # not verified
    meters = await meters.restarted()
    assert await read(meters, 3) == (COUNT, bytes((0b10010100,)))
    assert set(await send(meters, [4, 2, 1])) == {0}
    assert await read(meters, 4) == COUNT
    assert await act(meters, 3) == 0
    assert await read(meters, 6) == 3
    assert await read(meters, 7) == ((len(GOOD), b"V2.1.0", GOOD[-32:]),)
    assert await act(meters, 4) == TEMPORARY_FAILURE
    assert await read(meters, 6) == 5
    assert await act(meters, 4) == TEMPORARY_FAILURE
    assert await meters.read(VERSION) == b"V1.0.0"
    await meters.until("2025-05-20T10:10:29")
    assert await read(meters, 6) == 5
    meters = await meters.restarted()
    await meters.until("2025-05-20T10:10:30")
    assert await read(meters, 6) == 6
    assert await act(meters, 4) == 0
    assert await meters.read(VERSION) == b"V2.1.0"
    assert meters.of_meter("event_code, event_type", "event_logs") == [(157, "FIRMWARE")]


async def test_a_wrong_signature_is_refused(install: Install) -> None:
    meters = await install(D1)
    wrong = GOOD[:100] + b"\x00" + GOOD[101:]
    await initiate(meters, wrong)
    await send(meters, range(COUNT), wrong)
    assert await act(meters, 3) == REFUSED
    assert await read(meters, 6) == 4
    assert await act(meters, 4) == REFUSED
    await initiate(meters)
    assert await read(meters, 3) == (COUNT, b"\x00")
    await send(meters, reversed(range(COUNT)))
    assert await act(meters, 3) == 0


async def test_blocks_that_are_none_are_refused(install: Install) -> None:
    meters = await install(D1)
    assert await send(meters, [0]) == [REFUSED]  # nothing was initiated
    await initiate(meters)
    assert await send(meters, [COUNT]) == [REFUSED]
    assert await send(meters, [1], GOOD[:250]) == [REFUSED]  # too short
    assert meters.of_meter("count(*)", "image_blocks", order="1") == [(0,)]
    assert await meters.act(IMAGE, 3) == 3  # the utility's client may look, the firmware client may act


async def test_activation_by_schedule(install: Install) -> None:
    meters = await install(D1)
    await meters.until("2025-05-20T10:10:00")
    await initiate(meters)
    await send(meters, range(COUNT))
    assert await act(meters, 3) == 0
    when = data("array(structure(stamp-time,stamp-date))", [["02:00:00", "*-*-21"]])
    assert await meters.write("0.0.15.0.2.255", 4, when) == 0
    await meters.until("2025-05-21T02:00:10")
    assert await read(meters, 6) == 5
    await meters.until("2025-05-21T02:00:30")
    assert await meters.read(VERSION) == b"V2.1.0"
