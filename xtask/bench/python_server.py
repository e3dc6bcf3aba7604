"""Ours: the application as a class."""

import python_application
from processhandler import SyncWorker


class Server(SyncWorker):
    def init_process(self):
        super().init_process()
        python_application.ready()

    def handle_request(self, sock, client, addr):
        client.sendall(b"hello\n")
