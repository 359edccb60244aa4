"""From arguments to facts: targets, reads and writes, hints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rule_of_two.manifests.entry import whole_store
from rule_of_two.manifests.hints import hinted
from rule_of_two.model import Action, Facts, StoredResource, Target, label_text
from tests.manifests.bound import manifest

WHOLE = StoredResource("shelf", "store", None)


def facts(tool: str, arguments: dict[str, Any], annotations: Any = None) -> Facts:
    return manifest(f"tools: {{t: {tool}}}").tool("t", arguments, annotations)


def test_facts_name_the_call() -> None:
    found = facts("{labels: [B]}", {})
    assert (found.action, found.qualified, found.labels) == (Action.CALL_TOOL, "up__t", frozenset("B"))
    assert (found.targets, found.reads, found.writes, found.lowered_by) == ((), (), (), ())


def test_each_value_becomes_a_target_in_order() -> None:
    tool = "{labels: [C], targets: {recipient: ['/to/*', /cc], url: /link, amount: /sum}}"
    arguments = {"to": ["A@Good.Example", "nobody"], "link": "https://good.example:443/x", "sum": 12.5}
    assert facts(tool, arguments).targets == (
        Target("recipient", "a@good.example", "A@Good.Example", exact=False),
        Target("recipient", None, "nobody", exact=False),
        Target("recipient", None, "", exact=False),
        Target("url", "good.example", "https://good.example:443/x", exact=False, url="https://good.example/x"),
        Target("amount", "12.5", "12.5"),
    )


def test_an_empty_or_misshapen_array_is_a_target_that_says_nothing() -> None:
    tool = "{labels: [C], targets: {recipient: '/to/*'}}"
    assert facts(tool, {"to": []}).targets == (Target("recipient", None, "[]", exact=False),)
    assert facts(tool, {"to": "a@b.c"}).targets == (Target("recipient", None, "a@b.c", exact=False),)


@pytest.mark.parametrize(
    ("tool", "arguments", "writes"),
    [
        ("{labels: [A, B]}", {}, ()),
        ("{labels: [C]}", {}, (WHOLE,)),
        ("{labels: [C], writes: none}", {}, ()),
        ("{labels: [], writes: store}", {}, (WHOLE,)),
        ("{labels: [], writes: {note: /id}}", {"id": "n1"}, (StoredResource("shelf", "note", "n1"),)),
        ("{labels: [], writes: {note: /id}}", {"id": 7}, (StoredResource("shelf", "note", "7"),)),
        ("{labels: [], writes: {note: /id}}", {}, (WHOLE,)),
        ("{labels: [], writes: {note: /id}}", {"id": ["n1"]}, (WHOLE,)),
        ("{labels: [], writes: {note: '/ids/*'}}", {"ids": []}, (WHOLE,)),
        ("{labels: [], writes: {path: /p}}", {"p": "relative"}, (WHOLE,)),
        ("{labels: [], writes: {path: /p}}", {"p": "//"}, (StoredResource("shelf", "path", "/"),)),
        (
            "{labels: [], writes: {note: ['/ids/*', /id]}}",
            {"ids": ["a", "b", None, False], "id": "a"},
            (StoredResource("shelf", "note", "a"), StoredResource("shelf", "note", "b"), WHOLE),
        ),
    ],
)
def test_a_call_writes_what_its_manifest_names(
    tool: str, arguments: dict[str, Any], writes: tuple[StoredResource, ...]
) -> None:
    assert facts(tool, arguments).writes == writes
    assert facts(tool.replace("writes", "reads"), arguments).reads == (() if "writes" not in tool else writes)


def test_a_call_whose_c_was_lowered_and_that_names_nothing_writes_nothing() -> None:
    tool = "{labels: [C], rules: [{when: {dry: {equals: true}}, labels: []}]}"
    assert facts(tool, {"dry": True}).writes == ()
    assert facts(tool, {"dry": False}).writes == (WHOLE,)


def test_a_hint_that_adds_c_stamps_the_whole_store() -> None:
    found = facts("{labels: [A]}", {}, {"readOnlyHint": False})
    assert (label_text(found.labels), found.writes) == ("[A][C]", (WHOLE,))


@pytest.mark.parametrize(
    ("annotations", "adds"),
    [
        (None, "none"),
        ({}, "none"),
        ({"readOnlyHint": True, "destructiveHint": False, "openWorldHint": False, "idempotentHint": False}, "none"),
        ({"readOnlyHint": False}, "[C]"),
        ({"destructiveHint": True}, "[C]"),
        ({"openWorldHint": True}, "[A]"),
        ({"readOnlyHint": True, "destructiveHint": True}, "none"),
        ({"readOnlyHint": False, "destructiveHint": False}, "[C]"),
        ({"readOnlyHint": "true"}, "[C]"),
        ({"readOnlyHint": 1}, "[C]"),
        ({"readOnlyHint": None}, "[C]"),
        ({"destructiveHint": "no"}, "[C]"),
        ({"destructiveHint": 0}, "[C]"),
        ({"openWorldHint": {}}, "[A]"),
        ({"title": "reads only, harmless"}, "none"),
        (["readOnlyHint"], "[A][C]"),
        ("readOnlyHint", "[A][C]"),
    ],
)
def test_hints_only_ever_add(annotations: Any, adds: str) -> None:
    assert label_text(hinted(annotations)) == adds
    assert facts("{labels: [B]}", {}, annotations).labels == hinted(annotations) | {"B"}


def test_a_hint_removes_nothing() -> None:
    harmless = {"readOnlyHint": True, "destructiveHint": False, "openWorldHint": False}
    assert label_text(facts("{labels: [A, B, C]}", {}, harmless).labels) == "[A][B][C]"


def test_a_hint_does_not_bring_back_what_a_rule_lowered() -> None:
    tool = "{labels: [C], rules: [{when: {dry: {equals: true}}, labels: []}]}"
    assert facts(tool, {"dry": True}, {"readOnlyHint": False, "openWorldHint": True}).labels == {"A"}


def test_the_whole_store_has_one_key() -> None:
    assert whole_store("shelf") == WHOLE


def test_a_path_is_stamped_where_a_symlink_leads(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    (root / "link").symlink_to(root / "real")
    assert facts("{labels: [C], writes: {path: /p}}", {"p": f"{root}/link"}).writes == (
        StoredResource("shelf", "path", f"{root}/real"),
    )


def test_what_is_indirect_is_said_of_each_target() -> None:
    tool = "{labels: [C], targets: {path: /path, message: {kind: account, at: /id, indirect: true}}}"
    for arguments in ({"path": "/srv", "id": "m1"}, {"path": "/srv"}, {"path": "/srv", "id": []}):
        assert [target.indirect for target in facts(tool, arguments).targets] == [False, True]


OPTIONAL = """{labels: [C], targets: {
  to: {kind: recipient, at: "/to/*"}, cc: {kind: recipient, at: ["/cc/*", /bcc], optional: true}}}"""


@pytest.mark.parametrize(
    "given",
    [{}, {"cc": None}, {"cc": []}, {"bcc": None}, {"bcc": []}, {"cc": None, "bcc": None}],
)
def test_an_optional_target_that_is_not_there_is_none(given: dict[str, Any]) -> None:
    targets = facts(OPTIONAL, {"to": ["ann@acme.example"], **given}).targets
    assert [target.value for target in targets] == ["ann@acme.example"]


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ({"cc": ["bob@acme.example"]}, ["bob@acme.example"]),
        ({"cc": ["bob@acme.example", None]}, ["bob@acme.example", None]),
        ({"cc": [None]}, [None]),
        ({"cc": [[]]}, [None]),
        ({"cc": [""]}, [None]),
        ({"cc": ""}, [None]),
        ({"cc": {}}, [None]),
        ({"cc": False}, [None]),
        ({"cc": 0}, [None]),
        ({"cc": ()}, []),
        ({"bcc": ""}, [None]),
        ({"bcc": "bob@acme.example"}, ["bob@acme.example"]),
        ({"bcc": ["bob@acme.example"]}, [None]),
    ],
)
def test_an_optional_target_that_is_there_in_any_other_shape_is_a_target(
    given: dict[str, Any], values: list[str | None]
) -> None:
    targets = facts(OPTIONAL, {"to": ["ann@acme.example"], **given}).targets
    assert [target.value for target in targets] == ["ann@acme.example", *values]


def test_an_element_without_the_key_of_an_optional_target_is_a_target_that_is_not_understood() -> None:
    tool = "{labels: [C], targets: {who: {kind: recipient, at: '/guests/*/email', optional: true}}}"
    assert facts(tool, {"guests": []}).targets == ()
    assert [target.value for target in facts(tool, {"guests": [{"id": 7}]}).targets] == [None]


def test_a_target_that_is_not_optional_has_to_be_there() -> None:
    tool = "{labels: [C], targets: {cc: {kind: recipient, at: '/cc/*', optional: false}}}"
    absent: tuple[dict[str, Any], ...] = ({}, {"cc": None}, {"cc": []})
    for arguments in absent:
        assert [target.value for target in facts(tool, arguments).targets] == [None]


def test_an_optional_target_that_is_not_there_matches_no_rule_but_absent() -> None:
    tool = """{labels: [B, C], targets: {cc: {kind: recipient, at: "/cc/*", optional: true}},
      rules: [{when: {cc: {recipient_in: [ann@acme.example]}}, labels: [B]}]}"""
    assert facts(tool, {"cc": ["ann@acme.example"]}).labels == frozenset("B")
    absent: tuple[dict[str, Any], ...] = ({}, {"cc": None}, {"cc": []})
    for arguments in absent:
        assert facts(tool, arguments).labels == frozenset("BC")


def test_what_every_call_reaches_is_a_target_that_no_argument_changes() -> None:
    tool = """{labels: [C], targets: {
      guest: {kind: recipient, at: "/to/*", optional: true}, own: {kind: account, value: mine}}}"""
    own = Target("account", "mine", "mine")
    for arguments in ({}, {"own": "theirs"}, {"to": None}):
        assert facts(tool, arguments).targets == (own,)
    assert facts(tool, {"to": ["ann@acme.example"]}).targets[1:] == (own,)


def test_what_reaches_a_host_besides_its_paths_is_not_local() -> None:
    near = "tools: {t: {labels: [B, C], targets: {path: /p}}}"
    far = "tools: {t: {labels: [B, C], targets: {path: /p, host: {kind: host, value: sync.example}}}}"
    assert [label_text(manifest(text).completion) for text in (near, far)] == ["[B]", "[B][C]"]


def test_what_every_call_reaches_can_be_filled_in_and_is_not_known_until_then() -> None:
    text = """
      tools: {t: {labels: [C], targets: {own: {kind: recipient, value: "${me}"}}}}
      parameters: {me: {type: recipients}}
    """
    found = [manifest(text, **given).tool("t", {}).targets for given in ({}, {"me": ["ann@acme.example"]})]
    assert found == [
        (Target("recipient", None, "${me}", exact=False),),
        (Target("recipient", "ann@acme.example", "ann@acme.example"),),
    ]
