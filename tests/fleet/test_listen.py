# SPDX-License-Identifier: MIT
"""`--listen`: what it says, and sockets when a place is taken."""

from __future__ import annotations

import socket

import pytest

from simulator.dlms.hdlc_link import HdlcSettings
from simulator.errors import UserError
from simulator.fleet.listen import Listen, Place, parse_listen
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


def test_a_port_in_use_costs_one_meter_and_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.9", 0))
        taken.listen()
        port = taken.getsockname()[1]
        opened = list(open_sockets(parse_listen(f"wrapper,address=127.0.0.9,ports={port - 1}", 3), 3))
        ports = [one.getsockname()[1] for one in opened]
        for one in opened:
            one.close()
    assert ports == [port - 1, port + 1]
    assert f"meter 2 cannot listen on 127.0.0.9:{port}" in caplog.text


def test_when_the_wildcard_is_taken_each_address_is_tried() -> None:
    with socket.socket() as taken:
        taken.bind(("127.9.9.2", 0))
        taken.listen()
        port = taken.getsockname()[1]
        opened = list(open_sockets(parse_listen(f"wrapper,address=127.9.9.1,port={port}", 3), 3))
        hosts = [one.getsockname()[0] for one in opened]
        for one in opened:
            one.close()
    assert hosts == ["127.9.9.1", "127.9.9.3"]
