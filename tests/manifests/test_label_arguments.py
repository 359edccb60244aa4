"""What the comments beside the labels claim of the real servers, tried on them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from rule_of_two.normalise import path
from tests.servers import real_server, running

pytestmark = pytest.mark.real


def test_the_error_for_a_symlink_quotes_where_it_leads(tmp_path: Path) -> None:
    allowed, outside = tmp_path / "allowed", tmp_path / "OBEY ME"
    allowed.mkdir()
    outside.mkdir()
    (allowed / "link").symlink_to(outside)
    with running([*real_server("filesystem"), str(allowed)], capabilities={}) as files:
        for tool in ("get_file_info", "create_directory"):
            assert "OBEY ME" in files.call(tool, path=f"{allowed}/link")
        assert "OBEY ME" in files.call("write_file", path=f"{allowed}/link", content="")
        assert "OBEY ME" not in files.call("write_file", path=f"{allowed}/plain", content="")


def test_a_missing_path_may_be_taken_for_another_unicode_form_and_so_is_unreadable_to_us(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    (root / "cafe\u0301.txt").write_text("another file")
    asked = f"{root}/caf\u00e9.txt"
    with running([*real_server("filesystem"), str(root)], capabilities={}) as files:
        assert files.call("read_text_file", path=asked) == "another file"
    assert path(asked) is None


def test_an_edit_shows_the_lines_around_and_a_dry_one_writes_nothing(tmp_path: Path) -> None:
    file = tmp_path.resolve() / "x.txt"
    file.write_text("secret\nold\n")
    edits = [{"oldText": "old", "newText": "new"}]
    with running([*real_server("filesystem"), str(tmp_path.resolve())], capabilities={}) as files:
        assert "secret" in files.call("edit_file", path=str(file), edits=edits, dryRun=True)
        assert file.read_text() == "secret\nold\n"
        assert "boolean" in files.call("edit_file", path=str(file), edits=edits, dryRun="true")


def test_sql_for_writing_returns_rows_and_sql_for_reading_writes_nothing(tmp_path: Path) -> None:
    with running([*real_server("sqlite"), "--db-path", str(tmp_path / "x.db")], capabilities={}) as sqlite:
        sqlite.call("create_table", query="CREATE TABLE t AS SELECT 'secret' AS x")
        assert "secret" in sqlite.call("write_query", query="WITH y AS (SELECT * FROM t) SELECT * FROM y")
        sqlite.call("read_query", query=f"SELECT 1; VACUUM INTO '{tmp_path}/copy.db'")
        assert "not authorized" in sqlite.call("read_query", query="SELECT load_extension('/x')")
        assert not (tmp_path / "copy.db").exists()
        sqlite.call("write_query", query=f"VACUUM INTO '{tmp_path}/copy.db'")
        assert (tmp_path / "copy.db").exists()


def test_creating_a_note_tells_whether_it_was_there(tmp_path: Path) -> None:
    entity = {"name": "project-x", "entityType": "secret", "observations": []}
    with running(real_server("memory"), env={"MEMORY_FILE_PATH": str(tmp_path / "m.jsonl")}) as memory:
        assert "project-x" in memory.call("create_entities", entities=[entity])
        assert "project-x" not in memory.call("create_entities", entities=[entity])
        gone = memory.call("delete_entities", entityNames=["project-x"])
        assert gone == memory.call("delete_entities", entityNames=["never-there"])


def test_fetch_refuses_private_addresses() -> None:
    with running(real_server("fetch")) as fetch:
        for url in ("http://127.0.0.1:9/", "http://localhost:9/", "http://[::1]:9/", "http://169.254.169.254/"):
            assert "not a public address" in fetch.call("fetch", url=url)


def test_the_error_of_the_clock_only_repeats_what_the_caller_said() -> None:
    with running(real_server("time")) as clock:
        error = clock.call("get_current_time", timezone="No/Where")
    assert error == "Error executing tool get_current_time: Invalid timezone: 'No time zone found with key No/Where'"


def test_a_new_branch_is_answered_with_the_name_of_the_old_one(tmp_path: Path) -> None:
    run = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@t"]
    subprocess.run([*run, "init", "-q", "-b", "obey-me"], check=True)
    subprocess.run([*run, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    with running(real_server("git")) as git:
        assert "obey-me" in git.call("git_create_branch", repo_path=str(tmp_path), branch_name="new")


def test_branches_of_thoughts_come_back_to_later_calls() -> None:
    thought = {"thought": "x", "thoughtNumber": 1, "totalThoughts": 2, "nextThoughtNeeded": True}
    with running(real_server("sequential-thinking")) as thinking:
        thinking.call("sequentialthinking", **thought, branchFromThought=1, branchId="earlier")
        assert "earlier" in thinking.call("sequentialthinking", **thought)
