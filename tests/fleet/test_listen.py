# SPDX-License-Identifier: MIT
"""`--listen`: what it says, and sockets when a place is taken."""

from __future__ import annotations

import socket
import sys
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from live import free_port

from simulator.dlms.hdlc_link import HdlcSettings
from simulator.errors import UserError
from simulator.fleet.listen import Listen, Place, parse_listen, parse_listens
from simulator.fleet.refusals import Refusals
from simulator.fleet.sockets import open_sockets


def place(listen: Listen, index: int) -> tuple[str | None, int | None]:
    return listen.place_of(index)[1:3]


def test_an_address_per_meter_is_the_default() -> None:
    listen = parse_listen("wrapper", 300)
    assert place(listen, 0) == ("127.1.0.1", 4059)
    assert place(listen, 299) == ("127.1.1.44", 4059)
    assert listen.meter_at("127.1.1.44", 4059) == 299
    assert listen.meter_at("127.0.0.1", 4059) < 0


def test_a_port_per_meter() -> None:
    listen = parse_listen("wrapper,address=127.0.0.1,ports=40000", 3)
    assert [place(listen, index) for index in range(3)] == [("127.0.0.1", 40000 + index) for index in range(3)]
    assert listen.meter_at("127.0.0.1", 40002) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pigeon", "is not known"),
        ("wrapper,adress=127.0.0.1", "'adress' is not known"),
        ("wrapper,address=elsewhere", "is not an IPv4 address"),
        ("wrapper,port=70000", "is not a port"),
        ("wrapper,ports=65530", "beyond 65535"),
        ("wrapper,port=1,port=2", "'port' is given twice"),
        ("wrapper,port=1,ports=2", "not both"),
        ("wrapper,address=255.255.255.250", "beyond the address space"),
        ("wrapper,address=255.255.255.252/30", "10 addresses from 255.255.255.253 go beyond 255.255.255.252/30"),
        ("wrapper,address=127.255.255.246", "10 addresses from 127.255.255.246 go beyond 127.0.0.0/8"),
        ("wrapper,window=3", "'window' is not known; known are address, link, port, ports, shared"),
        ("wrapper,shared=1,ports=4059", "not both"),
        ("wrapper,shared=2", "'2' is not a value of shared; 0 to 1"),
        ("gateway,ports=4063", "'ports' is not known"),
        ("hdlc,window=8", "'8' is not a window; 1 to 7"),
        ("hdlc,info=31", "'31' is not an information size; 32 to 2030"),
        ("hdlc,physical=15", "'15' is not a physical address; 16 to 16381"),
        ("hdlc,shared=1,physical=16380", "beyond 16381"),
        ("hdlc,inactivity=soon", "inactivity: 'soon' is not a duration"),
        ("serial", "one of them"),
        ("serial,pty=1,device=/dev/ttyUSB0", "one of them"),
        ("serial,pty=11", "'11' is not a number of pseudo-terminals for so many meters; 1 to 10"),
        ("serial,pty=1,baud=9601", "9601 is not a speed; known are 300"),
        ("serial,pty=1,mode_e=yes", "'yes' is not a value of mode_e"),
        ("serial,pty=1,physical=16380", "beyond 16381"),
    ],
)
def test_mistakes_are_told(text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        parse_listen(text, 10)


def test_one_place_twice_is_told() -> None:
    """As by another default; pseudo-terminals are made, each a new one."""
    same = r"--listen wrapper,port=4059,link=nb-iot: --listen wrapper is the same place"
    with pytest.raises(UserError, match=same):
        parse_listens(["wrapper", "hdlc", "wrapper,port=4059,link=nb-iot"], 3)
    with pytest.raises(UserError, match=r"dial,address=127.0.0.1:4064 is the same place"):
        parse_listens(["dial,address=127.0.0.1:4064"] * 2, 3)
    assert len(parse_listens(["serial,pty=1", "serial,pty=1", "wrapper", "udp"], 3)) == 4


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("hdlc", [Place("hdlc", f"127.1.0.{1 + n}", 4062, physical=16) for n in range(3)]),
        ("hdlc,shared=1,physical=20", [Place("hdlc", "127.0.0.1", 4062, physical=20 + n) for n in range(3)]),
        ("hdlc,ports=5000", [Place("hdlc", "127.0.0.1", 5000 + n, physical=16) for n in range(3)]),
        ("wrapper,shared=1", [Place("wrapper", "127.0.0.1", 4059, server=1 + n) for n in range(3)]),
        ("udp", [Place("udp", f"127.1.0.{1 + n}", 4059) for n in range(3)]),
        ("gateway", [Place("gateway", "127.0.0.1", 4063)] * 3),
        (
            "serial,device=/dev/tty9",
            [Place("serial", device="/dev/tty9", physical=16 + n, baud=9600) for n in range(3)],
        ),
        (
            "serial,pty=2,baud=2400,mode_e=1",
            [Place("serial", physical=n, baud=2400, mode_e=True) for n in (16, 17, 16)],
        ),
    ],
)
def test_places(text: str, places: list[Place]) -> None:
    listen = parse_listen(text, 3)
    assert [listen.place_of(index) for index in range(3)] == places


def test_what_hdlc_can_do_is_said_by_keys() -> None:
    listen = parse_listen("hdlc,window=3,info=512,inactivity=30s,inter_octet=25ms", 1)
    assert listen.hdlc == HdlcSettings(window=3, information=512, inactivity_ms=30_000, inter_octet_ms=25)


def opened_for(text: str, count: int) -> tuple[list[tuple[str, int]], list[str]]:
    """Where a fleet's sockets are bound, and the words about meters that have none."""
    listen = parse_listen(text, count)
    refused = Refusals(listen, count)
    sockets = list(open_sockets(listen, count, refused))
    places = [one.getsockname() for one in sockets]
    for one in sockets:
        one.close()
    return places, refused.words()


def test_a_port_in_use_costs_one_meter_and_is_reported() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.9", 0))
        taken.listen()
        port = taken.getsockname()[1]
        places, words = opened_for(f"wrapper,address=127.0.0.9,ports={port - 1}", 3)
    assert [one[1] for one in places] == [port - 1, port + 1]
    assert words[0].startswith(f"meter 2 cannot listen on 127.0.0.9:{port}: in use")
    assert len(words) == 1


def test_when_the_wildcard_is_taken_each_address_is_tried() -> None:
    with socket.socket() as taken:
        taken.bind(("127.9.9.2", 0))
        taken.listen()
        places, _ = opened_for(f"wrapper,address=127.9.9.1,port={taken.getsockname()[1]}", 3)
    assert [one[0] for one in places] == ["127.9.9.1", "127.9.9.3"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("wrapper,address=8.8.8.8,port={}", "8.8.8.8:{} to 8.8.8.19:{}"),
        ("udp,address=8.8.8.8,port={}", "8.8.8.8:{} to 8.8.8.19:{}"),
        ("gateway,address=8.8.8.8,port={}", "8.8.8.8:{}"),
        ("hdlc,shared=1,address=8.8.8.8,port={}", "8.8.8.8:{}"),
    ],
)
def test_addresses_that_this_machine_has_not_are_told_in_one_line(text: str, place: str) -> None:
    """A socket on all addresses would be bound without a word, and reached by nobody."""
    port = free_port()
    places, words = opened_for(text.format(port), 12)
    assert places == []
    assert [one.split(" (on Linux")[0] for one in words] == [
        f"12 of 12 meters cannot listen on {place.format(port, port)}: not an address of this machine"
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.1 is the only one")
def test_meters_whose_address_the_machine_has_are_reached_though_others_are_not() -> None:
    listen = replace(parse_listen("wrapper", 1), address=IPv4Address("127.255.255.254"), port=free_port())
    refused = Refusals(listen, 3)
    (wildcard,) = open_sockets(listen, 3, refused)
    wildcard.close()
    assert 2 in refused.meters  # 128.0.0.0
    assert 0 not in refused.meters
