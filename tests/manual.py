# SPDX-License-Identifier: MIT
"""docs/commands.md, from the commands themselves; run as a program it prints it."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from typing import Any

from typer.main import get_command

from simulator.cli import app

_HEAD = """# Commands and their options

All of them, as `--help` tells them; made by `.venv/bin/python tests/manual.py > docs/commands.md`. What they are for
stands in the [README](../README.md) and in the guides beside this file, with examples.
"""
_MARKUP = re.compile(r"\[/?(?:bold|dim|italic)\]")
_COMMON = 3  # commands that have the same option: it is told once
_FEW = 4
_TABLE = "| | |\n|---|---|\n"


def text() -> str:
    pages = list(_pages(get_command(app), "meterfleet"))
    users: dict[str, list[str]] = {}
    for head, _, options in pages:
        for row in options:
            users.setdefault(row, []).append(head.split(" ")[2])
    common = {row: tuple(names) for row, names in users.items() if len(names) >= _COMMON}
    return "\n".join([_HEAD, *_shared(common), *(_page(*page, common) for page in pages)])


def _shared(common: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """What some commands have in common, and what many have."""
    few = dict.fromkeys(names for names in common.values() if len(names) < _FEW)
    for names in (None, *few):
        title = f"In {', '.join(names)}" if names else "In many commands"
        rows = [row for row, own in common.items() if (own if own in few else None) == names]
        yield f"## {title}\n\n{_TABLE}" + "\n".join(rows) + "\n"


def _pages(command: Any, path: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """Of each command below: title and duty, rows of arguments, rows of options."""
    for name, one in ((name, command.commands[name]) for name in getattr(command, "commands", ())):
        if hasattr(one, "commands"):
            yield from _pages(one, f"{path} {name}")
        elif not one.hidden:
            shown = [parameter for parameter in one.params if not getattr(parameter, "hidden", False)]
            arguments = [parameter for parameter in shown if parameter.param_type_name == "argument"]
            title = " ".join([f"## {path} {name}", *map(_argument, arguments)])
            options = [
                _row(parameter) for parameter in shown if parameter not in arguments and parameter.name != "help"
            ]
            yield f"{title}\n\n{_plain(one.help)}\n", [_row(parameter) for parameter in arguments], options


def _page(head: str, arguments: list[str], options: list[str], common: Container[str]) -> str:
    rows = [*arguments, *(row for row in options if row not in common)]
    also = ", ".join(row.split("|")[1].strip().split(" ")[0].strip("`").join("``") for row in options if row in common)
    table = f"\n{_TABLE}" + "\n".join(rows) + "\n" if rows else ""
    return head + table + (f"\n{'Also' if rows else 'With'} {also}.\n" if also else "")


def _argument(parameter: Any) -> str:
    name = _noun(parameter)
    name = name if parameter.nargs == 1 or " " in name or name.endswith("…") else f"{name}…"
    return name if parameter.required else f"[{name}]"


def _noun(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper()).removeprefix("[").removesuffix("]...")


def _row(parameter: Any) -> str:
    names = [*parameter.opts, *parameter.secondary_opts]
    if parameter.param_type_name == "argument":
        names = [_noun(parameter)]
    elif not parameter.is_flag:
        names = [f"{name} {parameter.metavar or name.lstrip('-').upper()}" for name in names]
    cells = (", ".join(f"`{name}`" for name in names), f"{_plain(parameter.help)}{_default(parameter)}")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(parameter: Any) -> str:
    given = parameter.default
    is_told = isinstance(given, str | int | float) and not isinstance(given, bool) and given != ""
    given = f"{given:g}" if isinstance(given, float) else given
    return f" Default: {given}." if is_told and "default" not in (parameter.help or "") else ""


def _plain(words: str | None) -> str:
    return " ".join(_MARKUP.sub("", words or "").split())


if __name__ == "__main__":
    print(text(), end="")
