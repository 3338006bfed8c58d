"""Pages that are made from the code when the documentation is built, so that they cannot fall behind it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator

from pydantic import BaseModel

from deployer import errors
from deployer.spec import DeploymentSpec, scope_of


def _tree(error: type[errors.DeployerError], depth: int = 0) -> Iterator[tuple[int, type[errors.DeployerError]]]:
    yield depth, error
    for child in sorted(error.__subclasses__(), key=lambda each: (each.exit_code, each.__name__)):
        if child.__module__ == errors.__name__:
            yield from _tree(child, depth + 1)


def _promise(error: type[errors.DeployerError]) -> str:
    paragraph = (inspect.getdoc(error) or "").split("\n\n")[0]
    return " ".join(paragraph.split()).replace("|", "\\|")


def exit_codes() -> str:
    """One row for each error, in the order of the exit codes."""
    rows = [(error.exit_code, error.__name__, _promise(error)) for depth, error in _tree(errors.DeployerError) if depth]
    table = "\n".join(f"| {code} | `{name}` | {promise} |" for code, name, promise in sorted(rows))
    return f"| exit code | error | what it means |\n| --- | --- | --- |\n{table}\n"


def commands() -> str:
    """Each command with its own help, as the terminal prints it."""
    import click

    from deployer.cli.commands import load, visible

    parts = []
    for name, entry in visible():
        command = load(name)
        with click.Context(command, info_name=f"deployer {name}", max_content_width=96) as context:
            text = inspect.cleandoc(click.unstyle(command.get_help(context)))
        parts.append(f"## {name}\n\n{entry.line}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


def _fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str, str, str]]:
    for name, field in model.model_fields.items():
        path = f"{prefix}{name}"
        nested = field.annotation
        if isinstance(nested, type) and issubclass(nested, BaseModel) and prefix.count(".") == 0:
            yield from _fields(nested, f"{path}.")
            continue
        scope = scope_of(DeploymentSpec, path) or scope_of(model, name)
        default = "" if field.is_required() or field.get_default() in (None, (), {}) else f"`{field.get_default()}`"
        yield path, (scope.value if scope else ""), default, (field.description or "").replace("|", "\\|")


def _table(model: type[BaseModel]) -> str:
    rows = "\n".join(f"| `{path}` | {scope} | {default} | {said} |" for path, scope, default, said in _fields(model))
    return f"| field | scope | default | |\n| --- | --- | --- | --- |\n{rows}\n"


def spec_fields() -> str:
    """Every field of a spec with its scope and default."""
    return _table(DeploymentSpec)


def local_config() -> str:
    """The local target's fields of ``config``."""
    from deployer_local.config import LocalConfig

    return _table(LocalConfig)


def docker_config() -> str:
    """The Docker target's fields of ``config``."""
    from deployer_docker.config import DockerConfig

    return _table(DockerConfig)


def kubernetes_config() -> str:
    """The Kubernetes target's fields of ``config``."""
    from deployer_kubernetes.config import KubernetesConfig

    return _table(KubernetesConfig)


def kubernetes_options() -> str:
    """What a named target on Kubernetes takes."""
    from deployer_kubernetes.config import KubernetesOptions

    return _table(KubernetesOptions)


def sagemaker_config() -> str:
    """The SageMaker target's fields of ``config``."""
    from deployer_sagemaker.config import SageMakerConfig

    return _table(SageMakerConfig)


def sagemaker_options() -> str:
    """What a named target on SageMaker takes."""
    from deployer_sagemaker.config import SageMakerOptions

    return _table(SageMakerOptions)


def azureml_config() -> str:
    """The Azure ML target's fields of ``config``."""
    from deployer_azureml.config import AzureMLConfig

    return _table(AzureMLConfig)


def azureml_options() -> str:
    """What a named target on Azure ML takes."""
    from deployer_azureml.config import AzureMLOptions

    return _table(AzureMLOptions)


GENERATED: dict[str, Callable[[], str]] = {
    "<!-- exit codes -->": exit_codes,
    "<!-- commands -->": commands,
    "<!-- spec fields -->": spec_fields,
    "<!-- local config -->": local_config,
    "<!-- docker config -->": docker_config,
    "<!-- kubernetes config -->": kubernetes_config,
    "<!-- kubernetes options -->": kubernetes_options,
    "<!-- azureml config -->": azureml_config,
    "<!-- azureml options -->": azureml_options,
    "<!-- sagemaker config -->": sagemaker_config,
    "<!-- sagemaker options -->": sagemaker_options,
}


def on_page_markdown(markdown: str, **_: object) -> str:
    """Put what is generated where a page asks for it (called by MkDocs for each page)."""
    for marker, make in GENERATED.items():
        if marker in markdown:
            markdown = markdown.replace(marker, make())
    return markdown
