"""What went wrong in a build, told in a sentence: the telling lines, and what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence

from deployer.errors import BuildError, DeployerError, TargetUnavailable
from deployer.image.building.packages import Package, debian_name
from deployer.image.building.running import FailedBuild

__all__ = ["compile_failed", "packages_failed"]

_TAIL = 12
_LONGEST = 200
_NOISE = re.compile(
    r"^( ---> |Step \d+/\d+ |Removing intermediate|Get:\d|Hit:\d|Reading |Building dependency|deployer: |"
    r"\(Reading database|debconf: delaying|Fetched )"
)

_NETWORK = re.compile(
    r"Temporary failure resolving|Could not resolve|Could not connect|Cannot initiate the connection|"
    r"Connection (refused|timed out|failed)|Unable to connect|Network is unreachable|No route to host|"
    r"Connection reset|Could not wait for server|Unsupported proxy|Proxy",
    re.IGNORECASE,
)
_CERTIFICATE = re.compile(r"certificate|SSL connection|gnutls_handshake|TLS", re.IGNORECASE)
_UNSIGNED = re.compile(r"is not signed|NO_PUBKEY|GPG error|EXPKEYSIG|not valid yet|Release file .* expired")
_SHUT = re.compile(r"\b407\b|Proxy Authentication Required")
_NO_ENTRY = re.compile(r"\b40[13]\s+(Unauthorized|Forbidden)", re.IGNORECASE)
_FULL = re.compile(r"no space left on device", re.IGNORECASE)
_HEADER = re.compile(r"fatal error: (\S+\.h\w*): No such file")
_LIBRARY = re.compile(r"cannot find -l([\w+.-]+)")
_PROGRAM = re.compile(r"(?:^|[\s'\"])([\w+-]+): (?:command )?not found|No such file or directory: '([\w+-]+)'")


def packages_failed(failed: FailedBuild, packages: Sequence[Package], base: str) -> DeployerError:
    """Why packages could not be installed.

    Args:
        failed: The build.
        packages: What was asked for.
        base: What they were to stand on, by its name.
    """
    said = "\n".join((*failed.lines, failed.error))
    names = ", ".join(map(str, packages))
    if _FULL.search(said):
        return _disk_full()
    if "deployer: no apt-get" in said:
        return BuildError(
            f"the base has no apt-get, so image.packages ({names}) cannot be installed",
            where=base,
            hint="name a base on Debian or Ubuntu, or one that has them already: --set image.base=REF",
        )
    known = _unknown_package(failed.lines, base) or _gone_version(failed.lines, base)
    if known:
        return known
    reason, hint = _reached(said)
    return BuildError(
        f"{names} cannot be installed{reason}\n{_telling(failed)}",
        where=base,
        hint=hint or "the lines above are the step's last output",
    )


def compile_failed(failed: FailedBuild, name: str, source: str) -> DeployerError:
    """Why a source could not be compiled.

    Args:
        failed: The build.
        name: Of the package.
        source: The source's file name.
    """
    said = "\n".join((*failed.lines, failed.error))
    if _FULL.search(said):
        return _disk_full()
    missing = next((line.split()[2:] for line in failed.lines if line.startswith("deployer: missing ")), None)
    if missing:
        names = [re.sub(r"\.so(?:\.(\d+).*)?$", r"\1", each).lower() for each in missing]
        return BuildError(
            f"{name} takes {', '.join(missing)} from the system, which the base has not",
            where=source,
            hint=f"let the image have the Debian packages: --set image.packages={','.join(names)}",
        )
    header, library, program = _HEADER.search(said), _LIBRARY.search(said), _PROGRAM.search(said)
    hint = "the lines above are the build's last output; ask for a version that has a wheel, or put one into "
    hint += "requirements.wheelhouse"
    if header:
        hint = f"image.packages must name the Debian package that has {header[1]}, such as lib...-dev"
        hint += f": https://packages.debian.org/file:{header[1].rpartition('/')[2]}"
    elif library:
        hint = f"image.packages must name the Debian package that has lib{library[1]}.so: lib{library[1]}-dev, perhaps"
    elif program:
        hint = f"image.packages must name the Debian package that has the program {program[1] or program[2]}"
    elif re.search(r"Failed to resolve|Name or service not known|Temporary failure in name resolution", said):
        hint = "sources are compiled without a network: what the build fetches must be a package that it requires"
    return BuildError(f"{name} cannot be compiled\n{_telling(failed)}", where=source, hint=hint)


def _unknown_package(lines: Sequence[str], base: str) -> BuildError | None:
    for line in lines:
        found = re.fullmatch(r"deployer: near (\S+): ?(.*)", line)
        if found is None or not any(f"Unable to locate package {found[1]}" in each for each in lines):
            continue
        name = found[1]
        guess = debian_name(name, found[2].split())
        return BuildError(
            f"{base} has no Debian package {name}" + (f" (did you mean {guess}?)" if guess else ""),
            where="image.packages",
            hint=f"look it up: https://packages.debian.org/{name}; "
            "or name another archive: --set image.apt_sources=FILE.list",
        )
    return None


def _gone_version(lines: Sequence[str], base: str) -> BuildError | None:
    for line in lines:
        found = re.search(r"Version '(\S+)' for '(\S+)' was not found", line)
        if found is None:
            continue
        pattern = re.compile(rf"deployer: versions {re.escape(found[2])}: (.*)")
        told = next(filter(None, map(pattern.fullmatch, lines)), None)
        has = f"; it has {', '.join(told[1].split())}" if told and told[1].strip() else ""
        return BuildError(
            f"the archive of {base} has no {found[2]} {found[1]} (any more){has}",
            where="image.packages",
            hint="update with --upgrade takes today's version; an archive that keeps old ones, such as "
            "snapshot.debian.org, can be named: --set image.apt_sources=FILE.list",
        )
    return None


def _reached(said: str) -> tuple[str, str | None]:
    """What kept apt from its archive, if that is it."""
    if _SHUT.search(said):
        return ": the proxy wants a login", "set HTTP_PROXY and HTTPS_PROXY to http://USER:PASSWORD@HOST:PORT"
    if _NO_ENTRY.search(said):
        return ": the archive refuses us", "name one that this machine may read: --set image.apt_sources=FILE.list"
    if _UNSIGNED.search(said):
        return (
            ": the archive is not signed by a key that the base trusts",
            "name its key in the file of image.apt_sources: Signed-By",
        )
    if _CERTIFICATE.search(said):
        return (
            ": the archive's certificate cannot be verified",
            "name your authority's certificates: --set requirements.ca_bundle=/path/to/ca.pem",
        )
    if _NETWORK.search(said):
        return (
            ": the archive cannot be reached from the engine",
            "set HTTP_PROXY and HTTPS_PROXY for a proxy, or name another archive: --set image.apt_sources=FILE.list",
        )
    return "", None


def _telling(failed: FailedBuild) -> str:
    """The step's last lines, without its noise; the engine's own end where there are none."""
    lines = [line.rstrip() for line in failed.lines if line.strip() and not _NOISE.match(line)]
    shown = [_shown(line) for line in lines[-_TAIL:]] or [_shown(failed.error)]
    return "\n".join(f"    {line}" for line in shown)


def _shown(line: str) -> str:
    text = "".join(sign if sign.isprintable() else "?" for sign in line)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _disk_full() -> TargetUnavailable:
    return TargetUnavailable("the engine's disk is full", hint="docker system df, then docker image prune")
