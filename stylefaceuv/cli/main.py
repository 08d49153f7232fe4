"""Entry point of the command: verbs, exit codes and one-line errors."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from stylefaceuv import __version__
from stylefaceuv.allocator import keep_freed_memory
from stylefaceuv.cli.animate import morph, turntable
from stylefaceuv.cli.export import export
from stylefaceuv.cli.generate import generate, sheet
from stylefaceuv.cli.info import info
from stylefaceuv.cli.render import render
from stylefaceuv.cli.session import Loader, load_pretrained
from stylefaceuv.errors import InvalidArgumentError, StyleFaceUVError

DONE, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(__version__, prog_name="stylefaceuv")
def cli() -> None:
    """Textured, relightable, riggable 3D heads from StyleGAN2 stylecodes.

    Exit codes: 0 done, 1 failed, 2 wrong use.
    """


for _command in (generate, render, turntable, morph, sheet, export, info):
    cli.add_command(_command)


def main(arguments: Sequence[str] | None = None, loader: Loader = load_pretrained) -> int:
    """Run the command and report errors in one line on stderr.

    Args:
        arguments: command line without the program's name; None for the process's own.
        loader: makes the model from source, revision and device.

    Returns:
        Exit code.
    """
    try:
        result = cli.main(
            args=None if arguments is None else list(arguments),
            prog_name="stylefaceuv",
            standalone_mode=False,
            obj=loader,
        )
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return WRONG_USE
    except click.UsageError as error:
        return _fail(_usage(error), WRONG_USE)
    except InvalidArgumentError as error:
        return _fail(str(error), WRONG_USE)
    except (StyleFaceUVError, click.ClickException, OSError) as error:
        return _fail(_message(error), FAILED)
    except (KeyboardInterrupt, click.Abort):
        return _fail("interrupted", INTERRUPTED)
    return result if isinstance(result, int) else DONE


def run() -> None:
    """Run the command of this process and leave with its exit code."""
    keep_freed_memory()
    sys.exit(main())


def _fail(message: str, code: int) -> int:
    click.echo(f"error: {' '.join(message.split())}", err=True)
    return code


def _message(error: Exception) -> str:
    if isinstance(error, click.ClickException):
        return error.format_message()
    return str(error) or type(error).__name__


def _usage(error: click.UsageError) -> str:
    where = error.ctx.command_path if error.ctx else "stylefaceuv"
    return f"{error.format_message().rstrip('.')}; see {where} --help"
