"""What the operator fills in."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from rule_of_two.errors import ConfigurationError
from rule_of_two.manifests.parameters import ParameterType, bind, canonical


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("hosts", ["Good.Example.", "https://other.example/x"], ("good.example", "other.example")),
        ("hosts", [], ()),
        ("recipients", ["A@Good.Example"], ("a@good.example",)),
        ("strings", ["Main", ""], ("Main", "")),
        ("amount", 100, Decimal(100)),
        ("amount", "99.50", Decimal("99.5")),
        ("amount", None, None),
        ("folders", ["/"], ("/",)),
    ],
)
def test_a_value_becomes_canonical(kind: ParameterType, value: Any, expected: Any) -> None:
    assert canonical(kind, value) == expected


@pytest.mark.parametrize(
    ("kind", "value", "sentence"),
    [
        ("hosts", "good.example", "must be a list of hosts"),
        ("hosts", {"good.example": True}, "must be a list of hosts"),
        ("hosts", ["*.good.example"], "must be a host such as"),
        ("hosts", [None], "must be a host such as"),
        ("recipients", ["good.example"], "must be a mail address such as"),
        ("strings", [3], "must be text, not 3"),
        ("amount", -1, "must be an amount such as"),
        ("amount", "1e3", "must be an amount such as"),
        ("amount", [1], "must be an amount such as"),
        ("folders", ["docs"], "must be an absolute path"),
        ("folders", ["/srv/../etc"], "must be an absolute path"),
        ("folders", ["/srv\0"], "must be an absolute path"),
        ("folders", [3], "must be a folder's path"),
        ("folders", ["~nobody-of-that-name/x"], "must be a folder's path"),
    ],
)
def test_a_value_of_another_type_is_refused_in_one_sentence(kind: ParameterType, value: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        canonical(kind, value)


def test_a_folder_is_expanded_and_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path.resolve()
    (home / "real").mkdir()
    (home / "link").symlink_to(home / "real")
    monkeypatch.setenv("HOME", str(home))
    assert canonical("folders", ["~/link", f"/{home}/link/later", "~"]) == (
        f"{home}/real",
        f"{home}/real/later",
        str(home),
    )


def test_what_the_operator_gives_replaces_the_default() -> None:
    types: dict[str, ParameterType] = {"trusted": "hosts", "cap": "amount"}
    bound = bind(types, {"trusted": ["a.example"], "cap": None}, {"trusted": ["b.example"]}, server="test")
    assert bound == {"trusted": ("b.example",), "cap": None}


def test_a_parameter_that_nobody_declared_names_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match=r"no parameter 'hots'; it declares hosts; did you mean 'hosts'"):
        bind({"hosts": "hosts"}, {"hosts": []}, {"hots": []}, server="test")
    with pytest.raises(ConfigurationError, match="manifest 'test' has no parameter 'x'; it declares none"):
        bind({}, {}, {"x": []}, server="test")


def test_a_wrong_value_names_parameter_and_manifest() -> None:
    with pytest.raises(ConfigurationError, match="parameter 'cap' of manifest 'test' must be an amount"):
        bind({"cap": "amount"}, {"cap": None}, {"cap": "much"}, server="test")
