# SPDX-License-Identifier: MIT
"""`meterfleet obis …` and `meterfleet check`: look objects up, and check registries and models without running them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from simulator.cosem.catalogue import SUFFIX, catalogue_paths, read_catalogue
from simulator.cosem.compiler import compile_model
from simulator.cosem.registry import load_registry, read_registry, registry_files
from simulator.cosem.spec import model_names
from simulator.errors import Mistake, UserError
from simulator.resources import data_root

app = typer.Typer(no_args_is_help=True, help="The OBIS registries.")


@app.command(epilog="Example: meterfleet obis find energy")
def find(words: Annotated[list[str], typer.Argument(help="Words of the name, or the beginning of a code.")]) -> None:
    """Find objects by name or code."""
    table = Table("registry", "code", "class", "name")
    for path in registry_files():
        for code, entry in load_registry(path.stem).items():
            text = f"{code} {entry.name}".lower()
            if all(word.lower() in text for word in words):
                table.add_row(path.stem, code, str(entry.class_id), entry.name)
    Console().print(table)


@app.command("check", epilog="Example: meterfleet obis check")
def check_registries() -> None:
    """Check every registry, and that every model's objects are in its registry with the same class."""
    models = [data_root() / "profiles" / "meters" / f"{name}.yaml" for name in model_names()]
    check_files([*registry_files(), *catalogue_paths(), *models])


def check(files: Annotated[list[Path], typer.Argument(help="Models (.yaml) and registries (.csv).")]) -> None:
    """Check files without running anything: every mistake, with path and line; exit code 2 if there is one."""
    check_files(files)


def check_files(files: list[Path]) -> None:
    mistakes: list[Mistake] = []
    for path in files:
        try:
            if path.name.endswith(SUFFIX):
                print(f"{path}: {len(read_catalogue(path))} events")
            elif path.suffix == ".csv":
                print(f"{path}: {len(read_registry(path))} objects")
            else:
                model = compile_model(str(path))
                print(f"{path}: {model.spec.title}: {len(model.objects)} objects, clients {sorted(model.views)}")
        except UserError as error:
            mistakes += error.mistakes
    if mistakes:
        raise UserError(mistakes)
