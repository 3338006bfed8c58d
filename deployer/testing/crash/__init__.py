"""The crash matrix: the real engine is killed (SIGKILL) before every single effect, and the same command is run again.

An uninterrupted run tells how many effects a command has (`deployer.testing.effects`). Then, for each of them: the same
start, a run that kills itself there, the same command again from an empty HOME, and a look at what came out of it:

- converged: what runs, the traffic and the Record are those of the uninterrupted run;
- no orphan: nothing is left that the uninterrupted run does not leave;
- no request lost: an endpoint that served before is called all the while;
- history true: the entries of the uninterrupted run, and at most an honest word on the interruption.

``python -m deployer.testing.crash --target memory --report reports/crash-matrix.json`` runs all of it.
"""

from __future__ import annotations

from deployer.testing.crash.bench import CrashBench, MemoryBench
from deployer.testing.crash.matrix import COMMANDS, CommandReport, Report, run_matrix

__all__ = ["COMMANDS", "CommandReport", "CrashBench", "MemoryBench", "Report", "run_matrix"]
