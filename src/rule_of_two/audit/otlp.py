"""The journal's entries as OpenTelemetry's traces and logs, in the messages of OTLP 1.x.

A session is a trace, a call a span in it, and each entry a log record. Names follow the semantic conventions for MCP
and GenAI (development status, 2026); what they do not name is under ``rule_of_two.``. All ids are computed from the
journal's id and the entry's number, so that what is sent twice is the same span twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
from msgspec import Struct
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs, SeverityNumber
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from rule_of_two import __version__
from rule_of_two.audit.journal import described
from rule_of_two.model import Action
from rule_of_two.store.journal import Entry, JournalStore

_TRACE: Final = "rule-of-two/trace/1"
_SPAN: Final = "rule-of-two/span/1"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = (1 << 63) - 1
_DEEPEST: Final = 20
_MOST_NESTED: Final = 20
"""What lies deeper in an entry is told as JSON: parsers of protobuf take some hundred messages within each other."""
_REFUSING: Final = frozenset(("no", "freeze", "new"))
_METHODS: Final[Mapping[str, str]] = {
    Action.CALL_TOOL: "tools/call",
    Action.READ_RESOURCE: "resources/read",
    Action.SUBSCRIBE: "resources/subscribe",
    Action.GET_PROMPT: "prompts/get",
    Action.COMPLETE: "completion/complete",
    Action.SAMPLE: "sampling/createMessage",
    Action.ELICIT: "elicitation/create",
    Action.LIST_ROOTS: "roots/list",
}
"""Of actions, the method of MCP; the others are told as they are."""
_FAILED: Final = {
    "error": "tool_error",
    "timeout": "timeout",
    "cancelled": "cancelled",
    "lost": "connection_lost",
    "not_sent": "upstream_unavailable",
    "withheld": "withheld",
    "failed": "_OTHER",
}
"""Of outcomes that are no result, the ``error.type``."""


class Telemetry(Struct, frozen=True):
    """Makes spans and log records of one journal's entries. Entries that no gateway wrote become log records too."""

    store: JournalStore
    journal: str

    def traces(self, entries: Iterable[Entry]) -> ExportTraceServiceRequest:
        """The spans that these entries end, as the body of a request to ``/v1/traces``."""
        scope = ScopeSpans(scope=_SCOPE, spans=[span for entry in entries for span in self._spans(entry)])
        return ExportTraceServiceRequest(resource_spans=[ResourceSpans(resource=self._resource, scope_spans=[scope])])

    def logs(self, entries: Iterable[Entry]) -> ExportLogsServiceRequest:
        """A record for each of these entries, as the body of a request to ``/v1/logs``."""
        scope = ScopeLogs(scope=_SCOPE, log_records=[self._record(entry) for entry in entries])
        return ExportLogsServiceRequest(resource_logs=[ResourceLogs(resource=self._resource, scope_logs=[scope])])

    @property
    def _resource(self) -> Resource:
        named = {
            "service.name": "rule-of-two",
            "service.version": __version__,
            "service.instance.id": self.journal,
        }
        return Resource(attributes=attributes(named))

    def _record(self, entry: Entry) -> LogRecord:
        warn = entry.body.get("outcome") in {"deny", "ask"} or entry.kind in {"refused", "journal"}
        named = {
            "rule_of_two.entry.number": entry.number,
            "rule_of_two.entry.decision": entry.decision,
            "mcp.session.id": entry.session,
        }
        at = nanoseconds(entry.at)
        return LogRecord(
            time_unix_nano=at,
            observed_time_unix_nano=at,
            severity_number=SeverityNumber.SEVERITY_NUMBER_WARN if warn else SeverityNumber.SEVERITY_NUMBER_INFO,
            severity_text="WARN" if warn else "INFO",
            event_name=f"rule_of_two.{entry.kind}",
            body=any_value(entry.body),
            attributes=attributes(named),
            trace_id=b"" if entry.session is None else self._trace_id(entry.session),
        )

    def _spans(self, entry: Entry) -> Iterator[Span]:
        """The span that an entry ends, if it ends a call or a session."""
        if entry.session is None:
            return
        if entry.kind == "session" and entry.body.get("event") == "ended":
            yield self._session(entry, entry.session)
        elif _ends_a_call(entry):
            calls = self._calls(entry)
            if calls:
                yield self._call(calls, entry, entry.session)

    def _calls(self, last: Entry) -> list[Entry]:
        """The decisions about the call that an entry ends, oldest first."""
        found: list[Entry] = []
        entry: Entry | None = last if last.kind == "decision" else self._of(last)
        while entry is not None and entry.kind == "decision" and len(found) < _DEEPEST:
            found.append(entry)
            entry = self._of(entry)
        return found[::-1]

    def _of(self, entry: Entry) -> Entry | None:
        """The decision that an entry belongs to, which is older."""
        number = entry.decision
        return self.store.get(number) if number is not None and number < entry.number else None

    def _call(self, decisions: Sequence[Entry], last: Entry, session: str) -> Span:
        first, newest = decisions[0], decisions[-1]
        method, named = _method(first), _about_call(first, newest, session)
        target = named.get("gen_ai.tool.name") or named.get("gen_ai.prompt.name")
        wrong = _FAILED.get(str(last.body.get("outcome"))) if last.kind == "outcome" else _refusal(newest, last)
        if wrong is not None:
            named["error.type"] = wrong
        events = [
            event
            for decision in decisions
            for entry in self.store.of_decision(decision.number)
            if entry.number <= last.number and (event := _event(entry)) is not None
        ]
        failed = Status(code=Status.STATUS_CODE_ERROR, message=str(last.body.get("detail") or wrong))
        return Span(
            trace_id=self._trace_id(session),
            span_id=self._span_id(last.number),
            parent_span_id=self._root_id(session),
            name=f"{method} {target}" if target else method,
            kind=Span.SPAN_KIND_SERVER,
            start_time_unix_nano=nanoseconds(first.at),
            end_time_unix_nano=nanoseconds(last.at),
            attributes=attributes(named),
            events=events,
            status=Status() if wrong is None else failed,
        )

    def _session(self, entry: Entry, session: str) -> Span:
        began = next(self.store.of_session(session), entry)
        return Span(
            trace_id=self._trace_id(session),
            span_id=self._root_id(session),
            name="session",
            kind=Span.SPAN_KIND_INTERNAL,
            start_time_unix_nano=nanoseconds(began.at),
            end_time_unix_nano=nanoseconds(entry.at),
            attributes=attributes({"mcp.session.id": session}),
        )

    def _trace_id(self, session: str) -> bytes:
        return _digest(_TRACE, self.journal, session)[:16]

    def _root_id(self, session: str) -> bytes:
        return _digest(_SPAN, self.journal, session)[:8]

    def _span_id(self, number: int) -> bytes:
        return _digest(_SPAN, self.journal, str(number))[:8]


_SCOPE: Final = InstrumentationScope(name="rule_of_two.audit", version=__version__)


def _ends_a_call(entry: Entry) -> bool:
    """Whether nothing more comes of the call, or it is back at the client."""
    match entry.kind:
        case "outcome":
            return True
        case "decision":
            return entry.body.get("outcome") == "deny" and "releases" not in entry.body
        case "answer":
            return entry.body.get("answer") is None or entry.body.get("answer") in _REFUSING
    return False


def _method(entry: Entry) -> str:
    action = str(entry.body.get("action"))
    return _METHODS.get(action, action)


def _about_call(first: Entry, newest: Entry, session: str) -> dict[str, Any]:
    body, principal = newest.body, newest.body.get("principal")
    method, name = _method(first), first.body.get("name")
    who = principal if isinstance(principal, Mapping) else {}
    named: dict[str, Any] = {
        "mcp.method.name": method,
        "mcp.session.id": session,
        "user.id": who.get("user"),
        "rule_of_two.tenant": who.get("tenant"),
        "rule_of_two.upstream": first.body.get("upstream"),
        "rule_of_two.decision.number": newest.number,
        "rule_of_two.decision.outcome": body.get("outcome"),
        "rule_of_two.decision.code": body.get("code"),
        "rule_of_two.decision.labels": body.get("labels"),
        "rule_of_two.decision.held": sorted(body["held"]) if isinstance(body.get("held"), Mapping) else None,
        "rule_of_two.decision.policies": body.get("policies"),
        "rule_of_two.decision.policy_version": body.get("policy_version"),
    }
    match method:
        case "tools/call":
            named |= {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": described(first.body)}
        case "prompts/get":
            named["gen_ai.prompt.name"] = name
        case "resources/read":
            named["mcp.resource.uri"] = name
    return named


def _refusal(newest: Entry, last: Entry) -> str:
    """Why a call was not carried out."""
    if last.kind == "answer":
        answer = last.body.get("answer")
        return f"approval_{answer}" if answer is not None else f"approval_{last.body.get('reason', 'missing')}"
    return str(newest.body.get("code") or "denied_by_policy")


def _event(entry: Entry) -> Span.Event | None:
    """What people were asked and said, and decisions that followed, as events of the call's span."""
    members = {
        "question": ("question", "needs", "tier"),
        "answer": ("question", "answer", "reason", "approver", "assurance"),
        "decision": ("outcome", "code"),
    }.get(entry.kind)
    if members is None:
        return None
    named = {f"rule_of_two.{entry.kind}.{name}": entry.body.get(name) for name in members}
    return Span.Event(
        time_unix_nano=nanoseconds(entry.at),
        name=f"rule_of_two.{entry.kind}",
        attributes=attributes({"rule_of_two.entry.number": entry.number, **named}),
    )


def attributes(named: Mapping[str, Any]) -> list[KeyValue]:
    """Attributes of what is known."""
    return [KeyValue(key=key, value=any_value(value)) for key, value in named.items() if value is not None]


def any_value(value: Any, depth: int = 0) -> AnyValue:
    """A JSON value as OTLP has it. An integer of more than 64 bits is text."""
    found = AnyValue(string_value=str(value))
    match value:
        case bool():
            found = AnyValue(bool_value=value)
        case int() if -(1 << 63) <= value < 1 << 63:
            found = AnyValue(int_value=value)
        case float():
            found = AnyValue(double_value=value)
        case list() | tuple() | Mapping() if depth >= _MOST_NESTED:
            found = AnyValue(string_value=orjson.dumps(value).decode())
        case list() | tuple():
            found = AnyValue(array_value=ArrayValue(values=[any_value(one, depth + 1) for one in value]))
        case Mapping():
            members = [KeyValue(key=key, value=any_value(one, depth + 1)) for key, one in value.items()]
            found = AnyValue(kvlist_value=KeyValueList(values=members))
        case None:
            found = AnyValue()
    return found


def nanoseconds(at: str) -> int:
    """The time of an entry since 1970 in nanoseconds; 0 for one that no gateway wrote."""
    try:
        time = datetime.fromisoformat(at)
    except ValueError:
        return 0
    since = (time if time.tzinfo is not None else time.replace(tzinfo=UTC)) - _EPOCH
    return min(max(since // timedelta(microseconds=1), 0) * 1000, _LATEST)


def _digest(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).digest()
