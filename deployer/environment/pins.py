"""Names that one index alone is asked for, as uv can be told. Pure.

uv pins names by ``tool.uv.sources`` of a pyproject.toml, and only those that this project names itself: so a pinned
name that turns up deeper is named there too and all is resolved again, until none turns up. Source: uv's
documentation, "Package indexes", "Pinning a package to an index"; tried with uv 0.13.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from deployer.environment.failures import telling
from deployer.environment.indexes import login_settings, plain
from deployer.environment.request import PackageSources

__all__ = ["mentioned", "pinned", "pins_project", "pins_settings"]

_ADDRESS = re.compile(r"[a-z]+://\S+")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def pinned(names: Iterable[str], sources: PackageSources) -> frozenset[str]:
    """Those of the normalised names that are pinned to an index."""
    return frozenset(name for name in names if sources.pin_of(name))


def mentioned(lines: Iterable[str], sources: PackageSources) -> frozenset[str]:
    """The pinned names in what uv said of a failure."""
    from packaging.utils import canonicalize_name

    words = _NAME.findall(_ADDRESS.sub(" ", telling(lines)))
    return pinned({str(canonicalize_name(re.split(r"[=<>!~]", word)[0].rstrip("."))) for word in words}, sources)


def pins_project(names: Iterable[str], sources: PackageSources) -> str:
    """A pyproject.toml that asks for pinned names, each from its index and from nowhere else."""
    wanted = sorted(names)
    indexes = _named(sources)
    numbers = {url: name for name, url in indexes}
    lines = ["[project]", 'name = "deployer-pins"', 'version = "0"', f"dependencies = {json.dumps(wanted)}"]
    lines.append("[tool.uv.sources]")
    lines.extend(f'{name} = {{ index = "{numbers[sources.pin_of(name) or ""]}" }}' for name in wanted)
    for name, url in indexes:
        lines.extend(["[[tool.uv.index]]", f'name = "{name}"', f"url = {json.dumps(plain(url))}", "explicit = true"])
    return "\n".join(lines) + "\n"


def pins_settings(sources: PackageSources) -> dict[str, str]:
    """The variables of uv with the logins for the indexes of `pins_project`.

    Raises:
        SpecError: The password of one is not set.
    """
    settings: dict[str, str] = {}
    for name, url in _named(sources):
        settings |= login_settings(name, url, sources)
    return settings


def _named(sources: PackageSources) -> list[tuple[str, str]]:
    return [(f"pin{number}", url) for number, url in enumerate(dict.fromkeys(pin.url for pin in sources.pins))]
