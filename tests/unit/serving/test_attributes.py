"""What travels in SageMaker's one header, and that a client of ours reads what our server writes."""

from __future__ import annotations

import pytest

from deployer.serving.attributes import LONGEST, Attributes
from deployer_sagemaker.attributes import attributes_of, headers_in

OURS = Attributes("r1a2b3c4")


def test_what_a_client_writes_is_what_the_server_reads() -> None:
    sent = attributes_of(
        {"Deployer-Revision": "r1a2b3c4", "Deployer-Verify": "1", "X-Amzn-SageMaker-Custom-Attributes": "trace=7,b"},
        "/ready",
    )
    found = OURS.read([sent])
    assert found.headers == {"deployer-revision": "r1a2b3c4", "deployer-verify": "1"}
    assert (found.path, found.theirs) == ("/ready", "trace=7,b")


def test_no_header_and_an_empty_one() -> None:
    for values in ([], [""], [" , "]):
        found = OURS.read(values)
        assert (dict(found.headers), found.path, found.theirs) == ({}, None, "")


def test_several_headers_are_one_list() -> None:
    found = OURS.read(["deployer-verify=1", 'a={"b": 1}'])
    assert (found.headers, found.theirs) == ({"deployer-verify": "1"}, 'a={"b": 1}')


def test_what_the_server_writes_is_what_a_client_reads() -> None:
    detail = "predictions[3].price: 1.5 is sent, 1.25 by plain pyfunc; 100%"
    parity = [(b"deployer-parity", b"differs"), (b"deployer-parity-detail", detail.encode()), (b"retry-after", b"1")]
    text = OURS.write(parity, "trace=7").decode()
    assert text.startswith("deployer-revision=r1a2b3c4,deployer-parity=differs,deployer-parity-detail=")
    assert text.endswith(",trace=7")
    assert headers_in(text) == {
        "deployer-revision": "r1a2b3c4", "deployer-parity": "differs", "deployer-parity-detail": detail,
    }  # fmt: skip


def test_nothing_to_tell_is_no_header() -> None:
    assert Attributes(None).write([], "") == b""
    assert Attributes(None).write([], "trace=7") == b"trace=7"


def test_nobody_but_the_server_speaks_for_it() -> None:
    """What a caller writes in our words is not sent back, whether the server reads it or not."""
    forged = "deployer-parity=equal, deployer-parity-detail=x ,deployer-other=1,deployer-revision=r7,mine=1"
    assert OURS.write([], OURS.read([forged]).theirs) == b"deployer-revision=r1a2b3c4,mine=1"


@pytest.mark.parametrize("theirs", ["x" * LONGEST, "x" * (LONGEST - 26), "gr\xf6\xdfe", "a\tb"])
def test_what_does_not_fit_or_is_not_carried_is_left_out_whole(theirs: str) -> None:
    assert OURS.write([], theirs) == b"deployer-revision=r1a2b3c4"


def test_the_longest_that_fits() -> None:
    assert len(OURS.write([], "x" * (LONGEST - 27))) == LONGEST


def test_a_detail_that_does_not_fit_leaves_the_verdict() -> None:
    parity = [(b"deployer-parity", b"differs"), (b"deployer-parity-detail", b'"' * 400)]
    assert headers_in(OURS.write(parity, "").decode()) == {
        "deployer-revision": "r1a2b3c4",
        "deployer-parity": "differs",
    }
