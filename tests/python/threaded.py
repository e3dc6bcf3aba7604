"""A module that starts a thread when it is loaded."""

import threading
import time

from classes import SyncJobs  # noqa: F401 (a test names it)

threading.Thread(target=time.sleep, args=(3600,)).start()
