"""An instance of a double is not ended under the requests that are on their way to it."""

from __future__ import annotations

import threading

from deployer.testing.cloud.underway import Underway


def test_it_closes_when_the_last_has_ended() -> None:
    underway, closed = Underway(), threading.Event()
    assert underway.begin()
    assert underway.begin()

    def close() -> None:
        underway.close(60)
        closed.set()

    thread = threading.Thread(target=close)
    thread.start()
    while not underway.closed:
        threading.Event().wait(0.001)
    assert not underway.begin()
    underway.end()
    assert not closed.wait(0.05)
    underway.end()
    assert closed.wait(60)
    thread.join()


def test_it_waits_for_no_longer_than_it_may() -> None:
    underway = Underway()
    assert underway.begin()
    underway.close(0.01)
    assert underway.closed
