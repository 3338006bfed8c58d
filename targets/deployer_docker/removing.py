"""Removing containers by their ids."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from deployer_docker.client import status_of, told, unless_gone

__all__ = ["remove_all", "remove_container"]


def remove_container(api: Any, container: str, *, wait: float = 10.0) -> None:
    """Remove a container, running or not; one that is not there, or is being removed, is no error."""
    until = time.monotonic() + wait
    while True:
        with told("remove a container", container[:12]), unless_gone():
            try:
                api.remove_container(container, force=True, v=False)
            except Exception as error:
                if status_of(error) != 409 or time.monotonic() > until:
                    raise
                time.sleep(0.05)  # somebody else removes it at this moment
                continue
        return


def remove_all(api: Any, containers: Iterable[str]) -> None:
    """Remove containers, several at once."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        for _ in pool.map(lambda each: remove_container(api, each), containers):
            pass
