"""Run by the Python of a build environment, never imported by us: asks a build backend, and writes its answer down.

    python hooks.py HOOK SOURCE RESULT WHEELS

HOOK is ``get_requires_for_build_wheel`` or ``build_wheel``. Runs on every Python that models are made with: standard
library only, and tomllib is left to the caller, who gives the backend by variables. Source: PEP 517.
"""

import importlib
import json
import os
import sys


def main(hook: str, source: str, result: str, wheels: str) -> None:
    """Calls one hook in the source's folder."""
    os.chdir(source)
    del sys.path[0]  # this file's own folder, whose modules are none of the backend's
    paths = json.loads(os.environ.pop("BUILD_BACKEND_PATH"))
    sys.path[:0] = [os.path.join(source, path) for path in paths]  # noqa: PTH118 - so that each Python has it alike
    name, _, attributes = os.environ.pop("BUILD_BACKEND").partition(":")
    backend = importlib.import_module(name)
    for attribute in filter(None, attributes.split(".")):
        backend = getattr(backend, attribute)
    answer = backend.build_wheel(wheels) if hook == "build_wheel" else getattr(backend, hook, list)()
    with open(result, "w", encoding="utf-8") as file:  # noqa: PTH123
        json.dump(answer, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
