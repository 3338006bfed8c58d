"""The environment of a model: locked to exact wheels, made from the lock, kept by content.

    lock = lock_environment(request, uv)                         # asks the index for metadata; runs what is to be built
    report = build_environment(lock, find_python(lock.python), folder, cache=cache, sources=request.sources)

Both run uv in a scrubbed environment. A lock holds no address and no credential.

How it is laid out::

    request        what is wished, and where packages come from     lock           what was decided
    resolve        the one to the other, by uv                      pins, torch    names that belong to one index
    building       sources that the spec names, to wheels           sdist, hooks, isolation    what that takes
    build          a lock to a folder that runs                     cache, venv, interpreter   what that takes
    uv             uv, scrubbed                                     indexes        logins for it
    simple_index   an index, asked by us                            failures       uv's words, told again
    flavors        where mlflow-skinny is enough
"""

from __future__ import annotations

from deployer.environment.build import BuildReport, build_environment
from deployer.environment.flavors import with_skinny
from deployer.environment.indexes import by_index
from deployer.environment.interpreter import find_python
from deployer.environment.lock import Lock, LockedSource, LockedWheel
from deployer.environment.locking import lock_environment
from deployer.environment.platforms import glibc_platform, host_platform
from deployer.environment.request import EnvironmentRequest, IndexCredential, IndexPin, PackageSources
from deployer.environment.torch import torch_arguments
from deployer.environment.uv import Uv

__all__ = [
    "BuildReport",
    "EnvironmentRequest",
    "IndexCredential",
    "IndexPin",
    "Lock",
    "LockedSource",
    "LockedWheel",
    "PackageSources",
    "Uv",
    "build_environment",
    "by_index",
    "find_python",
    "glibc_platform",
    "host_platform",
    "lock_environment",
    "torch_arguments",
    "with_skinny",
]
