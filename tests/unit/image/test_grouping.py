"""Which layers wheels make: few, stable, the common ones lowest."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from deployer.image.grouping import MOST_LAYERS, SMALL, Sized, arranged, settled


def names(wheels: list[Sized]) -> list[list[str]]:
    return [[wheel.name for wheel in layer] for layer in arranged(wheels)]


def test_known_ones_lie_lowest_and_small_ones_share_the_uppermost() -> None:
    wheels = [
        Sized("zeta", SMALL), Sized("six", 10), Sized("scikit-learn", 9 * SMALL), Sized("numpy", 8 * SMALL),
        Sized("attrs", 20), Sized("beta", 2 * SMALL),
    ]  # fmt: skip
    assert names(wheels) == [["numpy"], ["scikit-learn"], ["beta"], ["zeta"], ["attrs", "six"]]
    assert names([]) == []
    assert names([Sized("six", 1)]) == [["six"]]


def test_a_further_requirement_moves_nothing() -> None:
    before = [Sized("numpy", SMALL), Sized("b", SMALL), Sized("d", SMALL), Sized("small", 1)]
    assert names([*before, Sized("other-small", 1)]) == [["numpy"], ["b"], ["d"], ["other-small", "small"]]
    assert names([*before, Sized("z", SMALL)])[:3] == [["numpy"], ["b"], ["d"]]


def test_there_are_never_too_many() -> None:
    wheels = [Sized(f"p{number:03}", SMALL + number) for number in range(300)]
    layers = arranged(wheels)
    assert len(layers) == MOST_LAYERS + 1
    assert {layer[0].name for layer in layers[:-1]} == {f"p{number:03}" for number in range(300 - MOST_LAYERS, 300)}
    more = {layer[0].name for layer in arranged([*wheels, Sized("a", 2 * SMALL)])[:-1]}
    assert more == {layer[0].name for layer in layers[:-1]} - {f"p{300 - MOST_LAYERS:03}"} | {"a"}


@given(st.dictionaries(st.text("abc-", min_size=1, max_size=5), st.integers(0, 4 * SMALL), max_size=90), st.integers())
def test_a_function_of_the_set(sizes: dict[str, int], seed: int) -> None:
    wheels = [Sized(name, size) for name, size in sizes.items()]
    shuffled = list(wheels)
    random.Random(seed).shuffle(shuffled)
    assert arranged(wheels) == arranged(shuffled)
    assert sorted(wheel.name for layer in arranged(wheels) for wheel in layer) == sorted(sizes)


SIZES = st.dictionaries(
    st.sampled_from(["numpy", "pandas", "scipy", *(f"p{number}" for number in range(80))]),
    st.sampled_from([1, SMALL - 1, SMALL, 9 * SMALL]),
)


@given(SIZES, st.sets(st.integers(0, 90)))
def test_what_is_settled_stays_so_whatever_comes(sizes: dict[str, int], unknown: set[int]) -> None:
    known = {name: size for number, (name, size) in enumerate(sizes.items()) if number not in unknown}
    layers = names([Sized(name, size) for name, size in sizes.items()])
    found = list(settled(sizes.keys(), known))
    assert [[name] for name in found] == layers[: len(found)]


def test_all_that_is_made_without_a_gap_is_settled() -> None:
    packages = ["zeta", "scipy", "numpy", "pandas", "attrs"]
    assert list(settled(packages, {"pandas": SMALL})) == []
    assert list(settled(packages, {"pandas": SMALL, "numpy": SMALL, "zeta": SMALL})) == ["numpy", "pandas"]
    assert list(settled(packages, dict.fromkeys(packages, SMALL) | {"attrs": 1})) == [
        "numpy", "pandas", "scipy", "zeta",
    ]  # fmt: skip
