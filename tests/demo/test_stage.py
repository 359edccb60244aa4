"""The stage: a configuration that the gateway takes, nothing of the user's in it, and nothing of it left."""

from __future__ import annotations

import sys
import tempfile

import pytest

from rule_of_two.demo.servers import Servers
from rule_of_two.demo.stage import PAYROLL, StoryError, first_of, set_up
from rule_of_two.gateway.blueprint import draw
from rule_of_two.gateway.config import load_config

SERVERS = Servers(filesystem=(sys.executable, "fs.py"), fetch=(sys.executable, "fetch.py"))


def test_the_gateway_takes_the_configuration_and_each_call_has_the_labels_of_the_story() -> None:
    with set_up(SERVERS) as stage:
        path = stage.folder / "rule-of-two.yaml"
        blueprint = draw(load_config(path), file=path, state=stage.state)
        web, files, mail = (upstream.manifest for upstream in blueprint.upstreams)
        assert web.tool("fetch", {"url": stage.wiki.url}).labels == {"A"}
        assert files.tool("read_text_file", {"path": str(stage.files / "payroll.txt")}).labels == {"B"}
        assert files.tool("read_text_file", {"path": str(path)}).labels == {"A", "B"}
        assert mail.tool("send_mail", {"to": "a@b.c"}).labels == {"C"}
        assert [upstream.launch.args for upstream in blueprint.upstreams[:2]] == [
            ("fetch.py", "--allow-private-ips"),
            ("fs.py", str(stage.files)),
        ]
        assert (stage.files / "payroll.txt").read_text(encoding="utf-8") == PAYROLL
        assert stage.mailbox.sent() == []


def test_nothing_is_left() -> None:
    with set_up(SERVERS) as stage:
        assert stage.files.is_dir()
    assert not stage.folder.exists()


def test_the_users_configuration_and_state_are_not_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RULE_OF_TWO_CONFIG", "/home/me/rule-of-two.yaml")
    monkeypatch.setenv("RULE_OF_TWO_STATE", "/home/me/state")
    with set_up(SERVERS) as stage:
        assert [name for name in stage.env if name.startswith("RULE_OF_TWO_")] == []
        assert str(stage.state) in stage.serve


def test_what_npx_and_uvx_need_is_named_in_the_configuration_and_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:s3cret@proxy.example")
    with set_up(SERVERS) as stage:
        text = (stage.folder / "rule-of-two.yaml").read_text(encoding="utf-8")
    assert "s3cret" not in text
    assert "${env:HTTPS_PROXY}" in text


def test_a_server_that_did_not_start_is_named_as_the_gateway_said_it() -> None:
    with set_up(SERVERS) as stage:
        stage.log.write_text("[web] the server 'x' is unavailable: lies\n", encoding="utf-8")
        assert stage.trouble() is None
        with stage.log.open("a", encoding="utf-8") as log:
            log.write("rule-of-two: the server 'files' is unavailable: it exited\n")
        assert stage.trouble() == "the server 'files' is unavailable: it exited"


def test_without_a_temporary_folder_it_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    with pytest.raises(StoryError, match=r"the demo cannot be set up: .*nowhere"), set_up(SERVERS):
        pass


def test_the_first_error_of_nested_groups_is_the_one_that_is_told() -> None:
    error = StoryError("x")
    assert first_of(BaseExceptionGroup("", [ExceptionGroup("", [error]), KeyboardInterrupt()])) is error
