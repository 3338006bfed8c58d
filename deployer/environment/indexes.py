"""How uv is told of indexes and their credentials: by variables of its own, never by arguments or addresses.

A process's arguments can be read by every user of the machine, and addresses end up in messages. So each index has a
name, and its login goes by the variables that uv has for that name. Source: uv's documentation, "Package indexes",
"Providing credentials directly".
"""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from deployer.environment.lock import LockedWheel
from deployer.environment.request import PackageSources
from deployer.errors import SpecError

__all__ = ["by_index", "check_indexes", "index_settings", "plain", "secrets_of"]

_SHORTEST_SECRET = 4
"""A shorter one would strike out innocent words; uv is never given it in a way that it would repeat."""


def index_settings(sources: PackageSources, indexes: tuple[str, ...] | None = None) -> dict[str, str]:
    """The variables that tell uv where to look for names that are not pinned, and who we are at every index.

    Args:
        sources: Where packages come from.
        indexes: Instead of those of the sources.

    Raises:
        SpecError: The password of one of them is not set.
    """
    if sources.wheelhouse is not None:
        return {"UV_NO_INDEX": "1", "UV_OFFLINE": "1"}
    asked = indexes or sources.indexes
    named = [f"deployer{number}={plain(url)}" for number, url in enumerate(asked)]
    settings = {"UV_DEFAULT_INDEX": named[-1]} | ({"UV_INDEX": " ".join(named[:-1])} if named[1:] else {})
    for number, url in enumerate(asked):
        settings |= login_settings(f"deployer{number}", url, sources)
    return settings


def login_settings(name: str, url: str, sources: PackageSources) -> dict[str, str]:
    """The variables of uv with the login for an index of that name.

    Raises:
        SpecError: Its password is not set.
    """
    login = sources.login_for(url)
    if login is None:
        return {}
    variable = f"UV_INDEX_{re.sub(r'[^A-Z0-9]', '_', name.upper())}"
    return {f"{variable}_USERNAME": login[0], f"{variable}_PASSWORD": login[1]}


def by_index(wheels: Iterable[LockedWheel], sources: PackageSources) -> list[tuple[tuple[str, ...], list[LockedWheel]]]:
    """Locked wheels by the indexes that may be asked for them, so that a pinned name is asked of its own alone.

    Their dependencies are locked as well and need not be looked at, so uv can be asked for each group by itself, with
    ``indexes`` of `Uv.run`.
    """
    groups: dict[tuple[str, ...], list[LockedWheel]] = {}
    for wheel in wheels:
        here = wheel.path is not None or wheel.source is not None
        indexes = sources.indexes if here else sources.indexes_for(wheel.name)
        groups.setdefault(indexes or sources.indexes, []).append(wheel)
    return list(groups.items())


def plain(url: str) -> str:
    """The address without user and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def check_indexes(sources: PackageSources) -> None:
    """Accepts addresses that uv can be told without surprise.

    Raises:
        SpecError: One is no plain http or https URL.
    """
    for url in (*sources.indexes, *(pin.url for pin in sources.pins)):
        if not re.match(r"https?://[^\s]+$", url) or "${" in url:
            raise SpecError(
                "an index must be a plain http or https URL",
                where=plain(url),
                hint="such as https://pypi.org/simple",
            )


def secrets_of(sources: PackageSources | None, environment: Mapping[str, str] | None = None) -> frozenset[str]:
    """Every text that must not be told: passwords of indexes and proxies, plain and as URLs and headers have them.

    Args:
        sources: Those that were used.
        environment: Where proxies are named; the process's own by default.
    """
    found: set[str] = set()
    for user, password in _logins(sources, os.environ if environment is None else environment):
        found |= {
            password,
            quote(password, safe=""),
            quote(password),
            b64encode(f"{user}:{password}".encode()).decode(),
        }
    return frozenset(text for text in found if len(text) >= _SHORTEST_SECRET)


def _logins(sources: PackageSources | None, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if sources is not None:
        yield from ((one.username, one.password) for one in sources.credentials if one.password)
    proxies = [text for name, text in environment.items() if name.lower().endswith("_proxy")]
    pins = [pin.url for pin in sources.pins] if sources else []
    for url in (*(sources.indexes if sources else ()), *pins, *proxies):
        user, colon, password = url.rpartition("@")[0].rpartition("//")[2].partition(":")
        if colon:
            yield unquote(user), unquote(password)
            yield user, password
