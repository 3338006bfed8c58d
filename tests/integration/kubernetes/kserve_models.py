"""Reads InferenceServices into the kserve package's own models, and writes what these make of them; in its environment.

    python kserve_models.py < LIST.json > LIST.json

The models are those that KServe makes of its API (kserve.models), and the kubernetes package's for what is of a pod:
each says which fields it has, of which type. A field that a model does not know ends this with a sentence.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import kserve.models  # type: ignore[import-not-found] # of the environment that tests/cluster/kserve makes
import kubernetes.client

_ALIASES = re.compile(r"^(K8sIoApi\w+?V\d|K8sIoApimachinery\w+?V\d)(?=[A-Z])")
_PLAIN = {"str", "int", "float", "bool", "object", "datetime"}


def read(value: Any, kind: str, where: str = "") -> Any:
    """A value as the models have it."""
    if value is None or kind in _PLAIN:
        return value
    listed = re.fullmatch(r"list\[(.+)\]", kind)
    if listed:
        return [read(each, listed[1], f"{where}[{at}]") for at, each in enumerate(value)]
    mapped = re.fullmatch(r"dict\(str, (.+)\)", kind)
    if mapped:
        return {name: read(each, mapped[1], f"{where}.{name}") for name, each in value.items()}
    model = _model(kind)
    if model is None:  # a quantity, a number or a word
        return value
    fields = {outside: inside for inside, outside in model.attribute_map.items()}
    for name in value:
        if name not in fields:
            sys.exit(f"{where.lstrip('.') or kind}: {kind} has no {name}")
    given = {
        fields[name]: read(each, model.openapi_types[fields[name]], f"{where}.{name}") for name, each in value.items()
    }
    return model(**given)  # which refuses values that it may not have


def _model(kind: str) -> Any:
    for name in (kind, _ALIASES.sub("V1", kind)):
        for package in (kserve.models, kubernetes.client):
            found = getattr(package, name, None)
            if found is not None:
                return found
    return None


def written(value: Any) -> Any:
    """What a model would send: its fields that are set, by the names that they have outside."""
    names = getattr(value, "attribute_map", None)
    if names is not None:
        given = {outside: getattr(value, inside) for inside, outside in names.items()}
        return {name: written(each) for name, each in given.items() if each is not None}
    if isinstance(value, dict):
        return {name: written(each) for name, each in value.items()}
    return [written(each) for each in value] if isinstance(value, list) else value


def main() -> None:
    found = [read(each, "V1beta1InferenceService") for each in json.load(sys.stdin)]
    json.dump([written(each) for each in found], sys.stdout)


if __name__ == "__main__":
    main()
