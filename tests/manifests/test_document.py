"""The shape of a manifest file: what is refused, on which line, in which words."""

from __future__ import annotations

import pytest

from rule_of_two.errors import ConfigurationError
from rule_of_two.manifests.document import ManifestDocument
from rule_of_two.manifests.result_spec import ResultSpec
from rule_of_two.yaml_source import parse_yaml
from tests.manifests.bound import FILE, document, refused

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
        ("targets: {s: {kind: path}}", "key 'tools.t.targets.s.at' is missing"),
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
    ],
)
def test_a_key_of_a_tool_is_checked(key: str, sentence: str) -> None:
    refused(f"tools:\n  t:\n    labels: [A]\n    {key}", 6, sentence)


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
