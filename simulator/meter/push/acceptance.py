# SPDX-License-Identifier: MIT
"""What of a Push setup a meter can follow (Blue Book 4.4.8.2): anything else a client may not write.

A refusal says why as a result of the SET; None: it can be followed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from simulator.cosem.model import Profile
from simulator.meter.push.setup import (
    BUFFER,
    CLIENT_SAP,
    CONFIRMED_METHOD,
    DESTINATION,
    LAST_CONFIRMATION,
    OBJECTS,
    OPERATION_METHOD,
    PORT,
    PROTECTION,
    PushObject,
    attributes_of,
    destination_of,
    is_restriction,
    protection_of,
    push_objects,
)
from simulator.values import attribute_key, format_obis
from simulator.wire.codes import DataAccessResult

if TYPE_CHECKING:
    from simulator.meter.cohort import Cohort

_A_XDR = 0  # message type: the xDLMS APDU as it is; the others are XML, and what makers chose
_PORTS = (19, 23, 24, 41)  # IEC local port, IEC HDLC, IEC twisted pair and TCP-UDP setup
_NO = DataAccessResult.OTHER_REASON


def refusal(cohort: Cohort, row: int, key: bytes, value: Any) -> DataAccessResult | None:
    """`value`: of the attribute `key`, of the right type already."""
    if key[8] == LAST_CONFIRMATION:
        return DataAccessResult.READ_WRITE_DENIED  # dynamic: the meter's own
    judge = _JUDGES.get(key[8])
    return judge(cohort, row, value) if judge is not None else None


def _objects(cohort: Cohort, row: int, value: Any) -> DataAccessResult | None:
    """A meter pushes objects that it has, and elements, entries or columns in a form that it knows."""
    if not all(is_restriction(part) for definition in value for part in definition[4:5]):
        return DataAccessResult.TYPE_UNMATCHED
    return None if all(_is_pushed(cohort, row, one) for one in push_objects(value)) else _NO


def _is_pushed(cohort: Cohort, row: int, wanted: PushObject) -> bool:
    known = attributes_of(cohort.model)
    all_of_it = attribute_key(wanted.class_id, wanted.logical_name, 1)
    if wanted.key not in known and (wanted.attribute_index or all_of_it not in known):
        return False
    if not wanted.is_understood:
        return False
    if not wanted.is_restricted:
        return True
    profile = profile_of(cohort, row, wanted)
    if profile is None or profile.source == "scalers":
        return False
    captured = {column[:3] for column in profile.columns}
    return all(column[:3] in captured for column in wanted.columns)


def profile_of(cohort: Cohort, row: int, wanted: PushObject) -> Profile | None:
    """Of one meter that whose buffer is pushed."""
    if (wanted.class_id, wanted.attribute_index) != BUFFER:
        return None
    code = format_obis(wanted.logical_name)
    return cohort.profiles.get((row, code), cohort.model.profiles.get(code))


def _destination(cohort: Cohort, row: int, value: Any) -> DataAccessResult | None:
    """Nobody, or somebody whom a meter of ours could reach, by an APDU in A-XDR."""
    service, octets, message = value
    if message != _A_XDR:
        return _NO
    return None if not octets or destination_of(service, octets) is not None else _NO


def _port(cohort: Cohort, row: int, value: Any) -> DataAccessResult | None:
    """An object that sets up a communication port, which the meter has."""
    return None if cohort.model.class_of.get(value) in _PORTS else _NO


def _client(cohort: Cohort, row: int, value: Any) -> DataAccessResult | None:
    return None if value in cohort.model.spec.clients else _NO


def _protection(cohort: Cohort, row: int, value: Any) -> DataAccessResult | None:
    """What general-glo-ciphering has, and in nobody else's name."""
    if protection_of(value) is None:
        return _NO
    return None if not value or value[0][1][1] in (b"", cohort.identities[row].system_title) else _NO


def _method(cohort: Cohort, row: int, value: Any) -> DataAccessResult | None:
    return None if value <= CONFIRMED_METHOD else _NO


_JUDGES: Mapping[int, Callable[[Cohort, int, Any], DataAccessResult | None]] = {
    OBJECTS: _objects,
    DESTINATION: _destination,
    PORT: _port,
    CLIENT_SAP: _client,
    PROTECTION: _protection,
    OPERATION_METHOD: _method,
}
