"""What the user wishes: the deployment spec, where it is read from, and how its layers are laid over one another."""

from deployer.spec.assign import Assignment, parse_set
from deployer.spec.fields import Scope, changed_fields, scope_of
from deployer.spec.layers import (
    Layer,
    Merged,
    Provenance,
    build_spec,
    command_line_layer,
    document_layer,
    environment_layer,
    merge_layers,
    patch_spec,
)
from deployer.spec.load import Document, load_documents
from deployer.spec.model import (
    NAME_PATTERN,
    Auth,
    DeploymentSpec,
    Health,
    Image,
    Network,
    ReplicaRange,
    Requirements,
    Resources,
    RolloutPolicy,
    SecretRef,
)
from deployer.spec.problems import validated
from deployer.spec.schema import schema

__all__ = [
    "NAME_PATTERN",
    "Assignment",
    "Auth",
    "DeploymentSpec",
    "Document",
    "Health",
    "Image",
    "Layer",
    "Merged",
    "Network",
    "Provenance",
    "ReplicaRange",
    "Requirements",
    "Resources",
    "RolloutPolicy",
    "Scope",
    "SecretRef",
    "build_spec",
    "changed_fields",
    "command_line_layer",
    "document_layer",
    "environment_layer",
    "load_documents",
    "merge_layers",
    "parse_set",
    "patch_spec",
    "schema",
    "scope_of",
    "validated",
]
