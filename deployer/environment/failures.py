"""What uv says when it cannot, told again in a sentence: who needs what, and what to do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deployer.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from deployer.environment.lock import Lock
    from deployer.environment.request import EnvironmentRequest
    from deployer.model.requirements import Requirement

__all__ = ["explain_install", "explain_lock", "explain_transport", "telling"]

TORCH_HOST = "download.pytorch.org"

_MOST_LINES = 6
_LONGEST = 700
_DECORATION = re.compile(r"^[\s×╰─▶├│]+")
_CONCLUSION = re.compile(r", we can conclude that your requirements are unsatisfiable")
_STEPS = re.compile(r"^(error|cause|caused by|hint|warning)\s*:\s*", re.IGNORECASE)


def explain_lock(request: EnvironmentRequest, lines: Sequence[str], alone: Lock | None) -> BuildError:
    """Why requirements could not be locked.

    Args:
        request: What was asked.
        lines: What uv said.
        alone: The lock of the model's requirements without the runtime's, when that succeeds.
    """
    text = telling(lines)
    clash = _clash(request, alone)
    if clash:
        return clash
    shut = next((line for line in lines if re.search(r"\(?40[13] (Unauthorized|Forbidden)|credentials", line)), None)
    if shut:
        return _wants_credentials(telling([shut.partition("hint:")[2] or shut]))
    known = _no_wheel(request, text) or _not_there(request, text) or _common(text)
    if known:
        return known
    if alone is not None:
        needs = ", ".join(_shown(requirement) for requirement in request.runtime)
        return BuildError(
            f"the model's requirements and the serving runtime's ({needs}) cannot be met together: {text}",
            where=_places(request.requirements),
            hint="log the model with wider versions of the packages named, or upgrade deployer",
        )
    who = "the model's requirements" if not request.extra else "the model's requirements and requirements.extra"
    return BuildError(
        f"{who} cannot be met: {text}",
        where=_places(request.requirements),
        hint="log the model again with pip_requirements that fit together",
    )


def explain_install(lines: Sequence[str], where: str) -> BuildError:
    """Why locked wheels could not be installed."""
    text = telling(lines)
    if re.search(r"hash mismatch|Hash mismatch|no hashes? match|does not match any", text, re.IGNORECASE):
        return BuildError(
            f"a wheel is not the one that was locked: {text}",
            where=where,
            hint="the index serves other content under the same name; check it, or lock again with --upgrade",
        )
    return _common(text, where) or BuildError(
        f"the environment cannot be made: {text}",
        where=where,
        hint="lock it again with --upgrade if the index moved on",
    )


def explain_transport(text: str) -> BuildError:
    """Why an index did not give what we asked it for ourselves."""
    return _common(text) or BuildError(
        f"the package index cannot be reached: {text}", hint="check the network and proxy, and requirements.index_url"
    )


def telling(lines: Iterable[str]) -> str:
    """The lines of uv's output that say why, as one text without ornaments; warnings and progress are left out."""
    found: list[str] = []
    for line in lines:
        bare = _DECORATION.sub("", line).strip()
        if not bare or bare.lower().startswith(("warning:", "debug", "trace", "using python", "resolved ", "hint:")):
            continue
        said = _STEPS.sub("", bare).rstrip(":")
        if not said.startswith(("No solution found", "Downloading", "Downloaded", "Prepared")):
            found.append("".join(sign if sign.isprintable() else "?" for sign in said))
    text = _CONCLUSION.sub("", " ".join(found[-_MOST_LINES:])).rstrip(".")
    return (text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}...") or "uv gave no reason"


def _clash(request: EnvironmentRequest, alone: Lock | None) -> BuildError | None:
    """A package that the model and the runtime both name, in versions that exclude each other."""
    from packaging.specifiers import SpecifierSet

    asked = {requirement.name: requirement for requirement in (*request.extra, *request.requirements)}
    for need in request.runtime:
        wish = asked.get(need.name)
        version = wish.pinned if wish and wish.pinned else alone.version_of(need.name) if alone else None
        if version is None or SpecifierSet(need.specifier).contains(version, prereleases=True):
            continue
        said = f"the model asks for {_shown(wish)}" if wish else f"the model's packages bring {need.name} {version}"
        return BuildError(
            f"{said}, and the serving runtime needs {_shown(need)}",
            where=wish.where if wish else _places(request.requirements),
            hint=f"log the model with a {need.name} that satisfies {need.specifier}",
        )
    return None


def _no_wheel(request: EnvironmentRequest, text: str) -> BuildError | None:
    if not re.search(r"no usable wheels|no wheels|has no wheel|building from source is disabled|only-binary", text):
        return None
    match = re.search(r"\b([a-z0-9][a-z0-9._-]*)(?:==[^\s,]+)? has no (?:usable )?wheels?", text)
    name = match[1] if match else "a package"
    what = "only a source, which would run its code here" if "no usable wheels" in text else "only for others"
    return BuildError(
        f"{name} has no wheel for python {request.python} on {request.platform}, {what}: {text}",
        where=_place_of(name, request),
        hint=f"ask for a version of {name} that has wheels; sources are built only when requirements.build names them",
    )


def _not_there(request: EnvironmentRequest, text: str) -> BuildError | None:
    match = re.search(
        r"[Bb]ecause (\S+) was not found in (the package registry|the provided package locations|the cache)", text
    )
    if match is None:
        return None
    name = re.split(r"[=<>!~\[]", match[1])[0]
    place = "requirements.wheelhouse" if request.sources.wheelhouse else "the package index"
    return BuildError(
        f"{name} is not in {place}",
        where=_place_of(name, request),
        hint=f"check the name {name}; name a private index by requirements.index_url",
    )


def _common(text: str, where: str | None = None) -> BuildError | None:
    lowered = text.lower()
    if "no space left" in lowered or "os error 28" in lowered or "disk quota" in lowered:
        return BuildError("the disk is full", where=where, hint="free some space: deployer gc")
    if re.search(r"\b407\b|proxy auth", lowered):
        return BuildError(
            f"the proxy wants credentials: {text}",
            where=where,
            hint="set HTTPS_PROXY and HTTP_PROXY to http://USER:PASSWORD@HOST:PORT, special signs as %XX",
        )
    if re.search(r"\b(401|403)\b|unauthorized|forbidden", lowered):
        return _wants_credentials(text, where)
    if re.search(r"certificate|unknownissuer|tls|ssl", lowered):
        return BuildError(
            f"the package index's certificate cannot be verified: {text}",
            where=where,
            hint="name your authority's certificates: --set requirements.ca_bundle=/path/to/ca.pem",
        )
    if TORCH_HOST in lowered:
        return BuildError(
            f"PyTorch's own index, which has its build without CUDA, cannot be reached: {text}",
            where=where,
            hint="check the network and proxy, or name an index for it, such as PyPI with its larger build: "
            "--set requirements.pin.torch=https://pypi.org/simple",
        )
    if re.search(r"failed to fetch|error sending request|dns error|could not connect|timed out|connection", lowered):
        return BuildError(
            f"the package index cannot be reached: {text}",
            where=where,
            hint="check the network and proxy, name a mirror by requirements.index_url, "
            "or a folder of wheels by requirements.wheelhouse",
        )
    return None


def _wants_credentials(text: str, where: str | None = None) -> BuildError:
    return BuildError(
        f"the package index wants credentials: {text}",
        where=where,
        hint="put them into ~/.netrc for that host, or name a variable: "
        "requirements.credentials: {HOST: {username: NAME, password: {env: VARIABLE}}}",
    )


def _shown(requirement: Requirement | None) -> str:
    return f"{requirement.name}{requirement.specifier}" if requirement else "nothing"


def _place_of(name: str, request: EnvironmentRequest) -> str | None:
    known = (found.where for found in (*request.extra, *request.requirements, *request.runtime) if found.name == name)
    return next(known, _places(request.requirements))


def _places(requirements: Sequence[Requirement]) -> str | None:
    return requirements[0].where.rpartition(":")[0] or requirements[0].where if requirements else None
