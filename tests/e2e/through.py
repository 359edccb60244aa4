"""A gateway that serves HTTP, as a process of its own, for tests."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_SERVING = re.compile(r"serving (http\S+)")


@dataclass(frozen=True, slots=True)
class Serving:
    """Where it is reached, and by whom."""

    url: str
    token: str
    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


def command(state: Path, *arguments: str) -> list[str]:
    """The command line of `rule-of-two` with its own state."""
    return [sys.executable, "-m", "rule_of_two", "--state", str(state), *arguments]


def new_token(state: Path, client: str) -> str:
    """A token for a client, as a person makes one."""
    made = subprocess.run(command(state, "token", "new", client), capture_output=True, text=True, check=True)
    return made.stdout.strip()


@contextmanager
def serving(state: Path, *arguments: str, cwd: Path, client: str = "generic") -> Iterator[Serving]:
    """Run a command that serves HTTP, and end it with SIGTERM."""
    token = new_token(state, client)
    with subprocess.Popen(
        command(state, *arguments), cwd=cwd, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        said: list[str] = []
        url = ""
        for line in process.stderr:
            said.append(line)
            if match := _SERVING.search(line):
                url = match[1]
                break
        assert url, "".join(said)
        reader = threading.Thread(target=lambda: said.extend(process.stderr or ()), daemon=True)
        reader.start()
        try:
            yield Serving(url, token, process, said)
        finally:
            process.terminate()
            try:
                process.wait(20)
            finally:
                process.kill()
                reader.join()


def wrapped(target: Sequence[str], manifest: str, *policies: str) -> list[str]:
    """The arguments of `wrap --http` around a command or a URL."""
    sets = [part for name in policies for part in ("--policies", name)]
    return ["wrap", "--manifest", manifest, *sets, "--http", "127.0.0.1:0", "--", *target]
