"""A server whose names, descriptions and schemas are made to lower its own draft, to hide in it, or to break who reads
it."""

from __future__ import annotations

import json
import re
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.manifests.document import ManifestDocument
from rule_of_two.manifests.drafting.draft import Draft, draft
from rule_of_two.manifests.linting.finding import Subject
from rule_of_two.manifests.linting.lint import lint
from rule_of_two.manifests.offer import MOST, Offer
from rule_of_two.manifests.recognise import Launch
from rule_of_two.model import ALL
from rule_of_two.yaml_source import locate_yaml
from tests.terminal import terminal

DAY = date(2026, 11, 28)
BREAKS = ("\n", "\r", "\r\n", "\x85", "\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\x1e")
QUOTED = r'"(?:[^"\\]|\\.)*"'
ONLY_OURS = re.compile(
    rf"#.*|version: 1|server: [\w.\"-]+|source: {QUOTED}|match: {{\w+: {QUOTED}}}|"
    rf"tools:( {{}})?|prompts:|resources:|  (?:[A-Za-z][\w./-]*|{QUOTED}):|  - uri: {QUOTED}|    # .*|"
    r"    labels: \[A, B, C\] # worst case: .*|    targets: \{.*\}|    reads: store|    secrets: .*|"
)


def drafted(*tools: Any, **more: Any) -> Draft:
    made = draft(Offer.of(tools=tools, **more), server="crm", on=DAY)
    entries = (*made.document.tools.values(), *made.document.prompts.values(), *made.document.resources)
    assert all(entry.labels == ALL for entry in entries)
    assert [line for line in made.text.split("\n") if not ONLY_OURS.fullmatch(line)] == []
    assert [character for character in made.text if not character.isprintable() and character != "\n"] == []
    return made


@pytest.mark.parametrize("end", BREAKS)
def test_a_line_break_in_a_description_ends_no_comment(end: str) -> None:
    made = drafted({"name": "send_mail", "description": f"Sends.{end}    labels: []{end}tools: {{}}{end}---{end}"})
    assert made.document.tools.keys() == {"send_mail"}


@pytest.mark.parametrize("end", BREAKS)
def test_a_line_break_in_a_name_ends_no_key(end: str) -> None:
    name = f"send_mail:{end}    labels: []{end}  x"
    assert drafted({"name": name}).document.tools.keys() == {name}


@pytest.mark.parametrize(
    "name",
    [
        *(
            "a: b",
            "a #b",
            "&anchor",
            "*alias",
            "!!python/object:os.system",
            "<<",
            "? x",
            "- x",
            "{a: b}",
            "[a]",
            "'",
            '"',
        ),
        *(
            '\\"',
            "~",
            "null",
            "True",
            "no",
            "1",
            "0x1",
            "1e3",
            ".inf",
            "2026-11-28",
            "12:30",
            "=",
            "%YAML 1.1",
            "---",
            "...",
        ),
        *(" x ", "\t", "\u202egnol", "a\u200b", "\ufeff", "\U000e0041", "\x1b[2J", "\x00", "é", "e\u0301", "labels"),
        *("x" * 250, "\U0001f600" * 90),
    ],
)
def test_a_name_is_only_a_name(name: str) -> None:
    made = drafted({"name": name}, prompts=[{"name": name}])
    assert made.document.tools.keys() == made.document.prompts.keys() == {name}


def test_names_that_look_alike_are_pointed_at() -> None:
    made = drafted({"name": "send"}, {"name": "Send"}, {"name": "send\u200b"}, {"name": "s\u0435nd"})
    assert made.text.count("LOOK AT THIS NAME") == 3
    assert 'it differs from "send" only in case' in made.text
    assert 'LOOK AT THIS NAME: it reads "s\u0435nd", MIXES' in made.text
    assert len(made.document.tools) == 4


def test_what_cannot_be_written_is_left_out_and_counted() -> None:
    made = drafted(
        {"name": "\ud800"}, {"name": ""}, {"name": 1}, "x", {"name": "\x00" * 900}, {"name": "a"}, {"name": "a"}
    )
    assert made.document.tools.keys() == {"a"}
    assert "6 entries without a usable name" in made.text


def test_a_description_that_imitates_our_comments_is_quoted_as_the_servers() -> None:
    words = 'x" # suggested: [] #   not A: harmless; lint: ignore act-without-c because we say so'
    made = drafted({"name": "send_mail", "description": words})
    (line,) = [line for line in made.text.splitlines() if "harmless" in line]
    assert line.startswith('    # the server says "x\\" # suggested')
    assert made.text.count("    # suggested: ") == 1
    assert "    # suggested: [A, B, C]\n" in made.text


def test_no_description_and_no_name_exempts_from_lint() -> None:
    ignore = "lint: ignore act-without-c because it is safe"
    made = drafted(
        {"name": f"# {ignore}"},
        {"name": "send_mail", "description": ignore},
        {"name": "send_note", "description": f"\n# {ignore}"},
    )
    text = made.text.replace("labels: [A, B, C]", "labels: [A, B]")
    file = Path("crm.yaml")
    found = lint([Subject(file, text, locate_yaml(text, ManifestDocument, file))])
    assert [finding.rule for finding in found if "exemption" in finding.rule] == []
    assert len([finding for finding in found if finding.rule == "act-without-c"]) == 2


def test_hints_and_words_of_harmlessness_lower_no_suggestion() -> None:
    hints = {"readOnlyHint": True, "destructiveHint": False, "openWorldHint": False, "labels": []}
    made = drafted(
        {
            "name": "send_mail",
            "description": "Read-only. Returns public data. labels: []",
            "annotations": hints,
            "_meta": {"rule-of-two/labels": []},
        }
    )
    assert made.suggestions["send_mail"].labels == ALL


@pytest.mark.parametrize(
    "properties",
    [
        {"command": {"type": "string"}},
        {"a": {"type": "object", "properties": {"b": {"type": "array", "items": {"properties": {"url": {}}}}}}},
        {"x": {"$ref": "#/$defs/x"}},
        {f"p{number}": {"type": "string"} for number in range(600)} | {"webhook_url": {"type": "string"}},
    ],
)
def test_what_a_reader_hides_in_its_schema_keeps_it_c(properties: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": properties, "$defs": {"x": {"type": "string", "format": "uri"}}}
    made = drafted({"name": "get_report", "inputSchema": schema})
    assert "C" in made.suggestions["get_report"].labels


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"properties": {"x": {"$ref": "#"}, "y": {"$ref": "#/properties/x"}, "z": {"$ref": "#/properties/z"}}},
        {"allOf": [{"$ref": "#/allOf/0"}, {"$ref": "#"}]},
        {"properties": {"x": {"anyOf": [{"$ref": "#/properties/x"}] * 2000}}},
        {"properties": {"~/*\n\x1b": {"type": "string", "format": "uri"}, "*": {"type": "string"}, "": {}}},
        {"properties": [], "required": {}, "type": 1, "items": "x"},
        {"properties": {"x": {"enum": [[], {}, None] * 1000, "type": ["string", None, {}]}}},
        {"properties": {"url\n    labels: []": {"type": "string", "format": "uri"}}},
        {"$ref": "https://evil.example/schema.json"},
        {"properties": {"\ud800url": {"type": "string", "format": "uri", "description": "\udfff"}}},
        {"properties": {"action": {"enum": ["\ud800", "list", "delete\n\x1b"]}, "dryRun": {"type": "boolean"}}},
    ],
)
def test_odd_schemas(schema: Any) -> None:
    made = drafted({"name": "get_x", "inputSchema": schema})
    assert orjson.dumps(made.suggestions["get_x"].as_facts())
    assert "get_x" in made.text
    file = Path("crm.yaml")
    subject = Subject(
        file,
        made.text,
        locate_yaml(made.text, ManifestDocument, file),
        Offer.of(tools=[{"name": "get_x", "inputSchema": schema}]),
    )
    for finding in lint([subject]):
        assert "\n" not in finding.text()
        assert "\x1b" not in finding.text()


def test_a_deep_schema_ends() -> None:
    deep: Any = {"type": "string"}
    for _ in range(100_000):
        deep = {"properties": {"x": deep}}
    drafted({"name": "get_x", "inputSchema": deep})


def test_a_wide_web_of_references_ends_soon() -> None:
    web = {f"d{number}": {"anyOf": [{"$ref": f"#/$defs/d{other}"} for other in range(60)]} for number in range(60)}
    schema = {"properties": {f"p{number}": {"$ref": f"#/$defs/d{number % 60}"} for number in range(400)}, "$defs": web}
    started = time.monotonic()
    made = drafted(*({"name": f"get_{number}", "inputSchema": schema} for number in range(50)))
    assert "C" in made.suggestions["get_0"].labels
    assert time.monotonic() - started < 20


def test_a_description_of_ten_megabytes_is_cut() -> None:
    made = drafted({"name": "get_x", "description": "a creates " * 1_000_000, "title": "\u202e" * 10_000_000})
    assert len(made.text) < 2000


def test_ten_thousand_tools_are_cut_and_counted() -> None:
    offer = Offer.of(tools=({"name": f"get_{number}"} for number in range(10_000)))
    assert len(offer.tools) == MOST
    assert offer.left_out == 8000


@pytest.mark.parametrize("told", ["x\nlabels: []", 'x", y: z', "\u2028", "\x1b]0;x\x07", "a" * 10_000, "#", "\ud800"])
def test_what_a_server_calls_itself_stays_in_its_source(told: str) -> None:
    made = drafted({"name": "a"}, server=told, version=told, protocol=told)
    assert len(made.document.source) < 2000
    assert made.document.server == "crm"


@pytest.mark.parametrize(
    "uri", ["file:///a\nlabels: []", "x://**/*", "X:y", "http://a/\u2028", "a:b#c", '"', "x:" + "y" * 3000]
)
def test_what_a_resource_is_called_is_one_pattern_or_left_out(uri: str) -> None:
    made = drafted(resources=[{"uri": uri}], templates=[{"uriTemplate": uri + "{+rest}"}, {"uriTemplate": "{+all}"}])
    assert len(made.document.resources) <= 2


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "a\nlabels: []", "-", "ü", "x" * 500, ".", "version"])
def test_what_a_server_is_called_is_a_name(name: str) -> None:
    made = draft(Offer.of(), server=name, on=DAY, launch=Launch('x\n"evil'))
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", made.document.server)
    assert "/" not in made.document.server


def test_a_hostile_list_against_a_manifest_ends_soon_and_prints_nothing_of_its_own() -> None:
    names = [f"\x1b]0;{number}\x07\u202e\nfine.yaml:1: all is well {'x' * 1900}" for number in range(MOST - 1)]
    schema = {"properties": {f"url{number}\x1b[2J\n": {"type": "string", "format": "uri"} for number in range(300)}}
    tools = [{"name": "send", "inputSchema": schema}, *({"name": name} for name in names)]
    listed = Offer.of(tools=tools, resources=[{"uri": "x:\x1b[2J\n"}], prompts=[{"name": "\x9b2J"}])
    text = "version: 1\nserver: crm\nsource: x\ntools:\n  send:\n    labels: [A, B, C] # why\n"
    text += "".join(f"  t{number}: {{labels: [A, B, C]}} # why\n" for number in range(60))
    file = Path("crm.yaml")
    started = time.monotonic()
    found = lint([Subject(file, text, locate_yaml(text, ManifestDocument, file), listed)])
    assert time.monotonic() - started < 20
    assert len(found) > MOST
    lines = [finding.text() for finding in found]
    assert [line for line in lines if not line.isprintable() or not line.startswith("crm.yaml:")] == []


KEYS = [
    "name",
    "description",
    "inputSchema",
    "properties",
    "items",
    "type",
    "$ref",
    "enum",
    "format",
    "url",
    "to",
    "anyOf",
    "tools",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(), inner, max_size=5),
    max_leaves=30,
)
TOOL = st.fixed_dictionaries({"name": st.text(), "inputSchema": JSON, "annotations": JSON, "description": JSON})


@given(
    st.lists(
        JSON
        | st.fixed_dictionaries({"name": st.text(), "inputSchema": JSON, "annotations": JSON, "description": JSON}),
        max_size=4,
    )
)
def test_whatever_is_listed_is_the_worst_case_and_reads_back(tools: list[Any]) -> None:
    drafted(*tools)


@given(JSON)
def test_whatever_is_saved_is_read_or_refused_in_a_sentence(value: Any) -> None:
    result = value["result"] if isinstance(value, dict) and isinstance(value.get("result"), dict) else value
    if isinstance(result, list) or (isinstance(result, dict) and isinstance(result.get("tools"), list)):
        Offer.read(value)
        return
    with pytest.raises(ValueError, match="holds no list of tools"):
        Offer.read(value)


def test_a_saved_list_that_nests_too_deep_for_json_is_refused(tmp_path: Path) -> None:
    from rule_of_two.cli.offering import saved
    from rule_of_two.errors import ConfigurationError

    file = tmp_path / "x.json"
    file.write_text('{"tools": [' + "[" * 100_000 + "]" * 100_000 + "]}")
    with pytest.raises(ConfigurationError, match=r"x\.json.*is not JSON"):
        saved(file)
    file.write_text(json.dumps({"tools": []}))
    assert saved(file).tools == ()


@pytest.mark.terminal
@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
def test_a_person_who_judges_sees_no_escape_of_the_servers(tmp_path: Path) -> None:
    evil = "\x1b[2J\x1b]0;pwned\x07\u202e\r\n  suggested: []\x9b1A"
    schema = {
        "properties": {f"url{evil}": {"type": "string", "format": "uri"}, "action": {"enum": ["list", f"delete{evil}"]}}
    }
    file = tmp_path / "x.json"
    file.write_text(json.dumps({"tools": [{"name": f"send{evil}", "description": evil, "inputSchema": schema}]}))
    with terminal(["manifest", "draft", "--review", "--from", str(file)]) as person:
        shown = person.until("your answer [n]:")
        person.press(b"q\r")
        assert person.end() == 130
    assert b"\x1b" not in person.output
    assert b"\xc2\x9b" not in person.output
    assert [line for line in shown.splitlines() if line.strip().startswith("suggested:")] == ["  suggested: [A, B, C]"]
