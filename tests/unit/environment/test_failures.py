"""uv's words, in its older and newer layout, told again in a sentence."""

from __future__ import annotations

import pytest

from deployer.environment import EnvironmentRequest
from deployer.environment.failures import explain_install, explain_lock, telling
from deployer.model import parse_requirements

OLDER = [
    "  × No solution found when resolving dependencies:",
    "  ╰─▶ Because you require web==1 and web>1, we can conclude that your",
    "      requirements are unsatisfiable.",
]
NEWER = [
    "warning: something else",
    "error: No solution found when resolving dependencies",
    "  cause: Because you require web==1 and web>1, we can conclude that your requirements are unsatisfiable.",
]


@pytest.mark.parametrize("lines", [OLDER, NEWER])
def test_the_telling_lines(lines: list[str]) -> None:
    assert telling(lines) == "Because you require web==1 and web>1"


def test_nothing_told_and_too_much_told() -> None:
    assert telling([]) == "uv gave no reason"
    assert len(telling(["error: " + "x" * 5000])) == 700
    assert telling(["error: a\x1b[31mb"]) == "a?[31mb"


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("error: failed to write: No space left on device (os error 28)", "the disk is full", "free some space"),
        ("error: Failed to fetch: `http://x/` cause: dns error", "cannot be reached", "requirements.wheelhouse"),
        ("error: Failed to fetch `https://x/` invalid peer certificate: UnknownIssuer", "certificate", "ca_bundle"),
        ("error: HTTP status client error (403 Forbidden) for url (https://x/)", "wants credentials", ".netrc"),
        (
            "error: Failed to fetch: `http://x/` cause: 407 Proxy Authentication Required",
            "the proxy wants",
            "HTTPS_PROXY",
        ),
        (
            "error: Failed to fetch: `https://download.pytorch.org/whl/cpu/` dns error",
            "PyTorch's own index",
            "pin.torch",
        ),
        ("error: Hash mismatch for `x==1`", "not the one that was locked", "--upgrade"),
        ("error: something new", "cannot be made: something new", "--upgrade"),
    ],
)
def test_installing(line: str, message: str, hint: str) -> None:
    found = explain_install([line], "cache")
    assert message in str(found)
    assert hint in str(found.hint)


def test_wheels_for_others_only() -> None:
    request = EnvironmentRequest("3.11", "x86_64-manylinux_2_28", parse_requirements(["tf==1.0"], where="r.txt:3"))
    said = [
        "error: x",
        "cause: Because tf==1.0 has no wheels with a matching Python ABI tag (e.g., `cp311`) and you require tf",
    ]
    found = explain_lock(request, said, None)
    assert str(found).startswith("r.txt:3: tf has no wheel for python 3.11 on x86_64-manylinux_2_28, only for others")
