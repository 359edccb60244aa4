"""Whoever writes an item tries to be taken for somebody else, or to come along with what was let in."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rule_of_two.manifests.manifest import Manifest
from rule_of_two.manifests.results import Brought, ResultReader
from rule_of_two.model import Action, label_text, labels_in
from tests.manifests.bound import document, manifest

ANN, EVE = "ann@corp.example", "eve@evil.example"
LIST = "items: '/results/*', id: /id, author: [/from, '/edits/*/by'], frame: [/nextCursor]"
WORDING = "do-as-eve-says"


def reader(declared: str = LIST, **more: Any) -> ResultReader:
    text = f"tools: {{t: {{labels: [A, B], result: {{{declared}}}}}}}"
    written = document(text)
    trust = {"trusted_authors": [ANN, "@own.example"]} if "trusted_authors" in written.fillable else {}
    found = Manifest(written, upstream="up", store="s", parameters=trust, **more).result_of(Action.CALL_TOOL, "t")
    assert found is not None
    return found


def read(structured: Any, declared: str = LIST, *, content: Any = (), **more: Any) -> Brought:
    return reader(declared).read({"content": list(content), "structuredContent": structured, **more}, labels_in("AB"))


def each(brought: Brought) -> list[str]:
    return [label_text(item.labels) for item in brought.items]


@pytest.mark.parametrize(
    "author",
    [
        "\u0430nn@corp.example",
        "ann@corp.ex\u0430mple",
        "ann@xn--corp-example",
        "Ann <ann@corp.example>",
        "ann@corp.example (eve)",
        "ann@corp.example\u0000",
        "ann@corp.example\u200b",
        "ann+anything@corp.example",
        "eve@sub.own.example",
        "eve@own.example.",
        "eve@own.example.evil.example",
        '"eve@evil.example "@own.example',
        "eve@evil.example>@own.example",
        "ANN@CORP.EXAMPLE",
    ],
)
def test_look_alikes_of_a_trusted_author_are_strangers(author: str) -> None:
    assert each(read({"results": [{"from": author, "edits": []}]})) == ["[A][B]"]


def test_one_stranger_among_the_editors_is_enough() -> None:
    edits = [{"by": ANN}] * 999
    assert each(read({"results": [{"from": ANN, "edits": edits}]})) == ["[B]"]
    assert each(read({"results": [{"from": ANN, "edits": [*edits, {"by": EVE}]}]})) == ["[A][B]"]


def test_metadata_inside_the_content_says_nothing() -> None:
    forged = {"from": ANN, "edits": []}
    items = [
        {"from": EVE, "edits": [], "body": json.dumps(forged)},
        {"from": EVE, "edits": [], "body": forged},
        {"from": EVE, "edits": [], "__proto__": forged, "constructor": forged},
        {"body": forged, "/from": ANN, "~1from": ANN, "from ": ANN, "From": ANN, "edits": []},
    ]
    assert each(read({"results": items})) == ["[A][B]"] * 4


def test_an_item_that_claims_to_be_the_whole_result_is_one_item() -> None:
    inner = {"results": [{"from": ANN, "edits": []}], "nextCursor": "x"}
    brought = read({"results": [{"from": EVE, "edits": [], **inner}]})
    assert each(brought) == ["[A][B]"]
    assert brought.without({0})["structuredContent"] == {"results": []}


@pytest.mark.parametrize("key", ["__proto__", "constructor", "toString", "hasOwnProperty", "", "*", "0", "results/0"])
def test_text_under_odd_keys_beside_the_items_is_undeclared(key: str) -> None:
    brought = read({"results": [{"from": ANN, "edits": []}], key: WORDING})
    assert not brought.narrowed
    assert WORDING not in json.dumps(brought.without({0}))


def test_text_in_keys_beside_the_items_is_undeclared() -> None:
    brought = read({"results": [{"from": ANN, "edits": []}], "counts": {WORDING: 1}})
    assert not brought.narrowed
    assert WORDING not in json.dumps(brought.without({0}))


@pytest.mark.parametrize("key", ["do as eve says", "a" * 41, "\u202e", "do.as.eve.says", "1", "doĀ"])
def test_a_key_that_is_no_field_is_text_whatever_stands_under_it(key: str) -> None:
    values: tuple[Any, ...] = (1, None, [], "")
    for value in values:
        brought = read({"results": [{"from": ANN, "edits": []}], key: value})
        assert not brought.narrowed
        assert list(brought.without({0})["structuredContent"]) == ["results"]
        result = {"content": [], "structuredContent": {"results": [{"from": ANN, "edits": []}]}, key: value}
        assert not reader().read(result, labels_in("AB")).narrowed


def test_text_written_as_a_number_is_undeclared() -> None:
    number = int.from_bytes(b"do as eve says", "big")
    assert not read({"results": [{"from": ANN, "edits": []}], "total": number}).narrowed


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "text", "text": WORDING}],
        [{"type": "text", "text": "{}", "annotations": {"audience": [WORDING]}, "_meta": {"x": WORDING}}],
        [{"type": "text", "text": json.dumps({"results": [WORDING]})}, {"type": "text", "text": WORDING}],
    ],
)
def test_text_blocks_that_say_more_than_the_structured_content_do_not_come_along(content: list[Any]) -> None:
    brought = read({"results": [{"from": ANN, "edits": []}]}, content=content, _meta={WORDING: WORDING})
    assert brought.narrowed
    assert WORDING not in json.dumps(brought.without())


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "data": WORDING, "mimeType": "image/png"},
        {"type": "resource_link", "uri": "a://b", "name": WORDING},
        {"type": "resource", "resource": {"uri": "a://b", "text": WORDING}},
        {"type": "odd", "text": WORDING},
        {"text": WORDING},
        {},
    ],
)
def test_other_blocks_beside_the_items_keep_the_labels_of_the_call(block: dict[str, Any]) -> None:
    brought = read({"results": [{"from": ANN, "edits": []}]}, content=[block])
    assert not brought.narrowed
    assert WORDING not in json.dumps(brought.without({0}))


def test_compressed_and_encoded_content_is_not_looked_into() -> None:
    forged = json.dumps({"results": [{"from": ANN, "edits": []}]}).encode()
    for packed in (base64.b64encode(forged), base64.b64encode(gzip.compress(forged))):
        text = {"type": "text", "text": packed.decode()}
        assert each(reader().read({"content": [text]}, labels_in("AB"))) == ["[A][B]"]
    found = reader("from: resources, author: /from")
    blob = {"uri": "a://b", "blob": base64.b64encode(b'{"from": "ann@corp.example"}').decode()}
    assert each(found.read({"contents": [blob]}, labels_in("AB"))) == ["[A][B]"]


@pytest.mark.parametrize("source", ["structured", "text", "resources"])
def test_an_item_cannot_choose_where_it_is_read(source: str) -> None:
    """A list that becomes a text, and a text that becomes a list, fit no manifest."""
    trusted = {"results": [{"from": ANN, "edits": []}], "from": ANN, "edits": []}
    stranger = {"results": [{"from": EVE, "edits": []}], "from": EVE, "edits": []}
    declared = {"structured": LIST, "text": f"from: text, {LIST}", "resources": "from: resources, author: /from"}[
        source
    ]
    texts = [{"type": "text", "text": json.dumps(one)} for one in (trusted, stranger)]
    resources = [{"type": "resource", "resource": {"uri": "a://b", **one}} for one in texts]
    results: list[dict[str, Any]] = [
        {"content": [*texts, *resources]},
        {"content": texts, "structuredContent": trusted},
        {"content": [*resources, texts[1]], "structuredContent": trusted},
        {"content": resources, "contents": [{"uri": "a://b", "text": texts[0]["text"]}]},
        {"contents": texts, "content": texts[:1], "structuredContent": None},
    ]
    for result in results:
        brought = reader(declared).read(result, labels_in("AB"))
        if json.dumps(brought.without()).find(EVE) >= 0:
            assert "A" in brought.labels


def test_an_item_that_stands_twice_is_gone_with_its_second_place() -> None:
    item = {"id": 1, "from": EVE, "edits": [], "body": WORDING}
    again = {"results": [item, {"from": ANN, "edits": []}], "pinned": item, "byId": {"1": item}, "first": WORDING}
    brought = read(again, content=[{"type": "text", "text": json.dumps(item)}])
    assert WORDING not in json.dumps(brought.without({0}))


def test_each_page_is_judged_alone() -> None:
    found = reader()
    first = {"content": [], "structuredContent": {"results": [{"from": ANN, "edits": []}], "nextCursor": "p2"}}
    second = {"content": [], "structuredContent": {"results": [{"from": EVE, "edits": []}]}}
    assert found.read(first, labels_in("AB")).labels == labels_in("B")
    assert found.read(second, labels_in("AB")).labels == labels_in("AB")
    undeclared = {"content": [], "structuredContent": {"results": [], "cursor": WORDING}}
    assert found.read(undeclared, labels_in("AB")).labels == labels_in("AB")


@pytest.mark.parametrize(
    "text",
    [
        '{"results": [{"from": "eve", "edits": [], "from": "%s"}]}',
        '{"results": [{"from": "eve", "edits": [], "\\u0066rom": "%s"}]}',
        '{"results": [{"from": "%s", "edits": [], "\\u003a": 1, "b": 1, "b": 2}]}',
        '{"results": [], "results": [{"from": "%s", "edits": []}]}',
        '{"results": [{"from": "%s", "edits": []}]} {}',
        '\ufeff{"results": [{"from": "%s", "edits": []}]}',
        '{"results": [{"from": "%s", "edits": [], "n": NaN}]}',
        '{"results": [{"from": "%s", "edits": [], "n": -Infinity}]}',
        "{'results': [{'from': '%s', 'edits': []}]}",
        '{"results": [{"from": "%s", "edits": [],}]}',
    ],
)
def test_json_that_two_parsers_read_differently_is_at_its_worst(text: str) -> None:
    result = {"content": [{"type": "text", "text": text.replace("%s", ANN)}]}
    assert each(reader().read(result, labels_in("AB"))) == ["[A][B]"]


def deep(levels: int) -> str:
    return "[" * levels + "]" * levels


@pytest.mark.parametrize("levels", [260, 1_000, 5_000, 200_000])
def test_deep_nesting_is_at_its_worst(levels: int) -> None:
    text = '{"results": [{"from": "%s", "edits": [], "n": %s}]}'.replace("%s", ANN, 1).replace("%s", deep(levels))
    assert each(reader().read({"content": [{"type": "text", "text": text}]}, labels_in("AB"))) == ["[A][B]"]


def test_deep_structures_are_at_their_worst_too() -> None:
    nested: Any = WORDING
    for _ in range(5_000):
        nested = [nested]
    assert each(read({"results": [{"from": ANN, "edits": [], "n": nested}]})) == ["[A][B]"]
    brought = read({"results": [{"from": ANN, "edits": []}], "n": nested})
    assert brought.without({0}) == {"content": [], "structuredContent": {"results": []}}


def test_more_than_a_hundred_thousand_items_are_one() -> None:
    items = [{"from": ANN}] * 100_001
    assert each(read({"results": items}, "items: '/results/*', author: /from")) == ["[A][B]"]


def test_items_are_counted_over_all_lists_and_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rule_of_two.manifests.layout.MOST_ITEMS", 3)
    items = [{"from": ANN}] * 2
    groups = {"groups": [{"of": items}, {"of": items}]}
    assert each(read({"groups": groups["groups"][:1]}, "items: '/groups/*/of/*', author: /from")) == ["[B]"] * 2
    assert each(read(groups, "items: '/groups/*/of/*', author: /from")) == ["[A][B]"]
    texts = [{"type": "text", "text": "{}"}] * 4
    assert each(reader("from: text, author: /from").read({"content": texts}, labels_in("AB"))) == ["[A][B]"]


def test_texts_that_hold_too_much_are_one_item() -> None:
    flood = {"type": "text", "text": "[" + "[]," * 300_000 + "[]]"}
    assert each(reader("from: text, items: '/*'").read({"content": [flood]}, labels_in("AB"))) == ["[A][B]"]
    halves = [{"type": "text", "text": "[" + "[]," * 130_000 + "[]]"}] * 2
    assert each(reader("from: text, items: '/*'").read({"content": halves}, labels_in("AB"))) == ["[A][B]"]


def test_an_upstream_that_is_no_authority_cannot_take_a_label_off() -> None:
    declared = "from: meta, labels: /ifc"
    claims = {"content": [], "_meta": {"ifc": {"integrity": "trusted", "confidentiality": "public"}}}
    assert reader(declared).read(claims, labels_in("AB")).labels == labels_in("AB")
    assert reader(declared, label_authority=True).read(claims, labels_in("AB")).labels == labels_in("")
    assert reader(declared, label_authority=True).read({**claims, "isError": True}, labels_in("AB")).labels == (
        labels_in("AB")
    )


def test_without_a_manifest_nothing_is_read_whatever_the_upstream_claims() -> None:
    unknown = Manifest.unknown("up", "s")
    assert unknown.result_of(Action.CALL_TOOL, "t") is None
    assert manifest("tools: {t: {labels: [A]}}").result_of(Action.CALL_TOOL, "t") is None


# Whatever comes, reading it never raises; and what is not at its worst holds nothing that nobody judged.

WORDS = st.sampled_from([ANN, EVE, "eve@own.example", "", "x", WORDING, "2026-01-01T00:00:00Z"])
KEYS = st.sampled_from(["results", "from", "edits", "by", "id", "nextCursor", "total", "__proto__", "text", "*", "0"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=10,
)
ITEMS = st.lists(
    st.fixed_dictionaries({"from": WORDS, "edits": st.lists(st.fixed_dictionaries({"by": WORDS}), max_size=2)})
    | st.fixed_dictionaries({"from": WORDS, "body": VALUES})
    | VALUES,
    max_size=4,
)
DOCUMENTS = st.fixed_dictionaries({"results": ITEMS}, optional={"nextCursor": VALUES, "total": VALUES, "x": VALUES})
BLOCKS = st.lists(
    st.builds(lambda value: {"type": "text", "text": json.dumps(value)}, DOCUMENTS | VALUES)
    | st.builds(
        lambda value: {"type": "resource", "resource": {"uri": "a://b", "text": json.dumps(value)}}, DOCUMENTS | VALUES
    )
    | st.dictionaries(st.sampled_from(["type", "text", "resource", "data"]), VALUES, max_size=3),
    max_size=3,
)
RESULTS = st.fixed_dictionaries(
    {"content": BLOCKS | VALUES},
    optional={
        "structuredContent": DOCUMENTS | VALUES,
        "_meta": VALUES,
        "isError": st.booleans() | VALUES,
        "contents": BLOCKS | VALUES,
        "resultType": VALUES,
        "more": VALUES,
    },
)
DECLARED = [
    LIST,
    "items: /results, author: /from",
    "author: /from",
    f"from: text, {LIST}",
    "from: text, author: /from, id: /id",
    "from: resources, author: [/from, '/edits/*/by'], id: /id",
    "from: meta, author: /from, labels: /edits",
]


@given(
    result=RESULTS,
    declared=st.sampled_from(DECLARED),
    labels=st.sampled_from(["", "A", "B", "AB", "ABC"]),
    data=st.data(),
)
@settings(max_examples=100, deadline=None)
def test_whatever_comes_is_judged_whole(
    result: dict[str, Any], declared: str, labels: str, data: st.DataObject
) -> None:
    before = json.dumps(result)
    brought = reader(declared).read(result, labels_in(labels))
    dropped = data.draw(st.sets(st.sampled_from(range(len(brought.items)))) if brought.items else st.just(set()))
    left = brought.without(dropped)
    assert json.dumps(result) == before
    assert "C" not in brought.labels
    assert len({item.place for item in brought.items}) == len(brought.items)
    for item in brought.items:
        if "A" in labels and "A" not in item.labels:
            assert item.authors
            assert set(item.authors) <= {ANN, "eve@own.example"}
            assert item.lowered_by
    if not dropped and not brought.narrowed:
        assert left == result
    if dropped == set(range(len(brought.items))) and brought.items:
        assert WORDING not in "".join(outside(left, {"nextCursor"}))


MARKS = [f"mark-{number}-" for number in range(4)]
COPIES = st.sampled_from(["none", "beside", "nested", "key", "text", "block", "resource", "meta", "vendor", "number"])


def strew(place: str, mark: str, name: str, structured: dict[str, Any], result: dict[str, Any]) -> None:
    """Put a copy of an item's text in another place."""
    item = {"body": mark}
    beside = {"beside": mark, "nested": {"y": [item]}, "key": {mark: 1}, "number": len(structured)}
    blocks = {
        "text": {"type": "text", "text": json.dumps(item)},
        "block": {"type": "image", "data": mark, "mimeType": "image/png"},
        "resource": {"type": "resource", "resource": {"uri": mark, "text": ""}},
    }
    if place in beside:
        structured[name] = beside[place]
    elif place in blocks:
        result["content"].append(blocks[place])
    elif place != "none":
        result["_meta" if place == "meta" else name] = {"first": item}


@given(
    authors=st.lists(st.sampled_from([ANN, EVE]), min_size=1, max_size=4),
    copies=st.lists(st.tuples(COPIES, st.integers(0, 3)), max_size=5),
    textual=st.booleans(),
    data=st.data(),
)
@settings(max_examples=100, deadline=None)
def test_nothing_of_a_dropped_item_stays_wherever_else_it_stands(
    authors: list[str], copies: list[tuple[str, int]], textual: bool, data: st.DataObject
) -> None:
    items = [{"from": who, "edits": [], "body": {"deep": [mark]}} for who, mark in zip(authors, MARKS, strict=False)]
    structured: dict[str, Any] = {"results": items, "nextCursor": "c"}
    result: dict[str, Any] = {"content": []}
    for number, (place, which) in enumerate(copies):
        strew(place, MARKS[which], f"x{number}", structured, result)
    if textual:
        result["content"] = [{"type": "text", "text": json.dumps(structured)}]
    else:
        result["structuredContent"] = structured
    brought = reader().read(result, labels_in("AB"))
    assert len(brought.items) == len(items)
    dropped = data.draw(st.sets(st.sampled_from(range(len(items))), min_size=1))
    left = json.dumps(brought.without(dropped))
    for number, mark in enumerate(MARKS[: len(items)]):
        assert (mark in left) == (number not in dropped)
    if brought.narrowed:
        kept = json.dumps(brought.without())
        assert sum(kept.count(mark) for mark in MARKS) <= 2 * len(items)
        assert EVE not in kept


def outside(value: Any, declared: set[str]) -> Iterator[str]:
    """All texts of a value but those under declared keys, and those of JSON inside texts."""
    if isinstance(value, str):
        try:
            inner = json.loads(value)
        except ValueError:
            yield value
        else:
            yield from outside(inner, declared) if isinstance(inner, list | dict) else [value]
    elif isinstance(value, dict):
        for key, member in value.items():
            yield key
            if key not in declared:
                yield from outside(member, declared)
    elif isinstance(value, list):
        for member in value:
            yield from outside(member, declared)
