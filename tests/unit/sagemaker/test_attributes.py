"""Our headers in CustomAttributes."""

from __future__ import annotations

import pytest

from deployer.errors import SpecError
from deployer_sagemaker.attributes import HEADER, LONGEST, attributes_of, headers_in


def test_ours_go_beside_the_caller_s_own() -> None:
    text = attributes_of({"Deployer-Revision": "r1a2b3c4", "deployer-verify": "1", HEADER: "trace=7", "Accept": "x"})
    assert text == "deployer-revision=r1a2b3c4,deployer-verify=1,trace=7"
    assert headers_in(text) == {"deployer-revision": "r1a2b3c4", "deployer-verify": "1"}


def test_nothing_is_sent_for_nothing() -> None:
    assert attributes_of({"Content-Type": "text/csv"}) == ""
    assert attributes_of({}, "/ready") == "deployer-path=/ready"
    assert headers_in("") == {}


def test_what_else_is_there_is_not_ours() -> None:
    assert headers_in("trace=7, deployer-parity=equal ,deployer-other=1,=,deployer-revision") == {
        "deployer-parity": "equal"
    }


@pytest.mark.parametrize("theirs", ["x" * LONGEST, "größe", "a\nb"])
def test_what_aws_does_not_carry(theirs: str) -> None:
    with pytest.raises(SpecError):
        attributes_of({HEADER: theirs, "Deployer-Revision": "r1a2b3c4"})
