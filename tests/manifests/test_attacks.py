"""Attacks on the shipped manifests, each by name: what an agent that obeys a poisoned page could try."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rule_of_two.manifests.manifest import Manifest
from rule_of_two.model import Labels, completing, label_text
from tests.manifests.bound import shipped_manifest

READERS = ("read_file", "read_text_file", "read_media_file", "list_directory", "list_directory_with_sizes")
WRITERS = ("write_file", "create_directory")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``own`` holds the user's words, ``private`` his secrets, ``downloads`` what strangers wrote."""
    root = tmp_path_factory.mktemp("home").resolve()
    for folder in ("own/sub", "private/sub", "downloads", "scratch", "own/scratch", "own2"):
        (root / folder).mkdir(parents=True)
    (root / "own" / "innocent.txt").symlink_to(root / "downloads" / "poisoned.txt")
    (root / "own" / "shelf").symlink_to(root / "downloads")
    (root / "downloads" / "harmless.txt").symlink_to(root / "private" / "salary.txt")
    for file in ("downloads/poisoned.txt", "private/salary.txt", "own/notes.txt"):
        (root / file).touch()
    return root


@pytest.fixture(scope="module")
def files(home: Path) -> Manifest:
    return shipped_manifest(
        "filesystem",
        private_folders=[f"{home}/private"],
        trusted_folders=[f"{home}/own"],
        scratch_folders=[f"{home}/scratch", f"{home}/own/scratch"],
    )


def labels(of: Manifest, tool: str, **arguments: Any) -> str:
    return label_text(of.tool(tool, arguments).labels)


def test_by_default_every_read_is_untrusted_and_private_and_every_write_acts(home: Path) -> None:
    files = shipped_manifest("filesystem")
    for tool in (*READERS, "directory_tree", "search_files"):
        assert labels(files, tool, path=f"{home}/own/notes.txt") == "[A][B]"
    assert labels(files, "read_multiple_files", paths=[f"{home}/own/notes.txt"]) == "[A][B]"
    for tool in WRITERS:
        assert labels(files, tool, path=f"{home}/scratch/new.txt") == "[C]"
    assert labels(files, "edit_file", path=f"{home}/own/notes.txt") == "[A][B][C]"
    assert labels(files, "move_file", source=f"{home}/own/notes.txt", destination=f"{home}/own2/notes.txt") == "[C]"


def test_the_folders_mean_what_they_say(files: Manifest, home: Path) -> None:
    for tool in READERS:
        assert labels(files, tool, path=f"{home}/own/notes.txt") == "none"
        assert labels(files, tool, path=f"{home}/private/salary.txt") == "[A][B]"
        assert labels(files, tool, path=f"{home}/downloads/poisoned.txt") == "[A]"
        assert labels(files, tool, path=f"{home}/scratch/note.txt") == "[A][B]"
    for tool in WRITERS:
        assert labels(files, tool, path=f"{home}/scratch/note.txt") == "none"
        assert labels(files, tool, path=f"{home}/private/new.txt") == "[C]"
        assert labels(files, tool, path=f"{home}/own/new.txt") == "[B][C]"


def test_a_write_to_scratch_still_stamps_the_ledger(files: Manifest, home: Path) -> None:
    (stamp,) = files.tool("write_file", {"path": f"{home}/scratch/note.txt"}).writes
    assert (stamp.kind, stamp.value) == ("path", f"{home}/scratch/note.txt")


@pytest.mark.parametrize("path", ["own/innocent.txt", "own/shelf", "own/shelf/poisoned.txt", "own/shelf/new.txt"])
def test_a_symlink_out_of_a_trusted_folder_is_not_trusted(files: Manifest, home: Path, path: str) -> None:
    for tool in READERS:
        assert labels(files, tool, path=f"{home}/{path}") == "[A][B]"
    assert labels(files, "read_multiple_files", paths=[f"{home}/own/notes.txt", f"{home}/{path}"]) == "[A][B]"


def test_a_symlink_into_a_private_folder_is_private(files: Manifest, home: Path) -> None:
    assert labels(files, "read_text_file", path=f"{home}/downloads/harmless.txt") == "[A][B]"


@pytest.mark.parametrize(
    "path",
    [
        "own/../downloads/poisoned.txt",
        "own/./notes.txt",
        "own//notes.txt",
        "own/notes.txt/",
        "own/notes.txt ",
        " own/notes.txt",
        "OWN/notes.txt",
        "own/$HOME",
        "own/caf\u00e9.txt",
        "own/\u202etxt.seton",
    ],
)
def test_a_path_with_two_readings_is_worst_case(files: Manifest, home: Path, path: str) -> None:
    expected = "[A]" if path.startswith("OWN") else "[A][B]"
    assert labels(files, "read_text_file", path=f"{home}/{path}") in {expected, "[A][B]"}
    assert labels(files, "write_file", path=f"{home}/{path}") == "[A][B][C]"


@pytest.mark.parametrize(
    "path", ["own/notes.txt", "~/own/notes.txt", "file:///own/notes.txt", "", None, ["/own"], {"x": 1}, 3]
)
def test_a_path_that_is_not_absolute_text_is_worst_case(files: Manifest, path: Any) -> None:
    assert labels(files, "read_text_file", path=path) == "[A][B]"
    assert labels(files, "write_file", path=path) == "[A][B][C]"
    assert labels(files, "move_file", source=path, destination=path) == "[A][B][C]"


def test_a_folder_whose_name_begins_like_a_trusted_one_is_not_trusted(files: Manifest, home: Path) -> None:
    assert labels(files, "read_text_file", path=f"{home}/own2/x") == "[A]"


def test_one_untrusted_file_among_many_counts(files: Manifest, home: Path) -> None:
    own, poisoned, salary = f"{home}/own/notes.txt", f"{home}/downloads/poisoned.txt", f"{home}/private/salary.txt"
    assert labels(files, "read_multiple_files", paths=[own, own]) == "none"
    assert labels(files, "read_multiple_files", paths=[own, poisoned]) == "[A][B]"
    assert labels(files, "read_multiple_files", paths=[poisoned, own]) == "[A][B]"
    assert labels(files, "read_multiple_files", paths=[poisoned, salary]) == "[A][B]"
    assert labels(files, "read_multiple_files", paths=[]) == "[A][B]"
    assert labels(files, "read_multiple_files", paths=own) == "[A][B]"


def test_listing_a_folder_above_a_private_one_is_private(files: Manifest, home: Path) -> None:
    for tool in ("directory_tree", "search_files", "list_directory"):
        assert labels(files, tool, path=str(home)) == "[A][B]"
        assert labels(files, tool, path="/") == "[A][B]"


def test_a_scratch_folder_inside_a_trusted_one_is_not_trusted(files: Manifest, home: Path) -> None:
    assert labels(files, "read_text_file", path=f"{home}/own/scratch/note.txt") == "[A][B]"
    assert labels(files, "directory_tree", path=f"{home}/own") == "[A][B]"
    assert labels(files, "write_file", path=f"{home}/own/scratch/note.txt") == "[B][C]"


def test_after_a_poisoned_page_a_write_into_a_trusted_folder_asks(files: Manifest, home: Path) -> None:
    page: Labels = shipped_manifest("fetch").tool("fetch", {"url": "https://evil.test/"}).labels
    for tool in (*WRITERS, "edit_file"):
        write = files.tool(tool, {"path": f"{home}/own/notes.txt"}).labels
        assert completing(page, write)


def test_moving_a_poisoned_file_into_a_trusted_folder_asks_in_any_session(files: Manifest, home: Path) -> None:
    for source in ("downloads/poisoned.txt", "scratch/note.txt", "own/scratch/note.txt", "own/innocent.txt"):
        moved = files.tool("move_file", {"source": f"{home}/{source}", "destination": f"{home}/own/faq.txt"})
        assert completing(frozenset(), moved.labels)


@pytest.mark.parametrize("dry", ["true", 1, None, [True], "yes", False])
def test_an_edit_that_only_looks_dry_acts(files: Manifest, home: Path, dry: Any) -> None:
    assert "C" in labels(shipped_manifest("filesystem"), "edit_file", path=f"{home}/private/salary.txt", dryRun=dry)
    assert (
        labels(shipped_manifest("filesystem"), "edit_file", path=f"{home}/private/salary.txt", dryRun=True) == "[A][B]"
    )


PLACES = ["", "a", "a/b", "a/b/c", "d", "d/e"]


@given(
    folders=st.fixed_dictionaries(
        {name: st.lists(st.sampled_from(PLACES), max_size=2) for name in ("private", "trusted", "scratch")}
    ),
    source=st.sampled_from(PLACES),
    destination=st.sampled_from(PLACES),
    below=st.sampled_from(["", "/b", "/b/c", "/e", "/x"]),
)
@settings(deadline=None, max_examples=300)
def test_moving_launders_no_label_in_any_configuration(
    home: Path, folders: Mapping[str, list[str]], source: str, destination: str, below: str
) -> None:
    root = f"{home}/model"
    parameters = {f"{name}_folders": [f"{root}/{place}" for place in places] for name, places in folders.items()}
    files = shipped_manifest("filesystem", **parameters)
    old, new = f"{root}/{source}".rstrip("/"), f"{root}/{destination}".rstrip("/")
    before = files.tool("read_text_file", {"path": old + below}).labels
    after = files.tool("read_text_file", {"path": new + below}).labels
    moved = files.tool("move_file", {"source": old, "destination": new}).labels
    assert before <= after | moved


@given(
    folders=st.fixed_dictionaries(
        {name: st.lists(st.sampled_from(PLACES), max_size=2) for name in ("private", "trusted", "scratch")}
    ),
    place=st.sampled_from(PLACES),
)
@settings(deadline=None, max_examples=300)
def test_what_can_be_read_with_fewer_labels_cannot_be_written_silently(
    home: Path, folders: Mapping[str, list[str]], place: str
) -> None:
    root = f"{home}/model"
    parameters = {f"{name}_folders": [f"{root}/{folder}" for folder in names] for name, names in folders.items()}
    files = shipped_manifest("filesystem", **parameters)
    path = f"{root}/{place}/file.txt"
    read = files.tool("read_text_file", {"path": path}).labels
    for tool in (*WRITERS, "edit_file"):
        written = files.tool(tool, {"path": path}).labels
        if "A" not in read:
            assert written >= {"B", "C"}
        if "B" not in read:
            assert "C" in written


@pytest.mark.parametrize(
    "url",
    [
        "https://good.example/",
        "https://good.example@evil.test/",
        "https://good.example/redirect?to=https://evil.test",
        None,
        3,
    ],
)
def test_every_fetched_page_is_untrusted_and_carries_data_out(url: Any) -> None:
    fetch = shipped_manifest("fetch")
    for facts in (fetch.tool("fetch", {"url": url}), fetch.prompt("fetch", {"url": url})):
        assert label_text(facts.labels) == "[A][C]"
        assert facts.lowered_by == ()


def test_a_repository_is_trusted_only_where_the_operator_says_so(home: Path) -> None:
    git = shipped_manifest("git", trusted_folders=[f"{home}/own"], private_folders=[f"{home}/private"])
    assert labels(git, "git_log", repo_path=f"{home}/own") == "none"
    assert labels(git, "git_log", repo_path=f"{home}/own/shelf") == "[A][B]"
    assert labels(git, "git_log", repo_path=f"{home}/downloads") == "[A]"
    assert labels(git, "git_log", repo_path="own") == "[A][B]"
    assert labels(git, "git_log", repo_path=f"{home}/own/$PWD") == "[A][B]"
    assert labels(git, "git_commit", repo_path=f"{home}/own") == "[B][C]"
    assert labels(git, "git_commit", repo_path=f"{home}/downloads") == "[A][C]"
    assert labels(shipped_manifest("git"), "git_commit", repo_path=f"{home}/own") == "[A][B][C]"


def test_notes_of_a_poisoned_session_come_back_untrusted() -> None:
    memory = shipped_manifest("memory")
    noted = memory.tool("add_observations", {"observations": []})
    assert noted.writes == memory.tool("read_graph", {}).reads == memory.resource("memory://knowledge-graph").reads
    for read in (memory.tool("search_nodes", {"query": "x"}), memory.resource("memory://knowledge-graph")):
        assert label_text(read.labels) == "[A][B]"


def test_sql_that_returns_rows_through_the_writing_tool_is_a_read_too() -> None:
    sqlite = shipped_manifest("sqlite")
    assert labels(sqlite, "write_query", query="WITH x AS (SELECT * FROM secrets) SELECT * FROM x") == "[A][B][C]"
    assert labels(sqlite, "read_query", query="SELECT 1") == "[A][B]"


def test_a_resource_of_the_test_server_cannot_be_reached_by_climbing() -> None:
    everything = shipped_manifest("everything")
    assert label_text(everything.resource("demo://resource/dynamic/text/1").labels) == "none"
    for uri in ("demo://resource/dynamic/../session/x", "demo://resource/static/document/%2e%2e/x"):
        assert label_text(everything.resource(uri).labels) == "[A][B][C]"
