# SPDX-License-Identifier: MIT
"""The command line as a whole."""

from __future__ import annotations

import errno
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import manual
import pytest
from live import command as command_line
from typer.main import get_command
from typer.testing import CliRunner

from simulator import cli
from simulator.cli import app, main
from simulator.commands import link, options
from simulator.errors import UserError


def test_the_manual_has_every_option_of_every_command() -> None:
    kept = (Path(__file__).parents[1] / "docs" / "commands.md").read_text()
    assert kept == manual.text(), "make it anew: .venv/bin/python tests/manual.py > docs/commands.md"


@pytest.mark.parametrize("command", ["check", "clock"])
def test_a_command_has_no_options_but_its_own(command: str) -> None:
    told = CliRunner().invoke(app, [command, "--help"])
    assert told.exit_code == 0
    assert "completion" not in told.stdout


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("spawn", "N is missing: How many meters; see `meterfleet spawn --help`"),
        ("spawn abc", "N: expected a whole number, not 'abc'; see"),
        ("spawn 3 --speed 2000000", "--speed: a speed is 0 to 1,000,000, or max, not '2000000'; see"),
        ("spawn 3 --hstory 3d", "there is no option --hstory; did you mean --history or --start?; see"),
        ("spawn 3 more", "'more' is more than this command takes; see"),
        ("spwan 3", "did you mean spawn?; see `meterfleet --help`"),
        ("events inject 3 x", "CODES: expected a whole number, not 'x'; see `meterfleet events inject --help`"),
        ("events list --code 9999999999999", "--code: expected at most 65535, not '9999999999999'; see"),
        ("events list --limit 99999999999999999999", "--limit: expected at most 1000000000, not"),
        ("headend --timeout 1e99", "--timeout: expected at most 3600, not '1e99'; see"),
        ("headend --timeout nan", "--timeout: "),
        ("clock --speed", "--speed: its value is missing; see `meterfleet clock --help`"),
        ("clock --step=-1h", "--step -1h: a fleet's time does not go back; give a span ahead"),
        ("link 2 delay=500ms", "'delay=500ms': write a fault in braces: '{delay: 500ms}'"),
        ("link 2 delay:500ms", "'delay:500ms': write a fault in braces: '{delay: 500ms}'"),
        ("link 2 nb-iott", "'nb-iott' is no link profile or quirk pack; known are 4g"),
        ("read", "say which meter"),
        (
            "replay hello --report /nowhere/x.html",
            "--report /nowhere/x.html: there is no folder /nowhere",
        ),
        ("replay hello --junit /", "--junit /: this is a folder; name a file in it"),
        ("replay hello --junit x.xml --report ./x.xml", "--junit and --report name the same file, x.xml; give each"),
        ("link '' '{delay: 2s}'", "METERS is empty; leave it out, or give it a value: 3, 1-20, a serial number"),
        ("spawn 3 --listen udp --listen ''", "--listen is empty; leave it out"),
        ("spawn 3 --block-minutes 0", "a block lasts 15, 30 or 60 minutes, not 0"),
        ("spawn 2 --start 0001-01-01T00:00+05:30", "a fleet starts in the years 2000 to 2099"),
        ("spawn 2 --start 9999-12-31T23:59:00-10:00", "a fleet starts in the years 2000 to 2099"),
        (
            "hes put 1 ACTIVE_ENERGY_IMPORT 5 --at 0001-01-01T00:00+14:00",
            "--at 0001-01-01T00:00+14:00: a reading is of the years 1970 to 2099",
        ),
        ("hes quality --since 2026-01-02 --until 2026-01-01", "--since 2026-01-02 is after --until 2026-01-01"),
        (
            "profile export --meter 1 --from 2026-01-02 --to 2025-12-31",
            "--from 2026-01-02 is after --to 2025-12-31",
        ),
        ("db stop --home /dev/null", "/dev/null is no folder; set METERFLEET_HOME, or --home, to one of yours"),
    ],
)
def test_mistakes_are_told_in_one_way(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str, words: str
) -> None:
    monkeypatch.setenv("METERFLEET_HOME", "/dev/null")  # what is not refused starts nothing on this machine
    monkeypatch.setattr(sys, "argv", ["meterfleet", *shlex.split(line)])
    with pytest.raises(SystemExit) as end:
        main()
    told = capsys.readouterr()
    assert (end.value.code, told.out) == (2, "")
    assert told.err.startswith("meterfleet: ")
    assert words in told.err


def piped(line: str, output: int) -> tuple[int, str]:
    """Exit code and errors of a command whose output goes into this file, which is closed then."""
    words = [sys.executable, "-m", "simulator", *line.split()]
    with open(output, "wb") as end:
        done = subprocess.run(words, stdout=end, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


def test_a_reader_that_goes_away_ends_a_command_without_a_word() -> None:
    """As SIGPIPE ends others: a verdict that nobody has read is no success."""
    reading, writing = os.pipe()
    os.close(reading)
    assert piped("events codes --json", writing) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux")
def test_output_that_cannot_be_written_is_told() -> None:
    told = "meterfleet: the output cannot be written: No space left on device\n"
    assert piped("events codes", os.open("/dev/full", os.O_WRONLY)) == (1, told)


def test_a_closed_output_is_told_before_anything_is_done() -> None:
    line = f"exec {shlex.quote(sys.executable)} -m simulator --version >&-"
    done = subprocess.run(line, shell=True, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    told = "meterfleet: the output is closed; send it to /dev/null if nobody is to read it\n"
    assert (done.returncode, done.stderr) == (1, told)


def test_ctrl_c_while_modules_are_imported_ends_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt")
    line, environment = command_line("--version", home=tmp_path)
    environment["PYTHONPATH"] = str(tmp_path)
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_what_a_terminal_cannot_show_ends_no_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with LC_ALL=C."""
    scenario = tmp_path / "snow.yaml"
    scenario.write_text("name: ☃\nfleet: [{count: 1}]\n")
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, "ascii"))
    monkeypatch.setattr(sys, "argv", ["meterfleet", "check", str(scenario)])
    with pytest.raises(SystemExit) as end:
        main()
    assert (end.value.code, shown.getvalue().split()[1]) == (0, b"\\u2603:")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/nobodys"), "/nobodys cannot be used: Permission denied"),
        (PermissionError(errno.EACCES, "Permission denied"), None),  # of a socket, say: it is not the output's
    ],
)
def test_what_the_machine_refuses_is_told_by_its_name(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], error: OSError, told: str | None
) -> None:
    def refuse() -> int:
        raise error

    monkeypatch.setattr(cli, "_run", refuse)
    monkeypatch.setattr(cli, "_forget_output", lambda: None)
    with pytest.raises(SystemExit if told else PermissionError):
        main()
    assert (told or "") in capfd.readouterr().err


def commands(group: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """All that can be called, with their words."""
    for name in list(group.commands):
        one = group.commands[name]
        if hasattr(one, "commands"):
            yield from commands(one, *path, name)
        else:
            yield (*path, name), one


def examples(command: Any) -> list[str]:
    """Lines of the epilog that can be typed, without remarks, markup and what other programs do."""
    plain = re.sub(r"\[/?(dim|bold)\].*|Examples?:?", "", command.epilog or "")
    lines = (re.split(r"  +| \| | > ", line.strip())[0] for line in plain.splitlines())
    return [line for line in lines if line.startswith("meterfleet ")]


ALL = dict(commands(get_command(app)))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_of_every_command_has_an_example_that_can_be_typed(path: tuple[str, ...]) -> None:
    told = examples(ALL[path])
    assert told
    for line in told:
        program, *words = shlex.split(line)
        assert (program, *words[: len(path)]) == ("meterfleet", *path)
        ALL[path].make_context(path[-1], words[len(path) :])


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_an_option_that_is_empty_is_not_one_that_is_left_out(path: tuple[str, ...]) -> None:
    """`--database "$DSN"`, where DSN is not set, must not be another fleet, nor `--home ""` the current folder."""
    for one in ALL[path].params:
        if not getattr(one, "is_flag", False) and one.default != "":
            words = [one.opts[-1], ""] if one.param_type_name == "option" else [""]
            with pytest.raises(UserError, match="is empty; "):
                ALL[path].make_context(path[-1], words)
            if one.param_type_name == "argument":
                break  # for the next one, this one would have to be right


@pytest.mark.parametrize(("word", "code", "told"), [("--version", 0, "meterfleet 0."), ("spwan", 2, "spwan")])
def test_the_module_is_the_command(tmp_path: Path, word: str, code: int, told: str) -> None:
    """Most other tests start it from `forked`."""
    line, environment = command_line(word, home=tmp_path)
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code
    assert told in done.stdout + done.stderr


def test_words_of_users_and_meters_are_no_markup_of_tables(capsys: pytest.CaptureFixture[str]) -> None:
    """Else a list in a fault would be hidden, and `[/x]` in a reason end the command."""
    words = "{clock_status: [doubtful, invalid]} [/x]"
    link._show([{"meters": "1", "fault": words, "struck": 1, "until_ms": None, "of_model": False, "part": ""}], 0, 330)
    options.show_rows([{"why": words}], {"why": "why"}, as_json=False, none="")
    assert capsys.readouterr().out.count(words) == 2


def test_a_fault_of_a_pack_is_told_with_its_part_and_its_end_as_the_fleets_clock_shows_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fault = {"meters": "6", "fault": "{link: nb-iot}", "struck": 0, "until_ms": 1_748_716_200_500, "of_model": False}
    link._show([{**fault, "part": "delay"}, {**fault, "part": "loss", "until_ms": None}], 0, 330)
    shown = capsys.readouterr().out
    assert "{link: nb-iot}: delay" in shown
    assert "{link: nb-iot}: loss" in shown
    assert "2025-06-01 00:00:00+05:30" in shown


@pytest.mark.parametrize("command", ["read", "write", "act"])
def test_where_there_is_no_dim_text_the_examples_comments_are_told_by_a_sign(command: str) -> None:
    told = CliRunner().invoke(app, [command, "--help"]).stdout
    examples = told.partition("Examples")[2]
    assert " # " in examples
    assert "\x1b" not in examples
