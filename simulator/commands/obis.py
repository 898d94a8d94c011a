# SPDX-License-Identifier: MIT
"""`meterfleet obis …`: look objects up, and check the shipped registries and models."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from simulator.commands.check import check_files
from simulator.cosem.catalogue import catalogue_paths
from simulator.cosem.registry import load_registry, registry_files
from simulator.cosem.spec import model_names
from simulator.errors import UserError
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
    if not table.rows:
        raise UserError(f"no object has {' and '.join(map(repr, words))} in its name, or such a code")
    Console().print(table)


@app.command("check", epilog="Example: meterfleet obis check")
def check_registries() -> None:
    """Check every registry, and that every model's objects are in its registry with the same class."""
    models = [data_root() / "profiles" / "meters" / f"{name}.yaml" for name in model_names()]
    check_files([*registry_files(), *catalogue_paths(), *models])
