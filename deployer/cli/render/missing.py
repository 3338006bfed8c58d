"""What to do about a module that the model needs and does not list. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from deployer.cli.render.commands import again
from deployer.cli.render.escape import one_line
from deployer.endpoint import Diagnosis

__all__ = ["distribution_of", "missing_dependency"]

_DISTRIBUTIONS = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "PIL": "pillow",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
"""Modules whose distribution has another name."""


def distribution_of(module: str) -> str:
    """What is installed to have a module: its own name with dashes, but for the well-known others."""
    top = module.split(".", maxsplit=1)[0]
    return _DISTRIBUTIONS.get(top, top.replace("_", "-"))


def missing_dependency(diagnosis: Diagnosis, extra: Sequence[str], typed: Sequence[str]) -> list[str]:
    """Two ways out: log the model again, or add the requirement once.

    Args:
        diagnosis: With the missing module as its subject.
        extra: What ``requirements.extra`` has already.
        typed: The words after ``deployer``.
    """
    wanted = one_line(distribution_of(diagnosis.subject), 100)
    listed = ",".join([*extra, wanted])
    return [
        "The model's requirements do not list it. Log the model again with",
        f'pip_requirements=[..., "{wanted}"], or try once with',
        f"  {again(typed, more=['--set', f'requirements.extra={listed}'])}",
    ]
