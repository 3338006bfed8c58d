"""Where packages come from: order, pins, logins."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.environment import IndexCredential, IndexPin, PackageSources
from deployer.errors import SpecError

PRIVATE, OTHER = "https://pypi.acme.example/simple", "https://other.example:8443/simple"


def test_the_order_of_indexes() -> None:
    assert PackageSources().indexes == ("https://pypi.org/simple",)
    assert PackageSources(extra_index_urls=(PRIVATE,)).indexes == (PRIVATE, "https://pypi.org/simple")
    assert PackageSources(index_url=PRIVATE, extra_index_urls=(OTHER,)).indexes == (OTHER, PRIVATE)


def test_pins_by_name_and_pattern() -> None:
    pins = (IndexPin("acme-core", OTHER), IndexPin("acme-*", PRIVATE))
    sources = PackageSources(pins=pins)
    assert sources.indexes_for("acme-core") == (OTHER,)
    assert sources.indexes_for("acme-tools") == (PRIVATE,)
    assert sources.indexes_for("acme") == ("https://pypi.org/simple",)
    assert PackageSources(pins=pins, wheelhouse=Path("/wheels")).indexes_for("acme-core") == ()


def test_a_login_is_for_its_host_alone() -> None:
    login = IndexCredential("pypi.acme.example", "me", "secret")
    ported = IndexCredential("other.example:8443", "you", "other")
    sources = PackageSources(credentials=(IndexCredential("other.example", "they", "third"), ported, login))
    assert sources.login_for(PRIVATE) == ("me", "secret")
    assert sources.login_for("https://PYPI.acme.example:443/x.whl") == ("me", "secret")
    assert sources.login_for(OTHER) == ("you", "other")
    assert sources.login_for("https://other.example/simple") == ("they", "third")
    for foreign in ("https://acme.example/", "https://pypi.acme.example.evil.example/", "https://evil.example/@x"):
        assert sources.login_for(foreign) is None
    assert sources.login_for("https://own%40x:p%40ss@third.example/simple") == ("own@x", "p@ss")


def test_a_missing_password_is_an_error_where_it_is_needed() -> None:
    sources = PackageSources(credentials=(IndexCredential("pypi.acme.example", "me", None, "TOKEN"),))
    assert sources.login_for(OTHER) is None
    with pytest.raises(SpecError, match="TOKEN is not set"):
        sources.login_for(PRIVATE)


def test_nothing_secret_is_shown() -> None:
    sources = PackageSources(
        index_url="https://me:hunter2@pypi.acme.example/simple",
        credentials=(IndexCredential("other.example", "me", "hunter3"),),
        pins=(IndexPin("x", "https://me:hunter4@x.example/"),),
    )
    assert "hunter" not in repr(sources) + str(sources.credentials) + str(sources.pins)
