"""Finding manifests by name and by path."""

from __future__ import annotations

from pathlib import Path

import pytest

from rule_of_two.errors import ConfigurationError
from rule_of_two.manifests import load
from rule_of_two.manifests.document import ManifestDocument
from rule_of_two.manifests.load import (
    Library,
    find_manifest,
    list_manifests,
    load_manifest,
    manifest_files,
    recognised,
    recognised_file,
)
from rule_of_two.manifests.recognise import Launch, recognise
from rule_of_two.shipped import shipped
from rule_of_two.yaml_source import load_yaml


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ours = tmp_path / "manifests"
    ours.mkdir()
    (ours / "crm.yaml").write_text("version: 1\nserver: crm\ntools: {}\n")
    (ours / "fetch.yml").write_text("version: 1\nserver: our-fetch\n")
    (ours / "README.md").write_text("no manifest")
    return ours


def test_a_name_is_looked_for_in_the_operators_folders_first(folder: Path) -> None:
    assert find_manifest("fetch", relative_to=Path(), folders=[folder]) == folder / "fetch.yml"
    assert find_manifest("crm", relative_to=Path(), folders=[folder]) == folder / "crm.yaml"
    assert find_manifest("git", relative_to=Path(), folders=[folder]) == shipped("tool_manifests") / "git.yaml"


@pytest.mark.parametrize("reference", ["./crm.yaml", "crm.yaml", "../manifests/crm.yaml"])
def test_a_path_is_relative_to_the_configuration(folder: Path, reference: str) -> None:
    assert find_manifest(reference, relative_to=folder, folders=[]).samefile(folder / "crm.yaml")


def test_an_absolute_path_is_taken_as_it_is(folder: Path) -> None:
    assert find_manifest(str(folder / "crm.yaml"), relative_to=Path("/"), folders=[]) == folder / "crm.yaml"


def test_a_name_that_is_not_there_names_the_nearest(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="no manifest is named 'filesytem'; did you mean 'filesystem'"):
        find_manifest("filesytem", relative_to=folder, folders=[folder])
    with pytest.raises(
        ConfigurationError, match="no manifest is named 'zzz'; `rule-of-two manifest list` names them, or give"
    ):
        find_manifest("zzz", relative_to=folder, folders=[folder])


@pytest.mark.parametrize("reference", ["./nowhere.yaml", "nowhere.yaml", "../../etc/passwd/x", "", "."])
def test_a_file_that_is_not_there_is_named(folder: Path, reference: str) -> None:
    with pytest.raises(ConfigurationError, match="there is no such manifest file"):
        find_manifest(reference, relative_to=folder, folders=[folder])


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nowhere: there is no such folder of manifests"):
        find_manifest("fetch", relative_to=tmp_path, folders=[tmp_path / "nowhere"])


def test_a_manifest_is_loaded_and_a_broken_one_says_where(folder: Path) -> None:
    assert load_manifest(folder / "crm.yaml").server == "crm"
    (folder / "crm.yaml").write_text("version: 1\nserver: crm\ntools: {t: {labels: [X]}}\n")
    with pytest.raises(ConfigurationError, match=r"crm\.yaml:3: 'tools\.t\.labels\.0'"):
        load_manifest(folder / "crm.yaml")


def test_a_list_has_the_operators_manifests_first_and_each_name_once(folder: Path) -> None:
    servers = [document.server for document in list_manifests([folder])]
    assert servers[:2] == ["crm", "our-fetch"]
    assert "fetch" not in servers
    assert {"filesystem", "git", "memory"} <= set(servers)


def test_the_files_of_that_list_are_told_unread(folder: Path) -> None:
    files = manifest_files([folder])
    assert files[:2] == [folder / "crm.yaml", folder / "fetch.yml"]
    assert [load_manifest(file).server for file in files] == [one.server for one in list_manifests([folder])]


def test_what_is_recognised_has_its_file(folder: Path) -> None:
    (folder / "mine.yaml").write_text("version: 1\nserver: other\nmatch: {npm: mine}\n")
    found = recognised_file(Launch("npx", ("-y", "mine")), [folder])
    assert found is not None
    assert (found[0], found[1].server) == (folder / "mine.yaml", "other")
    assert recognised_file(Launch("npx", ("-y", "nobody")), [folder]) is None


def _launches() -> list[Launch]:
    """Every name by which a shipped manifest is recognised, as people start it, and written otherwise."""
    found = []
    for one in list_manifests(()):
        match = one.match
        found += [Launch("npx", ("-y", name)) for name in match.npm]
        found += [
            Launch("uvx", (spelled,)) for name in match.pypi for spelled in (name, name.upper().replace("-", "_"))
        ]
        found += [Launch("docker", ("run", "-i", f"docker.io/{name}:1.2")) for name in match.image]
        found += [Launch(f"/opt/{name}.exe") for name in match.command]
        found += [Launch(url=f"{url}/?x=1#y") for url in match.url]
    return found


def test_what_is_looked_for_among_some_is_what_is_found_among_all() -> None:
    everything = list_manifests(())
    launches = _launches()
    assert len(launches) >= len(everything) - 1
    for launch in launches:
        expected = recognise(launch, everything)
        found = recognised(launch, ())
        assert (found and found.server) == (expected and expected.server), launch


def test_only_those_shipped_manifests_are_parsed_that_can_be_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []

    def parse(path: Path, model: type[ManifestDocument]) -> ManifestDocument:
        parsed.append(path.stem)
        return load_yaml(path, model)

    monkeypatch.setattr(load, "load_yaml", parse)
    load._load_shipped.cache_clear()  # as in a process of its own
    assert recognised(Launch("uvx", ("mcp-server-fetch",)), ()) is not None
    assert parsed == ["fetch"]
    assert recognised(Launch("uvx", ("nobody-knows-this",)), ()) is None
    assert recognised(Launch("nobodys-shell", ("-c", "x")), ()) is None
    assert parsed == ["fetch"]
    assert recognised(Launch("sh", ("-c", "x")), ()) is None


def test_the_operators_own_come_first_and_a_broken_one_is_said_whatever_is_started(folder: Path) -> None:
    (folder / "mine.yaml").write_text("version: 1\nserver: mine\nmatch: {pypi: mcp-server-git}\n")
    found = recognised(Launch("uvx", ("mcp-server-git",)), [folder])
    assert found is not None
    assert found.server == "mine"
    assert recognised(Launch("uvx", ("mcp-server-fetch",)), [folder]) is None, (
        "fetch.yml of the operator's own stands for it"
    )
    (folder / "mine.yaml").write_text("version: 2\n")
    with pytest.raises(ConfigurationError, match=r"mine\.yaml:1"):
        recognised(Launch("uvx", ("nobody-knows-this",)), [folder])


def test_a_library_has_every_manifest_by_its_servers_name_and_parses_what_is_asked_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library([folder])
    assert library["crm"].server == "crm"
    assert "fetch" not in library, "the operator's fetch.yml stands for it, and is of another server"
    assert library["our-fetch"].server == "our-fetch"
    assert library.get("../../etc/passwd") is None
    assert len(library) == len(set(library)) == len(list_manifests([folder]))
    parsed: list[str] = []

    def parse(path: Path, model: type[ManifestDocument]) -> ManifestDocument:
        parsed.append(path.stem)
        return load_yaml(path, model)

    monkeypatch.setattr(load, "load_yaml", parse)
    load._load_shipped.cache_clear()
    assert Library(())["git"].server == "git"
    assert parsed == ["git"]


def test_a_library_has_what_the_list_has_under_the_names_that_are_in_the_files() -> None:
    assert dict(Library(())) == {one.server: one for one in list_manifests(())}
