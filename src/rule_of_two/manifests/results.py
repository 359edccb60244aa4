"""A result taken apart into items by its manifest, and put together again without some of them.

INVARIANT: nothing of a dropped item stays, and nothing that was not judged goes with what was narrowed
(tests/manifests/test_results.py, tests/attacks/test_item_metadata.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

from rule_of_two.manifests.carriers import OPEN, Opened
from rule_of_two.manifests.layout import Layout, Parts, Unfit
from rule_of_two.manifests.metadata import Metadata, Trust, as_json
from rule_of_two.manifests.pointer import Pointer
from rule_of_two.manifests.result_spec import ResultSpec
from rule_of_two.model import INGRESS, NONE, Item, Labels, labels_in

_A: Final = labels_in("A")
_NOWHERE: Final = Metadata(ResultSpec(), Trust(), what="")


@dataclass(frozen=True, slots=True)
class Brought:
    """What a result brought: its items, each judged by itself, and the rest.

    ``frame`` are the labels of the rest. C is an act and comes with no item.
    """

    items: tuple[Item, ...]
    frame: Labels
    worst: Labels
    """What the call could bring of A and B, before anything was read."""
    _contents: Sequence[Any] = field(repr=False)
    _rebuild: Callable[[Collection[int]], dict[str, Any]] = field(repr=False)
    _whole: Mapping[str, Any] = field(repr=False)

    @property
    def labels(self) -> Labels:
        """What all of it brings."""
        return self.frame.union(*(item.labels for item in self.items))

    @property
    def narrowed(self) -> bool:
        """Whether that is less than the call could bring."""
        return not self.worst <= self.labels

    def text(self, place: int) -> str:
        """One of the items as JSON, all that would be handed over of it.

        :raises ValueError: it is no JSON.
        """
        return as_json(self._contents[place]).decode()

    def without(self, dropped: Collection[int] = ()) -> dict[str, Any]:
        """The result without the items of these places in ``items``; as it came, where nothing was narrowed either.

        Otherwise its text is written anew from what is left, and whatever is neither an item nor declared is left out:
        other blocks, other fields with text, ``_meta``.

        :raises IndexError: there is no such item.
        """
        if any(not 0 <= place < len(self.items) for place in dropped):
            raise IndexError("no such item")
        if not dropped and not self.narrowed:
            return dict(self._whole)
        return self._rebuild(frozenset(dropped))


class ResultReader:
    """Reads the results of one tool or resource. Immutable; reading never raises, whatever the result."""

    __slots__ = ("_layout", "_metadata", "_open")

    def __init__(self, spec: ResultSpec, trust: Trust, *, what: str) -> None:
        """``what`` names the entry in ``lowered_by``."""
        items = None if spec.items is None else Pointer.parse(spec.items)
        self._layout = Layout(items, map(Pointer.parse, spec.frame))
        self._metadata = Metadata(spec, trust, what=what)
        self._open = OPEN[spec.source]

    @property
    def may_lower(self) -> Labels:
        """The labels that a result could turn out not to bring; none where the operator trusts nothing it could say."""
        return self._metadata.may_lower

    def read(self, result: Mapping[str, Any], labels: Labels) -> Brought:
        """Take a result apart. ``labels`` is the worst case of the call that brought it.

        A result that says that it is an error, or that has another shape than the manifest says, is one item with
        ``labels``. Each result is judged alone, also where it is a page of several.
        """
        worst = labels & INGRESS
        try:
            return self._read(result, worst)
        except (ValueError, RecursionError):
            return whole(result, worst)

    def _read(self, result: Mapping[str, Any], worst: Labels) -> Brought:
        if result.get("isError", False) is not False:
            raise Unfit("it is an error")
        opened = self._open(result)
        parts = Parts(text=opened.stray)
        contents: list[Any] = []
        for document in opened.documents:
            self._layout.take_apart(document.value, document.place, parts)
            for _, stated in parts.items[len(contents) :]:
                contents.append(stated if document.content is None else document.content)
        items = tuple(
            self._metadata.item(stated, content, place, worst)
            for (place, stated), content in zip(parts.items, contents, strict=True)
        )
        # Numbers cannot be instructions. But they, and that there is nothing, can be private.
        private = worst - _A if parts.numbers or not items else NONE
        frame = worst if parts.text else private
        return Brought(items, frame, worst, contents, lambda dropped: self._without(opened, dropped), result)

    def _without(self, opened: Opened, dropped: Collection[int]) -> dict[str, Any]:
        numbers = count()
        return opened.seal([self._layout.without(one.value, dropped, numbers) for one in opened.documents])


def whole(result: Mapping[str, Any], labels: Labels) -> Brought:
    """A result that is not taken apart: one item with the labels of the call, as far as they can come back."""
    worst = labels & INGRESS
    try:
        item = _NOWHERE.item(result, result, "", worst)
    except ValueError:
        item = Item("", "", worst, "", 0)
    empty: dict[str, Any] = {key: [] for key in ("content", "contents", "messages") if key in result}
    return Brought((item,), NONE, worst, (result,), lambda dropped: empty if dropped else dict(result), result)
