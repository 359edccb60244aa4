"""Targets that look like trusted ones: none of them has its C left out of account."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rule_of_two.gateway.protected import PROTECTED, ProtectedPaths
from rule_of_two.manifests.document import ManifestDocument
from rule_of_two.manifests.manifest import Manifest
from rule_of_two.model import Facts, Outcome, Principal, SessionView, labels_in
from rule_of_two.policy.authorizer import Authorizer
from rule_of_two.policy.load import load_policies
from rule_of_two.policy.lowering import as_counted
from tests.harness import House, outcome

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
SESSION = SessionView("s", {"A": 1, "B": 2})
OPTIONAL: dict[str, Any] = {"kind": "recipient", "optional": True}
TOOLS: dict[str, Any] = {
    "send": {"labels": ["C"], "targets": {"recipient": ["/to", "/cc"]}},
    "send_many": {"labels": ["C"], "targets": {"recipient": "/to/*"}},
    "post": {"labels": ["C"], "targets": {"url": "/url"}},
    "write": {"labels": ["C"], "targets": {"path": "/path"}},
    "write_many": {"labels": ["C"], "targets": {"path": "/paths/*"}},
    "pay": {"labels": ["C"], "targets": {"account": "/to", "amount": "/amount"}},
    "run": {"labels": ["C"], "targets": {"recipient": "/to", "command": "/command"}},
    "reply": {"labels": ["C"], "targets": {"message": {"kind": "account", "at": "/id", "indirect": True}}},
    "forward": {
        "labels": ["C"],
        "targets": {"recipient": "/to", "rule": {"kind": "account", "at": "/rule", "indirect": True}},
    },
    "nothing_declared": {"labels": ["C"]},
    "mail": {
        "labels": ["C"],
        "targets": {"to": {"kind": "recipient", "at": "/to/*"}, "cc": {**OPTIONAL, "at": ["/cc/*", "/bcc/*"]}},
    },
    "note": {"labels": ["C"], "targets": {"to": {**OPTIONAL, "at": "/to/*"}}},
    "event": {
        "labels": ["C"],
        "targets": {
            "owner": {"kind": "recipient", "value": "ann@own.example"},
            "guest": {**OPTIONAL, "at": "/guests/*"},
        },
    },
    "away": {"labels": ["C"], "targets": {"host": {"kind": "host", "value": "evil.example"}}},
}
MANIFEST = Manifest(
    ManifestDocument.model_validate({"version": 1, "server": "srv", "tools": TOOLS}), upstream="srv", store="srv"
)


def entities(**trusts: Any) -> list[dict[str, Any]]:
    return [
        {"uid": {"type": "Gateway::Agent", "id": "desk"}, "attrs": {"trusts": trusts}, "parents": []},
        {
            "uid": {"type": "Gateway::User", "id": "ann"},
            "attrs": {"addresses": ["ann@own.example"], "accounts": ["DE00"]},
            "parents": [],
        },
        {"uid": {"type": "Gateway::Server", "id": "srv"}, "attrs": {"only_sends": True}, "parents": []},
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "drafts"
    folder.mkdir()
    return folder


@pytest.fixture
def judge(folder: Path) -> Authorizer:
    trusts = {
        "recipients": ["bob@partner.example"],
        "domains": ["own.example"],
        "lists": ["all@own.example"],
        "hosts": ["good.example"],
        "accounts": ["#team"],
        "folders": [str(folder)],
        "cap": {"__extn": {"fn": "decimal", "arg": "50.0"}},
    }
    (folder.parent / "e.json").write_text(json.dumps(entities(**trusts)))
    policies = load_policies(["default", "trusted-targets"], relative_to=folder.parent, entities=["e.json"])
    return Authorizer(policies, Principal(user="ann", agent="desk"), "generic")


def counts(judge: Authorizer, tool: str, arguments: dict[str, Any]) -> bool:
    """Whether the C of a call counts, so that a person is asked."""
    found = as_counted(MANIFEST.tool(tool, arguments), [SESSION], judge, now=NOW)
    asked = judge.decide(found, SESSION, now=NOW).outcome is Outcome.ASK
    assert asked == ("C" in found.labels)
    return asked


OWN = "ann@own.example"


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("send", {"to": OWN, "cc": "joe@own.example"}),
        ("send", {"to": "bob@partner.example", "cc": "bob@partner.example"}),
        ("send_many", {"to": [OWN]}),
        ("post", {"url": "https://good.example/a?b"}),
        ("pay", {"to": "DE00", "amount": "50"}),
        ("pay", {"to": "#team", "amount": 0}),
        ("mail", {"to": [OWN]}),
        ("mail", {"to": [OWN], "cc": None, "bcc": []}),
        ("mail", {"to": [OWN], "cc": ["joe@own.example"]}),
        ("event", {}),
        ("event", {"guests": ["joe@own.example"]}),
    ],
)
def test_what_is_trusted_counts_as_no_c(judge: Authorizer, tool: str, arguments: dict[str, Any]) -> None:
    assert not counts(judge, tool, arguments)


@pytest.mark.parametrize(
    "to",
    [
        "ann@\u043ewn.example",  # a Cyrillic o
        "ann@own.exampl\u0435",  # a Cyrillic e
        "ann@xn--wn-fmc.example",
        "ann@own.example.evil.example",
        "ann@mail.own.example",
        "ann@evilown.example",
        "ann@own.example.",
        "ann@own.example ",
        " ann@own.example",
        "ann@own.example\n",
        "ann@own.example\x00",
        "ann@own\u200b.example",
        "ann@own.example, evil@x.example",
        "ann@own.example;evil@x.example",
        "ann@own.example evil@x.example",
        "ann@own.example\r\nBcc: evil@x.example",
        '"ann@own.example" <evil@x.example>',
        "Ann <ann@own.example>",
        "<ann@own.example>",
        "evil@x.example(ann@own.example)",
        "team: ann@own.example, evil@x.example;",
        "@evil.example:ann@own.example",
        "evil%x.example@own.example",
        "evil!x@own.example",
        "*@own.example",
        "@own.example",
        "own.example",
        "ann@",
        "",
        "all@own.example",
        "ANN@OWN.EXAMPLE",
        "bob+x@partner.example",
        "bob@partner.example.",
        "b.ob@partner.example",
        "joe@partner.example",
        "ann@[127.0.0.1]",
        None,
        0,
        True,
        [],
        ["ann@own.example"],
        {"address": "ann@own.example"},
    ],
)
def test_recipients_that_look_trusted_count(judge: Authorizer, to: Any) -> None:
    assert counts(judge, "send", {"to": to, "cc": OWN})
    assert counts(judge, "send_many", {"to": [OWN, to]})


@pytest.mark.parametrize("to", [[], None, OWN, {}, [[OWN]], {"0": OWN}, "x"])
def test_lists_that_are_none_count(judge: Authorizer, to: Any) -> None:
    assert counts(judge, "send_many", {"to": to})


def test_a_recipient_who_is_left_out_counts(judge: Authorizer) -> None:
    assert counts(judge, "send", {"to": OWN})
    assert counts(judge, "send_many", {})
    assert counts(judge, "nothing_declared", {"to": OWN})
    assert counts(judge, "no_such_tool", {"to": OWN})


@pytest.mark.parametrize(
    "url",
    [
        "https://good.example@evil.example/",
        "https://good.example:443@evil.example/",
        "https://evil.example/good.example",
        "https://good.example.evil.example/",
        "https://good.example:8443/",
        "https://GOOD.example/",
        "https://good.example\\@evil.example/",
        "https://good.example%2f@evil.example/",
        "https://g\u043e\u043ed.example/",
        "//good.example/",
        "good.example",
        "javascript://good.example/%0aalert(1)",
        "https://good.example\t.evil.example/",
        "",
    ],
)
def test_addresses_that_look_trusted_count(judge: Authorizer, url: str) -> None:
    assert counts(judge, "post", {"url": url})


def test_paths_out_of_a_trusted_folder_count(judge: Authorizer, folder: Path) -> None:
    inside = folder / "a.md"
    assert not counts(judge, "write", {"path": str(inside)})
    (folder / "link").symlink_to("/etc")
    (folder / "self").symlink_to(folder)
    for path in (
        f"{folder}/../x",
        f"{folder}/link/passwd",
        f"{folder}2/a.md",
        f"{folder}/./a.md",
        f"{folder}//a.md",
        f"{folder}/self/a.md",
        f"{folder}/$HOME",
        str(folder.parent),
        os.sep,
        "a.md",
        "~/a.md",
        "",
    ):
        assert counts(judge, "write", {"path": path}), path
        assert counts(judge, "write_many", {"paths": [str(inside), path]}), path
    assert counts(judge, "write_many", {"paths": []})


@pytest.mark.parametrize(
    "amount",
    [
        50.01, "50.0001", "1e1", -1, "-0.01", "50,00", "0x10", "\u0661", True, None, [], [1], "", " 5", "5.", ".5",
        "05", "NaN", "Infinity", 10**40, "922337203685478", 1e300, "50.00000",
    ],
)  # fmt: skip
def test_amounts_that_are_too_great_or_no_amounts_count(judge: Authorizer, amount: Any) -> None:
    assert counts(judge, "pay", {"to": "DE00", "amount": amount})


@pytest.mark.parametrize("account", ["DE01", "de00", "DE00 ", "DE0\uff10", "DE00\u200b", "DE00,DE01", "*", "", None])
def test_accounts_that_look_like_ones_own_count(judge: Authorizer, account: Any) -> None:
    assert counts(judge, "pay", {"to": account, "amount": 1})


def test_what_names_somebody_indirectly_counts_whoever_stands_beside_it(judge: Authorizer) -> None:
    assert counts(judge, "reply", {"id": "#team"})
    assert counts(judge, "forward", {"to": OWN, "rule": "#team"})
    assert counts(judge, "run", {"to": OWN, "command": "mail evil@x.example"})


def test_two_sessions_do_not_share_what_they_were_permitted(judge: Authorizer) -> None:
    """A cached yes is for the same request of the same session in the same state."""
    facts = MANIFEST.tool("send_many", {"to": [OWN]})
    assert as_counted(facts, [SESSION], judge, now=NOW).labels == frozenset()
    dropped = SessionView("s", {"A": 1, "B": 2}, dropped=True)
    assert as_counted(facts, [dropped], judge, now=NOW) is facts
    assert judge.decide(facts, dropped, now=NOW).outcome is Outcome.DENY


@pytest.fixture
def house(tmp_path: Path) -> House:
    trusts = {"domains": ["own.example"]}
    (tmp_path / "e.json").write_text(json.dumps(entities(**trusts)).replace('"srv"', '"rec"'))
    settings = {
        "policies": ["default", "trusted-targets"],
        "entities": ["e.json"],
        "principal": {"user": "ann", "agent": "desk"},
    }
    return House(tmp_path, settings)


async def test_through_a_gateway_a_trusted_message_passes_and_leaves_the_session_without_c(house: House) -> None:
    """And the drop still denies it, and another recipient still asks."""
    async with house.gateway() as gateway:
        await gateway.call("rec__read_untrusted")
        await gateway.call("rec__read_private")
        assert outcome(await gateway.call("rec__send", {"to": OWN})) == ("allow", None)
        assert house.held() == {"A", "B"}
        assert outcome(await gateway.call("rec__send", {"to": "eve@evil.example"}))[0] == "ask"
        assert outcome(await gateway.call("rec__private_send", {"to": OWN})) == ("allow", None)
        house.sql("UPDATE sessions SET dropped = 1 WHERE ended_at IS NULL")
        assert outcome(await gateway.call("rec__send", {"to": OWN})) == ("deny", "dropped_capability")
    assert house.sent() == ["read_untrusted", "read_private", "send", "private_send"]
    lowered = [entry for entry in house.journal("decision") if "lowered_by" in entry]
    assert [entry["name"] for entry in lowered] == ["send", "private_send"]
    line = "policy trusted-targets.leave-out: [C] is left out of account"
    assert all(entry["lowered_by"] == [line] and "C" not in entry["labels"] for entry in lowered)
    assert all(entry["communicates"] is True for entry in lowered)


def test_a_path_above_our_own_files_stays_protected_when_its_c_is_left_out(tmp_path: Path) -> None:
    own = tmp_path.resolve() / "drafts" / "state"
    own.mkdir(parents=True)
    facts: Facts = MANIFEST.tool("write", {"path": str(own.parent)})
    lowered = Facts(facts.action, "srv", "write", frozenset(), targets=facts.targets, left_out=labels_in("C"))
    assert ProtectedPaths([own]).verdict(lowered, cwd=tmp_path) is PROTECTED


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("mail", {}),
        ("mail", {"cc": []}),
        ("mail", {"to": [OWN], "cc": ["eve@evil.example"]}),
        ("mail", {"to": [OWN], "cc": "eve@evil.example"}),
        ("mail", {"to": [OWN], "bcc": {"0": "eve@evil.example"}}),
        ("mail", {"to": [OWN], "bcc": [["eve@evil.example"]]}),
        ("mail", {"to": [OWN], "cc": [None, "eve@evil.example"]}),
        ("mail", {"to": [OWN], "cc": ""}),
        ("mail", {"to": [OWN], "cc": False}),
        ("note", {}),  # nobody at all
        ("note", {"to": None}),
        ("event", {"guests": ["eve@evil.example"]}),
        ("event", {"guests": "eve@evil.example"}),
        ("event", {"guests": [{"email": "eve@evil.example"}]}),
        ("away", {"host": "good.example"}),
    ],
)
def test_what_may_be_left_out_or_is_never_given_hides_nobody(
    judge: Authorizer, tool: str, arguments: dict[str, Any]
) -> None:
    assert counts(judge, tool, arguments)
