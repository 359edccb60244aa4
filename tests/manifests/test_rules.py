"""Argument-conditional labels: the first match replaces, and whatever is not certain is the worst case."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rule_of_two.manifests.manifest import Manifest
from rule_of_two.model import label_text
from tests.manifests.bound import manifest

URL = """
    tools:
      get:
        labels: [A, C]
        targets: {url: /url}
        rules: [{when: {url: {host_in: "${hosts}"}}, labels: [C]}]
    parameters: {hosts: {type: hosts, default: [good.example, "müller.example", "good.example:8443", "[::1]"]}}
"""
MAIL = """
    tools:
      send:
        labels: [B, C]
        targets: {recipient: "/to/*"}
        rules: [{when: {recipient: {recipient_in: [boss@good.example, me@good.example]}}, labels: [B]}]
"""
PAY = """
    tools:
      pay:
        labels: [C]
        targets: {amount: /amount}
        rules: [{when: {amount: {at_most: "${cap}"}}, labels: []}]
    parameters: {cap: {type: amount}}
"""
SCALAR = """
    tools:
      run:
        labels: [A, C]
        rules:
          - {when: {mode: {equals: read}}, labels: [A]}
          - {when: {count: {in: [1, 2]}, dry: {equals: true}}, labels: []}
"""
RAISING = """
    tools:
      run:
        labels: [A]
        rules:
          - {when: {mode: {equals: secret}}, labels: [A, B]}
          - {when: {mode: {equals: plain}}, labels: []}
"""


def labels(of: Manifest, tool: str, **arguments: Any) -> str:
    return label_text(of.tool(tool, arguments).labels)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://good.example/x?y=1", "[C]"),
        ("http://good.example", "[C]"),
        ("https://xn--mller-kva.example/", "[C]"),
        ("https://good.example:8443/", "[C]"),
        ("https://[::1]/", "[C]"),
        ("https://evil.test/", "[A][C]"),
        ("https://good.example.evil.test/", "[A][C]"),
        ("https://sub.good.example/", "[A][C]"),
        ("https://good.example:8444/", "[A][C]"),
        ("https://GOOD.example/", "[A][C]"),
        ("https://good.example:443/", "[A][C]"),
        ("https://good.example./", "[A][C]"),
        ("https://müller.example/", "[A][C]"),
        ("https://good.example@evil.test/", "[A][C]"),
        ("https://good.example\\@evil.test", "[A][C]"),
        (None, "[A][C]"),
        (["https://good.example/"], "[A][C]"),
        ({"__entity": {"type": "Host", "id": "good.example"}}, "[A][C]"),
    ],
)
def test_a_host_lowers_only_byte_for_byte(url: Any, expected: str) -> None:
    assert labels(manifest(URL), "get", url=url) == expected


def test_an_absent_value_lowers_nothing() -> None:
    assert labels(manifest(URL), "get") == "[A][C]"
    assert labels(manifest(URL), "get", URL="https://good.example/") == "[A][C]"


def test_an_empty_parameter_contains_nothing() -> None:
    assert labels(manifest(URL, hosts=[]), "get", url="https://good.example/") == "[A][C]"


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        (["boss@good.example"], "[B]"),
        (["boss@good.example", "me@good.example"], "[B]"),
        (["boss@good.example", "eve@evil.test"], "[B][C]"),
        (["eve@evil.test", "boss@good.example"], "[B][C]"),
        (["eve@evil.test"], "[B][C]"),
        (["boss@good.example", None], "[B][C]"),
        (["boss@good.example", "BOSS@good.example"], "[B][C]"),
        (["boss@good.example, eve@evil.test"], "[B][C]"),
        (["boss@good.example\nBcc: eve@evil.test"], "[B][C]"),
        ([], "[B][C]"),
        ("boss@good.example", "[B][C]"),
        ({"0": "boss@good.example"}, "[B][C]"),
        (["boss@good.example"] * 1001, "[B][C]"),
    ],
)
def test_an_array_is_judged_by_its_worst_element(to: Any, expected: str) -> None:
    assert labels(manifest(MAIL), "send", to=to) == expected


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (0, "none"),
        (100, "none"),
        (99.5, "none"),
        ("100", "none"),
        (100.01, "[C]"),
        (101, "[C]"),
        ("1e1", "[C]"),
        (-1, "[C]"),
        ("-1", "[C]"),
        (True, "[C]"),
        (None, "[C]"),
        ("100.0", "[C]"),
        (50.0, "[C]"),
        ("\u0665", "[C]"),
        ([5], "[C]"),
    ],
)
def test_an_amount_lowers_up_to_its_cap(amount: Any, expected: str) -> None:
    assert labels(manifest(PAY, cap=100), "pay", amount=amount) == expected


def test_without_a_cap_nothing_is_at_most_that() -> None:
    assert labels(manifest(PAY), "pay", amount=0) == "[C]"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"mode": "read"}, "[A]"),
        ({"mode": "write"}, "[A][C]"),
        ({"mode": "READ"}, "[A][C]"),
        ({"mode": "read "}, "[A][C]"),
        ({"mode": ["read"]}, "[A][C]"),
        ({"mode": []}, "[A][C]"),
        ({"mode": "write", "count": 1, "dry": True}, "none"),
        ({"mode": "write", "count": 3, "dry": True}, "[A][C]"),
        ({"mode": "write", "count": 1.0, "dry": True}, "[A][C]"),
        ({"mode": "write", "count": True, "dry": True}, "[A][C]"),
        ({"mode": "write", "count": 1, "dry": 1}, "[A][C]"),
        ({"mode": "write", "count": 1, "dry": "true"}, "[A][C]"),
        ({"mode": "write", "count": 1}, "[A][C]"),
        ({"count": 1, "dry": True}, "[A][C]"),
        ({}, "[A][C]"),
    ],
)
def test_scalars_are_compared_with_their_types(arguments: dict[str, Any], expected: str) -> None:
    assert labels(manifest(SCALAR), "run", **arguments) == expected


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("secret", "[A][B]"),
        ("plain", "none"),
        ("other", "[A]"),
        ("SECRET", "[A][B]"),
        (" secret", "[A][B]"),
        ("\uff53ecret", "[A][B]"),
        (7, "[A][B]"),
        (None, "[A][B]"),
        (["plain", "secret"], "[A][B]"),
        (["secret", "plain"], "[A][B]"),
        ([], "[A][B]"),
        ({}, "[A][B]"),
    ],
)
def test_what_is_uncertain_takes_the_union_with_rules_that_raise(mode: Any, expected: str) -> None:
    assert labels(manifest(RAISING), "run", mode=mode) == expected


def test_absent_takes_the_union_with_rules_that_raise() -> None:
    assert labels(manifest(RAISING), "run") == "[A][B]"


def test_scalars_of_an_array_are_compared_where_a_target_points_at_them() -> None:
    rule = "{when: {query: {in: [a, b]}}, labels: []}"
    of = manifest(f"tools: {{t: {{labels: [C], targets: {{query: '/tags/*'}}, rules: [{rule}]}}}}")
    assert labels(of, "t", tags=["a", "b"]) == "none"
    assert labels(of, "t", tags=["a", "c"]) == "[C]"
    assert labels(of, "t", tags=[]) == "[C]"
    assert labels(of, "t", tags="a") == "[C]"


def test_the_first_match_counts() -> None:
    rules = "{when: {x: {in: [a, b]}}, labels: [A]}, {when: {x: {equals: a}}, labels: []}"
    both = manifest(f"tools: {{t: {{labels: [A, B], rules: [{rules}]}}}}")
    assert labels(both, "t", x="a") == "[A]"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [({}, "none"), ({"ref": None}, "[A]"), ({"ref": ""}, "[A]"), ({"ref": []}, "[A]"), ({"ref": "main"}, "[A]")],
)
def test_absent_matches_only_when_the_key_is_truly_not_there(arguments: dict[str, Any], expected: str) -> None:
    rule = "{when: {ref: {absent: true}}, labels: []}"
    of = manifest(f"tools: {{t: {{labels: [A], rules: [{rule}]}}}}")
    assert label_text(of.tool("t", arguments).labels) == expected


def test_absent_of_a_target_means_every_place_of_it() -> None:
    rule = "{when: {recipient: {absent: true}}, labels: []}"
    of = manifest(f"tools: {{t: {{labels: [C], targets: {{recipient: ['/cc/*', '/a/b']}}, rules: [{rule}]}}}}")
    assert labels(of, "t") == "none"
    assert labels(of, "t", a={}) == "none"
    assert labels(of, "t", a="x") == "[C]"
    assert labels(of, "t", cc=[]) == "[C]"


def test_one_absent_place_of_a_target_lowers_nothing() -> None:
    rule = "{when: {recipient: {recipient_in: [me@good.example]}}, labels: []}"
    of = manifest(f"tools: {{t: {{labels: [C], targets: {{recipient: ['/to/*', '/cc/*']}}, rules: [{rule}]}}}}")
    assert labels(of, "t", to=["me@good.example"], cc=["me@good.example"]) == "none"
    assert labels(of, "t", to=["me@good.example"]) == "[C]"
    assert labels(of, "t", to=["me@good.example"], cc=[]) == "[C]"
    assert labels(of, "t", to=["me@good.example"], cc=["eve@evil.test"]) == "[C]"


def test_a_matched_rule_that_lowers_is_named() -> None:
    facts = manifest(SCALAR).tool("run", {"mode": "read"})
    assert facts.lowered_by == ("test: rule 1 of run (mode equals read)",)
    facts = manifest(SCALAR).tool("run", {"mode": "write", "count": 1, "dry": True})
    assert facts.lowered_by == ("test: rule 2 of run (count in 1 or 2, dry equals True)",)
    assert manifest(URL).tool("get", {"url": "https://good.example/"}).lowered_by == (
        "test: rule 1 of get (url in hosts)",
    )
    assert manifest(PAY, cap=1).tool("pay", {"amount": 1}).lowered_by == ("test: rule 1 of pay (amount at most cap)",)


def test_a_rule_that_lowers_nothing_is_not_named() -> None:
    assert manifest(RAISING).tool("run", {"mode": "secret"}).lowered_by == ()
    assert manifest(RAISING).tool("run", {"mode": "other"}).lowered_by == ()
    assert manifest(RAISING).tool("run", {}).lowered_by == ()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path.resolve()
    for folder in ("docs/deep", "docs2", "other", "Mixed"):
        (root / folder).mkdir(parents=True)
    (root / "docs" / "out").symlink_to(root / "other")
    (root / "other" / "in").symlink_to(root / "docs")
    (root / "docs" / "a.txt").touch()
    return root


def folders(root: Path, *names: str) -> Manifest:
    text = """
        tools:
          in:
            labels: [A]
            targets: {path: /path}
            rules: [{when: {path: {inside: "${folders}"}}, labels: []}]
          out:
            labels: [B]
            targets: {path: /path}
            rules: [{when: {path: {outside: "${folders}"}}, labels: []}]
        parameters: {folders: {type: folders, default: []}}
    """
    return manifest(text, folders=[f"{root}/{name}" for name in names])


@pytest.mark.parametrize(
    ("path", "inside", "outside"),
    [
        ("docs", "none", "[B]"),
        ("docs/a.txt", "none", "[B]"),
        ("docs/deep/new.txt", "none", "[B]"),
        ("docs2", "[A]", "none"),
        ("docs2/a.txt", "[A]", "none"),
        ("other/x", "[A]", "none"),
        ("docs/out", "[A]", "[B]"),
        ("docs/out/x", "[A]", "[B]"),
        ("other/in", "[A]", "[B]"),
        ("other/in/a.txt", "[A]", "[B]"),
        ("docs/../other", "[A]", "[B]"),
        ("other/../docs/a.txt", "[A]", "[B]"),
        ("docs/./a.txt", "[A]", "[B]"),
        ("docs//a.txt", "[A]", "[B]"),
        ("docs/", "[A]", "[B]"),
        ("DOCS/a.txt", "[A]", "[B]"),
        ("docs/é-new.txt", "[A]", "[B]"),
        ("docs/$HOME", "[A]", "[B]"),
        ("other/%TEMP%", "[A]", "[B]"),
        (".", "[A]", "[B]"),
        ("..", "[A]", "[B]"),
    ],
)
def test_folders_contain_by_whole_components_after_symlinks(tree: Path, path: str, inside: str, outside: str) -> None:
    of = folders(tree, "docs")
    assert labels(of, "in", path=f"{tree}/{path}") == inside
    assert labels(of, "out", path=f"{tree}/{path}") == outside


def test_a_folder_that_holds_a_named_folder_is_neither_inside_nor_outside(tree: Path) -> None:
    of = folders(tree, "docs/deep")
    for holder in (tree, tree / "docs", Path("/")):
        assert labels(of, "in", path=str(holder)) == "[A]"
        assert labels(of, "out", path=str(holder)) == "[B]"


def test_no_folders_contain_nothing_and_the_root_contains_everything(tree: Path) -> None:
    assert (labels(folders(tree), "in", path="/"), labels(folders(tree), "out", path="/")) == ("[A]", "none")
    everything = manifest(
        "tools: {t: {labels: [B], targets: {path: /path}, rules: [{when: {path: {inside: [/]}}, labels: []}]}}"
    )
    assert labels(everything, "t", path="/") == "none"
    assert labels(everything, "t", path=str(tree)) == "none"
    assert labels(everything, "t", path="relative") == "[B]"


def test_a_folder_given_as_a_symlink_means_where_it_leads(tree: Path) -> None:
    of = folders(tree, "other/in")
    assert labels(of, "in", path=f"{tree}/docs/a.txt") == "none"


def test_letter_case_and_unicode_form_never_put_a_path_outside(tree: Path) -> None:
    (tree / "caf\u00e9").mkdir()
    (tree / "cafe\u0301").mkdir()
    assert labels(folders(tree, "caf\u00e9"), "out", path=f"{tree}/cafe\u0301") == "[B]"
    assert labels(folders(tree, "Mixed"), "out", path=f"{tree}/mixed/x") == "[B]"
    assert labels(folders(tree, "Mixed"), "in", path=f"{tree}/mixed/x") == "[A]"


@pytest.fixture(scope="module")
def mirrors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("mirrors").resolve()
    (root / "docs" / "deep").mkdir(parents=True)
    (root / "other").mkdir()
    (root / "docs" / "out").symlink_to(root / "other")
    (root / "other" / "in").symlink_to(root / "docs")
    return root


NAMES = ["docs", "docs2", "deep", "out", "in", "other", "..", ".", "", "a.txt", "new"]


@given(parts=st.lists(st.sampled_from(NAMES), max_size=5))
@settings(deadline=None)
def test_no_path_is_lowered_that_leads_elsewhere(mirrors: Path, parts: list[str]) -> None:
    path = "/".join([str(mirrors), *parts])
    of = folders(mirrors, "docs")
    leads = os.path.realpath(path)
    within = leads == f"{mirrors}/docs" or leads.startswith(f"{mirrors}/docs/")
    if labels(of, "in", path=path) == "none":
        assert within
    if labels(of, "out", path=path) == "none":
        assert not within
