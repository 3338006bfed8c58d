from __future__ import annotations

import inspect
import re

import pytest

import deployer
from deployer import errors
from deployer.errors import (
    ClaimLost,
    Conflict,
    DeployerError,
    DeploymentFailed,
    Interrupted,
    RestoreFailed,
    TargetUnavailable,
    most_severe,
)

KINDS = {
    name: kind
    for name, kind in vars(errors).items()
    if inspect.isclass(kind) and issubclass(kind, DeployerError | Interrupted) and kind.__module__ == errors.__name__
}


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = dict(re.findall(r"[├└]── (\w+) +(\d+) ", errors.__doc__ or ""))
    leaves = {name: str(kind.exit_code) for name, kind in KINDS.items() if name not in ("DeployerError", "Interrupted")}
    assert drawn == leaves
    assert set(errors.__all__) == {*KINDS, "most_severe"}


def test_codes_differ_but_for_a_lost_claim() -> None:
    codes = [kind.exit_code for name, kind in KINDS.items() if name != "ClaimLost"]
    assert len(codes) == len(set(codes))
    assert ClaimLost.exit_code == Conflict.exit_code == 4
    assert Interrupted.exit_code == 130


def test_all_of_them_are_public() -> None:
    assert {name for name in KINDS if name != "ClaimLost"} <= {*deployer.__all__, "ClaimLost"}


def test_what_where_and_what_next_are_kept_apart() -> None:
    error = DeployerError("the port is taken", where="iris", hint="deployer status iris")
    assert (str(error), error.message, error.hint) == (
        "iris: the port is taken", "the port is taken", "deployer status iris",
    )  # fmt: skip
    assert str(DeployerError("nothing")) == "nothing"
    assert TargetUnavailable("x").transient is False
    assert isinstance(RestoreFailed("x"), DeploymentFailed)
    assert isinstance(Interrupted("x"), KeyboardInterrupt)


@pytest.mark.parametrize(
    ("codes", "one"),
    [([], 0), ([0, 0], 0), ([0, 12, 7], 7), ([4, 6], 6), ([6, 11], 11), ([3, 9, 5], 5), ([7, 3], 3), ([2, 11], 2)],
)
def test_the_most_severe(codes: list[int], one: int) -> None:
    assert most_severe(codes) == one
    assert most_severe([*reversed(codes)]) == one
