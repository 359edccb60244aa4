"""Where the stories play: one document server, spoken to directly, and by the gateways of the examples."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import anyio
from mcp import StdioServerParameters
from ruamel.yaml import YAML

from examples.agent import Agent, conversation
from rule_of_two.records import replace

ROOT: Final = Path(__file__).resolve().parent.parent
EXAMPLES: Final = ROOT / "examples"
DOCUMENTS: Final = EXAMPLES / "retrieval" / "documents.yaml"
PREFIX: Final = "library__"


@dataclass(frozen=True, slots=True)
class House:
    """One example's gateway: its configuration and its state."""

    config: Path
    state: Path

    @asynccontextmanager
    async def agent(self) -> AsyncIterator[Agent]:
        """Start a gateway, and speak to it. Those that run at the same time share a session."""
        command = self.command("serve")
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
        env = {**os.environ, "PATH": path}  # where a configuration says `python`, it is this one
        server = StdioServerParameters(command=command[0], args=command[1:], env=env, cwd=ROOT)
        async with conversation(server, prefix=PREFIX) as agent:
            yield agent

    def on(self, state: Path) -> House:
        """The same gateway on the state of another."""
        return replace(self, state=state)

    async def run(self, *arguments: str) -> str:
        """What a command of this house's `rule-of-two` prints.

        :raises subprocess.CalledProcessError: it fails.
        """
        done = await anyio.run_process(self.command(*arguments), cwd=ROOT)
        return done.stdout.decode()

    def command(self, *arguments: str) -> list[str]:
        """The command line of this house's `rule-of-two`."""
        own = ["--config", str(self.config), "--state", str(self.state)]
        return [sys.executable, "-m", "rule_of_two", *own, *arguments]


@dataclass(frozen=True, slots=True)
class Stage:
    """A document server that runs at ``url``."""

    url: str
    folder: Path

    @asynccontextmanager
    async def direct(self) -> AsyncIterator[Agent]:
        """Speak to the server with nothing between."""
        async with conversation(self.url) as agent:
            yield agent

    def house(self, example: str, *, name: str = "house", manifest: Path | None = None, **settings: Any) -> House:
        """The gateway of an example, as it is configured there, before this server. ``settings`` replace some, and
        ``manifest`` the one of the server."""
        folder = self.folder / f"{example}-{name}"
        folder.mkdir()
        config = {**configuration(EXAMPLES / example), **settings}
        library = config["mcpServers"]["library"]
        kept = {key: library[key] for key in ("manifest", "parameters") if key in library}
        config["mcpServers"] = {"library": {**kept, "url": self.url}}
        if manifest is not None:
            config["mcpServers"]["library"]["manifest"] = str(manifest)
        path = folder / "rule-of-two.yaml"
        path.write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
        return House(path, folder / "state")

    @property
    def sent(self) -> list[dict[str, str]]:
        """Everything that the server has sent so far."""
        outbox = _outbox(self.folder)
        lines = outbox.read_text(encoding="utf-8").splitlines() if outbox.exists() else []
        return [json.loads(line) for line in lines]


def configuration(folder: Path) -> dict[str, Any]:
    """An example's configuration, with the files that it names by their whole paths."""
    config: dict[str, Any] = YAML(typ="safe").load(folder / "rule-of-two.yaml")

    def whole(name: str) -> str:
        return str((folder / name).resolve()) if name.startswith(".") else name

    library = config["mcpServers"]["library"]
    library["manifest"] = str((folder / library["manifest"]).resolve())
    config["policies"] = [whole(name) for name in config["policies"]]
    config["entities"] = [whole(name) for name in config.get("entities", ())]
    return config


@contextmanager
def stage(folder: Path, documents: Path = DOCUMENTS) -> Iterator[Stage]:
    """Start the document server; what it sends is kept in ``folder``, where the gateways' states are too.

    :raises RuntimeError: the server ended before it served; what it said stands on stderr.
    """
    command = [sys.executable, "-m", "examples.retrieval.server", str(_outbox(folder)), "--http"]
    command += ["--documents", str(documents)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            if not url:
                raise RuntimeError("the document server did not start; `scripts/examples` installs what it needs")
            yield Stage(url, folder)
        finally:
            process.terminate()


def _outbox(folder: Path) -> Path:
    return folder / "outbox.jsonl"
