# SPDX-License-Identifier: MIT
"""What a value should have been and what it is: the checker's findings in our words.

Where several kinds of value may stand, one sentence tells all of them. It knows no file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic_core import ErrorDetails

_LONGEST = 60
_SAYS: Mapping[str, str] = {
    "missing": "is missing",
    "missing_argument": "is missing",
    "extra_forbidden": "unknown key",
    "unexpected_keyword_argument": "unknown key",
}
_KINDS: Mapping[str, str] = {
    "bool": "true or false",
    "date": "a date",
    "datetime": "a date and time",
    "dict": "keys with values",
    "float": "a number",
    "finite": "a number",
    "int": "a whole number",
    "list": "a list",
    "mapping": "keys with values",
    "model": "keys with values",
    "dataclass": "keys with values",
    "set": "a list",
    "string": "a text",
    "tuple": "a list",
}
"""By the first word of the checker's names for what is wrong with a kind of value."""
_LIMITS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "literal_error": lambda told: str(told["expected"]),
    "enum": lambda told: str(told["expected"]),
    "greater_than": lambda told: f"more than {_amount(told['gt'])}",
    "greater_than_equal": lambda told: f"at least {_amount(told['ge'])}",
    "less_than": lambda told: f"less than {_amount(told['lt'])}",
    "less_than_equal": lambda told: f"at most {_amount(told['le'])}",
    "multiple_of": lambda told: f"a multiple of {_amount(told['multiple_of'])}",
    "string_pattern_mismatch": lambda told: f"a text of the form {told['pattern']}",
    "string_too_long": lambda told: f"a text of at most {told['max_length']} letters",
    "string_too_short": lambda told: f"a text of at least {told['min_length']} letters",
    "too_long": lambda told: f"at most {told['max_length']} of them",
    "too_short": lambda told: f"at least {told['min_length']} of them",
}


def _amount(limit: float) -> str:
    return str(limit) if isinstance(limit, int) else f"{limit:.12g}"


def in_words(found: Sequence[ErrorDetails]) -> str:
    """Of one place: what fits none of the alternatives there."""
    sentences = [_sentence(one) for one in found if one["type"] in (*_SAYS, "value_error", "assertion_error")]
    kinds = [_wanted(one) for one in found if one["type"] not in (*_SAYS, "value_error", "assertion_error")]
    if kinds:
        sentences.append(f"expected {' or '.join(dict.fromkeys(kinds))}, not {_given(found[-1])}")
    return "; or ".join(dict.fromkeys(sentences))


def _sentence(one: ErrorDetails) -> str:
    return _SAYS.get(one["type"]) or one["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")


def _wanted(one: ErrorDetails) -> str:
    kind = one["type"]
    if kind in _LIMITS:
        return _LIMITS[kind](one.get("ctx", {}))
    return _KINDS.get(kind.partition("_")[0], "something else")


def _given(one: ErrorDetails) -> str:
    if one["type"] in ("too_short", "too_long"):
        return str(one.get("ctx", {}).get("actual_length"))
    value = one["input"]
    text = "nothing" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
