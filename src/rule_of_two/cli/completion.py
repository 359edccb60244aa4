"""``rule-of-two completion``: what a shell needs to complete commands, options and names."""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import get_completion_class

from rule_of_two.errors import ConfigurationError

VARIABLE: Final = "_RULE_OF_TWO_COMPLETE"
"""By which the shell asks for completions; click derives it from the program's name."""

WHERE: Final = {
    "bash": "~/.local/share/bash-completion/completions/rule-of-two",
    "zsh": "a folder of your $fpath, as _rule-of-two",
    "fish": "~/.config/fish/completions/rule-of-two.fish",
}


@click.command()
@click.argument("shell", type=click.Choice(list(WHERE)))
@click.pass_context
def completion(ctx: click.Context, /, shell: str) -> None:
    """Print the script by which SHELL completes commands, options, sessions, decisions, servers and sets of policies.

    It goes to a file that the shell loads at start; nothing is installed by this command.

    \b
    Examples:
      rule-of-two completion bash > ~/.local/share/bash-completion/completions/rule-of-two
      rule-of-two completion zsh > "${fpath[1]}/_rule-of-two"
      rule-of-two completion fish > ~/.config/fish/completions/rule-of-two.fish
    """
    found = get_completion_class(shell)
    if found is None:
        raise ConfigurationError(f"there is no completion for '{shell}'")
    click.echo(found(ctx.find_root().command, {}, "rule-of-two", VARIABLE).source())
