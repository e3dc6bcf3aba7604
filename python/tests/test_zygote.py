"""A zygote, whose master is the test."""

import ctypes
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import unittest

from processhandler.title import CommandLine

# Linux's numbers; Python has no names for them everywhere.
_PR_SET_CHILD_SUBREAPER, _SO_PASSCRED = 36, 16
_SOURCES = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

JOB = """
import os
from processhandler import SyncWorker

imported = os.getpid()

class Job(SyncWorker):
    def init_process(self):
        print(imported == os.getpid(), os.environ["PH_WORKER_ID"], os.environ["WATCHDOG_PID"] == str(os.getpid()))

    def handle_request(self):
        self.sleep()
"""


class Zygotes(unittest.TestCase):
    def setUp(self):
        # What is forked twice becomes the test's own child.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.addCleanup(ctypes.CDLL(None).prctl, _PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def start(self, source):
        with open(os.path.join(self.folder, "job.py"), "w") as file:
            file.write(source)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(ours.close)
        ours.settimeout(60)
        ours.setsockopt(socket.SOL_SOCKET, _SO_PASSCRED, 1)
        own = {
            "PYTHONPATH": _SOURCES, "PYTHONDONTWRITEBYTECODE": "1", "PH_MASTER_PID": str(os.getpid()), "PH_APP": "jobs",
            "PH_ZYGOTE_FD": str(theirs.fileno()), "WATCHDOG_PID": "0",
            "PH_SETTINGS": json.dumps({"start_dir": self.folder, "settings": {"proc_name": "jobs"}}),
        }
        zygote = subprocess.Popen(
            [sys.executable, "-m", "processhandler", "job:Job"], env={**os.environ, **own}, pass_fds=[theirs.fileno()],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        self.addCleanup(zygote.stdout.close)
        self.addCleanup(zygote.wait)
        self.addCleanup(zygote.kill)
        theirs.close()
        return zygote, ours

    def hear(self, ours):
        """A word, and the pid of who has sent it."""
        word, along, _, _ = ours.recvmsg(4096, socket.CMSG_SPACE(12))
        pid = struct.unpack("3i", along[0][2])[0] if along else None
        return word.decode(), pid

    def ask(self, ours, serial):
        reader, writer = os.pipe()
        request = {"serial": serial, "cpus": [], "set": [["PH_WORKER_ID", str(serial)]]}
        socket.send_fds(ours, [json.dumps(request).encode()], [writer])
        os.close(writer)
        return open(reader)

    def test_workers_are_the_masters_own_children(self):
        zygote, ours = self.start(JOB)
        self.assertEqual(self.hear(ours), ("ready", zygote.pid))
        for serial in (7, 8):
            with self.ask(ours, serial) as output:
                forked, _ = self.hear(ours)
                word, pid = self.hear(ours)
                self.assertEqual((forked, word), (f"forked {serial} {pid}", f"born {serial}"))
                self.assertEqual(output.readline(), f"False {serial} True\n")
                self.assertEqual(os.waitpid(pid, os.WNOHANG), (0, 0))
                self.assertEqual(os.getpgid(pid), pid)
                os.kill(pid, signal.SIGKILL)
                self.assertEqual(os.waitpid(pid, 0), (pid, signal.SIGKILL))
        # Without a master it leaves.
        ours.close()
        self.assertEqual(zygote.wait(60), 0)

    def test_what_can_not_be_loaded_is_told(self):
        for source, says in [
            ("import nothing_like_that", "nothing_like_that"),
            ("class Job: pass", "is no worker"),
            (f"{JOB}import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()", r"started threads \(1\)"),
        ]:
            zygote, ours = self.start(source)
            self.assertRegex(self.hear(ours)[0], f"^failed .*{says}")
            self.assertEqual(zygote.wait(60), 70)


class Titles(unittest.TestCase):
    def test_a_command_line_is_written_over(self):
        code = (
            "from processhandler.title import CommandLine\nCommandLine().show('ph: zygote [jobs]')\n"
            "print(open('/proc/self/comm').read(), open('/proc/self/cmdline').read())"
        )
        command = [sys.executable, "-c", code]
        shown = subprocess.run(command, env={**os.environ, "PYTHONPATH": _SOURCES}, stdout=subprocess.PIPE, check=True)
        comm, command_line = shown.stdout.decode().split("\n")[:2]
        self.assertEqual(comm, "ph: zygote [job")
        self.assertEqual(command_line.strip(" \0"), "ph: zygote [jobs]")

    def test_what_is_too_long_is_cut(self):
        memory = ctypes.create_string_buffer(b"python\0-m\0x\0rest", 16)
        line = CommandLine.__new__(CommandLine)
        line._start, line._room = ctypes.addressof(memory), 12
        with open("/proc/self/comm") as comm:
            name = comm.read()
        try:
            line.show("ph: worker 0 [jobs]")
        finally:
            with open("/proc/self/comm", "w") as comm:
                comm.write(name)
        self.assertEqual(memory.raw, b"ph: worker \0rest")


if __name__ == "__main__":
    unittest.main()
