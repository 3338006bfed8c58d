"""Secrets from files: each file's name is an environment variable, its content the value."""

from __future__ import annotations

import os
import re
from pathlib import Path

__all__ = ["read_secrets"]

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read_secrets(folder: str) -> dict[str, str]:
    """Read a folder of secrets, each exactly as it lies there, a newline at its end included.

    Hidden names and folders are passed over, because Kubernetes lays its own beside the files of a mounted Secret.

    Raises:
        OSError: The folder or a file cannot be read.
        ValueError: A name cannot be an environment variable's, or a value holds a NUL. The value is not in the text.
    """
    found = {}
    for entry in sorted(os.scandir(folder), key=lambda e: e.name):
        if entry.name.startswith(".") or entry.is_dir():
            continue
        if not NAME.fullmatch(entry.name):
            raise ValueError(f"{entry.name!r} in {folder} cannot be the name of an environment variable")
        value = Path(entry.path).read_bytes()
        if b"\0" in value:
            raise ValueError(f"the value of {entry.name} in {folder} holds a NUL, which no environment variable can")
        found[entry.name] = os.fsdecode(value)
    return found
