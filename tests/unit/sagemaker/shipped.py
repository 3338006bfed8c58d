"""The policy of infra/aws, in the double's account: what the target's own calls are held to in tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deployer_sagemaker.policies import Names, filled
from deployer_sagemaker.rights import MAY_DEPLOY

if TYPE_CHECKING:
    from deployer_sagemaker.client import Aws

__all__ = ["ACCOUNT", "NAMES", "REGION", "SHIPPED", "TRUSTED", "trusted"]

ACCOUNT, REGION = "123456789012", "eu-west-1"
TRUSTED = "administrator"
"""The access key of whoever sets the account up, as Terraform does."""
NAMES = Names("aws", ACCOUNT, REGION, f"deployer-{ACCOUNT}-{REGION}", f"arn:aws:iam::{ACCOUNT}:role/hosting")
SHIPPED: dict[str, Any] = filled(MAY_DEPLOY, NAMES)


def trusted(aws: Aws) -> Aws:
    """A connection of whoever sets the account up; to be told before it is used."""
    aws.core.set_credentials(TRUSTED, TRUSTED)
    return aws
