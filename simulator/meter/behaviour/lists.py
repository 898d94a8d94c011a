# SPDX-License-Identifier: MIT
"""Methods that add to, take from or count a list among an object's attributes: SAP assignment (class 17), IPv4 and
IPv6 setup (classes 42, 48). Nothing else hangs on these lists; the meter's real address is its listener's."""

from __future__ import annotations

from simulator.meter.change import Answer, Change, Meter, sibling
from simulator.wire.axdr import Data, decode_whole, encode
from simulator.wire.codes import ActionResult, Tag

_SAP_LIST, _MULTICAST = 2, 4
_FIRST_IPV6_LIST = 4  # unicast, multicast, gateway: attributes 4 to 6, address types 1 to 3
_IPV6_KINDS, _IPV6_OCTETS = (1, 2, 3), 16


async def connect_logical_device(meter: Meter, key: bytes, parameter: Data) -> Answer:
    """An empty name disconnects the device from its SAP (Blue Book 4.4.5)."""
    sap, name = parameter.value
    others = [entry for entry in _items(meter, key, _SAP_LIST) if entry.value[0] != sap]
    return _changed(key, _SAP_LIST, [*others, *([parameter] if name.value else [])])


async def add_multicast(meter: Meter, key: bytes, parameter: Data) -> Answer:
    return _added(meter, key, _MULTICAST, parameter)


async def delete_multicast(meter: Meter, key: bytes, parameter: Data) -> Answer:
    return _removed(meter, key, _MULTICAST, parameter)


async def count_multicast(meter: Meter, key: bytes, parameter: Data) -> Answer:
    return encode(Data(Tag.LONG_UNSIGNED, len(_items(meter, key, _MULTICAST))))


async def add_ipv6(meter: Meter, key: bytes, parameter: Data) -> Answer:
    kind, address = parameter.value
    if kind.value not in _IPV6_KINDS or len(address.value) != _IPV6_OCTETS:
        return ActionResult.OTHER_REASON
    return _added(meter, key, _FIRST_IPV6_LIST + kind.value - 1, address)


async def remove_ipv6(meter: Meter, key: bytes, parameter: Data) -> Answer:
    kind, address = parameter.value
    if kind.value not in _IPV6_KINDS:
        return ActionResult.OTHER_REASON
    return _removed(meter, key, _FIRST_IPV6_LIST + kind.value - 1, address)


def _items(meter: Meter, key: bytes, index: int) -> list[Data]:
    return list(decode_whole(meter.encoded(sibling(key, index)) or b"\x01\x00").value)


def _added(meter: Meter, key: bytes, index: int, item: Data) -> Answer:
    items = _items(meter, key, index)
    return Change() if item in items else _changed(key, index, [*items, item])


def _removed(meter: Meter, key: bytes, index: int, item: Data) -> Answer:
    items = _items(meter, key, index)
    if item not in items:
        return ActionResult.OBJECT_UNAVAILABLE
    return _changed(key, index, [other for other in items if other != item])


def _changed(key: bytes, index: int, items: list[Data]) -> Change:
    return Change(attributes={sibling(key, index): encode(Data(Tag.ARRAY, tuple(items)))})
