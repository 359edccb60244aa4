"""The shape of a manifest file: what is refused, on which line, in which words."""

from __future__ import annotations

import pytest

from rule_of_two.errors import ConfigurationError
from rule_of_two.manifests.document import ManifestDocument
from rule_of_two.manifests.result_spec import ResultSpec
from rule_of_two.yaml_source import parse_yaml
from tests.manifests.bound import FILE, document, manifest, refused

EXAMPLE = """
source: "PyPI mcp-server-fetch 2026.10.24, tools/list"
match: {pypi: mcp-server-fetch}
tools:
  fetch:
    labels: [A, C]
    writes: none
    targets: {url: /url}
    rules:
      - {when: {url: {host_in: "${trusted_hosts}"}}, labels: [C]}
  search_mail:
    labels: [A, B]
    reads:  {mailbox: /folder}
    result: {items: /structuredContent/messages, author: /from, owner: /to}
resources: [{uri: "file:///**", labels: [A, B]}]
prompts: {summarize: {labels: [A]}}
parameters: {trusted_hosts: {type: hosts, default: []}}
"""


def test_the_example_of_the_documentation_is_a_manifest() -> None:
    loaded = document(EXAMPLE)
    assert loaded.match.pypi == ("mcp-server-fetch",)
    assert loaded.tools["fetch"].targets["url"].at == ("/url",)
    assert loaded.tools["search_mail"].result == ResultSpec(items="/messages", author="/from", owner="/to")


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ("tool: {}", 3, "unknown key 'tool'; did you mean 'tools'?"),
        ("tools:\n  t: {}", 4, "key 'tools.t.labels' is missing"),
        ("tools:\n  t:\n    labels: [A, D]", 5, "'tools.t.labels.1': Input should be 'A', 'B' or 'C'"),
        ("tools:\n  t:\n    labels: A", 5, "'tools.t.labels': "),
        ("resources:\n- {uri: '**', labels: []}", 4, "'resources.0.uri': '**' is no URI pattern"),
        ("resources:\n- {uri: 'x:y', labels: [], targets: {}}", 4, "unknown key 'resources.0.targets'"),
        ("parameters:\n  h: {type: host}", 4, "'parameters.h.type': Input should be"),
        ("parameters:\n  h: {type: hosts, default: x}", 4, "'parameters.h.default': must be a list of hosts"),
        ("texts: [C]", 3, "'texts.0': Input should be 'A' or 'B'"),
        ("match: {npm: [3]}", 3, "'match.npm.0': Input should be a valid string"),
        ("match: {gem: x}", 3, "unknown key 'match.gem'"),
    ],
)
def test_a_key_that_is_no_part_of_a_manifest_is_refused(text: str, line: int, sentence: str) -> None:
    refused(text, line, sentence)


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("target: {}", "unknown key 'tools.t.target'; did you mean 'targets'?"),
        ("targets: [url]", "'tools.t.targets': "),
        ("targets: {to: /to}", "'tools.t.targets.to': is no kind of target; write {kind"),
        ("targets: {url: url}", "'tools.t.targets.url': 'url' is no JSON Pointer"),
        ("targets: {url: 3}", "write a JSON Pointer such as /url"),
        ("targets: {url: []}", "write a JSON Pointer such as /url"),
        ("targets: {s: {kind: pth, at: /s}}", "'tools.t.targets.s.kind': Input should be"),
        ("targets: {s: {kind: path}}", "'tools.t.targets.s': needs one of at and value"),
        ("targets: {s: {kind: path, at: s}}", "'tools.t.targets.s.at': 's' is no JSON Pointer"),
        ("writes: nothing", "write none, store, or {kind: pointer}"),
        ("writes: [none]", "write none, store, or {kind: pointer}"),
        ("reads: {path: p}", "'tools.t.reads.path': 'p' is no JSON Pointer"),
        ("secrets: [token]", "'token' is no JSON Pointer"),
        ("result: {items: x}", "'tools.t.result.items': 'x' is no JSON Pointer"),
        ("arguments: {forced: {}}", "unknown key 'tools.t.arguments.forced'; did you mean 'force'?"),
        (
            "arguments: {force: {namespace: 1}}",
            "'tools.t.arguments.force.namespace': 'namespace' is no JSON Pointer; write",
        ),
        ("arguments: {force: {/n: principal.tennant}}", "write 'principal.tenant'"),
        ("arguments: {force: {/n: 2026-01-01}}", "is no JSON value; write it in quotes"),
        ("arguments: {omit: [admin]}", "'admin' is no JSON Pointer; write '/admin'"),
        ("arguments: {omit: /to/*}", "'*' is none"),
        ('arguments: {cap: {/limit: "100"}}', "'tools.t.arguments.cap./limit': a cap is a number"),
        ("arguments: {cap: {/limit: true}}", "a cap is a number"),
        ("arguments: {cap: {/limit: .inf}}", "a number is finite"),
        ("result: {writer: /x}", "'tools.t.result.writer'"),
        ("opaque: body", "'body' is no JSON Pointer"),
        ("opaque: /parts/*", "'tools.t.opaque.0': names one argument each"),
        ("opaque: /body", "so say what it writes: none, store or where"),
        ("{labels: [C], opaque: /body, rules: [{when: {x: {equals: a}}, labels: []}]}", "say what it writes"),
        ("{opaque: /to, targets: {recipient: /to}}", "'/to' is read as a target of kind recipient, so it cannot"),
        ("{opaque: [/a, /to], targets: {recipient: /to/*}}", "'tools.t.opaque.1': '/to' is read as a target"),
        ("{opaque: /to/0, targets: {recipient: /to/*}}", "of kind recipient at '/to/*'"),
        ("{opaque: /m, targets: {account: /m/to}}", "of kind account at '/m/to'"),
        ("{opaque: /m/to, targets: {query: /m}}", "of kind query at '/m'"),
        ("{opaque: /x, rules: [{when: {x: {equals: a}}, labels: []}]}", "'/x' is read as a rule's condition"),
        ("{opaque: /x, reads: {note: /x}}", "'/x' is read as what it reads"),
        ("{opaque: /x, writes: {note: /x}}", "'/x' is read as what it writes"),
        ("{opaque: /x, arguments: {force: {/x: 1}}}", "'/x' is read as an argument that the manifest sets"),
        ("{opaque: /x, arguments: {omit: /x/y}}", "an argument that the manifest sets at '/x/y'"),
        ("{opaque: /x, arguments: {cap: {/x: 1}}}", "an argument that the manifest sets"),
    ],
)
def test_a_key_of_a_tool_is_checked(key: str, sentence: str) -> None:
    several = key.startswith("{")
    text = (
        (key if "labels: [C]" in key else f"{{labels: [A], {key[1:]}") if several else f"\n    labels: [A]\n    {key}"
    )
    refused(f"tools:\n  t: {text}", 4 if several else 6, sentence)


def test_what_is_opaque_is_known_of_a_tool() -> None:
    bound = manifest("tools: {t: {labels: [C], targets: {recipient: /to}, opaque: [/body, /a~1b/c]}, u: {labels: []}}")
    assert bound.opaque_pointers("t") == ("/body", "/a~1b/c")
    assert bound.opaque_pointers("u") == bound.opaque_pointers("none") == ()


def test_the_rules_of_prompts_are_checked_too() -> None:
    rules = 'rules: [{when: {x: {in: "${names}"}}, labels: []}]'
    refused(f"prompts:\n  t:\n    labels: [A]\n    {rules}", 6, "no parameter is named 'names'")


@pytest.mark.parametrize(
    ("text", "sentence"), [("version: 2\nserver: x", "'version': Input"), ("version: 1\nserver: ../x", "'server': ")]
)
def test_the_version_and_the_name_are_checked(text: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        parse_yaml(text, ManifestDocument, FILE)


def test_a_target_may_stand_in_several_places_and_have_a_name_of_its_own() -> None:
    text = """
        tools:
          send:
            labels: [C]
            targets:
              recipient: ["/to/*", "/cc/*"]
              account: {kind: account, at: /from}
              source: {kind: path, at: [/a, /b]}
        """
    targets = document(text).tools["send"].targets
    assert {name: (target.kind, target.at) for name, target in targets.items()} == {
        "recipient": ("recipient", ("/to/*", "/cc/*")),
        "account": ("account", ("/from",)),
        "source": ("path", ("/a", "/b")),
    }


def test_the_schema_of_the_file_describes_the_short_forms() -> None:
    schema = ManifestDocument.model_json_schema()
    targets = schema["$defs"]["ToolSpec"]["properties"]["targets"]["additionalProperties"]
    assert {"type": "string"} in targets["anyOf"]
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("{kind: host}", "needs one of at and value"),
        ("{kind: host, at: /x, value: a.example}", "needs one of at and value"),
        ("{kind: host, value: A.example}", "'A.example' is no canonical host"),
        ("{kind: host, value: ''}", "'' is no canonical host"),
        ("{kind: recipient, value: '@a.example'}", "is no canonical recipient"),
        ("{kind: path, value: /srv}", "is for kind host or recipient or account; a path stands in an argument"),
        ("{kind: host, value: a.example, indirect: true}", "is always there"),
        ("{kind: host, value: a.example, optional: true}", "is always there"),
    ],
)
def test_a_target_of_every_call_is_canonical_and_has_no_place(target: str, sentence: str) -> None:
    refused(f"tools:\n  t:\n    labels: [C]\n    targets:\n      x: {target}\n", 7, sentence)


@pytest.mark.parametrize("condition", ["{host_in: [a.example]}", "{absent: true}", "{equals: a.example}"])
def test_a_rule_cannot_ask_for_a_target_of_every_call(condition: str) -> None:
    text = """
      tools:
        t:
          labels: [C]
          targets: {x: {kind: host, value: a.example}}
          rules:
            - when: {x: CONDITION}
              labels: []
    """
    refused(text.replace("CONDITION", condition), 8, "is the same in every call")


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("{kind: host, value: '${elsewhere}'}", "no parameter is named 'elsewhere'"),
        ("{kind: host, value: '${people}'}", "takes a parameter of type hosts, and 'people' is of type recipients"),
        ("{kind: account, value: '${people}'}", "takes a literal, and 'people' is of type recipients"),
    ],
)
def test_what_the_operator_fills_in_for_a_target_has_its_type(target: str, sentence: str) -> None:
    head = "parameters: {people: {type: recipients}}\ntools:\n  t:\n    labels: [C]\n    targets:\n"
    refused(f"{head}      x: {target}\n", 8, sentence)
