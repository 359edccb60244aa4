"""Tables of servers in TOML: some are changed, every other byte stays."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rule_of_two.clients.toml_tables import TomlTables
from rule_of_two.errors import ConfigurationError
from tests.clients.documents import toml_documents

FILE = Path("config.toml")
PATH = ("mcp_servers",)
US = {"command": "/opt/rule-of-two", "args": ["serve", 'ünï"\t'], "env": {"A": "b\x7f"}, "env_vars": ["X"]}


def read(text: str) -> TomlTables:
    return TomlTables(text, FILE)


def _valid(text: str) -> bool:
    try:
        tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError:
        return False
    return True


@given(toml_documents(), st.data())
def test_servers_are_taken_out_and_given_back(text: str, data: st.DataObject) -> None:
    assume(_valid(text))
    before = read(text)
    servers = before.value.get("mcp_servers", {})
    moved = data.draw(st.lists(st.sampled_from(sorted(servers)), unique=True)) if servers else []
    new = before.put(PATH, "rule-of-two", US, instead_of=moved)
    kept = {name: one for name, one in servers.items() if name not in moved}
    assert read(new).value == {**before.value, "mcp_servers": {**kept, "rule-of-two": US}}
    back = read(new).give_back(PATH, "rule-of-two", before, moved)
    assert read(back).value == before.value
    assert read(back).value.keys() == before.value.keys()
    edited = f"{new.rstrip()}\n[mcp_servers.since]\ncommand = 's'\n"
    merged = read(edited).give_back(PATH, "rule-of-two", before, moved)
    assert read(merged).value == {**before.value, "mcp_servers": {**servers, "since": {"command": "s"}}}


KEPT = """\
# mine
model = "gpt"   # the good one

[mcp_servers.files]  # the documents
command = "npx"
args = [
  "-y",  # yes
]
# who reads it
[mcp_servers.files.env]
A = '1'

# not a server
[tui]
theme = "dark"

[mcp_servers.web]
url = "https://x.example"
"""


def test_every_line_that_is_not_of_a_moved_server_stays() -> None:
    new = read(KEPT).put(PATH, "rule-of-two", {"command": "r"}, instead_of=["files", "web"])
    assert new == (
        '# mine\nmodel = "gpt"   # the good one\n\n[mcp_servers.rule-of-two]\ncommand = "r"\n'
        '\n# not a server\n[tui]\ntheme = "dark"\n\n'
    )


def test_lines_of_a_server_come_back_as_they_were_written() -> None:
    new = read(KEPT).put(PATH, "rule-of-two", {"command": "r"}, instead_of=["files"])
    assert read(new).give_back(PATH, "rule-of-two", read(KEPT), ["files"]) == KEPT


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "model = 'x'", "[a]\nb = 1\r\n"])
def test_a_file_without_servers_gets_a_table_at_its_end(text: str) -> None:
    new = read(text).put(PATH, "rule-of-two", US, instead_of=())
    assert new.startswith(text)
    assert read(new).value["mcp_servers"] == {"rule-of-two": US}
    assert read(read(new).give_back(PATH, "rule-of-two", read(text), ())).value == read(text).value


@pytest.mark.parametrize(
    "text",
    [
        'mcp_servers = { files = { command = "x" } }\n',
        '[[mcp_servers]]\ncommand = "x"\n',
    ],
)
def test_servers_that_are_not_tables_of_their_own_are_refused_and_not_broken(text: str) -> None:
    with pytest.raises(ConfigurationError):
        read(text).put(PATH, "rule-of-two", US, instead_of=["files"])


def test_servers_as_dotted_keys_are_moved() -> None:
    text = 'mcp_servers.files = { command = "x" }\nmcp_servers.web.command = "y"\nmodel = "m"\n'
    new = read(text).put(PATH, "rule-of-two", US, instead_of=["files"])
    assert read(new).value == {"mcp_servers": {"rule-of-two": US, "web": {"command": "y"}}, "model": "m"}
    assert read(read(new).give_back(PATH, "rule-of-two", read(text), ["files"])).value == read(text).value


def test_servers_as_values_of_the_table_are_moved() -> None:
    text = '[mcp_servers]\nfiles = { command = "x" }  # short\n\n[tui]\na = 1\n'
    new = read(text).put(PATH, "rule-of-two", US, instead_of=["files"])
    assert read(new).value == {"mcp_servers": {"rule-of-two": US}, "tui": {"a": 1}}
    assert read(new).give_back(PATH, "rule-of-two", read(text), ["files"]) == text


@pytest.mark.parametrize("text", ["a = ", "[a\n", "a = 1\na = 2\n", "[" * 100_000])
def test_what_is_no_toml_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"config\.toml: is not valid TOML"):
        read(text)
