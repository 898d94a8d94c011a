# SPDX-License-Identifier: MIT
"""`meterfleet check`: files told apart by what they hold, every mistake of all of them at once, nothing started."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import typer

from simulator.cosem.catalogue import SUFFIX, read_catalogue
from simulator.cosem.compiler import compile_model
from simulator.cosem.registry import ObisEntry, read_registry
from simulator.cosem.spec import ModelSpec
from simulator.documents import keys_of, load_document, read_leniently, read_text
from simulator.errors import Mistake, UserError
from simulator.faults.packs import LinkProfile, QuirkPack, link_profile, quirk_pack
from simulator.fleet.keyfile import read_keys
from simulator.hes.maps import Maps, read_maps
from simulator.scenario.grammar import Head
from simulator.scenario.recording import COLUMNS, read_alarms
from simulator.scenario.scenario import load_scenario
from simulator.scenario.schema import schema_text
from simulator.values import counted
from simulator.world.loads import LoadDocument

EPILOG = """Examples:

meterfleet check my-meter.yaml storm.yaml keys.csv      every mistake, with path and line

meterfleet check --schema > scenario.schema.json        the JSON Schema of scenarios, for editors"""


def check(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Scenarios, models, loads, links, quirks; registries, events, keys, recorded alarms."),
    ] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of scenario files.")] = False,
) -> None:
    """Check files without running anything: every mistake, with path and line; exit code 2 if there is one."""
    if schema:
        print(schema_text(), end="")
    elif not files:
        raise UserError("name a file to check, or give --schema")
    check_files(files or ())


def check_files(files: Sequence[Path]) -> None:
    mistakes: list[Mistake] = []
    for path in files:
        try:
            print(f"{path}: {_about(path)}")
        except UserError as error:
            mistakes += error.mistakes
    if mistakes:
        raise UserError(mistakes)


def _about(path: Path) -> str:
    """What a file holds, if it is in order."""
    if path.suffix == ".csv":
        return _about_table(path)
    data = read_leniently(read_text(path), path)[0].data
    keys = set(data) if isinstance(data, dict) else set()
    fitting = {about: (len(keys & own), _misspelt(keys, own)) for own, about in _DOCUMENTS.items()}
    if not any(known for known, _ in fitting.values()):
        known = "; ".join(f"a {kind} has {keys}" for kind, keys in _HALLMARKS.items())
        raise UserError([Mistake(str(path), 1, 1, f"none of its keys says what it is: {known}")])
    return max(fitting, key=lambda about: fitting[about])(path)


def _misspelt(keys: Set[str], own: Set[str]) -> int:
    return sum(bool(get_close_matches(str(key), own, 1)) for key in keys - own)


def _about_table(path: Path) -> str:
    if path.name.endswith(SUFFIX):
        return f"{len(read_catalogue(path))} events"
    header = read_text(path).partition("\n")[0].strip().split(",")
    if not COLUMNS.union(keys_of(ObisEntry), ["serial"]).intersection(header):
        known = "a registry has logical_name and class_id; keys of meters have serial; alarms have time, meter and code"
        raise UserError([Mistake(str(path), 1, 1, f"none of its columns, with commas, says what it is: {known}")])
    if set(header) == COLUMNS:
        return f"{len(read_alarms(path))} recorded alarms"
    if "serial" in header:
        return f"keys of {len(read_keys(path).meters)} meters"
    return f"{len(read_registry(path))} objects"


def _model(path: Path) -> str:
    try:
        model = compile_model(str(path))
    except UserError as error:  # such as a wrong column of a profile, which is looked at once its objects are right
        more = Mistake(str(path), 0, 0, "mend these first; more may follow")
        raise UserError([*error.mistakes, more]) from None
    return f"{model.spec.title}: {len(model.objects)} objects, clients {sorted(model.views)}"


def _scenario(path: Path) -> str:
    scenario = load_scenario(path)
    steps, expected = len(scenario.entries), len(scenario.expectations)
    told = (counted(scenario.spec.count, "meter"), counted(steps, "step"), counted(expected, "expectation"))
    return f"{scenario.head.name}: {', '.join(told)}"


def _load(path: Path) -> str:
    load = load_document(path, LoadDocument)
    return f"load {load.name}: {load.description}"


def _link(path: Path) -> str:
    return f"a link with {counted(len(link_profile(str(path))), 'fault')}"


def _quirks(path: Path) -> str:
    return f"a pack of {counted(len(quirk_pack(str(path))), 'fault')}"


def _map(path: Path) -> str:
    return f"a map of {counted(len(read_maps(path).tables()), 'table')} of another head-end"


_DOCUMENTS: Mapping[frozenset[str], Callable[[Path], str]] = {
    frozenset(keys_of(Head)): _scenario,
    frozenset({*keys_of(ModelSpec), "extends", "abstract"}): _model,
    frozenset(keys_of(LoadDocument)): _load,
    frozenset(keys_of(LinkProfile)): _link,
    frozenset(keys_of(QuirkPack)): _quirks,
    frozenset(keys_of(Maps)): _map,
}
"""YAML files are what most of their keys are of; where several kinds have as many, the kind of most misspelt ones."""
_HALLMARKS = {"scenario": "fleet and timeline", "model": "extends", "load": "yearly_kwh and periods",
              "link profile": "delay or loss", "quirk pack": "faults"}  # fmt: skip
