"""The api-versions that ARM's providers have (documented: Azure ML REST reference, and each SDK's own choice)."""

from __future__ import annotations

import re

from deployer.testing.azureml.answers import Refusal
from deployer.testing.azureml.state import PROVIDER

__all__ = ["check"]

_ML = (
    "2022-01-01-preview", "2022-02-01-preview", "2022-05-01", "2022-06-01-preview", "2022-10-01",
    "2022-10-01-preview", "2022-12-01-preview", "2023-02-01-preview", "2023-04-01", "2023-04-01-preview",
    "2023-06-01-preview", "2023-08-01-preview", "2023-10-01", "2024-01-01-preview", "2024-04-01",
    "2024-04-01-preview", "2024-07-01-preview", "2024-10-01", "2024-10-01-preview", "2025-01-01-preview",
    "2025-04-01", "2025-04-01-preview", "2025-06-01", "2025-07-01-preview", "2025-09-01", "2025-10-01-preview",
    "2025-12-01",
)  # fmt: skip
_DATE = re.compile(r"20\d\d-[01]\d-[0-3]\d(-preview)?")


def check(version: str, path: str) -> None:
    """Refuse a call of ARM without a version, or with one that is not there; ARM's words (documented)."""
    if not version:
        raise Refusal(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    # Of extensions, such as metrics and permissions of a workspace, the last provider is the one that is asked.
    ours = path.lower().rpartition("/providers/")[2].startswith(f"{PROVIDER}/".lower())
    if not _DATE.fullmatch(version) or (ours and version not in _ML):
        raise Refusal(
            400,
            "NoRegisteredProviderFound",
            f"No registered resource provider found for API version '{version}' for "
            f"this type. The supported api-versions are '{', '.join(_ML)}'.",
        )
