# SPDX-License-Identifier: MIT
"""Every fault by its name, which is also the name of its first field. A new one: a file, and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from simulator.faults.fault import Fault
from simulator.faults.kinds.aare_reject import AareReject
from simulator.faults.kinds.bad_fcs import BadFcs
from simulator.faults.kinds.bad_tag import BadTag
from simulator.faults.kinds.bandwidth import Bandwidth
from simulator.faults.kinds.clock_status import ClockStatus
from simulator.faults.kinds.corrupt import Corrupt
from simulator.faults.kinds.counter_refused import CounterRefused
from simulator.faults.kinds.counter_shift import CounterShift
from simulator.faults.kinds.delay import Delay
from simulator.faults.kinds.drop import Drop
from simulator.faults.kinds.duplicate import Duplicate
from simulator.faults.kinds.half_open import HalfOpen
from simulator.faults.kinds.late_last_frame import LateLastFrame
from simulator.faults.kinds.loss import Loss
from simulator.faults.kinds.lost_block import LostBlock
from simulator.faults.kinds.one_client import OneClient
from simulator.faults.kinds.pdu_too_big import PduTooBig
from simulator.faults.kinds.refuse import Refuse
from simulator.faults.kinds.reset_at_byte import ResetAtByte
from simulator.faults.kinds.temporary_failure import TemporaryFailure
from simulator.faults.kinds.wrong_block_number import WrongBlockNumber
from simulator.faults.kinds.wrong_scaler import WrongScaler
from simulator.faults.quirks.deviation_required import DeviationRequired
from simulator.faults.quirks.range_end_exclusive import RangeEndExclusive
from simulator.faults.quirks.rounded_times import RoundedTimes
from simulator.faults.quirks.short_frames import ShortFrames
from simulator.faults.quirks.sort_column_last import SortColumnLast

FAULTS: Mapping[str, type[Fault]] = {
    "delay": Delay,
    "drop": Drop,
    "loss": Loss,
    "bandwidth": Bandwidth,
    "reset_at_byte": ResetAtByte,
    "half_open": HalfOpen,
    "refuse": Refuse,
    "one_client": OneClient,
    "duplicate": Duplicate,
    "corrupt": Corrupt,
    "bad_fcs": BadFcs,
    "bad_tag": BadTag,
    "wrong_block_number": WrongBlockNumber,
    "lost_block": LostBlock,
    "late_last_frame": LateLastFrame,
    "pdu_too_big": PduTooBig,
    "counter_shift": CounterShift,
    "counter_refused": CounterRefused,
    "aare_reject": AareReject,
    "temporary_failure": TemporaryFailure,
    "wrong_scaler": WrongScaler,
    "clock_status": ClockStatus,
}
QUIRKS: Mapping[str, type[Fault]] = {
    "range_end_exclusive": RangeEndExclusive,
    "deviation_required": DeviationRequired,
    "sort_column_last": SortColumnLast,
    "rounded_times": RoundedTimes,
    "short_frames": ShortFrames,
}
KNOWN: Mapping[str, type[Fault]] = {**FAULTS, **QUIRKS}
