"""What one entry of a client says, in our terms; what cannot be said in them stays with the client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from rule_of_two.clients.entries import Kept, configuration_of, gateway_entry, is_gateway, is_wrapped, read_mount
from rule_of_two.clients.hosts import HOSTS
from tests.clients.documents import VALUES


def _mount(client: str, raw: Any, folder: Path | None = None) -> dict[str, Any]:
    return read_mount(HOSTS[client], "a", raw, folder=folder).block()


@pytest.mark.parametrize(
    ("client", "raw", "block"),
    [
        ("cursor", {"command": "x", "autoApprove": ["y"], "disabled": True}, {"command": "x", "disabled": True}),
        ("codex", {"command": "x", "enabled": False}, {"command": "x", "disabled": True}),
        ("codex", {"command": "x", "enabled": True, "tool_timeout_sec": 9.5}, {"command": "x"}),
        ("codex", {"command": "x", "env_vars": ["T"]}, {"command": "x", "env": {"T": "${env:T}"}}),
        (
            "codex",
            {
                "url": "https://x",
                "http_headers": {"A": "b"},
                "env_http_headers": {"C": "D"},
                "bearer_token_env_var": "E",
            },
            {"url": "https://x", "headers": {"A": "b", "C": "${env:D}", "Authorization": "Bearer ${env:E}"}},
        ),
        ("gemini-cli", {"httpUrl": "https://x"}, {"url": "https://x"}),
        ("gemini-cli", {"url": "https://x"}, {"type": "sse", "url": "https://x"}),
        ("claude-code", {"type": "http", "url": "https://x"}, {"type": "http", "url": "https://x"}),
        ("cursor", {"command": "x", "cwd": "/srv"}, {"command": "x", "cwd": "/srv"}),
    ],
)
def test_each_client_is_read_in_its_own_words(client: str, raw: dict[str, Any], block: dict[str, Any]) -> None:
    assert _mount(client, raw) == block


def test_a_relative_folder_is_relative_to_the_project() -> None:
    assert _mount("vscode", {"command": "x", "cwd": "sub"}, Path("/shop"))["cwd"] == "/shop/sub"


@pytest.mark.parametrize(
    ("client", "raw", "why"),
    [
        ("cursor", [], "it is no table"),
        ("cursor", {}, "neither a command nor a URL"),
        ("cursor", {"command": "x", "url": "https://x"}, "or both"),
        ("cursor", {"command": "x", "envFile": ".env"}, "'envFile' is not known here"),
        ("cursor", {"command": 7}, "'command' is no text"),
        ("cursor", {"command": "x", "args": "y"}, "'args' is no list of texts"),
        ("cursor", {"command": "x", "args": [1]}, "'args' is no list of texts"),
        ("cursor", {"command": "x", "env": {"A": 1}}, "'env' is no table of texts"),
        ("cursor", {"command": "x", "cwd": "sub"}, "only the client knows"),
        ("cursor", {"url": "${input:where}"}, "only the client knows its URL"),
        ("cursor", {"command": "x\x00"}, "a character that no configuration can have"),
        ("cursor", {"command": "x\ud800"}, "a character that no configuration can have"),
        ("codex", {"command": "x", "disabled_tools": ["y"]}, "'disabled_tools' limits its tools"),
        ("gemini-cli", {"command": "x", "excludeTools": ["y"]}, "'excludeTools' limits its tools"),
        ("gemini-cli", {"url": "https://x", "httpUrl": "https://y"}, "'httpUrl' and 'url'"),
        ("codex", {"command": "x", "env_vars": [{"name": "T"}]}, "names variables in a way"),
        ("codex", {"command": "x", "env_vars": ["T}${keyring:a/b"]}, "names variables in a way"),
        ("codex", {"command": "x", "env_vars": {"T": 1}}, "names variables in a way"),
        ("claude-desktop", {"command": "x", "args": ["${env:HOME}"]}, "takes as it stands"),
        ("codex", {"command": "x", "env": {"A": "${keyring:a/b}"}}, "takes as it stands"),
        ("claude-desktop", {"command": "x", "env": {"A": "${A:-b}"}}, "takes as it stands"),
        ("vscode", {"command": "x", "sandboxEnabled": True}, "'sandboxEnabled' is not known here"),
    ],
)
def test_what_the_gateway_cannot_say_or_only_the_client_can_stays(client: str, raw: Any, why: str) -> None:
    with pytest.raises(Kept) as kept:
        _mount(client, raw)
    assert why in str(kept.value)


@given(VALUES)
def test_whatever_stands_there_is_read_or_stays(raw: Any) -> None:
    for host in HOSTS.values():
        for value in (raw, {"command": "x", "env": raw}, {"url": "https://x", "headers": raw, "env_vars": raw}):
            try:
                read_mount(host, "a", value, folder=None)
            except Kept:
                continue


def test_two_things_that_a_client_resolves_never_share_a_variable() -> None:
    args = ["${A:-B}", "${A_B}", "${a_b}", "${A.B}", "${A:-B}"]
    mount = read_mount(HOSTS["cursor"], "a", {"command": "x", "args": args}, folder=None)
    assert sorted(mount.forwards.values()) == sorted(set(args))
    assert all(name.startswith("RULE_OF_TWO_GIVEN_") for name in mount.forwards)
    entry = gateway_entry(HOSTS["cursor"], ("/r",), ("serve",), {}, mount.forwards)
    assert entry["env"] == dict(mount.forwards)


def test_a_projects_file_cannot_choose_our_configuration() -> None:
    """``${CONFIG}`` in a file of somebody else's becomes no ``RULE_OF_TWO_CONFIG``."""
    mount = read_mount(HOSTS["claude-code"], "a", {"command": "x", "args": ["${CONFIG}", "${STATE}"]}, folder=None)
    assert not {"RULE_OF_TWO_CONFIG", "RULE_OF_TWO_STATE", "RULE_OF_TWO_KEY"} & mount.forwards.keys()


@pytest.mark.parametrize(
    ("raw", "gateway", "wrapped", "config"),
    [
        ({"command": "/opt/bin/rule-of-two", "args": ["--config", "/c", "serve"]}, True, False, "/c"),
        ({"command": "C:\\x\\rule-of-two.exe", "args": ["serve", "--config=/d"]}, True, False, "/d"),
        ({"command": "python", "args": ["-P", "-m", "rule_of_two", "serve"]}, True, False, None),
        ({"command": "rule-of-two", "args": ["wrap", "--", "serve"]}, False, True, None),
        ({"command": "rule-of-two", "args": ["wrap", "--", "npx", "x"]}, False, True, None),
        ({"command": "npx", "args": ["rule-of-two", "serve"]}, False, False, None),
        ({"command": "uvx", "args": ["--from", "mcp-rule-of-two", "rule-of-two", "serve"]}, True, False, None),
        ({"command": "cmd", "args": ["/c", "rule-of-two", "wrap", "--", "x"]}, False, True, None),
        ({"command": "python", "args": ["-m", "other", "serve"]}, False, False, None),
        ({"command": "rule-of-two"}, False, False, None),
        ({"url": "https://x"}, False, False, None),
        ("serve", False, False, None),
        ({"command": ["rule-of-two"], "args": ["serve"]}, False, False, None),
    ],
)
def test_our_own_entry_is_known(raw: Any, gateway: bool, wrapped: bool, config: str | None) -> None:
    assert (is_gateway(raw), is_wrapped(raw)) == (gateway, wrapped)
    if isinstance(raw, dict):
        assert configuration_of(raw) == config
