"""The command line: `weft`.

Verbs live in one module each and import what is heavy only when they run. A problem that a person can mend ends in its message
and an exit code (`weft.gen.errors`), never in a traceback.
"""

import signal
import sys
from typing import NoReturn

import typer

from weft.gen.cli import bitstream, boards, check, compile, doctor, explain, formats, gemm, report, run, sim, verilog
from weft.gen.cli.console import fail
from weft.gen.errors import WeftError

app = typer.Typer(name="weft", help="An open generator of neural-network accelerators: configuration to Verilog, network to bits.",
                  add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
                  context_settings={"help_option_names": ["-h", "--help"]})
for verb in (doctor.doctor, check.check, verilog.verilog, compile.compile, sim.sim, report.report, bitstream.bitstream,
             run.run, boards.boards, formats.formats, gemm.gemm, explain.explain):
    app.command()(verb)

UsageError: type[Exception] = typer.BadParameter.__mro__[1]  # typer has its own copy of click in some releases and click itself in others
INTERRUPTED, TERMINATED = 130, 143


def _version(value: bool) -> None:
    if value:
        from importlib.metadata import version  # noqa: PLC0415

        print(f"weft {version('weft')}")
        raise typer.Exit


@app.callback()
def _root(version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version and leave.")) -> None:
    """Options before the verb."""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Entry point: run a verb and leave with its exit code."""
    arguments = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    as_json = "--json" in arguments
    signal.signal(signal.SIGTERM, _terminated)
    try:
        code = app(arguments, prog_name="weft", standalone_mode=False)
    except WeftError as error:
        code = fail(error, as_json=as_json)
    except UsageError as error:
        code = fail(_usage(error), as_json=as_json)
    except (KeyboardInterrupt, typer.Abort):
        print("interrupted", file=sys.stderr)
        code = INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        code = 1
    except OSError as error:  # a full disk, say: whatever a verb could not foresee
        code = fail(WeftError(f"cannot use {error.filename or 'a file'}", where="file system", why=error.strerror or str(error),
                              fix="make room or mend its permissions, and try again"), as_json=as_json)
    sys.exit(code or 0)


def _terminated(*_: object) -> NoReturn:
    """Leave through every `with` and `finally` on SIGTERM, too: tools are stopped, half-made folders removed. A second one kills."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.exit(TERMINATED)


def _usage(error: Exception) -> WeftError:
    """A wrong command line in the form of every other error."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "weft"
    return WeftError(error.format_message().rstrip("."), where=command, why="the command line is not understood",  # type: ignore[attr-defined]
                     fix=f"see `{command} --help`")
