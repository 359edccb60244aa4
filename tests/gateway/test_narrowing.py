"""What parameters would make of recorded calls: what the manifest's own rules say of them, and never more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rule_of_two.audit.recorded import Recorded
from rule_of_two.gateway.narrowing import Mounted, Narrowing, Relabel, narrowings
from rule_of_two.model import label_text
from tests.audit.recordings import Tape
from tests.manifests.bound import document, shipped_document

MAIL = """
    parameters: {own_people: {type: recipients, default: []}, trusted_hosts: {type: hosts, default: []}}
    tools:
      send:
        labels: [B, C]
        targets: {recipient: '/to/*'}
        rules: [{when: {recipient: {recipient_in: "${own_people}"}}, labels: [B]}]
      get:
        labels: [A, C]
        targets: {url: /url}
        rules: [{when: {url: {host_in: "${trusted_hosts}"}}, labels: [C]}]
"""
MOUNTED = Mounted("mail", document(MAIL))


def _call(call: str, labels: str, targets: list[dict[str, Any]], **more: Any) -> Recorded:
    tape = Tape()
    tape.add(call, labels, **{"manifest": "test", **more})
    tape.entries[0].body["targets"] = targets
    return tape.calls()[0]


def _target(kind: str, value: str | None, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "value": value, **more}


def _relabel(call: Recorded, mounted: Mounted = MOUNTED, **parameters: Any) -> str:
    values = tuple(value for values in parameters.values() for value in values)
    return label_text(Relabel(mounted, mounted.manifest(**parameters), values)(call))


def _found(mounted: Mounted, *calls: Recorded) -> list[tuple[str, tuple[str, ...], bool]]:
    return [(one.parameter, one.values, one.excluded) for one in narrowings(mounted, [(call, 1) for call in calls])]


def _files(*folders: str, **parameters: Any) -> Mounted:
    return Mounted("files", shipped_document("filesystem"), {"trusted_folders": list(folders), **parameters})


def _read(path: Path, labels: str = "AB", **more: Any) -> Recorded:
    return _call("files__read_text_file", labels, [_target("path", str(path))], manifest="filesystem", **more)


def test_a_rule_takes_off_what_it_would_have_taken_off() -> None:
    get = _call("mail__get", "AC", [_target("url", "docs.example")])
    assert _relabel(get) == "[A][C]"
    assert _relabel(get, trusted_hosts=["docs.example"]) == "[C]"
    assert _relabel(get, trusted_hosts=["other.example"]) == "[A][C]"


def test_of_an_array_the_worst_element_counts() -> None:
    send = _call("mail__send", "BC", [_target("recipient", f"{one}@b.example") for one in ("ann", "bob")])
    assert _relabel(send, own_people=["ann@b.example"]) == "[B][C]"
    assert _relabel(send, own_people=["ann@b.example", "bob@b.example"]) == "[B]"


@pytest.mark.parametrize(
    "targets",
    [
        [_target("url", "docs.example", exact=False)],  # HTTPS://Docs.Example
        [_target("url", None)],
        [],
        [_target("url", "docs.example"), _target("url", "docs.example")],
        [_target("host", "docs.example")],
    ],
)
def test_what_no_rule_could_have_matched_keeps_its_labels(targets: list[dict[str, Any]]) -> None:
    assert _relabel(_call("mail__get", "AC", targets), trusted_hosts=["docs.example"]) == "[A][C]"


@pytest.mark.parametrize("manifest", ["other", None])
def test_what_another_manifest_named_or_none_keeps_its_labels(manifest: str | None) -> None:
    get = _call("mail__get", "AC", [_target("url", "docs.example")], manifest=manifest)
    assert _relabel(get, trusted_hosts=["docs.example"]) == "[A][C]"


def test_what_a_servers_annotations_added_stays() -> None:
    get = _call("mail__get", "ABC", [_target("url", "docs.example")])
    assert _relabel(get, trusted_hosts=["docs.example"]) == "[B][C]"


def test_what_another_argument_had_lowered_keeps_its_labels(tmp_path: Path) -> None:
    """edit_file with dryRun was recorded as [A][B]; without knowing that argument it would be [A][B][C]."""
    targets = [_target("path", str(tmp_path / "x"))]
    edit = _call("files__edit_file", "AB", targets, manifest="filesystem")
    assert _relabel(edit, _files(), trusted_folders=[str(tmp_path)]) == "[A][B]"


def test_no_label_is_ever_added() -> None:
    get = _call("mail__get", "C", [_target("url", "docs.example")])  # a manifest of then, without [A]
    assert _relabel(get) == "[C]"


def test_calls_of_another_server_and_other_requests_keep_their_labels() -> None:
    other = _call("post__get", "AC", [_target("url", "docs.example")])
    resource = _call("mail__get", "AC", [_target("url", "docs.example")], action="read_resource")
    for call in (other, resource):
        assert _relabel(call, trusted_hosts=["docs.example"]) == "[A][C]"


def test_values_are_proposed_where_they_lower_something_and_then_together() -> None:
    calls = [_call("mail__get", "AC", [_target("url", f"{one}.example")]) for one in ("a", "b", "b")]
    plain = _call("mail__get", "AC", [_target("url", "c.example", exact=False)])
    assert _found(MOUNTED, *calls, plain) == [
        ("trusted_hosts", ("b.example",), False),
        ("trusted_hosts", ("a.example",), False),
        ("trusted_hosts", ("b.example", "a.example"), False),
    ]


def test_nothing_is_proposed_where_no_rule_exists() -> None:
    """The shipped manifest of fetch has no rule for hosts: it follows redirects."""
    fetch = Mounted("web", shipped_document("fetch"))
    assert _found(fetch, _call("web__fetch", "AC", [_target("url", "docs.example")], manifest="fetch")) == []


def test_a_folder_is_proposed_for_its_files_and_for_itself(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "a.md").write_text("mine")
    in_it, itself = _read(tmp_path / "a.md"), _read(tmp_path)
    for call in (in_it, itself):
        assert ("trusted_folders", (str(tmp_path),), False) in _found(_files(), call)


def test_what_is_private_by_default_may_be_said_not_to_be(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    call = _read(tmp_path / "a.md")
    (found,) = [one for one in narrowings(_files(), [(call, 1)]) if one.excluded]
    assert (found.parameter, found.values) == ("private_folders", (str(tmp_path),))
    assert label_text(found.relabel(call)) == "[A]"
    assert label_text(found.relabel(_read(tmp_path.parent / "b.md"))) == "[A][B]"
    assert label_text(found.relabel(_read(Path(f"{tmp_path}-other/b.md")))) == "[A][B]"


def test_several_folders_may_be_said_not_to_be_private_together(tmp_path: Path) -> None:
    calls = [_read(tmp_path / name / "x.md") for name in ("a", "b")]
    last = list(narrowings(_files(), [(call, 1) for call in calls]))
    both = next(one for one in last if one.excluded and len(one.values) == 2)
    assert both.values == (str(tmp_path / "a"), str(tmp_path / "b"))
    assert [label_text(both.relabel(call)) for call in calls] == ["[A]", "[A]"]


@pytest.mark.parametrize("path", ["/", "/srv", "/a.md"])
def test_nothing_as_wide_as_the_whole_is_proposed(path: str) -> None:
    assert _found(_files(), _read(Path(path))) == []


def test_neither_the_home_nor_what_holds_it_is_proposed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home" / "alice"
    home.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    assert _found(_files(), _read(home), _read(home.parent)) == []
    assert ("trusted_folders", (str(home / "a.md"),), False) in _found(_files(), _read(home / "a.md"))


def test_what_everyone_may_write_is_not_proposed(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    assert str(tmp_path) not in {value for _, values, _ in _found(_files(), _read(tmp_path)) for value in values}


def test_what_a_parameter_does_not_take_is_not_proposed() -> None:
    odd = [_call("mail__get", "AC", [_target("url", value)]) for value in ("not a host", "a\nb", "\u202ea.example")]
    assert _found(MOUNTED, *odd) == []


def test_a_narrowing_adds_to_what_is_given(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    mounted = _files("/srv/other")
    (one,) = [it for it in narrowings(mounted, [(_read(tmp_path / "a.md"), 1)]) if it.parameter == "trusted_folders"]
    assert isinstance(one, Narrowing)
    assert label_text(one.relabel(_read(tmp_path / "a.md"))) == "[B]"
    assert label_text(one.relabel(_read(Path("/srv/other/x"), "B"))) == "[B]"
