"""What of a foreign environment may be told: values that look secret are named, and never shown. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

__all__ = ["holds_secret", "told_variables"]

_NAMES = re.compile(
    r"secret|token|passw|passphrase|(^|_)(pwd|pass|auth|key|dsn|pat|sas)(_|$)|_?api_?key|access_?key|private|credential"
    r"|connection_?string|cookie|(^|_)cert(_|$)",
    re.IGNORECASE,
)
_VALUES = re.compile(
    r"://[^/\s@]*:[^/\s@]+@"  # user:password@ in a URL
    r"|-----BEGIN "
    r"|^(AKIA|ASIA|gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk-|eyJ|dapi|hf_)"  # how well-known tokens begin
    r"|(sig|token|key|secret|password)=[^&\s]{8,}"
)
_RANDOM = re.compile(r"[A-Za-z0-9+_=-]{24,}")


def told_variables(environment: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The variables that can be told, and the names of those whose names or values look secret.

    One that is taken for a secret by mistake has to be given by hand; the other mistake would print a password.
    """
    hidden = tuple(sorted(name for name, value in environment.items() if _looks_secret(name, value)))
    return {name: value for name, value in environment.items() if name not in hidden}, hidden


def holds_secret(arguments: Sequence[str]) -> bool:
    """Whether one of a command's arguments looks secret: by its option's name (``--api-key VALUE``), or by itself."""
    following = [*arguments[1:], ""]
    for word, after in zip(arguments, following, strict=False):
        name, equals, value = word.partition("=")
        option = name.strip("-").replace("-", "_") if name.startswith("-") else ""
        if _looks_secret(option, value if equals else after) or _looks_secret("", word):
            return True
    return False


def _looks_secret(name: str, value: str) -> bool:
    if not value:
        return False
    return bool(_NAMES.search(name) or _VALUES.search(value) or _looks_random(value))


def _looks_random(value: str) -> bool:
    """Whether it is one long word of letters and digits, as keys are and names are not."""
    if not _RANDOM.fullmatch(value):
        return False
    digits, letters = sum(c.isdigit() for c in value), sum(c.isalpha() for c in value)
    return digits >= 4 and letters >= 4
