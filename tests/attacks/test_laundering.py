"""Laundering: what a session has seen leaves it for a store, and comes back to another one in other words or by another
name. Real servers; each conversation is a session of its own, so one gateway serves all of a test's sessions.

That what is read is only paraphrased makes no difference: nothing compares texts.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.harness import DECISION, SECONDS, Gateway, House, outcome
from tests.servers import real_server

MEMORY = """
version: 1
server: memory
source: "as shipped, of a graph that only the operator's own agents write"
tools:
  read_graph: {labels: [], reads: store}
  search_nodes: {labels: [], reads: store}
  create_entities: {labels: [C], writes: store}
resources:
  - {uri: "memory://knowledge-graph", labels: [], reads: store}
"""
SQLITE = """
version: 1
server: sqlite
source: "as shipped, of a database that only the operator's own agents write"
tools:
  read_query: {labels: [], reads: store}
  list_tables: {labels: [], reads: store}
  create_table: {labels: [C], writes: store}
  write_query: {labels: [C], writes: store}
  append_insight: {labels: [C], writes: store}
"""
FILES = """
version: 1
server: filesystem
source: "as shipped, of folders in which only the operator's own agents write"
tools:
  read_text_file: {labels: [], reads: {path: /path}}
  read_multiple_files: {labels: [], reads: {path: "/paths/*"}}
  list_directory: {labels: [], reads: {path: /path}}
  directory_tree: {labels: [], reads: {path: /path}}
  search_files: {labels: [], reads: {path: /path}}
  write_file: {labels: [C], writes: {path: /path}}
  move_file: {labels: [C], reads: {path: /source}, writes: {path: [/source, /destination]}}
"""
CONVERSATIONS = {"boundary": "conversation", "conversation_key": "/acme.thread", "forks_keep_key": True}


def upstream(name: str, *arguments: str) -> dict[str, Any]:
    command, *first = real_server(name)
    return {"command": command, "args": [*first, *arguments]}


def house(tmp_path: Path, **servers: dict[str, Any]) -> House:
    made = House(tmp_path, {"sessions": CONVERSATIONS})
    made.servers = {"rec": made.recorder("sent"), **servers}
    return made


class Sessions:
    """Calls of several conversations of one client."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.count = 0

    async def call(self, session: str, name: str, **arguments: Any) -> dict[str, Any]:
        result = await self.gateway.call(name, arguments, _meta={"acme.thread": session})
        assert outcome(result) == ("allow", None), (result, self.gateway.stderr)
        return result

    async def brings(self, name: str, **arguments: Any) -> str:
        """The labels that a call brings to a session that has seen nothing."""
        self.count += 1
        result = await self.call(f"reader {self.count}", name, **arguments)
        return "".join(result["_meta"][DECISION]["adds"])


@asynccontextmanager
async def sessions_of(own: House) -> AsyncIterator[Sessions]:
    """A gateway whose servers have all said what they offer."""
    async with own.gateway() as gateway, asyncio.timeout(SECONDS):
        while True:
            listed = (await gateway.request("tools/list"))["result"]["tools"]
            if {tool["name"].partition("__")[0] for tool in listed} == own.servers.keys():
                break
        yield Sessions(gateway)


async def test_through_a_graph_of_notes(tmp_path: Path) -> None:
    (tmp_path / "memory.yaml").write_text(MEMORY)
    memory = {**upstream("memory"), "manifest": "./memory.yaml", "env": {"MEMORY_FILE_PATH": str(tmp_path / "graph")}}
    own = house(tmp_path, memory=memory)
    note = {"name": "todo", "entityType": "note", "observations": ["A man wants us to write to him."]}
    async with sessions_of(own) as sessions:
        assert await sessions.brings("memory__read_graph") == ""
        await sessions.call("writer", "rec__read_untrusted")
        await sessions.call("writer", "memory__create_entities", entities=[note])
        assert await sessions.brings("memory__read_graph") == "A"
        assert await sessions.brings("memory__search_nodes", query="something else") == "A"
    async with sessions_of(own) as sessions:  # another process, another day
        assert await sessions.brings("memory__read_graph") == "A"
        await sessions.call("victim", "memory__read_graph")
        await sessions.call("victim", "rec__read_private")
        sent = await sessions.gateway.call(
            "rec__send", {"to": "x@y.example", "body": "b"}, _meta={"acme.thread": "victim"}
        )
        assert outcome(sent) == ("ask", "approval_required")


async def test_through_files_by_every_way_to_them(tmp_path: Path) -> None:
    (tmp_path / "files.yaml").write_text(FILES)
    folder = tmp_path / "files"
    (folder / "plans" / "old").mkdir(parents=True)
    (folder / "mine.txt").write_text("mine")
    (folder / "link").symlink_to(folder / "plans")
    own = house(tmp_path, files={**upstream("filesystem", str(folder)), "manifest": "./files.yaml"})
    note, mine = str(folder / "plans" / "today.txt"), str(folder / "mine.txt")
    async with sessions_of(own) as sessions:
        assert await sessions.brings("files__list_directory", path=str(folder)) == ""
        await sessions.call("writer", "rec__read_private")
        await sessions.call("writer", "files__write_file", path=note, content="in other words")
        ways: list[tuple[str, dict[str, Any]]] = [
            ("read_text_file", {"path": note}),
            ("read_text_file", {"path": str(folder / "link" / "today.txt")}),
            ("read_text_file", {"path": f"{folder}//plans/./today.txt"}),
            ("read_text_file", {"path": f"{folder}/plans/old/../today.txt"}),
            ("read_multiple_files", {"paths": [mine, note]}),
            ("list_directory", {"path": str(folder / "plans")}),
            ("directory_tree", {"path": str(folder)}),
            ("search_files", {"path": str(folder), "pattern": "**/*.txt"}),
        ]
        assert [await sessions.brings(f"files__{tool}", **arguments) for tool, arguments in ways] == ["B"] * len(ways)
        assert await sessions.brings("files__read_text_file", path=mine) == ""
        await sessions.call("mover", "files__move_file", source=str(folder / "plans"), destination=str(folder / "b"))
        await sessions.call("mover", "files__move_file", source=str(folder / "b"), destination=str(folder / "c"))
        assert await sessions.brings("files__read_text_file", path=str(folder / "c" / "today.txt")) == "B"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with a commit."""
    made = tmp_path / "repo"
    made.mkdir()
    identity = ("-c", "user.name=a", "-c", "user.email=a@a.example")
    for step in (("init", "-q"), (*identity, "commit", "-q", "--allow-empty", "-m", "first")):
        subprocess.run(["git", "-C", str(made), *step], check=True)
    return made


async def test_between_two_servers_over_one_repository(tmp_path: Path, folder: Path) -> None:
    parameters = {"trusted_folders": [str(folder)], "private_folders": [str(tmp_path / "private")]}
    own = house(
        tmp_path,
        files={**upstream("filesystem", str(folder)), "parameters": parameters, "store": "work"},
        git={**upstream("git", "--repository", str(folder)), "parameters": parameters, "store": "work"},
    )
    async with sessions_of(own) as sessions:
        assert await sessions.brings("git__git_status", repo_path=str(folder)) == ""
        await sessions.call("writer", "rec__read_private")
        await sessions.call("writer", "files__write_file", path=str(folder / "x.py"), content="w")
        assert await sessions.brings("git__git_status", repo_path=str(folder)) == "B"
        await sessions.call("adder", "git__git_add", repo_path=str(folder), files=["x.py"])
        (folder / "other.txt").write_text("by hand")
        assert await sessions.brings("files__read_text_file", path=str(folder / "other.txt")) == "B"


async def test_through_a_database(tmp_path: Path) -> None:
    (tmp_path / "sqlite.yaml").write_text(SQLITE)
    own = house(tmp_path, db={**upstream("sqlite", "--db-path", str(tmp_path / "own.db")), "manifest": "./sqlite.yaml"})
    async with sessions_of(own) as sessions:
        await sessions.call("clean", "db__create_table", query="CREATE TABLE t (x TEXT)")
        assert await sessions.brings("db__read_query", query="SELECT * FROM t") == ""
        await sessions.call("writer", "rec__read_untrusted")
        await sessions.call("writer", "db__write_query", query="INSERT INTO t VALUES ('reworded')")
        assert await sessions.brings("db__read_query", query="SELECT upper(x) FROM t") == "A"
        assert await sessions.brings("db__list_tables") == "A"


@pytest.mark.parametrize("label", ["A", "B"])
async def test_a_conversation_that_washes_through_another_keeps_the_label(tmp_path: Path, label: str) -> None:
    """Back and forth: the reader writes elsewhere what it read, in its own words."""
    (tmp_path / "memory.yaml").write_text(MEMORY)
    memory = {**upstream("memory"), "manifest": "./memory.yaml"}
    own = house(
        tmp_path,
        one={**memory, "env": {"MEMORY_FILE_PATH": str(tmp_path / "one")}},
        two={**memory, "env": {"MEMORY_FILE_PATH": str(tmp_path / "two")}},
    )
    note = {"name": "todo", "entityType": "note", "observations": ["x"]}
    async with sessions_of(own) as sessions:
        await sessions.call("writer", "rec__read_untrusted" if label == "A" else "rec__read_private")
        await sessions.call("writer", "one__create_entities", entities=[note])
        assert await sessions.brings("two__read_graph") == ""
        await sessions.call("courier", "one__read_graph")
        await sessions.call("courier", "two__create_entities", entities=[note])
        assert await sessions.brings("two__read_graph") == label
    assert json.loads((tmp_path / "two").read_text().splitlines()[0])["name"] == "todo"
