# SPDX-License-Identifier: GPL-2.0-only
"""What a meter lists is what it does: every attribute and method of the association view, tried by a Gurux client.

The object list (Blue Book 4.4.4, attribute 2) is the promise; Data-Access-Result and Action-Result (Green Book 9.5)
are how a meter refuses. Declared types come from the model's tables, values from the wire.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from live import BILLING, CLOCK, ENERGY, MESSAGE, PUBLIC, READER, Judge, Spawned, attribute_hex

from simulator.cosem.compiler import compile_model
from simulator.cosem.types import Choice
from simulator.values import format_obis
from simulator.wire.axdr import decode_whole

DENIED, UNDEFINED, INCONSISTENT, UNMATCHED = 3, 4, 9, 12
RESET = "0.0.10.0.1.255"
CLIENTS = (PUBLIC, READER)


class Listed(NamedTuple):
    """One object_list_element."""

    class_id: int
    version: int
    obis: str
    access: dict[int, int]  # attribute -> access mode: 1 read, 2 write, 3 both
    methods: dict[int, int]  # method -> 1: may be executed


@pytest.fixture
def reader(fleet: Spawned) -> Iterator[Judge]:
    with Judge(fleet.meters[0]) as judge:
        yield judge


@pytest.fixture(params=CLIENTS)
def judge(fleet: Spawned, request: pytest.FixtureRequest) -> Iterator[Judge]:
    with Judge(fleet.meters[0], request.param) as judge:
        yield judge


def view(judge: Judge) -> list[Listed]:
    return [
        Listed(int(class_id), int(version), format_obis(bytes(name)), _modes(attributes), _modes(methods))
        for class_id, version, name, (attributes, methods) in judge.get(15, "0.0.40.0.0.255").value
    ]


def _modes(rights: Any) -> dict[int, int]:
    return {int(right[0]): int(right[1]) for right in rights or []}


def declared(fleet: Spawned) -> dict[tuple[int, str, int], Choice]:
    name = fleet.sql("SELECT profile FROM sim.meters LIMIT 1")[0][0]
    return {
        (owner.interface_class.class_id, format_obis(owner.logical_name), attribute.key[8]): attribute.type
        for owner in compile_model(name).objects
        for attribute in owner.attributes
    }


def test_every_attribute_listed_as_readable_reads_with_its_declared_type(fleet: Spawned, judge: Judge) -> None:
    types = declared(fleet)
    for entry in view(judge):
        for attribute in (index for index, mode in entry.access.items() if mode & 1):
            place = (entry.class_id, entry.obis, attribute)
            got = judge.get(*place)
            assert got.result == 0, place
            tags = {alternative.tag for alternative in types[place].alternatives}
            assert None in tags or got.octets[0] in tags, (place, got.octets[:20].hex())
            assert types[place].matches(decode_whole(got.octets)), (place, got.octets[:20].hex())


def test_registers_have_the_wire_type_of_their_model(floating: Spawned, whole: Spawned) -> None:
    """One model counts kWh in float32 with scaler 3, the other Wh in double-long-unsigned (Blue Book 4.3.2)."""
    for fleet, tag, scaler_unit in ((floating, 23, "02020f03161e"), (whole, 6, "02020f00161e")):
        with Judge(fleet.meters[0]) as judge:
            assert judge.get(3, ENERGY).octets[0] == tag
            assert judge.get(3, ENERGY, 3).octets.hex() == scaler_unit


def test_every_attribute_not_listed_as_readable_is_refused(judge: Judge) -> None:
    barred = [(e.class_id, e.obis, index) for e in view(judge) for index, mode in e.access.items() if not mode & 1]
    assert barred  # the secret of an association is never readable
    assert {judge.get(*place).result for place in barred} == {DENIED}


def test_the_public_client_sees_a_part_of_what_the_reader_sees(fleet: Spawned) -> None:
    seen = {}
    for client in CLIENTS:
        with Judge(fleet.meters[0], client) as judge:
            seen[client] = {entry.obis for entry in view(judge)}
    assert {CLOCK, "0.0.42.0.0.255", "0.0.40.0.0.255", "0.0.40.0.1.255"} <= seen[PUBLIC]
    assert ENERGY in seen[READER] - seen[PUBLIC]
    assert len(seen[PUBLIC]) < 15 < 80 < len(seen[READER])


def test_an_object_that_is_not_listed_is_undefined(fleet: Spawned) -> None:
    with Judge(fleet.meters[0], PUBLIC) as judge:
        for place in ((3, ENERGY, 2), (7, "1.0.99.1.0.255", 2), (1, "0.0.96.99.99.255", 2), (15, "0.0.40.0.2.255", 2)):
            assert judge.get(*place).result == UNDEFINED, place
    with Judge(fleet.meters[0]) as judge:
        for place in ((18, "0.0.44.0.0.255", 1), (15, "0.0.40.0.1.255", 2), (3, "1.0.1.99.0.255", 2)):
            assert judge.get(*place).result == UNDEFINED, place
            assert judge.set(*place, b"\x11\x01") == UNDEFINED, place
            assert judge.act(*place, b"\x0f\x00") == UNDEFINED, place


def test_another_class_than_the_logical_name_has_is_inconsistent(judge: Judge) -> None:
    for entry in view(judge):
        other = 1 if entry.class_id != 1 else 3
        assert judge.get(other, entry.obis).result == INCONSISTENT, entry.obis


def test_a_set_or_action_on_another_class_is_inconsistent(reader: Judge) -> None:
    assert reader.set(1, CLOCK, 2, b"\x11\x01") == INCONSISTENT
    assert reader.act(3, "0.0.40.0.0.255", 1, b"\x0f\x00") == INCONSISTENT


def test_an_attribute_that_the_class_lacks_is_answered(judge: Judge) -> None:
    """Clients read all attributes of a class that they know in a newer version; silence stops them for good."""
    for entry in view(judge):
        for index in {max(entry.access) + 1, 40, 127, 255}:
            assert judge.get(entry.class_id, entry.obis, index).result != 0, (entry.obis, index)


def test_every_attribute_not_listed_as_writable_refuses_a_set(reader: Judge) -> None:
    """Even of the value that it has."""
    for entry in view(reader):
        for index in (index for index, mode in entry.access.items() if not mode & 2):
            octets = reader.get(entry.class_id, entry.obis, index).octets
            value = octets if 0 < len(octets) < 500 else b"\x09\x01\x00"
            assert reader.set(entry.class_id, entry.obis, index, value) == DENIED, (entry.obis, index)
        assert reader.set(entry.class_id, entry.obis, max(entry.access) + 1, b"\x00") != 0, entry.obis


def test_the_public_client_may_not_even_ask_to_write_or_to_act(fleet: Spawned) -> None:
    """Its conformance block has neither SET nor ACTION: the service is unknown to its association (9.4.6.1)."""
    with Judge(fleet.meters[0], PUBLIC) as judge:
        for entry in view(judge):
            place = attribute_hex(entry.class_id, entry.obis, 2 if entry.class_id != 15 else 1)
            assert judge.wire.ask(f"c101c1{place}001101") == "d80202"
            assert judge.wire.ask(f"c301c1{place}010f00") == "d80202"


def test_what_is_writable_takes_its_type_and_refuses_another(fleet: Spawned) -> None:
    with Judge(fleet.meters[1]) as judge:
        writable = [(e.class_id, e.obis, index) for e in view(judge) for index, mode in e.access.items() if mode & 2]
        assert writable == [(1, MESSAGE, 2)]
        text = "pay by Friday: ₹ 50".encode()
        for octets in (
            b"\x0a" + bytes((len(text),)) + text,
            b"\x0a\x00",
            b"\x0a\x03\xff\x00a",
            b"\x0a\x81\xa0" + b"x" * 160,
        ):
            assert judge.set(1, MESSAGE, 2, octets) == 0
            assert judge.get(1, MESSAGE).octets == octets  # as it came, though no database holds U+0000 in a text
        kept = judge.get(1, MESSAGE).octets
        for wrong in (b"\x12\x00\x01", b"\x09\x01a", b"\x00", b"\x01\x00", b"\x0a\x81\xa1" + b"x" * 161):
            assert judge.set(1, MESSAGE, 2, wrong) == UNMATCHED, wrong[:4].hex()
        assert judge.get(1, MESSAGE).octets == kept


def test_every_method_not_listed_as_executable_is_refused(reader: Judge) -> None:
    barred = [(e.class_id, e.obis, index) for e in view(reader) for index, mode in e.methods.items() if not mode]
    assert barred
    assert {reader.act(*place, b"\x0f\x00") for place in barred} == {DENIED}


def test_the_reader_may_execute_the_billing_reset_alone(fleet: Spawned) -> None:
    with Judge(fleet.meters[0]) as judge:
        executable = [(e.obis, index) for e in view(judge) for index, mode in e.methods.items() if mode]
        assert executable == [(RESET, 1)]
        assert judge.act(9, RESET, 1, b"\x0f\x01") == UNMATCHED
        assert judge.act(9, RESET, 1, b"\x12\x00\x02") not in (0, UNMATCHED)  # there is no script 2


_BILLS = """
SELECT reset_count, billing_time, billing_date, max_demand_kw, max_demand_kva,
       ARRAY[cumulative_kwh_import, cumulative_kwh_export, cumulative_kvah_import, cumulative_kvah_export],
       ARRAY[monthly_kwh_import, monthly_kwh_export, monthly_kvah_import, monthly_kvah_export]
  FROM sim.billing_profile JOIN sim.meters m ON m.id = meter_id WHERE meter_number = %s ORDER BY reset_count"""


def test_the_billing_reset_closes_the_period(fleet: Spawned) -> None:
    """IS 15959: script 1 of 0.0.10.0.1.255 is the MD reset."""
    meter = fleet.meters[2]
    before = fleet.sql(_BILLS, meter.serial)
    with Judge(meter) as judge:
        demand = judge.get(4, "1.0.1.6.0.255").value
        count = judge.get(1, "0.0.0.1.0.255").value
        assert demand > 0
        assert judge.act(9, RESET, 1, b"\x12\x00\x01") == 0
        assert judge.get(4, "1.0.1.6.0.255").value == 0
        assert judge.get(4, "1.0.9.6.0.255").value == 0
        assert judge.get(4, "1.0.1.6.0.255", 5).octets == judge.get(8, CLOCK).octets
        assert judge.get(1, "0.0.0.1.0.255").value == count + 1 == len(before) + 1
        assert judge.get(7, BILLING, 7).value == len(before) + 1
    *others, bill = fleet.sql(_BILLS, meter.serial)
    assert others == before
    assert bill[0] == before[-1][0] + 1
    assert bill[1].isoformat() == "2025-06-10T10:00:00"
    assert bill[2] == bill[1].date()
    per_kilo = 1 if isinstance(demand, float) else 1000  # float32 registers show kW, the others W
    assert float(bill[3]) == pytest.approx(demand / per_kilo)
    assert bill[6] == [now - then for now, then in zip(bill[5], before[-1][5], strict=True)]


def test_two_resets_may_share_a_second(fleet: Spawned) -> None:
    meter = fleet.meters[3]
    with Judge(meter) as judge:
        assert [judge.act(9, RESET, 1, b"\x12\x00\x01") for _ in range(2)] == [0, 0]
        rows = judge.rows(BILLING)
    first, second = fleet.sql(_BILLS, meter.serial)[-2:]
    assert (first[0] + 1, first[1]) == second[:2]
    assert set(second[6]) == {0}
    assert rows[-2][0] == rows[-1][0]
