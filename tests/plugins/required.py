"""What needs something that is not always there is skipped with one line that says why; in CI it is not skipped at all.

``DEPLOYER_TEST_REQUIRE=index,docker`` names the kinds that must be there: a skip of such a test is then a failure, and
``tests/real-tests.txt`` says how many tests of each kind must have run, so that none vanishes unseen. A kind is
``index`` or the argument of ``@pytest.mark.real``; a test of several kinds must run where all of them must be there.
``make real-tests`` writes the list anew.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Generator, Iterable
from functools import cache
from pathlib import Path

import pytest

from tests.plugins.cases import is_exhaustive
from tests.plugins.isolation import INDEX

REQUIRE_VARIABLE = "DEPLOYER_TEST_REQUIRE"
KINDS_PROPERTY = "deployer-kinds"
LIST = Path("tests/real-tests.txt")
CONTRACT = "deployer/testing/conformance/"
HEADER = """\
# The tests that need something real, which CI must have run: KIND TEST COUNT, one a line.
# Written by `make real-tests`; compared whenever DEPLOYER_TEST_REQUIRE names the kind.
"""

COLLECTED = pytest.StashKey[Counter[tuple[str, str]]]()
COMPLAINTS = pytest.StashKey[list[str]]()

_PROBE = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=15).close()"


def required_kinds() -> frozenset[str]:
    """The kinds that this run must not skip."""
    return frozenset(filter(None, os.environ.get(REQUIRE_VARIABLE, "").replace(" ", "").split(",")))


def kinds_of(item: pytest.Item) -> frozenset[str]:
    """What a test needs: ``index``, and the argument of each ``real`` marker."""
    kinds = {str(marker.args[0]) for marker in item.iter_markers("real")}
    return frozenset(kinds | ({"index"} if item.get_closest_marker("index") else set()))


def name_of(nodeid: str) -> str:
    """A test's name without its parameters, and without the group that xdist adds."""
    return nodeid.split("[", 1)[0].split("@", 1)[0]


def read_list(text: str) -> Counter[tuple[str, str]]:
    """(kind, test) -> how many must have run."""
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return Counter({(kind, name): int(count) for kind, name, count in lines})


def write_list(tests: Counter[tuple[str, str]]) -> str:
    """The text that `read_list` reads."""
    return HEADER + "".join(f"{kind} {name} {count}\n" for (kind, name), count in sorted(tests.items()))


def lacks_capability(report: pytest.TestReport) -> bool:
    """Whether the contract's own suite passed a test over: the target has not what it is about, wherever it runs."""
    return isinstance(report.longrepr, tuple) and CONTRACT in Path(report.longrepr[0]).as_posix()


@cache
def why_no_index() -> str | None:
    """One line that says why no package index can be reached; None where one answers."""
    url = next((os.environ[name] for name in INDEX if os.environ.get(name)), "https://pypi.org/simple")
    url = url.rstrip("/") + "/packaging/"
    shown = re.sub(r"//[^/@]*@", "//", url)
    probe = subprocess.run([sys.executable, "-c", _PROBE, url], capture_output=True, text=True, timeout=60, check=False)
    if probe.returncode == 0:
        return None
    reason = (probe.stderr.strip().splitlines() or ["no answer"])[-1].replace(url, shown)
    return f"no package index answers at {shown}: {reason}"


def complaints(
    wanted: Counter[tuple[str, str]],
    collected: Iterable[tuple[str, str]],
    ran: Counter[str],
    kinds: frozenset[str],
) -> list[str]:
    """What CI must not pass over: tests of the list that did not run, and tests that the list does not know."""
    of_test: dict[str, set[str]] = {}
    for kind, name in wanted:
        of_test.setdefault(name, set()).add(kind)
    missing = [
        f"{name}: {ran[name]} of {count} ran ({kind})"
        for (kind, name), count in sorted(wanted.items())
        if of_test[name] <= kinds and ran[name] < count
    ]
    unknown = [
        f"{name}: not in {LIST} ({kind}); run: make real-tests"
        for kind, name in sorted(set(collected))
        if kind in kinds and (kind, name) not in wanted
    ]
    return missing + unknown


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--write-real-tests``, for `make real-tests`."""
    parser.addoption("--write-real-tests", action="store_true", help=f"write {LIST} from what is collected")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Note what there is, before anything is deselected."""
    regular = [item for item in items if not is_exhaustive(item)]
    config.stash[COLLECTED] = Counter((kind, name_of(item.nodeid)) for item in regular for kind in kinds_of(item))
    for item in regular:
        item.user_properties.append((KINDS_PROPERTY, " ".join(sorted(kinds_of(item)))))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Write the list when asked to."""
    if session.config.option.write_real_tests and not session.testsfailed:
        (session.config.rootpath / LIST).write_text(write_list(session.config.stash[COLLECTED]), encoding="utf-8")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs an index where there is none; where one is required, that fails."""
    if item.get_closest_marker("index") and (reason := why_no_index()):
        pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skip of what is required is a failure."""
    report = yield
    needed = kinds_of(item)
    if report.skipped and needed and needed <= required_kinds() and not lacks_capability(report):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{', '.join(sorted(needed))} is required here ({REQUIRE_VARIABLE}), but: {reason}"
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count what ran; with xdist this is called in the controller too."""
    if report.when == "call" and (not report.skipped or lacks_capability(report)):
        _RAN[name_of(report.nodeid)] += 1
        kinds = next((value for name, value in report.user_properties if name == KINDS_PROPERTY), "")
        for kind in str(kinds).split():
            _SEEN[kind, name_of(report.nodeid)] += 1


_RAN: Counter[str] = Counter()
_SEEN: Counter[tuple[str, str]] = Counter()


def _whole(config: pytest.Config) -> bool:
    """Whether this run was asked for every test of the folders that it was given."""
    option = config.option
    partial = option.keyword or option.markexpr or option.deselect or getattr(option, "lf", False)
    return not (partial or option.collectonly or any("::" in argument for argument in config.args))


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, None, None]:
    """Compare with the list."""
    yield
    config, kinds = session.config, required_kinds()
    if hasattr(config, "workerinput") or not kinds or not _whole(config):
        return
    folders = [(config.invocation_params.dir / argument).resolve() for argument in config.args]
    path = config.rootpath / LIST
    listed = read_list(path.read_text(encoding="utf-8")) if path.exists() else Counter()
    wanted = Counter(
        {
            (kind, name): count
            for (kind, name), count in listed.items()
            if any((config.rootpath / name.split("::")[0]).is_relative_to(folder) for folder in folders)
        }
    )
    config.stash[COMPLAINTS] = complaints(wanted, _SEEN, _RAN, kinds)
    if config.stash[COMPLAINTS]:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what is missing."""
    found = config.stash.get(COMPLAINTS, [])
    if found:
        terminalreporter.section(f"{LIST} is not met", red=True, bold=True)
        for line in found:
            terminalreporter.line(line, red=True)
