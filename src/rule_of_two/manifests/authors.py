"""Whose words the operator trusts: by exact name, or all of one domain.

INVARIANT: an author is trusted only if the name is byte-equal to its canonical form; display names, plus-addresses,
look-alikes and sub-domains never are (tests/manifests/test_authors.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from rule_of_two import normalise

_NOT_IN_A_NAME: Final = re.compile(r"[\s<>\"(),:;\\]")


def author(value: Any) -> str:
    """A trusted author as the operator writes it, canonical: an address, ``@domain``, or an account's exact name.

    :raises ValueError: none of these.
    """
    text = value if isinstance(value, str) else ""
    if text.startswith("@"):
        address = normalise.address(f"x{text}")
        name = None if address is None else address.removeprefix("x")
    elif "@" in text:
        name = None if "+" in text else normalise.address(text)
    else:
        name = None if _NOT_IN_A_NAME.search(text) else normalise.account(text)
    if name is None:
        raise ValueError(
            "must be an address such as ann@example.com, a domain such as @example.com, or an account's name without "
            f"spaces, not {value!r}; display names and plus-addresses cannot be trusted"
        )
    return name


class TrustedAuthors:
    """Compares names as platforms assert them with what the operator trusts."""

    __slots__ = ("_domains", "_names")

    def __init__(self, trusted: Iterable[str]) -> None:
        """:param trusted: canonical, as from :func:`author`."""
        names = frozenset(trusted)
        self._domains = frozenset(name for name in names if name.startswith("@"))
        self._names = names - self._domains

    def __bool__(self) -> bool:
        return bool(self._names or self._domains)

    def trusts(self, name: str) -> bool:
        """Whether this one is trusted: by byte-equal name, or by an address of exactly a trusted domain."""
        if name in self._names:
            return True
        local, at, domain = name.rpartition("@")
        return f"{at}{domain}" in self._domains and "+" not in local and normalise.address(name) == name


NOBODY: Final = TrustedAuthors(())
