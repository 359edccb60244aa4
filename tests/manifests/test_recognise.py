"""Recognising a mounted server, and not recognising what may run something else."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.manifests.recognise import Launch, Origin, identify, recognise
from tests.manifests.bound import document, shipped_documents

DOCUMENTS = shipped_documents()
FILESYSTEM = "@modelcontextprotocol/server-filesystem"


def launch(line: str) -> Launch:
    command, *args = shlex.split(line)
    return Launch(command=command, args=tuple(args))


@pytest.mark.parametrize(
    ("line", "server"),
    [
        (f"npx -y {FILESYSTEM} /srv", "filesystem"),
        (f"npx {FILESYSTEM}@2026.8.31 /srv", "filesystem"),
        (f"npx --yes {FILESYSTEM}@latest /srv", "filesystem"),
        (f"npx --package={FILESYSTEM} mcp-server-filesystem /srv", "filesystem"),
        (f"npx -p {FILESYSTEM} mcp-server-filesystem /srv", "filesystem"),
        (f"npx -y -- {FILESYSTEM} /srv", "filesystem"),
        (f"/usr/local/bin/npx -y {FILESYSTEM}", "filesystem"),
        (f"npm exec -y -- {FILESYSTEM}", "filesystem"),
        (f"pnpm dlx {FILESYSTEM}", "filesystem"),
        (f"yarn dlx {FILESYSTEM}", "filesystem"),
        (f"bunx {FILESYSTEM}", "filesystem"),
        (f"cmd /c npx -y {FILESYSTEM} 'C:\\Users'", "filesystem"),
        (f"'C:\\nodejs\\npx.cmd' -y {FILESYSTEM}", "filesystem"),
        (f"node /opt/node_modules/{FILESYSTEM}/dist/index.js /srv", "filesystem"),
        (f"node --no-warnings /a/node_modules/x/node_modules/{FILESYSTEM}/dist/index.js", "filesystem"),
        ("node /opt/node_modules/.bin/mcp-server-filesystem /srv", "filesystem"),
        ("/opt/node_modules/.bin/mcp-server-filesystem /srv", "filesystem"),
        ("mcp-server-memory", "memory"),
        ("npx -y @modelcontextprotocol/server-sequential-thinking", "sequential-thinking"),
        ("npx -y @modelcontextprotocol/server-everything", "everything"),
        ("uvx mcp-server-fetch", "fetch"),
        ("uvx mcp-server-fetch@2026.10.24 --ignore-robots-txt", "fetch"),
        ("uvx mcp-server-fetch==2026.10.24", "fetch"),
        ("uvx --from mcp-server-fetch mcp-server-fetch", "fetch"),
        ("uvx --with 'mcp<2' mcp-server-sqlite --db-path /x.db", "sqlite"),
        ("uvx --from 'mcp-server-git[cli]>=2026' mcp-server-git", "git"),
        ("uvx MCP_Server.Fetch", "fetch"),
        ("uv tool run mcp-server-fetch", "fetch"),
        ("uv --directory /src run mcp-server-sqlite --db-path /x.db", "sqlite"),
        ("uv run python -m mcp_server_time", "time"),
        ("pipx run mcp-server-git", "git"),
        ("pipx run --spec mcp-server-git==2026.10.19 mcp-server-git", "git"),
        ("python -m mcp_server_fetch --proxy-url x", "fetch"),
        ("/venv/bin/python3.12 -u -I -m mcp_server_git -r /repo", "git"),
        ("'C:\\Python\\python.exe' -m mcp_server_time", "time"),
        ("python /venv/bin/mcp-server-time", "time"),
        ("/venv/bin/mcp-server-time --local-timezone UTC", "time"),
        ("docker run -i --rm mcp/fetch", "fetch"),
        ("docker run --rm -i -v /a:/b -e X=1 --name=n mcp/sqlite:1.0 --db-path /b/x.db", "sqlite"),
        (f"podman run -i docker.io/mcp/time@sha256:{'a' * 64}", "time"),
    ],
)
def test_a_server_is_recognised_by_what_its_command_runs(line: str, server: str) -> None:
    found = recognise(launch(line), DOCUMENTS)
    assert found is not None
    assert found.server == server


@pytest.mark.parametrize(
    "line",
    [
        "npx -y @evil/server-filesystem",
        f"npx -y {FILESYSTEM}-evil",
        f"npx -y -p evil {FILESYSTEM}",
        f"npx -p evil -p {FILESYSTEM} mcp-server-filesystem",
        f"npx -y {FILESYSTEM}@npm:evil@1",
        f"npx -y {FILESYSTEM}@file:../evil",
        f"npx --registry https://evil.test {FILESYSTEM}",
        f"npx -c 'evil' {FILESYSTEM}",
        f"npx --yes=true {FILESYSTEM}",
        "npx -y github:evil/server-filesystem",
        "npx -y ./server-filesystem",
        "npx -y evil/server-filesystem",
        "npx",
        f"npx -p {FILESYSTEM}",
        "npx -p",
        f"npm install {FILESYSTEM}",
        f"node -r evil /opt/node_modules/{FILESYSTEM}/dist/index.js",
        f"node --import evil /opt/node_modules/{FILESYSTEM}/dist/index.js",
        f"node /opt/node_modules/{FILESYSTEM}/../evil/index.js",
        f"node /opt/{FILESYSTEM}/dist/index.js",
        "node /opt/node_modules/@evil",
        "node /opt/node_modules",
        "node",
        "node index.js",
        "uvx --from evil mcp-server-fetch",
        "uvx --from git+https://evil.test/x mcp-server-fetch",
        "uvx --index-url https://evil.test mcp-server-fetch",
        "uvx 'mcp-server-fetch @ https://evil.test/x'",
        "uvx mcp-server-fetch@git+https://evil.test/x",
        "uvx --from mcp-server-fetch --from evil x",
        "uvx --from mcp-server-fetch",
        "uvx mcp-server-fetch-evil",
        "uv pip install mcp-server-fetch",
        "uv run",
        "uv --bad run mcp-server-fetch",
        "pipx run --spec evil mcp-server-git",
        "pipx install mcp-server-git",
        "pipx run",
        "python -c 'import mcp_server_fetch'",
        "python evil.py -m mcp_server_fetch",
        "python -m evil.mcp_server_fetch",
        "python -m evil -m mcp_server_fetch",
        "python -m",
        "python",
        "docker run --entrypoint evil mcp/fetch",
        "docker run -i evil/fetch",
        "docker run -i evil.test/mcp/fetch",
        "docker run -v",
        "docker run",
        "docker exec x mcp/fetch",
        "docker run -i mcp/filesystem /projects",
        "/opt/evil mcp-server-fetch",
        "cmd /c",
        "sh -c 'uvx mcp-server-fetch'",
    ],
)
def test_what_may_run_something_else_is_not_recognised(line: str) -> None:
    assert recognise(launch(line), DOCUMENTS) is None


CRM = document("match: {url: [https://crm.example/mcp, 'https://other.example:8443/']}")


@pytest.mark.parametrize(
    ("url", "recognised"),
    [
        ("https://crm.example/mcp", True),
        ("https://CRM.example:443/mcp/", True),
        ("https://crm.example/mcp?tenant=1", True),
        ("https://other.example:8443", True),
        ("http://crm.example/mcp", False),
        ("https://crm.example/", False),
        ("https://crm.example/mcp/evil", False),
        ("https://crm.example/mcp/../mcp", False),
        ("https://crm.example/%6dcp", False),
        ("https://crm.example@evil.test/mcp", False),
        ("https://crm.example.evil.test/mcp", False),
        ("crm.example/mcp", False),
    ],
)
def test_a_remote_server_is_recognised_by_host_and_path(url: str, recognised: bool) -> None:
    assert (recognise(Launch(url=url), [CRM]) is CRM) is recognised


def test_the_first_manifest_that_matches_counts() -> None:
    first, second = (
        document("match: {pypi: mcp-server-fetch}\nsource: ours"),
        document("match: {pypi: mcp-server-fetch}"),
    )
    assert recognise(launch("uvx mcp-server-fetch"), [first, second]) is first
    assert recognise(launch("uvx mcp-server-fetch"), []) is None


def test_nothing_is_recognised_by_nothing() -> None:
    assert identify(Launch()) is None


@pytest.mark.parametrize(
    ("line", "origin"),
    [
        ("npx -y plain-name", Origin("npm", "plain-name")),
        ("uvx Some_Package", Origin("pypi", "some-package")),
        ("docker run library/x", Origin("image", "x")),
        ("/opt/My-Server.exe --flag", Origin("command", "my-server")),
    ],
)
def test_an_origin_is_canonical(line: str, origin: Origin) -> None:
    assert identify(launch(line)) == origin


@given(
    st.sampled_from(["npx", "uvx", "uv", "pipx", "node", "python", "docker", "cmd", "npm", "bunx"]),
    st.lists(
        st.sampled_from(["run", "tool", "-y", "-p", "--from", "-m", "--", "mcp-server-fetch", "x", "=", "--a=b", ""])
    ),
)
def test_no_command_line_makes_it_fail(command: str, args: list[str]) -> None:
    found = identify(Launch(command=command, args=tuple(args)))
    assert found is None or (found.name and not found.name.startswith("-"))
