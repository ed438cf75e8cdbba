"""The command that prints a shell's completion."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from deployments.cli.output import OneOf, reporting, show

SHELLS = {
    "bash": 'eval "$(perennial completion bash)"  # in ~/.bashrc',
    "zsh": 'eval "$(perennial completion zsh)"  # in ~/.zshrc',
    "fish": "perennial completion fish > ~/.config/fish/completions/perennial.fish",
}


@reporting
@click.argument("shell", type=OneOf(list(SHELLS)))
def completion(shell: str, as_json: bool) -> None:
    """Print what completes commands, options, files and pipelines in SHELL.

    \b
    bash: eval "$(perennial completion bash)" in ~/.bashrc
    zsh:  eval "$(perennial completion zsh)" in ~/.zshrc
    fish: perennial completion fish > ~/.config/fish/completions/perennial.fish
    """
    script = completion_script(shell)
    show({"shell": shell, "script": script, "use": SHELLS[shell]}, as_json, lambda: script)


def completion_script(shell: str) -> str:
    """Return the script that completes `perennial` in a shell.

    >>> "_PERENNIAL_COMPLETE=fish_complete" in completion_script("fish")
    True
    """
    # Here, not above: the group imports this module by name.
    from deployments.cli.main import commands

    made = get_completion_class(shell)
    assert made is not None, shell
    return made(commands, {}, "perennial", "_PERENNIAL_COMPLETE").source()
