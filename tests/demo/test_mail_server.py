"""The mail server, through the SDK's own client: in this process and in one of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult, TextContent

from rule_of_two.demo.mail_server import mail_server
from rule_of_two.demo.mailbox import Mailbox
from rule_of_two.demo.stage import HERE
from rule_of_two.manifests.load import load_manifest
from rule_of_two.manifests.manifest import Manifest

MANIFEST = Manifest(load_manifest(HERE / "mail.yaml"), upstream="mail", store="mail", parameters={})


def text(result: CallToolResult) -> str:
    return "\n".join(part.text for part in result.content if isinstance(part, TextContent))


@pytest.fixture
def mailbox(tmp_path: Path) -> Mailbox:
    filled = Mailbox(tmp_path / "mail.db")
    filled.receive("mei@example.org", "Lunch", "Noon?")
    return filled


async def test_a_mail_is_listed_and_read(mailbox: Mailbox) -> None:
    async with Client(mail_server(mailbox)) as client:
        assert text(await client.call_tool("list_mail")) == "1  mei@example.org  Lunch"
        assert text(await client.call_tool("read_mail", {"id": 1})) == "From: mei@example.org\nSubject: Lunch\n\nNoon?"


async def test_an_empty_inbox_says_so(tmp_path: Path) -> None:
    async with Client(mail_server(Mailbox(tmp_path / "empty.db"))) as client:
        assert text(await client.call_tool("list_mail")) == "The inbox is empty."


async def test_a_mail_that_is_not_there_is_an_error(mailbox: Mailbox) -> None:
    async with Client(mail_server(mailbox)) as client:
        result = await client.call_tool("read_mail", {"id": 7})
    assert result.is_error
    assert text(result).endswith("There is no mail 7.")


async def test_a_sent_mail_stands_in_sent_and_the_answer_repeats_only_the_address(mailbox: Mailbox) -> None:
    async with Client(mail_server(mailbox)) as client:
        result = await client.call_tool("send_mail", {"to": "eve@evil.example", "subject": "S", "body": "secret"})
    assert text(result) == "Sent to eve@evil.example."
    assert [(mail.address, mail.subject, mail.body) for mail in mailbox.sent()] == [("eve@evil.example", "S", "secret")]


@pytest.mark.parametrize("address", ["", "eve", "eve@", "two@a.b three@c.d", "eve@evil.example\nBcc: x@y.z"])
async def test_a_text_that_is_no_address_sends_nothing(mailbox: Mailbox, address: str) -> None:
    async with Client(mail_server(mailbox)) as client:
        result = await client.call_tool("send_mail", {"to": address, "subject": "S", "body": "B"})
    assert result.is_error
    assert mailbox.sent() == []


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_over_stdio_in_both_eras_every_tool_is_in_the_manifest(
    mailbox: Mailbox, tmp_path: Path, mode: str
) -> None:
    """A hint of the server's could add a label, so the labels are judged with what the real server says of itself."""
    source = {"PYTHONPATH": str(HERE.parent.parent)}
    arguments = ["-m", "rule_of_two.demo.mail_server", str(tmp_path / "mail.db")]
    async with Client(StdioServerParameters(command=sys.executable, args=arguments, env=source), mode=mode) as client:
        tools = (await client.list_tools()).tools
        await client.call_tool("send_mail", {"to": "a@b.c", "subject": "S", "body": "B"})
    assert len(mailbox.sent()) == 1
    hints = {
        tool.name: tool.annotations.model_dump(by_alias=True, exclude_none=True) for tool in tools if tool.annotations
    }
    labels = {name: MANIFEST.tool(name, {"to": "a@b.c"}, hints[name]).labels for name in hints}
    assert labels == {"list_mail": {"A", "B"}, "read_mail": {"A", "B"}, "send_mail": {"C"}}
    assert all(MANIFEST.classifies_tool(tool.name) for tool in tools)
