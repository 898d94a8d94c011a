# SPDX-License-Identifier: GPL-2.0-only
"""A capture of everything, on every way: Gurux's translator reads each frame, deciphered with the keys beside it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from capture_bench import DED, Apdu, Keys, Told, conversations, told
from gurux_dlms.enums import AccessServiceCommandType, Conformance
from gurux_dlms.GXDLMSAccessItem import GXDLMSAccessItem
from gurux_dlms.objects import GXDLMSClock
from gurux_dlms.secure import GXDLMSSecureClient
from live import BLOCK, CLOCK, MESSAGE, Spawned, framed, run, spawned
from matrix_bench import CLIENTS, TRANSPORTS, Case, listens, model_text, reader_of
from openssl import openssl
from secure import GENERAL, SecureJudge, login_of

from simulator.wire import gbt
from simulator.wire.axdr import Data
from simulator.wire.codes import Tag

AT = "2025-06-10T10:00:00+05:30"
SETUP, CURRENT, RELAY = "0.0.43.0.3.255", "0.0.40.0.0.255", "0.0.96.3.10.255"
MECHANISM = bytes.fromhex("608574050802")  # joint-iso-ccitt ... authentication-mechanism
NEW_KEY = bytes(range(100, 116))


@pytest.fixture(scope="module")
def path(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The capture of everything."""
    folder = tmp_path_factory.mktemp("capture")
    model, path = folder / "all.yaml", folder / "all.pcapng"
    model.write_text(model_text("D1", bits=False))
    first, *others = [*listens(7), "wrapper,address=127.47.0.1,port=4459"]
    options = [word for listen in others for word in ("--listen", listen)]
    history = ("--history", "2d", "--start", AT, "--speed", 0, "--capture", path)
    with openssl(), spawned(home, 2, "--model", model, *history, *options, listen=first) as fleet:
        by_every_way(fleet)
        places = fleet.ready["meters"][1]["places"][-1]
        fleet.meters[1] = fleet.meters[1]._replace(host=places["host"], port=places["port"])
        by_general_blocks(fleet)
        by_access(fleet)
        with_new_keys(fleet)
        by_the_command_line(fleet, home)
    return path


@pytest.fixture(scope="module")
def talks(path: Path) -> list[list[Apdu]]:
    return list(conversations(path))


@pytest.fixture(scope="module")
def kept(path: Path, talks: list[list[Apdu]]) -> list[Told]:
    """All APDUs, told by the translator."""
    keys = Keys(path)
    return [one for talk in talks for one in told(talk, keys)]


def by_every_way(fleet: Spawned) -> None:
    """Each way with four mechanisms and the four forms of ciphering, and one plain."""
    with reader_of(fleet, 0, Case("hdlc", 2, 0, "D1")) as reader:
        clock, block, message, relay = map(reader.find, (CLOCK, BLOCK, MESSAGE, RELAY))
    for number, transport in enumerate(TRANSPORTS):
        for form in range(5):
            mechanism = (number + form) % len(CLIENTS)
            policy = 0 if form < 4 else -1
            counter = 1000 * (5 * number + form + 1)
            case = Case(transport, mechanism, policy, "D1", form=form % 4, information=128, counter=counter)
            with reader_of(fleet, 0, case) as reader:
                if form == number % 4:
                    reader.association_view()
                reader.write(message, 2, Data(Tag.VISIBLE_STRING, str(case).encode()))
                reader.act(relay, 2)
                reader.read_many([(clock, 2), (block, 3), (message, 2)])
                reader.profile(BLOCK, first=1, count=10)


def login(fleet: Spawned, **changes: Any) -> Any:
    return login_of(fleet.ready["meters"][1], 48, **changes)


def by_general_blocks(fleet: Spawned) -> None:
    """Gurux cannot ask for the next block, so the octets are written here."""
    for general in (Conformance.NONE, Conformance.GENERAL_PROTECTION):
        conformance = Conformance.GET | Conformance.GENERAL_BLOCK_TRANSFER | general
        with SecureJudge(fleet.meters[1], login(fleet, conformance=conformance)) as judge:
            (request,) = judge.protocol._read(CURRENT, 15, 2, None)
            judge.wire.send_octets(bytes(request))
            block, turn = gbt.decode(judge.wire.receive_frame()[8:]), 0
            while not block.last:
                if not block.streaming:
                    turn += 1
                    judge.wire.send_octets(framed(f"e09f{turn:04x}{block.number:04x}00", 48))
                block = gbt.decode(judge.wire.receive_frame()[8:])


def by_access(fleet: Spawned) -> None:
    item = GXDLMSAccessItem(AccessServiceCommandType.GET, GXDLMSClock(CLOCK), 2)
    with SecureJudge(fleet.meters[1], login(fleet, conformance=GENERAL | Conformance.ACCESS)) as judge:
        judge.protocol.parseAccessResponse([item], judge._ask(judge.protocol.accessRequest(None, [item])).data)


def with_new_keys(fleet: Spawned) -> None:
    """global_key_transfer: its own answer still goes under the old key, all that follows under the new one."""
    known = login(fleet)
    octets = bytes(GXDLMSSecureClient.encrypt(known.master, NEW_KEY))
    with SecureJudge(fleet.meters[1], known) as judge:
        transfer = b"\x01\x01\x02\x02\x16\x00\x09" + bytes((len(octets),)) + octets
        assert judge.act(64, SETUP, 2, transfer) == 0
        judge.protocol.ciphering.blockCipherKey = bytearray(NEW_KEY)
        assert judge.get(8, CLOCK).result == 0
        assert judge.get(1, "0.0.96.9.9.255").result == 4
        assert len(judge.get(15, CURRENT).value) > 100
        assert judge.blocks > 5
        judge.release()
    with SecureJudge(fleet.meters[1], login(fleet, ek=NEW_KEY)) as judge:
        assert judge.get(8, CLOCK).result == 0


def by_the_command_line(fleet: Spawned, home: Path) -> None:
    place = f"{fleet.meters[1].host}:{fleet.meters[1].port}"
    assert run("read", place, "--client", "mr", "--password", fleet.meters[1].password, home=home).returncode == 0


def test_not_one_complaint_and_nothing_left_ciphered(kept: list[Told]) -> None:
    assert [(one.apdu.octets[:24].hex(), one.complaint) for one in kept if one.complaint] == []


def test_everything_is_in_it(kept: list[Told]) -> None:
    """Each service, each envelope, each mechanism."""
    tags = Counter(one.apdu.octets[0] for one in kept)
    plain = {0x60, 0x61, 0x62, 0x63, 0xC0, 0xC1, 0xC3, 0xC4, 0xC5, 0xC7}
    assert plain | {0xC8, 0xC9, 0xCB, 0xCC, 0xCD, 0xCF, 0xD0, 0xD1, 0xD3, 0xD4, 0xD5, 0xD7, 0xDB, 0xDC} <= set(tags)
    text = "\n".join(one.text for one in kept)
    for word in ("AccessRequest", "AccessResponse", "WithList", "ForNextDataBlock", "withDataBlock"):
        assert word in text
    names = [one.apdu.octets.partition(MECHANISM)[2][:1] for one in kept if one.apdu.octets[0] == 0x60]
    assert b"".join(sorted(set(names))) == bytes(range(7))


def test_without_a_key_the_translator_does_complain(path: Path, talks: list[list[Apdu]]) -> None:
    keys = Keys(path)
    keys.forget("dedicated")
    first = next(talk for talk in talks if any(apdu.octets[0] in DED for apdu in talk))
    for one in told(first, keys):
        assert bool(one.complaint) is (one.apdu.octets[0] in DED)
