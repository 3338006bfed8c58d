"""The environment of a model: locked to exact wheels, made from the lock, kept by content.

    lock = lock_environment(request, uv)                         # asks the index for metadata; builds and runs nothing
    report = build_environment(lock, find_python(lock.python), folder, cache=cache, sources=request.sources)

Both run uv in a scrubbed environment. A lock holds no address and no credential.
"""

from __future__ import annotations

from deployer.environment.build import BuildReport, build_environment
from deployer.environment.interpreter import find_python
from deployer.environment.lock import Lock, LockedWheel
from deployer.environment.platforms import host_platform
from deployer.environment.request import EnvironmentRequest, PackageSources
from deployer.environment.resolve import lock_environment
from deployer.environment.uv import Uv

__all__ = [
    "BuildReport",
    "EnvironmentRequest",
    "Lock",
    "LockedWheel",
    "PackageSources",
    "Uv",
    "build_environment",
    "find_python",
    "host_platform",
    "lock_environment",
]
