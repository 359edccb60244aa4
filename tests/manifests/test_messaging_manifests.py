"""Mail, chat and code hosting: what is said of a call by its arguments, where a slip would let something through."""

from __future__ import annotations

from typing import Any

import pytest

from rule_of_two.manifests.manifest import Manifest
from rule_of_two.model import Action, Facts, label_text, labels_in
from tests.manifests.bound import shipped_document, shipped_manifest

ANN = {"emailAddress": {"address": "ann@corp.example"}}
MAIL = {"to": ["ann@corp.example"], "subject": "Lunch?", "body": "Today?"}
LETTER = {"account_name": "work", "recipients": ["ann@corp.example"], "subject": "Lunch?", "body": "Today?"}
GOOGLE = {"user_google_email": "me@corp.example"}


def facts(server: str, tool: str, arguments: dict[str, Any]) -> Facts:
    return shipped_manifest(server).tool(tool, arguments)


def is_known(found: Facts) -> bool:
    """Whether it is said of the call whom it reaches, and that it reaches nobody else."""
    return bool(found.targets) and all(one.value is not None and not one.indirect for one in found.targets)


@pytest.mark.parametrize(
    ("server", "tool", "arguments", "labels"),
    [
        ("email", "get_emails_content", {"mark_as_read": False}, "[A][B]"),
        ("email", "get_emails_content", {}, "[A][B]"),
        ("email", "get_emails_content", {"mark_as_read": True}, "[A][B][C]"),
        ("email", "get_emails_content", {"mark_as_read": "false"}, "[A][B][C]"),
        ("email", "send_email", LETTER, "[A][C]"),
        ("email", "send_email", {**LETTER, "attachments": ["/home/me/keys"]}, "[A][B][C]"),
        ("gmail", "send_email", MAIL, "[C]"),
        ("gmail", "send_email", {**MAIL, "attachments": ["/home/me/keys"]}, "[A][B][C]"),
        ("google-workspace", "manage_gmail_filter", {"action": "apply", "dry_run": True}, "[A][B]"),
        ("google-workspace", "manage_gmail_filter", {"action": "create", "dry_run": True}, "[A][B][C]"),
        ("google-workspace", "send_gmail_message", {"to": "ann@corp.example", "body": "Hi"}, "[C]"),
        ("google-workspace", "send_gmail_message", {"forward_message_id": "1", "to": "x@y.example"}, "[A][B][C]"),
        ("google-workspace", "modify_sheet_values", {"value_input_option": "RAW"}, "[C]"),
        ("google-workspace", "modify_sheet_values", {"values": [["=IMAGE(A1)"]]}, "[A][B][C]"),
        ("slack", "usergroups_me", {"action": "list"}, "[A][B]"),
        ("slack", "usergroups_me", {"action": "List"}, "[A][B][C]"),
        ("slack", "usergroups_me", {}, "[A][B][C]"),
        ("gitlab", "create_note", {"body": "/merge"}, "[B][C]"),
        ("gitlab", "create_issue", {"title": "t"}, "[C]"),
        ("gitlab", "create_issue", {"title": "t", "assignee_ids": [7]}, "[A][C]"),
        ("gitlab", "create_issue", {"title": "t", "assignee_ids": None}, "[A][C]"),
        ("gitlab", "create_issue", {"title": "t", "description": "/close"}, "[A][B][C]"),
        ("gitlab", "update_issue_description_patch", {"dry_run": True}, "[A][B]"),
        ("microsoft-365", "update-calendar-event", {"eventId": "1", "body": {}}, "[A][B][C]"),
        ("microsoft-365", "update-calendar-event", {"eventId": "1", "excludeResponse": True}, "[C]"),
        ("mcp-atlassian", "jira_batch_create_issues", {"validate_only": True}, "[A][B]"),
    ],
)
def test_labels_fall_only_where_the_arguments_say_so_exactly(
    server: str, tool: str, arguments: dict[str, Any], labels: str
) -> None:
    assert label_text(facts(server, tool, arguments).labels) == labels


@pytest.mark.parametrize(
    ("server", "tool", "arguments"),
    [
        ("slack", "conversations_add_message", {"channel_id": "C01", "text": "Hi"}),
        ("slack-reference", "slack_reply_to_thread", {"channel_id": "C01", "thread_ts": "1.2", "text": "Hi"}),
        ("teams", "send_chat_message", {"chatId": "19:a@thread.v2", "message": "Hi"}),
        ("email", "send_email", LETTER),
        ("google-workspace", "send_gmail_message", {**GOOGLE, "to": "ann@corp.example"}),
        ("google-calendar", "create-event", {"calendarId": "primary", "attendees": [{"email": "ann@corp.example"}]}),
        ("github", "add_issue_comment", {"owner": "corp", "repo": "tool", "issue_number": 1, "body": "Hi"}),
    ],
)
def test_whom_a_call_reaches_is_known_where_its_arguments_are_all_of_it(
    server: str, tool: str, arguments: dict[str, Any]
) -> None:
    assert is_known(facts(server, tool, arguments))


@pytest.mark.parametrize(
    ("server", "tool", "arguments"),
    [
        # A line break in a subject is another header, Bcc for one.
        ("gmail", "send_email", {**MAIL, "subject": "Lunch?\r\nBcc: eve@evil.example"}),
        ("gmail", "send_email", MAIL),
        # Without `share_with` everybody gets the file; with `reply_all` the thread says who gets the mail.
        ("google-workspace", "manage_drive_access", {**GOOGLE, "file_id": "1", "action": "grant"}),
        ("google-workspace", "set_drive_file_permissions", {**GOOGLE, "file_id": "1", "link_sharing": "reader"}),
        ("google-workspace", "send_gmail_message", {**GOOGLE, "thread_id": "1", "body": "Hi"}),
        ("google-workspace", "send_gmail_message", {**GOOGLE, "to": "ann@corp.example", "reply_all": True}),
        # Guests who are there already are told of a change.
        ("google-calendar", "update-event", {"calendarId": "primary", "eventId": "1", "summary": "Lunch"}),
        # Graph takes names in any letter case.
        ("microsoft-365", "send-mail", {"body": {"Message": {"toRecipients": [ANN], "BccRecipients": [ANN]}}}),
        ("microsoft-365", "send-mail", {"body": {"Message": {"toRecipients": [ANN]}}}),
        ("microsoft-365", "reply-mail-message", {"messageId": "1", "body": {"Comment": "Hi"}}),
        ("microsoft-365", "send-draft-message", {"messageId": "1"}),
        # An alias is given to another chat by another tool.
        ("telegram", "send_message", {"chat_id": "mum", "message": "Hi"}),
        # Nobody knows to which channel a webhook posts.
        ("discord", "discord_send_webhook_message", {"webhookId": "1", "webhookToken": "t", "content": "Hi"}),
        ("mcp-atlassian", "jira_create_issue", {"project_key": "P", "additional_fields": '{"watchers": ["eve"]}'}),
    ],
)
def test_whom_a_call_reaches_is_not_known_where_something_else_adds_to_it(
    server: str, tool: str, arguments: dict[str, Any]
) -> None:
    assert not is_known(facts(server, tool, arguments))


@pytest.mark.parametrize(
    ("server", "tool", "argument"),
    [
        ("gitlab", "create_note", "/body"),
        ("gitlab", "create_issue", "/description"),
        ("gitlab-official", "create_workitem_note", "/body"),
        ("github", "create_or_update_file", "/content"),
        ("github", "create_pull_request", "/body"),
        ("mcp-atlassian", "confluence_create_page", "/content"),
    ],
)
def test_a_text_that_a_platform_runs_or_reads_is_not_opaque(server: str, tool: str, argument: str) -> None:
    assert argument not in shipped_document(server).tools[tool].opaque


def github(*, authority: bool) -> Manifest:
    return Manifest(shipped_document("github"), upstream="github", store="github", label_authority=authority)


@pytest.mark.parametrize(
    ("ifc", "authority", "labels"),
    [
        ({"integrity": "untrusted", "confidentiality": "public"}, True, "[A]"),
        ({"integrity": "trusted", "confidentiality": "private"}, True, "[B]"),
        ({"integrity": "untrusted", "confidentiality": "public"}, False, "[A][B]"),
        ({"integrity": "trusted", "confidentiality": "secret"}, True, "[A][B]"),
        (None, True, "[A][B]"),
    ],
)
def test_what_github_says_of_a_result_counts_only_where_the_operator_says_so(
    ifc: dict[str, str] | None, authority: bool, labels: str
) -> None:
    reader = github(authority=authority).result_of(Action.CALL_TOOL, "get_file_contents")
    assert reader is not None
    meta = {} if ifc is None else {"_meta": {"ifc": ifc}}
    result = {"content": [{"type": "text", "text": "a file"}], **meta}
    assert label_text(reader.read(result, labels_in("AB")).labels) == labels


def test_github_is_not_believed_of_gists_since_secret_ones_are_public_to_it() -> None:
    for tool in ("get_gist", "list_gists"):
        assert github(authority=True).result_of(Action.CALL_TOOL, tool) is None


@pytest.mark.parametrize("tool", ["push_files", "create_or_update_file", "add_issue_comment", "issue_write"])
def test_what_is_written_to_a_repository_is_what_later_reads_of_it_name(tool: str) -> None:
    where = {"owner": "corp", "repo": "tool"}
    written = facts("github", tool, where).writes
    assert written == facts("github", "get_file_contents", where).reads
    assert [one.value for one in written] == ["tool"]


@pytest.mark.parametrize(
    "tool", ["pull_request_read", "issue_read", "search_code", "list_notifications", "projects_list"]
)
def test_what_can_show_several_repositories_reads_all_of_github(tool: str) -> None:
    assert [one.value for one in facts("github", tool, {"owner": "corp", "repo": "tool"}).reads] == [None]
