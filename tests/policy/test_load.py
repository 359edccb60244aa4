"""Start-up refuses what it cannot rely on, and says file, line and @id."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import cedarpy
import pytest

from rule_of_two.errors import Code, PolicyError
from rule_of_two.policy import load as load_module
from rule_of_two.policy import references
from rule_of_two.policy.load import load_policies
from rule_of_two.policy.statements import MAX_OPERATORS, Statement, split

from .conftest import LoadText

PERMIT = '@id("own.permit") permit (principal, action, resource);'
INVARIANT = ("r2.ask-third-label", "r2.deny-all-when-frozen", "r2.deny-c-when-dropped", "r2.keep-dropped-c")


def forbid(*annotations: str) -> str:
    return f"{' '.join(annotations)} forbid (principal, action, resource);"


def test_the_invariant_is_always_loaded_besides(load_text: LoadText) -> None:
    policies = load_text(PERMIT)
    assert tuple(policies.by_id) == (*INVARIANT, "own.permit")
    assert policies.sets == ("own.cedar",)


def test_sets_combine(load_text: LoadText) -> None:
    policies = load_text(PERMIT, "default")
    default = {name for name in policies.by_id if name.startswith("default.")}
    assert "default.permit-use" in default
    assert policies.by_id.keys() == {*INVARIANT, "own.permit", *default}
    assert policies.sets == ("own.cedar", "default")


def test_a_folder_is_one_set_in_which_a_file_may_be_empty(tmp_path: Path) -> None:
    (tmp_path / "a.cedar").write_text("// later\n")
    (tmp_path / "b.cedar").write_text(PERMIT)
    assert "own.permit" in load_policies(["./"], relative_to=tmp_path).by_id


def test_codes_and_messages_are_read_from_the_invariant(load_text: LoadText) -> None:
    by_id = load_text(PERMIT).by_id
    assert by_id["r2.deny-all-when-frozen"].code is Code.SESSION_FROZEN
    assert by_id["r2.deny-c-when-dropped"].code is Code.DROPPED_CAPABILITY
    assert all(by_id[name].message for name in INVARIANT)


def test_a_byte_order_mark_is_no_policy(tmp_path: Path) -> None:
    (tmp_path / "own.cedar").write_text(PERMIT, encoding="utf-8-sig")
    assert "own.permit" in load_policies(["own.cedar"], relative_to=tmp_path).by_id


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '\n// x;\n@id("own.a")\n@message("m")\nforbid (principal, action, resource) when { context.frosen };',
            (
                "own.cedar:3: @id 'own.a': attribute `frosen` in context for Gateway::Action::\"answer\" not found"
                "; did you mean 'frozen'?"
            ),
        ),
        (
            '@id("own.a") permit (principal is Gateway::Sesion, action, resource);',
            "own.cedar:1: @id 'own.a': unrecognized entity type `Gateway::Sesion`; did you mean 'Session'?",
        ),
        (
            f'{PERMIT}\n\n@id("own.b") permit (principal, action in Gateway::Action::"usee", resource);',
            "own.cedar:3: @id 'own.b': unrecognized action `Gateway::Action::\"usee\"`; did you mean 'use'?",
        ),
        (
            '@id("own.a") permit (principal, action, resource) when { context.held.A > 1 };',
            (
                "own.cedar:1: @id 'own.a': unable to guarantee safety of access to optional attribute `held.A` in "
                'context for Gateway::Action::"answer"'
            ),
        ),
        (
            '@id("own.a") permit (principal, action, resource) when { context.labels.A == 1 };',
            "own.cedar:1: @id 'own.a': the types Bool and Long are not compatible",
        ),
        (
            f'{PERMIT}\n@id("own.b") permit (principal, action, resource) when {{ context. }};',
            "own.cedar:2: @id 'own.b': is not valid Cedar: unexpected token `}`",
        ),
        (f"{PERMIT}\npermitt (x);", "own.cedar:2: statement 2: is not valid Cedar: invalid policy effect: permitt"),
        (
            '@id("own.a") permit (principal, action, resource)',
            "own.cedar:1: @id 'own.a': is not valid Cedar: unexpected end of input",
        ),
        (
            '@id("own.a") permit (principal, action, resource) when { "open };\n',
            "own.cedar:1: @id 'own.a': is not valid Cedar: invalid token",
        ),
        (
            '@id("own.a") @id("own.b") permit (principal, action, resource);',
            "own.cedar:1: @id 'own.a': is not valid Cedar: duplicate annotation: @id",
        ),
        (
            '@id("own.a") permit (principal == ?principal, action, resource);',
            "own.cedar:1: @id 'own.a': is a template (?principal or ?resource), and nothing links templates",
        ),
        (
            f"{PERMIT}\npermit (principal, action, resource);",
            'own.cedar:2: statement 2: has no @id; write one in front, such as @id("mail.block-outside")',
        ),
        (
            "@id permit (principal, action, resource);",
            'own.cedar:1: statement 1: has no @id; write one in front, such as @id("mail.block-outside")',
        ),
        (
            '@id("Block Mail") permit (principal, action, resource);',
            "own.cedar:1: @id 'Block Mail': an @id is kebab-case with an area in front, such as 'mail.block-outside'",
        ),
        (
            '@id("block") permit (principal, action, resource);',
            "own.cedar:1: @id 'block': an @id is kebab-case with an area in front, such as 'mail.block-outside'",
        ),
        (
            '@id("default.deny") permit (principal, action, resource);',
            "own.cedar:1: @id 'default.deny': this @id is what verdicts say when no policy permits; choose another one",
        ),
        (
            f"{PERMIT}\n{PERMIT}",
            "own.cedar:2: @id 'own.permit': this @id stands already in own.cedar:1; choose another",
        ),
        (
            forbid('@id("own.a")'),
            "own.cedar:1: @id 'own.a': a forbid needs a @message, the sentence that people read",
        ),
        (
            forbid('@id("own.a")', '@message("  ")'),
            "own.cedar:1: @id 'own.a': a forbid needs a @message, the sentence that people read",
        ),
        (
            forbid('@id("own.a")', '@mesage("No.")'),
            (
                "own.cedar:1: @id 'own.a': a forbid needs a @message, the sentence that people read"
                "; did you mean that by '@mesage'?"
            ),
        ),
        (
            forbid('@id("own.a")', '@message("No.")', '@code("session_frosen")'),
            "own.cedar:1: @id 'own.a': unknown @code 'session_frosen'; did you mean 'session_frozen'?",
        ),
        (
            forbid('@id("own.a")', '@message("No.")', "@code"),
            "own.cedar:1: @id 'own.a': unknown @code ''",
        ),
        (
            '@id("r2.ask-third-label") permit (principal, action, resource);',
            (
                "own.cedar:1: @id 'r2.ask-third-label': is the invariant's own and cannot be redefined; "
                "choose another area"
            ),
        ),
        (
            '@id("r2.more") permit (principal, action, resource);',
            (
                "own.cedar:1: @id 'r2.more': starts with 'r2.', which is the invariant's own and cannot be redefined; "
                "choose another area"
            ),
        ),
        ("// nothing yet\n", "own.cedar: the policy set 'own.cedar' holds no policy"),
        ("", "own.cedar: the policy set 'own.cedar' holds no policy"),
        (f"{PERMIT}\x1c", "own.cedar: is not valid Cedar: invalid token"),
    ],
)
def test_a_set_that_does_not_validate_is_refused_with_file_line_and_id(
    refusal: Callable[[str], str], text: str, said: str
) -> None:
    assert refusal(text) == said


def test_a_chain_just_within_the_limit_is_still_validated(refusal: Callable[[str], str]) -> None:
    """The engine's validator passes, unseen, what is too deep for it; the limit must stay below that."""
    chain = "context" + ".a" * (MAX_OPERATORS - 1)
    said = refusal(f'@id("own.a") permit (principal, action, resource) when {{ {chain} == 1 }};')
    assert said.startswith("own.cedar:1: @id 'own.a': attribute `a` in context")


def test_a_set_named_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="the policy set 'default' is named twice; name it once"):
        load_policies(["default", "default"], relative_to=tmp_path)


def test_no_set_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no policy set is named"):
        load_policies([], relative_to=tmp_path)


def test_the_invariant_cannot_be_named_by_a_configuration(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="the set 'invariant' is always loaded; take it off the list"):
        load_policies(["default", "invariant"], relative_to=tmp_path)


def test_the_invariant_cannot_be_loaded_again_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"@id 'r2\.ask-third-label': is the invariant's own"):
        load_policies([str(references.shipped_policies() / "invariant")], relative_to=tmp_path)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.cedar").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PolicyError, match=r"own\.cedar: is not UTF-8 text"):
        load_policies(["own.cedar"], relative_to=tmp_path)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "own.cedar").mkdir()
    with pytest.raises(PolicyError, match=r"own\.cedar: cannot be read \(Is a directory\); check the path"):
        load_policies(["./set"], relative_to=tmp_path)


def test_a_lost_statement_is_noticed_by_holding_the_engines_reading_against_ours(
    load_text: LoadText, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lossy(text: str, file: Path) -> Sequence[Statement]:
        return [statement for statement in split(text, file) if statement.number == 1]

    text = f'{PERMIT}\n{forbid("""@id("own.stop")""", """@message("No.")""")}'
    assert "own.stop" in load_text(text).by_id
    monkeypatch.setattr(load_module, "split", lossy)
    with pytest.raises(PolicyError, match="policies"):
        load_text(text)


def test_the_version_changes_with_what_decides_and_with_nothing_else(tmp_path: Path) -> None:
    def version(*texts: str) -> str:
        shutil.rmtree(tmp_path / "set", ignore_errors=True)
        (tmp_path / "set").mkdir()
        for number, text in enumerate(texts):
            (tmp_path / "set" / f"{number}.cedar").write_text(text)
        return load_policies(["./set"], relative_to=tmp_path).version

    other = '@id("own.stop") @message("No.") forbid (principal, action, resource) when { context.frozen };'
    base = version(PERMIT, other)
    assert len(base) == 64
    assert base == version(other, PERMIT)
    assert base == version(f"// comment\n{cedarpy.format_policies(other)}\n\n{PERMIT}")
    assert base != version(PERMIT)
    assert base != version(PERMIT, other.replace("No.", "Yes."))
    assert base != version(PERMIT, other.replace("frozen", "dropped"))


def test_the_version_changes_with_the_schema(
    load_text: LoadText, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = load_text(PERMIT).version
    shutil.copytree(references.shipped_policies(), tmp_path / "shipped")
    schema = tmp_path / "shipped" / "rule-of-two.cedarschema"
    schema.write_text(schema.read_text().replace("entity Tenant;", "entity Tenant, Region;"))
    monkeypatch.setattr(references, "shipped", lambda _: tmp_path / "shipped")
    assert load_text(PERMIT).version != base


@pytest.mark.parametrize("condition", ["context.frozen", 'context.now < datetime("2027-01-01")'])
def test_whether_any_policy_reads_the_clock_is_known(load_text: LoadText, condition: str) -> None:
    policies = load_text(f'{PERMIT} @id("own.b") permit (principal, action, resource) when {{ {condition} }};')
    assert policies.reads_now is ("now" in condition)


@pytest.mark.parametrize("condition", ["context.frozen", "context.target.given", "context.target.urls.isEmpty()"])
def test_whether_any_policy_reads_addresses_is_known(load_text: LoadText, condition: str) -> None:
    policies = load_text(f'{PERMIT} @id("own.b") permit (principal, action, resource) when {{ {condition} }};')
    assert (policies.reads_urls, policies.reads_given) == ("urls" in condition, "given" in condition)


def test_no_shipped_set_by_default_has_addresses_remembered(tmp_path: Path) -> None:
    policies = load_policies(["default"], relative_to=tmp_path)
    assert not policies.reads_urls
    assert not policies.reads_given


def test_a_thousand_policies_load(load_text: LoadText) -> None:
    text = "\n".join(
        f'@id("own.n{number}") permit (principal, action, resource == Gateway::Tool::"a__{number}");'
        for number in range(1000)
    )
    assert len(load_text(text).by_id) == 1000 + len(INVARIANT)


def test_all_that_is_refused_can_be_found_at_once(tmp_path: Path) -> None:
    twice = '@id("own.a") permit (principal, action, resource); '
    (tmp_path / "one.cedar").write_text(twice + twice + "permit (principal, action, resource);")
    (tmp_path / "latin.cedar").write_bytes(b"\xff")
    (tmp_path / "empty.cedar").write_text("// later")
    found: list[PolicyError] = []
    names = ["one.cedar", "latin.cedar", "empty.cedar", "nothing.cedar", "properties.cedar", "invariant", "default"]
    policies = load_policies(names, relative_to=tmp_path, refused=found.append)
    for error, expected in zip(
        found,
        [
            "one.cedar:1: @id 'own.a': this @id stands already in",
            "one.cedar:1: statement 3: has no @id",
            "latin.cedar: is not UTF-8 text",
            "empty.cedar: the policy set 'empty.cedar' holds no policy",
            "nothing.cedar: there is no such policy file or folder",
            "properties.cedar: holds properties to prove",
            "the set 'invariant' is always loaded",
        ],
        strict=True,
    ):
        assert expected in str(error)
    assert {"own.a", "default.permit-use"} <= policies.by_id.keys()
