# SPDX-License-Identifier: MIT
"""Selective-Access-Descriptor to a Selection and back (Green Book 9.5, Blue Book 4.3.6).

Parameters that are Data but fit no descriptor stay an OtherSelector: whether that is an error, the attribute says.
"""

from __future__ import annotations

from simulator.wire.axdr import Data, decode, encode, take
from simulator.wire.codes import Tag
from simulator.wire.selection import (
    CaptureObject,
    EntryDescriptor,
    OtherSelector,
    RangeDescriptor,
    Selection,
)

# Profile generic (class 7), attribute 2: of the classes served, the one whose selectors 1 and 2 are range and entry.
_PROFILE_CLASS = b"\x00\x07"
_BUFFER = 2
_RANGE, _ENTRY = 1, 2

_ARRAY, _STRUCTURE = int(Tag.ARRAY), int(Tag.STRUCTURE)
_U16, _U32 = int(Tag.LONG_UNSIGNED), int(Tag.DOUBLE_LONG_UNSIGNED)
_I8, _OCTETS = int(Tag.INTEGER), int(Tag.OCTET_STRING)
_CAPTURE_OBJECT_TAGS = (_U16, _OCTETS, _I8, _U16)
_ENTRY_TAGS = (_U32, _U32, _U16, _U16)


def decode_optional(buffer: bytes, offset: int, attribute: bytes) -> tuple[Selection | None, int]:
    """access-selection ... OPTIONAL: one octet says whether it is there."""
    present, offset = take(buffer, offset, 1)
    if present == b"\x00":
        return None, offset
    selector, offset = take(buffer, offset, 1)
    parameters, offset = decode(buffer, offset)
    return _understand(selector[0], parameters, attribute), offset


def encode_optional(selection: Selection | None) -> bytes:
    if selection is None:
        return b"\x00"
    if isinstance(selection, OtherSelector):
        return bytes((1, selection.selector)) + encode(selection.parameters)
    if isinstance(selection, EntryDescriptor):
        return bytes((1, _ENTRY)) + encode(_structure(_ENTRY_TAGS, selection))
    columns = Data(_ARRAY, tuple(_structure(_CAPTURE_OBJECT_TAGS, column) for column in selection.columns))
    restricting = _structure(_CAPTURE_OBJECT_TAGS, selection.restricting)
    return bytes((1, _RANGE)) + encode(Data(_STRUCTURE, (restricting, selection.start, selection.end, columns)))


def _structure(tags: tuple[int, ...], values: tuple[object, ...]) -> Data:
    return Data(_STRUCTURE, tuple(Data(tag, value) for tag, value in zip(tags, values, strict=True)))


def _understand(selector: int, parameters: Data, attribute: bytes) -> Selection:
    understood: Selection | None = None
    if attribute[:2] == _PROFILE_CLASS and attribute[8] == _BUFFER:
        if selector == _RANGE:
            understood = _range(parameters)
        elif selector == _ENTRY and _tags(parameters) == _ENTRY_TAGS:
            understood = EntryDescriptor(*(item.value for item in parameters.value))
    return understood or OtherSelector(selector, parameters)


def _range(parameters: Data) -> RangeDescriptor | None:
    if len(_tags(parameters)) != 4:
        return None
    restricting, start, end, columns = parameters.value
    if columns.tag != _ARRAY:
        return None
    objects = [_capture_object(item) for item in (restricting, *columns.value)]
    known = [item for item in objects if item is not None]
    if len(known) != len(objects):
        return None
    return RangeDescriptor(known[0], start, end, tuple(known[1:]))


def _capture_object(data: Data) -> CaptureObject | None:
    if _tags(data) != _CAPTURE_OBJECT_TAGS or len(data.value[1].value) != 6:
        return None
    return CaptureObject(*(item.value for item in data.value))


def _tags(data: Data) -> tuple[int, ...]:
    return tuple(item.tag for item in data.value) if data.tag == _STRUCTURE else ()
