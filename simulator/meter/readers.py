# SPDX-License-Identifier: MIT
"""Pre-compiled readers: for each client of a model, what answers a GET of each attribute that it may read.

A reader is the encoded value itself where all meters share it, else a function of the device. So a GET is one
dictionary look-up and at most one call.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from simulator.cosem.encodings import StampEncoding
from simulator.cosem.model import (
    Attribute,
    Buffer,
    EntriesInUse,
    Identity,
    InvocationCounter,
    Measured,
    Model,
    PerClient,
    Profile,
    Setting,
    StatusWord,
)
from simulator.cosem.stamps import stamp
from simulator.meter.behaviour.image import FIRMWARE_VERSION
from simulator.meter.buffers import built_buffer, choose
from simulator.meter.calling import AUTO_CONNECT, kept
from simulator.meter.change import objects_of
from simulator.meter.guard import CLIENT_TITLE, POLICY, SECURITY_SETUP, setup_key
from simulator.meter.push.schedule import SCHEDULE, model_plans
from simulator.meter.push.setup import PUSH_SETUP
from simulator.meter.status import encoded_word
from simulator.ports import GetAnswer
from simulator.values import MS_PER_SECOND, attribute_key, format_obis, parse_obis
from simulator.wire.axdr import Data, encode, encode_string
from simulator.wire.codes import DataAccessResult, Tag
from simulator.wire.selection import Selection

if TYPE_CHECKING:
    from simulator.meter.device import Device

Function = Callable[["Device", Selection | None], GetAnswer | Awaitable[GetAnswer]]
Reader = bytes | Function
_LOGICAL_NAME = 1
_AUTO_CONNECT = AUTO_CONNECT.to_bytes(2, "big")
_IP_ADDRESS = 42, 3  # IPv4 setup (Blue Book 4.9.2)
_SECURITY_SETUP, _CURRENT_SETUP = SECURITY_SETUP.to_bytes(2, "big"), parse_obis("0.0.43.0.0.255")
_LIVING_CLASSES = frozenset({4, 11, 17, 18, 20, 22, 40, 42, 48, 70, 71})
_MISMATCH = DataAccessResult.TYPE_UNMATCHED
_HUNDREDTH_MS = 10


@lru_cache(maxsize=64)
def compile_readers(model: Model) -> dict[int, dict[bytes, Reader]]:
    """By client, then by the nine octets of the attribute."""
    writable = {key for view in model.views.values() for key in view.writable}
    return {
        client: {
            key: _reader(model, attribute, client, key in writable or _is_living(key))
            for key, attribute in view.readable.items()
        }
        for client, view in model.views.items()
    }


@lru_cache(maxsize=64)
def compile_all(model: Model) -> dict[bytes, Reader]:
    """For what the meter itself looks at: every attribute, whatever clients may see; the push client's where they
    differ."""
    client = model.spec.pushes.client if model.spec.pushes else next(iter(model.spec.clients))
    return {
        attribute.key: _reader(model, attribute, client, writable=True)
        for entry in model.objects
        for attribute in entry.attributes
    }


def _is_living(key: bytes) -> bool:
    """Whether a setting that no client writes may change all the same."""
    return int.from_bytes(key[:2], "big") in _LIVING_CLASSES or key == FIRMWARE_VERSION


def _reader(model: Model, attribute: Attribute, client: int, writable: bool) -> Reader:
    source = attribute.source
    if isinstance(source, Setting):
        if (own := _own_setup(model, attribute.key, client)) is not None:
            return _setting(own, source.default)
        if (int.from_bytes(attribute.key[:2], "big"), attribute.key[8]) == _IP_ADDRESS:
            return _address(attribute.key)
        if attribute.key[:2] == _AUTO_CONNECT and attribute.key[8] != _LOGICAL_NAME:
            return _calling(attribute.key)
        if _tells_of_pushes(model, attribute.key):
            return _push_setting(attribute.key, source.default)
        return _setting(attribute.key, source.default) if writable else source.default
    if isinstance(source, InvocationCounter):
        return _counter(source)
    if isinstance(source, PerClient):
        return source.encoded[client]
    if isinstance(source, Measured):
        return _measured(source, model)
    if isinstance(source, Identity):
        return _identity(source)
    if isinstance(source, StatusWord):
        return _status_word
    if isinstance(source, Buffer):
        return source.profile.constant or _buffer(source.profile, client)
    return _entries(source)


def _own_setup(model: Model, key: bytes, client: int) -> bytes | None:
    """What a Security setup shows of policy and client title changes without a SET; the current one is the asker's."""
    if key[:2] != _SECURITY_SETUP or key[8] not in (POLICY, CLIENT_TITLE):
        return None
    return setup_key(model, client, key[8]) if key[2:8] == _CURRENT_SETUP else key


def _counter(source: InvocationCounter) -> Function:
    def read(device: Device, selection: Selection | None) -> GetAnswer:
        last = max(device.cohort.vault.peek(device.row, source.client) - 1, 0)
        return encode(Data(source.tag, last)) if selection is None else _MISMATCH

    return read


def _setting(key: bytes, default: bytes) -> Function:
    def read(device: Device, selection: Selection | None) -> GetAnswer:
        return device.cohort.overrides.get((device.row, key), default) if selection is None else _MISMATCH

    return read


def _tells_of_pushes(model: Model, key: bytes) -> bool:
    """Whether it belongs to a push setup, or to a schedule that leads to one."""
    head = key[:8]
    setups = objects_of(model, PUSH_SETUP)
    schedules = [attribute_key(SCHEDULE, plan.schedule, 0)[:8] for plan in model_plans(model)]
    return key[8] > 1 and head in (*setups, *schedules)


def _push_setting(key: bytes, default: bytes) -> Function:
    """A client that looks at it finds the same in the tables, if not at once."""
    read_setting = _setting(key, default)

    def read(device: Device, selection: Selection | None) -> GetAnswer | Awaitable[GetAnswer]:
        device.cohort.kept_pushes.want(device.row)
        return read_setting(device, selection)

    return read


def _address(key: bytes) -> Function:
    """Where its listener is, unless a client has written something else."""

    def read(device: Device, selection: Selection | None) -> GetAnswer:
        cohort, row = device.cohort, device.row
        if selection is not None:
            return _MISMATCH
        own = encode(Data(Tag.DOUBLE_LONG_UNSIGNED, cohort.around.address(cohort.first + row)))
        return cohort.overrides.get((row, key), own)

    return read


def _calling(key: bytes) -> Function:
    """Whom it calls, and when."""

    def read(device: Device, selection: Selection | None) -> GetAnswer:
        return kept(device.cohort, device.row, key) if selection is None else _MISMATCH

    return read


def _status_word(device: Device, selection: Selection | None) -> GetAnswer:
    return encoded_word(device.cohort.columns.status_word[:, device.row]) if selection is None else _MISMATCH


def _measured(source: Measured, model: Model) -> Function:
    name, encode_value = source.quantity.name, source.encoding.encoder()
    if name == "clock" and isinstance(source.encoding, StampEncoding):
        return _clock(
            source.encoding.utc_offset_minutes, _HUNDREDTH_MS if model.spec.clock_hundredths else MS_PER_SECOND
        )

    def read(device: Device, selection: Selection | None) -> GetAnswer:
        return encode_value(device.cohort.shown()[name].item(device.row)) if selection is None else _MISMATCH

    return read


def _clock(utc_offset_minutes: int, tick_ms: int) -> Function:
    shown_at, shown = -1, b""  # what all meters of the model show within one second, or hundredth

    def read(device: Device, selection: Selection | None) -> GetAnswer:
        nonlocal shown_at, shown
        if selection is not None:
            return _MISMATCH
        ticks = device.cohort.clock_ms(device.row) // tick_ms
        if ticks != shown_at:
            second, part = divmod(ticks * tick_ms, MS_PER_SECOND)
            shown_at, shown = ticks, b"\x09\x0c" + stamp(second, utc_offset_minutes, hundredths=part // _HUNDREDTH_MS)
        return shown

    return read


def _identity(source: Identity) -> Function:
    name, tag = source.quantity.name, source.tag

    def read(device: Device, selection: Selection | None) -> GetAnswer:
        text = getattr(device.cohort.identities[device.row], name)
        octets = text if isinstance(text, bytes) else text.encode()
        return bytes((tag,)) + encode_string(octets) if selection is None else _MISMATCH

    return read


def _buffer(ordinary: Profile, client: int) -> Function:
    code = format_obis(ordinary.logical_name)

    def read(device: Device, selection: Selection | None) -> GetAnswer | Awaitable[GetAnswer]:
        profile = device.cohort.profiles.get((device.row, code), ordinary)
        choice = choose(profile, selection, device.cohort.calendar.utc_offset_minutes)
        if isinstance(choice, DataAccessResult):
            return choice
        if profile.source == "live":
            return built_buffer(profile, device.cells(client, profile), choice, 0)
        return device.buffer(client, profile, choice)

    return read


def _entries(source: EntriesInUse) -> Reader:
    profile = source.profile
    if profile.source != "table":
        return encode(Data(Tag.DOUBLE_LONG_UNSIGNED, 1))

    def read(device: Device, selection: Selection | None) -> GetAnswer | Awaitable[GetAnswer]:
        return device.entries_in_use(profile) if selection is None else _MISMATCH

    return read
