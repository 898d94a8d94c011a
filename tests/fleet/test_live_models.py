# SPDX-License-Identifier: GPL-2.0-only
"""A user's own model: three lines make a meter that a client can read, and every mistake is told where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from live import BLOCK, ENERGY, INSTANTANEOUS, Judge, Spawned, run, spawned

AT = ("--start", "2025-06-10T10:00:00+05:30", "--speed", 0)
RATING, VOLTAGE, MAKER = "0.0.94.91.12.255", "1.0.12.7.0.255", "0.0.96.1.1.255"


@pytest.fixture(scope="module")
def mine(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spawned]:
    model = tmp_path_factory.mktemp("models") / "mine.yaml"
    model.write_text(f"extends: is15959-1ph\ntitle: My make\nvalues: {{{RATING}: {{value: (5-30) A}}}}\n")
    with spawned(home, 2, "--model", model, *AT, "--history", "1d") as fleet:
        yield fleet


def test_three_lines_make_a_meter_that_can_be_read(mine: Spawned) -> None:
    with Judge(mine.meters[0]) as judge:
        assert judge.get(1, RATING).value == "(5-30) A"
        assert judge.get(1, MAKER).value == "Meterfleet"  # what is not said is inherited
        assert judge.get(3, ENERGY).octets[0] == 23
        assert len(judge.rows(BLOCK)) == 48 + 20
        assert judge.rows(INSTANTANEOUS)
    assert mine.sql("SELECT DISTINCT profile FROM sim.meters") == [("mine",)]


def test_a_model_may_extend_a_neighbour_and_take_objects_away(home: Path, tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("extends: is15959-1ph-integer\nflag: ABC\nblock_minutes: 60\n")
    own = tmp_path / "own.yaml"
    own.write_text(f"extends: base\nvalues: {{{MAKER}: {{value: Élan}}}}\nprofiles: {{{BLOCK}: {{depth: 5}}}}\n")
    with spawned(home, 1, "--model", own, *AT, "--history", "1d") as fleet, Judge(fleet.meters[0]) as judge:
        assert bytes(judge.get(1, "0.0.42.0.0.255").octets[2:5]) == b"ABC"
        assert judge.get(1, MAKER).octets == b"\x0a\x05" + "Élan".encode()
        assert judge.get(3, ENERGY).octets[0] == 6
        assert judge.get(1, "1.0.0.8.4.255").value == 3600
        rows = judge.rows(BLOCK)
        assert len(rows) == judge.get(7, BLOCK, 8).value == 5
        assert [row[0][5] for row in rows] == [6, 7, 8, 9, 10]  # hours of 10 June
    assert fleet.sql("SELECT DISTINCT block_interval_minutes FROM sim.block_load_profile") == [(60,)]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["regsters: integer"], {2: "unknown key"}),
        (["clients: {32: {max_pduu: 512}}"], {2: "unknown key"}),
        (["phases: two"], {2: "phases"}),
        (["objects:", "  metering: [1.0.1.99.0.255]"], {3: "1.0.1.99.0.255 is not in the registry"}),
        (["objects:", "  metering: [1.0.1.8.255]"], {3: "is not a logical name"}),
        (["objects:", "  metering:", "    - 1.0.1.8.1.255"], {4: "listed twice"}),
        (["objects:", "  metring: [1.0.0.4.2.255]"], {3: "did you mean metering?"}),
        (["values:", "  1.0.1.8.255: {value: 7}"], {3: "is not among the model's objects"}),
        (["values:", f"  {RATING}: {{value: 7}}"], {3: "is not text"}),
        (["values:", "  0.0.96.1.4.255: {value: soon}"], {3: "whole number from 0 to 65535"}),
        (["values:", f"  {RATING}: {{valu: x}}"], {3: "did you mean value?"}),
        (["registers: complex"], {2: "known are float32, integer"}),
        (["tariff: [{start: '06:10', zone: 1}]"], {2: "quarter of an hour"}),
        (["access: {message: {32: r w2 q}}"], {2: "'q' is not a right"}),
        (["access: {message: {99: r}}"], {2: "client 99 is not among the clients"}),
        (["clients: {32: {conformance: [get, sett]}}"], {2: "did you mean set?"}),
        (["profiles:", f"  {BLOCK}: {{capture: [1.0.77.7.0.255]}}"], {3: "is not among the model's objects"}),
        (["title: one", "title: two"], {3: "given twice"}),
        (["phases: 2", "block_minutes: 20", "flag: meter"], {2: "phases", 3: "block_minutes", 4: "flag"}),
        (
            ["objects:", "  metering: [1.0.1.99.0.255]", "values:", "  0.0.1.99.0.255: {value: 1}"],
            {3: "not in the registry", 5: "is not among the model's objects"},
        ),
        (
            ["values:", "  0.0.96.1.4.255: {value: soon}", f"  {RATING}: {{valu: x}}",
             "  0.0.94.91.9.255: {value: 256}"],
            {3: "whole number", 4: "no such attribute", 5: "from 0 to 255"},
        ),
    ],
)  # fmt: skip
def test_every_mistake_is_told_with_path_and_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lines: list[str],
    told: dict[int, str],
) -> None:  # fmt: skip
    from simulator.cli import main

    model = tmp_path / "mine.yaml"
    model.write_text("\n".join(["extends: is15959-1ph", *lines, ""]), encoding="utf-8")
    monkeypatch.setenv("METERFLEET_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("sys.argv", ["meterfleet", "spawn", "1", "--model", str(model)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    words = capsys.readouterr().err
    for line, word in told.items():
        (sentence,) = [text for text in words.splitlines() if f"{model}:{line}:" in text]
        assert word in sentence
    assert not (tmp_path / "home").exists()


def test_extending_in_a_circle_ends_with_path_and_line(tmp_path: Path) -> None:
    for name, parent in (("one", "two"), ("two", "three"), ("three", "one")):
        (tmp_path / f"{name}.yaml").write_text(f"title: {name}\nextends: {parent}\n")
    done = run("spawn", 1, "--model", tmp_path / "one.yaml", home=tmp_path / "home")
    assert done.returncode == 2
    assert f"{tmp_path / 'three.yaml'}:2:" in done.stderr
    assert "in a circle" in done.stderr


def test_extending_nothing_known_is_told(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("extends: is15959-9ph\n")
    done = run("check", tmp_path / "mine.yaml", home=tmp_path)
    assert done.returncode == 2
    assert f"{tmp_path / 'mine.yaml'}:1:" in done.stderr
    assert "is15959-9ph" in done.stderr
