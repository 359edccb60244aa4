"""Tables of servers in JSON with comments: one is changed, every other byte stays."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.clients.jsonc import JsonTables
from rule_of_two.errors import ConfigurationError
from tests.clients.documents import SERVERS, json_documents

FILE = Path("mcp.json")
PATH = ("mcpServers",)
US = {"command": "/opt/rule-of-two", "args": ["serve", "ünï\t"]}


def read(text: str) -> JsonTables:
    return JsonTables(text, FILE)


@given(json_documents(), st.data())
def test_what_is_taken_out_of_a_table_and_given_back_leaves_every_byte_as_it_was(
    document: tuple[str, dict[str, Any], dict[str, Any]], data: st.DataObject
) -> None:
    text, value, servers = document
    before = read(text)
    assert before.value == value
    moved = data.draw(st.lists(st.sampled_from(sorted(servers)), unique=True)) if servers else []
    new = before.put(PATH, "rule-of-two", US, instead_of=moved)
    kept = {name: one for name, one in servers.items() if name not in moved}
    assert read(new).value == {**value, "mcpServers": {**kept, "rule-of-two": US}}
    assert read(new).put(PATH, "rule-of-two", US, instead_of=()) == new
    back = read(new).give_back(PATH, "rule-of-two", before, moved)
    if "mcpServers" in value:
        assert back == text
    else:
        assert read(back).value == value


@given(json_documents(), SERVERS, st.data())
def test_what_was_added_since_stays_when_servers_are_given_back(
    document: tuple[str, dict[str, Any], dict[str, Any]], added: dict[str, Any], data: st.DataObject
) -> None:
    text, value, servers = document
    before = read(text)
    moved = data.draw(st.lists(st.sampled_from(sorted(servers)), unique=True)) if servers else []
    new = before.put(PATH, "rule-of-two", US, instead_of=moved)
    edited = read(new).put(PATH, "added since", added, instead_of=())
    if data.draw(st.booleans()):  # by a client that writes the whole file anew
        edited = json.dumps(read(edited).value, indent=1)
    back = read(edited).give_back(PATH, "rule-of-two", before, moved)
    assert read(back).value == {**value, "mcpServers": {**servers, "added since": added}}


KEPT = """\
// of my own
{
\t"theme" : "dark",   /* why not */
\t"mcpServers": {
\t\t// the documents
\t\t"files": {"command": "npx",},
\t\t"web": {"url": "https://x.example"} // the web
\t},
}
"""


def test_the_entry_is_written_as_the_file_is_indented_and_everything_around_stays() -> None:
    new = read(KEPT).put(PATH, "rule-of-two", {"command": "r"}, instead_of=["files", "web"])
    head, tail = KEPT.split("{\n\t\t//", maxsplit=1)[0], "\n\t},\n}\n"
    assert new == head + '{\n\t\t"rule-of-two": {\n\t\t\t"command": "r"\n\t\t}' + tail


def test_a_server_that_stays_keeps_its_comments() -> None:
    new = read(KEPT).put(PATH, "rule-of-two", {"command": "r"}, instead_of=["files"])
    assert '\t\t// the documents\n\t\t"rule-of-two": {\n\t\t\t"command": "r"\n\t\t},\n\t\t"web": {"url"' in new
    assert "// the web" in new


@pytest.mark.parametrize(
    "text", ["", "\n", "\ufeff", "// nothing yet\n", "{}", "{ }", "{\n}", "{ // soon\n}", "\ufeff{}\r\n"]
)
def test_a_file_without_a_table_gets_one_and_loses_it_again(text: str) -> None:
    new = read(text).put(PATH, "rule-of-two", US, instead_of=())
    assert read(new).value == {"mcpServers": {"rule-of-two": US}}
    assert [comment for comment in ("// nothing yet", "// soon") if comment in text and comment not in new] == []
    assert read(read(new).give_back(PATH, "rule-of-two", read(text), ())).value == {}


def test_crlf_stays_crlf() -> None:
    new = read(KEPT.replace("\n", "\r\n")).put(PATH, "rule-of-two", US, instead_of=["files"])
    assert new.count("\n") == new.count("\r\n")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[]", "must be a JSON object"),
        ("{", "is not valid JSON"),
        ('{"a": 1,, "b": 2}', "is not valid JSON"),
        ('{"a": 1} x', "is not valid JSON"),
        ("{'a': 1}", "is not valid JSON"),
        ('{"mcpServers": {"a": {}, "a": {}}}', "the key 'a' stands twice"),
        ('{"mcpServers": {}, "mcpServers": {}}', "the key 'mcpServers' stands twice"),
        ('{"mcpServers": []}', "'mcpServers' is no table of servers"),
        ('{"mcpServers": null}', "'mcpServers' is no table of servers"),
        ("[" * 200_000, "is not"),
        ('{"a":' * 100_000, "is not"),
        ('{"a": 1 /* no end', "is not valid JSON"),
    ],
)
def test_what_cannot_be_read_with_certainty_is_refused_in_one_sentence(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^mcp\.json:") as error:
        read(text).put(PATH, "rule-of-two", US, instead_of=())
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_the_line_of_an_error_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"^mcp\.json:3: "):
        read('{\n// c\n"a" 1}')


def test_a_name_that_is_there_again_is_not_written_over() -> None:
    before = read('{"mcpServers": {"a": {"command": "x"}}}')
    now = read('{"mcpServers": {"rule-of-two": {}, "a": {"command": "y"}}}')
    with pytest.raises(ConfigurationError, match="has a server 'a' again"):
        now.give_back(PATH, "rule-of-two", before, ["a"])
    with pytest.raises(ConfigurationError, match="is not there any more"):
        read("{}").give_back(PATH, "rule-of-two", before, ["a"])


def test_a_large_file_is_changed_in_a_moment() -> None:
    history = [{"display": f'say {number} // "x" {{', "pasted": {}} for number in range(60_000)]
    text = json.dumps({"history": history, "mcpServers": {"a": {"command": "x"}}}, indent=2)
    assert len(text) > 4_000_000
    began = time.monotonic()
    new = read(text).put(PATH, "rule-of-two", US, instead_of=["a"])
    assert read(new).give_back(PATH, "rule-of-two", read(text), ["a"]) == text
    assert time.monotonic() - began < 20
