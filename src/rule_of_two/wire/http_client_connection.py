"""What both HTTP transports share: POSTs that fail alone, one inbox, one end."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

from rule_of_two.errors import LimitExceeded
from rule_of_two.records import replace
from rule_of_two.wire.codes import INTERNAL_ERROR, METHOD_NOT_FOUND
from rule_of_two.wire.frames import Failure, FrameError, Message, Notification, Request, RequestId, encode, parse
from rule_of_two.wire.http_client_exchange import HttpClient
from rule_of_two.wire.http_client_inbox import Inbox
from rule_of_two.wire.transport import CLOSED, ConnectionLost, Ending, EndOfStream, NotSent, ReplyLost, finish

LISTEN: Final = {"accept": "text/event-stream", "cache-control": "no-store"}

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Post:
    """A request that is being carried out. ``begun`` says that it is being written, or why it never will be."""

    request: Request
    headers: dict[str, str]
    modern: bool
    begun: asyncio.Future[None]
    task: asyncio.Task[None] = field(init=False)

    def begin(self) -> None:
        """The first byte is about to be written."""
        if not self.begun.done():
            self.begun.set_result(None)

    def never(self, error: NotSent) -> bool:
        """Nothing was written, and nothing will be; ``False`` when it is too late to say so."""
        return fail(self.begun, error)


class HttpConnection(ABC):
    """Half a :class:`~rule_of_two.wire.transport.Transport`: the other half is what one kind of server wants.

    It ends when a limit is passed, when the server has ended it, and when it is closed; then every task has ended that
    was started here, once :meth:`aclose` returns.
    """

    def __init__(self, client: HttpClient) -> None:
        self._client = client
        self._limits = client.limits
        self._inbox = Inbox()
        self._posts: dict[RequestId, Post] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: str | None = None
        self._closing: asyncio.Task[None] | None = None

    async def receive(self) -> Message:
        """As of :class:`~rule_of_two.wire.transport.Transport`."""
        return await self._inbox.get()

    async def dismiss(self, request: RequestId) -> None:  # noqa: B027  # that is all there is to do
        """Nothing is kept for a request of the peer."""

    async def let_go(self, request: RequestId) -> None:  # noqa: B027  # see dismiss
        """A request of the peer's has no stream of its own."""

    async def aclose(self) -> None:
        """As of :class:`~rule_of_two.wire.transport.Transport`."""
        self._end(EndOfStream(CLOSED, Ending.CLOSED), now=True)
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close())
        await finish(self._closing)

    @abstractmethod
    async def _exchange(self, post: Post) -> None:
        """Carry a request out, up to its reply or to where that will come on another way.

        :raises NotSent, ConnectionLost, LimitExceeded: as of :class:`HttpClient`.
        """

    @abstractmethod
    async def _take_leave(self) -> None:
        """Tell the server that we go."""

    async def _ask(self, request: Request, headers: dict[str, str], *, modern: bool = False) -> None:
        """Start a request, and wait until it is begun to be written.

        :raises NotSent: nothing was written.
        """
        post = Post(request, headers, modern, asyncio.get_running_loop().create_future())
        self._posts[request.id] = post
        post.task = self._start(self._carry_out(post))
        post.task.add_done_callback(lambda _: self._over(post))
        try:
            await post.begun
        except asyncio.CancelledError:
            post.task.cancel()
            raise

    async def _carry_out(self, post: Post) -> None:
        """Whatever happens to a request, it learns it."""
        number = post.request.id
        try:
            await self._exchange(post)
        except NotSent as error:
            if not post.never(error):
                await self._inbox.put(ReplyLost(number, str(error)))
        except ConnectionLost as error:
            await self._inbox.put(ReplyLost(number, str(error)))
        except LimitExceeded as error:
            self._end(error)
        except Exception as error:  # a bug must cost one request, not leave its caller waiting
            logger.exception("%s: a request failed", self._client.shown)
            reason = f"the request failed: {type(error).__name__}"
            if not post.never(NotSent(reason)):
                await self._inbox.put(ReplyLost(number, reason))

    def _over(self, post: Post) -> None:
        """A request's task has ended, perhaps before its first step."""
        post.never(NotSent(self._ended or CLOSED))
        if self._posts.get(post.request.id) is post:
            del self._posts[post.request.id]

    async def _tell(self, message: Message, headers: dict[str, str], url: httpx2.URL | None = None) -> httpx2.Response:
        """POST a message that gets no reply, and wait until the server took it; what it said of it is in the head.

        :raises NotSent: nothing was written.
        :raises ConnectionLost: it was written, but is not known to have arrived.
        """
        head: asyncio.Future[httpx2.Response] = asyncio.get_running_loop().create_future()
        task = self._start(self._hand_in(message, headers, url, head))
        task.add_done_callback(lambda _: fail(head, NotSent(self._ended or CLOSED)))
        try:
            return await head
        except asyncio.CancelledError:
            task.cancel()
            raise

    async def _hand_in(
        self, message: Message, headers: dict[str, str], url: httpx2.URL | None, head: asyncio.Future[httpx2.Response]
    ) -> None:
        seconds = self._limits.write_seconds
        outcome: httpx2.Response | NotSent | ConnectionLost
        try:
            async with asyncio.timeout(seconds):
                outcome = await self._client.open("POST", headers, encode(message), url=url)
                await outcome.aclose()
        except TimeoutError:
            outcome = ConnectionLost(f"{self._client.shown} did not take a message for {seconds:g} s")
        except (NotSent, ConnectionLost) as error:
            outcome = error
        except Exception as error:  # a bug must cost one message, not leave its sender waiting
            logger.exception("%s: a message failed", self._client.shown)
            outcome = ConnectionLost(f"the message failed: {type(error).__name__}")
        if not isinstance(outcome, httpx2.Response):
            fail(head, outcome)
        elif not head.done():
            if outcome.status_code >= 300:  # there is nobody to tell: messages of this kind get no reply
                logger.debug("%s took no message: %s", self._client.shown, self._client.status(outcome))
            head.set_result(outcome)

    async def _deliver(self, raw: bytes, number: RequestId | None, *, is_reply: bool = False) -> bool:
        """Hand one frame over that came in the course of request ``number``. Whether it was the reply to that,
        well-formed or not; ``is_reply`` says that it can be nothing else."""
        try:
            message = parse(raw, depth=self._limits.depth)
        except FrameError as error:
            answers = error.answers
            if number is not None and (is_reply or (answers is not None and is_one(answers, number))):
                await self._inbox.put(FrameError(str(error), answers=number), len(raw))
                return True
            # Garbage that cannot be told from whom is not answered: that would be a POST of ours for each piece.
            known = error.reply is not None and error.reply.id is not None
            await self._inbox.put(error if known else FrameError(str(error), answers=answers), len(raw))
            return False
        if isinstance(message, Request | Notification):
            await self._inbox.put(message if number is None else replace(message, related=number), len(raw))
            return False
        mine = number is not None and (message.id is None or is_one(message.id, number))
        if number is not None and mine:
            message = replace(message, id=number)
        await self._inbox.put(self._noticed(message), len(raw))
        return mine

    def _noticed(self, message: Message) -> Message:
        """A reply came in; what is to be passed on of it."""
        return message

    async def _refused(self, number: RequestId, response: httpx2.Response, error: dict[str, Any] | None = None) -> None:
        """A request was answered with an HTTP error, and perhaps with one of the server's own."""
        if error is None:
            code = METHOD_NOT_FOUND if response.status_code == 404 else INTERNAL_ERROR
            error = {"code": code, "message": self._client.status(response)}
        await self._inbox.put(Failure(number, error))

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _must_be_open(self) -> None:
        if self._ended is not None:
            raise NotSent(self._ended)

    def _end(self, error: EndOfStream | LimitExceeded, *, now: bool = False) -> None:
        """Let nothing start any more, and stop what runs. Only the first end counts."""
        self._inbox.end(error, now=now)
        if self._ended is None:
            self._ended = str(error)
            current = asyncio.current_task()
            for task in self._tasks:
                if task is not current:
                    task.cancel()

    async def _close(self) -> None:
        if self._tasks:
            await asyncio.wait(set(self._tasks))
        try:
            async with asyncio.timeout(self._limits.close_seconds):
                await self._take_leave()
        except (TimeoutError, NotSent, ConnectionLost) as error:
            logger.debug("%s: not taken leave of: %s", self._client.shown, error)
        finally:
            await self._client.aclose()


def fail(future: asyncio.Future[Any], error: NotSent | ConnectionLost) -> bool:
    """Let whoever waits for ``future`` have ``error``; ``False`` when it is too late for that."""
    if future.done():
        return False
    future.set_exception(error)
    return True


def content_type(response: httpx2.Response) -> str:
    """The media type of an answer, without its parameters."""
    return str(response.headers.get("content-type", "")).partition(";")[0].strip().lower()


def is_one(given: RequestId, number: RequestId) -> bool:
    """Whether a peer means this request. Some give numbers back as text, and both SDKs bear it."""
    return given == number or given == str(number)
