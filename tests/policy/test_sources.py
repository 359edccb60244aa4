"""What a configuration names of policies and entities: found, loaded, and which of it is the operator's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from rule_of_two.errors import PolicyError
from rule_of_two.policy.sources import Sources

PERMIT = '@id("own.permit") permit (principal, action, resource);'


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """A folder, a file and entities of one's own beside the default set."""
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.cedar").write_text(PERMIT)
    (tmp_path / "set" / "set.yaml").write_text("c: communication\n")
    (tmp_path / "one.cedar").write_text(PERMIT.replace("own", "one", 1))
    (tmp_path / "entities.json").write_text("[]")
    return Sources(("default", "./set", "one.cedar"), ("entities.json",), tmp_path)


def test_what_was_looked_at_is_what_is_loaded(sources: Sources) -> None:
    files = sources.look()
    (sources.folder / "one.cedar").write_text("nonsense")
    (sources.folder / "set" / "set.yaml").unlink()
    policies = sources.load(files)
    assert {"own.permit", "one.permit", "default.permit-use"} <= policies.by_id.keys()
    assert policies.only_communication == "./set"


def test_what_is_ones_own_is_told_with_its_contents_and_where_its_signature_stands(sources: Sources) -> None:
    folder, file, entities = sources.own()
    assert (folder.kind, set(folder.files)) == ("policies", {"a.cedar", "set.yaml"})
    assert folder.signature == sources.folder / "./set" / "policies.sig"
    assert (file.kind, set(file.files), file.signature.name) == ("policies", {"one.cedar"}, "one.cedar.sig")
    assert (entities.kind, entities.files, entities.signature.name) == (
        "entities",
        {"entities.json": b"[]"},
        "entities.json.sig",
    )


def test_what_is_missing_is_found_out_by_who_needs_it(sources: Sources) -> None:
    (sources.folder / "one.cedar").unlink()
    (sources.folder / "entities.json").unlink()
    files = sources.look()
    with pytest.raises(PolicyError, match=r"one\.cedar: there is no such policy file"):
        sources.load(files)
    with pytest.raises(PolicyError, match=r"one\.cedar: there is no such policy file"):
        sources.own()


def test_entities_that_cannot_be_read_are_named(sources: Sources) -> None:
    (sources.folder / "entities.json").unlink()
    with pytest.raises(PolicyError, match=r"entities\.json: cannot be read"):
        sources.own()


def test_settings_that_cannot_be_read_are_named(sources: Sources) -> None:
    (sources.folder / "set" / "set.yaml").unlink()
    (sources.folder / "set" / "set.yaml").mkdir()
    with pytest.raises(PolicyError, match=r"set\.yaml: cannot be read"):
        sources.own()
