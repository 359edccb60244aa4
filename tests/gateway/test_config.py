"""`rule-of-two.yaml`: everything in it means something, and every mistake is one sentence with a line."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from rule_of_two.errors import ConfigurationError
from rule_of_two.gateway.config import Config, config_path, load_config, state_folder

FULL = """\
version: 1
mcpServers:
  files: {command: npx, args: [-y, "@modelcontextprotocol/server-filesystem", /srv/docs], manifest: filesystem}
  crm:   {url: "https://crm.example/mcp", headers: {Authorization: "Bearer ${keyring:crm/token}"}, store: crm}
client: generic
sessions: {boundary: connection, ambient: [A]}
principal: {user: alice, tenant: acme, roles: [engineer], purpose: support}
policies: [default]
manifests: [./tool_manifests]
approvals: {channels: [console], wait: 45s, unattended: ask}
pins: {first_use: accept}
audit: {contents: true}
mode: enforce
"""


def _write(folder: Path, text: str) -> Path:
    path = folder / "rule-of-two.yaml"
    path.write_text(text)
    return path


def test_the_documented_example_is_read_whole(tmp_path: Path) -> None:
    config = load_config(_write(tmp_path, FULL))
    assert list(config.servers) == ["files", "crm"]
    assert config.servers["crm"].store == "crm"
    assert config.approvals.wait == 45
    assert config.sessions.ambient == ("A",)
    assert config.audit.contents


def test_a_pasted_client_block_alone_is_enough(tmp_path: Path) -> None:
    config = load_config(
        _write(tmp_path, 'version: 1\nmcpServers: {"fetch": {"command": "uvx", "args": ["mcp-server-fetch"]}}\n')
    )
    assert (config.policies, config.mode, config.client) == (("default",), "enforce", "generic")


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("mode: enforce", "mood: enforce", 13, "unknown key 'mood'; did you mean 'mode'?"),
        ("command: npx,", "comand: npx,", 3, "unknown key 'mcpServers.files.comand'; did you mean 'command'?"),
        ("unattended: ask", "unatended: ask", 10, "did you mean 'unattended'?"),
        ("mode: enforce", "mode: watch", 13, "'mode'"),
        ("wait: 45s", "wait: soon", 10, "is not a duration such as 45s"),
        ("client: generic", "client: claude", 5, "unknown client 'claude'; did you mean"),
        ("ambient: [A]", "conversation_key: /a", 6, "belong to boundary: conversation"),
        ("ambient: [A]", "forks_keep_key: true", 6, "belong to boundary: conversation"),
        ("connection, ambient: [A]", "conversation, conversation_key: thread", 6, "is no JSON Pointer"),
        ("connection, ambient: [A]", "conversation, conversation_key: /a/*", 6, "must name one place"),
        ("ambient: [A]", "ambient: [D]", 6, "'sessions.ambient.0'"),
        ("version: 1", "version: 2", 1, "'version'"),
        ("  files:", "  my__files:", 3, "mcpServers"),
        ("  files:", "  CRM:", 2, "differ only in case"),
        ("command: npx, ", "", 3, "either a command or a url"),
        ("https://crm.example/mcp", "ftp://crm.example/mcp", 4, "must start with http"),
    ],
)
def test_a_mistake_is_one_sentence_with_file_and_line(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    path = _write(tmp_path, FULL.replace(old, new, 1))
    with pytest.raises(ConfigurationError) as caught:
        load_config(path)
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("version: 1\nmcpServers: {a: {command: x}, a: {command: y}}", "found duplicate key"),
        ("version: 1\n  mcpServers: [", "is not valid YAML"),
        ("- a\n- b", "must be a YAML mapping"),
        ("", "must be a YAML mapping"),
        ("version: 1", "key 'mcpServers' is missing"),
    ],
)
def test_a_file_that_is_no_configuration_says_so(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        load_config(_write(tmp_path, text))


def test_a_missing_file_names_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no such file.*--config"):
        load_config(tmp_path / "nowhere.yaml")


def test_an_unreadable_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_config(tmp_path)


def test_each_client_and_project_is_served_what_it_is_given(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    (tmp_path / "link").symlink_to(shop)
    servers = {
        "all": {"command": "x"},
        "some": {"command": "x", "clients": ["cursor", "codex"]},
        "none": {"command": "x", "clients": []},
        "off": {"command": "x", "disabled": True},
        "shop": {"command": "x", "project": str(shop)},
        "both": {"command": "x", "project": str(tmp_path / "link"), "clients": ["cursor"]},
    }
    config = Config.model_validate({"version": 1, "mcpServers": servers, "client": "codex"})

    def given(client: str | None, project: Path | None) -> set[str]:
        served = config.served_to(client, project)
        assert served.servers.keys() == config.servers.keys()
        return {name for name, server in served.servers.items() if not server.disabled}

    assert given(None, None) == {"all", "some"}
    assert given("vscode", None) == {"all"}
    assert given("cursor", shop) == given("cursor", tmp_path / "link") == {"shop", "both"}
    assert given("vscode", shop) == {"shop"}
    assert given("vscode", tmp_path) == set()


def test_a_server_for_an_unknown_client_is_named() -> None:
    with pytest.raises(ValidationError, match="did you mean 'cursor'"):
        Config.model_validate({"version": 1, "mcpServers": {"a": {"command": "x", "clients": ["curser"]}}})


def test_the_working_directory_is_never_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path, FULL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RULE_OF_TWO_CONFIG", raising=False)
    monkeypatch.delenv("RULE_OF_TWO_STATE", raising=False)
    assert tmp_path not in config_path(None).parents
    assert tmp_path not in state_folder(None).parents


def test_options_win_over_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RULE_OF_TWO_CONFIG", str(tmp_path / "env.yaml"))
    monkeypatch.setenv("RULE_OF_TWO_STATE", str(tmp_path / "env"))
    assert config_path(None).name == "env.yaml"
    assert config_path(tmp_path / "option.yaml").name == "option.yaml"
    assert state_folder(None).name == "env"
    assert state_folder(tmp_path / "option").name == "option"


def test_unknown_options_of_the_model_are_refused_in_code_too() -> None:
    with pytest.raises(ValueError, match="extra"):
        Config.model_validate({"version": 1, "mcpServers": {}, "surprise": 1})
