# SPDX-License-Identifier: MIT
"""A meter without power: silence on every framing, and afterwards a meter that knows of nothing before."""

from __future__ import annotations

from dlms_bench import ENERGY, ENERGY_VALUE, METER, OTHER_METER, Bench, Meter, aarq, answer, associated, get
from hdlc_bench import DM, SNRM, UA, Line, information, lpdu

from simulator.dlms.limits import DEFAULT_LIMITS
from simulator.dlms.session import Session
from simulator.wire import wrapper


def goes_dark(bench: Bench) -> None:
    bench.meter.is_dark = bench.meter.is_gone = True


def starts_again(bench: Bench) -> None:
    """Whoever asks for the meter now finds it anew."""
    bench.meter.is_dark = False
    bench.meters[METER] = bench.meter = Meter()


def test_a_dark_meter_answers_nothing_and_its_neighbour_does() -> None:
    bench = associated()
    bench.open(server=OTHER_METER)
    goes_dark(bench)
    assert bench.send(get(ENERGY)) is None
    assert bench.open() is None
    assert bench.send("62 00") is None
    assert bench.send(get(ENERGY), server=OTHER_METER) == "c401c100" + ENERGY_VALUE


def test_the_association_is_gone_when_the_meter_has_started_again() -> None:
    bench = associated()
    goes_dark(bench)
    starts_again(bench)
    told = bench.send(get(ENERGY))
    assert told is not None
    assert told.startswith("d8")  # exception-response: there is no association
    assert bench.open() is not None
    assert bench.send(get(ENERGY)) == "c401c100" + ENERGY_VALUE


def test_an_answer_that_was_under_way_is_not_sent() -> None:
    bench = associated()
    bench.session.feed(wrapper.encode(16, METER, bytes.fromhex(get(ENERGY))), 0)
    request = bench.session.next()
    assert request is not None
    assert not isinstance(request, bytes)
    answers = answer(bench.meter, request)
    goes_dark(bench)
    assert bench.session.respond(request, answers) == b""
    assert bench.session.next() is None


def test_a_connection_of_the_meters_own_stays_dead_and_is_not_closed_in_the_dark() -> None:
    meter = Meter()
    session = Session({METER: meter}.get, owner=meter)
    opening = wrapper.encode(16, METER, aarq())
    session.feed(opening, 0)
    assert isinstance(session.next(), bytes)
    meter.is_dark = meter.is_gone = True
    session.feed(opening, 1)
    assert session.next() is None
    assert not session.expired(2 * DEFAULT_LIMITS.idle_ms)
    meter.is_dark = False  # started again, but not for who was connected before
    session.feed(opening, 2)
    assert session.next() is None
    assert session.expired(2 * DEFAULT_LIMITS.idle_ms)


def test_on_hdlc_not_even_the_link_answers_and_the_connection_is_gone() -> None:
    line = Line()
    line.connect()
    line.homes.pop(METER)
    assert line.send(SNRM) == []
    assert line.send(information(0, 0), lpdu(aarq())) == []
    line.homes[METER] = Meter()
    assert line.one(information(0, 0), lpdu(aarq())).control == DM
    assert line.one(SNRM).control == UA
