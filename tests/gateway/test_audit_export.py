"""Exports of the journal: JSON Lines that are continued, and OTLP to a receiver that decodes with OpenTelemetry's own
classes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from rule_of_two.audit.otlp import any_value, nanoseconds
from rule_of_two.cli.main import cli
from rule_of_two.store.journal import JournalStore, Line

BODY: dict[str, Any] = {
    "action": "call_tool", "upstream": "files", "name": "read", "labels": ["A", "B"], "targets": [], "outcome": "allow",
    "code": None, "held": {"A": 1}, "reserved": {}, "policies": ["p"], "messages": [], "policy_version": "v",
    "principal": {"user": "alice", "tenant": "acme"}, "client": "c",
}  # fmt: skip


def at(second: int) -> str:
    return f"2026-07-01T12:00:{second:02}.000000+00:00"


def fill(folder: Path) -> None:
    """One session: a call that ran on a yes, one that was denied, one that nobody answered, and the session's end."""
    with closing(JournalStore(folder)) as store:
        store.append_now(Line(at(0), "session", "s-1", None, {"event": "attached", "began": "new"}))
        store.append_now(Line(at(1), "decision", "s-1", None, {**BODY, "outcome": "ask"}))  # 2
        store.append_now(Line(at(2), "question", "s-1", 2, {"question": "q", "needs": 1, "tier": "T1"}))
        store.append_now(Line(at(3), "answer", "s-1", 2, {"question": "q", "answer": "yes", "approver": "bob"}))
        store.append_now(Line(at(4), "decision", "s-1", 2, {**BODY, "approves": 2}))  # 5
        store.append_now(Line(at(5), "outcome", "s-1", 5, {"outcome": "result", "detail": ""}))
        store.append_now(Line(at(6), "decision", "s-1", None, {**BODY, "outcome": "deny", "code": "denied_by_policy"}))
        store.append_now(Line(at(7), "decision", "s-1", None, {**BODY, "outcome": "ask"}))  # 8
        store.append_now(Line(at(8), "answer", "s-1", 8, {"answer": None, "reason": "nobody_attached"}))
        store.append_now(Line(at(9), "decision", "s-1", None, {**BODY, "action": "read_resource", "name": "file:///x"}))
        store.append_now(Line(at(10), "outcome", "s-1", 10, {"outcome": "error", "detail": "no such file"}))
        store.append_now(Line(at(11), "session", "s-1", None, {"event": "ended"}))
        store.append_now(Line(at(12), "upstream", None, None, {"upstream": "files", "message": "it ended"}))


def invoked(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--state", str(folder), "audit", "export", *arguments])


def run(folder: Path, *arguments: str, code: int = 0) -> str:
    done = invoked(folder, *arguments)
    assert done.exit_code == code, (done.output, done.exception)
    return done.stdout


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_json_lines_have_a_shape_that_stays(tmp_path: Path) -> None:
    fill(tmp_path)
    first, *rest = lines(run(tmp_path))
    assert set(first) == {"journal", "number", "at", "kind", "session", "decision", "body", "hash"}
    assert [one["number"] for one in rest] == list(range(2, 14))
    assert len(lines(run(tmp_path, "--session", "s-1"))) == 12
    assert [one["number"] for one in lines(run(tmp_path, "--after", "11"))] == [12, 13]
    assert lines(run(tmp_path, "--since", "1d")) == []


def test_a_file_is_continued_and_a_broken_line_is_written_anew(tmp_path: Path) -> None:
    fill(tmp_path)
    file = tmp_path / "out.jsonl"
    run(tmp_path, "--to", str(file))
    whole = file.read_bytes()
    run(tmp_path, "--to", str(file))
    assert file.read_bytes() == whole
    file.write_bytes(whole[: len(whole) // 2])
    run(tmp_path, "--to", str(file))
    assert file.read_bytes() == whole


def test_it_goes_on_as_entries_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path)
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        if pauses:
            raise KeyboardInterrupt
        pauses.append(seconds)
        with closing(JournalStore(tmp_path)) as store:
            store.append_now(Line(at(20), "upstream", None, None, {}))

    monkeypatch.setattr("rule_of_two.cli.audit_export.time.sleep", sleep)
    file = tmp_path / "out.jsonl"
    invoked(tmp_path, "--to", str(file), "--follow")
    assert [one["number"] for one in lines(file.read_text())] == list(range(1, 15))


@pytest.mark.parametrize("content", ["{}\n", "hello\n", '{"journal": "other", "number": 3}\n', "x" * 2_000_000])
def test_a_file_of_something_else_is_left_alone(tmp_path: Path, content: str) -> None:
    fill(tmp_path)
    file = tmp_path / "out.jsonl"
    file.write_text(content)
    done = invoked(tmp_path, "--to", str(file))
    assert "name another file" in str(done.exception)


def test_an_entry_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with closing(JournalStore(tmp_path)) as store:
        for body in ("{", '{"in":' * 400 + "1" + "}" * 400):
            store.database.execute_now("INSERT INTO entries (at, kind, body) VALUES (?, ?, ?)", ("t", "decision", body))
    broken, deep = lines(run(tmp_path))
    assert broken == {"journal": broken["journal"], "number": 1, "unreadable": True, "hash": None}
    assert (deep["number"], deep["unreadable"]) == (2, True)


Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Receiver:
    """Answers as scripted, then takes everything. ``traces`` and ``logs`` are decoded requests."""

    script: list[Answer] = field(default_factory=list)
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    traces: list[Any] = field(default_factory=list)
    logs: list[Any] = field(default_factory=list)
    url: str = ""

    @property
    def spans(self) -> list[Any]:
        return [span for one in self.traces for span in one.resource_spans[0].scope_spans[0].spans]

    @property
    def records(self) -> list[Any]:
        return [record for one in self.logs for record in one.resource_logs[0].scope_logs[0].log_records]


@contextmanager
def receiving(*script: Answer) -> Iterator[Receiver]:
    receiver = Receiver(list(script))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name that http.server calls
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.seen.append((self.path, dict(self.headers)))
            status, headers, content = receiver.script.pop(0) if receiver.script else (200, {}, b"")
            if self.headers["Content-Type"] != "application/x-protobuf":
                status = 415
            elif status == 200 and self.path == "/v1/traces":
                receiver.traces.append(ExportTraceServiceRequest.FromString(body))
            elif status == 200:
                receiver.logs.append(ExportLogsServiceRequest.FromString(body))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # as above
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rule_of_two.gateway.otlp_sender.LONGEST_PAUSE", 0.0)


def named(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


def test_a_session_is_a_trace_and_a_call_a_span(tmp_path: Path) -> None:
    fill(tmp_path)
    with receiving() as receiver:
        run(tmp_path, "--format", "otlp", "--to", receiver.url)
    ran, denied, unanswered, failed, session = receiver.spans
    assert (ran.name, ran.kind) == ("tools/call files__read", 2)
    assert ran.end_time_unix_nano - ran.start_time_unix_nano == 4_000_000_000
    facts = named(ran.attributes)
    assert facts["mcp.method.name"] == "tools/call"
    assert facts["gen_ai.operation.name"] == "execute_tool"
    assert facts["gen_ai.tool.name"] == "files__read"
    assert facts["mcp.session.id"] == "s-1"
    assert facts["user.id"] == "alice"
    assert [one.name for one in ran.events] == ["rule_of_two.question", "rule_of_two.answer", "rule_of_two.decision"]
    assert named(ran.events[1].attributes)["rule_of_two.answer.approver"] == "bob"
    assert ran.status.code == 0
    assert named(denied.attributes)["error.type"] == "denied_by_policy"
    assert denied.status.code == 2
    assert named(unanswered.attributes)["error.type"] == "approval_nobody_attached"
    assert (failed.name, failed.status.message) == ("resources/read", "no such file")
    assert named(failed.attributes)["error.type"] == "tool_error"
    assert named(failed.attributes)["mcp.resource.uri"] == "file:///x"
    assert session.name == "session"
    assert {span.parent_span_id for span in (ran, denied, unanswered, failed)} == {session.span_id}
    assert len({span.trace_id for span in receiver.spans}) == 1
    assert len({span.span_id for span in receiver.spans}) == 5
    assert [named(one.attributes)["rule_of_two.entry.number"] for one in receiver.records] == list(range(1, 14))
    assert receiver.records[0].trace_id == ran.trace_id
    assert receiver.records[12].event_name == "rule_of_two.upstream"
    assert receiver.logs[0].resource_logs[0].resource.attributes[0].value.string_value == "rule-of-two"


def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    fill(tmp_path)
    with receiving() as receiver:
        run(tmp_path, "--format", "otlp", "--to", receiver.url)
        run(tmp_path, "--format", "otlp", "--to", receiver.url)
        assert len(receiver.records) == 13
        with closing(JournalStore(tmp_path)) as store:
            store.append_now(Line(at(20), "upstream", None, None, {}))
        run(tmp_path, "--format", "otlp", "--to", receiver.url)
        assert len(receiver.records) == 14
        run(tmp_path, "--format", "otlp", "--to", receiver.url, "--after", "12")
        assert len(receiver.records) == 16


def test_what_a_busy_receiver_did_not_take_is_sent_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=secret,x-tenant=acme")
    with receiving((503, {}, b""), (429, {"Retry-After": "1"}, b""), (200, {}, b""), (502, {}, b"")) as receiver:
        run(tmp_path, "--format", "otlp", "--to", receiver.url)
        assert [path for path, _ in receiver.seen] == ["/v1/traces"] * 3 + ["/v1/logs"] * 2
        assert receiver.seen[0][1]["api-key"] == "secret"
        assert (len(receiver.spans), len(receiver.records)) == (5, 13)


def test_what_a_receiver_refuses_is_said_and_is_not_behind_us(tmp_path: Path) -> None:
    fill(tmp_path)
    with receiving((200, {}, b""), (400, {}, b"no")) as receiver:
        run(tmp_path, "--format", "otlp", "--to", receiver.url, code=1)
        assert receiver.records == []
        run(tmp_path, "--format", "otlp", "--to", receiver.url)
        assert len(receiver.records) == 13
        assert len({span.span_id for span in receiver.spans}) == 5  # sent twice, and the same


def test_what_was_taken_in_part_is_said(tmp_path: Path) -> None:
    fill(tmp_path)
    spans, records = ExportTraceServiceResponse(), ExportLogsServiceResponse()
    spans.partial_success.rejected_spans, spans.partial_success.error_message = 2, "too old"
    records.partial_success.rejected_log_records = 3
    script: list[Answer] = [(200, {}, one.SerializeToString()) for one in (spans, records)]
    with receiving(*script) as receiver:
        done = invoked(tmp_path, "--format", "otlp", "--to", receiver.url)
    assert done.exit_code == 1
    assert "5 were not taken: too old" in done.output


def test_what_else_a_receiver_says_of_what_it_took_is_no_refusal(tmp_path: Path) -> None:
    fill(tmp_path)
    with receiving((200, {}, b"OK, thank you"), (200, {}, b"{}")) as receiver:
        run(tmp_path, "--format", "otlp", "--to", receiver.url)
        assert (len(receiver.spans), len(receiver.records)) == (5, 13)


@pytest.mark.parametrize(("taken", "others"), [("traces", "logs"), ("logs", "traces")])
def test_a_receiver_that_takes_only_one_signal_is_sent_that_one(tmp_path: Path, taken: str, others: str) -> None:
    fill(tmp_path)
    refused: list[Answer] = [*([(200, {}, b"")] if taken == "traces" else []), (404, {}, b"")]
    with receiving(*refused) as receiver:
        done = invoked(tmp_path, "--format", "otlp", "--to", receiver.url)
        assert done.exit_code == 1
        assert f"takes no {others} (it answers 404); `--signal {taken}` sends only {taken}" in done.output
        del receiver.seen[:], receiver.traces[:], receiver.logs[:]
        for _ in range(2):
            run(tmp_path, "--format", "otlp", "--to", receiver.url, "--signal", taken)
        assert [path for path, _ in receiver.seen] == [f"/v1/{taken}"]
        assert (len(receiver.spans), len(receiver.records)) == ((5, 0) if taken == "traces" else (0, 13))


def test_a_signal_belongs_to_otlp(tmp_path: Path) -> None:
    fill(tmp_path)
    assert "--signal belongs to --format otlp" in invoked(tmp_path, "--signal", "logs").output


def test_a_receiver_that_is_not_there_is_named(tmp_path: Path) -> None:
    fill(tmp_path)
    done = invoked(tmp_path, "--format", "otlp", "--to", "http://127.0.0.1:9")
    assert done.exit_code == 1
    assert "run the command again" in done.output


def test_entries_that_no_gateway_wrote_break_no_export(tmp_path: Path) -> None:
    with closing(JournalStore(tmp_path)) as store:
        for kind in ("decision", "outcome", "answer", "question", "session", "x"):
            for body in ({}, {"outcome": 5, "action": [], "held": 3, "event": "ended", "principal": "x"}, _deep(45)):
                store.append_now(Line("no time", kind, "s", 1, body))
        store.append_now(Line("9999-12-31T23:59:59+00:00", "x", "s", 1, {}))
    with receiving() as receiver:
        run(tmp_path, "--format", "otlp", "--to", receiver.url)
    assert len(receiver.records) == 19


def _deep(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"end": "of it"}
    for _ in range(levels):
        value = {"in": [value]}
    return value


def test_values_keep_their_types() -> None:
    assert MessageToDict(any_value(2**70)) == {"stringValue": str(2**70)}
    assert MessageToDict(any_value({"x": [True, 1, 1.5, None]}))["kvlistValue"]["values"][0] == {
        "key": "x",
        "value": {"arrayValue": {"values": [{"boolValue": True}, {"intValue": "1"}, {"doubleValue": 1.5}, {}]}},
    }
    assert nanoseconds("1970-01-01T00:00:01.000001+00:00") == 1000001000


def test_what_lies_deep_is_told_as_json() -> None:
    text = str(MessageToDict(any_value(_deep(100))))
    assert '[{"in":[{"in":' in text
    assert '{"end":"of it"}' in text
