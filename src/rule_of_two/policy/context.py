"""Facts and session state as Cedar's context (`policies/rule-of-two.cedarschema`, ``Use``).

Only normalised values go in; :attr:`Target.shown`, raw arguments and other text of the model's never do.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from rule_of_two.errors import PolicyError
from rule_of_two.model import ALL, Facts, SessionView, Target, TargetKind

_HOSTS: Final[frozenset[TargetKind]] = frozenset(("url", "host"))
_OTHERS: Final[frozenset[TargetKind]] = frozenset(("command", "query"))
"""What policies see in no set."""

Environment = Mapping[str, Any]
"""What context providers know: ``local``, ``device``, ``network`` and ``risk``, each only if it is known."""
NOTHING_KNOWN: Final[Environment] = MappingProxyType({})

# Cedar's decimal is a 64-bit count of ten-thousandths, so it has at most 15 digits in front of the point.
_AMOUNT: Final = re.compile(r"(-?[0-9]{1,15})(?:\.([0-9]+))?")
_PLACES: Final = 4
_UNITS: Final = range(-(2**63), 2**63)


def context_of(
    facts: Facts, view: SessionView, *, urls: bool = True, folders: Sequence[str] = (), readers: bool = False
) -> dict[str, Any]:
    """``Use`` but for ``approved``, ``approvals``, ``now`` and the environment, in types that JSON and Cedar's schema
    take as they are. Without ``urls``, ``target.urls`` is left empty, and without ``readers`` these are absent: for
    policies that do not read them. ``folders`` are those that the operator trusts.

    :raises PolicyError: the facts carry a label that is none of A, B and C.
    """
    labels = facts.labels
    if not labels <= ALL:
        raise PolicyError(f"the facts carry unknown labels: {sorted(labels - ALL)}")
    context: dict[str, Any] = {
        "held": view.after,
        "labels": {"A": "A" in labels, "B": "B" in labels, "C": "C" in labels},
        "dropped": view.dropped,
        "frozen": view.frozen,
        "effects": {
            "acts": facts.acts,
            "communicates": facts.acts and facts.communicates,
            "irreversible": facts.acts and facts.irreversible,
        },
        "target": _target(facts.targets, urls=urls, folders=folders),
    }
    if readers and view.readers is not None:
        context["readers"] = sorted(view.readers)
    return context


def minute(now: datetime) -> str:
    """``now`` in UTC, rounded down to the minute, as a Cedar ``datetime``.

    :raises PolicyError: ``now`` has no time zone.
    """
    if now.tzinfo is UTC:  # the hot path: half the time of what follows
        return f"{now.year:04}-{now.month:02}-{now.day:02}T{now.hour:02}:{now.minute:02}:00Z"
    if now.utcoffset() is None:
        raise PolicyError("the clock gave a time without a time zone")
    return f"{now.astimezone(UTC).replace(second=0, microsecond=0, tzinfo=None).isoformat()}Z"


def decimal(amount: str) -> str | None:
    """A canonical decimal string as a Cedar ``decimal``; ``None`` if it has no exact one.

    Exact means: at most four decimals, and within ±922337203685477.5807. The unit stays the argument's own.
    """
    match = _AMOUNT.fullmatch(amount)
    if match is None:
        return None
    whole, fraction = match[1], (match[2] or "").rstrip("0")
    if len(fraction) > _PLACES or int(whole + fraction.ljust(_PLACES, "0")) not in _UNITS:
        return None
    return f"{whole}.{fraction or '0'}"


def _target(targets: Sequence[Target], *, urls: bool, folders: Sequence[str]) -> dict[str, Any]:
    """Where the call reaches. Whatever was absent or not understood makes it incomplete; nothing is guessed. An address
    of which nobody looked whether it was given was not.

    Several amounts make it incomplete too: neither the greatest nor the sum is what each policy would mean.
    """
    known = [(target.kind, target.value) for target in targets if target.value is not None]
    amounts = [decimal(value) for kind, value in known if kind == "amount"]
    addresses = [target for target in targets if target.kind == "url"]
    whole = {target.url for target in addresses if target.url is not None}
    complete = (
        len(known) == len(targets)
        and len(amounts) <= 1
        and None not in amounts
        and all(target.url is not None for target in addresses)
    )
    paths = sorted({value for kind, value in known if kind == "path"})
    recipients = sorted({value for kind, value in known if kind == "recipient"})
    record: dict[str, Any] = {
        "urls": sorted(whole) if urls else [],
        "hosts": sorted({value for kind, value in known if kind in _HOSTS}),
        "paths": paths,
        "recipients": recipients,
        "domains": sorted({address.rpartition("@")[2] for address in recipients}),
        "accounts": sorted({value for kind, value in known if kind == "account"}),
        "within": _within(paths, folders) if complete and paths else [],
        "others": any(target.kind in _OTHERS for target in targets),
        "complete": complete,
        "known": complete and bool(targets) and not any(target.indirect for target in targets),
        "given": all(target.given is True for target in addresses),
    }
    if len(amounts) == 1 and amounts[0] is not None:
        record["amount"] = amounts[0]
    return record


def _within(paths: Sequence[str], folders: Sequence[str]) -> list[str]:
    """The folders in which every path is; each is in itself."""
    return [one for one in folders if all(path == one or path.startswith(one + os.sep) for path in paths)]
