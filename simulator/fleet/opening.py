# SPDX-License-Identifier: MIT
"""How a fleet gets its state: new meters into the store, or out of it those that were there before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simulator import __version__
from simulator.cosem.quantities import UNIT_NAMES
from simulator.cosem.registry import load_registry
from simulator.fleet.keyfile import KeyFile
from simulator.fleet.listen import Listen
from simulator.fleet.meters import add_meters
from simulator.fleet.pace import wall_now_ms
from simulator.fleet.spec import FleetSpec
from simulator.meter.cohort import Cohort
from simulator.store.database import Store
from simulator.store.rows import FleetRow, ObisRow, SecurityKey
from simulator.values import MS_PER_DAY, attribute_key, parse_obis


async def register_codes(store: Store, spec: FleetSpec) -> dict[str, int]:
    """The objects of all models into the store; their ids by logical name."""
    rows: dict[str, ObisRow] = {}
    for model in spec.models():
        types = model.spec.register_types[model.spec.registers]
        for entry in load_registry(model.spec.registry).values():
            is_register = entry.class_id in (3, 4, 5) and not entry.type
            scaler = types[entry.unit][1] if is_register and entry.unit in types else None
            row = ObisRow(entry.logical_name, entry.class_id, entry.name, UNIT_NAMES.get(entry.unit), scaler)
            rows.setdefault(entry.logical_name, row)
    return await store.put_obis_codes(list(rows.values()))


def titles(keys: KeyFile | None) -> dict[str, bytes]:
    """System titles by serial number."""
    meters = keys.meters if keys else {}
    return {serial: meter.title for serial, meter in meters.items() if meter.title}


@dataclass(frozen=True, slots=True)
class Opening:
    """`begin` or `resume` gives the instant at which the clock starts."""

    spec: FleetSpec
    store: Store
    cohorts: Sequence[Cohort]
    listens: Sequence[Listen]
    keys: KeyFile | None
    speed: float

    async def begin(self) -> int:
        """A new fleet: its meters were installed `history` before the start, at a local midnight."""
        start_ms = self.spec.start_ms if self.spec.start_ms is not None else wall_now_ms()
        calendar = self.cohorts[0].calendar
        installed_ms = calendar.block_start(start_ms)
        if self.spec.history_ms:
            days = -(-self.spec.history_ms // MS_PER_DAY)
            installed_ms = calendar.midnight(start_ms) - days * MS_PER_DAY
        for cohort in self.cohorts:
            cohort.begin(installed_ms)
        await add_meters(self.store, self.spec, self.cohorts, self.listens)
        await self._take_keys()
        await self.store.save_fleet(self._row(installed_ms, start_ms))
        return start_ms

    async def resume(self, stored: FleetRow) -> int:
        """A fleet that was here before: as the store has it."""
        checkpoints, rows = await self.store.checkpoints(), await self.store.row_checkpoints()
        for cohort in self.cohorts:
            cohort.resume(checkpoints.get(cohort.name), rows.get(cohort.name, {}), stored.installed_ms)
        await add_meters(self.store, self.spec, self.cohorts, self.listens)
        await self._restore_settings()
        latest = max(stored.clock_ms, *(cohort.settled_ms for cohort in self.cohorts))
        start_ms = latest if self.spec.start_ms is not None else max(latest, wall_now_ms())
        await self.store.save_fleet(self._row(stored.installed_ms, start_ms))
        return start_ms

    def _row(self, installed_ms: int, clock_ms: int) -> FleetRow:
        return FleetRow(
            name=self.spec.name,
            seed=self.spec.seed,
            version=__version__,
            spec=self.spec.as_dict(),
            installed_ms=installed_ms,
            clock_ms=clock_ms,
            speed=f"{self.speed:g}",
        )

    async def _take_keys(self) -> None:
        """From the key file into the store, once: what clients change afterwards stays changed."""
        meters = self.keys.meters if self.keys else {}
        rows = []
        for cohort in self.cohorts:
            for row, identity in enumerate(cohort.identities):
                given = meters[identity.serial].keys if identity.serial in meters else {}
                for (client, name), key in given.items():
                    cohort.vault.put_key(row, client, name, key)
                    rows.append(SecurityKey(identity.id, client, name, key))
        if rows:
            await self.store.put_keys(rows)

    async def _restore_settings(self) -> None:
        places = {
            identity.id: (cohort, row) for cohort in self.cohorts for row, identity in enumerate(cohort.identities)
        }
        for value in await self.store.attributes():
            if value.meter_id in places:
                cohort, row = places[value.meter_id]
                key = attribute_key(value.class_id, parse_obis(value.logical_name), value.attribute_index)
                cohort.overrides[row, key] = value.encoded
        for stored in await self.store.keys():
            if stored.meter_id in places:
                cohort, row = places[stored.meter_id]
                cohort.vault.put_key(row, stored.client, stored.name, stored.key)
        for counter in await self.store.counters():
            if counter.meter_id in places:
                cohort, row = places[counter.meter_id]
                cohort.vault.restore(row, counter)
