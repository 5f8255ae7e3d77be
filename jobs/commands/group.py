"""What holds for every command: help as it was written, and mistakes as one line that says what to do."""

import inspect
import sys
from collections.abc import Iterator
from typing import Any, NoReturn

import typer
from rich.markup import escape
from typer._click.core import Command, Context
from typer._click.exceptions import ClickException, NoArgsIsHelpError, NoSuchOption, UsageError
from typer.core import TyperGroup

from jobs.commands.flags import ENV, HELP
from jobs.errors import DEFAULT_ENV, OPERATOR_ERRORS, with_env
from jobs.output import WIDE


class OneLineErrors(TyperGroup):
    """The group of all commands. Exits with 1 on what an operator can mend, with 2 on what was mistyped."""

    def main(self, *values: Any, **options: Any) -> NoReturn:
        for command in _all_below(self):
            (_escape if sys.stdout.isatty() else _make_plain)(command)
        width = None if sys.stdout.isatty() else WIDE
        try:
            code = super().main(*values, **{**options, "standalone_mode": False, "terminal_width": width})
        except NoArgsIsHelpError as shown:
            code = shown.exit_code
        except ClickException as error:
            context = error.ctx if isinstance(error, UsageError) else None
            message = " ".join(error.format_message().split()).rstrip(".")
            hint = _hint(error, context) if context else ""
            _say(f"error: {message}{' ' if message.endswith('?') else '; '}{hint}".rstrip("; "))
            code = error.exit_code
        except typer.Abort:
            code = 130
        sys.exit(code)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except OPERATOR_ERRORS as error:
            _say(f"error: {with_env(str(error), ctx.meta.get(ENV, DEFAULT_ENV))}")
            raise typer.Exit(1) from None
        except KeyboardInterrupt as interrupt:
            if "pyspark" in sys.modules:  # else its import would take longer than the command did
                from jobs.lake.session import abandon

                abandon()
            _say(f"interrupted; {str(interrupt) or 'the same command carries on'}", colour="yellow")
            raise typer.Exit(130) from None


def _hint(error: ClickException, context: Context) -> str:
    """An option that stands before the command, where only what follows takes it, is most likely meant for that."""
    if isinstance(error, NoSuchOption) and isinstance(context.command, TyperGroup):
        commands = _all_below(context.command)
        if any(error.option_name in parameter.opts for command in commands for parameter in command.params):
            return f"write it after the command: {context.command_path} COMMAND {error.option_name} ..."
    return f"see: {context.command_path} --help"


def _all_below(group: TyperGroup) -> Iterator[Command]:
    yield group
    for command in group.commands.values():
        yield from _all_below(command) if isinstance(command, TyperGroup) else (command,)


def _escape(command: Command) -> None:
    """Typer takes brackets for markup: a help text that names the section [maintenance] would lose the name. It also
    keeps the line ends of the source after the first paragraph, which break a line amid its width."""
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    command.help = escape("\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs))
    shown_help = command.get_help_option(typer.Context(command, help_option_names=HELP))
    for parameter in (*command.params, *([shown_help] if shown_help else [])):
        parameter.help = escape(getattr(parameter, "help", None) or "")  # type: ignore[attr-defined]
        if getattr(parameter, "is_flag", False):  # it takes no value, and Typer would show one of type <bool>
            parameter.metavar = ""


def _make_plain(command: Command) -> None:
    """No boxes, which would be padded, around a help text that goes into a pipe or a file."""
    command.rich_markup_mode = None  # type: ignore[attr-defined]


def _say(line: str, colour: str = "red") -> None:
    typer.secho(line, fg=colour, err=True)
