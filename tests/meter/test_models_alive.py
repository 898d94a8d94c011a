# SPDX-License-Identifier: MIT
"""Every attribute that a model's object list calls readable reads, for every client."""

from __future__ import annotations

from pathlib import Path

import pytest
from meter_bench import BILLING, BLOCK, DAILY, UTILITY, Install, done

from simulator.cosem.spec import model_names
from simulator.meter.device import Device
from simulator.ports import GetItem
from simulator.wire.axdr import decode_whole

PUBLIC = 16
NAMEPLATE, INSTANTANEOUS = "0.0.94.91.10.255", "1.0.94.91.0.255"


@pytest.mark.parametrize("model", model_names())
async def test_every_readable_attribute_reads_with_its_declared_type(install: Install, model: str) -> None:
    meters = await install(model)
    await meters.until("2025-06-02T00:10:00")
    for client, view in meters.cohort.model.views.items():
        device = Device(meters.cohort, 1)
        for key, attribute in view.readable.items():
            answer = await done(device.get(client, GetItem(key, None)))
            assert isinstance(answer, bytes), (client, key.hex(), attribute.name, answer)
            assert attribute.type.matches(decode_whole(answer)), (client, key.hex(), attribute.name)


async def test_a_three_phase_meter_keeps_what_its_profiles_capture(install: Install) -> None:
    meters = await install("is15959-3ph")
    await meters.until("2025-06-02T00:10:00")
    blocks = await meters.read(BLOCK)
    assert len(blocks) == 13 * 48
    assert {len(row) for row in blocks} == {13}
    assert all(None not in row for row in blocks)
    ((*_, health, _power_factor),) = blocks[-1:]
    assert health == 0
    days = await meters.read(DAILY)
    assert [len(row) for row in days] == [5] * 13
    (bill,) = await meters.read(BILLING)
    assert len(bill) == 63
    assert None not in bill
    zones = bill[22:38:2]  # maximum demand W of zones 1 to 8; the largest is that of the meter
    assert max(zones) == bill[20]
    assert min(zones) > 0
    # Reactive energy of Q1 as it stood at the bill, not later.
    assert bill[59] <= await meters.read("1.0.5.8.0.255")


async def test_a_ct_meter_has_quadrants_per_block_and_no_relay(install: Install) -> None:
    meters = await install("is15959-ct")
    await meters.until("2025-05-21T00:10:00")
    rows = meters.of_meter("kvarh_q1, kvarh_q4", "block_load_profile")
    assert len(rows) == 48
    assert sum(q1 for q1, _ in rows) > 0
    names = {entry.name for entry in meters.cohort.model.objects}
    assert not any("limiter" in name.lower() or "load switch" in name.lower() for name in names)


async def test_a_profile_shows_its_columns_whatever_a_client_may_read_beside_it(
    install: Install, tmp_path: Path
) -> None:
    """Access rights are those of an attribute (Blue Book 4.4.4, object_list): the buffer's are the buffer's own."""
    path = tmp_path / "mine.yaml"
    path.write_text(
        "extends: is15959-1ph\n"
        "access:\n  shown: {16: r, 32: r, 48: r}\n"
        f"objects:\n  shown: [{NAMEPLATE}, {INSTANTANEOUS}]\n"
    )
    meters = await install(str(path))
    for profile in (NAMEPLATE, INSTANTANEOUS):
        shown = await meters.read(profile, client=PUBLIC)
        assert shown == await meters.read(profile, client=UTILITY)
        assert len(shown[0]) == len(await meters.read(profile, 3, client=PUBLIC))
