"""A program as somebody would write it for a service manager: no library, the contract alone.

worker.py JOURNEY [WORD...]
"""

import array
import os
import signal
import socket
import sys
import time


def tell(text, descriptors=()):
    """sd_notify(3)."""
    name = os.environ["NOTIFY_SOCKET"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as place:
        place.connect("\0" + name[1:] if name.startswith("@") else name)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
        place.sendmsg([text.encode()], rights if descriptors else [])


def wait():
    """Until it is asked to leave."""
    while not leaving:
        time.sleep(0.01)


leaving = []
for number in (signal.SIGTERM, signal.SIGRTMIN + 3):
    signal.signal(number, lambda number, frame: leaving.append(number))

journey, words = sys.argv[1], sys.argv[2:]
if journey == "ready":
    # Not before there is the file, if one is named.
    while words and not os.path.exists(words[0]):
        time.sleep(0.01)
    tell("READY=1\nSTATUS=at work")
    wait()
    tell("STOPPING=1\nSTATUS=leaving")
    print("left by", signal.Signals(leaving[0]).name if leaving[0] < 32 else leaving[0], flush=True)
elif journey == "watchdog":
    # Feeds while there is the file, having fed once for each word.
    tell("READY=1")
    for _ in words:
        tell("WATCHDOG=1")
    while not leaving:
        if os.path.exists("feed"):
            tell("WATCHDOG=1")
        time.sleep(0.05)
elif journey == "descriptors":
    # As many as the kernel lets along, in each of many messages.
    for _ in range(200):
        tell("STATUS=giving", [0] * 200)
    tell("READY=1\nSTATUS=given", [0])
    wait()
elif journey == "accept":
    # Blocking, as it got them.
    sockets = [socket.socket(fileno=3 + n) for n in range(int(os.environ["LISTEN_FDS"]))]
    tell("READY=1")
    while not leaving:
        sockets[0].settimeout(0.05)
        try:
            client = sockets[0].accept()[0]
        except TimeoutError:
            continue
        with client:
            client.sendall(f"{os.environ['PH_GENERATION']} {os.getpid()}\n".encode())
elif journey == "all":
    place = socket.socket(fileno=3)
    place.settimeout(0.05)
    print("here I am", flush=True)
    tell("READY=1")
    while not leaving:
        tell("WATCHDOG=1")
        try:
            place.accept()[0].close()
        except TimeoutError:
            continue
