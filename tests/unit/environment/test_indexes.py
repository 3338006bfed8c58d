"""uv's variables for indexes, and what must not be told."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.environment import IndexCredential, IndexPin, PackageSources
from deployer.environment.indexes import check_indexes, index_settings, plain, secrets_of
from deployer.environment.pins import mentioned, pins_project, pins_settings
from deployer.environment.uv import redacted
from deployer.errors import SpecError

PRIVATE = "https://pypi.acme.example/simple"
LOGIN = IndexCredential("pypi.acme.example", "me", "p@ss/word")


def test_addresses_carry_no_login() -> None:
    sources = PackageSources(extra_index_urls=(PRIVATE, "https://u:v@x.example/simple"), credentials=(LOGIN,))
    assert index_settings(sources) == {
        "UV_INDEX": f"deployer0={PRIVATE} deployer1=https://x.example/simple",
        "UV_DEFAULT_INDEX": "deployer2=https://pypi.org/simple",
        "UV_INDEX_DEPLOYER0_USERNAME": "me",
        "UV_INDEX_DEPLOYER0_PASSWORD": "p@ss/word",
        "UV_INDEX_DEPLOYER1_USERNAME": "u",
        "UV_INDEX_DEPLOYER1_PASSWORD": "v",
    }
    assert index_settings(sources, (PRIVATE,))["UV_DEFAULT_INDEX"] == f"deployer0={PRIVATE}"
    assert index_settings(PackageSources(wheelhouse=Path("/w"))) == {"UV_NO_INDEX": "1", "UV_OFFLINE": "1"}


def test_a_project_of_pins() -> None:
    pins = (IndexPin("acme-*", PRIVATE), IndexPin("low", "https://u:v@x.example/simple"), IndexPin("more", PRIVATE))
    sources = PackageSources(pins=pins, credentials=(LOGIN,))
    assert pins_project(["low", "acme-core"], sources) == (
        '[project]\nname = "deployer-pins"\nversion = "0"\ndependencies = ["acme-core", "low"]\n'
        '[tool.uv.sources]\nacme-core = { index = "pin0" }\nlow = { index = "pin1" }\n'
        f'[[tool.uv.index]]\nname = "pin0"\nurl = "{PRIVATE}"\nexplicit = true\n'
        '[[tool.uv.index]]\nname = "pin1"\nurl = "https://x.example/simple"\nexplicit = true\n'
    )
    assert pins_settings(sources)["UV_INDEX_PIN0_PASSWORD"] == "p@ss/word"
    said = [
        "error: x",
        "cause: Because Acme_Core>=2 was not found, see https://acme-host.example/acme-x and acme.deep.",
    ]
    assert mentioned(said, sources) == {"acme-core", "acme-deep"}


@pytest.mark.parametrize("url", ["ftp://x.example/", "file:///etc", "https://x.example/${TOKEN}", "https://a b/"])
def test_addresses_that_are_refused(url: str) -> None:
    for sources in (PackageSources(index_url=url), PackageSources(pins=(IndexPin("x", url),))):
        with pytest.raises(SpecError, match="plain http or https URL"):
            check_indexes(sources)


def test_every_form_of_a_secret_is_struck_out() -> None:
    environment = {"HTTPS_PROXY": "http://me:pr0xy%2Fpw@proxy.example:3128", "http_proxy": "http://me:raw/pw@proxy"}
    secrets = secrets_of(PackageSources(credentials=(LOGIN,)), environment)
    assert {"p@ss/word", "p%40ss%2Fword", "p%40ss/word", "pr0xy/pw", "pr0xy%2Fpw", "raw/pw"} <= secrets
    said = "http://me:raw/pw@proxy and p%40ss%2Fword, Basic bWU6cEBzcy93b3Jk, https://me:other@b@x.example/"
    assert redacted(said, secrets) == "http://***@proxy and ***, Basic ***, https://***@x.example/"
    assert secrets_of(None, {}) == frozenset()
    assert plain("https://u:v@x.example:8443/simple?a#b") == "https://x.example:8443/simple?a#b"
