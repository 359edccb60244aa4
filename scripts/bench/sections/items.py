"""A result of a thousand items: taken apart, each item decided, and put together without some of them."""

from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import orjson

from rule_of_two.manifests.document import ManifestDocument
from rule_of_two.manifests.manifest import Manifest
from rule_of_two.manifests.results import ResultReader
from rule_of_two.model import ALL, Action, Outcome, Principal, SessionView
from rule_of_two.policy.authorizer import Authorizer
from rule_of_two.policy.load import load_policies
from scripts.bench.report import Column, Section
from scripts.bench.report import Target as Goal
from scripts.bench.rounds import progress
from scripts.bench.setting import Setting, Unmeasurable

_ITEMS: Final = 1_000
_NOW: Final = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
_MANIFEST: Final = {
    "version": 1,
    "server": "mail",
    "tools": {
        "search": {
            "labels": ["A", "B"],
            "result": {
                "items": "/results/*",
                "id": "/id",
                "author": ["/from", "/edits/*/by"],
                "tenant": "/tenant",
                "created": "/created",
                "expires": "/expires",
                "frame": "/cursor",
            },
        }
    },
}
_EXPIRED: Final = """
@id("bench.expired") @message("This item is out of date.")
forbid (principal, action == Gateway::Action::"return_document", resource)
when { resource has expires && resource.expires <= context.now };
"""


def run(setting: Setting) -> Section:
    """Measure the three steps over items that all have another author, another time of writing and another expiry."""
    rounds = 20 if setting.quick else 100
    progress(f"items: {rounds} results of {_ITEMS}")
    reader, authorizer, result = _reader(), _authorizer(), _result()
    times: dict[str, list[float]] = {"apart": [], "decided": [], "together": [], "all": []}
    for number in range(rounds):
        begin = time.perf_counter()
        brought = reader.read(result, ALL)
        apart = time.perf_counter()
        verdicts = authorizer.documents(brought.items, "mail", SessionView(f"s-{number}", {"B": 1}), now=_NOW)
        decided = time.perf_counter()
        left = brought.without({place for place, one in enumerate(verdicts) if one.outcome is Outcome.DENY})
        end = time.perf_counter()
        if not 0 < len(left["structuredContent"]["results"]) < _ITEMS:
            raise Unmeasurable("the policies drop nothing, or everything")
        for name, seconds in zip(times, (apart - begin, decided - apart, end - decided, end - begin), strict=True):
            times[name].append(seconds * 1_000)
    medians = {name: statistics.median(found) for name, found in times.items()}
    section = Section(
        "items",
        f"A result of {_ITEMS:,} items, no two alike",
        (
            Column("apart", "taken apart", "ms"),
            Column("decided", "decided", "ms"),
            Column("together", "put together", "ms"),
            Column("all", "all", "ms"),
        ),
        notes=("Medians. Policies read authors and expiry; each session is new, so no decision is remembered.",),
    )
    section.rows.append(medians)
    section.targets.append(Goal("Items", f"{_ITEMS:,} items judged", medians["all"], 25.0, "ms"))
    return section


def _reader() -> ResultReader:
    manifest = Manifest(
        ManifestDocument.model_validate(_MANIFEST),
        upstream="mail",
        store="mail",
        parameters={"trusted_authors": ["@own.example"]},
    )
    reader = manifest.result_of(Action.CALL_TOOL, "search")
    if reader is None:
        raise Unmeasurable("the manifest declares no items")
    return reader


def _authorizer() -> Authorizer:
    with TemporaryDirectory() as folder:
        (Path(folder) / "own.cedar").write_text(_EXPIRED, encoding="utf-8")
        policies = load_policies(["default", "internal-coder", "./own.cedar"], relative_to=Path(folder))
    return Authorizer(policies, Principal(), "generic")


def _result() -> dict[str, Any]:
    items = [
        {
            "id": f"m{number}",
            "from": f"user{number}@{'own' if number % 2 else 'other'}.example",
            "edits": [{"by": f"editor{number}@own.example"}],
            "tenant": "acme",
            "created": (_NOW - timedelta(minutes=number)).isoformat(),
            "expires": (_NOW + timedelta(minutes=number - _ITEMS // 2)).isoformat(),
            "body": "The quick brown fox jumps over the lazy dog. " * 5,
        }
        for number in range(_ITEMS)
    ]
    structured = {"results": items, "cursor": "page-2"}
    text = orjson.dumps(structured).decode()
    return {"content": [{"type": "text", "text": text}], "structuredContent": structured}
