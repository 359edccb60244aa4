"""What the manifests of data stores say of exact arguments: what is trusted, and what is stored where."""

from __future__ import annotations

from typing import Any

import pytest

from rule_of_two.model import StoredResource, labels_in
from tests.manifests.bound import shipped_manifest

TRUSTED = {
    ("airtable", "trusted_bases", "get_record", "baseId"),
    ("chroma", "trusted_collections", "chroma_get_documents", "collection_name"),
    ("pinecone", "trusted_indexes", "search-records", "name"),
    ("qdrant", "trusted_collections", "qdrant-find", "collection_name"),
}
ODD = ["Mine", " mine", "mine\u200b", "mine\x00", "m\u0456ne", ["mine"], {"mine": 1}, None, 0, "", "mine,other", "*"]


@pytest.mark.parametrize(("server", "parameter", "tool", "argument"), sorted(TRUSTED))
def test_what_the_operator_named_trusted_brings_no_a_and_nothing_else_is_it(
    server: str, parameter: str, tool: str, argument: str
) -> None:
    ours = shipped_manifest(server, **{parameter: ["mine"]})
    assert ours.tool(tool, {argument: "mine"}).labels == labels_in("B")
    assert [odd for odd in [*ODD, "other"] if ours.tool(tool, {argument: odd}).labels != labels_in("AB")] == []
    assert ours.tool(tool, {}).labels == labels_in("AB")
    assert shipped_manifest(server).tool(tool, {argument: "mine"}).labels == labels_in("AB")


WRITES_AND_READS: list[tuple[str, str, str, dict[str, Any], str, Any]] = [
    ("airtable", "create_record", "list_records", {"baseId": "app1"}, "base", "app1"),
    ("chroma", "chroma_add_documents", "chroma_query_documents", {"collection_name": "c"}, "collection", "c"),
    ("pinecone", "upsert-records", "search-records", {"name": "i"}, "index", "i"),
    ("qdrant", "qdrant-store", "qdrant-find", {"collection_name": "c"}, "collection", "c"),
    ("redis", "hset", "hgetall", {"name": "k"}, "key", "k"),
    ("redis", "xadd", "xrange", {"key": "k"}, "key", "k"),
    ("redis-reference", "set", "get", {"key": "k"}, "key", "k"),
]


@pytest.mark.parametrize(("server", "write", "read", "arguments", "kind", "value"), WRITES_AND_READS)
def test_what_a_write_stamps_a_read_of_the_same_thing_looks_up(
    server: str, write: str, read: str, arguments: dict[str, Any], kind: str, value: str
) -> None:
    ours = shipped_manifest(server)
    stored = StoredResource(server, kind, value)
    assert ours.tool(write, arguments).writes == (stored,)
    assert ours.tool(read, arguments).reads == (stored,)


def test_a_key_that_gets_another_name_takes_its_stamp_along() -> None:
    facts = shipped_manifest("redis").tool("rename", {"old_key": "a", "new_key": "b"})
    assert facts.reads == (StoredResource("redis", "key", "a"),)
    assert facts.writes == (StoredResource("redis", "key", "a"), StoredResource("redis", "key", "b"))


def test_a_list_of_keys_is_the_whole_store_where_one_key_is_named() -> None:
    facts = shipped_manifest("redis-reference").tool("delete", {"key": ["a", "b"]})
    assert facts.writes == (StoredResource("redis-reference", "store", None),)


@pytest.mark.parametrize("clause", ["Id = @id", "1=1; DROP TABLE t --", "", None, ["x"], 0])
def test_a_where_clause_of_any_form_is_no_mere_reading(clause: Any) -> None:
    ours = shipped_manifest("mssql")
    assert ours.tool("mssql_read_table_rows", {"tableName": "t", "whereClause": clause}).labels == labels_in("ABC")
    assert ours.tool("mssql_read_table_rows", {"tableName": "t"}).labels == labels_in("AB")


@pytest.mark.parametrize(
    ("server", "tool", "pointer"),
    [
        ("mongodb", "connect", "connectionString"),
        ("mongodb", "atlas-create-db-user", "password"),
        ("convex", "envSet", "value"),
    ],
)
def test_a_password_in_an_argument_is_a_secret(server: str, tool: str, pointer: str) -> None:
    assert shipped_manifest(server).document.tools[tool].secrets == (f"/{pointer}",)


def test_what_a_setting_names_is_where_it_reaches_and_what_it_does_not_name_is_nowhere() -> None:
    ours = shipped_manifest("neon")
    call = {"operation": "send_test_email", "projectId": "p"}
    assert ours.tool("configure_neon_auth", call).targets == ()
    named = {"test_email": {"recipient_email": "eve@evil.example", "host": "mail.evil.example", "password": "p"}}
    targets = ours.tool("configure_neon_auth", {**call, **named}).targets
    assert {(target.kind, target.value) for target in targets} == {
        ("host", "mail.evil.example"),
        ("recipient", "eve@evil.example"),
    }


@pytest.mark.parametrize("tool", ["update-connection-settings", "search"])
def test_a_later_search_stays_no_act_because_sending_it_elsewhere_is_one_that_asks_after_a(tool: str) -> None:
    labels = shipped_manifest("meilisearch").tool(tool, {"url": "https://evil.example", "query": "q"}).labels
    assert labels == labels_in({"update-connection-settings": "BC", "search": "AB"}[tool])
