# SPDX-License-Identifier: MIT
"""What is wrong with a written model beyond its shape: names that nothing bears, types and rights that do not exist.

It compiles nothing; each mistake goes to the file and line that wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from simulator.cosem.catalogue import SUFFIX, catalogue_paths
from simulator.cosem.encodings import NUMBER_TYPES
from simulator.cosem.quantities import COUNT
from simulator.cosem.spec import MergedModel
from simulator.cosem.versions import attribute_names
from simulator.documents import did_you_mean
from simulator.errors import Mistake

# The tables of the store that keep rows of profiles, and the column of each that says when.
PROFILE_TABLES = {
    "block_load_profile": "capture_time",
    "daily_load_profile": "capture_date",
    "billing_profile": "billing_time",
    "instant_profile": "timestamp",
    "event_logs": "event_timestamp",
}


def mistakes_of(merged: MergedModel) -> Iterator[Mistake]:
    yield from _register_types(merged)
    yield from _clients(merged)
    yield from _class_defaults(merged)
    yield from _profiles(merged)
    yield from _pushes(merged)
    catalogues = [path.name.removesuffix(SUFFIX) for path in catalogue_paths()]
    if merged.spec.events and merged.spec.events not in catalogues:
        yield merged.mistake(("events",), f"no such catalogue; {did_you_mean(merged.spec.events, catalogues)}")
    if merged.spec.utc_offset_minutes % 15:
        yield merged.mistake(("utc_offset_minutes",), "an offset from UTC is a multiple of 15 minutes")


def _register_types(merged: MergedModel) -> Iterator[Mistake]:
    for name, types in merged.spec.register_types.items():
        if COUNT not in types:
            yield merged.mistake(("register_types", name), f"unit {COUNT}, for all other units, is missing")
        for unit, (kind, scaler) in types.items():
            place = ("register_types", name, str(unit))
            if kind not in NUMBER_TYPES:
                yield merged.mistake(
                    place, f"{kind!r} is not the type of a number; {did_you_mean(kind, list(NUMBER_TYPES))}"
                )
            if not -128 <= scaler <= 127:
                yield merged.mistake(place, f"a scaler is -128 to 127, not {scaler}")


def _clients(merged: MergedModel) -> Iterator[Mistake]:
    objects = {code for codes in merged.spec.objects.values() for code in codes}
    for client, described in merged.spec.clients.items():
        if described.association not in objects:
            place = ("clients", str(client), "association")
            yield merged.mistake(place, f"{described.association} is not among the model's objects")
        setup = described.security_setup
        if setup is not None and not re.fullmatch(r"\d{1,3}(\.\d{1,3}){5}", setup):
            yield merged.mistake(("clients", str(client), "security_setup"), f"{setup!r} is not a logical name")


def _class_defaults(merged: MergedModel) -> Iterator[Mistake]:
    for class_id, values in merged.spec.class_defaults.items():
        names = attribute_names(class_id)
        if not names:
            yield merged.mistake(("class_defaults", str(class_id)), f"interface class {class_id} is not known")
            continue
        for name in values:
            if name not in names:
                place = ("class_defaults", str(class_id), name)
                yield merged.mistake(place, f"no such attribute; {did_you_mean(name, names)}")


def _profiles(merged: MergedModel) -> Iterator[Mistake]:
    for code, profile in merged.spec.profiles.items():
        if not profile.capture:
            yield merged.mistake(("profiles", code, "capture"), "a profile captures at least one attribute")
        if profile.source not in ("table", "snapshot"):
            continue
        if profile.table not in PROFILE_TABLES:
            hint = did_you_mean(profile.table, list(PROFILE_TABLES))
            yield merged.mistake(("profiles", code, "table"), f"{profile.table!r} keeps no profile; {hint}")
        elif profile.time != PROFILE_TABLES[profile.table]:
            expected = PROFILE_TABLES[profile.table]
            yield merged.mistake(("profiles", code, "time"), f"the time of {profile.table} is {expected}")


def _pushes(merged: MergedModel) -> Iterator[Mistake]:
    pushes = merged.spec.pushes
    if pushes is None:
        return
    objects = {code for codes in merged.spec.objects.values() for code in codes}
    if pushes.client not in merged.spec.clients:
        yield merged.mistake(("pushes", "client"), f"client {pushes.client} is not among the clients")
    named: list[tuple[tuple[str, ...], str]] = [(("schedule",), pushes.schedule)]
    named += [((name,), setup) for name, setup in pushes.setups().items()]
    named += [(("profiles", setup), setup) for setup in pushes.profiles]
    for place, code in named:
        if code not in objects:
            yield merged.mistake(("pushes", *place), f"{code} is not among the model's objects")
    for setup, profile in pushes.profiles.items():
        if profile not in merged.spec.profiles:
            yield merged.mistake(("pushes", "profiles", setup), f"{profile} is no profile of this model")
