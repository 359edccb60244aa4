"""Headers that repeat what stands in the body, compared with what the SDK's client sends."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.shared.inbound import (
    encode_header_value,
    find_invalid_x_mcp_header,
    mcp_param_headers,
    x_mcp_header_map,
)

from rule_of_two.wire.frames import Failure, Notification, Request, Result
from rule_of_two.wire.http_client_parameters import annotated, header_value, parameter_headers
from rule_of_two.wire.http_headers import EraHeaders
from rule_of_two.wire.transport import NotSent
from tests.wire.http_endpoints import ENVELOPE, HELLO, VERSION

KEYWORDS = st.sampled_from(["properties", "items", "anyOf", "$defs", "not", "default", "type", "x-mcp-header", "$ref"])
NAMES = st.sampled_from(["a", "b", "Region", "region", "x y", "", "é", "type", "properties"])
SCHEMAS: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.sampled_from(["string", "integer", "boolean", "number", "object"]), NAMES, st.integers(), st.none()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(KEYWORDS, inner, max_size=4),
        st.dictionaries(NAMES, inner, max_size=3),
        st.builds(lambda name, kind: {"type": kind, "x-mcp-header": name}, NAMES, inner),
        st.builds(lambda properties: {"type": "object", "properties": properties}, st.dictionaries(NAMES, inner)),
    ),
    max_leaves=20,
)
ARGUMENTS: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    NAMES,
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5)),
        lambda inner: st.one_of(st.dictionaries(NAMES, inner, max_size=2), st.lists(inner, max_size=2)),
        max_leaves=4,
    ),
)


@given(SCHEMAS)
def test_annotations_are_read_as_the_sdk_reads_them(schema: Any) -> None:
    ours = annotated(schema)
    assert (ours is None) == (find_invalid_x_mcp_header(schema) is not None)
    if ours is not None:
        assert ours == x_mcp_header_map(schema)


@given(st.dictionaries(st.lists(NAMES, min_size=1, max_size=2).map(tuple), st.just("X"), max_size=3), ARGUMENTS)
def test_parameters_are_written_as_the_sdk_writes_them(names: dict[tuple[str, ...], str], arguments: Any) -> None:
    names = {path: f"X{number}" for number, path in enumerate(names)}
    assert parameter_headers(names, arguments) == mcp_param_headers(names, arguments)


@given(
    st.one_of(st.text(st.characters(codec="utf-8")), st.sampled_from(["=?base64?x?=", " a", "a ", "", "=?base64??="]))
)
def test_values_are_written_as_the_sdk_writes_them(text: str) -> None:
    assert header_value(text) == encode_header_value(text)


def test_an_integer_that_python_does_not_write_has_no_header() -> None:
    assert parameter_headers({("n",): "N"}, {"n": 10**5000}) == {}


def modern(method: str, number: int = 1, **params: Any) -> Request:
    return Request(number, method, {"_meta": ENVELOPE, **params})


def test_a_modern_request_repeats_version_method_and_name() -> None:
    headers = EraHeaders()
    common = {"mcp-protocol-version": "2026-07-28"}
    assert headers.of(modern("tools/list")) == {**common, "mcp-method": "tools/list"}
    assert headers.of(modern("prompts/get", name="p")) == {**common, "mcp-method": "prompts/get", "mcp-name": "p"}
    assert headers.of(modern("resources/read", uri="a:é"))["mcp-name"].startswith("=?base64?")
    assert headers.of(modern("tools/call", name=7, arguments=[])) == {**common, "mcp-method": "tools/call"}
    assert headers.of(Notification("notifications/a", {})) == common
    assert headers.modern


def test_arguments_that_a_listed_tool_marks_are_repeated_and_the_newest_list_counts() -> None:
    headers = EraHeaders()
    marked = {"type": "object", "properties": {"r": {"type": "string", "x-mcp-header": "Region"}}}
    for schema, expected in ((marked, "eu"), ({"type": "object"}, None)):
        headers.of(modern("tools/list", 5))
        headers.received(Result(5, {"tools": [{"name": "t", "inputSchema": schema}, "junk", {"name": 1}, {}]}))
        assert headers.of(modern("tools/call", name="t", arguments={"r": "eu"})).get("Mcp-Param-Region") == expected


def test_what_a_new_list_does_not_name_is_forgotten_and_what_its_pages_name_is_not() -> None:
    headers = EraHeaders()
    marked = {"type": "object", "properties": {"r": {"type": "string", "x-mcp-header": "Region"}}}
    for number in range(20):
        for page, cursor in enumerate(({}, {"cursor": "c"})):
            headers.of(modern("tools/list", 5, **cursor))
            tools = [{"name": f"tool {number} {page} {one}", "inputSchema": marked} for one in range(10)]
            headers.received(Result(5, {"tools": tools}))
    assert len(headers._parameters) == 20
    for name, expected in (("tool 19 0 0", "eu"), ("tool 19 1 9", "eu"), ("tool 18 1 9", None)):
        assert headers.of(modern("tools/call", name=name, arguments={"r": "eu"})).get("Mcp-Param-Region") == expected


def test_a_modern_tool_with_invalid_marks_is_left_out_and_others_are_not() -> None:
    headers = EraHeaders()
    bad = {"name": "bad", "inputSchema": {"items": {"type": "string", "x-mcp-header": "A"}}}
    good = {"name": "good", "inputSchema": {}}
    answer = Result(5, {"tools": [bad, good], "nextCursor": "c"})
    headers.of(modern("tools/list", 5))
    assert headers.received(answer) == Result(5, {"tools": [good], "nextCursor": "c"})
    headers.of(Request(6, "tools/list", {}))
    assert headers.received(Result(6, answer.result)) == Result(6, answer.result)  # legacy servers know no such marks


def test_a_legacy_request_has_the_version_that_was_agreed_on_and_initialize_none() -> None:
    headers = EraHeaders()
    assert headers.of(Request(1, "initialize", HELLO)) == {}
    headers.received(Result(1, {"protocolVersion": "2025-06-18"}))
    assert headers.of(Request(2, "ping", {})) == {"mcp-protocol-version": "2025-06-18"}
    assert headers.standing() == {"mcp-protocol-version": "2025-06-18"}
    assert headers.of(Request(3, "initialize", HELLO)) == {}


@pytest.mark.parametrize("version", ["2025\r\nx: 1", "", "é", 7, None])
def test_a_version_that_no_header_can_hold_is_not_sent(version: object) -> None:
    headers = EraHeaders()
    headers.of(Request(1, "initialize", HELLO))
    headers.received(Result(1, {"protocolVersion": version}))
    assert headers.standing() == {}


def test_after_a_probe_of_the_modern_era_initialize_carries_nothing_of_it() -> None:
    headers = EraHeaders()
    headers.of(modern("server/discover"))
    headers.received(Failure(1, {"code": -32601, "message": "no"}))
    assert headers.of(Request(2, "initialize", HELLO)) == {}
    assert not headers.modern


def test_a_request_that_failed_is_forgotten() -> None:
    headers = EraHeaders()
    headers.of(Request(1, "initialize", HELLO))
    headers.forget(1)
    headers.received(Result(1, {"protocolVersion": "2025-06-18"}))
    assert headers.standing() == {}


def test_what_no_header_can_hold_is_not_sent() -> None:
    for method, version in (("a\nb", "2026-07-28"), ("é", "2026-07-28"), (" a", "2026-07-28"), ("a", "2026 07")):
        with pytest.raises(NotSent):
            EraHeaders().of(Request(1, method, {"_meta": {VERSION: version}}))
