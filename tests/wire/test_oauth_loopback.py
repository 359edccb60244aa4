"""Where the browser brings the answer: only the right one counts, and whoever else comes costs nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from rule_of_two.wire import http_client_loopback
from rule_of_two.wire.http_client_loopback import Answer, Loopback
from tests.wire.playbook import SECONDS


@asynccontextmanager
async def expecting(state: str | None = "s1") -> AsyncIterator[Loopback]:
    loopback = await Loopback.open()
    if state is not None:
        loopback.expect(state)
    try:
        yield loopback
    finally:
        async with asyncio.timeout(SECONDS):
            await loopback.aclose()


def port_of(loopback: Loopback) -> int:
    return int(loopback.url.split(":")[2].partition("/")[0])


async def ask(loopback: Loopback, target: str, *, method: str = "GET", host: str | None = None) -> str:
    port = port_of(loopback)
    head = f"{method} {target} HTTP/1.1\r\nhost: {host or f'127.0.0.1:{port}'}\r\n\r\n"
    return await say(port, head.encode())


async def say(port: int, data: bytes) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    try:
        async with asyncio.timeout(SECONDS):
            return (await reader.read()).decode()
    except ConnectionError:
        return ""
    finally:
        writer.transport.abort()


async def test_the_right_answer_is_taken_and_shown_nothing_of() -> None:
    async with expecting() as loopback:
        page = await ask(loopback, "/callback?code=c%201&state=s1&iss=https%3A%2F%2Fas&x=%3Cscript%3E")
        assert await loopback.answer() == Answer("c 1", "s1", "https://as")
        assert page.startswith("HTTP/1.1 200 OK")
        assert "script" not in page
        assert "default-src 'none'" in page
        assert (await ask(loopback, "/callback?code=c2&state=s1")).startswith("HTTP/1.1 410")
        assert (await loopback.answer()).code == "c 1"


async def test_a_refusal_is_an_answer_without_a_code() -> None:
    async with expecting() as loopback:
        page = await ask(loopback, "/callback?error=access_denied&state=s1")
        assert await loopback.answer() == Answer("", "s1", None)
        assert "refused" in page


@pytest.mark.parametrize(
    ("target", "method", "host"),
    [
        ("/callback?code=c&state=other", "GET", None),
        ("/callback?code=c", "GET", None),
        ("/callback?code=c&state=", "GET", None),
        ("/other?code=c&state=s1", "GET", None),
        ("/callback/?code=c&state=s1", "GET", None),
        ("/callback?code=c&state=s1", "POST", None),
        ("/callback?code=c&state=s1", "GET", "evil.example"),
        ("/callback?code=c&state=s1", "GET", "localhost:1"),
        ("http://[x/callback?code=c&state=s1", "GET", None),
    ],
)
async def test_anything_else_changes_nothing(target: str, method: str, host: str | None) -> None:
    async with expecting() as loopback:
        assert (await ask(loopback, target, method=method, host=host)).startswith("HTTP/1.1 40")
        await ask(loopback, "/callback?code=right&state=s1")
        assert (await loopback.answer()).code == "right"


async def test_nothing_counts_before_a_question_was_asked() -> None:
    async with expecting(None) as loopback:
        assert (await ask(loopback, "/callback?code=c&state=")).startswith("HTTP/1.1 400")


async def test_too_many_fields_and_too_long_heads_and_garbage_are_survived() -> None:
    async with expecting() as loopback:
        port = port_of(loopback)
        await ask(loopback, "/callback?" + "&".join(f"a{number}=1" for number in range(100)))
        for data in (b"x" * 100_000, b"\r\n\r\n", b"\xff\xfe\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(data)
            writer.write_eof()
            with suppress(ConnectionError):
                await reader.read()
            writer.transport.abort()
        await ask(loopback, "/callback?code=right&state=s1")
        assert (await loopback.answer()).code == "right"


async def test_a_connection_that_says_nothing_is_closed_and_holds_up_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client_loopback, "_HEAD_SECONDS", 0.1)
    async with expecting() as loopback:
        assert await say(port_of(loopback), b"GET /") == ""
    monkeypatch.setattr(http_client_loopback, "_HEAD_SECONDS", 60)
    async with asyncio.timeout(3), expecting() as loopback:
        _, writer = await asyncio.open_connection("127.0.0.1", port_of(loopback))
        await asyncio.sleep(0.05)
    writer.transport.abort()


async def test_a_port_that_is_taken_is_said() -> None:
    async with expecting() as loopback:
        with pytest.raises(OSError, match="in use"):
            await Loopback.open(port_of(loopback))
