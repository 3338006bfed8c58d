"""The entry point: runs a command, and turns what it raises into a message and an exit code."""

from __future__ import annotations

import functools
import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NoReturn

import typer

from deployer.cli.commands import COMMANDS, Commands
from deployer.cli.options import with_values
from deployer.cli.screen import OutputClosed
from deployer.cli.session import TRACEBACK, Session, begin, session

__all__ = ["main", "run"]

INTERRUPTED = 130
CLOSED = 141
"""128 and SIGPIPE's number: what a shell makes of a program that its reader left."""
_COLLECT = (50_000, 20, 50)
"""Imports make many objects and hardly a cycle: by Python's own thresholds a tenth of their time goes into looking."""
_USAGE: type[Any] = typer.BadParameter.__bases__[0]
"""The parser's UsageError; Typer gives no public name to it."""

HELP = """A packaged MLflow model becomes a healthy endpoint, and stays one, wherever it is.

Data goes to stdout, everything else to stderr.

\b
Exit codes:
  0  done or unchanged       7  target not reachable
  1  a bug of deployer's     8  prediction refused
  2  not usable as asked     9  refused by a gate
  3  not there              10  plan has changes (plan --exit-code)
  4  conflict               11  not healthy, and not restored
  5  cannot be built        12  not finished, nobody waits
  6  not healthy, restored  130  interrupted
"""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process with its exit code."""
    gc.set_threshold(*_COLLECT)
    code = run(list(sys.argv[1:] if arguments is None else arguments))
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):
        os._exit(CLOSED if code == 0 else code)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run the command line and return its exit code."""
    now = begin(arguments)
    _end_as_interrupted()
    try:
        result = _program().main(args=with_values(arguments), prog_name="deployer", standalone_mode=False)
    except _USAGE as error:
        return _told_usage(now, error)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except OutputClosed:
        return CLOSED
    except Exception as error:
        return _told_bug(now, error)
    return result if isinstance(result, int) and not isinstance(result, bool) else 0


def _end_as_interrupted() -> None:
    """SIGTERM is what CI and process managers send; it leaves an endpoint as Ctrl-C does."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    try:
        signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not the main thread: whoever embeds us has their own way
        return


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        session().screen.data(f"deployer {version('mlflow-deployer')}")
        raise typer.Exit


def _top(
    ctx: typer.Context,
    _wanted: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> int:
    if ctx.invoked_subcommand is None:
        from deployer.cli.overview import overview

        return int(guarded(overview)() or 0)
    return 0


def _program() -> Any:
    Commands.guard = staticmethod(guarded)
    app = typer.Typer(
        cls=Commands, invoke_without_command=True, rich_markup_mode=None, pretty_exceptions_enable=False, help=HELP,
        epilog="deployer COMMAND --help says more, with examples.", add_completion=True,
    )  # fmt: skip
    app.callback()(_top)
    return typer.main.get_command(app)


def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, with its errors told and turned into exit codes."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> int:
        from deployer.errors import DeployerError, Interrupted

        try:
            return int(function(*args, **kwargs) or 0)
        except DeployerError as error:
            return told(session(), error)
        except Interrupted as error:
            return _told_interrupt(session(), error.message, error.hint)
        except KeyboardInterrupt:
            return _told_interrupt(session(), "interrupted: nothing was changed", None)
        except OutputClosed:
            return CLOSED
        except (typer.Exit, typer.Abort, _USAGE):
            raise
        except Exception as error:
            return _told_bug(session(), error)

    return call


def told(now: Session, error: Any) -> int:
    """Tell an error of ours, in both forms, and return its exit code."""
    from deployer.cli.failing import tell_error

    return tell_error(now, error)


def _told_usage(now: Session, error: Any) -> int:
    from deployer.cli.failing import tell_error
    from deployer.cli.usage import usage_error

    if type(error).__name__ == "NoArgsIsHelpError":
        now.screen.say(error.format_message())
        return 2
    return tell_error(now, usage_error(error, tuple(COMMANDS)))


def _told_interrupt(now: Session, message: str, hint: str | None) -> int:
    from deployer.cli.failing import tell_interrupt

    return tell_interrupt(now, message, hint)


def _told_bug(now: Session, error: Exception) -> int:
    """A bug of ours: one line, how to see more, exit code 1. Nothing here may fail."""
    try:
        from deployer.cli.failing import tell_bug

        return tell_bug(now, error, os.environ.get(TRACEBACK))
    except Exception:
        sys.stderr.write(f"error: a bug in deployer: {type(error).__name__}: {str(error)!a}\n")
        return 1


if __name__ == "__main__":
    main()
