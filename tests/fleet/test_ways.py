# SPDX-License-Identifier: GPL-2.0-only
"""A fleet that is reached in every way at once: whatever a meter says over the wrapper, it says over each of them.

Green Book 7.3.3.2 (wrapper over TCP and UDP), 10.10 (gateway), IEC 62056-46 (HDLC), IEC 62056-21 (sign-on).
"""

from __future__ import annotations

import csv
import io
import json
import os
import select
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live import BLOCK, ENERGY, PUBLIC, Spawned, framed, free_port, free_ports, run, spawned
from ways_bench import Datagrams, HdlcStream, WayJudge

from simulator.wire import hdlc
from simulator.wire.hdlc import Address, Frame

AT = "2025-06-10T10:00:00+05:30"
METER = 2  # the third
SERIAL_NAME = "0.0.96.1.0.255"
WRAPPER, HDLC, UDP, GATEWAY, HDLC_SHARED, WRAPPER_SHARED, UDP_SHARED, UDP_PORTS, MODE_E, LINE = range(10)


@pytest.fixture(scope="module")
def fleet(home: Path) -> Iterator[Spawned]:
    address = "127.43.0.1"
    listens = [
        f"hdlc,address={address},port={free_port()}",
        f"udp,address={address},port={free_port()}",
        f"gateway,port={free_port()}",
        f"hdlc,shared=1,port={free_port()},window=1,info=128",
        f"wrapper,shared=1,port={free_port()}",
        f"udp,shared=1,port={free_port()}",
        f"udp,address=127.0.0.1,ports={free_ports(4)}",
        "serial,pty=1,mode_e=1",
        "serial,pty=2",
    ]
    options = [word for listen in listens for word in ("--listen", listen)]
    place = f"wrapper,address={address},port={free_port()}"
    with spawned(home, 4, "--history", "3d", "--start", AT, "--speed", 0, *options, listen=place) as fleet:
        yield fleet


def place(fleet: Spawned, way: int, meter: int = METER) -> dict[str, Any]:
    found: dict[str, Any] = fleet.ready["meters"][meter]["places"][way]
    return found


def judge(fleet: Spawned, way: int, meter: int = METER, **how: Any) -> WayJudge:
    known = fleet.meters[meter]
    if way == GATEWAY:
        how.setdefault("gateway", known.serial)
    if way == MODE_E:
        how.setdefault("address", known.serial)
    return WayJudge(place(fleet, way, meter), known.password, **how)


@pytest.fixture(scope="module")
def spoken(fleet: Spawned) -> dict[tuple[int, str, int], tuple[int, bytes]]:
    """All that a meter says, over the wrapper."""
    with judge(fleet, WRAPPER) as reader:
        return reader.everything()


def _options(fleet: Spawned, way: int) -> list[object]:
    """What `meterfleet read` needs to be told."""
    where = place(fleet, way)
    address = [f"{where['host']}:{where['port']}"] if "host" in where else ["--serial", where["device"]]
    words: dict[int, list[object]] = {
        HDLC: ["--hdlc"],
        UDP: ["--udp"],
        GATEWAY: ["--gateway", fleet.meters[METER].serial],
        HDLC_SHARED: ["--hdlc", "--physical", where.get("physical")],
        WRAPPER_SHARED: ["--server", where["server"]],
        UDP_SHARED: ["--udp", "--server", where["server"]],
        UDP_PORTS: ["--udp"],
        MODE_E: ["--mode-e", "--device-address", fleet.meters[METER].serial, "--physical", where.get("physical")],
        LINE: ["--physical", where.get("physical")],
    }
    return [*address, *words[way]]


@pytest.mark.parametrize("way", [HDLC, GATEWAY, WRAPPER_SHARED, UDP_SHARED, MODE_E, LINE])
def test_the_reader_of_the_house(fleet: Spawned, home: Path, way: int) -> None:
    """`meterfleet read` on each way; it finds the password by the place alone, in the fleet that was started last."""
    done = run("read", *_options(fleet, way), "--client", "mr", "--json", "serial", "daily", home=home)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert fleet.meters[METER].serial in json.dumps(document["objects"])
    assert len(document["profiles"][0]["rows"]) == 3


@pytest.mark.parametrize("way", [HDLC, UDP, GATEWAY, MODE_E])
def test_a_ciphered_client(fleet: Spawned, home: Path, way: int) -> None:
    """HLS and ciphering do not depend on the way; information fields of 32 octets cut every APDU."""
    options = _options(fleet, way) + (["--info", 32] if way in (HDLC, MODE_E) else [])
    done = run("read", *options, "--client", "us", "--json", "serial", "daily", home=home)
    assert done.returncode == 0, done.stderr
    assert fleet.meters[METER].serial in done.stdout


@pytest.mark.parametrize("way", [HDLC, UDP, GATEWAY, HDLC_SHARED, MODE_E])
def test_the_association_view_and_all_attributes(fleet: Spawned, spoken: dict[Any, Any], way: int) -> None:
    with judge(fleet, way) as reader:
        said = reader.everything()
    assert len(said) > 200
    assert said == spoken


@pytest.mark.parametrize("way", range(10))
@pytest.mark.parametrize("meter", [0, 3])
def test_each_way_leads_to_its_meter(fleet: Spawned, way: int, meter: int) -> None:
    with judge(fleet, way, meter) as reader:
        assert reader.get(1, SERIAL_NAME).value == fleet.meters[meter].serial


@pytest.mark.parametrize("information", [32, 128, 512, 2030])
def test_a_profile_in_segments(fleet: Spawned, information: int) -> None:
    """Three days of blocks, by information fields of any size, in one PDU and in blocks of it."""
    with judge(fleet, WRAPPER) as reader:
        rows = reader.rows(BLOCK)
    assert len(rows) == 164
    for max_pdu in (0xFFFF, 500):
        with judge(fleet, HDLC, information=information, max_pdu=max_pdu) as reader:
            assert reader.rows(BLOCK) == rows


@pytest.mark.parametrize(("lower", "octets"), [(False, 1), (True, 2), (True, 4)])
def test_addresses_of_one_two_and_four_octets(fleet: Spawned, lower: bool, octets: int) -> None:
    with judge(fleet, HDLC, lower=lower, octets=octets) as reader:
        assert reader.get(1, SERIAL_NAME).value == fleet.meters[METER].serial


def test_a_meter_behind_a_gateway_by_its_number(fleet: Spawned) -> None:
    with judge(fleet, GATEWAY, 3, gateway="4") as reader:
        assert reader.get(1, SERIAL_NAME).value == fleet.meters[3].serial


def test_on_a_line_only_the_meter_that_signed_on_hears(fleet: Spawned) -> None:
    snrm = hdlc.encode_command(Frame(Address(1, place(fleet, MODE_E, 3)["physical"], 4), PUBLIC, 0x93))
    stream = HdlcStream(None, None, place(fleet, MODE_E)["device"])
    said = stream.sign_on("3")  # by its number
    assert said == f"/MFL5\\2{fleet.ready['meters'][METER]['logical_device_name']}\r\n"
    stream.send_octets(snrm)
    assert stream.some(0.4) == b""
    stream.close()


def test_two_lines_share_the_fleet(fleet: Spawned) -> None:
    """Two meters on each; the physical addresses begin anew."""
    told = [(place(fleet, LINE, meter)["device"], place(fleet, LINE, meter)["physical"]) for meter in range(4)]
    assert [physical for _, physical in told] == [16, 17, 16, 17]
    assert told[0][0] == told[1][0] != told[2][0] == told[3][0]


def test_two_clients_on_one_line_in_turn(fleet: Spawned) -> None:
    """Whoever hangs up without DISC leaves nothing that hinders the next."""
    first = judge(fleet, LINE, 0)
    first.__enter__()
    first.wire.close()
    with judge(fleet, LINE, 1) as reader, judge(fleet, LINE, 2) as other_line:
        assert reader.get(3, ENERGY).result == 0
        assert other_line.get(3, ENERGY).result == 0


def test_datagrams_that_are_no_frames_are_dropped(fleet: Spawned) -> None:
    """And so are those to an address at which nobody lives; the next one is served."""
    port = place(fleet, UDP)["port"]
    peer = Datagrams(place(fleet, UDP)["host"], port)
    get = framed("c001c1" + "0003" + "0100010800ff" + "02" + "00")
    for broken in (b"", b"\x00", get[:-1], get + b"\x00", b"\x00\x02" + get[2:]):
        peer.send_octets(broken)
    assert peer.is_silent()
    peer.send_octets(get)
    assert peer.receive_frame()[8:].hex() == "d80101"
    peer.close()
    nobody = Datagrams("127.43.0.200", port)
    nobody.send_octets(get)
    assert nobody.is_silent()
    nobody.close()


def test_datagrams_of_two_peers_do_not_mix(fleet: Spawned) -> None:
    with judge(fleet, UDP, 0) as one, judge(fleet, UDP, 0) as other:
        serial = fleet.meters[0].serial
        assert [reader.get(1, SERIAL_NAME).value for reader in (one, other, one)] == [serial] * 3


def test_the_live_listener_keeps_silent_and_recovers(fleet: Spawned) -> None:
    """T_HDLC_FRAME_N2, _N8 and T_HDLC_NDMOP_N1 on a socket."""
    where = place(fleet, HDLC)
    snrm = hdlc.encode_command(Frame(Address(1), PUBLIC, 0x93))
    stream = HdlcStream(where["host"], where["port"])
    stream.send_octets(hdlc.encode_command(Frame(Address(1), PUBLIC, 0x10, b"\xe6\xe6\x00\x60")))
    assert stream.receive_frame()[5] == 0x1F
    for broken in (snrm[:-2] + b"\xff\x7e", b"\x7e\x7e\x00", hdlc.encode_command(Frame(Address(2), PUBLIC, 0x93))):
        stream.send_octets(broken)
        assert stream.some(0.2) == b""
    stream.send_octets(snrm)
    assert stream.receive_frame()[5] == 0x73
    stream.close()


def test_the_store_and_the_inventory_name_every_place(fleet: Spawned, home: Path) -> None:
    meter = fleet.ready["meters"][METER]
    assert fleet.sql("SELECT host, port, serial_device FROM sim.meters WHERE meter_number = %s", meter["serial"]) == [
        (meter["host"], meter["port"], place(fleet, MODE_E)["device"])
    ]
    listed = json.loads(run("inventory", "--json", "--database", fleet.dsn, home=home).stdout)
    assert listed == fleet.ready["meters"]
    rows = list(csv.DictReader(io.StringIO(run("inventory", "--csv", "--database", fleet.dsn, home=home).stdout)))
    assert [(row["host"], row["framing"], row["server"]) for row in rows][METER] == (meter["host"], "wrapper", "1")


@pytest.mark.parametrize("form", ["csv", "json"])
def test_the_inventory_alone_is_enough_for_a_reader_elsewhere(
    fleet: Spawned, home: Path, tmp_path: Path, form: str
) -> None:
    """`--keys`: secrets, and a meter's place by its serial number, where there is no fleet and no database."""
    listed = run("inventory", f"--{form}", "--database", fleet.dsn, home=home).stdout
    path, serial = tmp_path / f"meters.{form}", fleet.meters[METER].serial
    path.write_text(listed)
    where = f"{fleet.meters[METER].host}:{fleet.meters[METER].port}"
    wanted = [([serial], "us"), ([where], "mr")]
    if form == "json":  # which lists all places
        wanted = [([serial, "--hdlc"], "us"), ([serial, "--udp"], "ihd")]
    for words, client in wanted:
        done = run("read", *words, "serial", "--client", client, "--keys", path, "--json", home=tmp_path)
        assert done.returncode == 0, done.stderr
        assert serial in done.stdout
    done = run("read", "127.43.9.9", "--client", "us", "--keys", path, home=tmp_path)
    assert done.returncode == 2
    assert "no client 48" in " ".join(done.stderr.split())


def test_a_serial_device_that_is_none(home: Path, tmp_path: Path) -> None:
    """Reported; a fleet that can be reached nowhere does not start."""
    file = tmp_path / "file"
    file.write_text("")
    for device in (file, tmp_path / "absent"):
        done = run("spawn", 1, "--listen", f"serial,device={device}", "--start", AT, home=home)
        assert done.returncode == 2
        assert "no meter can listen" in done.stderr
        assert done.stderr.count(f"cannot listen on {device}") == 1


def test_a_device_of_the_machine(home: Path) -> None:
    """`device=`, on what looks like a port of this machine: one end of a pseudo-terminal of ours."""
    near, far = os.openpty()
    device = os.ttyname(far)
    wrapper = f"wrapper,address=127.44.0.1,port={free_port()}"
    options = ("--start", AT, "--speed", 0, "--seed", 7, "--listen", f"serial,device={device}")
    with spawned(home, 1, *options, listen=wrapper) as fleet:
        assert fleet.ready["meters"][0]["places"][1]["device"] == device
        os.write(near, hdlc.encode_command(Frame(Address(1), PUBLIC, 0x93)))
        assert select.select([near], [], [], 10)[0]
        assert os.read(near, 100)[5] == 0x73
    os.close(near)
    os.close(far)
