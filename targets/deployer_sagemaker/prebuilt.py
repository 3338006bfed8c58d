"""AWS's own images, by their framework: ``image.use: prebuilt:djl-lmi:0.30.0``.

Which account, repository and tag that is in a region, the SageMaker SDK knows without asking anybody
(``sagemaker.core.image_uris``); it is imported when such an image is wished, and for nothing else. It is no extra of
ours: it takes 300 MB, and holds back other packages (rich below 15, protobuf below 7), which would be everybody's then.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import Any

from deployer.errors import SpecError
from deployer.importing import library

__all__ = ["PREFIX", "is_prebuilt", "prebuilt_image"]

PREFIX = "prebuilt:"
_HINT = "as in prebuilt:djl-lmi:0.30.0, prebuilt:sklearn:1.4-2 or prebuilt:pytorch:2.6.0:py312"


def is_prebuilt(use: str | None) -> bool:
    """Whether ``image.use`` names one."""
    return use is not None and use.startswith(PREFIX)


def prebuilt_image(use: str, region: str, kind: str | None) -> str:
    """Its reference in a region's ECR.

    Args:
        use: ``prebuilt:FRAMEWORK[:VERSION[:PYTHON]]``; without a version the newest that the SDK knows.
        region: AWS's.
        kind: The instance type that it is for, since there are others for GPUs; None: serverless.

    Raises:
        SpecError: The SDK is not installed, or knows no such image.
    """
    framework, version, python, *more = [*use.removeprefix(PREFIX).split(":"), "", ""]
    if not framework or any(more):
        raise SpecError(f"{use} names no image of AWS's", where="image.use", hint=_HINT)
    wanted = {"version": version or None, "py_version": python or None}
    try:
        found = _image_uris().retrieve(
            framework=framework, region=region, instance_type=kind or "ml.c5.large", image_scope="inference", **wanted
        )
    except FileNotFoundError:
        raise SpecError(f"the SageMaker SDK knows no image of {framework}", where="image.use", hint=_HINT) from None
    except (ValueError, KeyError) as error:
        raise SpecError(f"AWS has no such image: {error}", where="image.use", hint=_HINT) from error
    return str(found)


def _image_uris() -> Any:
    logging.getLogger("sagemaker").setLevel(logging.ERROR)  # it greets whoever imports it
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return library("sagemaker.core.image_uris")
    except ImportError as error:
        raise SpecError(
            "where AWS's own images are, its SDK knows, which is not installed", where="image.use",
            hint="pip install sagemaker-core, or give the image itself: image.use=REPOSITORY:TAG",
        ) from error  # fmt: skip
