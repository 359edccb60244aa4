"""Start real MCP servers and keep what they list in ``tests/manifests/surveys``, one file a server.

::

    scripts/survey                        every server that was started before, again
    scripts/survey postgres redis         only those
    scripts/survey --check                compare with what is kept, and write nothing
    scripts/survey --new redis --pypi redis-mcp-server==0.3.5 --env REDIS_HOST=localhost -- --url redis://localhost

What a server needs to start is kept in its file: package, version, arguments and environment, with placeholders where
an account would stand. A server whose list was not had by starting it (``"obtained": "published"``) is left alone: its
file says where the list stands. Exit codes: 0 done, 1 a server did not start or lists something else, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from scripts.servers import ROOT, InstallError, Server, install, install_node

SURVEYS: Final = ROOT / "tests" / "manifests" / "surveys"
CACHE: Final = ROOT / ".cache" / "surveys"
SECONDS: Final = 90.0
"""How long a server may take to list everything."""
LARGEST: Final = 300_000
"""A list with more characters is kept in outline."""

LISTS: Final = {
    "tools": "tools/list",
    "prompts": "prompts/list",
    "resources": "resources/list",
    "resourceTemplates": "resources/templates/list",
}


class SurveyError(Exception):
    """A server could not be asked; the text is one sentence for a person."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How a server is installed and started. ``program``: which of the package's commands, where it has several."""

    source: Literal["npm", "pypi"]
    package: str
    version: str
    beside: tuple[str, ...] = ()
    program: str = ""
    args: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    """What stands in the folder in which it starts (its home too): placeholders where credentials would be."""

    @property
    def server(self) -> Server:
        """What is installed."""
        return Server(self.source, self.package, self.version, self.beside)

    def kept(self) -> dict[str, Any]:
        """As it is written down: what is not empty."""
        return {name: value for name, value in asdict(self).items() if value}


def command(name: str, launch: Launch, cache: Path = CACHE) -> list[str]:
    """Install the server where it is missing; what starts it.

    :raises InstallError: it cannot be installed.
    """
    node = install_node(cache)
    home = cache / name
    stamp = home / "installed.json"
    known = json.loads(stamp.read_text("utf-8")) if stamp.exists() else {}
    installed: list[str] = (
        known["command"] if known.get("pin") == launch.server.pin else install(name, launch.server, cache, node)
    )
    if not launch.program:
        return [*installed, *launch.args]
    if launch.source == "pypi":
        return [str(Path(installed[0]).with_name(launch.program)), *launch.args]
    package = home / "node_modules" / launch.package
    script = json.loads((package / "package.json").read_text("utf-8"))["bin"][launch.program]
    return [node[0], str(package / script), *launch.args]


def survey(argv: Sequence[str], env: dict[str, str], files: dict[str, str]) -> dict[str, Any]:
    """What a server says of itself and everything that it lists, as it came over the wire.

    :raises SurveyError: it ended, or did not answer in time.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            place = Path(folder) / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, "utf-8")
        home = {"HOME": folder, "USERPROFILE": folder, "XDG_CONFIG_HOME": folder, "XDG_CACHE_HOME": folder}
        node = str(CACHE / "node" / "bin")
        environment = {"PATH": f"{node}{os.pathsep}{os.environ.get('PATH', '')}", **home, **env}
        with (
            (Path(folder) / "stderr").open("w+b") as stderr,
            subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, env=environment, cwd=folder
            ) as process,
        ):
            timer = threading.Timer(SECONDS, process.kill)
            timer.start()
            try:
                found = _everything(process)
            except (SurveyError, OSError) as error:
                process.kill()
                stderr.seek(0)
                last = [line for line in stderr.read().decode(errors="replace").splitlines() if line.strip()][-3:]
                raise SurveyError(f"{error}; it said: {' | '.join(last) or 'nothing'}") from error
            finally:
                timer.cancel()
                process.kill()
        text = json.dumps(found).replace(json.dumps(folder)[1:-1], "/home/user")
    found = json.loads(text)
    return {name: value for name, value in found.items() if value}


def _everything(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    hello = {
        "protocolVersion": "2025-11-25",
        "capabilities": {"roots": {"listChanged": True}, "sampling": {}, "elicitation": {"form": {}, "url": {}}},
        "clientInfo": {"name": "rule-of-two survey", "version": "1"},
    }
    said = _ask(process, 1, "initialize", hello)
    if "result" not in said:
        raise SurveyError(f"it refused to initialize: {said.get('error')}")
    _send(process, {"method": "notifications/initialized"})
    found: dict[str, Any] = {
        "serverInfo": said["result"].get("serverInfo"),
        "instructions": said["result"].get("instructions"),
    }
    number = 1
    for key, method in LISTS.items():
        items: list[Any] = []
        cursor: str | None = None
        while True:
            number += 1
            reply = _ask(process, number, method, {"cursor": cursor} if cursor else {})
            items += reply.get("result", {}).get(key, [])
            cursor = reply.get("result", {}).get("nextCursor")
            if not cursor:
                break
        found[key] = items
    return found


def _send(process: subprocess.Popen[bytes], message: dict[str, Any]) -> None:
    assert process.stdin is not None  # noqa: S101  # it is a pipe
    process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
    process.stdin.flush()


def _ask(process: subprocess.Popen[bytes], number: int, method: str, params: dict[str, Any]) -> dict[str, Any]:
    _send(process, {"id": number, "method": method, "params": params})
    assert process.stdout is not None  # noqa: S101  # it is a pipe
    for line in process.stdout:
        try:
            frame = json.loads(line)
        except ValueError:  # some print a greeting to stdout
            continue
        if not isinstance(frame, dict):
            continue
        if "method" in frame and "id" in frame:
            answer = {"result": {"roots": []}} if frame["method"] == "roots/list" else {"error": _REFUSED}
            _send(process, {"id": frame["id"], **answer})
        elif frame.get("id") == number:
            return frame
    raise SurveyError(f"it ended, or took over {SECONDS:.0f} s, before it answered {method}")


_REFUSED: Final = {"code": -32601, "message": "not here"}


def read(name: str) -> dict[str, Any]:
    """What is kept of a server."""
    kept: dict[str, Any] = json.loads((SURVEYS / f"{name}.json").read_text("utf-8"))
    return kept


def launch_of(kept: dict[str, Any]) -> Launch:
    """How the server of a kept survey is started."""
    said = dict(kept["launch"])
    return Launch(**{**said, "args": tuple(said.get("args", ())), "beside": tuple(said.get("beside", ()))})


def taken(name: str, launch: Launch) -> dict[str, Any]:
    """A survey as it is kept.

    :raises SurveyError: the server could not be asked.
    :raises InstallError: it could not be installed.
    """
    found = survey(command(name, launch), launch.env, launch.files)
    if len(json.dumps(found, ensure_ascii=False)) > LARGEST:
        found = {"note": OUTLINE, **found, "tools": [outline(tool) for tool in found["tools"]]}
    return {"server": name, "obtained": "started", "launch": launch.kept(), **found}


OUTLINE: Final = (
    "A long list in outline: of each description 300 characters, of each schema as many levels as fit into 5000."
)


def outline(tool: dict[str, Any]) -> dict[str, Any]:
    """A tool's definition without most of its words: names, hints, and where arguments stand."""
    kept: dict[str, Any] = {name: tool[name] for name in ("name", "annotations") if name in tool}
    schema = tool.get("inputSchema", {})
    levels = (_outline(schema, schema, depth) for depth in (6, 5, 4, 3, 2, 1))
    fitting = next((one for one in levels if len(json.dumps(one)) <= 5000), {})
    return {**kept, "description": tool.get("description", "")[:300], "inputSchema": fitting}


def _outline(root: dict[str, Any], place: Any, levels: int) -> dict[str, Any]:
    while isinstance(place, dict) and str(place.get("$ref", "")).startswith("#/"):
        target: Any = root
        for key in place["$ref"][2:].split("/"):
            target = target[key]
        place = target
    if not isinstance(place, dict):
        return {}
    kept: dict[str, Any] = {"type": place["type"]} if isinstance(place.get("type"), str) else {}
    if levels and "properties" in place:
        kept["properties"] = {name: _outline(root, one, levels - 1) for name, one in place["properties"].items()}
    if levels and isinstance(place.get("items"), dict):
        kept["items"] = _outline(root, place["items"], levels)
    for word in ("anyOf", "oneOf", "allOf"):
        shapes = [_outline(root, one, levels) for one in place.get(word, ()) if levels]
        if shapes:
            kept[word] = [one for one in shapes if one != {"type": "null"}]
    return kept


def text_of(kept: dict[str, Any]) -> str:
    """The file's text: one line for each tool, so that a difference can be read."""
    lines = []
    for key, value in kept.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            rows = ",\n".join(f"  {json.dumps(one, ensure_ascii=False)}" for one in value)
            lines.append(f" {json.dumps(key)}: [\n{rows}\n ]")
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/survey", description="Start real MCP servers; keep what they list.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="servers (default: all that were started before)")
    parser.add_argument("--check", action="store_true", help="compare with what is kept, and write nothing")
    parser.add_argument("--new", metavar="NAME", help="start a server for the first time; its arguments follow --")
    parser.add_argument("--npm", metavar="PACKAGE@VERSION", help="with --new: its package")
    parser.add_argument("--pypi", metavar="PACKAGE==VERSION", help="with --new: its package")
    parser.add_argument("--program", default="", help="with --new: which of the package's commands")
    parser.add_argument("--beside", action="append", default=[], metavar="REQUIREMENT", help="with --new, --pypi")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="with --new: a placeholder")
    parser.add_argument("--file", action="append", default=[], metavar="NAME=TEXT", help="with --new: in its home")
    options = parser.parse_args(argv)
    if options.new is not None:
        if (options.npm is None) is (options.pypi is None):
            parser.error("--new needs one of --npm and --pypi")
        launches = {options.new: _new(options)}
    else:
        kept = {name: read(name) for name in options.names or sorted(file.stem for file in SURVEYS.glob("*.json"))}
        launches = {name: launch_of(one) for name, one in kept.items() if one["obtained"] == "started"}
    failed = False
    for place, (name, launch) in enumerate(launches.items(), start=1):
        try:
            found = taken(name, launch)
        except (SurveyError, InstallError) as error:
            print(f"{place}/{len(launches)} {name}: {error}", file=sys.stderr, flush=True)
            failed = True
            continue
        known = (SURVEYS / f"{name}.json").exists()
        if known and "note" in (said := read(name)):
            found = {**dict(list(found.items())[:3]), "note": said["note"], **found}
        same = known and read(name) == found
        counted = ", ".join(f"{len(found[key])} {key}" for key in LISTS if key in found) or "nothing"
        news = "" if same else " (changed)" if known else " (new)"
        print(f"{place}/{len(launches)} {name}: {counted}{news}", file=sys.stderr, flush=True)
        if options.check:
            failed = failed or not same
        else:
            (SURVEYS / f"{name}.json").write_text(text_of(found), "utf-8")
    return 1 if failed else 0


def _new(options: argparse.Namespace) -> Launch:
    source: Literal["npm", "pypi"] = "npm" if options.npm is not None else "pypi"
    package, _, version = options.npm.rpartition("@") if source == "npm" else options.pypi.partition("==")
    env, files = (dict(pair.split("=", 1) for pair in pairs) for pairs in (options.env, options.file))
    return Launch(source, package, version, tuple(options.beside), options.program, tuple(options.names), env, files)


if __name__ == "__main__":
    sys.exit(main())
