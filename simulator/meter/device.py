# SPDX-License-Identifier: MIT
"""One meter seen through its cohort's columns: the logical device that associations talk to.

Created when a client connects and dropped when it leaves; it holds nothing but a row number. Live values and settings
are answered at once; what needs the store is answered by an awaitable. A refusal is a returned code.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from uuid import UUID

from simulator.cosem.model import Measured, Model, Profile, Setting
from simulator.errors import StoreError, StoreUnavailable
from simulator.meter import locksmith
from simulator.meter.behaviour import story
from simulator.meter.behaviour.registry import act_hook, write_hook
from simulator.meter.buffers import Choice, buffer_query, built_buffer, encode_buffer
from simulator.meter.change import plain, result_of
from simulator.meter.cohort import Cohort
from simulator.meter.guard import SECURITY_SETUP, Guard
from simulator.meter.identity import secret_of
from simulator.meter.readers import compile_all, compile_readers
from simulator.meter.rows import snapshot_row
from simulator.meter.shown import Shown
from simulator.ports import (
    ActAnswer,
    ActItem,
    AssociationRules,
    GetAnswer,
    GetItem,
    SetItem,
)
from simulator.store.rows import AttributeValue
from simulator.values import format_obis, parse_obis
from simulator.wire import axdr
from simulator.wire.axdr import Data
from simulator.wire.codes import ActionResult, DataAccessResult, Tag

log = logging.getLogger(__name__)

_ASSOCIATION, _SECURITY = locksmith.ASSOCIATION_LN.to_bytes(2, "big"), SECURITY_SETUP.to_bytes(2, "big")


class Device:
    """Meter `row` of a cohort."""

    __slots__ = ("_life", "_lives", "_readers", "cohort", "row")

    def __init__(self, cohort: Cohort, row: int) -> None:
        self.cohort, self.row = cohort, row
        self._lives = cohort.lives
        self._life = -1 if cohort.is_dark(row) else self._lives[row]  # whoever called in the dark is never heard
        self._readers = compile_readers(cohort.model)

    @property
    def id(self) -> UUID:
        return self.cohort.identities[self.row].id

    @property
    def is_dark(self) -> bool:
        return self.cohort.is_dark(self.row)

    @property
    def is_gone(self) -> bool:
        return self._lives[self.row] != self._life

    def rules(self, client: int) -> AssociationRules | None:
        spec = self.cohort.model.spec.clients.get(client)
        if spec is None:
            return None
        vault = self.cohort.vault
        return AssociationRules(
            client,
            spec.mechanism,
            frozenset(spec.contexts),
            spec.conformance_block,
            spec.max_pdu,
            secret=secret_of(self.cohort.identities[self.row], vault.given(self.row), client, spec.mechanism),
            association=parse_obis(spec.association),
            challenge_octets=spec.challenge_octets,
            pre_established=spec.pre_established,
            locked=vault.is_locked(self.row, client, self.cohort.around.now_ms()),
        )

    def protection(self, client: int) -> Guard:
        return Guard(self.cohort, self.row, client)

    def login(self, client: int, *, granted: bool) -> None:
        locksmith.login(self, client, granted=granted)

    async def reserve(self, client: int) -> bool:
        try:
            await self.cohort.vault.reserve(self.row, client)
        except StoreUnavailable:
            return False
        return True

    def get(self, client: int, item: GetItem) -> GetAnswer | Awaitable[GetAnswer]:
        entry = self._readers[client].get(item.attribute)
        if entry is None:
            return refusal(self.cohort.model, client, item.attribute)
        if isinstance(entry, bytes):
            return entry if item.selection is None else DataAccessResult.TYPE_UNMATCHED
        return entry(self, item.selection)

    def set(self, client: int, item: SetItem) -> DataAccessResult | Awaitable[DataAccessResult]:
        attribute = self.cohort.model.views[client].writable.get(item.attribute)
        if attribute is None:
            return refusal(self.cohort.model, client, item.attribute)
        if item.selection is not None or not attribute.type.matches(item.value):
            return DataAccessResult.TYPE_UNMATCHED
        if attribute.key[:2] == _ASSOCIATION and attribute.key[8] == locksmith.SECRET:
            return self._change_secret(client, attribute.key, item.value)
        if write_hook(item.attribute) is not None:
            return self._behave_set(item.attribute, item.value)
        if not isinstance(attribute.source, Setting):
            return DataAccessResult.OTHER_REASON  # what the meter measures takes no value from outside
        return self.write(attribute.key, item.value)

    async def _behave_set(self, key: bytes, value: Data) -> DataAccessResult:
        try:
            return DataAccessResult(result_of(await story.set_attribute(self.cohort, self.row, key, value)))
        except StoreUnavailable:
            return DataAccessResult.TEMPORARY_FAILURE

    async def _change_secret(self, client: int, key: bytes, value: Data) -> DataAccessResult:
        owner = locksmith.owner_of(self, client, key)
        if owner is None:
            return DataAccessResult.OBJECT_UNDEFINED
        return await locksmith.change_secret(self, owner, value.value)

    async def write(self, key: bytes, value: Data) -> DataAccessResult:
        """Written through: the store has it before the client hears of it."""
        encoded, meter_id = axdr.encode(value), self.id
        stored = AttributeValue(
            meter_id=meter_id,
            class_id=int.from_bytes(key[:2], "big"),
            logical_name=format_obis(key[2:8]),
            attribute_index=key[8],
            encoded=encoded,
            value=plain(value),
        )
        try:
            await self.cohort.around.store.put_attribute(stored)
        except StoreUnavailable:
            return DataAccessResult.TEMPORARY_FAILURE
        if self.id == meter_id:  # else another meter is there by now
            self.cohort.overrides[self.row, key] = encoded
        return DataAccessResult.SUCCESS

    def act(self, client: int, item: ActItem) -> ActAnswer | Awaitable[ActAnswer]:
        declared = self.cohort.model.views[client].methods.get(item.method)
        if declared is None:
            return ActAnswer(ActionResult(int(refusal(self.cohort.model, client, item.method))))
        if item.parameter is None or not declared.matches(item.parameter):
            return ActAnswer(ActionResult.TYPE_UNMATCHED)
        if item.method[:2] in (_ASSOCIATION, _SECURITY):
            return locksmith.act(self, client, item.method, item.parameter)
        if act_hook(item.method) is None:
            return ActAnswer(ActionResult.OTHER_REASON)
        return self._behave_act(item.method, item.parameter)

    async def _behave_act(self, key: bytes, parameter: Data) -> ActAnswer:
        try:
            answer = await story.act(self.cohort, self.row, key, parameter)
        except StoreUnavailable:
            return ActAnswer(ActionResult.TEMPORARY_FAILURE)
        return ActAnswer(ActionResult(result_of(answer)), answer if isinstance(answer, bytes) else None)

    async def buffer(self, client: int, profile: Profile, choice: Choice) -> GetAnswer:
        """The selected part of a profile that the store has a hand in."""
        around = self.cohort.around
        try:
            if profile.source == "snapshot":
                return await self._snapshot(client, profile, choice)
            rows = await around.store.profile_rows(buffer_query(around.codes, self.id, profile, choice))
        except StoreUnavailable:
            return DataAccessResult.TEMPORARY_FAILURE
        return encode_buffer(profile, choice, rows)

    async def entries_in_use(self, profile: Profile) -> GetAnswer:
        around = self.cohort.around
        try:
            count = await around.store.profile_count(buffer_query(around.codes, self.id, profile, Choice()))
        except StoreUnavailable:
            return DataAccessResult.TEMPORARY_FAILURE
        return axdr.encode(Data(Tag.DOUBLE_LONG_UNSIGNED, count))

    async def _snapshot(self, client: int, profile: Profile, choice: Choice) -> GetAnswer:
        """The instantaneous profile: built from the values of this moment, and kept as a row of its table, which all
        have in common who read within one second."""
        shown = self.cohort.shown()
        local_s = int(shown["clock"][self.row])
        cells = self.cells(client, profile, shown)
        second, kept = self.cohort.snapshots.get(self.row, (None, None))
        if kept is None or second != local_s:
            kept = asyncio.ensure_future(self._keep(profile, shown, cells))
            self.cohort.snapshots[self.row] = local_s, kept
            self.cohort.writing.add(kept)
            kept.add_done_callback(self.cohort.writing.discard)
        await asyncio.shield(kept)  # others wait for it, too
        return built_buffer(profile, cells, choice, local_s)

    async def _keep(self, profile: Profile, shown: Shown, cells: Sequence[bytes]) -> None:
        """A row that the store refuses is there already: a clock that stands shows the same after a restart."""
        cohort, row = self.cohort, self.row
        settings = {
            stored.key: plain(axdr.decode_whole(cell))
            for stored, quantity, cell in zip(profile.cells, profile.quantities, cells, strict=True)
            if stored is not None and not quantity
        }
        code, meter = cohort.around.codes[format_obis(profile.logical_name)], cohort.ids[row : row + 1]
        try:
            await cohort.around.store.write([snapshot_row(profile, shown, row, meter, code=code, settings=settings)])
        except StoreUnavailable:
            cohort.snapshots.pop(row, None)
            raise
        except StoreError as error:
            log.warning("an instantaneous profile of %s is not kept: %s", cohort.identities[row].serial, error)
        else:
            cohort.readings.add(row, profile, shown)

    def cells(self, client: int, profile: Profile, shown: Shown | None = None) -> list[bytes]:
        """The columns of a row that is built now, each as encoded Data, whatever the client may read beside it.

        All that is measured is of one instant: that of `shown`, or now.
        """
        readers, own = self._readers[client], compile_all(self.cohort.model)
        cells = []
        for attribute in profile.captured:
            if isinstance(source := attribute.source, Measured):
                shown = shown or self.cohort.shown()
                cells.append(source.encoding.encoder()(shown[source.quantity.name].item(self.row)))
                continue
            entry = readers.get(attribute.key) or own[attribute.key]
            cell = entry if isinstance(entry, bytes) else entry(self, None)
            assert isinstance(cell, bytes)
            cells.append(cell)
        return cells


def refusal(model: Model, client: int, key: bytes) -> DataAccessResult:
    """Why a client may not touch an attribute or method: the object's class, existence or access right."""
    if key[:8] in model.views[client].visible:
        return DataAccessResult.READ_WRITE_DENIED
    class_id = model.class_of.get(key[2:8])
    if class_id is not None and class_id != int.from_bytes(key[:2], "big"):
        return DataAccessResult.OBJECT_CLASS_INCONSISTENT
    return DataAccessResult.OBJECT_UNDEFINED
