"""Text from the model, a tool or a page, made safe to print and honest to read.

Everything that a terminal obeys, that reorders text or that nobody can see is written out: ``\\u{202e}``. What is
left is ordinary Unicode text. Host names that are not what they look like are flagged.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Final

import idna

HIDDEN_CATEGORIES: Final = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"))
"""Controls (C0, C1, DEL), formats (bidi, zero-width, tags), surrogates, private use, unassigned, all separators."""

PICTURES: Final = {"\n": "↵", "\t": "⇥"}

MAX_MARKS: Final = 3
"""Marks that may stand on one letter. More are a pile that covers the lines above and below."""

_PRINTS_NOTHING: Final = frozenset(
    (
        *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
        *range(0x180B, 0x1810),
        *range(0xFE00, 0xFE10),
        *range(0xE0100, 0xE01F0),
    )
)
"""Letters, marks and symbols without ink: joiners, fillers, the blank Braille pattern, variation selectors."""


LONGEST_HOST: Final = 260
"""Characters: 253 of a name (RFC 1035) and those of a port."""

_TOGETHER: Final = (
    frozenset(("LATIN", "CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA")),
    frozenset(("LATIN", "CJK", "BOPOMOFO")),
    frozenset(("LATIN", "CJK", "HANGUL")),
)
"""Scripts that one word may mix (Unicode Technical Standard 39, section 5.2, "highly restrictive")."""

_WORD: Final = re.compile(r"[\w-]+")

LONGEST_NAME: Final = 2000
"""Characters of a name that are looked through."""

_LATIN_TWINS: Final = frozenset("асԁеһіјӏорԛѕԝхуѵαικνορυωχ")
"""Cyrillic and Greek letters that print like Latin ones."""


def visible(text: str) -> str:
    """``text`` in one line, with every dangerous or invisible character written out as ``\\u{..}`` or a picture.

    A literal ``\\u{`` in the text is written ``\\u{5c}u{``, so it cannot be taken for an escape of ours. Marks at the
    start are written out too: they would change the character before them, which is not theirs.
    """
    shown = text.replace("\\u{", "\\u{5c}u{").translate(_TABLE)
    return shown if shown.isascii() else _loose_marks().sub(_written_out, shown)


def quoted(text: str) -> str:
    """``visible`` text in double quotes, with the quotes inside it escaped: it cannot end its own quotation."""
    return '"' + visible(text).replace('"', '\\"') + '"'


def is_mark(character: str) -> bool:
    """Whether it prints on top of the character before it."""
    return unicodedata.category(character) in {"Mn", "Me"}


def host_warning(host: str) -> str | None:
    """What a human must know about a host's name, or ``None`` if it is plain ASCII.

    It says how the name reads, how it is really spelled (punycode), and whether it mixes scripts or imitates Latin
    letters. ``host`` may be given in either form, with or without a port.
    """
    if len(host) > LONGEST_HOST:
        return "is longer than a host's name can be"
    labels = host.replace("\u3002", ".").split(".")
    readable = [_readable(label) for label in labels]
    if all(label.isascii() for label in readable):
        return None
    notes = [f"reads as {quoted('.'.join(readable))}", f"is really {quoted('.'.join(_ascii(one) for one in readable))}"]
    return ", ".join((*notes, *(note for label in readable if (note := _disguise(label)) is not None)))


def name_warning(name: str) -> str | None:
    """What a human must know of a name or address that somebody gave themselves, in words of ours only: that a word of
    it mixes scripts or imitates Latin letters, and that the host behind an ``@`` is not plain ASCII."""
    if len(name) > LONGEST_NAME:
        return "is too long to be looked through"
    at, host = name.rpartition("@")[1:]
    words = [_readable(word) for word in _WORD.findall(name)]
    notes = dict.fromkeys(note for word in words if (note := _disguise(word)) is not None)
    plain = not at or all(_readable(label).isascii() for label in host.strip(" <>").split("."))
    return ", ".join((*notes, *(() if plain else ("its host is NOT PLAIN ASCII",)))) or None


def _disguise(label: str) -> str | None:
    """Whether one word mixes scripts, or imitates Latin letters."""
    scripts = _scripts(label)
    if len(scripts) > 1 and not any(scripts <= together for together in _TOGETHER):
        return f"MIXES {' and '.join(sorted(script.title() for script in scripts))} letters"
    twins = all(letter in _LATIN_TWINS or letter.isascii() for letter in label)
    if scripts and scripts <= {"CYRILLIC", "GREEK"} and twins:
        return f"its {next(iter(scripts)).title()} letters LOOK LIKE Latin ones"
    return None


class _Table(dict[int, str | int]):
    """For :meth:`str.translate`: each character's replacement, looked up once."""

    def __missing__(self, code: int) -> str | int:
        character = chr(code)
        hidden = unicodedata.category(character) in HIDDEN_CATEGORIES and character != " "
        shown: str | int = code
        if hidden or code in _PRINTS_NOTHING or (code > 0xFFFF and is_mark(character)):
            shown = PICTURES.get(character, f"\\u{{{code:x}}}")
        self[code] = shown
        return shown


_TABLE: Final = _Table()


@cache
def _loose_marks() -> re.Pattern[str]:
    """Marks at the start of the text, and runs of more than :data:`MAX_MARKS`.

    Within the basic plane, as a class of that size is looked up in one step; beyond it every mark is written out.
    """
    mark = f"[{''.join(chr(code) for code in range(0x300, 0x10000) if is_mark(chr(code)))}]"
    return re.compile(f"\\A{mark}+|{mark}{{{MAX_MARKS + 1},}}")


def _written_out(match: re.Match[str]) -> str:
    kept = MAX_MARKS if match.start() else 0
    return match[0][:kept] + "".join(f"\\u{{{ord(character):x}}}" for character in match[0][kept:])


def _readable(label: str) -> str:
    if not label.lower().startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except UnicodeError:
        return label


def _ascii(label: str) -> str:
    """The label on the wire. A label that IDNA forbids is still shown, in punycode."""
    if label.isascii():
        return label
    try:
        return idna.encode(label, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return "xn--" + label.encode("punycode", "replace").decode("ascii")


def _scripts(label: str) -> frozenset[str]:
    """The scripts of its letters. Unicode's names of letters begin with their script; digits and signs have none."""
    return frozenset(unicodedata.name(letter, "UNKNOWN").split()[0] for letter in label if letter.isalpha())
