"""infra/aws: its policies are deployer's own data, and Terraform takes it and makes of it what tests enforce."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deployer_sagemaker.policies import DOCUMENTS, THINGS, Names, filled, main, text
from deployer_sagemaker.rights import MAY_DEPLOY, MAY_RUN, trusts

INFRA = Path(__file__).resolve().parents[3] / "infra" / "aws"
LONGEST = 6_144
"""Characters of a managed policy, without white space (IAM User Guide, reference_iam-quotas)."""
TERRAFORM = shutil.which("terraform") or shutil.which("tofu")
needs_terraform = pytest.mark.skipif(TERRAFORM is None, reason="neither terraform nor tofu is here")

NAMES = Names("aws", "123456789012", "eu-west-1", "records", "arn:aws:iam::123456789012:role/deployer-execution")
CHINA = Names(
    "aws-cn", "210987654321", "cn-northwest-1", "ml-records", "arn:aws-cn:iam::210987654321:role/ml/hosting",
    prefix="ml/prod", repository="ml",
)  # fmt: skip
MORE = {
    "Images": ["arn:aws-cn:ecr:cn-northwest-1:210987654321:repository/before"],
    "Outputs": ["arn:aws-cn:s3:::captured/*"],
    "Topics": ["arn:aws-cn:sns:cn-northwest-1:210987654321:done"],
    "Secrets": ["arn:aws-cn:secretsmanager:cn-northwest-1:210987654321:secret:token-abcdef"],
    "Keys": ["arn:aws-cn:kms:cn-northwest-1:210987654321:key/0000"],
}
VARIABLES = {"Images": "images", "Outputs": "outputs", "Topics": "topics", "Secrets": "secrets", "Keys": "kms_keys"}


# Its data.


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_is_shipped_is_what_the_target_needs(name: str) -> None:
    shipped = (INFRA / "policies" / f"{name}.json").read_text(encoding="utf-8")
    assert shipped == text(DOCUMENTS[name]), "run: python -m deployer_sagemaker.policies infra/aws/policies"


def test_they_are_written_by_a_command(tmp_path: Path) -> None:
    assert main([str(tmp_path)]) == 0
    assert sorted(each.name for each in tmp_path.iterdir()) == ["deploying.json", "execution.json"]


@pytest.mark.parametrize("statements", DOCUMENTS.values(), ids=DOCUMENTS)
def test_they_fit_into_a_managed_policy(statements: Any) -> None:
    long = Names("aws-us-gov", "1" * 12, "us-gov-west-1", "b" * 40, f"arn:aws-us-gov:iam::{'1' * 12}:role/{'r' * 64}")
    assert len(json.dumps(filled(statements, long), separators=(",", ":"))) <= LONGEST


@pytest.mark.parametrize("statements", DOCUMENTS.values(), ids=DOCUMENTS)
def test_each_statement_has_a_name_of_its_own_and_is_about_known_things(statements: Any) -> None:
    sids = [each.sid for each in statements]
    assert len(sids) == len({*sids})
    assert all(re.fullmatch(r"[A-Za-z0-9]+", each) for each in sids)
    assert {kind for each in statements for kind in each.of} <= {*THINGS}
    assert all(right.on in ("", *each.of) for each in statements for right in each.rights)


def test_what_is_made_and_changed_carries_our_marks() -> None:
    making = {"sagemaker:CreateModel", "sagemaker:CreateEndpoint", "sagemaker:CreateEndpointConfig"}
    making |= {"ecr:CreateRepository", "application-autoscaling:TagResource"}
    changing = ("sagemaker:Update", "sagemaker:Delete", "sagemaker:Invoke", "ecr:BatchDelete")
    for each in MAY_DEPLOY:
        keys = {key for test in each.when.values() for key in test}
        for right in each.rights:
            if right.action in making:
                assert "aws:RequestTag/deployer:managed-by" in keys, right
            if right.action.startswith(changing):
                assert "aws:ResourceTag/deployer:managed-by" in keys, right


def test_no_partition_but_that_of_the_account_is_named() -> None:
    for statements in (MAY_DEPLOY, MAY_RUN):
        assert '"arn:aws:' not in json.dumps(filled(statements, CHINA))


def test_the_role_that_is_made_lets_sagemaker_act_as_it() -> None:
    made = (INFRA / "execution.tf").read_text(encoding="utf-8")
    (principal,) = re.findall(r"Principal = \{ Service = \"([^\"]+)\" \}", made)
    (action,) = re.findall(r"Action    = \"(sts:[^\"]+)\"", made)
    statement = {"Effect": "Allow", "Action": action, "Principal": {"Service": principal}}
    assert trusts({"Statement": [statement]})


def test_every_variable_and_output_is_told_of() -> None:
    told = (INFRA / "README.md").read_text(encoding="utf-8")
    names = [
        name
        for file in ("variables.tf", "outputs.tf")
        for name in re.findall(
            r'^(?:variable|output) "(\w+)"', (INFRA / file).read_text(encoding="utf-8"), re.MULTILINE
        )
    ]
    assert names
    assert [each for each in names if f"`{each}`" not in told] == []


# Terraform.


def _terraform(folder: Path, *arguments: str, **environment: str) -> str:
    assert TERRAFORM is not None
    quiet = {"TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
    done = subprocess.run(
        [TERRAFORM, *arguments], cwd=folder, env={**os.environ, **quiet, **environment}, capture_output=True, text=True,
        timeout=100, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, f"{' '.join(arguments)}:\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[str], Path]:
    """A copy of it, since Terraform writes beside what it reads."""

    def made(part: str = ".") -> Path:
        left_out = shutil.ignore_patterns(".terraform*", "*.tfstate*")
        return Path(shutil.copytree(INFRA / part, tmp_path / "infra", ignore=left_out))

    return made


@needs_terraform
def test_its_files_have_their_one_form() -> None:
    _terraform(INFRA, "fmt", "-check", "-diff", "-recursive")


@needs_terraform
@pytest.mark.timeout(240)
def test_terraform_finds_it_valid_by_the_provider_s_schema(copied: Callable[[str], Path]) -> None:
    pytest.importorskip("grpc", reason="grpcio is not installed: pip install grpcio")
    from tests.unit.infra.provider import Provider

    folder = copied(".")
    with Provider() as provider:
        _terraform(folder, "init", "-input=false", "-backend=false", **provider.environment)
        _terraform(folder, "validate", "-no-color", **provider.environment)
        (folder / "wrong.tf").write_text('output "wrong" { value = aws_iam_role.execution.absent }\n')
        with pytest.raises(AssertionError, match=r'attribute named\s+"absent"'):
            _terraform(folder, "validate", "-no-color", **provider.environment)


@needs_terraform
@pytest.mark.timeout(240)
def test_terraform_makes_the_policies_that_tests_enforce(copied: Callable[[str], Path]) -> None:
    folder = copied("policies")
    _terraform(folder, "init", "-input=false")
    plain = _applied(folder, NAMES)
    assert plain["deploying"] == filled(MAY_DEPLOY, NAMES, without=["TakeOver"])
    assert plain["execution"] == filled(MAY_RUN, NAMES, without=["Network"])
    assert {"Topics", "Secrets", "Keys"} & {each["Sid"] for each in plain["execution"]["Statement"]} == set()
    lists = {VARIABLES[sid]: arns for sid, arns in MORE.items()}
    whole = _applied(folder, CHINA, adopt=True, vpc=True, **lists)
    assert whole["deploying"] == filled(MAY_DEPLOY, CHINA)
    assert whole["execution"] == filled(MAY_RUN, CHINA, more=MORE)


def _applied(folder: Path, names: Names, **more: Any) -> dict[str, Any]:
    (folder / "terraform.tfvars.json").write_text(json.dumps({**vars(names), **more}))
    _terraform(folder, "apply", "-input=false", "-auto-approve", "-no-color")
    told = json.loads(_terraform(folder, "output", "-json"))
    return {name: json.loads(each["value"]) for name, each in told.items()}
