"""Where the story plays: a temporary folder with configuration, state, files and mailbox, and a wiki. It all goes."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from rule_of_two.demo.mailbox import Mailbox
from rule_of_two.demo.page import Wiki, served_wiki
from rule_of_two.demo.servers import Servers

HERE: Final = Path(__file__).parent
SOURCE: Final[Mapping[str, str]] = {"PYTHONPATH": str(HERE.parent.parent)} if "PYTHONPATH" in os.environ else {}
"""Where our own processes find this very package, if it is not installed."""

COMMAND: Final = (sys.executable, "-m", "rule_of_two")
WAIT: Final = "10m"
"""How long the gateway lets a call wait for the person at the terminal."""

_DOWNLOADS: Final = re.compile(r"(UV_|NPM_CONFIG_|SSL_CERT_|NODE_EXTRA_CA_CERTS$|(HTTPS?|ALL)_PROXY$)", re.IGNORECASE)
"""What npx and uvx may need to reach their registries here."""

_SAYS: Final = "rule-of-two: "
_DOWN: Final = " is unavailable: "

PAYROLL: Final = "Payroll, confidential\nNgozi Okafor   94,000\nPer Lindqvist  71,500"


class StoryError(Exception):
    """The story cannot go on, or did not go as it is told. One sentence."""


def first_of(error: BaseException) -> BaseException:
    """The error itself, or the first one in its groups."""
    return first_of(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


class Stage(Struct, frozen=True):
    """Everything that the story touches. Nothing of the user's is among it."""

    folder: Path
    wiki: Wiki
    mailbox: Mailbox

    @property
    def files(self) -> Path:
        """The folder that the filesystem server serves."""
        return self.folder / "files"

    @property
    def state(self) -> Path:
        """The gateway's state."""
        return self.folder / "state"

    @property
    def log(self) -> Path:
        """What the gateway says on stderr."""
        return self.folder / "gateway.log"

    def trouble(self) -> str | None:
        """Why a server of this stage did not start, as the gateway said it; ``None`` if it did not say so."""
        said = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return next((line.removeprefix(_SAYS) for line in said if line.startswith(_SAYS) and _DOWN in line), None)

    @property
    def env(self) -> Mapping[str, str]:
        """What our own processes are started with: without the user's configuration, state and keys."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RULE_OF_TWO_")}
        return {**kept, **SOURCE}

    @property
    def serve(self) -> tuple[str, ...]:
        """The command that starts a gateway here."""
        return (*COMMAND, "--config", str(self.folder / "rule-of-two.yaml"), "--state", str(self.state), "serve")


@contextmanager
def set_up(servers: Servers) -> Iterator[Stage]:
    """Build the stage, and take it away again.

    :raises StoryError: the temporary folder or the wiki's port cannot be had.
    """
    with ExitStack() as stack:
        try:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="r2-"))).resolve()
            stage = Stage(folder, stack.enter_context(served_wiki()), Mailbox(folder / "mail.db"))
            _furnish(stage, servers)
        except OSError as error:
            raise StoryError(f"the demo cannot be set up: {error}") from error
        yield stage


def _furnish(stage: Stage, servers: Servers) -> None:
    stage.files.mkdir()
    (stage.folder / "empty").mkdir()
    (stage.files / "payroll.txt").write_text(PAYROLL, encoding="utf-8")
    stage.mailbox.receive("mei@example.org", "Lunch", "Is noon fine?")
    text = json.dumps(_configuration(stage, servers), indent=2)  # JSON is YAML
    (stage.folder / "rule-of-two.yaml").write_text(text, encoding="utf-8")


def _configuration(stage: Stage, servers: Servers) -> dict[str, Any]:
    files, fetch = str(stage.files), servers.fetch
    downloads = {name: f"${{env:{name}}}" for name, value in stage.env.items() if _DOWNLOADS.match(name) and value}
    mail = ["-m", "rule_of_two.demo.mail_server", str(stage.folder / "mail.db")]
    return {
        "version": 1,
        "mcpServers": {
            "web": {
                "command": fetch[0],
                "args": [*fetch[1:], "--allow-private-ips"],
                # No Node on its PATH: with one, its HTML converter would first install packages from npm.
                "env": {**downloads, "PATH": str(stage.folder / "empty"), "NO_PROXY": "127.0.0.1"},
                "manifest": str(HERE / "fetch.yaml"),
                "parameters": {"wiki_hosts": [stage.wiki.host]},
            },
            "files": {
                "command": servers.filesystem[0],
                "args": [*servers.filesystem[1:], files],
                "env": downloads,
                "manifest": "filesystem",
                "parameters": {"trusted_folders": [files]},
            },
            "mail": {
                "command": sys.executable,
                "args": mail,
                "env": dict(SOURCE),
                "manifest": str(HERE / "mail.yaml"),
            },
        },
        "approvals": {"wait": WAIT},
    }
