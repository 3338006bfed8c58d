"""Libraries are imported by one thread at a time."""

from __future__ import annotations

import subprocess
import sys

import pytest

RACE = """
import sys, threading
from deployer.importing import library
sys.setswitchinterval(1e-6)  # so that threads meet in the middle of an import
together, failed = threading.Barrier(len(sys.argv) - 1), []
def load(name):
    together.wait()
    try:
        library(name)
    except Exception as error:
        failed.append(f"{name}: {error!r}")
threads = [threading.Thread(target=load, args=(name,)) for name in sys.argv[1:]]
for each in threads: each.start()
for each in threads: each.join()
sys.exit("; ".join(failed) or 0)
"""


@pytest.mark.parametrize(
    "names",
    [
        "azure.core.rest azure.core.pipeline.policies azure.core.pipeline.transport azure.identity",
        "urllib3 kubernetes docker.context requests.exceptions docker docker.transport.unixconn",
    ],
    ids=["azure", "several targets"],
)
def test_threads_that_load_what_imports_itself_in_circles_all_get_it_whole(names: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RACE, *names.split()], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
