"""Arguments made from targets: facts find the same targets in them again, or there are none."""

from __future__ import annotations

import pytest

from rule_of_two.manifests.document import PromptSpec
from rule_of_two.manifests.example import example_arguments
from rule_of_two.manifests.manifest import Manifest
from scripts.servers import SERVERS
from tests.manifests.bound import document, shipped_documents

SHIPPED = {one.server: one for one in shipped_documents()}
SAMPLES = {
    "path": "/srv/x",
    "url": "a.example",
    "host": "a.example",
    "query": "q",
    "command": "c",
    "recipient": "a@b.example",
    "account": "name",
    "amount": "12.5",
}


def _tool(targets: str) -> PromptSpec:
    return document(f"tools: {{t: {{labels: [A], targets: {targets}}}}}").tools["t"]


@pytest.mark.parametrize("server", SHIPPED)
def test_facts_find_the_same_targets_again_in_every_shipped_manifest(server: str) -> None:
    manifest = Manifest(SHIPPED[server], upstream="up", store="up")
    for tool, spec in SHIPPED[server].tools.items():
        values = [(target.kind, SAMPLES[target.kind]) for target in spec.targets.values() for _ in target.at]
        arguments = example_arguments(spec, values)
        if arguments is None:
            assert server not in SERVERS, tool  # several arrays, or one place inside another: not told apart
            continue
        found = manifest.tool(tool, arguments).targets
        assert [(one.kind, one.value, one.exact) for one in found] == [(kind, value, True) for kind, value in values]


def test_an_array_takes_what_is_left() -> None:
    spec = _tool("{recipient: [/from, '/to/*', /cc]}")
    values = [("recipient", f"{name}@b.example") for name in "abcd"]
    assert example_arguments(spec, values) == {
        "from": "a@b.example",
        "to": ["b@b.example", "c@b.example"],
        "cc": "d@b.example",
    }


def test_places_inside_objects_and_elements() -> None:
    spec = _tool("{url: /page/link, path: '/items/*/file/path'}")
    assert example_arguments(spec, [("url", "a.example"), ("path", "/x"), ("path", "/y")]) == {
        "page": {"link": "https://a.example"},
        "items": [{"file": {"path": "/x"}}, {"file": {"path": "/y"}}],
    }


@pytest.mark.parametrize(
    ("targets", "values"),
    [
        ("{path: [/a, /b]}", [("path", "/x")]),  # one is missing
        ("{path: /a}", [("path", "/x"), ("path", "/y")]),  # one too many
        ("{path: /a}", [("url", "a.example")]),  # another kind
        ("{path: ['/a/*', '/b/*']}", [("path", "/x"), ("path", "/y")]),  # whose is whose?
        ("{path: '/a/*/b/*'}", [("path", "/x")]),
        ("{path: '/*/b'}", [("path", "/x")]),  # arguments are no array
        ("{path: [/a, /a/b]}", [("path", "/x"), ("path", "/y")]),  # a place inside a value
        ("{path: [/a, /a]}", [("path", "/x"), ("path", "/y")]),
    ],
)
def test_what_cannot_be_told_apart_is_no_example(targets: str, values: list[tuple[str, str]]) -> None:
    assert example_arguments(_tool(targets), values) is None


def test_what_every_call_reaches_is_in_no_argument() -> None:
    spec = _tool("{to: {kind: recipient, at: '/to/*'}, own: {kind: recipient, value: own@b.example}}")
    given, own = ("recipient", "a@b.example"), ("recipient", "own@b.example")
    assert example_arguments(spec, [given, own]) == {"to": ["a@b.example"]}
    assert example_arguments(spec, [given]) is None


def test_an_argument_that_may_be_left_out_is_not_guessed_beside_an_array() -> None:
    spec = _tool("{to: {kind: recipient, at: '/to/*'}, cc: {kind: recipient, at: /cc, optional: true}}")
    assert example_arguments(spec, [("recipient", "a@b.example"), ("recipient", "c@b.example")]) is None
    spec = _tool("{to: {kind: recipient, at: /to}, cc: {kind: recipient, at: '/cc/*', optional: true}}")
    assert example_arguments(spec, [("recipient", "a@b.example")]) is None
    assert example_arguments(spec, [("recipient", "a@b.example"), ("recipient", "c@b.example")]) == {
        "to": "a@b.example",
        "cc": ["c@b.example"],
    }
    spec = _tool("{to: {kind: recipient, at: /to, optional: true}, cc: {kind: recipient, at: /cc, optional: true}}")
    assert example_arguments(spec, [("recipient", "a@b.example")]) is None
