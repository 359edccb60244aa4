"""The two eras towards the client: which one a connection speaks, and what a result must look like in it."""

from typing import Any

import pytest

from rule_of_two.errors import BadRequest
from rule_of_two.wire import eras
from rule_of_two.wire.eras import ClientEra, Era, complete, discover_result, initialize_result, negotiate
from rule_of_two.wire.handler import RemoteError

ENVELOPE: dict[str, Any] = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "client", "version": "1"},
}
MODERN: dict[str, Any] = {"_meta": ENVELOPE}
INITIALIZE: dict[str, Any] = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {}}
SERVER: dict[str, Any] = {"name": "rule-of-two", "version": "1"}
STAMP = "io.modelcontextprotocol/serverInfo"


def refusal(era: ClientEra, method: str, params: dict[str, Any]) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        era.admit(method, params)
    return caught.value


@pytest.mark.parametrize(
    ("method", "params", "era"),
    [
        ("initialize", INITIALIZE, Era.LEGACY),
        ("initialize", {**INITIALIZE, **MODERN}, Era.LEGACY),
        ("tools/list", {}, Era.LEGACY),
        ("ping", {"_meta": {"progressToken": 1}}, Era.LEGACY),
        ("ping", {"_meta": None}, Era.LEGACY),
        ("server/discover", MODERN, Era.MODERN),
        ("tools/call", MODERN, Era.MODERN),
    ],
)
def test_the_first_request_decides_and_the_era_stays(method: str, params: dict[str, Any], era: Era) -> None:
    client = ClientEra()
    assert client.era is None
    assert client.admit(method, params) is era
    assert client.era is era
    assert client.admit("tools/list", MODERN if era is Era.MODERN else {}) is era


def test_a_modern_request_on_a_legacy_connection_is_refused() -> None:
    client = ClientEra()
    client.admit("initialize", INITIALIZE)
    assert refusal(client, "tools/list", MODERN).code == -32600
    assert refusal(client, "server/discover", MODERN).code == -32600
    error = refusal(client, "server/discover", {})
    assert (error.code, error.data) == (-32601, "server/discover")
    assert client.admit("tools/list", {}) is Era.LEGACY


@pytest.mark.parametrize(
    ("params", "data"),
    [
        (INITIALIZE, {"supported": ["2026-07-28"], "requested": "2025-11-25"}),
        ({}, {"supported": ["2026-07-28"]}),
        ({"protocolVersion": 5}, {"supported": ["2026-07-28"]}),
    ],
)
def test_initialize_on_a_modern_connection_is_refused(params: dict[str, Any], data: dict[str, Any]) -> None:
    client = ClientEra()
    client.admit("server/discover", MODERN)
    error = refusal(client, "initialize", params)
    assert (error.code, error.data) == (-32022, data)


@pytest.mark.parametrize(
    ("meta", "code"),
    [
        ({"io.modelcontextprotocol/protocolVersion": "2026-07-28"}, -32602),
        ({**ENVELOPE, "io.modelcontextprotocol/protocolVersion": 20260728}, -32602),
        ({**ENVELOPE, "io.modelcontextprotocol/protocolVersion": None}, -32602),
        ({**ENVELOPE, "io.modelcontextprotocol/protocolVersion": "2027-01-01"}, -32022),
        ({**ENVELOPE, "io.modelcontextprotocol/protocolVersion": "2025-11-25"}, -32022),
    ],
)
def test_an_envelope_that_is_incomplete_or_of_another_version_is_refused(meta: dict[str, Any], code: int) -> None:
    client = ClientEra()
    error = refusal(client, "tools/list", {"_meta": meta})
    assert error.code == code
    if code == -32022:
        version = meta["io.modelcontextprotocol/protocolVersion"]
        assert error.data == {"supported": ["2026-07-28"], "requested": version}
    assert client.era is Era.MODERN  # the first request decides, refused or not


def test_discovery_without_an_envelope_is_told_what_is_missing() -> None:
    error = refusal(ClientEra(), "server/discover", {})
    assert error.code == -32602
    assert "protocolVersion" in error.message
    assert "clientCapabilities" in error.message


def test_a_modern_connection_wants_the_envelope_on_every_request() -> None:
    client = ClientEra()
    client.admit("server/discover", MODERN)
    assert refusal(client, "tools/list", {}).code == -32602


@pytest.mark.parametrize("version", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])
def test_a_known_version_is_kept(version: str) -> None:
    assert negotiate(version) == version


@pytest.mark.parametrize("version", ["2026-07-28", "2099-01-01", "", None, 1, ["2025-11-25"]])
def test_any_other_version_becomes_our_latest(version: object) -> None:
    assert negotiate(version) == "2025-11-25"


def test_opening_results() -> None:
    capabilities: dict[str, Any] = {"tools": {"listChanged": True}}
    opened = initialize_result("2025-03-26", capabilities=capabilities, server_info=SERVER, instructions="Read me.")
    assert opened == {
        "protocolVersion": "2025-03-26",
        "capabilities": capabilities,
        "serverInfo": SERVER,
        "instructions": "Read me.",
    }
    assert "instructions" not in initialize_result(None, capabilities={}, server_info=SERVER, instructions=None)
    discovered = discover_result(capabilities=capabilities, server_info=SERVER, instructions="Read me.")
    assert discovered == {
        "supportedVersions": ["2026-07-28"],
        "capabilities": capabilities,
        "instructions": "Read me.",
        "resultType": "complete",
        "ttlMs": 0,
        "cacheScope": "private",
        "_meta": {STAMP: SERVER},
    }
    assert "instructions" not in discover_result(capabilities={}, server_info=SERVER, instructions=None)


def test_a_legacy_result_gets_what_a_modern_client_needs() -> None:
    result = {"tools": [], "nextCursor": "c", "_meta": {"vendor": 1}, "vendor": 2}
    assert complete(Era.MODERN, "tools/list", result, SERVER) == {
        "tools": [],
        "nextCursor": "c",
        "vendor": 2,
        "resultType": "complete",
        "ttlMs": 0,
        "cacheScope": "private",
        "_meta": {"vendor": 1, STAMP: SERVER},
    }
    assert complete(Era.MODERN, "tools/call", {"content": []}, SERVER) == {
        "content": [],
        "resultType": "complete",
        "_meta": {STAMP: SERVER},
    }
    assert result == {"tools": [], "nextCursor": "c", "_meta": {"vendor": 1}, "vendor": 2}


@pytest.mark.parametrize("method", sorted(eras._CACHEABLE))
def test_a_client_may_keep_nothing_whatever_the_upstream_says(method: str) -> None:
    generous = {"ttlMs": 3_600_000, "cacheScope": "public", "_meta": {STAMP: {"name": "other"}}}
    result = complete(Era.MODERN, method, generous, SERVER)
    assert (result["ttlMs"], result["cacheScope"]) == (0, "private")
    assert result["_meta"] == {STAMP: SERVER}


def test_a_modern_result_loses_what_a_legacy_client_does_not_know() -> None:
    modern = {
        "resources": [],
        "resultType": "complete",
        "ttlMs": 5,
        "cacheScope": "public",
        "vendor": 1,
        "_meta": {STAMP: {"name": "other"}},
    }
    assert complete(Era.LEGACY, "resources/list", modern, SERVER) == {"resources": [], "vendor": 1}
    modern["_meta"] = {STAMP: {}, "vendor": 2}
    assert complete(Era.LEGACY, "resources/list", modern, SERVER) == {
        "resources": [],
        "vendor": 1,
        "_meta": {"vendor": 2},
    }


def test_a_legacy_result_for_a_legacy_client_is_not_touched() -> None:
    result = {"content": [], "ttlMs": "vendor", "_meta": {"vendor": 1}}
    assert complete(Era.LEGACY, "tools/call", result, SERVER) is result


@pytest.mark.parametrize("era", list(Era))
@pytest.mark.parametrize("kind", ["input_required", "task", "", None, 1, ["complete"]])
def test_forged_result_types_are_refused_in_both_eras(era: Era, kind: object) -> None:
    with pytest.raises(BadRequest, match="the result of tools/call"):
        complete(era, "tools/call", {"content": [], "resultType": kind, "inputRequests": {}}, SERVER)
