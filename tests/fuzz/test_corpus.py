# SPDX-License-Identifier: MIT
"""Every input that the fuzzer kept, through its target once more; without atheris, in seconds."""

from __future__ import annotations

import pytest
from fuzz_targets import CORPUS, TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_kept_inputs(name: str) -> None:
    kept = sorted((CORPUS / name).iterdir())
    assert kept
    for path in kept:
        TARGETS[name](path.read_bytes())


def test_every_kept_input_has_a_target() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} == set(TARGETS)
