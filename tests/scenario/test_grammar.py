# SPDX-License-Identifier: MIT
"""What a scenario may say: every mistake at once with its line, parameters, includes, times, selectors, chance."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from playing import judge

from simulator.documents import read_leniently, read_yaml
from simulator.errors import UserError
from simulator.fleet.spec import FleetSpec
from simulator.scenario.recording import read_alarms
from simulator.scenario.replay import Result
from simulator.scenario.report import tables
from simulator.scenario.scenario import Scenario, load_scenario
from simulator.scenario.selecting import Selector
from simulator.scenario.timing import Turn, timeline
from simulator.scenario.words import parse_comparison, parse_moment

FLEET = "name: x\nfleet: [{count: 10, feeder: {A: 0.5, B: 0.5}}]\n"
START_MS = 1_750_000_000_000  # 2025-06-15T15:06:40Z
TEN_MISTAKES = """\
name: ten mistakes
sed: 4
clock: {start: yesterday, speed: fast}
fleet:
  - {model: is15959-9ph, count: 0}
timeline:
  - {at: soon, do: relay, to: open}
  - {at: 5m, do: blackout}
  - {at: 5m, do: relay, to: ajar, fro: 3m}
expect:
  - {event: 201, share: most}
"""


MISTAKES_OF_ALL_KINDS = """\
name: everything at once
seed: 4
seed: 5
clock: {start: "2025-06-01T10:00:00+05:30", sped: 60}
history: a week
fleet:
  - {model: is15959-9ph, count: 10, feeder: {A: 0.5, B: 0.5}, group: homes}
  - {count: 0, load: shopp, serial: 12345678, group: shops}
network:
  - {listen: tcp, framing: wraper}
  - {listen: tcp, address: 127.1.0.300}
push: {destination: "127.0.0.1:4070,tpc"}
timeline:
  - {id: one, at: 5m, do: outage, on: {group: home}, for: soon}
  - {id: one, at: 5h, do: relay, to: open, on: {feeder: A}}
  - {at: 5m, do: event, code: 12345, count: 3, every: 0s}
  - {at: 5m, do: clock_drift, until: 3h}
  - {at: 5m, do: load, shape: shopp, on: {index: none}}
  - {at: 5m, do: relay, to: ajar, on: {group: shop}}
  - {at: 5m, on: all}
  - {at: 6m, do: sql, file: nowhere.sql}
  - {at: 6m, do: link, faults: [{drop: 2}, {dorp: 1}], for: 1m}
  - {do: log, text: [1], stagger: 1m}
  - just words
expect:
  - {event: 201, after: two, share: most}
  - {alarm: 54321, within: 2h}
  - {read: "1.0.1.8.0.255:2", on: {group: homs}}
  - {pushed: alert, at: 3h}
  - {sql: SELECT 1, value: about 3}
  - {share: 0.5}
end: 1h
last: word
"""


def load(folder: Path, text: str, name: str = "scenario.yaml", **settings: str) -> Scenario:
    path = folder / name
    path.write_text(text)
    return load_scenario(path, settings)


def mistakes(folder: Path, text: str, **settings: str) -> list[str]:
    with pytest.raises(UserError) as error:
        load(folder, text, **settings)
    return [f"{mistake.line}: {mistake.message}" for mistake in error.value.mistakes]


def test_ten_mistakes_are_told_with_their_lines(tmp_path: Path) -> None:
    told = mistakes(tmp_path, TEN_MISTAKES)
    assert [(one.split(":")[0], one.split()[1]) for one in told] == [
        ("2", "sed:"),
        ("3", "clock.start:"),
        ("3", "clock.speed:"),
        ("5", "fleet.0.model:"),
        ("5", "fleet.0.count:"),
        ("7", "timeline.0.at:"),
        ("8", "timeline.1.do:"),
        ("9", "timeline.2.to:"),
        ("9", "timeline.2.fro:"),
        ("11", "expect.0.share:"),
    ]
    assert "did you mean seed?" in told[0]
    assert "did you mean is15959-" in told[3]
    assert "did you mean for?" in told[8]


def test_mistakes_of_all_kinds_are_told_in_one_pass(tmp_path: Path) -> None:
    told = mistakes(tmp_path, MISTAKES_OF_ALL_KINDS)
    assert [tuple(one.split()[:2]) for one in told] == [
        ("3:", "the"),  # key 'seed' is given twice
        ("4:", "clock.sped:"),
        ("5:", "history:"),
        ("7:", "fleet.0.model:"),
        ("8:", "fleet.1.count:"),
        ("8:", "fleet.1.load:"),
        ("8:", "fleet.1.serial:"),
        ("10:", "network.0:"),
        ("11:", "network.1:"),
        ("12:", "push:"),
        ("14:", "timeline.0.on:"),
        ("14:", "timeline.0.for:"),
        ("15:", "timeline.1.id:"),
        ("15:", "timeline.1.at:"),
        ("16:", "timeline.2:"),
        ("16:", "timeline.2.every:"),
        ("17:", "timeline.3:"),
        ("18:", "timeline.4.shape:"),
        ("18:", "timeline.4.on.index:"),
        ("19:", "timeline.5.to:"),
        ("19:", "timeline.5.on:"),
        ("20:", "timeline.6:"),
        ("21:", "timeline.7.file:"),
        ("22:", "timeline.8.faults:"),
        ("23:", "timeline.9.text:"),
        ("23:", "timeline.9.stagger:"),
        ("24:", "timeline.10:"),
        ("26:", "expect.0.after:"),
        ("26:", "expect.0.share:"),
        ("27:", "expect.1:"),
        ("27:", "expect.1.within:"),
        ("28:", "expect.2:"),
        ("28:", "expect.2.on:"),
        ("29:", "expect.3.at:"),
        ("30:", "expect.4.value:"),
        ("31:", "expect.5:"),
        ("33:", "last:"),
    ]
    for theirs in ("Input should", "valid", "Value error", "Field required", "Extra inputs", "pydantic"):
        assert not [one for one in told if theirs in one]


def test_the_schema_refuses_each_of_them(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(TEN_MISTAKES)
    assert list(judge().iter_errors(read_leniently(MISTAKES_OF_ALL_KINDS, path)[0].data))
    refused = {tuple(error.absolute_path)[:2] for error in judge().iter_errors(read_yaml(path).data)}
    assert refused >= {(), ("clock", "start"), ("clock", "speed"), ("fleet", 0), ("timeline", 0), ("timeline", 1),
                       ("timeline", 2), ("expect", 0)}  # fmt: skip


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("timeline: [{do: log, text: a, id: one}, {do: log, text: b, id: one}]", "the id 'one' is given twice"),
        ("expect: [{event: 201, after: two}]", "no step has the id 'two'"),
        ("timeline: [{do: relay, to: open, on: {feeder: C}}]", "no meter has the feeder 'C'; known are A, B"),
        ("timeline: [{do: relay, to: open, on: {meters: 11}}]", "'11' is no meter"),
        ("timeline: [{do: event, code: [201, 12345]}]", "no model of the fleet knows event 12345"),
        ("expect: [{alarm: 12345}]", "no model of the fleet knows event 12345"),
        ("push: {destination: '127.0.0.1:4070,tpc'}", "'tpc' is not known"),
        ("timeline: [{do: push, setup: instnt}]", "did you mean instant?"),
        ("timeline: [{do: link, faults: [{drip: 1}]}]", "drop"),
        ("timeline: [{do: relay, to: open, until: 3h}]", "until and count belong to every"),
        ("timeline: [{do: relay, to: open, every: 0s}]", "takes no time"),
        ("timeline: [{do: write, object: '1.0.1.8.0:2', value: 'integer:1'}]", "names no attribute or method"),
        ("timeline: [{do: write, object: '0.0.96.13.1.255:2', value: '12'}]", "write the type before the value"),
        ("timeline: [{do: log, text: a, every: 1h}]\nexpect: [{event: 201}]", "repeats without end"),
        ("expect: [{read: '1.0.1.8.0.255:2'}]", "give equals, value or refused"),
        ("expect: [{sql: SELECT 1, event: 201, equals: 1}]", "say what is expected, one of"),
        ("network: ['tcp,port=4059']", "'tcp' is not known"),
        ("network: [{framing: wrapper, port: 99999}]", "is not a port"),
        ("network: [wrapper, 'wrapper,port=4059']", "wrapper,port=4059: --listen wrapper is the same place"),
        ("network: [{listen: ftp, framing: wrapper}]", "listen: 'ftp' is not known"),
        ("network: [{listen: udp, framing: hdlc}]", "over udp there is no 'hdlc'; known are wrapper"),
        ("network: [{listen: tcp, address: 127.1.0.0/29}]", "10 addresses from 127.1.0.1 go beyond 127.1.0.0/29"),
        ("replay: {csv: nowhere.csv}", "there is no file"),
        ("timeline: [{do: sql, file: nowhere.sql}]", "there is no file"),
        ("include: [nowhere.yaml]", "there is no file"),
        ("seed: ${nobody}", "${nobody} is not a parameter"),
        ('clock: {start: "0001-01-01T00:00:00+05:30"}', "clock.start: '0001-01-01T00:00:00+05:30' is not a moment of"),
        ('clock: {start: "2100-06-01T00:00:00+05:30"}', "clock.start: a fleet starts in the years 2000 to 2099"),
        ('end: "9999-12-31T23:00-01:00"', "'9999-12-31T23:00-01:00' is not a moment of the years 2000 to 2100"),
        ("timeline: [{do: log, text: a, at: 2025-02-30}]", "'2025-02-30' is not a moment of the years"),
        ("timeline: [{do: relay, to: open, on: {index: 11-19}}]", "timeline.0.on: nobody is chosen"),
        ("timeline: [{do: relay, to: open, on: [{index: 1}, {feeder: A, meters: 1, index: 2}]}]", "nobody is chosen"),
        (
            "timeline: [{do: relay, to: open, on: {meters: 1-4, share: 0}}]",
            "nobody is chosen; 0 of 4 meters is none",
        ),
        ("expect: [{event: 201, on: {feeder: A, meters: 2}}]", "expect.0.on: nobody is chosen"),
        (
            "timeline: [{do: relay, to: open, on: {step: a}}]",
            "no step above this one strikes meters",
        ),
        (
            "timeline: [{id: a, do: relay, to: open, on: {step: a}}]",
            "no step above this one",
        ),
        ("timeline: [{id: a, do: log, text: a}]\nexpect: [{event: 201, on: {step: a}}]", "no step of this scenario"),
        ("timeline: [{id: a, do: outage, on: {feeder: A}}, {do: restore, on: {feeder: B, step: a}}]", "nobody is"),
        ("timeline: [{id: a, do: outage}, {id: a, do: restore, on: {step: a}}]", "the id 'a' is given twice"),
        ("timeline: [{do: relay, to: open, on: {index: 4-2}}]", "timeline.0.on.index: '4-2' ends before it begins"),
        ("timeline: [{do: relay, to: open, for: 99999999999d}]", "is longer than a hundred years"),
        ("timeline: [{do: relay, to: open, on: []}]", "timeline.0.on: nobody is chosen; write all, or which"),
        ("timeline: [{do: event, code: []}]", "timeline.0.code: expected"),
        ("expect: [{event: []}]", "expect.0.event: expected"),
        ("expect: [{alarm: []}]", "expect.0.alarm: expected"),
        ('expect: [{event: 201, share: ">= 300%"}]', "share: >= 3 is never so; a share is 0 to 1, or 0% to 100%"),
        ('expect: [{event: 201, count: "< 0"}]', "count: < 0 is never so; a count is 0 or more"),
        ('expect: [{read: "1.0.1.8.0.255:2", refused: nonsense}]', "expect.0.refused: 'nonsense' is no refusal; known"),
        ('expect: [{read: "1.0.1.8.0.255:2", refused: success}]', "expect.0.refused: 'success' is no refusal; known"),
    ],
)
def test_a_mistake_is_told_where_it_is(tmp_path: Path, line: str, words: str) -> None:
    (told,) = mistakes(tmp_path, FLEET + line + "\n")
    assert words in told
    assert int(told.partition(":")[0]) >= 3


@pytest.mark.parametrize("feeder", ["{A: 0}", "{A: -1, B: 1}", "{A: -1}", "{A: .inf}", "{}"])
def test_shares_of_feeders_are_shares(tmp_path: Path, feeder: str) -> None:
    told = mistakes(tmp_path, f"name: x\nfleet:\n  - {{count: 4, feeder: {feeder}}}\n")
    assert [one.partition(" ")[0] for one in told] == ["3:"]
    assert "fleet.0.feeder" in told[0]
    assert "expected" in told[0]


def test_parameters_keep_their_types_and_the_user_may_give_others(tmp_path: Path) -> None:
    text = 'name: x ${n}\nparameters: {n: 3}\nfleet: [{count: "${n}"}]\n'
    assert load(tmp_path, text).spec.count == 3
    assert load(tmp_path, text, n="5").head.name == "x 5"
    assert load(tmp_path, text, n="5").digest != load(tmp_path, text).digest
    with pytest.raises(UserError, match=r"--set m: there is no such parameter; known are n"):
        load(tmp_path, text, m="5")
    assert mistakes(tmp_path, text, n="many")[0].startswith("3: fleet.0.count:")


def test_includes_come_first_and_their_mistakes_stand_in_their_files(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text("fleet:\n  - {count: 2}\ntimeline:\n  - {do: log, text: included}\n")
    scenario = load(tmp_path, "name: x\ninclude: [fleet.yaml]\nfleet: [{count: 3}]\ntimeline: [{do: log, text: own}]\n")
    assert scenario.spec.count == 5
    assert [entry.model_dump()["text"] for entry in scenario.entries] == ["included", "own"]
    (tmp_path / "fleet.yaml").write_text("fleet:\n  - {count: none}\n")
    with pytest.raises(UserError, match=r"fleet.yaml:2:13: fleet.0.count"):
        load(tmp_path, "name: x\ninclude: [fleet.yaml]\n")
    (tmp_path / "fleet.yaml").write_text("include: [scenario.yaml]\n")
    with pytest.raises(UserError, match="in a circle"):
        load(tmp_path, "name: x\ninclude: [fleet.yaml]\n")


def test_moments() -> None:
    assert parse_moment("90s").instant(START_MS, 330) == START_MS + 90_000
    assert _local(parse_moment("20:40").instant(START_MS, 330)) == "2025-06-15 20:40:00"
    assert _local(parse_moment("20:30").instant(START_MS, 330)) == "2025-06-16 20:30:00"  # it is 20:36:40
    assert _local(parse_moment("2025-06-17T01:00").instant(START_MS, 330)) == "2025-06-17 01:00:00"
    assert _local(parse_moment("2025-06-17T01:00Z").instant(START_MS, 330)) == "2025-06-17 06:30:00"


def _local(instant_ms: int) -> str:
    zone = dt.timezone(dt.timedelta(minutes=330))
    return str(dt.datetime.fromtimestamp(instant_ms / 1000, zone).replace(tzinfo=None))


def test_comparisons() -> None:
    assert parse_comparison(">= 99%").holds(0.99)
    assert not parse_comparison(">= 0.99").holds(0.98)
    assert parse_comparison(3).holds(3)
    with pytest.raises(ValueError, match="is not a comparison"):
        parse_comparison("about 3")


def turns(folder: Path, entry: str, **settings: str) -> list[Turn]:
    scenario = load(folder, FLEET + f"end: 1d\ntimeline: [{entry}]\n")
    return list(timeline(scenario.entries, scenario.times(0)))


def minutes(found: list[Turn]) -> list[tuple[float, str]]:
    return [(turn.at_ms / 60_000, turn.key) for turn in found]


def test_a_step_repeats_and_is_undone(tmp_path: Path) -> None:
    found = turns(tmp_path, "{id: r, at: 10m, do: relay, to: open, for: 7m, every: 5m, count: 2}")
    assert minutes(found) == [(10, "r#0"), (15, "r#1"), (17, "r#0/undo"), (22, "r#1/undo")]
    assert [turn.key for turn in turns(tmp_path, "{do: log, text: a, every: 2h, until: 4h}")] == [
        "timeline.0#0",
        "timeline.0#1",
        "timeline.0#2",
    ]


def test_a_stagger_goes_through_all_meters_in_waves(tmp_path: Path) -> None:
    found = turns(tmp_path, "{do: relay, to: open, stagger: 10m}")
    assert [turn.wave for turn in found] == list(range(20))
    assert max(turn.at_ms for turn in found) < 600_000


def test_chance_follows_from_the_seed(tmp_path: Path) -> None:
    entry = "{do: log, text: a, at: 1h, random: {count: 5, within: 2h}}"
    first, again = turns(tmp_path, entry), turns(tmp_path, entry)
    assert first == again
    assert len({turn.at_ms for turn in first}) == 5
    assert all(3_600_000 <= turn.at_ms < 3 * 3_600_000 for turn in first)


def chosen(scenario: Scenario, slot: int = 1, **words: Any) -> list[int]:
    selector = Selector.model_validate(words)
    return scenario.residents.choose((selector,), slot).tolist()


GROUPS = """\
name: x
fleet:
  - {count: 6, feeder: {A: 0.5, B: 0.5}, group: homes}
  - {model: is15959-3ph, count: 4, feeder: B, group: shops}
"""


def test_selectors_choose_and_combine(tmp_path: Path) -> None:
    scenario = load(tmp_path, GROUPS)
    assert chosen(scenario, model="*3ph") == chosen(scenario, group="shops") == [6, 7, 8, 9]
    assert chosen(scenario, feeder="B", meters="1-7,10") == [*chosen(scenario, feeder="B", group="homes"), 6, 9]
    assert chosen(scenario, group="shops", index="2-3") == [7, 8]
    assert chosen(scenario, serial="*0000003") == [2]
    assert len(chosen(scenario, group="homes", share=0.5)) == 3
    assert chosen(scenario) == list(range(10))


def test_a_group_may_say_what_its_serial_numbers_begin_with(tmp_path: Path) -> None:
    text = "name: x\nfleet: [{count: 2}, {count: 3, serial: 881}, {count: 1, serial: '00912'}]\n"
    scenario = load(tmp_path, text)
    serials = scenario.spec.serials(range(6))
    assert serials[:2] == load(tmp_path, FLEET).spec.serials(range(2))
    assert serials[2:] == ["8810000003", "8810000004", "8810000005", "009120000006"]
    assert chosen(scenario, serial="881*") == [2, 3, 4]
    assert chosen(scenario, meters="8810000004,009120000006") == [3, 5]
    assert FleetSpec.stored(scenario.spec.as_dict()) == scenario.spec
    told = mistakes(tmp_path, "name: x\nfleet: [{count: 2, serial: A12}, {count: 2, serial: 123456}]\n")
    assert ["write 3 to 5 digits" in one for one in told] == [True, True]


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("{listen: tcp, framing: wrapper, port: 4060}", "wrapper,port=4060"),
        ("{listen: tcp, framing: hdlc, shared: true}", "hdlc,shared=1"),
        ("{listen: udp, framing: wrapper}", "udp"),
        ("{listen: serial, pty: 2}", "serial,pty=2"),
        ("{listen: dial, framing: hdlc, address: '127.0.0.1:4064'}", "dial,address=127.0.0.1:4064,hdlc=1"),
        ("{framing: gateway}", "gateway"),
    ],
)
def test_a_place_names_transport_and_framing(tmp_path: Path, place: str, text: str) -> None:
    assert load(tmp_path, f"{FLEET}network: [{place}]\n").head.listens == [text]


def test_a_network_begins_with_the_first_address_that_a_meter_may_have(tmp_path: Path) -> None:
    (listen,) = load(tmp_path, FLEET + "network: [{listen: tcp, address: 127.1.0.0/28}]\n").listens()
    assert [listen.place_of(number).host for number in (0, 9)] == ["127.1.0.1", "127.1.0.10"]
    (listen,) = load(tmp_path, FLEET + "network: [{listen: tcp, address: 127.1.0.3/28}]\n").listens()
    assert listen.place_of(0).host == "127.1.0.3"


def test_a_share_stays_when_other_meters_come(tmp_path: Path) -> None:
    few = load(tmp_path, GROUPS)
    many = load(tmp_path, GROUPS + "  - {count: 40, group: others}\n")
    assert chosen(few, group="homes", share=0.5) == chosen(many, group="homes", share=0.5)
    assert len(chosen(few, group="homes", share=0.01)) == 1  # a scenario made small still strikes somebody
    assert any(chosen(few, slot, share=0.3) != chosen(few, 1, share=0.3) for slot in range(2, 9))


def test_recorded_alarms_become_steps(tmp_path: Path) -> None:
    csv = "time,meter,code\n2025-01-01T10:00:00,3,201\n2025-01-01T10:00:00,4,201\n2025-01-01T10:02:00,3,202\n"
    (tmp_path / "alarms.csv").write_text(csv)
    text = FLEET + "replay: {csv: alarms.csv, at: 1m}\n"
    found = timeline(load(tmp_path, text).entries, load(tmp_path, text).times(0))
    assert [turn.at_ms for turn in found] == [60_000, 180_000]
    (tmp_path / "alarms.csv").write_text("time,meter,code\nthen,3,201\n0s,11,201\n0s,1,x\n0s,1,12345\n")
    told = mistakes(tmp_path, text)
    assert [one.partition(":")[0] for one in told] == ["2", "3", "4", "5"]
    assert told[2] == "4: code: expected a whole number, not 'x'"


def test_the_path_of_a_model_counts_from_the_scenarios_folder(tmp_path: Path) -> None:
    (told,) = mistakes(tmp_path, "name: x\nfleet: [{count: 1, model: nowhere.yaml}]\n")
    assert told == f"2: fleet.0.model: {tmp_path}/nowhere.yaml: there is no such file"


def test_names_that_are_too_long_for_files_are_files_that_are_not_there(tmp_path: Path) -> None:
    long = "x" * 5000
    text = f"{FLEET}include: [{long}]\ntimeline: [{{do: sql, file: {long}}}]\nreplay: {{csv: {long}}}\n"
    assert [one.partition(":")[0] for one in mistakes(tmp_path, text)] == ["3", "4", "5"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (f"timeline: [{{do: relay, to: open, on: {{meters: '{'9' * 5000}'}}}}]", "is no meter"),
        (f"timeline: [{{do: relay, to: open, on: {{index: '1-{'9' * 5000}'}}}}]", "is no number or range"),
        (f"network: ['wrapper,port={'9' * 5000}']", "is not a port"),
        (f"fleet: [{{count: 1, group: {'x' * 5000}}}]", "at most 100 letters"),
    ],
    ids=["meters", "index", "port", "group"],
)
def test_numbers_and_names_of_thousands_of_letters_are_none(tmp_path: Path, line: str, words: str) -> None:
    (told,) = mistakes(tmp_path, f"name: x\n{'' if 'fleet' in line else 'fleet: [{count: 10}]'}\n{line}\n")
    assert words in told


def test_recorded_alarms_are_looked_at_alone_as_in_a_scenario(tmp_path: Path) -> None:
    path = tmp_path / "alarms.csv"
    path.write_text("time,meter,code\n0001-01-01,1,101\n9999-01-01,1,101\n18:00,1,101\n5m,1,101\n")
    with pytest.raises(UserError) as alone:
        read_alarms(path)
    assert [mistake.line for mistake in alone.value.mistakes] == [2, 3, 4]
    with pytest.raises(UserError) as within:
        load(tmp_path, f"{FLEET}replay: {{csv: alarms.csv}}\n")
    assert alone.value.mistakes == within.value.mistakes


def test_recorded_alarms_may_lie_further_apart_than_a_span_can_say(tmp_path: Path) -> None:
    (tmp_path / "alarms.csv").write_text("time,meter,code\n0s,1,101\n36525d,1,101\n")
    found = load(tmp_path, f"{FLEET}replay: {{csv: alarms.csv, at: 1d}}\n").entries
    assert [one.at and one.at.offset_ms for one in found] == [86_400_000, 36_526 * 86_400_000]


def test_a_name_of_thousands_of_letters_is_cut_in_the_tables_of_a_replay(tmp_path: Path) -> None:
    scenario = load(tmp_path, f"{FLEET}expect: [{{name: {'x' * 5000}, sql: SELECT 1, value: 1}}]\n")
    *_, expected = tables(Result(scenario, (), START_MS, START_MS))
    assert list(expected.columns[0].cells) == ["x" * 80 + "…"]
