"""The methods of the rpc example, as a class: what foreign clients call."""

import asyncio

from processhandler import MsgpackRpcWorker, RpcError, rpc
from processhandler.workers import rpc as kind

INVALID_CALL = 1


class Service(MsgpackRpcWorker):
    def setup(self):
        super().setup()
        self.store = {}

    @rpc
    def codec(self):
        return "processhandler" if kind.msgpack is None else "msgpack"

    @rpc
    def add(self, a, b):
        for number, value in enumerate((a, b), 1):
            if type(value) is not int:
                raise RpcError(INVALID_CALL, f"add: argument {number}: not an integer")
        if not -(2**63) <= a + b < 2**63:
            raise RpcError(0, "the sum is out of range")
        return a + b

    @rpc
    def echo(self, value):
        return value

    @rpc
    async def sleep(self, ms):
        await asyncio.sleep(ms / 1000)
        return ms

    @rpc
    def fail(self, code, message):
        raise RpcError(code, message)

    @rpc
    def kv_set(self, key, value):
        former, self.store[key] = self.store.get(key), value
        return former

    @rpc
    def kv_get(self, key):
        return self.store.get(key)
