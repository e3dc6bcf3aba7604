"""What any msgpack-RPC client of Python's does with the rpc example: `calls.py LIBRARY JOURNEY HOST PORT [FILE]`.

Each library has a class below that says how its calls are made; what is called is the same for all. Prints "ok", and
what the journey counts; a traceback otherwise.
"""

import os
import sys


class Pynvim:
    """pynvim, as nvim's own plugins use it. It sends and shows what Python's types say, and ext as msgpack's."""

    def __init__(self, host, port):
        import msgpack
        from pynvim import msgpack_rpc

        self.refused, self.ext = msgpack_rpc.ErrorResponse, msgpack.ExtType
        self.session = msgpack_rpc.tcp_session(host, port)
        # As pynvim's own Nvim does, which keeps the message alone.
        self.session.error_wrapper = msgpack_rpc.ErrorResponse
        # A session waits for each of its calls. What it is made of does not.
        stream = msgpack_rpc.MsgpackStream(msgpack_rpc.EventLoop("tcp", host, port))
        self.pipeline = msgpack_rpc.AsyncSession(stream)

    def call(self, method, *params):
        return self.session.request(method, *params)

    def notify(self, method, *params):
        self.session.request(method, *params, async_=True)

    def in_flight(self, calls):
        answers = []

        def answered(number):
            def take(error, result):
                answers.append((number, result if error is None else error))
                if len(answers) == len(calls):
                    self.pipeline.stop()

            return take

        for number, (method, *params) in enumerate(calls):
            self.pipeline.request(method, params, answered(number))
        self.pipeline.run(None, None)
        return answers


class MsgpackRpc:
    """msgpack-rpc-python, of the time before bin: bytes travel as text."""

    ext = None

    def __init__(self, host, port):
        import collections
        import collections.abc

        # It asks its tornado of 2017, which looks for this where it then was.
        collections.MutableMapping = collections.abc.MutableMapping
        import msgpackrpc
        from msgpackrpc.error import RPCError

        self.refused = RPCError
        address = msgpackrpc.Address(host, port)
        self.client = msgpackrpc.Client(address, timeout=30, unpack_encoding="utf-8")

    def call(self, method, *params):
        return self.client.call(method, *params)

    def notify(self, method, *params):
        self.client.notify(method, *params)

    def in_flight(self, calls):
        answers = []
        futures = [self.client.call_async(*call) for call in calls]
        for number, future in enumerate(futures):
            future.attach_callback(lambda it, number=number: answers.append((number, it.result)))
        for future in futures:
            future.join()
        return answers


class AioMsgpackRpc:
    """aio-msgpack-rpc, on asyncio."""

    def __init__(self, host, port):
        import asyncio

        import aio_msgpack_rpc
        import msgpack
        from aio_msgpack_rpc.error import RPCResponseError

        self.asyncio, self.refused, self.ext = asyncio, RPCResponseError, msgpack.ExtType
        self.loop = asyncio.new_event_loop()

        async def connect():
            return aio_msgpack_rpc.Client(*await asyncio.open_connection(host, port))

        self.client = self.loop.run_until_complete(connect())

    def call(self, method, *params):
        return self.loop.run_until_complete(self.client.call(method, *params))

    def notify(self, method, *params):
        self.loop.run_until_complete(self.client.notify(method, *params))

    def in_flight(self, calls):
        answers = []

        async def one(number, call):
            answers.append((number, await self.client.call(*call)))

        async def all_of_them():
            await self.asyncio.gather(*(one(*pair) for pair in enumerate(calls)))

        self.loop.run_until_complete(all_of_them())
        return answers


LIBRARIES = {"pynvim": Pynvim, "msgpack-rpc-python": MsgpackRpc, "aio-msgpack-rpc": AioMsgpackRpc}


def values(client):
    """One at least of each of the format's types, and what lies at its edges."""
    yield from (None, False, True)
    # fixint, and uint and int of 8 to 64 bits.
    for bits in (5, 7, 8, 15, 16, 31, 32, 63, 64):
        yield from (2**bits - 1, -(2 ** min(bits, 63)))
        if bits < 64:
            yield from (2**bits, -(2**bits) + 1)
    yield from (0, -1, 0.0, -1.5, 1e300, float("inf"))
    # fixstr, and str of 8 to 32 bits of length; fixarray, fixmap and theirs.
    for length in (0, 1, 15, 16, 31, 32, 255, 256, 65535, 65536):
        yield "x" * length
        yield [number % 7 for number in range(length)]
        yield {"k%d" % number: number % 7 for number in range(length)}
    yield from ("grüß dich, 世界", [[], {}, [None, {"a": [1.5, "b"]}]], {"a": {"b": {"c": []}}})
    if client.ext:
        # fixext of 1 to 16 bytes, ext and bin of 8 to 32 bits of length.
        for length in (0, 1, 2, 4, 8, 16, 17, 255, 256, 65535, 65536):
            yield client.ext(length % 100, b"\xc1" * length)
            yield bytes(number % 256 for number in range(length))


def types(client, _):
    count = 0
    for value in values(client):
        answer = client.call("echo", value)
        assert type(answer) is type(value) and answer == value, (value, answer)
        count += 1
    return count


def refusal(client, *call):
    try:
        raise AssertionError(client.call(*call))
    except client.refused as error:
        return error.args[0]


def error(client, _):
    assert refusal(client, "fail", 7, "no more coffee") == [7, "no more coffee"]
    code, message = refusal(client, "fly")
    assert code == 1 and message.startswith('no method "fly"'), message
    code, message = refusal(client, "add", 1, "two")
    assert code == 1 and message.startswith("add: argument 2: "), message
    code, message = refusal(client, "add", 2**63 - 1, 1)
    assert (code, message) == (0, "the sum is out of range")
    # None of them has ended the connection.
    assert client.call("add", 1, 2) == 3
    return 4


def notification(client, _):
    client.notify("kv_set", "noted", {"by": "a client"})
    assert client.call("kv_get", "noted") == {"by": "a client"}
    return 1


def thousand(client, _):
    """A thousand calls before the first answer; the later ones are answered sooner."""
    calls = [("sleep", 1500 - number) for number in range(1000)]
    answers = client.in_flight(calls)
    assert sorted(answers) == [(number, 1500 - number) for number in range(1000)]
    assert answers[0][0] > answers[-1][0], "they were answered in order"
    return len(answers)


def go_on(client, over):
    """Calls in a row until there is a file, each of which is answered."""
    served = 0
    while not os.path.exists(over):
        calls = [("add", served, number) for number in range(50)]
        calls += [("sleep", number) for number in range(10)]
        expected = [served + number for number in range(50)] + list(range(10))
        assert sorted(client.in_flight(calls)) == list(enumerate(expected))
        assert client.call("add", served, 1) == served + 1
        served += len(calls) + 1
    return served


def main():
    library, journey, host, port, *rest = sys.argv[1:]
    client = LIBRARIES[library](host, int(port))
    print("ok", globals()[journey](client, *rest or [None]))


main()
