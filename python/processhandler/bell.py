"""What wakes a worker: a pipe that signals ring, and the request to leave."""

import os
import select
from typing import List, Optional


class Bell:
    """Wakes whoever waits for its descriptor. Any thread, and any signal handler, may ring."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        os.set_blocking(self.writer, False)

    def ring(self) -> None:
        """Rings; that of a bell which rings already is enough."""
        try:
            os.write(self.writer, b"!")
        except BlockingIOError:
            pass

    def silence(self) -> None:
        """Stops it."""
        try:
            while len(os.read(self.reader, 4096)) == 4096:
                pass
        except BlockingIOError:
            pass


def wait(bells: List[Bell], timeout: Optional[float]) -> None:
    """Waits until one of them rings, or the time is over."""
    poll = select.poll()
    for bell in bells:
        poll.register(bell.reader, select.POLLIN)
    poll.poll(-1 if timeout is None else max(0, int(timeout * 1000 + 0.999)))
