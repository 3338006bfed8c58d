"""An AWS account that is a double with real containers, a registry as its ECR, and a folder to type commands in."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3

from deployer.testing.sagemaker import Spawned
from tests.e2e.commandline import DEPLOYER, Done, environment, shell
from tests.e2e.kept import kept_folder

__all__ = ["ROLE", "Account", "arguments"]

ROLE = "serving"
_TRUST = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}


@dataclass
class Account:
    """One account.

    Args:
        double: It.
        folder: Of the person who types; ``deployer.yaml`` lies there.
        base: The image that all images stand on.
        command: The command line.
    """

    double: Spawned
    folder: Path
    base: str
    command: Path = field(default=DEPLOYER)

    @property
    def variables(self) -> dict[str, str]:
        """What a person has in the environment: the double's address and credentials, no settings of this machine."""
        return {
            **self.double.environment,
            "AWS_CONFIG_FILE": "/nonexistent",
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
            "AWS_EC2_METADATA_DISABLED": "true",
            "XDG_CACHE_HOME": str(kept_folder() / "build-cache"),
        }

    def run(self, *words: str | Path) -> Done:
        """``deployer WORDS -t sagemaker`` without a terminal."""
        asked = (*map(str, words), *(("-t", "sagemaker") if "--target" not in words else ()))
        done = subprocess.run(
            [self.command, *asked], cwd=self.folder, env=environment(self.variables), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        return Done(asked, done.returncode, done.stdout, done.stderr)

    def well(self, *words: str | Path) -> Done:
        """As `run`, which must succeed."""
        done = self.run(*words)
        assert done.code == 0, f"deployer {' '.join(done.words)}: {done.code}\n{done.out}\n{done.err}"
        return done

    def pasted(self, line: str) -> Done:
        """A line in a shell of that person."""
        return shell("sh", line, cwd=self.folder, env=self.variables)

    def status(self, name: str) -> dict[str, Any]:
        """``deployer status NAME -o json``."""
        found = json.loads(self.well("status", name, "-o", "json").out)
        assert isinstance(found, dict)
        return found

    def writes(self, name: str, model: Path, config: Mapping[str, Any] | None = None, **fields: Any) -> Path:
        """A ``deployer.yaml``."""
        document = {
            "apiVersion": "deployer/v1", "name": name, "model": str(model), "image": {"base": self.base},
            "config": {"role": ROLE, **(config or {})}, **fields,
        }  # fmt: skip
        path = self.folder / "deployer.yaml"
        path.write_text(json.dumps(document))  # JSON is YAML
        return path

    def client(self, service: str) -> Any:
        """boto3's."""
        told = self.double.environment
        return boto3.client(
            service, endpoint_url=self.double.url, region_name=told["AWS_DEFAULT_REGION"],
            aws_access_key_id=told["AWS_ACCESS_KEY_ID"], aws_secret_access_key=told["AWS_SECRET_ACCESS_KEY"],
        )  # fmt: skip

    @cached_property
    def role(self) -> str:
        """The execution role's ARN; made when it is first asked for."""
        document = json.dumps({"Version": "2012-10-17", "Statement": [_TRUST]})
        made = self.client("iam").create_role(RoleName=ROLE, AssumeRolePolicyDocument=document)
        return str(made["Role"]["Arn"])

    def asked(self) -> Counter[str]:
        """``service:Operation`` -> how many calls of it were made since the last time; they are forgotten then."""
        calls = self.double.tell("GET", "calls")
        self.double.tell("DELETE", "calls")
        return Counter(f"{each['service']}:{each['operation']}" for each in calls)

    def names(self) -> list[str]:
        """Of all endpoints, configurations, models, log groups, autoscalers and objects that there are."""
        hosting, logs, s3 = (self.client(each) for each in ("sagemaker", "logs", "s3"))
        scaling = self.client("application-autoscaling")
        found = [each["EndpointName"] for each in hosting.list_endpoints()["Endpoints"]]
        found += [each["EndpointConfigName"] for each in hosting.list_endpoint_configs()["EndpointConfigs"]]
        found += [each["ModelName"] for each in hosting.list_models()["Models"]]
        found += [each["logGroupName"] for each in logs.describe_log_groups()["logGroups"]]
        targets = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
        found += [each["ResourceId"] for each in targets]
        for bucket in s3.list_buckets()["Buckets"]:
            listed = s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", [])
            found += [f"s3://{bucket['Name']}/{each['Key']}" for each in listed]
        return sorted(found)

    def images(self, repository: str) -> list[str]:
        """The digests of those in a repository of ECR; none where it is not there."""
        client = self.client("ecr")
        try:
            listed = client.describe_images(repositoryName=repository)["imageDetails"]
        except client.exceptions.RepositoryNotFoundException:
            return []
        return sorted(each["imageDigest"] for each in listed)


def arguments(docker: str, registry: str, scope: str) -> list[str]:
    """What a double is started with: containers of that engine, images in that registry below the scope's name."""
    return [
        *("--docker", docker, "--name", scope),
        *("--registry", registry, "--registry-prefix", f"{scope}/", "--registry-proxy"),
    ]
