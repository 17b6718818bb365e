"""The command line: `airlens`, or `python -m engine`.

Exit codes: 0 done, 1 a fault of ours (`check`: or findings), 2 something the user can put right
(said in one sentence on stderr), 130 stopped by Ctrl-C, 143 by SIGTERM.
"""

import os
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import version
from types import FrameType
from typing import Annotated, NoReturn

import typer

from engine.cli.checking import check_command
from engine.cli.comparing import compare_command
from engine.cli.demo import demo_app
from engine.cli.evaluating import evaluate_command
from engine.cli.importing import datasets_command, import_command, remove_command
from engine.cli.inspecting import inspect_command
from engine.cli.predicting import predict_command
from engine.cli.serving import serve_command
from engine.cli.shared_options import say
from engine.cli.training import train_command
from engine.core.errors import EngineError
from engine.core.progress import Cancelled

DEBUG = "AIRLENS_DEBUG"
STOPPED = 130
# Typer's own usage error. Where it comes from differs: old versions use Click, new ones a copy.
WRONG_CALL: type[Exception] = typer.BadParameter.__mro__[1]

app = typer.Typer(
    name="airlens",
    help="Daily PM2.5 maps: super-resolution, reanalysis and forecast, on your own machine.",
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("import")(import_command)
app.command("inspect")(inspect_command)
app.command("datasets")(datasets_command)
app.command("remove")(remove_command)
app.command("check")(check_command)
app.command("predict")(predict_command)
app.command("evaluate")(evaluate_command)
app.command("train")(train_command)
app.command("compare")(compare_command)
app.command("serve")(serve_command)
app.add_typer(demo_app, name="demo")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command that the arguments name, and leave with its exit code."""
    signal.signal(signal.SIGTERM, _terminated)
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = app(args=given or ["--help"], standalone_mode=False, prog_name="airlens")
    except (KeyboardInterrupt, typer.Abort, Cancelled):
        code = STOPPED
    except EngineError as error:
        _say(str(error))
        code = 2
    except WRONG_CALL as error:
        _say(_usage(error))
        code = 2
    except BrokenPipeError:
        # The reader of our output has gone, as `head` does.
        sys.stderr.close()
        code = 0
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        _say(
            f"This is a fault of the program, not yours: {type(error).__name__}: "
            f"{' '.join(str(error).split())} Set {DEBUG}=1 to see where it happened."
        )
        code = 1
    if code == STOPPED:  # typer itself may have turned Ctrl-C into this
        _say("Stopped.")
    sys.exit(code if isinstance(code, int) else 0)


@app.callback()
def _root(
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", is_eager=True)
    ] = False,
) -> None:
    if show_version:
        say(f"airlens {version('airlens')}")
        raise typer.Exit


def _usage(error: Exception) -> str:
    """A wrong call in one sentence, with the way out."""
    message = getattr(error, "format_message", error.__str__)()
    what = " ".join(message.split()).rstrip(".")
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "airlens"
    return f"{what}{'' if what.endswith('?') else '.'} See {command} --help."


def _say(sentence: str) -> None:
    say(f"airlens: {sentence}", err=True)


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    """Leave in order, so that nothing half-written stays behind."""
    sys.exit(128 + number)
