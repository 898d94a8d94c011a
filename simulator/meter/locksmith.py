# SPDX-License-Identifier: MIT
"""What changes keys, secrets and policy: Security setup and Association LN (Blue Book 4.4.4, 4.4.7).

The store has a change before the meter acts on it, and the meter acts on it at once. Each change is an event.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from simulator.cosem.compiler import CURRENT_ASSOCIATION
from simulator.errors import StoreError, StoreUnavailable
from simulator.meter.behaviour import story
from simulator.meter.events import FU_CHANGED, GLOBAL_KEYS, LLS_CHANGED, LOGIN_REFUSED, US_CHANGED
from simulator.meter.guard import POLICY, SECURITY_SETUP, setup_key
from simulator.meter.happening import Alongside, Happening, happen
from simulator.meter.identity import key_of
from simulator.meter.vault import BROADCAST, UNICAST, RefusedLogin
from simulator.ports import ActAnswer
from simulator.store.rows import CounterRow, SecurityKey
from simulator.values import format_obis
from simulator.wire.axdr import Data
from simulator.wire.ciphering import KEY_OCTETS, required, unwrap
from simulator.wire.codes import ActionResult, DataAccessResult, Tag
from simulator.wire.proofs import AES_ECB, GMAC

if TYPE_CHECKING:
    from simulator.meter.cohort import Cohort
    from simulator.meter.device import Device

log = logging.getLogger(__name__)

ASSOCIATION_LN = 15
_ACTIVATE, _TRANSFER = 1, 2  # methods of Security setup
_CHANGE_SECRET = 2  # method of Association LN
SECRET = 7  # attribute of Association LN
_CURRENT_SETUP = "0.0.43.0.0.255"
_NAMES = ("ek", "bk", "ak", "master")  # by key_id
_SERIES_OF = {"ek": UNICAST, "bk": BROADCAST}
_SHORTEST, _LONGEST = 8, 64  # octets of a secret
_NONE = 0
_POLICY_BITS = 0x6C  # of version 1, without those of digital signatures, which suite 0 does not have
_VERSION_0_POLICIES = 4

_HLS_CHANGED = {"us": US_CHANGED, "fu": FU_CHANGED}  # by the client's name


async def act(device: Device, client: int, method: bytes, parameter: Data) -> ActAnswer:
    """A method of Security setup or Association LN; what a meter of suite 0 cannot do is other-reason."""
    class_id, index = int.from_bytes(method[:2], "big"), method[8]
    owner = owner_of(device, client, method)
    try:
        if owner is not None and (class_id, index) == (SECURITY_SETUP, _ACTIVATE):
            return ActAnswer(await _activate(device, owner, parameter.value))
        if owner is not None and (class_id, index) == (SECURITY_SETUP, _TRANSFER):
            return ActAnswer(await _transfer(device, owner, parameter.value))
        if owner is not None and (class_id, index) == (ASSOCIATION_LN, _CHANGE_SECRET):
            changed = await change_secret(device, owner, parameter.value)
            return ActAnswer(ActionResult(int(changed)))
    except StoreUnavailable:
        return ActAnswer(ActionResult.TEMPORARY_FAILURE)
    return ActAnswer(ActionResult.OTHER_REASON)


def owner_of(device: Device, client: int, key: bytes) -> int | None:
    """The client whose security setup or association an object is; of the current ones, the client that asks."""
    name = format_obis(key[2:8])
    if name in (CURRENT_ASSOCIATION, _CURRENT_SETUP):
        return client
    clients = device.cohort.model.spec.clients.items()
    return next((owner for owner, spec in clients if name in (spec.association, spec.security_setup)), None)


async def _activate(device: Device, owner: int, policy: int) -> ActionResult:
    """security_activate: a policy can be made stricter and never laxer."""
    now = device.protection(owner).policy
    in_bits = device.cohort.model.spec.class_versions.get(SECURITY_SETUP, 0) > 0
    if policy & ~_POLICY_BITS if in_bits else policy >= _VERSION_0_POLICIES:
        return ActionResult.OTHER_REASON
    if any(required(now, answer=answer) & ~required(policy, answer=answer) for answer in (False, True)):
        return ActionResult.OTHER_REASON
    key = setup_key(device.cohort.model, owner, POLICY)
    if key is None:
        return ActionResult.OBJECT_UNDEFINED
    return ActionResult(int(await device.write(key, Data(Tag.ENUM, policy))))


async def _transfer(device: Device, owner: int, items: Sequence[Data]) -> ActionResult:
    """global_key_transfer: keys wrapped with the master key, all of them or none."""
    vault, row = device.cohort.vault, device.row
    master = key_of(device.cohort.identities[row], vault.given(row), owner, "master")
    keys: dict[str, bytes] = {}
    for item in items:
        number, wrapped = (part.value for part in item.value)
        key = unwrap(master, wrapped)
        if number >= len(_NAMES) or key is None or len(key) != KEY_OCTETS:
            return ActionResult.OTHER_REASON
        keys[_NAMES[number]] = key
    series = [_SERIES_OF[name] for name in keys if name in _SERIES_OF]
    stored = tuple(SecurityKey(device.id, owner, name, key) for name, key in keys.items())
    fresh = tuple(CounterRow(device.id, owner, name, 0) for name in series)
    await _notice(device, GLOBAL_KEYS, Alongside(keys=stored, counters=fresh))
    for name, key in keys.items():
        vault.put_key(row, owner, name, key)
    for name in series:
        vault.start_anew(row, owner, name)
    return ActionResult.SUCCESS


async def change_secret(device: Device, owner: int, secret: bytes) -> DataAccessResult:
    """The LLS password or HLS secret of a client; it is asked for at the next login."""
    spec = device.cohort.model.spec.clients[owner]
    if spec.mechanism in (_NONE, GMAC):
        return DataAccessResult.OTHER_REASON  # nothing that could be changed
    fits = len(secret) == KEY_OCTETS if spec.mechanism == AES_ECB else _SHORTEST <= len(secret) <= _LONGEST
    if not fits:
        return DataAccessResult.OTHER_REASON
    key = SecurityKey(device.id, owner, "secret", secret)
    try:
        await _notice(device, _HLS_CHANGED.get(spec.name, LLS_CHANGED), Alongside(keys=(key,)))
    except StoreUnavailable:
        return DataAccessResult.TEMPORARY_FAILURE
    device.cohort.vault.put_key(device.row, owner, "secret", secret)
    return DataAccessResult.SUCCESS


def login(device: Device, client: int, *, granted: bool) -> None:
    """Counted; a failure is an event, written when the store comes to it: nobody waits for that."""
    cohort = device.cohort
    cohort.vault.login(device.row, client, cohort.around.now_ms(), granted=granted)
    if not granted:
        task = asyncio.ensure_future(write_refused(cohort))
        cohort.writing.add(task)
        task.add_done_callback(cohort.writing.discard)


async def write_refused(cohort: Cohort) -> None:
    """The events of refused logins, in their order; while the store is away they are kept for the next call."""
    while refused := cohort.vault.refused:
        async with cohort.lock:
            try:
                while refused:
                    await _write(cohort, refused[0])
                    refused.popleft()
            except StoreUnavailable:
                return
            except StoreError as error:
                log.warning("an event of meter %s is lost: %s", cohort.identities[refused.popleft().row].serial, error)


async def _write(cohort: Cohort, login: RefusedLogin) -> None:
    at_ms = await story.bring_locked(cohort, login.at_ms)  # after doubt it has gone back to what the store has
    event, counts = cohort.model.events.get(LOGIN_REFUSED), cohort.columns.event_count
    if event is None or cohort.identities[login.row].id != login.meter:
        return
    if login.count < 0 or counts[event.log, login.row] == login.count:
        login.count = int(counts[event.log, login.row])
        await happen(cohort, [Happening(np.array([login.row]), LOGIN_REFUSED)], at_ms)


async def _notice(device: Device, code: int, also: Alongside) -> None:
    """A change of keys and its event. The row keeps the keys with it even if the model does not know the code."""
    rows = np.array([device.row])
    await story.notice(device.cohort, [Happening(rows, code)], replace(also, rows=rows))
