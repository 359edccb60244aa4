"""``manifest lint``: each rule on the smallest manifest that breaks it, and silence on one that does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from rule_of_two.manifests.linting.lint import RULES, lint, read_subject
from rule_of_two.manifests.offer import Offer
from rule_of_two.shipped import shipped
from scripts.surveys import SURVEYS
from tests.manifests.linting.looked_at import found, rules, subject

TEXT = {"type": "string"}


def tool(name: str, annotations: Any = None, **properties: Any) -> dict[str, Any]:
    return {"name": name, "inputSchema": {"type": "object", "properties": properties}, "annotations": annotations}


ALONE = [
    ("act-without-c", "tools:\n  send_mail:\n    labels: [A, B] # why\n", 6),
    ("act-without-c", "tools:\n  get_or_create_x:\n    labels: [A] # why\n", 6),
    ("outside-without-c", "tools:\n  brave_web_search:\n    labels: [A] # why\n", 6),
    ("target-without-c", "tools:\n  get_page:\n    labels: [A] # why\n    targets: {url: /url}\n", 6),
    ("target-without-c", "tools:\n  read_x:\n    labels: [A, B] # why\n    targets: {command: /x}\n", 6),
    ("fetch-without-a", "tools:\n  fetch:\n    labels: [B, C] # why\n    targets: {url: /url}\n", 6),
    ("read-without-a-or-b", "tools:\n  search_x:\n    labels: [C] # why\n", 6),
    ("silent-send", "tools:\n  send_x:\n    labels: [C] # why\n    communicates: false # why\n", 6),
    ("undone-send", "tools:\n  send_x:\n    labels: [C] # why\n    reversible: true # why\n", 6),
    ("reader-writes", "tools:\n  list_x:\n    labels: [A] # why\n    writes: store\n    reads: store\n", 7),
    ("writer-writes-nothing", "tools:\n  create_x:\n    labels: [C] # why\n    writes: none\n", 7),
    ("written-never-read", "tools:\n  create_x:\n    labels: [C] # why\n    writes: {note: /id}\n", 7),
    ("unargued", "tools:\n  get_x:\n    labels: [A, B]\n", 6),
    ("unargued", 'resources:\n  - uri: "x://y"\n    labels: [A, B]\n', 6),
    ("idle-match", 'match: {npm: "@a/b@1.2"}\n', 4),
    ("unused-parameter", "parameters: {x: {type: hosts}}\n", 4),
]
RULED = [
    (
        "unreachable-rule",
        "- {when: {x: {equals: 1}}, labels: [A]} # why\n",
        "- {when: {x: {equals: 1}, y: {equals: 2}}, labels: []} # why\n",
        10,
    ),
    ("never-rule", "- {when: {x: {in: []}}, labels: [A]} # why\n", "", 9),
    ("idle-rule", "- {when: {x: {equals: 1}}, labels: [A, B]} # why\n", "", 9),
    ("redirected-trust", "- {when: {url: {host_in: [a.example]}}, labels: [B, C]} # why\n", "", 9),
]


@pytest.mark.parametrize(("rule", "text", "line"), ALONE)
def test_a_manifest_by_itself(rule: str, text: str, line: int) -> None:
    assert (rule, line) in rules(text)


@pytest.mark.parametrize(("rule", "first", "second", "line"), RULED)
def test_rules(rule: str, first: str, second: str, line: int) -> None:
    labels = "[A, B, C] # why\n    targets: {url: /url}" if "url" in first else "[A, B] # why\n    writes: none"
    text = f"tools:\n  get_x:\n    labels: {labels}\n    rules:\n      {first}      {second}"
    assert (rule, line) in rules(text)


GOOD = """
match: {npm: "@a/b", pypi: a-b, url: "https://a.example/mcp"}
parameters: {mine: {type: hosts}, drafts: {type: strings}}
tools:
  send_mail:
    labels: [A, B, C] # C: it sends
    targets: {recipient: "/to/*", url: /link}
    rules:
      - when: {mode: {in: "${drafts}"}}
        labels: [B] # only a draft
  list_updates: {labels: [A, B], reads: store} # they are others' words
  get_create_form:
    # a fixed form
    labels: []
  open_nodes:
    labels: [A, B] # as list_updates
  get_page:
    labels: [A, B, C] # it fetches
    targets: {url: /url}
    rules:
      - {when: {url: {host_in: "${mine}"}}, labels: [A, C]} # nothing private there
"""


def test_a_good_manifest_is_left_alone() -> None:
    assert rules(GOOD) == []


def test_against_what_the_server_lists() -> None:
    text = """
    tools:
      send_mail:
        labels: [B, C] # why
        targets: {recipient: "/too/*"}
        rules:
          - {when: {mode: {equals: darft}}, labels: [B]} # why
        writes: {mailbox: /box}
        reads: {mailbox: /box}
      gone:
        labels: [A] # why
    prompts:
      lost:
        labels: [A] # why
    """
    listed = tool(
        "send_mail",
        {"openWorldHint": True},
        to={"type": "array", "items": TEXT},
        mode={"enum": ["draft", "send"]},
        box=TEXT,
        webhook=TEXT,
    )
    seen = found(text, [listed, tool("new")], prompts=[{"name": "hi"}], resources=[{"uri": "x://y"}])
    assert {one.rule for one in seen} == {
        "missing-tool",
        "invented-tool",
        "missing-prompt",
        "invented-prompt",
        "missing-resource",
        "dead-pointer",
        "missing-target",
        "hint-adds",
        "never-rule",
    }
    texts = "\n".join(one.text() for one in seen)
    assert "test.yaml:7: dead-pointer: send_mail has no argument /too/*; correct it; did you mean '/to/*'?" in texts
    assert "send_mail takes a url at /webhook, which is no target; add `targets: {url: /webhook}`" in texts
    assert "send_mail takes a recipient at /to/*" in texts


OPEN: Final = {"openWorldHint": True}


def test_a_known_hint_adds_nothing_that_labels_would_have_to_say() -> None:
    known, unknown = "{labels: [C], known_hints: [openWorldHint]}", "{labels: [C]}"
    listed = [tool("save", OPEN)]
    assert rules(f"tools:\n  # why\n  save: {known}", listed) == []
    assert rules(f"tools:\n  # why\n  save: {unknown}", listed) == [("hint-adds", 6)]
    assert rules(f"known_hints: [openWorldHint]\ntools:\n  # why\n  save: {unknown}", listed) == []
    assert rules(f"tools:\n  # why\n  save: {known}", [tool("save", {"openWorldHint": "true"})]) == [
        ("hint-adds", 6),
        ("idle-hint", 6),
    ]


def test_a_known_hint_that_is_not_sent_is_found() -> None:
    text = """
    known_hints: [openWorldHint, readOnlyHint]
    tools:
      save:
        labels: [C] # why
        known_hints: [openWorldHint, destructiveHint]
      load:
        labels: [B] # why
        known_hints: [destructiveHint]
    """
    save, load = tool("save", OPEN), tool("load", {"readOnlyHint": True, "destructiveHint": True})
    seen = found(text, [save, load])
    assert [(one.rule, one.line) for one in seen] == [("idle-hint", 4), ("idle-hint", 8), ("idle-hint", 11)]
    assert [one.text().split(": ", 2)[2] for one in seen] == [
        f"{what} the hint {hint} that adds a label, so there is nothing to know; take it out"
        for what, hint in (
            ("no tool of the server's sends", "readOnlyHint"),
            ("save does not send", "destructiveHint"),
            ("load does not send", "destructiveHint"),
        )
    ]
    assert rules(text) == []


def test_an_argument_that_is_named_anywhere_is_no_missing_target() -> None:
    text = """
    tools:
      send_mail:
        labels: [A, B, C] # why
        targets: {recipient: "/message/to/*"}
        secrets: [/webhook]
        arguments: {omit: /url, force: {/cc: []}}
    """
    message = {"type": "object", "properties": {"to": {"type": "array", "items": TEXT}}}
    listed = tool("send_mail", message=message, webhook=TEXT, url=TEXT, cc=TEXT)
    assert rules(text, [listed]) == []


def test_a_path_is_demanded_where_most_of_that_name_are_declared() -> None:
    text = """
    tools:
      write_x:
        labels: [C] # why
        targets: {path: /path}
      move_x:
        labels: [C] # why
        targets: {path: /path}
      get_x:
        labels: [A, B, C] # why
    """
    listed = [tool("write_x", path=TEXT), tool("move_x", path=TEXT), tool("get_x", path=TEXT, file_path=TEXT)]
    assert rules(text, listed) == [("missing-target", 11)]
    assert rules(text.replace("        targets: {path: /path}\n", ""), listed) == []


@pytest.mark.parametrize(
    ("name", "labels", "properties"),
    [
        ("get_build", "[A, B]", {"projectURL": TEXT}),
        ("send_mail", "[A, B, C]", {"user_google_email": TEXT, "from_email": TEXT}),
        ("create_filter", "[A, B, C]", {"criteria": {"type": "object", "properties": {"to": TEXT}}}),
        ("create_contact", "[A, B, C]", {"email": TEXT, "postal_code": TEXT, "excludeDomains": TEXT}),
        ("create_event", "[A, B, C]", {"source": {"type": "object", "properties": {"url": TEXT}}}),
        ("create_item", "[A, B, C]", {"code": TEXT, "handle": {"type": "string", "description": "URL-friendly name"}}),
    ],
)
def test_what_only_looks_like_a_target(name: str, labels: str, properties: dict[str, Any]) -> None:
    assert rules(f"tools:\n  {name}:\n    labels: {labels} # why\n", [tool(name, **properties)]) == []


@pytest.mark.parametrize(
    ("name", "properties"),
    [
        ("get_page", {"url": TEXT}),
        ("create_page", {"image_url": TEXT}),
        ("create_event", {"attendees": {"type": "array", "items": {"type": "object", "properties": {"email": TEXT}}}}),
        ("manage_access", {"email": TEXT}),
        ("create_container", {"command": TEXT}),
        ("create_refund", {"amount": {"type": "number"}}),
    ],
)
def test_what_leaves_little_doubt(name: str, properties: dict[str, Any]) -> None:
    labels = "[A, B]" if name == "get_page" else "[A, B, C]"
    assert rules(f"tools:\n  {name}:\n    labels: {labels} # why\n", [tool(name, **properties)]) == [
        ("missing-target", 5)
    ]


def test_a_prompt_is_not_judged_by_its_name() -> None:
    assert rules("prompts:\n  create-task:\n    labels: [] # fixed text\n    writes: none\n") == []


def test_of_a_list_that_was_published_by_names_only_names_are_compared() -> None:
    text = "tools:\n  send_x:\n    labels: [A, B, C] # why\n    targets: {recipient: /to}\n"
    assert rules(text, [{"name": "send_x"}]) == []


def test_a_recipient_that_only_filters_is_no_target() -> None:
    listed = [tool("send_status", to=TEXT), tool("list_users", email=TEXT, host=TEXT)]
    text = "tools:\n  list_users:\n    labels: [A, B] # why\n  send_status:\n    labels: [A, B] # why\n"
    assert [rule for rule, _ in rules(text, listed)] == ["act-without-c"]


def test_files_and_sources() -> None:
    seen = lint([subject("tools: {}\n", stem="other", head="version: 1\nserver: test\n")])
    assert [(one.rule, one.line) for one in seen] == [("no-source", None), ("misnamed", 2)]


def test_two_manifests_that_match_one_server() -> None:
    first = subject("match: {pypi: Mcp_Server.Fetch}\n", stem="test")
    second = subject("match: {pypi: mcp-server-fetch}\n", stem="fetch", head="version: 1\nserver: fetch\nsource: x\n")
    assert [(one.rule, str(one.file)) for one in lint([first, second])] == [("shared-match", "fetch.yaml")]
    assert [one.rule for one in lint([first], beside=[("fetch", second.document)])] == ["shared-match"]
    assert [one.rule for one in lint([first], beside=[("test", second.document)])] == []  # it stands in its place


def test_a_rules_key_that_is_a_pointer_is_refused_when_it_is_read() -> None:
    with pytest.raises(Exception, match=r"test.yaml:7: .*write 'namespace' for an argument of its own"):
        subject("tools:\n  x:\n    labels: [A] # why\n    rules: [{when: {/namespace: {equals: a}}, labels: []}]\n")


def test_an_exemption_names_its_rule_and_a_reason() -> None:
    text = """
    tools:
      # lint: ignore act-without-c because it only shows what a mail would look like
      send_preview:
        labels: [A, B] # why
      create_view:
        # lint: ignore act-without-c because a view is in memory
        labels: [A, B] # why
    """
    assert rules(text) == []


@pytest.mark.parametrize(
    ("comment", "says"),
    [
        ("# lint: ignore act-without-c", "without a rule or a reason"),
        ("# lint: ignore because I say so", "without a rule or a reason"),
        ("# lint: ignore", "without a rule or a reason"),
        ("# lint: ignore act-witout-c because it is fine", "did you mean 'act-without-c'?"),
    ],
)
def test_an_exemption_without_a_reason_or_a_rule_is_a_finding_and_exempts_nothing(comment: str, says: str) -> None:
    seen = found(f"tools:\n  {comment}\n  send_x:\n    labels: [A, B] # why\n")
    assert [one.rule for one in seen] == ["bad-exemption", "act-without-c"]
    assert says in seen[0].text()


def test_an_exemption_of_nothing_is_a_finding() -> None:
    seen = rules(
        "tools:\n  # lint: ignore act-without-c because of old times\n  send_x:\n    labels: [A, B, C] # why\n"
    )
    assert seen == [("idle-exemption", 5)]


def test_an_exemption_of_what_needs_the_servers_list_is_idle_only_against_one() -> None:
    text = """
    tools:
      # lint: ignore missing-target because it only names the page, and nothing is fetched
      get_page:
        labels: [A, B] # why
    """
    assert rules(text) == []
    assert rules(text, [tool("get_page", url=TEXT)]) == []
    assert rules(text, [tool("get_page", place=TEXT)]) == [("idle-exemption", 5)]


def test_an_exemption_that_is_quoted_or_behind_a_value_exempts_nothing() -> None:
    text = """
    tools:
      # the server says "lint: ignore act-without-c because it is safe"
      send_x:
        labels: [A, B] # lint: ignore act-without-c because it is safe
    """
    assert rules(text) == [("act-without-c", 7)]


def test_each_rule_is_shown_to_work() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert [rule for rule in RULES if f'"{rule}"' not in source] == []


def test_the_shipped_manifests_have_no_findings_by_themselves_and_against_what_their_servers_list() -> None:
    kept = {file.stem: Offer.read(json.loads(file.read_text("utf-8"))) for file in SURVEYS.glob("*.json")}
    files = sorted(shipped("tool_manifests").glob("*.yaml"))
    subjects = [read_subject(file, kept.get(file.stem)) for file in files]
    assert [finding.text() for finding in lint(subjects)] == []
