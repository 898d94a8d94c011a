# SPDX-License-Identifier: MIT
"""DataNotification, its confirmation and EventNotificationRequest, octet by octet (Green Book 9.5)."""

from __future__ import annotations

import pytest

from simulator.wire import notification as note
from simulator.wire.axdr import Malformed

CLOCK = "07e90601ff0c1e00ff800000"
ALERT = "0f 40000001 00 0204 0a0d 4d464c39313630303030303031 0906 0004190900ff 090c" + CLOCK + "048180" + "00" * 16
CONFIRM = "10 40000001 00"
EVENT = "c2 00 0001 0000600b03ff 02 12 0097"


def octets(text: str) -> bytes:
    return bytes.fromhex(text)


def test_a_data_notification_is_invoke_id_time_and_one_data():
    found = note.decode_notification(octets(ALERT))
    assert (found.invoke, found.date_time) == (note.CONFIRMED | 1, b"")
    assert found.body[:2] == b"\x02\x04"
    assert note.encode_notification(found) == octets(ALERT)


def test_a_data_notification_may_carry_its_time():
    timed = octets("0f 00000007 0c" + CLOCK + "00")
    found = note.decode_notification(timed)
    assert (found.date_time, found.body) == (octets(CLOCK), b"\x00")
    assert note.encode_notification(found) == timed


def test_a_confirmation_repeats_the_invoke_id():
    assert note.decode_confirm(octets(CONFIRM)) == note.Confirm(note.CONFIRMED | 1, b"")
    assert note.encode_confirm(note.Confirm(note.CONFIRMED | 1, b"")) == octets(CONFIRM)


@pytest.mark.parametrize("time", ["00", "01 0c" + CLOCK])
def test_an_event_notification_names_an_attribute_and_its_value(time):
    apdu = octets("c2" + time + "0001 0000600b03ff 02 12 0097")
    found = note.decode_event(apdu)
    assert (found.attribute, found.value) == (octets("0001 0000600b03ff 02"), octets("12 0097"))
    assert note.encode_event(found) == apdu


@pytest.mark.parametrize(
    ("decode", "broken"),
    [
        (note.decode_notification, ALERT[:-2]),
        (note.decode_notification, ALERT + "00"),
        (note.decode_notification, CONFIRM),
        (note.decode_confirm, CONFIRM + "00"),
        (note.decode_confirm, ALERT),
        (note.decode_event, EVENT[:-2]),
        (note.decode_event, EVENT.replace("c2 00", "c2 05")),
        (note.decode_event, "c2"),
    ],
)
def test_what_is_cut_off_or_has_something_behind_it_is_malformed(decode, broken):
    with pytest.raises(Malformed):
        decode(octets(broken))
