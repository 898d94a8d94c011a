# SPDX-License-Identifier: MIT
"""What is wrong with a command line, in our words: what the parser's exceptions say is English for programmers.

It knows them by what they carry, for their classes have moved from one version of typer to the next.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from simulator.documents import did_you_mean
from simulator.errors import UserError

_QUOTED = re.compile(r"'([^']*)'")
_EXTRA = re.compile(r"unexpected extra arguments?(?:\(s\))? \((.*)\)")


def is_usage(error: Exception) -> bool:
    """Whether the parser raised it."""
    return hasattr(error, "format_message") and hasattr(error, "exit_code")


def refuse_empty(command: Any) -> Any:
    """The same command, or group of them: an empty option is a mistake, most often a variable of the shell that is not
    set, and must not count as one that is not given: that would be another fleet, another folder, or all meters."""
    for one in getattr(command, "commands", {}).values():
        refuse_empty(one)
    for parameter in command.params:
        parameter.process_value = partial(_filled, parameter, parameter.process_value)
    return command


def _filled(parameter: Any, process: Callable[[Any, Any], Any], context: Any, value: Any) -> Any:
    given = value if isinstance(value, list | tuple) else [value]
    if value != parameter.default and any(isinstance(one, str) and not one.strip() for one in given):
        leave = "give it a value" if parameter.required else "leave it out, or give it a value"
        raise UserError(f"{_name(parameter)} is empty; {leave}: {(parameter.help or 'see --help').rstrip('.')}")
    return process(context, value)


def in_our_words(error: Any) -> str:
    """Empty if help was shown instead."""
    kind, context = type(error).__name__, getattr(error, "ctx", None)
    if kind == "NoArgsIsHelpError":
        return ""
    words = itertools.takewhile(lambda word: not word.startswith("-"), sys.argv[1:])
    path = context.command_path if context else " ".join(["meterfleet", *words])
    return f"{_what(error, kind, context)}; see `{path} --help`"


def _what(error: Any, kind: str, context: Any) -> str:
    message = str(error.message).rstrip(".")
    if kind == "MissingParameter":
        return f"{_name(error.param)} is missing: {(error.param.help or 'it has no default').rstrip('.')}"
    if kind == "NoSuchOption":
        near = sorted(error.possibilities or ())
        return f"there is no option {error.option_name}" + (f"; did you mean {' or '.join(near)}?" if near else "")
    if kind == "BadOptionUsage":
        return f"{error.option_name}: its value is missing"
    if kind == "BadParameter":
        return f"{_name(error.param)}: {_expected(error) or message}"
    if extra := _EXTRA.search(message):
        return f"{extra[1]!r} is more than this command takes"
    if message.startswith("No such command") and (name := _QUOTED.search(message)):
        return f"there is no command {name[1]!r}; {did_you_mean(name[1], context.command.list_commands(context))}"
    return message


def _name(parameter: Any) -> str:
    """As help shows it: --seed, N."""
    if parameter is None:
        return "a value"
    if parameter.param_type_name == "option":
        return str(max(parameter.opts, key=len))
    return str(parameter.metavar or parameter.name.upper())


def _expected(error: Any) -> str:
    """The checker's finding, if it was one that checked the value."""
    found = getattr(error.__cause__, "errors", None)
    if found is None:
        return ""
    from simulator.expected import in_words  # pydantic: only now

    return in_words(found())
