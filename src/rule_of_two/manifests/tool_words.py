"""What the words of a tool's name say that it does. A name proves nothing; it is a reason to look."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import Final

from msgspec import Struct

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_LONGEST: Final = 200


def lexicon(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


@lru_cache(maxsize=8192)
def words_of(name: str) -> tuple[str, ...]:
    """The words of a name, in lower case: ``slack_post_message``, ``searchIssues``. Letters beyond ASCII are none."""
    return tuple(word.lower() for word in _WORD.findall(name[:_LONGEST]))


class Act(StrEnum):
    """What a verb is about."""

    READ = "read"
    SEARCH = "search"
    FETCH = "fetch"
    """It reads, and may well reach outside to do so."""
    SEND = "send"
    """It reaches other people."""
    WRITE = "write"
    """It changes what is stored."""
    RUN = "run"
    """It sets something going."""
    UNKNOWN = "unknown"


ACTING: Final = frozenset((Act.SEND, Act.WRITE, Act.RUN))
READING: Final = frozenset((Act.READ, Act.SEARCH, Act.FETCH))

_VERBS: Final = {
    Act.READ: "list get read show describe view count check inspect explain preview ls cat head tail stat whoami"
    " retrieve lookup peek diff status summarize summarise info",
    Act.SEARCH: "search find query lookup grep glob",
    Act.FETCH: "fetch crawl scrape browse download",
    Act.SEND: "send post publish share reply forward invite email notify tweet broadcast message submit",
    Act.WRITE: "create delete write update add remove insert edit append move rename copy upload merge cancel archive"
    " unarchive restore assign unassign set put patch replace save store commit push modify upsert drop truncate alter"
    " clear purge mark pin unpin subscribe unsubscribe enable disable grant revoke approve reject dismiss close reopen"
    " rebase reset revert rollback duplicate import trash draft lock unlock transfer pay refund charge purchase"
    " buy book order schedule register label star unstar resolve complete vote join leave generic",
    Act.RUN: "run execute exec eval start stop restart kill deploy install uninstall trigger invoke call click type"
    " fill press hover drag navigate select toggle apply sync launch scale drain cordon rollout attach detach tap watch"
    " migrate",
}
_ACT_OF: Final = {verb: act for act, verbs in _VERBS.items() for verb in verbs.split()}
_ALSO: Final = frozenset(("and", "or"))

SURE_WRITES: Final = lexicon(
    "send create delete write update post insert append rename upload publish share invite reply forward merge"
    " archive modify upsert truncate purge grant revoke approve refund transfer submit commit push deploy remove edit"
    " unsubscribe trash"
)
"""Verbs that, where they lead a name, leave no doubt that something is changed or sent."""
_OUTSIDE: Final = lexicon("web internet bing brave duckduckgo tavily exa webpage webpages website websites online news")

_OF_A_THING: Final = lexicon("link links app apps service services hook hooks url urls part parts")
"""After these words it is the name of a thing: a web link, a web app."""


class Named(Struct, frozen=True):
    """A name taken apart. ``verb`` is the first word that is one, ``also`` one that an *and* or *or* adds."""

    words: tuple[str, ...]
    verb: str
    act: Act
    also: str = ""

    @property
    def writing_verb(self) -> str:
        """The verb by which it changes or sends something; empty where no word says so."""
        if self.act in ACTING:
            return self.verb
        return self.also if _ACT_OF.get(self.also) in ACTING else ""

    @property
    def outside(self) -> str:
        """A word that speaks of the open web; empty where there is none."""
        pairs = zip(self.words, (*self.words, "")[1:], strict=True)
        return next((word for word, after in pairs if word in _OUTSIDE and after not in _OF_A_THING), "")


@lru_cache(maxsize=8192)
def named(name: str) -> Named:
    """Take a tool's name apart."""
    words = words_of(name)
    number = next((number for number, word in enumerate(words) if word in _ACT_OF), None)
    if number is None:
        return Named(words, "", Act.UNKNOWN)
    also = next((after for link, after in zip(words[number:], words[number + 1 :], strict=False) if link in _ALSO), "")
    return Named(words, words[number], _ACT_OF[words[number]], also)
