"""Where locked wheels can be fetched from: the index is asked anew, since a lock holds no address."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from deployer.environment import PackageSources
from deployer.environment.failures import explain_install
from deployer.environment.torch import torch_arguments
from deployer.errors import BuildError
from deployer.model.partial import passing

if TYPE_CHECKING:
    from deployer.environment import Lock, LockedWheel, Uv

__all__ = ["find_urls"]


def find_urls(lock: Lock, wheels: Sequence[LockedWheel], sources: PackageSources, uv: Uv) -> dict[str, str]:
    """Addresses by the SHA-256 of the wheel. uv asks, with the person's indexes, proxies and credentials.

    Args:
        lock: For whose Python and platform they are.
        wheels: Those to find.
        sources: Where to look.
        uv: Told nothing but names, versions and hashes.

    Raises:
        BuildError: The index cannot be read, or has not the content that was locked.
    """
    named = {unquote(urlsplit(url).path).rpartition("/")[2]: url for url in sources.trust}
    urls = {wheel.sha256: named[wheel.filename] for wheel in wheels if wheel.filename in named}
    groups: dict[tuple[str, ...], list[LockedWheel]] = {}
    for wheel in wheels:
        if wheel.sha256 not in urls:
            groups.setdefault(sources.indexes_for(wheel.name), []).append(wheel)
    for indexes, asked in groups.items():
        listed = dict(_asked(lock, asked, indexes, sources, uv))
        for wheel in asked:
            if wheel.sha256 not in listed:
                raise BuildError(
                    f"the index has {wheel.name} {wheel.version}, but not the content that was locked",
                    where=wheel.filename,
                    hint="check where the package comes from, or lock again with --upgrade",
                )
            urls[wheel.sha256] = listed[wheel.sha256]
    return urls


def _asked(
    lock: Lock, wheels: Sequence[LockedWheel], indexes: tuple[str, ...], sources: PackageSources, uv: Uv
) -> Iterator[tuple[str, str]]:
    """SHA-256 and address of what the indexes have for those versions; no other index is asked."""
    with passing(uv.cache.parent / "find") as place:
        wanted, output = place / "wanted.in", place / "pylock.toml"
        wanted.write_text("".join(f"{wheel.requirement}\n" for wheel in wheels), "utf-8")
        answer = uv.run(
            [
                *("pip", "compile", str(wanted), "--output-file", str(output), "--format", "pylock.toml", "--no-deps"),
                *("--only-binary", ":all:", "--python-version", lock.python, "--python-platform", lock.platform),
                *("--python", sys.executable, "--no-python-downloads", "--no-header", "--no-annotate", "--quiet"),
                *torch_arguments(lock, sources),
            ],
            sources=sources,
            indexes=indexes,
        )
        if answer.code != 0:
            raise _explained(answer.lines, wheels)
        document = tomllib.loads(output.read_text("utf-8"))
    for package in document.get("packages", ()):
        for wheel in package.get("wheels", ()):
            url, sha256 = str(wheel.get("url", "")), wheel.get("hashes", {}).get("sha256")
            if sha256 and re.match(r"https?://", url):
                yield str(sha256), url


def _explained(lines: Sequence[str], wheels: Sequence[LockedWheel]) -> BuildError:
    if any(re.search(r"\(?40[13] (Unauthorized|Forbidden)|credentials", line) for line in lines):
        return BuildError(
            "the package index wants credentials",
            where="requirements.index_url",
            hint="put them into ~/.netrc for that host",
        )
    gone = re.search(r"[Bb]ecause ([a-z0-9-]+)\S* (?:was not found|has no)|no version of ([a-z0-9-]+)", " ".join(lines))
    name = gone and next((wheel.name for wheel in wheels if wheel.name in gone.groups()), None)
    if name:
        return BuildError(
            f"the package index has not the wheel of {name} that was locked",
            where="requirements.index_url",
            hint="check that it is the right index, or lock again with --upgrade",
        )
    return explain_install(lines, "requirements.index_url")
