# SPDX-License-Identifier: MIT
"""`meterfleet run` and `replay`: a fleet from a scenario file, served on, or played to its end and judged."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from simulator import __version__
from simulator.commands.options import SpeedOption
from simulator.commands.outputs import check_apart, check_output, unwritten, write_whole
from simulator.commands.place import DatabaseOption, HomeOption, Place, place_to_replay, place_to_spawn
from simulator.commands.starting import ready_console, run_loop, serve_fleet
from simulator.errors import MeterfleetError, UserError
from simulator.fleet.pace import MAX_SPEED
from simulator.fleet.runner import Fleet, RunOptions
from simulator.scenario.html import page
from simulator.scenario.player import Player
from simulator.scenario.reading import scenario_path
from simulator.scenario.replay import Result, emptied, replay
from simulator.scenario.report import junit as as_junit
from simulator.scenario.report import tables
from simulator.scenario.scenario import Scenario, load_scenario
from simulator.scenario.sink import pushing
from simulator.scenario.summary import remarks
from simulator.store.database import Store
from simulator.store.history import StepRow
from simulator.values import counted

log = logging.getLogger(__name__)

_DEFAULT = "hello"
_LONGEST_NAME = 24
RUN_EPILOG = """Examples:

meterfleet run                                the shipped scenario `hello`

meterfleet run storm-outage --set count=500   another shipped one, with a parameter

meterfleet run my.yaml --speed 60             a file of yours, a simulated minute a second"""
REPLAY_EPILOG = """Examples:

meterfleet replay storm-outage                a shipped scenario to its end; exit code 1 if an expectation is missed

meterfleet replay my.yaml --set count=500 --junit result.xml --report result.html"""

ScenarioArgument = Annotated[str, typer.Argument(metavar="SCENARIO", help="A shipped scenario, or a path to a file.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the scenario; may be repeated.")
]
ListenOption = Annotated[
    list[str] | None, typer.Option(help="Where meters listen instead, as `spawn --listen`; may be repeated.")
]
FreshOption = Annotated[bool, typer.Option("--fresh", help="Empty the database first: all that it holds is lost.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print a ready event as one line of JSON.")]


def run(
    scenario: ScenarioArgument = _DEFAULT,
    settings: SetOption = None,
    speed: SpeedOption = None,
    listen: ListenOption = None,
    fresh: FreshOption = False,
    database: DatabaseOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start the fleet of a scenario, let happen what it says, and serve on until Ctrl-C; again: goes on."""
    loaded = load_scenario(scenario_path(scenario), _settings(settings))
    options = RunOptions(loaded.listens(listen), loaded.head.clock.rate if speed is None else speed)
    console = ready_console()
    console.print(headline(loaded), highlight=False, markup=False)
    place = place_to_spawn(database, home, _name("run", loaded))

    async def prepare(fleet: Fleet) -> None:
        await Player(loaded, fleet, told=_tell).prepare()

    async def main() -> None:
        if fresh:
            await _empty(place, fresh=True)
        async with pushing(loaded) as push:
            pushes = replace(options, push=push)
            await serve_fleet(loaded.spec, pushes, place, console, as_json=as_json, prepare=prepare)

    run_loop(main())


def replayed(
    scenario: ScenarioArgument,
    settings: SetOption = None,
    speed: SpeedOption = None,
    junit: Annotated[Path | None, typer.Option(help="Write the verdicts as JUnit XML.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write a report as one HTML file.")] = None,
    listen: ListenOption = None,
    fresh: FreshOption = False,
    database: DatabaseOption = None,
    home: HomeOption = None,
) -> None:
    """Play a scenario to its end, as fast as the work goes, and check what it expects; exit code 1 if that is missed.

    On the embedded server it begins anew and drops older replays of that file name, but none that somebody is using.
    """
    check_output("--junit", junit)
    check_output("--report", report)
    check_apart("--junit", junit, "--report", report)
    loaded = load_scenario(scenario_path(scenario), _settings(settings))
    options = RunOptions(loaded.listens(listen), MAX_SPEED if speed is None else speed)
    console = ready_console()
    console.print(headline(loaded), highlight=False, markup=False)
    results: list[Result] = []

    async def main(place: Place) -> None:
        await _empty(place, fresh=fresh or not database)
        store = await Store.open(place.dsn, revive=place.revive)
        results.append(await replay(loaded, options, store))

    with place_to_replay(database, home, _name("replay", loaded)) as (place, dropped):
        if dropped:
            console.print(f"{counted(dropped, 'older replay')} of this scenario dropped", highlight=False)
        run_loop(main(place))
        place.remember_unless_served()
    _show(results[0], console, junit, report)
    if not results[0].is_good:
        raise typer.Exit(1)


async def _empty(place: Place, *, fresh: bool) -> None:
    store = await Store.open(place.dsn, revive=place.revive)
    try:
        await emptied(store, fresh=fresh)
    finally:
        await store.close()


def headline(scenario: Scenario) -> str:
    """The first words of every run."""
    head, spec = scenario.head, scenario.spec
    return f"meterfleet {__version__}  {head.name}, hash {scenario.digest}, seed {spec.seed}, {spec.count:,} meters"


def _show(result: Result, console: Console, junit: Path | None, report: Path | None) -> None:
    out = Console()
    for table in tables(result):
        out.print(table, end="\n\n")
    failures: list[MeterfleetError] = []
    for path, what, told in ((junit, "verdicts", as_junit), (report, "report", lambda found: page(found).encode())):
        if path is not None:
            try:
                write_whole(path, told(result))
                console.print(f"{what}: {path.resolve()}", highlight=False, soft_wrap=True)
            except OSError as error:
                failures.append(unwritten(path, error))
    console.print("as expected" if result.is_good else "not as expected", style="green" if result.is_good else "red")
    if failures:
        raise failures[0]


def _tell(row: StepRow) -> None:
    if row.outcome != "BEGUN":
        log.info("%s: %s %s", row.detail.get("expected", f"{row.step}, {row.kind}"), row.outcome, remarks([row]))


def _settings(pairs: list[str] | None) -> dict[str, str]:
    settings = {}
    for pair in pairs or ():
        name, equals, value = pair.partition("=")
        if not equals:
            raise UserError(f"--set {pair}: write a name and a value, for example count=500")
        settings[name.strip()] = value
    return settings


def _name(kind: str, scenario: Scenario) -> str:
    """Of the scenario's own database on the embedded server."""
    slug = re.sub(r"[^a-z0-9]+", "_", scenario.path.stem.lower())[:_LONGEST_NAME]
    return f"{kind}_{slug}_{scenario.digest}"
