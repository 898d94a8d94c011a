# SPDX-License-Identifier: MIT
"""When a push of a setup was confirmed last, and whether the next one asks for it again: last_confirmation_date_time
and confirmation_parameters (Blue Book 4.4.8.2, version 2).

A GET sees it at once; the store has it with the history of the push.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from simulator.cosem.stamps import local_seconds, stamp
from simulator.meter.change import plain, settings
from simulator.meter.push.setup import LAST_CONFIRMATION, PUSH_SETUP, PushSetup
from simulator.meter.push.times import is_given, latest_moment, moment_of
from simulator.store.rows import Edit
from simulator.values import attribute_key, format_obis
from simulator.wire.axdr import Data, decode_whole, encode
from simulator.wire.codes import Tag

if TYPE_CHECKING:
    from simulator.meter.cohort import Cohort


class Confirmed(NamedTuple):
    cohort: Cohort
    row: int
    setup: bytes  # logical name
    local_s: int  # on the meter's clock

    @property
    def key(self) -> bytes:
        return attribute_key(PUSH_SETUP, self.setup, LAST_CONFIRMATION)

    @property
    def is_kept(self) -> bool:
        """Whether the setup is of a version that has the attribute."""
        return self.key in settings(self.cohort.model)


def is_due(pushed: Confirmed, setup: PushSetup) -> bool:
    """Whether a push at this time is to be confirmed, where the setup confirms at all: from the start date on, and one
    in each interval, counted from there or, if no start is given, from the last confirmation. 0 seconds: every push."""
    start, interval_s = setup.confirmation
    last_s = _last_s(pushed)
    begun = _begun(pushed, start) if is_given(start) else last_s or 0
    if begun is None:
        return False
    if not interval_s or last_s is None or last_s < begun:
        return True
    return (pushed.local_s - begun) // interval_s > (last_s - begun) // interval_s


def _begun(pushed: Confirmed, start: bytes) -> int | None:
    """The latest moment up to now that the start means; fields that are not specified are not used."""
    with contextlib.suppress(ValueError):  # no year
        at_s = local_seconds(start, pushed.cohort.calendar.utc_offset_minutes, latest=False)
        return at_s if at_s <= pushed.local_s else None
    return latest_moment((moment_of(start),), pushed.local_s)


def _last_s(pushed: Confirmed) -> int | None:
    """None: nothing has been confirmed yet."""
    encoded = pushed.cohort.overrides.get((pushed.row, pushed.key))
    with contextlib.suppress(ValueError):
        octets = decode_whole(encoded).value if encoded is not None else b""
        return local_seconds(octets, pushed.cohort.calendar.utc_offset_minutes, latest=False)
    return None


def show(confirmed: Confirmed) -> None:
    if confirmed.is_kept:
        time = stamp(confirmed.local_s, confirmed.cohort.calendar.utc_offset_minutes)
        confirmed.cohort.overrides[confirmed.row, confirmed.key] = encode(Data(Tag.OCTET_STRING, time))


def kept(confirmed: Sequence[Confirmed]) -> list[Edit]:
    """Of each setup what is shown now: a later confirmation, or a reset, may have come meanwhile."""
    latest = {(one.cohort.name, one.row, one.setup): one for one in confirmed if one.is_kept}
    if not latest:
        return []
    told = list(latest.values())
    shown = [one.cohort.overrides[one.row, one.key] for one in told]
    values = {
        "meters": [one.cohort.identities[one.row].id for one in told],
        "names": [format_obis(one.setup) for one in told],
        "encoded": shown,
        "values": [json.dumps(plain(decode_whole(encoded))) for encoded in shown],
    }
    return [Edit("keep_confirmations", values)]
