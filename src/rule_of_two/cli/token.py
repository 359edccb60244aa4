"""``rule-of-two token``: bearer tokens of clients that connect over HTTP."""

from __future__ import annotations

import click

from rule_of_two.cli.main import Context
from rule_of_two.cli.output import print_json
from rule_of_two.gateway.tokens import Tokens


@click.group()
def token() -> None:
    """Bearer tokens of clients that connect over HTTP.

    \b
    Example:
      rule-of-two token new laptop
    """


@token.command()
@click.argument("client")
@click.option("--keyring", "in_keyring", is_flag=True, help="Store it in the system's keyring instead of a file.")
@click.pass_obj
def new(context: Context, client: str, in_keyring: bool) -> None:
    """Give CLIENT a token, in place of the one it had, and print it. Gateways that run know it at once.

    \b
    Example:
      rule-of-two token new laptop
    """
    tokens = Tokens(context.state)
    made = tokens.new(client, in_keyring=in_keyring)
    if context.json:
        print_json({"client": client, "token": made, "file": str(tokens.path(client))})
    else:
        click.echo(made)
        click.echo(f"The client sends it as 'Authorization: Bearer …'. It is kept in {tokens.path(client)}.", err=True)


@token.command("list")
@click.pass_obj
def list_(context: Context) -> None:
    """The clients that have a token.

    \b
    Example:
      rule-of-two token list
    """
    names = Tokens(context.state).names()
    if context.json:
        print_json({"clients": names})
    else:
        click.echo("\n".join(names) or "No client has a token.")


@token.command()
@click.argument("client")
@click.pass_obj
def revoke(context: Context, client: str) -> int:
    """Take CLIENT's token away: gateways that run refuse its next request. Exit 1 when it had none.

    \b
    Example:
      rule-of-two token revoke laptop
    """
    if Tokens(context.state).revoke(client):
        return 0
    click.echo(f"The client '{client}' has no token.", err=True)
    return 1
