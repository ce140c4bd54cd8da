"""A process that draws charts for another one, in children that have matplotlib loaded.

For each request it receives a socket through its standard input, which is a socket, too, and forks a
child. The child reads a pickled function, and writes the pickled files that it draws.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket

from mtrain.report.charts import evaluation, history  # noqa: F401 -- loaded for the children


def serve() -> None:
    """Answer until the process that asks has ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children leave nothing behind
    with socket.socket(fileno=0) as requests:
        while True:
            message, descriptors, _, _ = socket.recv_fds(requests, 1, 1)
            if not message:
                return
            with socket.socket(fileno=descriptors[0]) as channel:
                if os.fork() == 0:
                    _answer(channel)


def _answer(channel: socket.socket) -> None:
    try:
        with channel.makefile("rwb") as file:
            draw = pickle.load(file)  # noqa: S301 -- only who started this has the socket
            pickle.dump(list(draw()), file)
    finally:
        os._exit(0)
