"""Claims are proved of sets that keep them, and refuted, on the engine, of sets from which something was taken."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cedarpy
import pytest

from rule_of_two.model import Action
from rule_of_two.policy import references
from rule_of_two.policy.load import Policies, load_policies
from rule_of_two.policy.proof.enumeration import enumerate_invariant
from rule_of_two.policy.proof.properties import load_properties
from rule_of_two.policy.proof.solver import UNASKED, Solver
from rule_of_two.policy.proof.verification import Verification, verify, verify_combinations
from rule_of_two.policy.proof.verify import Prover, Result
from rule_of_two.policy.references import shipped_policies, shipped_sets
from rule_of_two.policy.syntax import Policy
from rule_of_two.records import replace
from tests.policy.conftest import LoadText

ALL = '@id("own.permit-all") permit (principal, action, resource);'


def results(policies: Policies, properties: Sequence[Policy] = ()) -> Mapping[str, Result]:
    return {one.claim.name: one for one in Prover(policies, properties).results()}


def statuses(policies: Policies) -> Mapping[str, str]:
    return {name: one.status for name, one in results(policies).items()}


def own(text: str, effect: str = "forbid", name: str = "own.rule") -> str:
    return (
        f'{ALL}\n@id("{name}") @message("m") {effect} (principal, action in Gateway::Action::"use", resource) {text};'
    )


def with_properties(load_text: LoadText, tmp_path: Path, text: str, properties: str) -> Mapping[str, Result]:
    policies = load_text(text)
    file = tmp_path / "properties.cedar"
    file.write_text(properties, encoding="utf-8")
    return results(policies, load_properties([file], policies.schema_text))


def test_the_default_set_keeps_every_claim(load_text: LoadText) -> None:
    found = results(load_policies(["default"], relative_to=Path()))
    assert {one.status for one in found.values()} <= {"proved", "does not apply"}
    assert all(one.skipping for one in found.values() if one.claim.name in {"third-label", "dropped", "frozen"})


@pytest.mark.parametrize(
    ("old", "new", "broken"),
    [
        ("!context.dropped &&", "!context.dropped && context.held has A &&", "third-label"),
        ("(context.held has A || context.labels.A)", "context.held has A", "third-label"),
        ("(context.held has B || context.labels.B)", "context.labels.B", "third-label"),
        ("(context.labels.C ||", "(false ||", "third-label"),
        ("!(context.held has A && context.held has B && context.held has C)", "false", "third-label"),
        ("unless { context.approved }", "unless { context.approved || context.labels.A }", "third-label"),
        ("unless { context.approved }", 'unless { context.target.hosts.contains("a") }', "third-label"),
        ("unless { context.approved }", "unless { !context.approved }", "third-label"),
        ("when { context.frozen }", "when { context.frozen } unless { context.approved }", "frozen"),
        ("when { context.frozen }", "when { context.frozen && context.labels.C }", "frozen"),
        ("context.dropped && context.labels.C", "context.dropped && context.labels.C && !context.approved", "dropped"),
        ('action in Gateway::Action::"use"', 'action == Gateway::Action::"call_tool"', "third-label"),
        ('action in Gateway::Action::"use"', 'action in [Gateway::Action::"receive"]', "third-label"),
        ("principal,", 'principal is Gateway::Session in Gateway::Agent::"x",', "third-label"),
    ],
)
def test_a_weakened_invariant_is_refuted_by_proof_and_by_enumeration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, broken: str
) -> None:
    shutil.copytree(shipped_policies(), tmp_path / "shipped")
    mutant = tmp_path / "shipped" / "invariant" / "policies.cedar"
    text = mutant.read_text(encoding="utf-8")
    assert old in text
    mutant.write_text(text.replace(old, new, 1), encoding="utf-8")
    monkeypatch.setattr(references, "shipped", lambda _: tmp_path / "shipped")
    policies = load_policies(["default"], relative_to=tmp_path)
    refuted = {name: one for name, one in results(policies).items() if one.status == "refuted"}
    assert broken in refuted
    assert enumerate_invariant(policies, [Action.CALL_TOOL, Action.RECEIVE]).differences
    counterexample = refuted[broken].counterexample
    assert counterexample is not None
    assert [answer.allowed for answer in counterexample.answers] == [True]
    default = references.files_of_set("default")
    prover = Prover(policies, set_of=lambda policy: "default" if policy.file in default else None)
    assert [one.status for one in prover.results(only=[broken])] == ["refuted"]


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        (own("when { context.approvals == 3 }"), "yes-adds"),
        (own("when { context.approved && context.labels.C && context.approvals != 2 }"), "yes-adds"),
        (own("when { context.approvals * 2 > 5 && context.approvals < 5 }"), "yes-adds"),
        (own("when { context.approvals > 4 && !context.labels.C }"), "yes-keeps"),
        (ALL, "nobody-to-ask"),
        (
            own("when { context.approved && !principal.interactive } unless { context.labels.A }"),
            "nobody-to-ask",
        ),
        (own("when { resource has blocked && resource.blocked } unless { context.approved }"), "blocked"),
        (own('when { principal.client == "x" && resource has blocked && resource.blocked }'), "blocked"),
    ],
)
def test_a_set_that_breaks_a_claim_is_refuted(load_text: LoadText, text: str, broken: str) -> None:
    one = results(load_text(text))[broken]
    assert one.status == "refuted"
    assert one.counterexample is not None
    assert [answer.allowed for answer in one.counterexample.answers] == [allowed for _, allowed in one.claim.passes]


def test_without_default_deny_nobody_to_ask_something_asks_where_nobody_answers(load_text: LoadText) -> None:
    text = (shipped_policies() / "default" / "policies.cedar").read_text(encoding="utf-8")
    without = text.replace("default.", "own.").replace("context.approved && !principal.interactive", "false")
    assert without != text.replace("default.", "own.")
    assert statuses(load_text(text.replace("default.", "own.")))["nobody-to-ask"] == "proved"
    assert statuses(load_text(without))["nobody-to-ask"] == "refuted"


def test_what_denies_every_approved_call_asks_nothing_so_a_yes_takes_nothing_away(load_text: LoadText) -> None:
    found = results(load_text(own("when { context.approved }")))
    assert found["yes-keeps"].status == "does not apply"
    assert found["yes-keeps"].why == "nothing asks with this set, so nobody ever says yes"
    assert (found["yes-adds"].status, found["nobody-to-ask"].status) == ("proved", "proved")


def test_blocked_stays_blocked_where_a_set_says_so(load_text: LoadText) -> None:
    own_rule = own("when { resource has blocked && resource.blocked }")
    assert statuses(load_text(own_rule))["blocked"] == "proved"
    assert statuses(load_text(own_rule))["blocked-server"] == "refuted"
    server = own("when { resource.server has blocked && resource.server.blocked }")
    found = results(load_text(server))
    assert found["blocked-server"].status == "proved"
    assert (
        found["blocked-server"].skipping is False
    )  # it looks an entity up, so an engine that skips errors may miss it
    assert statuses(load_text(ALL))["blocked"] == "does not apply"


@pytest.mark.parametrize(
    ("properties", "status"),
    [
        ("forbid (principal, action, resource) when { context.labels.C && context.held has A };", "refuted"),
        ("forbid (principal, action, resource) when { context.frozen };", "proved"),
        ('@even("approved") forbid (principal, action, resource) when { context.frozen };', "proved"),
        ("forbid (principal, action, resource) when { EVIL };", "proved"),
        (
            '@even("approved") forbid (principal, action, resource) when { EVIL };',
            "refuted",
        ),
        (
            "permit (principal, action, resource) when { context.target.hosts.isEmpty() } unless { FROZEN_OR_C };",
            "proved",
        ),
        ("permit (principal, action, resource) when { !context.frozen };", "refuted"),
        (
            '@even("asked") permit (principal, action, resource) when { !context.frozen && !context.dropped };',
            "proved",
        ),
        ('@even("asked") permit (principal, action, resource) when { !context.frozen };', "refuted"),
    ],
)
def test_an_operators_property_is_proved_or_refuted(
    load_text: LoadText, tmp_path: Path, properties: str, status: str
) -> None:
    properties = properties.replace("EVIL", 'context.target.hosts.contains("evil.example")')
    properties = properties.replace("FROZEN_OR_C", "context.frozen || context.labels.C || context.held has C")
    rule = own('when { context.target.hosts.contains("evil.example") && !context.approved }')
    found = with_properties(load_text, tmp_path, rule, f'@id("my.property") @message("Mine.") {properties}')
    assert found["my.property"].status == status


def test_an_allow_list_that_an_empty_set_passes_is_found(load_text: LoadText, tmp_path: Path) -> None:
    """A real hole: a travel agent that could act without any host in its arguments passed the host allow-list."""
    hole = own('unless { ["book.example"].containsAll(context.target.hosts) }')
    whole = hole.replace("unless { [", "unless { context.target.complete && !context.target.hosts.isEmpty() && [")
    wanted = (
        '@id("travel.hosts") @message("It acts on the listed host only.") forbid (principal, action, resource)'
        " when { context.labels.C } unless { context.target.complete && !context.target.hosts.isEmpty() };"
    )
    found = with_properties(load_text, tmp_path, hole, wanted)["travel.hosts"]
    assert found.status == "refuted"
    assert with_properties(load_text, tmp_path, whole, wanted)["travel.hosts"].status == "proved"


def test_what_the_engine_does_not_confirm_is_neither_proved_nor_refuted(load_text: LoadText, tmp_path: Path) -> None:
    impossible = (
        '@id("my.subset") @message("Mine.") forbid (principal, action, resource) when {'
        ' context.target.paths.containsAll(context.target.hosts) && context.target.hosts.contains("a")'
        ' && !context.target.paths.contains("a") };'
    )
    found = with_properties(load_text, tmp_path, ALL, impossible)["my.subset"]
    assert found.status == "not proved"
    assert found.counterexample is None
    assert found.tried > 0
    assert any("containsAll" in key for key in found.assumed)


def test_what_is_not_proved_says_what_was_only_tested(load_text: LoadText, tmp_path: Path) -> None:
    policies = load_text(ALL)
    file = tmp_path / "properties.cedar"
    file.write_text(
        '@id("my.p") @message("Mine.") forbid (principal, action, resource) when'
        ' { context.now < context.now.offset(duration("-1h")) };',
        encoding="utf-8",
    )
    told = "\n".join(verify(policies, load_properties([file], policies.schema_text)).lines())
    assert "not proved      Mine." in told
    assert "Only tested: of" in told
    assert "none did on the engine" in told


def test_a_permit_for_a_group_does_not_count_for_what_is_compared_with_it(load_text: LoadText, tmp_path: Path) -> None:
    """`==` matches neither the members of a group nor what is generated below an action."""
    text = '@id("own.permit") permit (principal, action == Gateway::Action::"call_tool", resource);'
    wanted = '@id("my.p") @message("m") forbid (principal, action == Gateway::Action::"{}", resource);'
    for action, status in (("call_tool", "refuted"), ("read_resource", "proved")):
        assert with_properties(load_text, tmp_path, text, wanted.format(action))["my.p"].status == status


def test_an_action_generated_below_call_tool_is_not_forbidden_by_what_equals_call_tool(load_text: LoadText) -> None:
    policies = load_text(own("").replace("action in", "action ==").replace('"use"', '"call_tool"'))
    text = policies.schema_text.rstrip().removesuffix("}") + (
        'action "crm__send" in ["call_tool"] appliesTo { principal: [Session], resource: [Tool], context: Use }; }'
    )
    typed = replace(policies, schema_text=text, schema=cedarpy.Schema.from_str(text))
    prover = Prover(typed)
    allowed = prover.solver.possible(
        prover.solver.term(prover.abstraction.condition("resource is Gateway::Tool"), UNASKED),
        prover._allows(UNASKED),
    )
    assert allowed is True


def combinations(policies: Policies, names: Sequence[str], relative_to: Path) -> Verification:
    owner = {file: name for name in names for file in references.find_files(name, relative_to=relative_to)}
    return verify_combinations(policies, lambda policy: owner.get(policy.file))


def test_the_invariant_holds_in_every_combination_of_the_shipped_sets() -> None:
    names = list(shipped_sets())
    found = combinations(load_policies(names, relative_to=Path()), names, Path())
    assert found.combinations == 2 ** len(names)
    assert {one.claim.name: one.status for one in found.results or ()} == dict.fromkeys(
        ("third-label", "dropped", "dropped-counts", "frozen"), "proved"
    )
    assert found.good


def test_nothing_asks_where_nobody_answers_in_any_combination_with_the_default_set() -> None:
    names = list(shipped_sets())
    policies = load_policies(names, relative_to=Path())
    owner = {file: name for name in names if name != "default" for file in references.files_of_set(name)}
    prover = Prover(policies, set_of=lambda policy: owner.get(policy.file))
    (found,) = prover.results(only=["nobody-to-ask"])
    assert found.status == "proved"


def test_a_set_that_breaks_a_claim_in_some_combination_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.cedar").write_text(ALL, encoding="utf-8")
    (tmp_path / "b.cedar").write_text(
        '@id("b.stop") @message("m") forbid (principal, action, resource) when { context.approved };', encoding="utf-8"
    )
    names = ["a.cedar", "b.cedar", "roots"]
    policies = load_policies(names, relative_to=tmp_path)
    owner = {file: name for name in names for file in references.find_files(name, relative_to=tmp_path)}
    (found,) = Prover(policies, set_of=lambda policy: owner.get(policy.file)).results(only=["nobody-to-ask"])
    assert found.status == "refuted"
    assert found.counterexample is not None
    assert "b.cedar" not in found.counterexample.sets


def test_a_counterexample_is_told_as_a_session_with_policies_and_places(load_text: LoadText, tmp_path: Path) -> None:
    policies = load_text(own('when { !(context.target.hosts.contains("a.example")) }'))
    file = tmp_path / "properties.cedar"
    file.write_text(
        '@id("my.p") @message("After [A], nothing acts.")\n'
        "forbid (principal, action, resource) when { context.held has A && context.labels.C };",
        encoding="utf-8",
    )
    found = verify(policies, load_properties([file], policies.schema_text))
    told = "\n".join(found.lines()).replace(str(tmp_path), "")
    assert "refuted         After [A], nothing acts.  (my.p, /properties.cedar:1)" in told
    steps = [
        '1. Gateway::Session::"session" has interactive true.',
        "2. The session reads something untrusted: it holds [A] since call 1.",
        'Gateway::Session::"session" asks for call_tool of Gateway::Tool::"tool-1"; the call brings [C]; ',
        "; context.target.hosts is",
        "4. Unasked it runs, by own.permit-all (/own.cedar:1).",
    ]
    assert all(step in told for step in steps), told
    (facts,) = [one for one in found.as_facts()["claims"] if one["claim"] == "my.p"]
    assert facts["counterexample"]["answers"] == [{"approvals": 0, "allowed": True, "policies": ("own.permit-all",)}]
    assert facts["line"] == 1


def test_a_counterexample_says_which_attribute_is_absent_that_made_a_policy_not_apply(
    load_text: LoadText, tmp_path: Path
) -> None:
    condition = "when { principal is Gateway::Session && principal.agent has hosts && context.target.hosts.isEmpty() }"
    file = tmp_path / "properties.cedar"
    file.write_text(
        '@id("my.p") @message("Nothing goes nowhere.")\n'
        "forbid (principal, action, resource) when { context.target.hosts.isEmpty() && context has device };",
        encoding="utf-8",
    )
    policies = load_text(own(condition))
    (told,) = [one for one in verify(policies, load_properties([file], policies.schema_text)).as_facts()["claims"]
               if one["claim"] == "my.p"]  # fmt: skip
    call = " ".join(told["counterexample"]["session"])
    assert "context.target.hosts is empty" in call
    assert "principal.agent has no hosts" in call
    assert "has no device" not in call


def test_a_thousand_policies_are_verified_with_a_question_or_two_for_each_claim(
    load_text: LoadText, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    possible = Solver.possible

    def counted(*terms: Any) -> Any:
        asked.append(terms)
        return possible(*terms)

    monkeypatch.setattr(Solver, "possible", counted)
    kinds = (
        'context.target.hosts.contains("h{n}.example")',
        "context.labels.C && context.held has A && context.approvals < {n}",
        'principal.user in Gateway::Role::"r{n}"',
        'context.target has amount && context.target.amount.greaterThan(decimal("{n}.5"))',
        'principal.client == "c{n}" || principal.purpose in Gateway::Purpose::"p{n}"',
    )
    text = "\n".join(
        f'@id("own.n{n}") @message("m") {"permit" if n % 3 else "forbid"} (principal is Gateway::Session,'
        f' action in Gateway::Action::"use", resource in Gateway::Server::"s{n % 20}")'
        f" when {{ {kinds[n % len(kinds)].format(n=n % 40)} }};"
        for n in range(1000)
    )
    policies = load_text(text)
    found = results(policies)
    assert found["third-label"].status == "proved"
    assert 0 < len(asked) < 10 * len(found)
