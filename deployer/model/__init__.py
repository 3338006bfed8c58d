"""The packaged MLflow model, read as data: where it is, what it says, what it weighs, what ships.

A model is code. Nothing of it is imported, unpickled or executed here, and its requirements are read by our own rules.

    resolved = resolve("models:/iris@champion")      # models:/iris/3, now and later
    described = read_metadata(resolved)              # flavors, signature, Python, requirements
    taken = snapshot(resolved, folder)               # the private copy that ships, and its digest

MLflow's client is imported only for URIs that are not local folders.
"""

from __future__ import annotations

from deployer.model.digest import FileDigest, ModelDigest, digest
from deployer.model.metadata import PackagedModel
from deployer.model.mlmodel import Flavor
from deployer.model.progress import OnProgress, Progress
from deployer.model.read import read_metadata
from deployer.model.requirements import RawRequirement, Requirement, parse_requirements
from deployer.model.resolve import ResolvedModel, resolve
from deployer.model.signature import Field, Param, Signature
from deployer.model.snapshot import Snapshot, snapshot
from deployer.model.uri import Kind

__all__ = [
    "Field",
    "FileDigest",
    "Flavor",
    "Kind",
    "ModelDigest",
    "OnProgress",
    "PackagedModel",
    "Param",
    "Progress",
    "RawRequirement",
    "Requirement",
    "ResolvedModel",
    "Signature",
    "Snapshot",
    "digest",
    "parse_requirements",
    "read_metadata",
    "resolve",
    "snapshot",
]
