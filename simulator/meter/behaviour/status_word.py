# SPDX-License-Identifier: MIT
"""A head-end writes the event status word: bits can be cleared and none be set, and that acknowledges their alarms."""

from __future__ import annotations

import numpy as np

from simulator.cosem.catalogue import raisers
from simulator.meter.change import Answer, Change, Meter
from simulator.meter.status import OCTETS, status_rows, words_of
from simulator.store.rows import Acknowledgement
from simulator.wire.axdr import Data
from simulator.wire.codes import DataAccessResult


async def clear(meter: Meter, key: bytes, value: Data) -> Answer:
    octets = value.value[1]
    if len(octets) != OCTETS:
        return DataAccessResult.TYPE_UNMATCHED
    before = meter.column("status_word")
    word = before & words_of(octets)
    left = tuple(np.flatnonzero(np.unpackbits(word.astype(">u4").view(np.uint8))).tolist())
    cohort, rows = meter.cohort, slice(meter.row, meter.row + 1)
    told = status_rows(cohort.ids[rows], cohort.around.codes, word[:, None], np.array([meter.local_s]))
    return Change(
        columns={"status_word": word},
        batches=(told,) if (word != before).any() else (),
        acknowledged=(Acknowledgement(cohort.identities[meter.row].id, left, raisers()),),
    )
