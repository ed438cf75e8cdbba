"""The entry point: names every command, imports the one that is asked for."""

from __future__ import annotations

import atexit
import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NoReturn

import click
from click.shell_completion import CompletionItem

from deployments.cli.output import report_error
from tasks.errors import PerennialError, did_you_mean

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("deployments.cli.init:init", "Make a folder the project of a team's pipelines."),
    "up": ("deployments.cli.stack:up", "Start the local stack, or heal it."),
    "down": ("deployments.cli.stack:down", "Stop the local stack; its state stays."),
    "status": ("deployments.cli.stack:status", "Show each process and pipeline, and what waits."),
    "doctor": ("deployments.cli.stack:doctor", "Check this machine, or one pipeline's chain."),
    "demo": ("deployments.cli.demo:demo", "A year of flights, kept fresh by the loop."),
    "new": ("deployments.cli.new:new", "Write a pipeline file and a suite from a data file."),
    "apply": ("deployments.cli.apply:apply", "Bring deployments and schedules in line."),
    "ingest": ("deployments.cli.runs:ingest", "Bring files in: validate, clean, append."),
    "collect": ("deployments.cli.collect:collect", "Fetch new rows from where they are."),
    "label": ("deployments.cli.runs:label", "Join labels that came later to their rows."),
    "train": ("deployments.cli.runs:train", "Train a challenger and let the gate judge it."),
    "monitor": ("deployments.cli.runs:monitor", "Judge new batches, and decide on retraining."),
    "score": (
        "deployments.cli.score:score",
        "Score a file, an object or a table with the champion.",
    ),
    "explain": ("deployments.cli.explain:explain", "Say why the champion answers as it does."),
    "backtest": ("deployments.cli.backtest:backtest", "Replay your history under policies."),
    "models": ("deployments.cli.versions:models", "List the versions, the champion first."),
    "promote": ("deployments.cli.versions:promote", "Put a version in service."),
    "reject": ("deployments.cli.versions:reject", "Turn down a challenger that waits."),
    "shadow": ("deployments.cli.trial:shadow", "Try a version beside the champion, unseen."),
    "canary": ("deployments.cli.trial:canary", "Try a version on a share of the keys."),
    "withdraw": ("deployments.cli.trial:withdraw", "End the trial of a version."),
    "rollback": ("deployments.cli.versions:rollback", "Put an earlier version back in service."),
    "keys": ("deployments.cli.keys:keys", "Make, list and remove keys of the prediction API."),
    "verify": ("deployments.cli.verify:verify", "See that all is as it was signed."),
    "clear": ("deployments.cli.trial:clear", "Let a suspicious batch be learned from."),
    "retry": ("deployments.cli.ways_out:retry", "Judge a refused batch anew."),
    "schema": ("deployments.cli.schema:schema", "Show the contract; accept a change of it."),
    "remove": ("deployments.cli.ways_out:remove", "Take a batch out again."),
    "delete": ("deployments.cli.ways_out:delete", "End a pipeline; its data only with --data."),
    "report": ("deployments.cli.report:report", "Open or save a page: drift, card, …"),
    "prune": ("deployments.cli.prune:prune", "Remove what nothing needs; few files for many."),
    "backup": ("deployments.cli.backup:backup", "Copy all that the stack knows into a folder."),
    "restore": ("deployments.cli.backup:restore", "Make home and bucket as a backup has them."),
    "completion": (
        "deployments.cli.completion:completion",
        "Print what completes commands in bash, zsh or fish.",
    ),
    "cost": ("deployments.cli.cost:cost", "What was spent, and what it bought."),
    "history": ("deployments.cli.versions:history", "Tell what happened, and why, as a story."),
}


class Commands(click.Group):
    """A group whose commands are imported when they run, so that `--help` stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)  # in the order in which a person meets them

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            # Click's own looks among commands that are imported already, and ours never are.
            message = " ".join(
                [f"No such command '{args[0]}'.", did_you_mean(args[0], COMMANDS)]
            ).strip()
            raise click.UsageError(message, ctx) from error

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        # Click's own would import every command for its first sentence, at every press of Tab.
        fitting = [name for name in COMMANDS if name.startswith(incomplete)]
        return [CompletionItem(name, help=COMMANDS[name][1]) for name in fitting]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # Click's own would import every command for its first sentence.
        with formatter.section("Commands"):
            formatter.write_dl([(name, short) for name, (_, short) in COMMANDS.items()])


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit status: 0 done, 1 failed, 2 wrong use or configuration, 3 refused.",
)
@click.version_option(package_name="perennial-mlops", prog_name="perennial")
def commands() -> None:
    """Perennial keeps machine-learning models fresh."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with the status it earned; without `arguments`, the process's own.

    The process then ends here, rather than by taking the interpreter down.
    """
    if arguments is not None:
        _run(list(arguments))
    with leaving():
        _run(sys.argv[1:])


@contextmanager
def leaving() -> Iterator[None]:
    """Let this process end as soon as Python has said that it does, with the same status.

    Arrow's threads read through Python's files ahead of whoever reads. One that comes back from
    its read while the interpreter is taken down aborts the process, in words of Python's or of
    C++'s own ("terminate called without an active exception"): status 134, after all was done.
    """
    status = 1

    def leave() -> None:
        for stream in (sys.stdout, sys.stderr):
            # whoever read may be gone
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(status)

    # Called last, being the first that is registered: what others left to the end is done by then.
    atexit.register(leave)
    try:
        yield
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        raise


def _run(words: list[str]) -> NoReturn:
    try:
        # Click's standalone mode would throw away what a command returns, its exit status.
        status = commands.main(args=words, standalone_mode=False)
    except PerennialError as error:
        if "--debug" in words:
            raise
        report_error(error, as_json="--json" in words)
        sys.exit(error.exit_status)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)
