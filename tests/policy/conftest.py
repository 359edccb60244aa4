"""Policies written in a test, loaded as an operator's own file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest

from rule_of_two.errors import PolicyError
from rule_of_two.model import Principal
from rule_of_two.policy.authorizer import Authorizer
from rule_of_two.policy.load import Policies, load_policies

LOCAL = Principal()
GENEROUS = '@id("test.permit-all") permit (principal, action, resource);'


class PanicException(BaseException):
    """What pyo3 raises when Rust code panics; no input is known that makes cedarpy 4.12.2 panic."""


PanicException.__module__ = "pyo3_runtime"


class LoadText(Protocol):
    def __call__(self, text: str, *sets: str) -> Policies: ...


class Authorize(Protocol):
    def __call__(self, text: str = ..., *sets: str, principal: Principal = ..., client: str = ...) -> Authorizer: ...


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 11, 22, 10, 30, 59, 999_999, tzinfo=UTC)


@pytest.fixture
def load_text(tmp_path: Path) -> LoadText:
    """The policies of a text, the invariant and further sets."""

    def load(text: str, *sets: str) -> Policies:
        (tmp_path / "own.cedar").write_text(text, encoding="utf-8")
        return load_policies(["own.cedar", *sets], relative_to=tmp_path)

    return load


@pytest.fixture
def authorize(load_text: LoadText) -> Authorize:
    """An authorizer over the invariant, the most generous permit and the text."""

    def build(text: str = "", *sets: str, principal: Principal = LOCAL, client: str = "generic") -> Authorizer:
        return Authorizer(load_text(f"{GENEROUS}\n{text}", *sets), principal, client)

    return build


@pytest.fixture
def refusal(load_text: LoadText, tmp_path: Path) -> Callable[[str], str]:
    """What the loader says of a text, its file shortened to ``own.cedar``."""

    def refuse(text: str) -> str:
        with pytest.raises(PolicyError) as caught:
            load_text(text)
        return str(caught.value).replace(f"{tmp_path}/", "")

    return refuse
