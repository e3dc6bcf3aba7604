"""Workers for the suite: one of each kind, which do on request what a test wants to see."""

import asyncio
import os
import time

from processhandler import CoroutineWorker, MsgpackRpcWorker, RpcError, SyncWorker, ThreadWorker, rpc


def note(worker, *words):
    """A line of the journal that tests read."""
    with open(worker.cfg.journal, "a") as journal:
        journal.write(" ".join(str(word) for word in words) + "\n")


class Noted:
    """Tells of its life."""

    def setup(self):
        super().setup()
        note(self, "setup", os.getpid())

    def init_process(self):
        super().init_process()
        note(self, "init", os.getpid(), self.ppid, len(self.LISTENERS))

    def stop(self):
        note(self, "stop", os.getpid(), self.nr)
        super().stop()


def obey(worker, words):
    """What a command says, where it blocks: the answer."""
    if words[0] == "sleep":
        time.sleep(float(words[1]))
    if words[0] == "fail":
        raise ValueError("as asked")
    return "%s %d\n" % (" ".join(words), os.getpid())


class Blocking(Noted):
    """Lines are commands; each is a request of its own, unless the first word is `whole`."""

    def handle_request(self, sock, client, addr):
        with client.makefile("rw") as lines:
            for line in lines:
                words = line.split()
                if words[0] == "whole":
                    lines.write(obey(self, words))
                    lines.flush()
                    return
                with self.request():
                    note(self, "began", os.getpid())
                    lines.write(obey(self, words))
                    lines.flush()


class Sync(Blocking, SyncWorker):
    pass


class Thread(Blocking, ThreadWorker):
    pass


class Coroutine(Noted, CoroutineWorker):
    async def handle_request(self, sock, client, addr):
        reader, writer = await self.open(client)
        try:
            while True:
                line = await reader.readline()
                if not line:
                    return
                words = line.decode().split()
                with self.request():
                    note(self, "began", os.getpid())
                    if words[0] == "sleep":
                        await asyncio.sleep(float(words[1]))
                        words = ["slept"]
                    if words[0] == "block":
                        words = ["sleep", words[1]]
                    writer.write(obey(self, words).encode())
                    await writer.drain()
        finally:
            writer.close()


class Rpc(Noted, MsgpackRpcWorker):
    @rpc
    def add(self, a, b):
        return a + b

    @rpc
    def echo(self, value):
        return value

    @rpc("worker.pid")
    def name(self):
        return os.getpid()

    @rpc
    def fail(self, code, message):
        raise RpcError(code, message)

    @rpc
    def broken(self):
        return {}["nothing"]

    @rpc
    async def sleep(self, seconds):
        note(self, "began", os.getpid())
        await asyncio.sleep(seconds)
        return seconds

    @rpc
    def stick(self):
        time.sleep(float(self.cfg.block))

    @rpc(blocking=True)
    def block(self, seconds):
        time.sleep(seconds)
        return seconds


def first():
    """Whether this is the first call, on any thread of any worker."""
    try:
        open("once", "x").close()
    except FileExistsError:
        return False
    return True


class Jobs(Noted):
    def handle_request(self):
        note(self, "job", os.getpid())
        if self.cfg.job == "hang":
            time.sleep(3600)
        if self.cfg.job == "once" and first():
            time.sleep(3600)
        if self.cfg.job == "fail":
            raise ValueError("as configured")
        self.sleep(self.cfg.get("pause", 0.05, float))


class SyncJobs(Jobs, SyncWorker):
    pass


class ThreadJobs(Jobs, ThreadWorker):
    pass


class CoroutineJobs(Noted, CoroutineWorker):
    async def handle_request(self):
        note(self, "job", os.getpid())
        await self.rest(self.cfg.get("pause", 0.05, float))


class Settings(SyncWorker):
    """Writes down what it is configured by."""

    def init_process(self):
        for name in sorted(self.cfg._texts):
            note(self, name, repr(self.cfg.get(name)))
        note(self, "own", self.cfg.own, self.cfg.nothing)

    def handle_request(self):
        self.sleep()


class FailsInConstructor(SyncWorker):
    def __init__(self, cfg, *rest):
        super().__init__(cfg, *rest)
        raise RuntimeError("no database")

    def handle_request(self):
        pass


class FailsInInit(SyncWorker):
    def init_process(self):
        raise RuntimeError("no table")

    def handle_request(self):
        pass


class TakesOne(SyncWorker):
    def handle_request(self, only):
        pass


class NoCoroutine(CoroutineWorker):
    def handle_request(self):
        pass


class NoWorker:
    pass
