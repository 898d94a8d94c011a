# SPDX-License-Identifier: MIT
"""All targets by name, and where each one's corpus is kept: for `make fuzz` and for the replay of the corpus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import fuzz_associations
import fuzz_ciphered
import fuzz_codings
import fuzz_lines
import fuzz_unasked

CORPUS = Path(__file__).with_name("corpus")

TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "stream": fuzz_associations.stream,
    "apdus": fuzz_associations.apdus,
    "aarq": fuzz_associations.openings,
    "blocks": fuzz_associations.blocks,
    "ciphered": fuzz_ciphered.ciphered,
    "hls": fuzz_ciphered.logins,
    "hdlc": fuzz_lines.frames,
    "mode_e": fuzz_lines.sign_on,
    "gateway": fuzz_lines.prefixes,
    "unasked": fuzz_unasked.wrapped,
    "unasked_ciphered": fuzz_unasked.ciphered,
    "unasked_hdlc": fuzz_unasked.polled,
    "nouns": fuzz_codings.nouns,
    "hdlc_parameters": fuzz_codings.parameters,
    "listen": fuzz_codings.listens,
}
