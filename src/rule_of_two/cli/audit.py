"""``rule-of-two audit``: the journal."""

from __future__ import annotations

import anyio
import click
import orjson

from rule_of_two.audit.journal import described, targets_text
from rule_of_two.audit.told import asked, commanded, endorsed, said
from rule_of_two.cli.audit_bundle import bundle
from rule_of_two.cli.audit_export import export
from rule_of_two.cli.audit_prune import prune
from rule_of_two.cli.audit_verify import verify
from rule_of_two.cli.main import Context
from rule_of_two.escape import visible
from rule_of_two.store.journal import Entry, JournalStore

_POLL_SECONDS = 0.25


@click.group()
def audit() -> None:
    """Read the journal, and check it.

    \b
    Example:
      rule-of-two audit tail
    """


@audit.command()
@click.option("-n", "--count", default=20, show_default=True, type=click.IntRange(1, 10_000), help="How many entries.")
@click.option("-f", "--follow", is_flag=True, help="Go on as new entries come, until interrupted.")
@click.pass_obj
def tail(context: Context, count: int, follow: bool) -> None:
    """The newest entries, oldest first; with --json one JSON document a line.

    \b
    Example:
      rule-of-two --json audit tail -n 100
    """
    store = JournalStore(context.state)
    last = _print(store.tail(count), as_json=context.json)

    async def forever(last: int) -> None:
        while True:
            await anyio.sleep(_POLL_SECONDS)  # other processes write the journal: there is nothing to wait on but time
            last = _print(store.tail(10_000, after=last), as_json=context.json) or last

    if follow:
        anyio.run(forever, last)


for command in (verify, export, bundle, prune):
    audit.add_command(command)


def _print(entries: list[Entry], *, as_json: bool) -> int:
    for entry in entries:
        click.echo(_json(entry) if as_json else _line(entry))
    return entries[-1].number if entries else 0


def _json(entry: Entry) -> str:
    return orjson.dumps(
        {
            "number": entry.number,
            "at": entry.at,
            "kind": entry.kind,
            "session": entry.session,
            "decision": entry.decision,
        }
        | {"body": entry.body}
    ).decode()


def _line(entry: Entry) -> str:
    """One entry for people; one that no gateway wrote is said to be unreadable, and hides none of the others."""
    try:
        text = _text(entry)
    except (KeyError, TypeError, AttributeError):
        text = f"unreadable {visible(entry.kind)}: `rule-of-two audit verify` looks at all"
    return f"{entry.at[:19]}Z d{entry.number:<5} {text}"


def _text(entry: Entry) -> str:
    """What an entry tells. What comes from the model, its servers or a console is escaped: an entry is one line."""
    body = entry.body
    match entry.kind:
        case "decision":
            where = visible(targets_text(body))
            text = f"{body['outcome']:5} {visible(described(body))}{f' to {where}' if where else ''}"
            text += f"  {''.join(f'[{label}]' for label in body['labels'])} {body['code'] or ''}".rstrip()
            text += "  sent to look at what it brings" if "defers" in body else ""
            text += f"  of what d{visible(str(body['releases']))} brought back" if "releases" in body else ""
            text += "  let pass by observe mode" if body.get("observed") else ""
            text += f"  after the answer to d{body['approves']}" if isinstance(body.get("approves"), int) else ""
            text += f"  on the grant {visible(str(body['grant']))}" if "grant" in body else ""
        case "outcome":
            text = f"      d{entry.decision} {body['outcome']} {visible(body['detail'])}".rstrip()
        case "question" if "joins" in body:
            text = f"      d{entry.decision} {asked(body, answered=False)}"
        case "question":
            through = " through the client" if body.get("channel") == "elicitation" else ""
            text = f"      d{entry.decision} asked a person{through}"
        case "answer":
            text = f"      d{entry.decision} {said(body)}"
        case "command":
            text = f"      {visible(str(entry.session))}: {commanded(body)}"
        case "endorsement":
            text = f"      {endorsed(body)}"
        case _:
            text = f"      {entry.kind}: " + ", ".join(f"{key} {visible(str(value))}" for key, value in body.items())
    return text
