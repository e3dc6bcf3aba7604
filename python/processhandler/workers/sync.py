"""One job, or one connection, at a time."""

from .base import Worker


class SyncWorker(Worker):
    """A worker that does one thing at a time, in its process's only thread."""

    def _live(self) -> None:
        if not self._takes_connections():
            return self._take_jobs()
        frame, accepting = self._here, self._accept()
        while not frame.is_stopping:
            connection = accepting.next()
            if connection is not None:
                self._serve(connection)
        for connection in accepting.rest():
            self._serve(connection)
        return None
