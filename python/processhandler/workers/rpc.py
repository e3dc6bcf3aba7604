"""msgpack-RPC: a worker whose methods others call."""

import asyncio
import inspect
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, TypeVar, Union

from .. import codec
from .base import Visit, current_visit
from .coroutine import CoroutineWorker

try:
    import msgpack  # type: ignore[import-untyped]
except ImportError:
    msgpack = None

# What says that bytes are no messages. The package's own errors are not all of Python's kinds.
_NO_MESSAGES = (ValueError,) if msgpack is None else (ValueError, msgpack.UnpackException)
# The largest message, in bytes.
LARGEST = 16 << 20
# Bytes that are read at once.
BITE = 64 << 10

_REQUEST, _RESPONSE, _NOTIFICATION = 0, 1, 2

# The codes of errors.
FAILED, INVALID_CALL, OVERLOADED, SHUTTING_DOWN = range(4)

_Function = TypeVar("_Function", bound=Callable[..., Any])


class RpcError(Exception):
    """What a method may raise to answer with a code of its own: the error is `[code, message]`. Any other exception is one of
    code 0, with its text."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Method(NamedTuple):
    """One method that can be called."""

    function: Callable[..., Any]
    waits: bool
    blocks: bool
    least: int
    most: Optional[int]


def rpc(name: Union[str, _Function, None] = None, blocking: bool = False) -> Any:
    """Marks a method of a `MsgpackRpcWorker` as one that can be called: `@rpc`, `@rpc("math.add")`, `@rpc(blocking=True)`.

    One that is `async def` may wait; one that blocks runs on one of `threads` threads; another answers at once."""

    def mark(function: _Function) -> _Function:
        said = name if isinstance(name, str) else function.__name__
        function._rpc = (said, blocking)  # type: ignore[attr-defined]
        return function

    return mark(name) if callable(name) else mark


def _packer() -> Callable[[Any], bytes]:
    if msgpack is None:
        return codec.packb
    packer = msgpack.Packer(use_bin_type=True, unicode_errors="surrogateescape", autoreset=True)
    return lambda value: bytes(packer.pack(value))


def _unpacker() -> Any:
    if msgpack is None:
        return codec.Unpacker(LARGEST)
    return msgpack.Unpacker(
        raw=False, strict_map_key=False, unicode_errors="surrogateescape", max_buffer_size=LARGEST
    )


class MsgpackRpcWorker(CoroutineWorker):
    """A worker for msgpack-RPC clients. Calls may be sent without waiting for answers. At most `max_coroutines` may be under way
    in all; each may take `timeout`, after which it is answered with an error."""

    def _check(self) -> None:
        super()._check()
        self._methods = dict(_methods(self))

    def _live(self) -> None:
        self._threads = ThreadPoolExecutor(max(1, int(self.cfg.threads or 1)), "method")
        self._room: Optional[asyncio.Semaphore] = None
        self._pack = _packer()
        super()._live()

    async def handle_request(self, sock: socket.socket, client: socket.socket, addr: Any) -> None:
        """One client, as long as it stays."""
        visit = current_visit.get()
        assert visit is not None
        visit.divide()
        if self._room is None:
            self._room = asyncio.Semaphore(max(1, int(self.cfg.max_coroutines or 1)))
        reader, writer = await self.open(client)
        session = Session(self, writer, self._room)
        try:
            await session.run(reader, visit)
        except _NO_MESSAGES as error:
            self.file_logger.warning("%s: not msgpack-RPC: %s", addr, error)
        finally:
            writer.close()


class Session:
    """One client's calls."""

    def __init__(self, worker: MsgpackRpcWorker, writer: asyncio.StreamWriter, room: asyncio.Semaphore) -> None:
        self._worker, self._writer, self._room = worker, writer, room
        self._ledger = worker._here.ledger
        self._loop = asyncio.get_running_loop()
        self._under_way = 0
        self._idle: "Optional[asyncio.Future[None]]" = None

    async def run(self, reader: asyncio.StreamReader, visit: Visit) -> None:
        """Answers until the client has hung up and all is answered."""
        unpacker = _unpacker()
        while True:
            data = await reader.read(BITE)
            if not data:
                break
            unpacker.feed(data)
            answers: List[bytes] = []
            for message in unpacker:
                answer = self._take(message)
                if isinstance(answer, bytes):
                    answers.append(answer)
                elif answer is not None:
                    # What was ready goes first: nobody waits for who waits.
                    self._write(answers)
                    await self._room.acquire()
                    self._begin(*answer)
            self._write(answers)
            # Who does not read is not read from.
            await self._writer.drain()
        if self._under_way:
            self._idle = self._loop.create_future()
            await self._idle
        await self._writer.drain()

    def _write(self, answers: List[bytes]) -> None:
        if answers:
            self._writer.write(b"".join(answers))
            answers.clear()

    def _take(self, message: Any) -> Any:
        """A message: its answer, or what is to be waited for, or neither."""
        kind = message[0] if isinstance(message, (list, tuple)) and message else None
        if kind == _REQUEST and len(message) == 4:
            _, ticket, name, params = message
        elif kind == _NOTIFICATION and len(message) == 3:
            _, name, params = message
            ticket = None
        elif kind == _RESPONSE:
            return None
        else:
            raise ValueError("a message that is no call")
        if isinstance(name, bytes):
            name = name.decode("utf-8", "replace")
        token = self._ledger.begin()
        method = self._worker._methods.get(name) if isinstance(name, str) else None
        params = params if isinstance(params, (list, tuple)) else [params]
        wrong = None
        if method is None:
            wrong = f'no method "{name}"'
        elif len(params) < method.least or (method.most is not None and len(params) > method.most):
            wrong = f"{name} takes {_count(method)}, not {len(params)}"
        if method is None or wrong is not None:
            self._ledger.end(token)
            return self._answer(ticket, [INVALID_CALL, wrong], None)
        if method.waits or method.blocks:
            return ticket, token, str(name), method, params
        try:
            error, result = None, method.function(*params)
        except Exception as raised:
            error, result = self._error(str(name), raised), None
        self._ledger.end(token)
        return self._answer(ticket, error, result)

    def _begin(self, ticket: Any, token: int, name: str, method: Method, params: List[Any]) -> None:
        self._under_way += 1
        task = self._loop.create_task(self._wait(ticket, token, name, method, params))
        self._worker._tasks.add(task)
        task.add_done_callback(self._worker._tasks.discard)
        task.add_done_callback(self._worker._look)

    async def _wait(self, ticket: Any, token: int, name: str, method: Method, params: List[Any]) -> None:
        limit = self._worker._here.timeout
        try:
            if method.blocks:
                work: Any = self._loop.run_in_executor(self._worker._threads, lambda: method.function(*params))
            else:
                work = method.function(*params)
            error, result = None, await (work if limit is None else asyncio.wait_for(work, limit))
        except asyncio.TimeoutError:
            error, result = [FAILED, f"{name} timed out after {limit} s"], None
        except Exception as raised:
            error, result = self._error(name, raised), None
        finally:
            self._ledger.end(token)
            self._room.release()
        answer = self._answer(ticket, error, result)
        if answer is not None and not self._writer.is_closing():
            self._writer.write(answer)
        self._under_way -= 1
        if self._under_way == 0 and self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    def _answer(self, ticket: Any, error: Any, result: Any) -> Optional[bytes]:
        if ticket is None:
            return None
        try:
            return self._worker._pack([_RESPONSE, ticket, error, result])
        except (TypeError, ValueError, OverflowError) as raised:
            return self._worker._pack([_RESPONSE, ticket, [FAILED, f"the result can't be sent: {raised}"], None])

    def _error(self, name: str, raised: Exception) -> List[Any]:
        if isinstance(raised, RpcError):
            return [raised.code, str(raised)]
        self._worker.file_logger.error("%s failed", name, exc_info=raised)
        return [FAILED, f"{type(raised).__name__}: {raised}" if str(raised) else type(raised).__name__]


def _count(method: Method) -> str:
    if method.most is None:
        return f"{method.least} parameters at least"
    return f"{method.least} parameters" if method.least == method.most else f"{method.least} to {method.most} parameters"


def _methods(worker: MsgpackRpcWorker) -> Iterable[Any]:
    found: Dict[str, Method] = {}
    for attribute in dir(type(worker)):
        function = inspect.getattr_static(type(worker), attribute)
        mark = getattr(getattr(function, "__func__", function), "_rpc", None)
        if mark is None:
            continue
        name, blocking = mark
        bound = getattr(worker, attribute)
        kinds = inspect.Parameter
        all_of = list(inspect.signature(bound).parameters.values())
        plain = [one for one in all_of if one.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)]
        least = sum(one.default is kinds.empty for one in plain)
        endless = any(one.kind is kinds.VAR_POSITIONAL for one in all_of)
        waits = inspect.iscoroutinefunction(bound)
        found[name] = Method(bound, waits, blocking, least, None if endless else len(plain))
    return found.items()
