"""One is not several."""

from __future__ import annotations

from rule_of_two.plural import many


def test_one_is_not_several() -> None:
    assert [many(number, "policy") for number in (0, 1, 2)] == ["0 policies", "1 policy", "2 policies"]
    assert [many(number, "error") for number in (0, 1, 2)] == ["0 errors", "1 error", "2 errors"]
