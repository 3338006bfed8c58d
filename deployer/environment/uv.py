"""uv, run in an environment of our making: nothing of the caller's settings or secrets reaches it.

Only an allow-list of variables is handed on. Addresses of indexes go by uv's own variables, not by its arguments,
which every user of the machine can read.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.environment.children import ending_with_us
from deployer.environment.indexes import index_settings, secrets_of
from deployer.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from deployer.environment.request import PackageSources

__all__ = ["Answer", "Uv", "redacted", "scrubbed_environment"]

_ALLOWED = (
    *("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "NETRC", "XDG_DATA_HOME"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("SYSTEMROOT", "SYSTEMDRIVE", "TEMP", "TMP", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PATHEXT"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """How a run of uv ended.

    Args:
        code: Its exit code.
        lines: What it said, without credentials.
    """

    code: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Uv:
    """The uv program and its cache.

    Args:
        binary: The program.
        cache: Its cache folder.
    """

    binary: Path
    cache: Path

    @classmethod
    def found(cls, cache: Path) -> Uv:
        """The uv that is installed beside us.

        Raises:
            BuildError: There is none.
        """
        try:
            from uv import find_uv_bin

            return cls(Path(find_uv_bin()), cache)
        except (ImportError, FileNotFoundError):
            raise BuildError("the program uv is missing", hint="pip install uv") from None

    def run(
        self,
        arguments: Sequence[str],
        *,
        sources: PackageSources | None = None,
        indexes: tuple[str, ...] | None = None,
        settings: Mapping[str, str] | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> Answer:
        """Runs uv to its end.

        Args:
            arguments: The command and its arguments; those that keep uv to itself are added.
            sources: Where packages come from, for commands that need some.
            indexes: The only indexes to ask, instead of those of the sources.
            settings: More variables for it.
            on_line: Told each line as it comes.

        Raises:
            BuildError: uv cannot be started.
            SpecError: The password of an index is not set.
        """
        command = [str(self.binary), *arguments, "--no-config", "--no-progress", "--color", "never"]
        environment = scrubbed_environment(sources) | {"UV_CACHE_DIR": str(self.cache)} | dict(settings or {})
        if sources is not None:
            environment = index_settings(sources, indexes) | environment
        secrets = secrets_of(sources)
        lines: list[str] = []
        try:
            with subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                preexec_fn=ending_with_us(),  # noqa: PLW1509 - it calls prctl alone
            ) as process:
                try:
                    for line in process.stdout or ():
                        lines.append(redacted(line.rstrip(), secrets))
                        if on_line:
                            on_line(lines[-1])
                except BaseException:
                    process.terminate()
                    raise
        except OSError as error:
            raise BuildError(f"uv cannot be started: {error.strerror}", where=str(self.binary)) from None
        return Answer(process.returncode, tuple(lines))


def scrubbed_environment(
    sources: PackageSources | None = None, environ: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The variables that a program of ours may see: an allow-list, with the certificates to trust.

    Args:
        sources: May name certificates.
        environ: What to choose from; the process's own variables by default.
    """
    given = os.environ if environ is None else environ
    environment = {name: given[name] for name in _ALLOWED if name in given}
    bundle = sources.ca_bundle if sources else None
    if bundle:
        environment["SSL_CERT_FILE"] = str(bundle)
        environment.pop("SSL_CERT_DIR", None)
    elif "SSL_CERT_FILE" not in environment and "REQUESTS_CA_BUNDLE" in given:
        environment["SSL_CERT_FILE"] = given["REQUESTS_CA_BUNDLE"]
    return environment


def redacted(text: str, secrets: frozenset[str] = frozenset()) -> str:
    """The text without the user information of any URL in it, and without these secrets."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return re.sub(r"(://)[^/\s'\"`]*@", r"\1***@", text)
