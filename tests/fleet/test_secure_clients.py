# SPDX-License-Identifier: GPL-2.0-only
"""Clients that cipher, over real sockets: every mechanism, protection and form, with Gurux as the judge."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gurux_dlms import GXByteBuffer, GXReplyData
from gurux_dlms.enums import AccessServiceCommandType, Conformance, Security
from gurux_dlms.GXDLMSAccessItem import GXDLMSAccessItem
from gurux_dlms.GXDLMSException import GXDLMSException
from gurux_dlms.GXDLMSExceptionResponse import GXDLMSExceptionResponse
from gurux_dlms.objects import GXDLMSClock, GXDLMSData
from gurux_dlms.secure import GXDLMSSecureClient
from live import BLOCK, CLOCK, ENERGY, EVERYTHING, MESSAGE, Judge, Spawned, eventually, framed, run, spawned, start
from secure import DEDICATED, GENERAL, Login, SecureJudge, login_of, shown_counter, translated

from simulator.meter.identity import Identity
from simulator.wire import gbt

AT = "2025-06-10T10:00:00+05:30"
SETUP, CURRENT = "0.0.43.0.3.255", "0.0.40.0.0.255"
PROTECTIONS = [Security.AUTHENTICATION, Security.ENCRYPTION, Security.AUTHENTICATION_ENCRYPTION]
FORMS = {
    "glo": {"conformance": EVERYTHING},
    "general-glo": {"conformance": GENERAL},
    "ded": {"conformance": EVERYTHING, "dedicated": DEDICATED},
    "general-ded": {"conformance": GENERAL, "dedicated": DEDICATED},
}
# Four clients with the mechanisms that IS 15959 does not use.
MECHANISMS = """
extends: is15959-1ph
title: one client for each HLS mechanism
clients:
  32: {contexts: [1, 3]}
  64: {mechanism: 4, contexts: [1, 3], pre_established: false, conformance: [get, action, block-transfer-with-get]}
  48: {mechanism: 5, contexts: [1, 3], challenge_octets: 64}
  80: {mechanism: 6, contexts: [1, 3], challenge_octets: 8}
  96: {mechanism: 3, contexts: [1, 3], conformance: [get, action, block-transfer-with-get]}
access:
  current-association: {64: "r1-6,8-9 x1", 96: "r1-6,8-9 x1"}
values:
  0.0.43.0.4.255: {security_policy: 0}
"""


@pytest.fixture(scope="module")
def fleet(home: Path) -> Iterator[Spawned]:
    with spawned(home, 12, "--start", AT, "--speed", 0, "--history", "2d") as fleet:
        yield fleet


@pytest.fixture(scope="module")
def mechanisms(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spawned]:
    model = tmp_path_factory.mktemp("models") / "mechanisms.yaml"
    model.write_text(MECHANISMS)
    with spawned(home, 1, "--model", model, "--start", AT, "--speed", 0) as fleet:
        yield fleet


def utility(fleet: Spawned, meter: int = 0, client: int = 48, **changes: Any) -> Login:
    return login_of(fleet.ready["meters"][meter], client, **changes)


def exception_of(fleet: Spawned, login: Login, meter: int = 0) -> GXDLMSExceptionResponse:
    with pytest.raises(GXDLMSExceptionResponse) as raised, SecureJudge(fleet.meters[meter], login):
        pass
    return raised.value


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("security", PROTECTIONS)
def test_utility_client_in_each_form_and_protection(fleet: Spawned, security: int, form: str) -> None:
    """In the field: service-specific and general envelopes; the answer in the request's form."""
    with SecureJudge(fleet.meters[0], utility(fleet, security=security, **FORMS[form])) as judge:
        assert judge.get(8, CLOCK).result == 0
        view = judge.get(15, CURRENT)
        assert len(view.value) > 100
        assert judge.blocks > 5
        assert judge.set(1, MESSAGE, 2, b"\x0a\x03abc") == 0
        request, answer = judge.frames[-2][8:], judge.frames[-1][8:]
        tags = {"glo": (0xC9, 0xCD), "ded": (0xD1, 0xD5), "general-glo": (0xDB, 0xDB), "general-ded": (0xDC, 0xDC)}
        assert (request[0], answer[0]) == tags[form]
        assert len(judge.rows(BLOCK)) == 116  # half-hours since midnight, two days ago


@pytest.mark.parametrize("general", [False, True])
def test_general_block_transfer(fleet: Spawned, general: bool) -> None:
    """Ciphered as a whole, then cut up. Gurux 1.0.203 cannot ask for the next general block, so the test does."""
    conformance = Conformance.GET | Conformance.GENERAL_BLOCK_TRANSFER
    conformance |= Conformance.GENERAL_PROTECTION if general else Conformance.NONE
    with SecureJudge(fleet.meters[10], utility(fleet, 10, conformance=conformance)) as judge:
        (request,) = judge.protocol._read(CURRENT, 15, 2, None)
        judge.wire.send_octets(bytes(request))
        apdu, turn, last = b"", 0, False
        while not last:
            block = gbt.decode(judge.wire.receive_frame()[8:])
            apdu, last = apdu + block.data, block.last
            if not block.streaming and not last:
                turn += 1
                judge.wire.send_octets(framed(f"e09f{turn:04x}{block.number:04x}00", 48))  # window 31
        reply = GXReplyData()
        frame = bytes.fromhex("000100010030") + len(apdu).to_bytes(2, "big") + apdu
        assert judge.protocol.getData(GXByteBuffer(frame), reply, GXReplyData())
        assert len(reply.value) > 100
        assert apdu[0] == (0xDB if general else 0xCC)
        assert judge.get(8, CLOCK).result == 0


def test_access_service(fleet: Spawned) -> None:
    """Gurux builds the list and takes the answer apart."""
    conformance = GENERAL | Conformance.ACCESS
    clock, undefined = GXDLMSClock(CLOCK), GXDLMSData("0.0.96.9.9.255")
    items = [GXDLMSAccessItem(AccessServiceCommandType.GET, target, 2) for target in (clock, undefined)]
    with SecureJudge(fleet.meters[11], utility(fleet, 11, conformance=conformance)) as judge:
        reply = judge._ask(judge.protocol.accessRequest(None, items))
        judge.protocol.parseAccessResponse(items, reply.data)
    assert [int(item.error) for item in items] == [0, 4]
    assert clock.time.value.year == 2025


@pytest.mark.parametrize("client", [48, 80])
def test_both_clients_of_high_level_security(fleet: Spawned, client: int) -> None:
    with SecureJudge(fleet.meters[1], utility(fleet, 1, client)) as judge:
        assert judge.get(18, "0.0.44.0.0.255", 5).value == 1
        writes = judge.set(8, CLOCK, 2, bytes.fromhex("090c07e9060a020a000000feb600"))
        assert (writes == 3) is (client == 80)  # read-write-denied to the firmware client alone
        released = judge.release()
    assert released[0] == 0x63
    assert released[1] == len(released) - 2


def test_a_protected_release(fleet: Spawned) -> None:
    """In the field: an RLRQ with ciphered user-information is answered by an RLRE with such."""
    with SecureJudge(fleet.meters[1], utility(fleet, 1)) as judge:
        judge.protocol.useProtectedRelease = True
        released = judge.release()
        assert released[:6] == bytes((0x63, len(released) - 2, 0x80, 1, 0, 0xBE))
        assert released[9:10] == b"\x28"  # glo-initiate-response


def test_low_level_security_with_ciphering(mechanisms: Spawned) -> None:
    known = utility(mechanisms)
    login = utility(mechanisms, 0, 32, ek=known.ek, ak=known.ak)
    with SecureJudge(mechanisms.meters[0], login) as judge:
        assert judge.get(8, CLOCK).result == 0
        assert judge.frames[-1][8] == 0xCC


def test_the_in_home_display(fleet: Spawned) -> None:
    """LLS in a ciphered association, with keys and counter of its own; it reads what a display shows, and no more."""
    login = utility(fleet, 2, 96)
    with SecureJudge(fleet.meters[2], login) as judge:
        assert judge.get(3, ENERGY).result == judge.get(3, "1.0.1.7.0.255").result == judge.get(1, MESSAGE).result == 0
        assert judge.get(7, BLOCK).result == 4
        assert judge.frames[-1][8] == 0xCC
        last = judge.counter - 1
    assert shown_counter(fleet.meters[2], login) == last
    with SecureJudge(fleet.meters[2], utility(fleet, 2)) as judge:
        assert judge.get(64, "0.0.43.0.6.255", 4).octets == b"\x09\x08CLI12345"
        assert judge.set(15, "0.0.40.0.6.255", 7, b"\x09\x08newsecre") == 0
    with pytest.raises(GXDLMSException), SecureJudge(fleet.meters[2], utility(fleet, 2, 96)):
        pass
    with SecureJudge(fleet.meters[2], utility(fleet, 2, 96, secret=b"newsecre")) as judge:
        assert judge.get(8, CLOCK).result == 0


@pytest.mark.parametrize("client", [64, 48, 80, 96])
@pytest.mark.parametrize("security", [Security.NONE, *PROTECTIONS])
def test_mechanisms_3_to_6(mechanisms: Spawned, client: int, security: int) -> None:
    """96 MD5, 64 SHA-1, 48 GMAC, 80 SHA-256; in plain associations too."""
    login = of_mechanism(mechanisms, client, security=security)
    with SecureJudge(mechanisms.meters[0], login) as judge:
        assert judge.get(8, CLOCK).result == 0
        assert (judge.frames[-1][8] == 0xC4) is (security == Security.NONE)


def of_mechanism(fleet: Spawned, client: int, **changes: Any) -> Login:
    """Also of a client that the inventory does not list."""
    known = utility(fleet)
    identity = Identity(fleet.ready["seed"], "MFL", fleet.meters[0].serial)
    mechanism, secret = {96: 3, 64: 4, 48: 5, 80: 6}[client], identity.key(f"hls{client}")
    return Login(**{"client": client, "mechanism": mechanism, "secret": secret, "ek": known.ek, "ak": known.ak,
                    **changes})  # fmt: skip


@pytest.mark.parametrize("client", [64, 80])
def test_wrong_hls_secret(mechanisms: Spawned, client: int) -> None:
    """Pass 3 is refused, and the association is gone."""
    judge = SecureJudge(mechanisms.meters[0], of_mechanism(mechanisms, client, secret=b"wrong" * 3))
    with pytest.raises(AssertionError, match="action-result 250"):
        judge.__enter__()
    with pytest.raises(GXDLMSExceptionResponse):
        judge.get(8, CLOCK)
    judge.wire.close()


def test_every_frame_is_readable_by_the_translator(fleet: Spawned) -> None:
    """In the field: check by re-parsing with a second implementation."""
    for form in ("glo", "general-glo"):
        with SecureJudge(fleet.meters[3], utility(fleet, 3, **FORMS[form])) as judge:
            judge.get(8, CLOCK)
            judge.get(1, "0.0.96.9.9.255")
            judge.act(64, SETUP, 1, b"\x16\x09")
            assert len(judge.frames) == 10
            texts = [translated(frame, judge) for frame in judge.frames]
        assert "GetResponseNormal" in texts[5]
        assert not [text for text in texts if "Failed" in text or "Error" in text.replace("DataAccessError", "")]


def test_counters_are_shown_and_a_jump_is_taken(fleet: Spawned) -> None:
    """Green Book 9.2.3.3: any higher counter is good, a used one is not."""
    login = utility(fleet, 4)
    before = shown_counter(fleet.meters[4], login)
    with SecureJudge(fleet.meters[4], utility(fleet, 4, counter=before + 1_000_000)) as judge:
        last = judge.counter - 1
    assert shown_counter(fleet.meters[4], login) == last
    error = exception_of(fleet, utility(fleet, 4, counter=last), 4)
    assert (error.exceptionStateError, error.exceptionServiceError, error.serviceErrorValue) == (1, 6, last + 1)
    assert shown_counter(fleet.meters[4], login) == last


@pytest.mark.parametrize("key", ["ek", "ak"])
def test_wrong_key(fleet: Spawned, key: str) -> None:
    login = utility(fleet, 4)
    error = exception_of(fleet, utility(fleet, 4, **{key: bytes(16)}), 4)
    assert (error.exceptionStateError, error.exceptionServiceError) == (1, 5)
    with SecureJudge(fleet.meters[4], login) as judge:
        assert judge.get(8, CLOCK).result == 0


def test_failed_logins_are_logged_and_lock_the_client_out(fleet: Spawned) -> None:
    """Five in a row; the public client is not touched."""
    meter = fleet.meters[5]
    for _ in range(5):
        with pytest.raises(AssertionError, match="action-result"):
            SecureJudge(meter, utility(fleet, 5, secret=bytes(16))).__enter__()
    with pytest.raises(GXDLMSException, match=r"(?i)transient"):
        SecureJudge(meter, utility(fleet, 5)).__enter__()
    logged = "SELECT count(*) FROM sim.event_logs JOIN sim.meters m ON m.id = meter_id WHERE meter_number = %s"
    eventually(lambda: fleet.sql(f"{logged} AND event_code = 893", meter.serial) == [(5,)])
    fleet.step(31_000)
    with SecureJudge(meter, utility(fleet, 5)) as judge:
        assert judge.get(8, CLOCK).result == 0


def wrapped(login: Login, number: int, key: bytes) -> bytes:
    """One structure of global_key_transfer."""
    octets = bytes(GXDLMSSecureClient.encrypt(login.master, key))
    return bytes((2, 2, 0x16, number, 9, len(octets))) + octets


def test_global_key_transfer_works_at_once_and_after_a_restart(home: Path) -> None:
    new = bytes(range(100, 116))
    options = ("--start", AT, "--speed", 0, "--seed", 77)
    fleet = start(home, 1, *options)
    login = utility(fleet)
    with SecureJudge(fleet.meters[0], login) as judge:
        assert judge.act(64, SETUP, 2, b"\x01\x01" + wrapped(Login(48, 2, b"", master=bytes(16)), 0, new)) == 250
        assert judge.act(64, SETUP, 2, b"\x01\x02" + wrapped(login, 0, new) + wrapped(login, 2, new[::-1])) == 0
        judge.protocol.ciphering.blockCipherKey = bytearray(new)
        judge.protocol.ciphering.authenticationKey = bytearray(new[::-1])
        assert judge.get(8, CLOCK).result == 0
        assert judge.act(15, CURRENT, 2, b"\x09\x10" + new) == 0
        counter = judge.counter
    fleet.process.kill()  # nothing is told that it ends
    fleet.process.wait()
    fleet = start(home, 1, *options)
    try:
        shown = shown_counter(fleet.meters[0], login)
        assert counter - 1 <= shown <= counter + 256
        old = exception_of(fleet, Login(48, 2, login.secret, login.ek, login.ak, counter=shown + 1))
        assert old.exceptionServiceError == 5
        changed = utility(fleet)
        assert (changed.ek, changed.ak, changed.secret) == (new, new[::-1], new)
        with SecureJudge(fleet.meters[0], changed) as judge:
            assert judge.get(8, CLOCK).result == 0
        codes = "SELECT event_code FROM sim.event_logs ORDER BY id"
        assert fleet.sql(codes) == [(164,), (162,)]
    finally:
        fleet.end()


def test_counters_after_an_orderly_end_are_exact_and_after_a_kill_never_lower(home: Path) -> None:
    options = ("--start", AT, "--speed", 0, "--seed", 78)
    sent: list[int] = []
    shown = 0
    for ending in ("term", "kill", "kill", "term"):
        fleet = start(home, 1, *options)
        login = utility(fleet, counter=shown + 1)
        with SecureJudge(fleet.meters[0], login) as judge:
            for _ in range(5):
                judge.get(8, CLOCK)
            sent += [int.from_bytes(frame[11:15], "big") for frame in judge.frames[1::2] if frame[8] == 0xCC]
            last = judge.counter - 1
        if ending == "kill":
            fleet.process.kill()
            fleet.process.wait()
        else:
            fleet.end()
        fleet = start(home, 1, *options)
        shown = shown_counter(fleet.meters[0], login)
        assert shown == last if ending == "term" else last <= shown <= last + 256
        old = exception_of(fleet, utility(fleet, counter=last))
        assert (old.exceptionServiceError, old.serviceErrorValue) == (6, shown + 1)
        fleet.end()
    assert sent == sorted(set(sent))
    assert len(sent) == 20


def test_policy_can_only_become_stricter(fleet: Spawned) -> None:
    meter = fleet.meters[6]
    with SecureJudge(meter, utility(fleet, 6)) as judge:
        assert judge.get(64, SETUP, 2).value == 0
        assert judge.act(64, SETUP, 1, b"\x16\x01") == 0
        assert judge.act(64, SETUP, 1, b"\x16\x03") == 0
        assert judge.act(64, SETUP, 1, b"\x16\x02") == 250
        assert judge.act(64, SETUP, 1, b"\x16\x6c") == 250  # bits are of version 1
        assert judge.get(64, SETUP, 2).value == 3
    for security in (Security.AUTHENTICATION, Security.ENCRYPTION):
        error = exception_of(fleet, utility(fleet, 6, security=security), 6)
        assert (error.exceptionStateError, error.exceptionServiceError) == (1, 1)
    with pytest.raises(GXDLMSException):
        SecureJudge(meter, utility(fleet, 6, security=Security.NONE)).__enter__()
    with SecureJudge(meter, utility(fleet, 6)) as judge:
        assert judge.get(8, CLOCK).result == 0


def test_a_password_is_changed_by_the_utility(fleet: Spawned) -> None:
    """Association of the meter reader, attribute 7 (Blue Book 4.4.4)."""
    meter = fleet.meters[7]
    with SecureJudge(meter, utility(fleet, 7)) as judge:
        assert judge.set(15, "0.0.40.0.2.255", 7, b"\x09\x08newsecre") == 0
        assert judge.get(15, "0.0.40.0.2.255", 7).result == 3
    with pytest.raises(GXDLMSException), Judge(meter, 32):
        pass
    with Judge(meter._replace(password="newsecre"), 32) as judge:
        assert judge.get(8, CLOCK).result == 0


def test_keys_from_a_file(home: Path, tmp_path: Path) -> None:
    serial = "9160000001"
    path = tmp_path / "keys.csv"
    path.write_text(
        "serial,system_title,ek,ak,client_48_secret,client_32_password,host\n"
        f"{serial},4142430000000001,{'11' * 16},{'22' * 16},{'33' * 16},letmein1,ignored\n"
    )
    with spawned(home, 2, "--start", AT, "--speed", 0, "--keys", path) as fleet:
        entry, other = fleet.ready["meters"]
        assert entry["system_title"] == "4142430000000001"
        assert other["system_title"].startswith(b"MFL".hex())
        login = login_of(entry, 48)
        assert (login.ek, login.ak, login.secret) == (b"\x11" * 16, b"\x22" * 16, b"\x33" * 16)
        with SecureJudge(fleet.meters[0], login) as judge:
            assert judge.get(8, CLOCK).result == 0
            assert bytes(judge.protocol.settings.sourceSystemTitle) == b"ABC\0\0\0\0\x01"
        with Judge(fleet.meters[0], 32) as reader:
            assert fleet.meters[0].password == "letmein1"
            assert reader.get(8, CLOCK).result == 0
        for client in ("us", "fu"):  # the head-end's reader takes them from the inventory of the last fleet
            place = f"{fleet.meters[0].host}:{fleet.meters[0].port}"
            done = run("read", place, "clock", "--client", client, "--json", home=home)
            assert done.returncode == 0, done.stderr
            assert json.loads(done.stdout)["objects"][0]["obis"] == CLOCK
        listed = json.loads(run("inventory", "--json", home=home).stdout)
        assert listed == fleet.ready["meters"]


def test_a_wrong_key_file_is_told_line_by_line(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "keys.csv"
    path.write_text(f"serial,ek,ak\n1,xyz,{'00' * 16}\n1,{'00' * 15},\n")
    done = run("spawn", 1, "--keys", path, home=home)
    assert done.returncode == 2
    words = done.stderr.replace("\n", "")
    assert f"{path}:2: ek: 16 octets" in words
    assert f"{path}:3: the serial number" in words
    assert f"{path}:3: ek: 16 octets" in words
    assert "00000000" not in words


def test_a_client_title_is_shown(fleet: Spawned) -> None:
    with SecureJudge(fleet.meters[9], utility(fleet, 9)) as judge:
        assert bytes(judge.get(64, SETUP, 4).value) == b"CLI12345"
        title = bytes.fromhex(fleet.ready["meters"][9]["system_title"])
        assert bytes(judge.get(64, SETUP, 5).value) == title
