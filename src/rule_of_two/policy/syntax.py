"""One statement becomes one checked policy: it parses, validates strictly, and names what verdicts say of it."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Final

import cedarpy
from msgspec import Struct

from rule_of_two.errors import Code, PolicyError
from rule_of_two.obligations import Term
from rule_of_two.policy.obligations import obligations_of
from rule_of_two.policy.statements import Statement
from rule_of_two.policy.trees import Tree, annotations_of, policy_trees
from rule_of_two.yaml_source import nearest

DEFAULT_DENY: Final = "default.deny"
"""Stands in a verdict where no policy permits; no policy may be called so."""

_ID_FORMAT: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)+")
_ID_IN_TEXT: Final = re.compile(r'@id\s*\(\s*"([^"\\]*)"')
_CONSEQUENCE: Final = "unable to find an applicable action"
_COMMENT: Final = re.compile(r"//[^\n\r]*")


class Policy(Struct, frozen=True):
    """A policy as verdicts see it. ``text`` is what the engine runs; ``tree`` is its JSON form, equal for texts that
    differ in layout only."""

    id: str
    message: str | None
    code: Code | None
    file: Path
    line: int
    text: str
    tree: str
    obligations: tuple[Term, ...] = ()
    """What it demands of the arguments of a call that it lets pass."""


class Grammar:
    """The schema: the engine's handle, and the words that a policy can use."""

    def __init__(self, text: str) -> None:
        """:raises PolicyError: ``text`` is no Cedar schema."""
        try:
            self.schema = cedarpy.Schema.from_str(text)
        except ValueError as error:
            raise PolicyError(f"the policy schema is not valid: {error}; reinstall mcp-rule-of-two") from error
        self._words = sorted(set(re.findall(r"\w+", _COMMENT.sub("", text))))

    def parse(self, statement: Statement) -> Policy:
        """Parse and validate one statement.

        :raises PolicyError: it is not a policy, does not validate strictly, or lacks what verdicts need.
        """
        written = _ID_IN_TEXT.search(statement.text)
        name = written[1] if written else None
        try:
            trees = policy_trees(statement.text)
        except ValueError as error:
            raise statement.error(f"is not valid Cedar: {error}", name) from error
        if not trees:
            raise statement.error("is a template (?principal or ?resource), and nothing links templates", name)
        name = _name(statement, trees[0])
        self.check(statement, name, trees[0])
        return Policy(
            id=name,
            message=_message(statement, name, trees[0]),
            code=_code(statement, name, trees[0]),
            file=statement.file,
            line=statement.line,
            text=statement.text,
            tree=cedarpy.policies_to_json_str(statement.text),
            obligations=obligations_of(statement, name, trees[0]),
        )

    def check(self, statement: Statement, name: str, tree: Tree) -> None:
        """Check that a statement validates strictly.

        :raises PolicyError: it does not.
        """
        problem = self.problem(statement.text)
        if problem is not None:
            raise statement.error(problem, name)

    def problem(self, text: str) -> str | None:
        """Why ``text`` does not validate strictly, or ``None``.

        The engine repeats a problem for each action, in no fixed order, and a misspelt action or type leaves no action
        that applies; one sentence says enough.
        """
        result = cedarpy.validate_policies(text, self.schema)
        if result.validation_passed:
            return None
        problems = sorted(error.error.removeprefix("for policy `policy0`, ") for error in result.errors)
        problem = next((text for text in problems if not text.startswith(_CONSEQUENCE)), problems[0])
        words = [word for quoted in re.findall(r"`([^`]+)`", problem)[:1] for word in re.findall(r"\w+", quoted)]
        return problem + (nearest(words[-1], self._words) if words else "")


def _name(statement: Statement, tree: Tree) -> str:
    name = annotations_of(tree).get("id")
    if not name:
        raise statement.error('has no @id; write one in front, such as @id("mail.block-outside")')
    if not _ID_FORMAT.fullmatch(name):
        raise statement.error("an @id is kebab-case with an area in front, such as 'mail.block-outside'", name)
    if name == DEFAULT_DENY:
        raise statement.error("this @id is what verdicts say when no policy permits; choose another one", name)
    return name


def _message(statement: Statement, name: str, tree: Tree) -> str | None:
    annotations = annotations_of(tree)
    message = (annotations.get("message") or "").strip()
    if tree["effect"] == "forbid" and not message:
        close = difflib.get_close_matches("message", annotations, n=1)
        hint = f"; did you mean that by '@{close[0]}'?" if close and close[0] != "message" else ""
        raise statement.error(f"a forbid needs a @message, the sentence that people read{hint}", name)
    return message or None


def _code(statement: Statement, name: str, tree: Tree) -> Code | None:
    annotations = annotations_of(tree)
    if "code" not in annotations:
        return None
    written = annotations["code"] or ""
    known = [str(code) for code in Code]
    if written not in known:
        raise statement.error(f"unknown @code '{written}'{nearest(written, known)}", name)
    return Code(written)
