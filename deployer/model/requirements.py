"""A packaged model's Python requirements, read by our own rules.

Accepted are names with extras, versions and markers, and wheels that lie inside the model. Everything by which a
requirements file could run code, read files or send values away is refused with its file and line: options
(``--index-url``, ``-r``, ``-e``, ``-c``), URLs, version control, sources and ``${VARIABLES}``. A URL is accepted only
when the caller's `trust` names exactly that URL. Nothing is fetched here.

Source of the forms: pip's documentation, "Requirements File Format", and PEP 508.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from deployer.errors import SpecError
from deployer.model.filenames import check_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from packaging.requirements import Requirement as PackagingRequirement

__all__ = [
    "RawRequirement",
    "Requirement",
    "parse_requirement",
    "parse_requirements",
    "read_lines",
    "requirements_digest",
]

_COMMENT = re.compile(r"(^|\s+)#.*$")
_HASH_OPTION = re.compile(r"\s--hash[= ]\S+")
_VARIABLE = re.compile(r"\$\{[^}]*\}")
_LINE_END = re.compile(r"\r\n|\n|\r")
_ADDRESS = re.compile(r"(?:^|@\s*)[A-Za-z][A-Za-z0-9+.-]*:")
_SOURCE_SUFFIXES = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip", ".tar")
_HINT = (
    "log the model again with pip_requirements that are names and versions, "
    "or put what is missing into requirements.extra"
)


@dataclass(frozen=True, slots=True)
class RawRequirement:
    """One line of a requirements file, continuations joined and comments removed.

    Args:
        text: The line.
        where: ``FILE:LINE``, as errors name it.
    """

    text: str
    where: str


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement that uv may see.

    Args:
        name: Normalised (PEP 503); the distribution's name.
        text: What was written: a PEP 508 requirement without a URL, or a wheel's path.
        where: Where it was written.
        specifier: Accepted versions, such as ``==1.8.0``; empty for any.
        extras: Optional parts wanted, sorted.
        marker: An environment marker, or None.
        wheel: The path, inside the model, of the wheel that it names; None for a name on an index.
        url: A wheel's URL that the caller trusts by name; None otherwise.
        hashes: ``sha256:...`` that the wheel must have; empty for any.
    """

    name: str
    text: str
    where: str
    specifier: str = ""
    extras: tuple[str, ...] = ()
    marker: str | None = None
    wheel: str | None = None
    url: str | None = None
    hashes: tuple[str, ...] = ()

    @property
    def pinned(self) -> str | None:
        """The only version it accepts, or None."""
        match = re.fullmatch(r"===?\s*([^*,\s]+)", self.specifier)
        return match[1] if match else None


def read_lines(text: str, file: str) -> tuple[RawRequirement, ...]:
    """The lines of a requirements file that say something. Handles a byte order mark, CRLF and continuations."""
    found: list[RawRequirement] = []
    pending, first = "", 0
    for number, line in enumerate(_LINE_END.split(text.removeprefix("\ufeff")), start=1):
        first = first or number
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            pending += line[:-1]
            continue
        joined = _COMMENT.sub("", pending + line).strip()
        if joined:
            found.append(RawRequirement(joined, f"{file}:{first}"))
        pending, first = "", 0
    if pending.strip():
        found.append(RawRequirement(_COMMENT.sub("", pending).strip(), f"{file}:{first}"))
    return tuple(found)


def requirements_digest(lines: Iterable[RawRequirement]) -> str:
    """SHA-256 in hex over the lines, whatever their order, so that a change is seen without reading them."""
    return hashlib.sha256("\n".join(sorted(line.text for line in lines)).encode()).hexdigest()


def parse_requirements(
    lines: Iterable[RawRequirement | str], *, trust: tuple[str, ...] = (), where: str = "requirements"
) -> tuple[Requirement, ...]:
    """Reads requirement lines, of a model or of the spec.

    Args:
        lines: Raw lines with their places, or plain strings.
        trust: URLs that a requirement may name.
        where: The place of plain strings.

    Raises:
        SpecError: A line is not a requirement, or one that is refused; the error has its file and line.
    """
    return tuple(parse_requirement(line, trust=trust) for line in _placed(lines, where))


def _placed(lines: Iterable[RawRequirement | str], where: str) -> Iterator[RawRequirement]:
    for line in lines:
        yield RawRequirement(line.strip(), where) if isinstance(line, str) else line


def parse_requirement(line: RawRequirement, *, trust: tuple[str, ...] = ()) -> Requirement:
    """Reads one line.

    Raises:
        SpecError: It is not a requirement, or one that is refused.
    """
    hashes = tuple(found.strip().removeprefix("--hash").lstrip("= ") for found in _HASH_OPTION.findall(line.text))
    text = _HASH_OPTION.sub("", line.text).strip()
    _refuse_control(text, line.where)
    if _VARIABLE.search(text):
        raise SpecError(
            f"the requirement {_shown(text)} takes a value from the environment", where=line.where, hint=_HINT
        )
    if text.startswith("-"):
        raise SpecError(
            f"the requirement {_shown(text)} is an option of pip, which a model cannot set",
            where=line.where,
            hint="name an index by requirements.index_url in the spec; put a file's lines into requirements.txt itself",
        )
    if "://" in text or _ADDRESS.search(text):
        return _remote(text, line, trust, hashes)
    path, marker = _without_marker(text)
    if path.endswith(".whl") and " " not in path:
        return _wheel(path, marker, line, hashes)
    if "/" in text or text.startswith(".") or text.lower().endswith(_SOURCE_SUFFIXES):
        raise SpecError(
            f"the requirement {_shown(text)} is a source, which would have to be built",
            where=line.where,
            hint="build it (pip wheel PATH), put the wheel into the model's folder and name it in requirements.txt",
        )
    return _named(text, line, hashes)


def _named(text: str, line: RawRequirement, hashes: tuple[str, ...]) -> Requirement:
    parsed = _pep508(text, line)
    if parsed.url is not None:  # "pkg @ path": only URLs with a scheme came as far as _remote
        raise SpecError(f"the requirement {_shown(text)} names a place, not a version", where=line.where, hint=_HINT)
    return _requirement(parsed, text, line, hashes)


def _remote(text: str, line: RawRequirement, trust: tuple[str, ...], hashes: tuple[str, ...]) -> Requirement:
    named = re.match(r"[A-Za-z0-9._-]+\s*(\[[^\]]*\])?\s*@\s*", text)
    url, _ = _without_marker(text[named.end() :] if named else text)
    if url not in trust:
        kind = "version control" if re.match(r"(git|hg|svn|bzr)\+", url) else "a URL"
        raise SpecError(
            f"the requirement {_shown(_redacted(text))} is fetched from {kind} that the spec does not trust",
            where=line.where,
            hint=f"{_HINT}, or trust this one: --set requirements.trust={_redacted(url)}",
        )
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.path.endswith(".whl"):
        raise SpecError(
            f"the requirement {_shown(_redacted(text))} is a source, which would have to be built",
            where=line.where,
            hint="trusted URLs are those of wheels (https://HOST/PATH/NAME-VERSION-TAGS.whl)",
        )
    if "@" in parts.netloc:
        raise SpecError(
            "the URL of a requirement must not carry a user name or password",
            where=line.where,
            hint="put the credentials for that host into ~/.netrc",
        )
    name = _wheel_name(parts.path, line)
    parsed = _pep508(text if named else f"{name} @ {text}", line)
    return _requirement(parsed, text, line, hashes, url=url)


def _wheel(path: str, marker: str | None, line: RawRequirement, hashes: tuple[str, ...]) -> Requirement:
    inside = path.removeprefix("./")
    while inside.startswith("./"):
        inside = inside.removeprefix("./")
    check_name(inside, where=line.where)
    parsed = _pep508(_wheel_name(inside, line) + (f"; {marker}" if marker else ""), line)
    return _requirement(parsed, line.text, line, hashes, wheel=inside)


def _requirement(
    parsed: PackagingRequirement,
    text: str,
    line: RawRequirement,
    hashes: tuple[str, ...],
    *,
    wheel: str | None = None,
    url: str | None = None,
) -> Requirement:
    from packaging.utils import canonicalize_name

    return Requirement(
        name=canonicalize_name(parsed.name),
        text=text,
        where=line.where,
        specifier=str(parsed.specifier),
        extras=tuple(sorted(parsed.extras)),
        marker=str(parsed.marker) if parsed.marker else None,
        wheel=wheel,
        url=url,
        hashes=hashes,
    )


def _pep508(text: str, line: RawRequirement) -> PackagingRequirement:
    from packaging.requirements import InvalidRequirement
    from packaging.requirements import Requirement as PackagingRequirement

    try:
        return PackagingRequirement(text)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        raise SpecError(f"{_shown(text)} is not a requirement: {reason}", where=line.where, hint=_HINT) from None


def _wheel_name(path: str, line: RawRequirement) -> str:
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    try:
        return str(parse_wheel_filename(path.rpartition("/")[2])[0])
    except InvalidWheelFilename:
        raise SpecError(
            f"{_shown(path)} is not the name of a wheel",
            where=line.where,
            hint="wheels are called NAME-VERSION-PYTHON-ABI-PLATFORM.whl; a renamed one cannot be installed",
        ) from None


def _without_marker(text: str) -> tuple[str, str | None]:
    body, separator, marker = text.partition(";")
    return body.strip(), marker.strip() if separator else None


def _refuse_control(text: str, where: str) -> None:
    if any(ord(sign) < 32 and sign != "\t" for sign in text):
        raise SpecError("a requirement has control characters", where=where, hint=_HINT)


def _redacted(text: str) -> str:
    return re.sub(r"//[^/@\s]*@", "//***@", text)


def _shown(text: str) -> str:
    shown = _redacted(text)
    return repr(shown if len(shown) <= 160 else f"{shown[:157]}...")
