# SPDX-License-Identifier: GPL-2.0-only
"""A head-end comes in by every way, with every mechanism, under every policy, to both models.

Not the whole product of 7 ways, 7 mechanisms, 9 policies and 2 models, but pairwise: `matrix_bench.cases` lets every
pair of two of these four occur at least once, and goes through forms of ciphering and sizes of HDLC fields as it goes
along. A case reads a quarter of what the association view calls readable, another quarter each time, so that every
attribute is read on every way, with every mechanism and under every policy. The first two tests prove that.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from live import BLOCK, MESSAGE, Spawned, spawned
from matrix_bench import (
    BITS,
    CLIENTS,
    MODELS,
    NUMBERS,
    POLICIES,
    SHARES,
    TRANSPORTS,
    Case,
    cases,
    check,
    listens,
    model_text,
    reader_of,
    setup_of,
    stored_blocks,
)
from openssl import openssl

from simulator.headend.failures import ActionRefused
from simulator.headend.objects import ObjectEntry
from simulator.headend.reader import MeterReader
from simulator.wire.axdr import Data
from simulator.wire.codes import DataAccessResult, Tag

AT = "2025-06-10T00:00:00+05:30"  # 35 days of half-hours to the end of a day
ROWS = 35 * 48
RELAY = "0.0.96.3.10.255"
Blocks = list[tuple[Any, ...]]


def test_every_pair_of_two_occurs() -> None:
    whole = (TRANSPORTS, tuple(CLIENTS), POLICIES, tuple(MODELS))
    for one, other in itertools.combinations(range(4), 2):
        pairs = {(case[one], case[other]) for case in cases()}
        assert pairs == set(itertools.product(whole[one], whole[other])), (one, other)


def test_every_quarter_of_the_attributes_and_every_form_occurs_with_each() -> None:
    every = cases()
    for transport, share in itertools.product(TRANSPORTS, range(SHARES)):
        assert any(case.transport == transport and case.share == share for case in every)
        assert any(case.transport == transport and case.form == share for case in every)
    for policy, share in itertools.product(POLICIES, range(SHARES)):
        assert any(case.policy == policy and case.share == share for case in every)
        assert any(case.policy == policy and case.form == share for case in every)
    for mechanism, share in itertools.product(CLIENTS, range(SHARES)):
        assert any(case.mechanism == mechanism and case.share == share for case in every)


@pytest.fixture(scope="module")
def fleets(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, bool], Spawned]]:
    """A fleet for each model and version of Security setup, a meter for each policy."""
    kinds = list(itertools.product(MODELS, (False, True)))
    folder = tmp_path_factory.mktemp("models")
    with ExitStack() as stack, ThreadPoolExecutor(len(kinds)) as pool:

        def begin(number: int) -> Spawned:
            model, bits = kinds[number]
            path = folder / f"{model}-{bits}.yaml"
            path.write_text(model_text(model, bits=bits))
            first, *others = listens(number)
            options = [word for listen in others for word in ("--listen", listen)]
            history = ("--history", "35d", "--start", AT, "--speed", 0, "--seed", 90 + number)
            return stack.enter_context(spawned(home, 4, "--model", path, *history, *options, listen=first))

        found = dict(zip(kinds, pool.map(begin, range(len(kinds))), strict=True))
        for (model, bits), fleet in found.items():
            for meter, policy in enumerate(BITS if bits else NUMBERS):
                activate(fleet, meter, model, policy)
        yield found


def activate(fleet: Spawned, meter: int, model: str, policy: int) -> None:
    """security_activate (Blue Book 4.4.7), by the utility's client, on the security setups of all clients.

    A policy of the other version is refused, and one that demands signatures.
    """
    known = setups(fleet, model)
    with reader_of(fleet, meter, Case("hdlc", 2, 0, model)) as reader:
        for setup in known:
            for wrong in (0x03, 0x10, 0xFC) if policy in BITS else (0x04, 0x6C):
                with pytest.raises(ActionRefused):
                    reader.act(setup, 1, Data(Tag.ENUM, wrong))
            if policy:
                reader.act(setup, 1, Data(Tag.ENUM, policy))
            assert reader.read(setup).value == policy


@cache
def setups(fleet: Spawned, model: str) -> list[ObjectEntry]:
    with reader_of(fleet, 0, Case("hdlc", 2, 0, model)) as reader:
        return [reader.find(setup) for setup in sorted({setup_of(client) for client in CLIENTS.values()})]


@cache
def stored(fleet: Spawned, meter: int, model: str) -> Blocks:
    blocks = stored_blocks(fleet, meter, model)
    assert len(blocks) == ROWS
    return blocks


@pytest.mark.parametrize("case", cases(), ids=str)
def test_a_head_end_reads_writes_and_acts(fleets: dict[tuple[str, bool], Spawned], case: Case) -> None:
    bits = case.policy in BITS
    fleet, meter = fleets[case.model, bits], (BITS if bits else NUMBERS).index(max(case.policy, 0))
    blocks = stored(fleet, meter, case.model)
    own = case.transport == "udp"  # one of the ways with Gurux's own cipher, under every policy
    with nullcontext() if own else openssl(), reader_of(fleet, meter, case) as reader:
        read_share(reader, case.share)
        write_and_act(reader, fleet, meter, str(case))
        read_rows(reader, blocks, case.model)
        if case.policy == POLICIES[TRANSPORTS.index(case.transport)]:  # once for each way, each under another policy
            check(reader.profile(BLOCK), blocks, case.model)


def read_share(reader: MeterReader, share: int) -> None:
    """None is refused; the one long buffer is read below."""
    view = reader.association_view()
    wanted = [(entry, index) for entry in view for index in entry.readable if (entry.obis, index) != (BLOCK, 2)]
    assert len(wanted) > 500
    answers = reader.read_many(wanted[share::SHARES])
    assert not [answer for answer in answers if isinstance(answer, DataAccessResult)]


def write_and_act(reader: MeterReader, fleet: Spawned, meter: int, words: str) -> None:
    """A SET that the client and the store see, and two methods."""
    reader.write(MESSAGE, 2, Data(Tag.VISIBLE_STRING, words.encode()))
    assert reader.read(MESSAGE).value == words
    statement = """SELECT value FROM sim.attribute_values JOIN sim.meters m ON m.id = meter_id
                    WHERE meter_number = %s AND attribute_values.logical_name = %s"""
    assert fleet.sql(statement, fleet.meters[meter].serial, MESSAGE) == [(words,)]
    for method, is_on in ((1, False), (2, True)):
        reader.act(RELAY, method)
        assert reader.read(RELAY).value is is_on


def read_rows(reader: MeterReader, blocks: Blocks, model: str) -> None:
    """Two days by range, a hundred rows by entry, three columns of a day by range and by entry."""
    start, end = blocks[480][0], blocks[575][0]
    check(reader.profile(BLOCK, start=start, end=end), blocks[480:576], model)
    check(reader.profile(BLOCK, first=1001, count=100), blocks[1000:1100], model)
    columns = [reader.columns(BLOCK)[at].obis for at in (0, 2, 4)]
    some = reader.profile(BLOCK, start=start, end=end, columns=columns)
    assert [column.obis for column in some.columns] == columns
    check(some, blocks[480:576], model)
    check(reader.profile(BLOCK, first=1633, count=48, columns=columns), blocks[1632:], model)
