"""Gathers the evidence of a session: entries, the chain to a checkpoint, policies, manifests, pins and keys."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
from msgspec import Struct

from rule_of_two import __version__
from rule_of_two.approvals.approvers import Enrolled
from rule_of_two.audit.bundle import CHAIN, CHECKPOINT, ENTRIES, KEYS, PRUNE, STATEMENT
from rule_of_two.audit.checkpoint import Checkpoint
from rule_of_two.audit.pruned import pruned
from rule_of_two.errors import RuleOfTwoError
from rule_of_two.escape import visible
from rule_of_two.gateway.blueprint import document_of
from rule_of_two.gateway.config import Config
from rule_of_two.gateway.policy_versions import FOLDER
from rule_of_two.store.chain import genesis
from rule_of_two.store.database import Database
from rule_of_two.store.journal import Entry, JournalStore
from rule_of_two.wording import counted


class NoSession(RuleOfTwoError):
    """The journal has no entry of a session of that name."""


class Custody(Struct, frozen=True):
    """Who makes the bundle (``by``, as a claim unless they sign it), and when (ISO 8601, UTC)."""

    by: str
    at: str

    def as_facts(self) -> dict[str, Any]:
        """For the manifest."""
        made = {"version": __version__, "python": platform.python_version(), "system": platform.system()}
        return {"by": self.by, "at": self.at, **made}


class Gatherer(Struct, frozen=True):
    """Reads from one state folder. ``checkpoint`` is no older than the session's last entry; ``gateway`` is the public
    line of the key that signed it."""

    store: JournalStore
    state: Database
    folder: Path
    checkpoint: Checkpoint
    gateway: str

    def gather(
        self, session: str, config: Config | None, file: Path, enrolled: tuple[Enrolled, ...], custody: Custody
    ) -> tuple[dict[str, Any], dict[str, bytes]]:
        """What is said of the bundle, and its files.

        :raises NoSession: there is no such session.
        :raises StoreError: the journal or the state cannot be read.
        """
        entries = [one for one in self.store.of_session(session) if one.number <= self.checkpoint.number]
        if not entries:
            raise NoSession(f"the journal has no entry of a session '{session}'; `rule-of-two session list` names them")
        files = {CHECKPOINT: self.checkpoint.line.encode() + b"\n", **self._chain(session, entries[0].number)}
        files[KEYS] = _json({
            "gateway": self.gateway,
            "approvers": [
                {"name": one.approver.name, "user": one.approver.user, "tenant": one.approver.tenant,
                 "roles": list(one.approver.roles), "key": one.key.line}
                for one in enrolled
            ],
        })  # fmt: skip
        files |= self._policies(entries)
        upstreams = sorted({str(one.body["upstream"]) for one in entries if "upstream" in one.body})
        files |= _manifests(upstreams, config, file)
        files["pins.json"] = _json(self._pins(upstreams))
        about = {
            "journal": self.store.id,
            "session": session,
            "entries": len(entries),
            "from": entries[0].at,
            "to": entries[-1].at,
            "made": custody.as_facts(),
        }
        files[STATEMENT] = _statement(about, entries, self.checkpoint).encode()
        return about, files

    def _chain(self, session: str, first: int) -> dict[str, bytes]:
        """The session's entries word for word, and of all others up to the checkpoint the content digests."""
        prune, kept = pruned(self.store), self.store.kept()
        own, chain = list[bytes](), list[bytes]()
        begin = max(first, prune.last + 1 if prune else 1)
        before = genesis(self.store.id) if begin == 1 else self._hash_before(begin)
        chain.append(_line({"begin": begin, "after": before.hex()}))
        for line in self._lines():
            number = line["number"]
            older = prune is not None and number <= prune.last
            if line["session"] == session and (number >= begin or older):
                own.append(_line(line))
                if older:
                    chain.append(_line({"number": number, "kept_after": kept[number].hex()}))
            elif number >= begin:
                chain.append(_line({"number": number, "content": line["content"]}))
        files = {ENTRIES: b"".join(own), CHAIN: b"".join(chain)}
        if prune is not None:
            hashes = [[number, (self.store.hash_of(number) or b"").hex()] for number in sorted(kept)]
            files[PRUNE] = _json({"record": prune.as_facts(), "kept": hashes})
        return files

    def _hash_before(self, number: int) -> bytes:
        prune = pruned(self.store)
        if prune is not None and number == prune.last + 1:
            return bytes.fromhex(prune.hash)
        return self.store.hash_of(number - 1) or b""

    def _lines(self) -> Iterator[dict[str, Any]]:
        for row, body in self.store.texts(until=self.checkpoint.number):
            entry = row.entry
            texts = (
                {"at": entry.at, "kind": entry.kind, "session": entry.session, "decision": entry.decision}
                if isinstance(entry, Entry)
                else {"at": "", "kind": "", "session": None, "decision": None}
            )
            digest = (row.content or b"").hex()
            yield {"number": entry.number, **texts, "body": body, "hash": (row.hash or b"").hex(), "content": digest}

    def _policies(self, entries: list[Entry]) -> dict[str, bytes]:
        """The policies that the session's decisions were made with, as far as they are kept."""
        contents = self.store.contents()
        versions = {str(one.body["policy_version"]) for one in entries if "policy_version" in one.body}
        found: dict[str, bytes] = {
            "policies/versions.json": _json({one: contents.get(one) for one in sorted(versions)})
        }
        for content in sorted({contents[one] for one in versions if one in contents}):
            path = self.folder / FOLDER / f"{content}.json"
            if path.is_file():
                found[f"policies/{content}.json"] = path.read_bytes()
        return found

    def _pins(self, upstreams: list[str]) -> list[dict[str, Any]]:
        rows = self.state.read(lambda db: db.execute("SELECT * FROM pins ORDER BY upstream, kind, name").fetchall())
        names = ("upstream", "kind", "name", "digest", "definition", "accepted_by", "accepted_at")
        pins = [dict(zip(names, row, strict=False)) for row in rows]
        return [
            {**one, "definition": json.loads(one["definition"])}
            for one in pins
            if any(str(one["upstream"]).startswith(f"{name}:") for name in upstreams)
        ]


def _manifests(upstreams: list[str], config: Config | None, file: Path) -> dict[str, bytes]:
    """The manifests of the session's servers, as they are now."""
    if config is None:
        return {}
    folder = file.parent
    folders = [folder / name for name in config.manifests]
    found: dict[str, bytes] = {}
    for name in upstreams:
        server = config.servers.get(name)
        document = server and document_of(server, folder=folder, manifests=folders)
        if document:
            found[f"manifests/{name}.json"] = document.model_dump_json(exclude_defaults=True, indent=1).encode()
    return found


def _statement(about: Mapping[str, Any], entries: list[Entry], checkpoint: Checkpoint) -> str:
    """For people: what this is, and what it shows."""
    made, count = about["made"], dict[str, int]()
    for one in entries:
        count[one.kind] = count.get(one.kind, 0) + 1
    outcomes = dict[str, int]()
    for one in entries:
        if one.kind == "decision":
            outcome = str(one.body.get("outcome"))
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
    decided = ", ".join(f"{number} {visible(name)}" for name, number in sorted(outcomes.items())) or "none"
    return "\n".join((
        f"Evidence of the session {visible(str(about['session']))}",
        "",
        f"Made by {visible(str(made['by']))}, {made['at']}, with rule-of-two {made['version']}.",
        f"{counted(len(entries), 'entry')} of the journal {about['journal']}, {about['from']} to {about['to']}:",
        *(f"  {number} {visible(kind)}" for kind, number in sorted(count.items())),
        f"Decisions: {decided}.",
        "",
        f"The chain leads from these entries to #{checkpoint.number}, which a gateway signed, {checkpoint.at}.",
        "Entries of other sessions are given by digests only.",
        "Policies are those that decided; manifests are as they were when this was made.",
        "That no entry of the session was left out rests on whoever signed: see signatures.json.",
        "Check it on any machine: rule-of-two audit verify --bundle FILE",
        "",
    ))  # fmt: skip


def _line(value: Mapping[str, Any]) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


def _json(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True)
    return f"{text}\n".encode("utf-8", "replace")
