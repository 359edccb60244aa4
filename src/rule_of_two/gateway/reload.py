"""Watches the files of policies and entities under a running gateway, and puts what is in order in force.

# INVARIANT: what is wrong, half written or not signed never replaces what is in force;
# tests/attacks/test_policy_reload.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import anyio
import anyio.to_thread
from msgspec import Struct

from rule_of_two.approvals.desk import Desk
from rule_of_two.audit.journal import Journal
from rule_of_two.errors import ConfigurationError, PolicyError, StoreError
from rule_of_two.escape import visible
from rule_of_two.gateway.operator_log import say
from rule_of_two.gateway.policy_versions import PolicyVersions
from rule_of_two.gateway.rulebook import Edition, Rulebook
from rule_of_two.gateway.timing import timestamp
from rule_of_two.policy.files import Snapshot
from rule_of_two.policy.load import Policies
from rule_of_two.policy.sources import Sources

if TYPE_CHECKING:
    from rule_of_two.gateway.signatures import Trust

LOOK_SECONDS: Final = 0.5
"""Between two looks. Policies are loaded when two looks in a row found the same: an editor may be writing."""


class Reloader(Struct):
    """Keeps the rulebook of one gateway process up to date."""

    sources: Sources
    rules: Rulebook
    desk: Desk
    journal: Journal
    versions: PolicyVersions | None = None
    """Where what was in force is kept."""
    trust: Trust | None = None
    """Who has to have signed it; ``None``: nobody."""
    _last: Snapshot | None = None
    """What was found at the last look, if looking again could only find the same or something new."""
    _settled: str = ""
    _candidate: str = ""
    _refused: bool = False

    async def began(self, files: Snapshot) -> None:
        """Write down what is in force from the start; ``files`` are what it was loaded from.

        :raises StoreError: it cannot be.
        """
        self._settled = files.digest
        await self.journal.event("policies", None, self._told(self.rules.current.policies, event="in_force"))
        await self._keep(files)

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await anyio.sleep(LOOK_SECONDS)  # files announce nothing: there is nothing to wait on but time
            await self.look()

    async def look(self) -> None:
        """Look once. What was found twice is loaded, and put in force if it is in order."""
        # In a thread: a disk that hangs holds up no call.
        seen = await anyio.to_thread.run_sync(_look, self.sources, self._last, abandon_on_cancel=True)
        if seen is None:
            return
        found, digest = seen
        self._last = None
        if digest == self._settled:
            self._last, self._candidate = found, ""
            return
        if digest != self._candidate:
            self._candidate = digest
            return
        try:
            await self._take(found)
        except (PolicyError, ConfigurationError) as error:
            await self._refuse(error)
        except StoreError as error:
            say(f"new policies wait, as the journal cannot be written: {error}")
            return
        self._last, self._settled, self._candidate = found, digest, ""

    async def _take(self, found: Snapshot) -> None:
        async with self.rules.changing:
            policies = await anyio.to_thread.run_sync(self._load, found, abandon_on_cancel=True)
            await self._put(policies, found)

    def _load(self, found: Snapshot) -> Policies:
        try:
            if self.trust is not None:
                self.trust.check(self.sources, found)
            return self.sources.load(found, self.rules.tools)
        except (PolicyError, ConfigurationError):
            raise
        except Exception as error:  # the boundary: whatever loading raises, the last good policies stay
            raise PolicyError(f"they cannot be loaded ({type(error).__name__}: {error})") from error

    async def _keep(self, files: Snapshot) -> None:
        """Remember what is in force; the journal has its digests in any case."""

        def keep() -> None:
            if self.trust is not None:
                self.trust.accepted(self.sources, files)
            if self.versions is not None:
                self.versions.keep(self.sources, files, self.rules.current.policies, at=timestamp())

        try:
            await anyio.to_thread.run_sync(keep, abandon_on_cancel=True)
        except (PolicyError, OSError, ValueError) as error:
            say(f"this version of the policies cannot be kept for later: {visible(str(error))}")

    async def _put(self, policies: Policies, found: Snapshot) -> None:
        before = self.rules.current
        version = self.rules.version_of(policies)
        if version == before.version:
            await self._keep(found)
            if self._refused:
                say(f"the policies are in order again; version {version[:12]} is in force as before")
            self._refused = False
            return
        if policies.only_communication != before.policies.only_communication:
            raise PolicyError("`c:` of a set.yaml changed, on which all manifests depend: start the gateway again")
        if policies.reads_given and not before.policies.reads_given:
            raise PolicyError(
                "policies begin to read `target.given`, and what was given so far is not known: start the gateway again"
            )
        edition = await anyio.to_thread.run_sync(
            self._edition, policies, found, before.provided, abandon_on_cancel=True
        )
        await self.journal.event("policies", None, self._told(policies, event="in_force", instead_of=before.version))
        self._refused = False
        self.rules.put(edition)
        self.desk.rules_changed(version)
        say(f"new policies are in force: version {version[:12]} instead of {before.version[:12]}")
        await self._keep(found)

    def _edition(self, policies: Policies, found: Snapshot, provided: Sequence[Any]) -> Edition:
        try:
            return self.rules.edition(policies, found, provided)
        except PolicyError as error:
            say(f"what the provider 'directory' knows is left out under the new policies: {visible(str(error))}")
            return self.rules.edition(policies, found)

    async def _refuse(self, error: PolicyError | ConfigurationError) -> None:
        self._refused = True
        kept = self.rules.version
        say(f"the policies changed and cannot be used, so version {kept[:12]} stays in force: {visible(str(error))}")
        try:
            await self.journal.event("policies", None, {"event": "refused", "version": kept, "error": str(error)})
        except StoreError as failure:
            say(f"that could not be written down: {failure}")

    def _told(self, policies: Policies, **more: str) -> dict[str, Any]:
        """What a version was made of, for those who read of it later."""
        return {
            **more,
            "version": self.rules.version_of(policies),
            "content": policies.version,
            **self.rules.parts_of(policies),
            "sets": list(self.sources.policies),
            "files": list(self.sources.entities),
        }


def _look(sources: Sources, last: Snapshot | None) -> tuple[Snapshot, str] | None:
    """What stands there now; ``None``: the same as at the last look."""
    if last is not None and last.is_current():
        return None
    found = sources.look()
    return found, found.digest
