"""Names that a shell can complete: of sessions, decisions, servers, what they offer, manifests and sets of policies.

# INVARIANT: completing changes nothing, prints nothing else, and never fails: where something cannot be read there is
# nothing to complete; tests/cli/test_completion.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Final

import click
from click.shell_completion import CompletionItem

from rule_of_two.errors import RuleOfTwoError
from rule_of_two.escape import visible

NEWEST: Final = 50
"""How many sessions and decisions are offered."""

Names = Callable[[click.Context], Iterable[tuple[str, str]]]
"""Names and what they are, newest or first ones first."""
Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _completes(names: Names) -> Complete:
    @wraps(names)
    def complete(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            found = [(name, help_) for name, help_ in names(ctx) if name.startswith(incomplete)]
        except (RuleOfTwoError, OSError):
            return []
        return [CompletionItem(name, help=visible(help_)) for name, help_ in found if visible(name) == name]

    return complete


def _given(ctx: click.Context, option: str) -> Path | None:
    value = ctx.find_root().params.get(option)
    return value if isinstance(value, Path) else None


def _state(ctx: click.Context) -> Path:
    from rule_of_two.gateway.config import state_folder  # noqa: PLC0415  # only who completes pays

    return state_folder(_given(ctx, "state"))


@_completes
def sessions(ctx: click.Context) -> Iterable[tuple[str, str]]:
    """Sessions that are open."""
    from rule_of_two.model import label_text  # noqa: PLC0415  # only who completes pays
    from rule_of_two.sessions.repository import list_sessions  # noqa: PLC0415  # as above
    from rule_of_two.store.state import open_state  # noqa: PLC0415  # as above

    state = _state(ctx)
    if not (state / "state.db").exists():
        return []
    records = list_sessions(open_state(state), ended=False)[: -NEWEST - 1 : -1]
    return [(one.view.id, f"{one.client} {label_text(one.view.held)}") for one in records]


@_completes
def decisions(ctx: click.Context) -> Iterable[tuple[str, str]]:
    """The newest decisions."""
    from rule_of_two.audit.journal import described  # noqa: PLC0415  # only who completes pays
    from rule_of_two.store.journal import JournalStore  # noqa: PLC0415  # as above

    state = _state(ctx)
    if not (state / "journal.db").exists():
        return []
    newest = JournalStore(state).tail(NEWEST * 4)[::-1]
    found = [one for one in newest if one.kind == "decision"][:NEWEST]
    return [(f"d{one.number}", f"{one.body.get('outcome')} {described(one.body)}") for one in found]


@_completes
def servers(ctx: click.Context) -> Iterable[tuple[str, str]]:
    """Servers of the configuration."""
    from rule_of_two.gateway.config import config_path, load_config  # noqa: PLC0415  # only who completes pays

    config = load_config(config_path(_given(ctx, "config")))
    return [(name, one.command or one.url or "") for name, one in config.servers.items()]


@_completes
def pinned(ctx: click.Context) -> Iterable[tuple[str, str]]:
    """Of the server that was typed before: what was accepted, or answered for."""
    from rule_of_two.gateway.config import config_path, load_config  # noqa: PLC0415  # only who completes pays
    from rule_of_two.gateway.mount import identity_of  # noqa: PLC0415  # as above
    from rule_of_two.store.pins import PinStore  # noqa: PLC0415  # as above
    from rule_of_two.store.state import open_state  # noqa: PLC0415  # as above

    name, state = ctx.params.get("server"), _state(ctx)
    server = load_config(config_path(_given(ctx, "config"))).servers.get(str(name))
    if server is None or not (state / "state.db").exists():
        return []
    pins = PinStore(open_state(state))
    identity = identity_of(str(name), server.command, server.args, server.url)
    kinds = {one.name: one.kind for one in pins.answers(identity)}
    kinds |= {one.name: one.kind for one in pins.load(identity)}
    typed = ctx.params.get("names") or ()
    return [(name, kind) for name, kind in kinds.items() if name and name not in typed]


@_completes
def manifests(_ctx: click.Context) -> Iterable[tuple[str, str]]:
    """Shipped manifests."""
    from rule_of_two.shipped import shipped  # noqa: PLC0415  # only who completes pays

    return [(file.stem, "") for file in sorted(shipped("tool_manifests").glob("*.yaml"))]


@_completes
def _shipped_sets(_ctx: click.Context) -> Iterable[tuple[str, str]]:
    from rule_of_two.policy.references import shipped_sets  # noqa: PLC0415  # only who completes pays

    return [(name, "") for name in shipped_sets()]


def policy_sets(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Shipped sets of policies; where none begins so, files and folders."""
    return _shipped_sets(ctx, parameter, incomplete) or [CompletionItem(incomplete, type="file")]
