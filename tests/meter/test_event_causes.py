# SPDX-License-Identifier: MIT
"""What a client does to a meter is in its transaction log: codes 151 to 169 of IS 15959, each through its object."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from meter_bench import BILLING, CALENDAR, CLOCK, IMAGE, LIMITER, RELAY, Install, Meters, data

from simulator.meter.behaviour.image import sealed
from simulator.meter.identity import key_of
from simulator.wire.axdr import Data
from simulator.wire.codes import Tag

D1, ANY = "is15959-1ph", "every-class"
WORD = "0.0.94.91.18.255"
Cause = Callable[[Meters], Awaitable[int]]


def writes(code: str, index: int, kind: str, value: object) -> Cause:
    return lambda meters: meters.write(code, index, data(kind, value))


async def disable_and_enable(meters: Meters) -> int:
    assert await meters.write(RELAY, 4, data("enum", 0)) == 0
    return await meters.write(RELAY, 4, data("enum", 4))


async def disable(meters: Meters) -> int:
    return await meters.write(RELAY, 4, data("enum", 0))


async def transfer_keys(meters: Meters) -> int:
    identity = meters.cohort.identities[0]
    wrapped = aes_key_wrap(key_of(identity, {}, 48, "master"), bytes(range(16)))
    pair = Data(Tag.STRUCTURE, (Data(Tag.ENUM, 0), Data(Tag.OCTET_STRING, wrapped)))
    return await meters.act("0.0.43.0.3.255", 2, Data(Tag.ARRAY, (pair,)))


async def change_secret(meters: Meters, association: str) -> int:
    return await meters.act(association, 2, data("octet-string", bytes(16)))


async def upgrade(meters: Meters) -> int:
    image = sealed(b"V2")
    first = data("structure(octet-string,double-long-unsigned)", [b"V2.0.0", len(image)])
    assert await meters.act(IMAGE, 1, first, client=80) == 0
    block = data("structure(double-long-unsigned,octet-string)", [0, image])
    assert await meters.act(IMAGE, 2, block, client=80) == 0
    assert await meters.act(IMAGE, 3, client=80) == 0
    await meters.act(IMAGE, 4, client=80)
    await meters.until("2025-05-20T10:01:00")
    return 0


CAUSES: dict[int, tuple[str, Cause]] = {
    151: (D1, writes(CLOCK, 2, "stamp", "2025-05-20 10:00:30")),
    152: (D1, writes("1.0.0.8.0.255", 2, "long-unsigned", 900)),
    153: (D1, writes("1.0.0.8.4.255", 2, "double-long-unsigned", 900)),
    154: (D1, writes("0.0.15.0.0.255", 4, "array(structure(stamp-time,stamp-date))", [["00:00:00", "*-*-15"]])),
    155: (D1, writes(CALENDAR, 6, "octet-string", b"7")),
    157: (D1, upgrade),
    158: (D1, writes(LIMITER, 4, "double-long-unsigned", 5000)),
    159: (D1, disable_and_enable),
    160: (D1, disable),
    161: (D1, writes("0.0.40.0.2.255", 7, "octet-string", b"secret-of-the-reader")),
    162: (D1, lambda meters: change_secret(meters, "0.0.40.0.3.255")),
    163: (D1, lambda meters: change_secret(meters, "0.0.40.0.5.255")),
    164: (D1, transfer_keys),
    165: (D1, writes("0.0.94.91.26.255", 2, "bit-string[128]", [83])),
    166: (D1, lambda meters: meters.act("0.0.10.0.1.255", 1, data("long-unsigned", 1))),
    167: (D1, writes("0.0.94.96.19.255", 2, "unsigned", 2)),
    169: (D1, writes("0.0.15.0.2.255", 4, "array(structure(stamp-time,stamp-date))", [["03:00:00", "2025-06-01"]])),
}


@pytest.mark.parametrize("code", CAUSES)
async def test_a_clients_action_is_an_event(install: Install, code: int) -> None:
    model, cause = CAUSES[code]
    meters = await install(model)
    await meters.until("2025-05-20T10:00:00")
    assert await cause(meters) == 0
    logged = [row[0] for row in meters.of_meter("event_code", "event_logs")]
    assert logged[-1] == code
    assert [row[1] for row in await meters.read("0.0.99.98.3.255")] == logged
    assert await meters.read("0.0.96.11.3.255") == code
    assert await meters.read("0.0.96.2.0.255") == len(logged)  # each of them is a programming


async def test_an_md_reset_by_hand_raises_its_bit_and_one_by_date_does_not(install: Install) -> None:
    meters = await install(D1)
    await meters.until("2025-06-02T00:00:00")
    assert (await meters.read(WORD))[1][10] == 0x02
    assert await meters.act("0.0.10.0.1.255", 1, data("long-unsigned", 1)) == 0
    assert (await meters.read(WORD))[1][10] == 0x03
    await meters.until("2025-06-02T01:00:00")
    words = [word for (word,) in meters.of_meter("billing_status_word", "billing_profile", order="billing_time")]
    assert words == ["00000000000000000000020000000000", "00000000000000000000020000000000"]
    latest = meters.of_meter("status_word", "block_load_profile", order="capture_time DESC")[0]
    assert latest == ("00000000000000000000030000000000",)
    assert len(await meters.read(BILLING)) == 2


async def test_a_limiters_trip_is_an_overload_until_the_switch_is_closed(install: Install) -> None:
    meters = await install(D1)
    await meters.until("2025-05-20T19:00:00")
    power_w = int(meters.cohort.shown()["active_power"][0])
    await meters.write(RELAY, 4, data("enum", 6))
    await meters.write(LIMITER, 7, data("double-long-unsigned", 120))
    await meters.write(LIMITER, 4, data("double-long-unsigned", max(power_w // 4, 1)))
    await meters.until("2025-05-20T19:03:00")
    moments = "event_code, event_timestamp::time::text"
    logged = [row for row in meters.of_meter(moments, "event_logs") if row[0] > 200]
    assert logged == [(301, "19:01:00"), (215, "19:01:00"), (302, "19:03:00"), (216, "19:03:00")]


async def test_a_switch_closed_without_an_overload_ends_none(install: Install) -> None:
    meters = await install(D1)
    await meters.act(RELAY, 1)
    await meters.act(RELAY, 2)
    assert [code for (code,) in meters.of_meter("event_code", "event_logs")] == [301, 302]
