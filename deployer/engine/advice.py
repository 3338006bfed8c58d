"""What a person can do about a failed revision, in words that the engine alone can find: it knows the command. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from deployer.endpoint import Code, Diagnosis
from deployer.plan import Plan
from deployer.spec import DeploymentSpec

__all__ = ["advised", "distribution_of"]

_DISTRIBUTIONS = {
    "Bio": "biopython",
    "Crypto": "pycryptodome",
    "Cryptodome": "pycryptodomex",
    "OpenSSL": "pyopenssl",
    "PIL": "pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "git": "gitpython",
    "igraph": "python-igraph",
    "jose": "python-jose",
    "jwt": "pyjwt",
    "magic": "python-magic",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "umap": "umap-learn",
    "yaml": "pyyaml",
}
"""Modules whose distribution has another name."""


def distribution_of(module: str) -> str:
    """What is installed to have a module: its own name with dashes, but for the well-known others."""
    top = module.split(".", maxsplit=1)[0]
    return _DISTRIBUTIONS.get(top, top.replace("_", "-"))


def advised(diagnosis: Diagnosis, plan: Plan) -> Diagnosis:
    """The diagnosis with a hint that fits what was asked, where it has none of its own."""
    if diagnosis.code is not Code.MISSING_DEPENDENCY or not diagnosis.subject or plan.wish is None:
        return diagnosis
    return diagnosis.model_copy(update={"hint": _missing(diagnosis.subject, plan)})


def _missing(module: str, plan: Plan) -> str:
    wanted = distribution_of(module)
    again = f'Log the model again with\npip_requirements=[..., "{wanted}"]'
    unlisted = f"The model's requirements.txt does not list it. {again}"
    command = _command(plan, wanted)
    return f"{unlisted}, or try once with\n  {shlex.join(command)}" if command else unlisted


def _command(plan: Plan, wanted: str) -> Sequence[str]:
    """The same once more with the requirement added; nothing where no such command would do it."""
    if plan.wish is None or plan.verb not in ("create", "update", "apply"):
        return ()
    spec = plan.wish.spec
    verb = "create" if plan.before.spec is None else "update"
    elsewhere = plan.target != DeploymentSpec.model_fields["target"].default
    extra = ",".join([*(spec.get("requirements") or {}).get("extra", ()), wanted])
    return (
        "deployer", verb, plan.endpoint, *(("-t", plan.target) if elsewhere else ()),
        "--model", plan.wish.release.model.uri, "--set", f"requirements.extra={extra}",
    )  # fmt: skip
