"""For those who write a target: the conformance suite, an in-memory target, the crash matrix and a fake clock.

Nothing is imported here, so that the store of the memory target starts with the standard library alone:

- `deployer.testing.memory`: the in-memory target, and `MemoryPlace` to steer the store behind it.
- `deployer.testing.conformance`: the contract of `deployer.target` as tests (needs pytest).
- `deployer.testing.crash`: kills the real engine at every request, spawn, rename, bind and signal.
- `deployer.testing.sagemaker`: a strict double of SageMaker with real containers, to rehearse on (needs the extra
  ``rehearse``).
- `deployer.testing.clock`: a clock that only moves when it is told to.
"""
