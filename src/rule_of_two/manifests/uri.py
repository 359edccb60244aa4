"""Resource URIs: which ones are written plainly, and globs over them. A match takes time linear in the URI."""

from __future__ import annotations

import re

from msgspec import Struct

_LONGEST = 4096
_PLAIN = re.compile(r"[a-z][a-z0-9+.-]*:[^\x00-\x20\x7f-\x9f\\\s]*")
_DOT_SEGMENT = re.compile(r"(?:^|[/?#:])\.{1,2}(?:[/?#]|$)")
_NEEDLESS_ESCAPE = re.compile(
    r"%(?![0-9A-Fa-f]{2})|%(?:2[DEFdef5]|3[0-9]|4[1-9A-Fa-f]|5[0-9AaCcFf]|6[1-9A-Fa-f]|7[0-9AaEeFf]|[01])"
)
_USERINFO = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#]*@")


def is_plain_uri(uri: str) -> bool:
    """Whether a URI can only be read in one way: no dot segments, needless escapes, user information or white space.

    One that is not plain matches no glob, and so is worst case.
    """
    return (
        len(uri) <= _LONGEST
        and _PLAIN.fullmatch(uri) is not None
        and _DOT_SEGMENT.search(uri) is None
        and _NEEDLESS_ESCAPE.search(uri) is None
        and _USERINFO.match(uri) is None
    )


class UriGlob(Struct, frozen=True):
    """``**`` stands for anything, ``*`` for anything within one segment; all other characters for themselves.

    It is a non-deterministic automaton whose states are the bits of one integer, so that no URI makes it slow.
    """

    text: str
    _literals: dict[str, int]
    _within: int
    _across: int
    _end: int

    @classmethod
    def parse(cls, text: str) -> UriGlob:
        """Compile ``file:///srv/**``.

        :raises ValueError: ``**`` does not stand between slashes, or the scheme is a wildcard.
        """
        if not re.match(r"[a-z][a-z0-9+.-]*:", text):
            raise ValueError(f"'{text}' is no URI pattern: begin with the scheme in lower case, as in file:///**")
        tokens = re.findall(r"\*+|[^*]", text)
        literals: dict[str, int] = {}
        within = across = 0
        for place, part in enumerate(tokens):
            if part == "*":
                within |= 1 << place
            elif part.startswith("*"):
                follows, before = tokens[place + 1 : place + 2], tokens[place - 1]
                if part != "**" or before not in "/:" or follows not in ([], ["/"]):
                    raise ValueError(f"'{text}' is no URI pattern: '**' must stand alone between slashes")
                across |= 1 << place
            else:
                literals[part] = literals.get(part, 0) | 1 << place
        return cls(text, literals, within, across, 1 << len(tokens))

    def matches(self, uri: str) -> bool:
        """Whether the whole of ``uri`` matches. The caller has checked :func:`is_plain_uri`."""
        wild = self._within | self._across
        states = 1 | (wild & 1) << 1
        for character in uri:
            stay = self._across if character in "/?#" else wild
            states = (states & self._literals.get(character, 0)) << 1 | states & stay
            states |= (states & wild) << 1
            if not states:
                return False
        return bool(states & self._end)
