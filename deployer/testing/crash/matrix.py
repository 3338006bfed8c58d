"""Each command, killed before each of its effects, and what comes of the same command after that."""

from __future__ import annotations

import threading
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deployer.testing.caller import Caller
from deployer.testing.crash.engine import Engine
from deployer.testing.crash.outcome import Outcome, compare, look

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from pathlib import Path

    from deployer.testing.crash.bench import CrashBench, CrashLot
    from deployer.testing.crash.engine import Ended
    from deployer.value import JSON

__all__ = ["COMMANDS", "Command", "CommandReport", "Report", "run_matrix"]


@dataclass(frozen=True)
class Step:
    """One command of the matrix, or one that brings the place to where a command starts."""

    verb: str
    lot: CrashLot
    changes: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True)
class Command:
    """A command and where it starts.

    Attributes:
        start: What was done before, from an empty place.
        step: The command that is killed.
        serves: The endpoint serves from before the command until after it: no request may be lost.
    """

    start: tuple[Step, ...]
    step: Step
    serves: bool = True


_CREATED = (Step("create", "first"),)
_UPDATED = (*_CREATED, Step("update", "second"))

COMMANDS: dict[str, Command] = {
    "create": Command((), Step("create", "first"), serves=False),
    "failed create": Command((), Step("create", "failing"), serves=False),
    "update": Command(_CREATED, Step("update", "second")),
    "failed update": Command(_CREATED, Step("update", "failing")),
    "scale": Command(_CREATED, Step("update", "first", {"replicas": 3})),
    "rollback": Command(_UPDATED, Step("rollback", "first")),
    "delete": Command(_UPDATED, Step("delete", "second"), serves=False),
}
"""The commands of the matrix, by the word for people."""


@dataclass
class CommandReport:
    """What came of one command.

    Attributes:
        effects: Of the uninterrupted run, in order: the kill points.
        killed: How many of the chosen points were reached and killed at.
        converged: How many of these ended as the uninterrupted run.
        failures: What was wrong, for each point where something was.
    """

    effects: tuple[str, ...] = ()
    killed: int = 0
    converged: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def kill_points(self) -> int:
        """As many as the uninterrupted run has effects."""
        return len(self.effects)


@dataclass
class Report:
    """The whole matrix on one target."""

    target: str
    commands: dict[str, CommandReport] = field(default_factory=dict)

    @property
    def failures(self) -> list[str]:
        """All of them, with their command."""
        return [f"{word}: {each}" for word, report in self.commands.items() for each in report.failures]

    def as_json(self) -> JSON:
        """For a file."""
        commands = {
            word: {
                "kill_points": each.kill_points, "killed": each.killed, "converged": each.converged,
                "failures": each.failures, "effects": list(each.effects),
            }
            for word, each in self.commands.items()
        }  # fmt: skip
        points = sum(each.kill_points for each in self.commands.values())
        converged = sum(each.converged for each in self.commands.values())
        return {"target": self.target, "kill_points": points, "converged": converged, "commands": commands}


class _Worker:
    """One place and one driver."""

    def __init__(self, bench: CrashBench, engine: Engine) -> None:
        self.bench = bench
        self.engine = engine
        self.revisions: dict[str, str] = {}
        """Lot -> revision, as far as they were released; and which one was served at the end."""

    def begin(self, word: str) -> None:
        def prepare() -> None:
            for step in COMMANDS[word].start:
                ended = self._run(step)
                if ended.code:
                    raise RuntimeError(f"{word} cannot start: {step.verb} ended with {ended.code}: {ended.error}")
                served = self._served()
                if served:
                    self.revisions[step.lot] = served

        self.bench.begin(word, prepare)

    def _served(self) -> str | None:
        seen = self.bench.connect().observe(self.bench.name)
        return seen.revision.id if seen and seen.revision else None

    def _run(self, step: Step, kill_at: int = 0) -> Ended:
        job = {
            "kind": self.bench.kind, "options": self.bench.options, "verb": step.verb, "name": self.bench.name,
            "fields": {**self.bench.fields(step.lot), **step.changes}, "environ": self.bench.environ(step.lot),
            "to": self.revisions.get(step.lot), "pause": self.bench.pause,
        }  # fmt: skip
        return self.engine.run(job, kill_at=kill_at)

    def uninterrupted(self, word: str) -> Outcome:
        """The run that the others are compared with."""
        self.begin(word)
        with self._calling(word) as caller:
            ended = self._run(COMMANDS[word].step)
        if not ended.effects:
            raise RuntimeError(f"{word}, uninterrupted, did nothing: it ended with {ended.code}: {ended.error}")
        outcome = look(self.bench, self.bench.name, ended)
        self.revisions["served"] = self._served() or ""
        if caller is not None and (problem := caller.problem(self._may_answer())):
            raise RuntimeError(f"{word}, uninterrupted: {problem}")
        return outcome

    def point(self, word: str, number: int, expected: Outcome) -> tuple[bool, str]:
        """Whether it was killed at that effect, and what was wrong after the second run (nothing: converged)."""
        self.begin(word)
        command = COMMANDS[word]
        with self._calling(word) as caller:
            ended = self._run(command.step, number)
            if ended.killed is None:
                return False, f"there was no effect {number}: ended with {ended.code} after {len(ended.effects)}"
            between = look(self.bench, self.bench.name, ended)
            again = self._run(command.step)
        outcome = look(self.bench, self.bench.name, again)
        problems = compare(expected, outcome, between)
        self.revisions["served"] = self._served() or ""
        if caller is not None and (problem := caller.problem(self._may_answer())):
            problems.append(problem)
        return True, f"at {number} ({ended.killed}): {'; '.join(problems)}" if problems else ""

    def _may_answer(self) -> set[str]:
        return {*self.revisions.values()}

    def _calling(self, word: str) -> Caller | nullcontext[None]:
        if not COMMANDS[word].serves:
            return nullcontext()
        return Caller(self.bench.connect(), self.bench.name, self.bench.request(), pause=self.bench.calls_every)


def run_matrix(
    make_bench: Callable[[Path, Path], CrashBench],
    folder: Path,
    *,
    commands: Iterable[str] = tuple(COMMANDS),
    points: Mapping[str, Collection[int]] | int | None = None,
    workers: int = 1,
    tell: Callable[[str], None] = lambda _: None,
) -> Report:
    """Run the matrix.

    Args:
        make_bench: Makes a place in a folder of its own, one for each worker; the second folder is for what they share.
        folder: For all of them.
        commands: Words of `COMMANDS`.
        points: Which kill points, by the command's word; a number: so many, spread evenly; None: all of them.
        workers: How many places are used at once.
        tell: Told of progress and of each failure, in words, at once.

    Raises:
        RuntimeError: An uninterrupted run did not do what its command promises.
    """
    with ExitStack() as stack:
        crew = [_worker(stack, make_bench, folder, number) for number in range(workers)]
        report = Report(target=crew[0].bench.kind)
        for word in commands:
            expected = crew[0].uninterrupted(word)
            found = report.commands[word] = CommandReport(effects=expected.effects)
            chosen = _chosen(points, word, found.kill_points)
            tell(f"{word}: {found.kill_points} kill points, {len(chosen)} chosen")
            _work(crew, word, chosen, expected, found, tell=tell)
            tell(f"{word}: {found.killed} killed, {found.converged} converged")
    return report


def _worker(stack: ExitStack, make_bench: Callable[[Path, Path], CrashBench], folder: Path, number: int) -> _Worker:
    own, shared = folder / f"worker-{number}", folder / "shared"
    own.mkdir(parents=True, exist_ok=True)
    shared.mkdir(exist_ok=True)
    bench = stack.enter_context(make_bench(own, shared))
    return _Worker(bench, stack.enter_context(Engine(own / "engine", seconds=bench.seconds)))


def _chosen(points: Mapping[str, Collection[int]] | int | None, word: str, count: int) -> list[int]:
    if points is None:
        return list(range(1, count + 1))
    if isinstance(points, int):
        few = min(points, count)
        return sorted({(2 * index + 1) * count // (2 * few) + 1 for index in range(few)})
    return sorted(points.get(word, ()))


_ATTEMPTS = 3


def _work(
    crew: list[_Worker],
    word: str,
    chosen: list[int],
    expected: Outcome,
    found: CommandReport,
    *,
    tell: Callable[[str], None],
) -> None:
    left, lock = iter(chosen), threading.Lock()

    def next_point() -> int | None:
        with lock:
            return next(left, None)

    def work(worker: _Worker) -> None:
        for number in iter(next_point, None):
            killed, problem = False, ""
            try:
                # A question that was asked twice in the one run and once in the next moves what follows: try again.
                for _ in range(_ATTEMPTS):
                    killed, problem = worker.point(word, number, expected)
                    if killed:
                        break
            except Exception as error:
                problem = f"at {number}: {type(error).__name__}: {error}"
            with lock:
                found.killed += killed
                found.converged += killed and not problem
                if problem:
                    found.failures.append(problem)
                    tell(f"  {word}: {problem}")

    threads = [threading.Thread(target=work, args=(worker,)) for worker in crew]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
