"""What the role grants is what is asked for."""

from __future__ import annotations

from pathlib import Path

import yaml

from deployer_kubernetes.preflight import INFERENCE, NEEDED, SLEEPING

ROLE = Path(__file__).parents[3] / "infra" / "kubernetes" / "role.yaml"


def test_the_role_grants_all_that_doctor_looks_for_and_nothing_else() -> None:
    rules = yaml.safe_load(ROLE.read_text(encoding="utf-8"))["rules"]
    granted = {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert granted == {
        (group, resource, verb) for group, resource, verbs in (*NEEDED, *SLEEPING, *INFERENCE) for verb in verbs
    }
