# SPDX-License-Identifier: MIT
"""Classes that no IS 15959 meter has, on the model for protocol testers (Blue Book 4.3.4, 4.4.5, 4.5)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from meter_bench import BLOCK, ENERGY, LIMITER, RELAY, Install, Meters, data, done, key
from test_clock import stamp

from simulator.cosem.classes import CLASSES
from simulator.cosem.compiler import compile_model
from simulator.cosem.versions import interface_class, versions_of
from simulator.errors import UserError
from simulator.meter.device import Device
from simulator.ports import ActItem
from simulator.wire.axdr import Data
from simulator.wire.codes import Tag

MODEL = "every-class"
ROOT = Path(__file__).parents[2]
MONITOR, SPECIAL_DAYS, SAP, IPV4, IPV6 = (
    "0.0.16.1.0.255", "0.0.11.0.0.255", "0.0.41.0.0.255", "0.0.25.1.0.255", "0.0.25.7.0.255",
)  # fmt: skip
DEMAND, SLIDING = "1.0.1.4.0.255", "1.0.9.4.0.255"
OFF, ON = ["0.0.10.0.106.255", 1], ["0.0.10.0.106.255", 2]
CAPTURED = "array(structure(long-unsigned,logical-name,integer,long-unsigned))"
REFUSED, UNAVAILABLE = 250, 11


async def power(meters: Meters) -> int:
    return int(meters.cohort.shown()["active_power"][0])


def test_it_has_an_object_of_each_class_that_is_known_and_the_guides_say_so() -> None:
    assert {one.interface_class.class_id for one in compile_model(MODEL).objects} == set(CLASSES)
    readme, guide = (" ".join((ROOT / name).read_text().split()) for name in ("README.md", "docs/models.md"))
    listed = guide.partition("## Interface classes")[2].partition(" ## ")[0]
    assert [one for one in CLASSES.values() if f"{one.class_id} {one.name}" not in listed] == []
    assert f"each of the {len(CLASSES)} interface classes" in readme


async def test_a_register_monitor_opens_the_relay_when_its_threshold_is_crossed(install: Install) -> None:
    meters = await install(MODEL)
    await meters.until("2025-05-20T18:00:00")
    threshold = await power(meters) + 30
    actions = "array(structure(structure(logical-name,long-unsigned),structure(logical-name,long-unsigned)))"
    assert await meters.write(MONITOR, 4, data(actions, [[OFF, ON]])) == 0
    thresholds = Data(Tag.ARRAY, (Data(Tag.DOUBLE_LONG_UNSIGNED, threshold),))
    assert await meters.write(MONITOR, 2, thresholds) == 0
    seen = []
    for minute in range(1, 180):
        await meters.until(f"2025-05-20T{18 + minute // 60}:{minute % 60:02}:00")
        seen.append(await power(meters))
        if not await meters.read(RELAY, 2):
            break
    assert max(seen) <= threshold  # it opened before any reading showed more
    assert seen[-1] == 0
    assert await meters.read(RELAY, 3) == 2


async def test_an_emergency_profile_lowers_the_limit_for_its_time(install: Install) -> None:
    meters = await install(MODEL)
    await meters.until("2025-05-20T18:00:00")
    limit = data("double-long-unsigned", 20_000)
    assert await meters.write(LIMITER, 5, limit) == 0
    assert await meters.write(LIMITER, 9, data("array(long-unsigned)", [7])) == 0
    profile = "structure(long-unsigned,octet-string,double-long-unsigned)"
    for number in (8, 7):  # 8 is not of its group
        assert await meters.write(LIMITER, 8, data(profile, [number, stamp("2025-05-20 18:10:00"), 600])) == 0
        await meters.until("2025-05-20T18:09:59")
        assert await meters.read(LIMITER, 10) is False
    await meters.until("2025-05-20T18:10:00")
    assert (await meters.read(LIMITER, 3), await meters.read(LIMITER, 10)) == (20_000, True)
    meters = await meters.restarted()
    await meters.until("2025-05-20T18:20:00")
    assert (await meters.read(LIMITER, 3), await meters.read(LIMITER, 10)) == (15_120, False)


async def test_special_days_are_inserted_replaced_and_deleted(install: Install) -> None:
    meters = await install(MODEL)
    entry = "structure(long-unsigned,stamp-date,unsigned)"
    for index, day in ((2, "*-12-25"), (1, "*-01-26"), (2, "*-12-24")):
        assert await meters.act(SPECIAL_DAYS, 1, data(entry, [index, day, 1])) == 0
    assert [(index, date[3]) for index, date, _ in await meters.read(SPECIAL_DAYS)] == [(1, 26), (2, 24)]
    assert await meters.act(SPECIAL_DAYS, 2, data("long-unsigned", 1)) == 0
    assert await meters.act(SPECIAL_DAYS, 2, data("long-unsigned", 1)) == UNAVAILABLE
    again = await meters.restarted()
    assert len(await again.read(SPECIAL_DAYS)) == 1


async def test_lists_grow_and_shrink_by_methods(install: Install) -> None:
    meters = await install(MODEL)
    device = "structure(long-unsigned,octet-string)"
    assert await meters.act(SAP, 1, data(device, [2, "second"])) == 0
    assert await meters.read(SAP) == ((1, b"MFL"), (2, b"second"))
    assert await meters.act(SAP, 1, data(device, [2, ""])) == 0
    assert await meters.read(SAP) == ((1, b"MFL"),)
    address = data("double-long-unsigned", 0xEFFFFFFA)
    assert await meters.act(IPV4, 1, address) == 0
    answer: Any = await done(Device(meters.cohort, 0).act(48, ActItem(key(IPV4, 3), data("integer", 0))))
    assert (answer.result, answer.data) == (0, b"\x12\x00\x01")
    assert await meters.act(IPV4, 2, address) == 0
    assert await meters.act(IPV4, 2, address) == UNAVAILABLE
    six = Data(Tag.STRUCTURE, (Data(Tag.ENUM, 2), Data(Tag.OCTET_STRING, bytes(15) + b"\x01")))
    assert await meters.act(IPV6, 1, six) == 0
    assert await meters.read(IPV6, 5) == (bytes(15) + b"\x01",)


async def test_demand_registers_follow_the_blocks(install: Install) -> None:
    meters = await install(MODEL)
    await meters.until("2025-05-20T12:10:00")
    what = "(kwh_import * 1000)::int, (kvah_import * 1000)::int"
    blocks = meters.of_meter(what, "block_load_profile", order="capture_time")
    assert round(await meters.read(DEMAND, 3) * 1000) == blocks[-1][0] * 2
    three = [vah for _, vah in blocks]
    assert round(await meters.read(SLIDING, 3) * 1000) == sum(three[-3:]) * 60 // 90
    assert await meters.read(DEMAND, 8) == 1800
    assert (await meters.read(DEMAND, 7))[5:8] == bytes((12, 0, 0))
    assert await meters.read(DEMAND, 2) > 0


async def test_capture_objects_can_be_chosen_and_empty_the_buffer(install: Install) -> None:
    meters = await install(MODEL)
    await meters.until("2025-05-20T10:10:00")
    wanted = [[8, "0.0.1.0.0.255", 2, 0], [3, "1.0.1.29.0.255", 2, 0]]
    assert await meters.write(BLOCK, 3, data(CAPTURED, [*wanted, [3, ENERGY, 2, 0]])) == REFUSED  # not in its table
    assert await meters.write(BLOCK, 3, data(CAPTURED, [])) == REFUSED
    assert await meters.write(BLOCK, 3, data(CAPTURED, wanted)) == 0
    assert await meters.read(BLOCK) == ()
    meters = await meters.restarted()
    await meters.until("2025-05-20T12:10:00")
    assert [len(row) for row in await meters.read(BLOCK)] == [2] * 4
    assert {len(row) for row in await meters.read(BLOCK, row=1)} == {8}
    assert len(await meters.read(BLOCK, 3)) == 2


@pytest.mark.parametrize(("class_id", "versions"), [(15, [0, 1, 2, 3]), (64, [0, 1])])
def test_versions_are_declared_and_can_be_chosen(tmp_path: Path, class_id: int, versions: list[int]) -> None:
    assert versions_of(class_id) == versions
    for version in versions:
        declared = interface_class(class_id, version)
        assert declared is not None
        path = tmp_path / f"v{version}.yaml"
        path.write_text(f"extends: is15959-1ph\nclass_versions: {{{class_id}: {version}}}\n")
        found = [o for o in compile_model(str(path)).objects if o.interface_class.class_id == class_id]
        assert {o.interface_class.version for o in found} == {version}
        assert {len(o.attributes) for o in found} == {len(declared.attributes)}


def test_a_version_that_is_not_known_is_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("extends: is15959-1ph\nclass_versions: {15: 9}\n")
    with pytest.raises(UserError, match="class 15 has no version 9") as error:
        compile_model(str(path))
    assert error.value.mistakes[0].line == 2


def test_an_object_named_again_moves_to_its_new_access() -> None:
    views = compile_model(MODEL).views
    assert key(BLOCK, 3) in views[48].writable
    assert key(BLOCK, 3) not in compile_model("is15959-1ph").views[48].writable


# ------------------------------------------------------------------------------------------ reset of registers

MAXIMUM, SIGNAL, TEMPERATURE = "1.0.1.6.0.255", "0.1.96.12.5.255", "0.0.96.9.0.255"


async def test_a_register_that_holds_a_setting_is_reset_to_the_models_value(install: Install) -> None:
    """Blue Book 4.3.2, 4.3.3: to the default value; an extended register remembers when."""
    meters = await install(MODEL)
    await meters.until("2025-05-20T12:10:00")
    for code, kind, number in ((TEMPERATURE, "float32", 40.0), (SIGNAL, "integer", -99)):
        default = await meters.read(code)
        assert await meters.write(code, 2, data(kind, number)) == 0
        assert await meters.read(code) == number != default
        assert await meters.act(code, 1) == 0
        assert await meters.read(code) == default
    assert (await meters.read(SIGNAL, 5))[5:8] == bytes((12, 10, 0))


async def test_a_maximum_demand_is_reset_and_an_energy_is_not(install: Install) -> None:
    meters = await install(MODEL)
    await meters.until("2025-05-20T12:10:00")
    assert await meters.read(MAXIMUM) > 0
    other = await meters.read("1.0.9.6.0.255")
    assert await meters.act(MAXIMUM, 1) == 0
    assert (await meters.read(MAXIMUM), await meters.read("1.0.9.6.0.255")) == (0, other)
    assert (await meters.read(MAXIMUM, 5))[5:8] == bytes((12, 10, 0))
    energy = await meters.read(ENERGY)
    assert await meters.act(ENERGY, 1) == REFUSED
    assert await meters.read(ENERGY) == energy
    again = await meters.restarted()
    assert await again.read(MAXIMUM) == 0
    await again.until("2025-05-20T12:30:00")
    ((block,),) = again.of_meter("kwh_import * 2", "block_load_profile")[-1:]
    assert await again.read(MAXIMUM) == pytest.approx(float(block))


async def test_a_demand_register_ends_its_period_early(install: Install) -> None:
    """next_period (Blue Book 4.3.4): the current average becomes the last; what follows counts from here."""
    meters = await install(MODEL)
    await meters.until("2025-05-20T12:20:00")
    current = await meters.read(DEMAND)
    assert await meters.act(DEMAND, 2) == 0
    assert (await meters.read(DEMAND), await meters.read(DEMAND, 3)) == (0, current)
    assert (await meters.read(DEMAND, 6))[5:8] == (await meters.read(DEMAND, 7))[5:8] == bytes((12, 20, 0))
    await meters.until("2025-05-20T12:30:00")
    ((whole,),) = meters.of_meter("kwh_import * 2", "block_load_profile")[-1:]
    assert await meters.read(DEMAND, 3) == pytest.approx(float(whole) - current, abs=0.002)
    assert (await meters.read(DEMAND, 7))[5:8] == bytes((12, 30, 0))


async def test_a_demand_register_is_reset(install: Install) -> None:
    meters = await install(MODEL)
    await meters.until("2025-05-20T12:20:00")
    assert await meters.read(SLIDING) > 0
    block = await meters.read(DEMAND)
    assert await meters.act(SLIDING, 1) == 0
    assert (await meters.read(SLIDING), await meters.read(SLIDING, 3)) == (0, 0)
    assert (await meters.read(SLIDING, 7))[5:8] == bytes((12, 20, 0))
    assert await meters.read(DEMAND) == block
    again = await meters.restarted()
    assert await again.read(SLIDING) == 0
    await again.until("2025-05-20T12:25:00")
    assert 0 < await again.read(SLIDING) < await again.read("1.0.9.7.0.255")
