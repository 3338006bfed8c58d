"""Why a deployment fails, in Azure's own words where we have them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deployer.testing.azureml.answers import Refusal, arm_error

__all__ = ["REASONS", "Broken", "Reason", "client_error"]

_GUIDE = "Please see troubleshooting guide, available here: https://aka.ms/oe-tsg#error-"


@dataclass(frozen=True)
class Reason:
    """A failure of a deployment's operation.

    Attributes:
        code: ``error.code``.
        text: ``error.message``; ``{about}`` stands for what it is about.
        details: (code, message) of each of ``error.details``.
    """

    code: str
    text: str
    details: tuple[tuple[str, str], ...] = field(default=())

    def error(self, about: str = "") -> dict[str, Any]:
        """The error object of the operation."""
        filled = [(code, text.replace("{about}", about)) for code, text in self.details]
        return arm_error(self.code, self.text.replace("{about}", about), filled)


REASONS: Mapping[str, Reason] = {
    # Recorded: MicrosoftLearning/mslearn-azure-ml#100, Azure/azureml-examples#3983.
    "crash": Reason(
        "BadArgument",
        f"User container has crashed or terminated: {{about}}. {_GUIDE}resourcenotready",
    ),
    "liveness": Reason(
        "ResourceNotReady",
        f"User container has crashed or terminated: Liveness probe failed: {{about}}. {_GUIDE}resourcenotready",
    ),
    # Guessed after the two above: the documents have the anchors alone.
    "readiness": Reason(
        "ResourceNotReady",
        f"User container is not ready: Readiness probe failed: {{about}}. {_GUIDE}resourcenotready",
    ),
    "image": Reason(
        "BadArgument",
        f"Unable to download user container image: {{about}}. Make sure that the image exists in the container "
        f"registry and that the endpoint's identity has the AcrPull permission. {_GUIDE}badargument",
    ),
    "model": Reason(
        "BadArgument",
        f"Unable to download user model: {{about}}. Make sure that the model exists and that the endpoint's identity "
        f"has the Storage Blob Data Reader permission. {_GUIDE}badargument",
    ),
    "build": Reason(
        "ImageBuildFailure",
        f"Environment image build failed. {_GUIDE}imagebuildfailure",
        (("BuildLogs", "{about}"),),
    ),
    "capacity": Reason(
        "OutOfCapacity",
        "The specified VM Size failed to provision due to a lack of Azure Machine Learning capacity. "
        f"{_GUIDE}outofcapacity",
    ),
    "secrets": Reason("SecretsInjectionError", f"Secret injection failed: {{about}}. {_GUIDE}secretsinjectionerror"),
    "canceled": Reason(
        "OperationCanceled",
        f"Operation was canceled by another operation that has a higher priority. {_GUIDE}operationcanceled",
    ),
    "service": Reason("InternalServerError", f"An internal error occurred. {_GUIDE}internalservererror"),
}
"""By a short name; a fault's ``reason`` is one of these names, or a text of its own."""


class Broken(Exception):
    """A deployment cannot serve.

    Args:
        reason: A key of `REASONS`.
        about: What it is about.
    """

    def __init__(self, reason: str, about: str = "") -> None:
        super().__init__(f"{reason}: {about}")
        self.reason, self.about = reason, about

    @property
    def error(self) -> dict[str, Any]:
        """The error object of the operation."""
        return REASONS[self.reason].error(self.about)


def client_error(
    status: int, kind: str, errors: Mapping[str, list[str]], *, code: str = "BadRequest", message: str = ""
) -> Refusal:
    """What the front end answers where the service behind it refuses: its answer as JSON in a detail's text (recorded).

    Args:
        status: The HTTP status.
        kind: ``InferencingClientCreateDeploymentFailed``.
        errors: Field to what is wrong with it.
        code: The code of the whole.
        message: Its message.
    """
    inner = {
        "errors": dict(errors),
        "type": "https://tools.ietf.org/html/rfc7231#section-6.5.1",
        "title": "One or more validation errors occurred.",
        "status": status,
    }
    said = f"InferencingClient HttpRequest error, error detail: {json.dumps(inner)}"
    return Refusal(status, code, message or "The request is invalid.", details=[(kind, said)])
