# SPDX-License-Identifier: MIT
"""last_confirmation_date_time: when a push of a setup was confirmed last (Blue Book 4.4.8.2, version 2).

A GET sees it at once; the store has it with the history of the push.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from simulator.cosem.stamps import stamp
from simulator.meter.change import plain, settings
from simulator.meter.push.setup import LAST_CONFIRMATION, PUSH_SETUP
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
