"""Asks a provider in a process of its own, so that one that hangs, crashes or floods costs its answer and no more."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Any, Final

import anyio
import anyio.abc
import orjson

from rule_of_two.gateway.providers.settings import Asked, ProviderError

LARGEST: Final = 16 * 1024 * 1024
"""Bytes of an answer."""

# -P: the working directory is the agent's, and no place to import from.
_COMMAND: Final = (sys.executable, "-P", "-m", "rule_of_two.gateway.providers.host")


async def ask(settings: Asked) -> Any:
    """The answer, as JSON. The process has ended when this returns.

    :raises ProviderError: there was none within :attr:`Asked.timeout` seconds, or it was an error.
    """
    try:
        request = orjson.dumps({"use": settings.use, "settings": settings.settings})
    except TypeError as error:
        raise ProviderError(f"its settings cannot be written as JSON ({error})") from error
    try:
        with anyio.fail_after(settings.timeout):
            line = await _line(request + b"\n")
    except TimeoutError as error:
        raise ProviderError(f"it gave no answer within {settings.timeout:g} s") from error
    except (OSError, anyio.BrokenResourceError) as error:
        raise ProviderError(f"it could not be started ({error})") from error
    try:
        reply = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ProviderError("it ended without an answer") from error
    if not isinstance(reply, dict) or "answer" not in reply:
        raise ProviderError(f"it failed ({reply.get('error') if isinstance(reply, dict) else 'no answer'})")
    return reply["answer"]


async def _line(request: bytes) -> bytes:
    process = await anyio.open_process(
        _COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        if process.stdin is None or process.stdout is None:
            raise ProviderError("it has no pipes")
        await process.stdin.send(request)
        return await _first_line(process.stdout)
    finally:
        with anyio.CancelScope(shield=True):
            _kill(process)
            await process.aclose()


async def _first_line(stream: anyio.abc.ByteReceiveStream) -> bytes:
    received = bytearray()
    with suppress(anyio.EndOfStream):
        while not received.endswith(b"\n"):
            received += await stream.receive()
            if len(received) > LARGEST:
                raise ProviderError(f"its answer is longer than {LARGEST // 1024 // 1024} MiB")
    return bytes(received)


def _kill(process: anyio.abc.Process) -> None:
    """End it with all that it started."""
    with suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
