"""Hides the operator's secrets by value in every entry of the journal, whatever wrote it: the last thing before it is
written."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from rule_of_two.approvals.masks import Masks
from rule_of_two.approvals.secret_forms import forms

_SIGNED = "receipt"
"""What was signed stays as it is, or nobody could check it. No grant is offered where a target holds a secret, and else
receipts repeat nothing of a call."""


class Hiding:
    """Takes and gives the body of an entry, JSON. Cheap where it holds no secret."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = tuple(secrets)
        self._masks = Masks({}, (), known)
        self._forms = tuple({form.encode("utf-8", "replace") for one in known for form in forms(one)})

    def __call__(self, body: bytes) -> bytes:
        """The body with every secret hidden."""
        if not any(form in body for form in self._forms):
            return body
        value = orjson.loads(body)
        signed = value.get(_SIGNED)
        masked = self._masks.masked(value)
        return orjson.dumps(masked if signed is None else {**masked, _SIGNED: signed})
