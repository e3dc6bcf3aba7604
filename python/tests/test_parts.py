"""Configuration, slots, logging, acceptor and the way to the master, each without a master."""

import asyncio
import contextlib
import io
import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import types
import unittest
from unittest import mock

from processhandler import Config, CoroutineWorker, SyncWorker, boot, contract, launch, log
from processhandler.acceptor import Acceptor
from processhandler.bell import Bell, wait
from processhandler.config import ConfigError
from processhandler.slots import HEADER, SIZE, Ledger, Slot, SlotError
from processhandler.workers.base import Frame, NotReady


class Settings(unittest.TestCase):
    TEXTS = {
        "proc_name": "jobs", "number_workers": "4", "max_workers": "auto", "daemonize": "false", "timeout": "500ms",
        "graceful_timeout": "2m", "boot_timeout": "1.5s", "max_requests": "none", "max_memory": "64MiB", "pidfile": "none",
        "max_coroutines": "1000", "unix_socket_mode": "0660", "log_file": "stderr", "bind": "127.0.0.1:80", "nice": "-5",
        "idle_timeout": "0", "app.size": "10", "app.flag": "no",
    }

    def test_types(self):
        cfg = Config(self.TEXTS, "/srv")
        self.assertEqual((cfg.number_workers, cfg.max_workers, cfg.nice), (4, "auto", -5))
        self.assertIs(cfg.daemonize, False)
        self.assertEqual((cfg.timeout, cfg.graceful_timeout, cfg.boot_timeout), (0.5, 120, 1.5))
        self.assertEqual((cfg.max_memory, cfg.unix_socket_mode), (64 << 20, 0o660))
        for unset in ("max_requests", "pidfile", "log_file", "idle_timeout", "nothing"):
            self.assertIsNone(getattr(cfg, unset))
        self.assertEqual((cfg.max_greenlets, cfg.bind, cfg.start_dir), (1000, "127.0.0.1:80", "/srv"))

    def test_the_applications_own(self):
        cfg = Config(self.TEXTS)
        self.assertEqual(cfg.size, "10")
        self.assertEqual(cfg.get("size", 3, int), 10)
        self.assertEqual(cfg.get("other", 3, int), 3)
        self.assertIs(cfg.get("flag", True, bool), False)
        self.assertIn("size", cfg)
        self.assertNotIn("other", cfg)

    def test_without_a_master_it_says_what_to_do(self):
        with mock.patch.dict(os.environ, clear=True), self.assertRaisesRegex(ConfigError, "ph run --python"):
            Config.from_environment()
        with mock.patch.dict(os.environ, {"PH_SETTINGS": "{}"}), self.assertRaises(ConfigError):
            Config.from_environment()

    def test_it_is_taken_out_of_the_environment(self):
        text = json.dumps({"start_dir": "/", "settings": {"app.x": "y"}})
        with mock.patch.dict(os.environ, {"PH_SETTINGS": text}):
            self.assertEqual(Config.from_environment().x, "y")
            self.assertNotIn("PH_SETTINGS", os.environ)


def table(version=1):
    fd = os.memfd_create("slots") if hasattr(os, "memfd_create") else os.open("/dev/shm", os.O_TMPFILE | os.O_RDWR)
    os.truncate(fd, HEADER + 4 * SIZE)
    os.pwrite(fd, b"PHSLOTS\0" + version.to_bytes(4, "little") + SIZE.to_bytes(4, "little"), 0)
    return fd


def words(fd, index):
    data = os.pread(fd, SIZE, HEADER + index * SIZE)
    return [int.from_bytes(data[at : at + 8], "little") for at in range(0, 40, 8)]


class Slots(unittest.TestCase):
    def test_a_request_begins_and_ends_in_its_own_place(self):
        fd = table()
        slot = Slot.open(fd, 2)
        ledger = Ledger(slot)
        first, second = ledger.begin(), ledger.begin()
        requests, active, began, _, _ = words(fd, 2)
        self.assertEqual((requests, active), (0, 2))
        self.assertGreater(began, 0)
        ledger.end(first)
        self.assertGreaterEqual(words(fd, 2)[2], began)
        ledger.forget(second)
        slot.count_accepted()
        requests, active, began, _, accepted = words(fd, 2)
        self.assertEqual((requests, active, began, accepted), (1, 0, 0, 1))
        self.assertEqual(words(fd, 1) + words(fd, 3), [0] * 10)
        os.close(fd)

    def test_who_is_late_is_known_by_thread(self):
        ledger = Ledger(Slot.absent())
        token = ledger.begin()
        self.assertEqual(ledger.late(60), [])
        (thread, age), = ledger.late(0)
        self.assertEqual(thread, threading.get_ident())
        self.assertLess(age, 60)
        ledger.end(token)
        self.assertEqual(ledger.late(0), [])

    def test_the_lease_is_read(self):
        fd = table()
        slot = Slot.open(fd, 1)
        self.assertTrue(slot.is_led)
        self.assertIsNone(slot.token)

        def lease(deadline):
            values = (1).to_bytes(8, "little"), (7).to_bytes(8, "little"), deadline.to_bytes(8, "little")
            os.pwrite(fd, b"".join(values), 384)

        lease(0)
        self.assertFalse(slot.is_led)
        lease(time.clock_gettime_ns(7) + 60_000_000_000)
        self.assertTrue(slot.is_led)
        self.assertEqual(slot.token, 7)
        lease(time.clock_gettime_ns(7))
        self.assertFalse(slot.is_led)
        os.close(fd)

    def test_another_layout_is_refused(self):
        fd = table(version=9)
        with self.assertRaises(SlotError):
            Slot.open(fd, 0)
        os.close(fd)

    def test_threads_count_all(self):
        slot = Slot.absent()
        ledger = Ledger(slot)

        def work():
            for _ in range(500):
                ledger.end(ledger.begin())

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((slot.requests, slot.active, ledger.count), (2000, 0, 2000))


class Accepting(unittest.TestCase):
    def test_a_bell_wakes_and_a_connection_is_taken(self):
        listener, bell, slot = socket.create_server(("127.0.0.1", 0)), Bell(), Slot.absent()
        acceptor = Acceptor([listener], bell, slot)
        bell.ring()
        self.assertIsNone(acceptor.wait(True))
        clients = [socket.create_connection(listener.getsockname()) for _ in range(3)]
        _, taken, address = acceptor.wait(True)
        self.assertIn(address, [client.getsockname() for client in clients])
        self.assertIsNone(acceptor.wait(False, 0.01))
        slot._board[3] = 1
        rest = list(acceptor.last_call())
        self.assertEqual(len(rest), 2)
        for one in [taken, listener] + [client for _, client, _ in rest] + clients:
            one.close()


class Leaving(unittest.TestCase):
    def test_what_was_taken_at_the_last_moment_is_served(self):
        """It is on its way to the loop when the worker is asked to leave, and the last of the others ends."""

        class Echo(CoroutineWorker):
            async def handle_request(self, sock, client, addr):
                loop = asyncio.get_running_loop()
                await loop.sock_sendall(client, await loop.sock_recv(client, 100))

        listener = socket.create_server(("127.0.0.1", 0))
        cfg = types.SimpleNamespace(max_requests=0, timeout=None, graceful_timeout=60, max_coroutines=10)
        frame = Frame(cfg, logging.getLogger("leaving"), contract.Notifier(None), Slot.absent(), os.getppid())
        worker = Echo(cfg, None, frame.ppid, [listener])
        worker._attach(frame, [listener])
        first, second = (socket.create_connection(listener.getsockname(), 60) for _ in range(2))
        second.sendall(b"second")
        wait_for, taken = Acceptor.wait, []

        def late(acceptor, *arguments):
            connection = wait_for(acceptor, *arguments)
            taken.extend([connection] if connection else [])
            if len(taken) == 2 and not frame.is_stopping:
                frame.stop()
                first.sendall(b"first")
                self.assertEqual(first.recv(100), b"first")
                until = time.monotonic() + 60
                while worker._tasks and time.monotonic() < until:
                    time.sleep(0.001)
                # The loop still turns.
                asyncio.run_coroutine_threadsafe(asyncio.sleep(0), frame.loop).result(60)
            return connection

        with mock.patch.object(Acceptor, "wait", late):
            worker._live()
        self.assertEqual(second.recv(100), b"second")
        for one in (listener, first, second):
            one.close()


class Words(unittest.TestCase):
    def test_the_master_hears_one_message(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as master:
            name = f"ph-test-{os.getpid()}"
            master.bind("\0" + name)
            notifier = contract.Notifier("@" + name)
            notifier.say("READY=1", "STATUS=a\nb")
            self.assertEqual(master.recv(100), b"READY=1\nSTATUS=a b")
        notifier.say("READY=1")
        notifier.close()
        contract.Notifier(None).say("READY=1")

    def test_sockets_of_another_process_are_left_alone(self):
        with mock.patch.dict(os.environ, {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid() + 1)}):
            self.assertEqual(contract.listeners(), [])


class Logging(unittest.TestCase):
    def test_a_file_is_followed_and_no_line_doubled(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "own.log")
            for _ in range(2):
                logger = log.setup_file_logging("own", path)
            logger.info("one")
            os.rename(path, path + ".1")
            logger.info("two")
            with open(path + ".1") as first, open(path) as second:
                self.assertEqual(first.read().count("one"), 1)
                self.assertEqual(second.read().count("two"), 1)
            logger.handlers[0].close()

    def test_the_masters_own_file_is_the_masters_to_write(self):
        log.begin("app", "info", "master.log", "/srv")
        logger = log.setup_file_logging("other", "./master.log")
        self.assertEqual([type(one) for one in logger.handlers], [logging.StreamHandler])
        log.begin("app", "info", None, os.getcwd())


class Finding(unittest.TestCase):
    def test_each_failure_is_a_sentence(self):
        for name, says in (
            ("nowhere:Job", "there is no module nowhere"),
            ("processhandler:Missing", "the module processhandler has no class Missing"),
            ("collections:OrderedDict", "is no worker; derive it from SyncWorker"),
            ("processhandler:rpc", "is no worker"),
            ("processhandler", "is no MODULE:CLASS"),
        ):
            with self.assertRaisesRegex(boot.BootError, says):
                boot.find(name)

    def test_what_a_handler_takes_decides(self):
        class Job(SyncWorker):
            def handle_request(self):
                pass

        class Server(SyncWorker):
            def handle_request(self, sock, client, addr):
                pass

        class Neither(SyncWorker):
            def handle_request(self, one):
                pass

        listening = [mock.Mock()]
        for kind, sockets, expected in (
            (Job, [], False), (Job, listening, False), (Server, listening, True), (Server, [], NotReady),
            (Neither, [], NotReady), (SyncWorker, [], NotReady),
        ):
            cfg = Config({"proc_name": "x"})
            worker = kind(cfg)
            worker._attach(Frame(cfg, logging.getLogger(), contract.Notifier(None), Slot.absent(), 1), sockets)
            if expected is NotReady:
                with self.assertRaises(NotReady):
                    worker._takes_connections()
            else:
                self.assertIs(worker._takes_connections(), expected)

    def test_by_hand_it_says_what_to_do(self):
        with mock.patch.dict(os.environ, clear=True), contextlib.redirect_stderr(io.StringIO()) as said:
            self.assertEqual(boot.main(["a:B"]), boot.BOOT)
            self.assertEqual(boot.main([]), boot.USAGE)
        self.assertIn("ph run --python", said.getvalue())


class Launching(unittest.TestCase):
    def test_the_command(self):
        with mock.patch.object(launch, "find_ph", return_value="/x/ph"):
            command = launch.Arbiter("jobs:Job", "a.ini", "mail").command()
        interpreter = f"python={sys.executable}"
        self.assertEqual(command, ["/x/ph", "-c", "a.ini", "-s", "mail", "--set", interpreter, "start", "--python", "jobs:Job"])

    def test_the_ancestors_names(self):
        from ProcessHandler.lib.arbiter import Arbiter
        from ProcessHandler.lib.log import setup_file_logging
        from ProcessHandler.lib.utils import parse_args
        from ProcessHandler.lib.workers.coroutine_worker import CoroutineWorker
        from ProcessHandler.lib.workers.sync import SyncWorker as Former

        self.assertIs(Former, SyncWorker)
        self.assertIs(Arbiter, launch.Arbiter)
        self.assertTrue(callable(setup_file_logging) and isinstance(CoroutineWorker, type))
        args = parse_args(["-c", "a.ini", "-s", "b"])
        self.assertEqual((args.config, args.section), ("a.ini", "b"))


class Importing(unittest.TestCase):
    def test_a_worker_imports_what_its_kind_needs(self):
        code = (
            "import sys; import processhandler.boot; from processhandler import SyncWorker, ThreadWorker\n"
            "heavy = {'asyncio', 'argparse', 'ssl', 'pickle'} & set(sys.modules); assert not heavy, heavy\n"
            "from processhandler import *; from processhandler import rpc; assert CoroutineWorker and callable(rpc)\n"
            "import processhandler; assert set(processhandler.__all__) == set(processhandler._PLACES)\n"
            "assert not hasattr(processhandler, 'nothing')"
        )
        # Without what a site adds to each start.
        subprocess.run([sys.executable, "-S", "-c", code], check=True)


class Bells(unittest.TestCase):
    def test_it_rings_until_silenced(self):
        bell = Bell()
        for _ in range(3):
            bell.ring()
        wait([bell], None)
        bell.silence()
        wait([bell], 0.001)
