"""A process that runs until it is told to end, whichever of its threads the signal comes to."""

from __future__ import annotations

import subprocess
import sys

import pytest

BUSY = """
import threading
from deployer.testing.cloud.ending import Ending
ending = Ending()
def work():
    while True:
        thread = threading.Thread(target=lambda: sum(range(200)), daemon=True)
        thread.start()
        thread.join()
threading.Thread(target=work, daemon=True).start()
print("busy", flush=True)
ending.wait()
print("ended", flush=True)
"""
TIMES = 12
"""Without short waits a third of the signals wakes nobody."""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no signals between processes")
@pytest.mark.timeout(300)
def test_none_is_deaf_while_others_are_busy() -> None:
    for _ in range(TIMES):
        with subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "busy\n"
            process.terminate()
            try:
                assert process.wait(60) == 0
            finally:
                process.kill()
            assert process.stdout.read() == "ended\n"
