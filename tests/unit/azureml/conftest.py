"""A double in this process, with containers that are threads, and the target's own connections to it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from deployer.testing.azureml import Double
    from tests.unit.azureml.living import Living


@pytest.fixture(scope="module")
def kept_double(request: pytest.FixtureRequest) -> Generator[Double]:
    """One for a module, since it takes longer to make than most tests; each test has names of its own.

    A module's ``OPTIONS`` say what is otherwise there. The target's own calls are held to the roles of infra/azure.
    """
    pytest.importorskip("cryptography", reason="cryptography is not installed")
    pytest.importorskip("azure.identity", reason="azure-identity is not installed")
    from deployer.testing.azureml import Double, Durations, Options
    from deployer.testing.crash.hosted import plain
    from deployer_azureml.roles import permissions

    told: dict[str, Any] = {
        "durations": Durations(probes=0.05, probe_every=0.01), "rights": tuple(permissions()), "credentials": "None",
        **getattr(request.module, "OPTIONS", {}),
    }  # fmt: skip
    with Double(Options(containers=getattr(request.module, "CONTAINERS", plain)(), **told)) as made:
        yield made
        assert made.world.trouble == []
        if made.world.rights.permissions is not None:
            assert made.tell("GET", "rights")["refused"] == [], "the target's own calls, by the roles of infra/azure"


@pytest.fixture
def on_double(kept_double: Double, monkeypatch: pytest.MonkeyPatch) -> Generator[Double]:
    """The same, with its credentials, and nothing of whoever runs this; no request is sent twice."""
    for name in ("AZURE_AUTHORITY_HOST", "AZUREML_DEV_URL_MFE", "AZURE_SUBSCRIPTION_ID", "AZURE_TOKEN_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.setenv(name, kept_double.environment[name])
    monkeypatch.setattr("deployer_azureml.client.AGAIN", ())
    yield kept_double
    kept_double.world.faults.clear()


@pytest.fixture
def new_living(on_double: Double) -> Callable[..., Living]:
    """Makes an endpoint's beginnings."""
    from tests.unit.azureml.living import Living

    def made(**options: Any) -> Living:
        return Living(on_double, **options)

    return made


@pytest.fixture
def living(new_living: Callable[..., Living]) -> Living:
    """One endpoint, of which nothing is there yet."""
    return new_living()


@pytest.fixture
def faults(on_double: Double) -> Callable[..., None]:
    """Lets a call go wrong."""
    return on_double.fault
