"""A question to a human: one exact call, frozen, with everything that it is bound to and everything that is shown.

DESIGN section 3 "Approvals". The arguments are kept as their canonical text only, so what is shown is parsed from the
very bytes that the digest covers, and nothing that holds a question can change it.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import AwareDatetime, ConfigDict

from rule_of_two.approvals.arrival import Arrival
from rule_of_two.approvals.canonical import canonical, canonical_object, parse
from rule_of_two.approvals.choice import Choice
from rule_of_two.errors import BadRequest
from rule_of_two.model import Action, Facts, Label, Labels, Target, Tier, Verdict

DIGEST_TYPE: Final = "rule-of-two/question/1"
"""Separates these digests from every other use of SHA-256 over canonical JSON, receipts of later versions included."""

PROTOCOL_KEYS: Final = frozenset(
    (
        *(
            f"io.modelcontextprotocol/{key}"
            for key in ("protocolVersion", "clientCapabilities", "clientInfo", "logLevel")
        ),
        "progressToken",
    )
)
"""Keys of `_meta` that the protocol itself sets anew with each request."""

_TRACE_PARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)
"""What a tracer of the host sets anew with each request (W3C Trace Context): numbers, and nothing else."""


JournalHead = tuple[int, str]
"""The number of the journal's newest entry, and its hash in hexadecimal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The earlier call that first brought a label. ``shown`` is its host, file or sender; empty if it named none."""

    call: int
    name: str
    shown: str
    at: AwareDatetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One exact call that waits for a human.

    ``id`` names it on the channel and is no secret. ``client`` is the operator's name for the agent's host. ``held``
    has the origin of every label that the session holds or has reserved. ``secret_pointers`` are JSON Pointers
    (RFC 6901, ``*`` for each element) of arguments that no screen may show. ``offers`` is what may be answered,
    ``needs`` how many different approvers have to say yes, and ``decision`` the number by which `why` explains it. With
    an ``arrival`` the call was sent, and what is asked is whether its result is let in; ``labels`` are what it brings.
    All times are UTC.
    """

    # INVARIANT: `digest` covers everything that is sent, and `shown` what else a person sees;
    # test_each_bound_member_changes_the_digest and test_every_member_is_bound_by_one_of_the_two hold it.

    id: str
    session: str
    client: str
    action: Action
    upstream: str
    name: str
    pin: str | None
    arguments_json: str
    forwarded_json: str
    labels: Labels
    held: Mapping[Label, Origin]
    targets: tuple[Target, ...]
    policies: tuple[str, ...]
    messages: tuple[str, ...]
    policy_version: str
    secret_pointers: tuple[str, ...]
    nonce: str
    created_at: AwareDatetime
    expires_at: AwareDatetime
    user: str = "local"
    tenant: str = "local"
    offers: tuple[Choice, ...] = (Choice.YES, Choice.NO)
    needs: int = 1
    decision: int = 0
    tier: Tier = Tier.ADVISORY
    arrival: Arrival | None = None
    head: JournalHead | None = None
    """The newest entry of the journal when it was asked, so that a signature under an answer covers all before it."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    def __post_init__(self) -> None:
        """:raises BadRequest: a time is not UTC, it would have expired before it was asked, or it offers what cannot be
        done."""
        times = [self.created_at, self.expires_at, *(origin.at for origin in self.held.values())]
        if any(time.utcoffset() != timedelta(0) for time in times):
            raise BadRequest("A question's times must be UTC.")
        if self.expires_at <= self.created_at:
            raise BadRequest("A question must expire after it was asked.")
        if self.arrival is not None and Choice.GRANT in self.offers:
            raise BadRequest("A result that came back is let in once: a grant is for calls to come.")
        if Choice.WITHOUT in self.offers and (self.arrival is None or self.arrival.without is None):
            raise BadRequest("There is nothing that could be handed over without the items that ask.")

    @classmethod
    def about(
        cls,
        facts: Facts,
        verdict: Verdict,
        *,
        session: str,
        client: str,
        arguments: Mapping[str, Any],
        forwarded: Mapping[str, Any],
        held: Mapping[Label, Origin],
        pin: str | None,
        policy_version: str,
        now: datetime,
        wait: timedelta,
        secret_pointers: tuple[str, ...] = (),
        call_keys: frozenset[str] = frozenset(),
        user: str = "local",
        tenant: str = "local",
        offers: tuple[Choice, ...] = (Choice.YES, Choice.NO),
        decision: int = 0,
        tier: Tier = Tier.ADVISORY,
        arrival: Arrival | None = None,
        head: JournalHead | None = None,
        random_hex: Callable[[int], str] = secrets.token_hex,
    ) -> Question:
        """The question about one call. ``forwarded`` is the request's ``params``, and ``call_keys`` what of its `_meta`
        the client's host sets anew with each call; see :func:`bound_parameters`. ``wait`` is how long it lives.
        Of an ``arrival`` is kept what can be shown (:meth:`~.arrival.Arrival.bounded`).

        :raises BadRequest: the call cannot be bound to an approval (:func:`~.canonical.canonical`).
        :raises LimitExceeded: it is too long to be shown.
        """
        return cls(
            id=random_hex(8),
            session=session,
            client=client,
            action=facts.action,
            upstream=facts.upstream,
            name=facts.name,
            pin=pin,
            arguments_json=canonical(dict(arguments)),
            forwarded_json=canonical(bound_parameters(facts.action, forwarded, call_keys)),
            labels=facts.labels,
            held=dict(held),
            targets=facts.targets,
            policies=verdict.policies,
            messages=verdict.messages,
            policy_version=policy_version,
            secret_pointers=secret_pointers,
            nonce=random_hex(16),
            created_at=now,
            expires_at=now + wait,
            user=user,
            tenant=tenant,
            offers=offers,
            needs=verdict.approvals,
            decision=decision,
            tier=tier,
            arrival=None if arrival is None else arrival.bounded(),
            head=head,
        )

    @property
    def adds(self) -> Labels:
        """The labels of this call that the session does not hold yet; none when it repeats C in a full session."""
        return self.labels - self.held.keys()

    @property
    def arguments(self) -> dict[str, Any]:
        """A fresh copy of the frozen arguments."""
        return _object(self.arguments_json)

    @property
    def forwarded(self) -> dict[str, Any]:
        """A fresh copy of the other forwarded parameters: `_meta`, `inputResponses` and the like."""
        return _object(self.forwarded_json)

    @property
    def fingerprint(self) -> str:
        """The same for every repetition of this very call in this session that still reaches the same: SHA-256, in
        hexadecimal.

        # INVARIANT: what the same words reach, and what came back, is part of it, so that no yes is for what a moved
        # link leads to; tests/attacks/test_approvals_shown.py.
        """
        document = canonical_object(
            {
                **self._call(),
                "labels": canonical(sorted(self.labels)),
                "targets": canonical([[target.kind, target.value] for target in self.targets]),
                **({} if self.arrival is None else {"arrival": self.arrival.contents}),
            }
        )
        return hashlib.sha256(document).hexdigest()

    @property
    def digest(self) -> str:
        """SHA-256, in hexadecimal, over the canonical JSON of what DESIGN "Approvals" lists.

        :raises BadRequest: a name has no canonical form.
        """
        document = canonical_object(
            {
                "type": canonical(DIGEST_TYPE),
                **self._call(),
                "held": canonical({label: origin.call for label, origin in self.held.items()}),
                "adds": canonical(sorted(self.adds)),
                "policy_version": canonical(self.policy_version),
                "nonce": canonical(self.nonce),
                "expires_at": canonical(self.expires_at.isoformat(timespec="microseconds")),
                **({} if self.arrival is None else {"arrival": canonical(self.arrival.bound)}),
                **({} if self.head is None else {"head": canonical(list(self.head))}),
            }
        )
        return hashlib.sha256(document).hexdigest()

    @property
    def shown(self) -> str:
        """SHA-256, in hexadecimal, over the canonical JSON of everything else that a screen shows, or hides, by this
        question. An answer says it too, so that nobody between gateway and console changes what a person reads.

        :raises BadRequest: a text has no canonical form.
        """
        document = {
            "client": self.client,
            "user": self.user,
            "tenant": self.tenant,
            "labels": sorted(self.labels),
            "held": {
                label: [one.call, one.name, one.shown, one.at.isoformat(timespec="microseconds")]
                for label, one in self.held.items()
            },
            "targets": [
                [target.kind, target.value, target.shown, target.exact, target.given] for target in self.targets
            ],
            "policies": list(self.policies),
            "messages": list(self.messages),
            "secret_pointers": list(self.secret_pointers),
            "created_at": self.created_at.isoformat(timespec="microseconds"),
            "offers": [str(choice) for choice in self.offers],
            "needs": self.needs,
            "decision": self.decision,
            "tier": str(self.tier),
            **({} if self.arrival is None else {"arrival": self.arrival.shown}),
        }
        return hashlib.sha256(canonical(document).encode()).hexdigest()

    def _call(self) -> dict[str, str]:
        """What is sent, and in which session, as canonical text."""
        return {
            "session": canonical(self.session),
            "action": canonical(str(self.action)),
            "upstream": canonical(self.upstream),
            "name": canonical(self.name),
            "pin": canonical(self.pin),
            "arguments": self.arguments_json,
            "forwarded": self.forwarded_json,
        }

    def check(self) -> None:
        """Check what arrived from another process: it can be bound, and what it binds are canonical JSON objects.

        Without it a gateway could bind one text and have another one shown (a repeated key, say).

        :raises BadRequest: it is not so.
        """
        for text in (self.arguments_json, self.forwarded_json):
            if canonical(_object(text)) != text:
                raise BadRequest("The question's arguments are not canonical JSON.")
        _ = self.digest


def bound_parameters(
    action: Action, params: Mapping[str, Any], call_keys: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """The forwarded parameters that a question binds besides name and arguments: all but the protocol's own keys and
    ``call_keys``, which differ between a call and its repetition and never carry data of the agent's.

    Name and arguments are members of a call's and a prompt's parameters; in any other request they are nothing special.
    """
    elsewhere = {"name", "arguments"} if action in {Action.CALL_TOOL, Action.GET_PROMPT} else set()
    bound = {key: value for key, value in params.items() if key not in {*elsewhere, "_meta"}}
    meta = params.get("_meta")
    if isinstance(meta, Mapping):
        kept = {
            key: value
            for key, value in meta.items()
            if key not in PROTOCOL_KEYS and key not in call_keys and not _is_trace(key, value)
        }
        if kept:
            bound["_meta"] = kept
    elif meta is not None:
        bound["_meta"] = meta
    return bound


def _is_trace(key: str, value: Any) -> bool:
    return key == "traceparent" and isinstance(value, str) and _TRACE_PARENT.fullmatch(value) is not None


def _object(text: str) -> dict[str, Any]:
    value = parse(text)
    if not isinstance(value, dict):
        raise BadRequest("The question's arguments are not a JSON object.")
    return value
