# SPDX-License-Identifier: MIT
"""Whether a process has ended."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from simulator.store.processes import has_ended


def test_a_living_process_has_not_ended_whatever_its_arguments_are() -> None:
    """In execve there is a moment without arguments; a server that starts must not be taken for dead then."""
    script = "import sys; print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert not has_ended(child.pid)
        child.communicate()
        assert has_ended(child.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="only there are zombies told from the living")
def test_a_zombie_has_ended() -> None:
    child = os.posix_spawn("/bin/true", ["/bin/true"], {})
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert has_ended(child)
    os.waitpid(child, 0)
    assert has_ended(child)


def test_a_process_in_execve_has_not_ended() -> None:
    """A thousand looks at processes that replace themselves again and again."""
    script = 'i=0; while [ "$i" -lt 40 ]; do i=$((i+1)); done; exec sh -c "exec sh -c \\"exec sleep 60\\""'
    for _ in range(10):
        with subprocess.Popen(["sh", "-c", script]) as child:
            assert not any(has_ended(child.pid) for _ in range(100))
            child.kill()
