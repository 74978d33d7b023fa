"""The benchmark of memory, on a smaller upload: however large the file, memory does not grow with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.forms.posting import needs_proc

ROOT = Path(__file__).parents[2]


@needs_proc
@pytest.mark.realtime
def test_an_upload_takes_no_more_than_8_mib_of_memory(backend: str) -> None:
    command = [sys.executable, "-m", "tests.benchmarks.upload_memory", "--mib", "64", "--backend", backend]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"{backend}: 64 MiB uploaded, peak memory grew by ")
