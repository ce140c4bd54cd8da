"""Call a function in processes of a Ray cluster: with CPUs, retries, events and a stop."""

from __future__ import annotations

import os
import pickle
import re
import secrets
import signal
import socket
import sys
import threading
import warnings
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtrain.errors import MtrainError, UsageError
from mtrain.keywords import option
from mtrain.loading import held_back_stderr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Send = Callable[[Any], None]
    """Sends an event to the process that waits for it."""

RETRIES = 3
"""How often a call is made again whose process has died."""

LOOKING_SECONDS = 0.2

REACHING_SECONDS = 5.0

THREADS = "MTRAIN_RAY_THREADS"
"""Ray gives a process only calls that ask for the same variables of the environment."""

HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""How a client of gRPC begins, RFC 9113, 3.4; the server answers with a frame of the same type, 4."""


@dataclass(frozen=True)
class Call:
    """A call of `function(send, *arguments)`; all of it must be picklable."""

    key: str
    """Names it, also in the list of a machine's processes."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    threads: int
    """A process makes only calls of one number of threads."""

    cpus: int
    gpus: int


@dataclass(frozen=True)
class Outcome:
    """The outcome of a call."""

    key: str
    value: Any
    """What the function returned; None if its process died every time."""

    problem: str | None
    """Why its process died."""


class Cluster:
    """A Ray cluster to which this process is connected."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        resources = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        cpus = [int(one["CPU"]) for one in resources if one.get("CPU", 0) >= 1]
        self.smallest: int | None = min(cpus, default=None)
        """The CPUs of the smallest machine; None: there is no machine yet."""

        self.has_gpus = any(one.get("GPU", 0) >= 1 for one in resources)
        machines = "1 machine" if len(cpus) == 1 else f"{len(cpus):,} machines"
        self.description = f"{machines} with {sum(cpus):,} CPUs"

    def run(
        self,
        calls: Sequence[Call],
        variables: Mapping[str, str | None],
        *,
        at_most: int | None,
        on_event: Callable[[Any], None],
        is_stopped: Callable[[], bool],
    ) -> Iterator[Outcome]:
        """Make all calls, and yield each outcome as it comes; `at_most` so many at once.

        A call whose process dies is made again. Once `is_stopped`, calls that wait are given up,
        without an outcome; the others are interrupted as by SIGINT, and may still return. `variables`
        of the environment are as given in each process, None: not set. Raises `MtrainError` that a
        function raises, or with its last line for any other error.
        """
        ray = self._ray
        # A method of an actor whose result nobody waits for: while a task waits, as for a place in
        # one of Ray's queues, its CPUs count as free, and one more task begins.
        mailbox = ray.remote(_Mailbox).options(num_cpus=0).remote()
        here = _Here(tuple(sys.argv), str(Path.cwd()), list(sys.path), dict(variables))
        task = ray.remote(max_retries=RETRIES)(_call)
        waiting, running, is_told = list(calls), dict[Any, str](), False
        try:
            while waiting or running:
                if is_stopped() and not is_told:
                    waiting.clear()
                    for ref in running:
                        ray.cancel(ref)
                    is_told = True
                while waiting and (at_most is None or len(running) < at_most):
                    call = waiting.pop(0)
                    given = {name: value for name, value in variables.items() if value is not None}
                    ref = task.options(
                        name=call.key,
                        num_cpus=call.cpus,
                        num_gpus=call.gpus,
                        runtime_env={"env_vars": {**given, THREADS: str(call.threads)}},
                    ).remote(here, mailbox, pickle.dumps((call.function, call.arguments)))
                    running[ref] = call.key
                if not running:
                    break
                refs = list(running)
                done, _ = ray.wait(refs, num_returns=len(refs), timeout=LOOKING_SECONDS)
                for event in self._events(mailbox):
                    on_event(event)
                for ref in done:
                    if (outcome := self._outcome(running.pop(ref), ref)) is not None:
                        yield outcome
        finally:
            for ref in running:
                ray.cancel(ref)
            ray.kill(mailbox)

    def _events(self, mailbox: Any) -> list[Any]:
        try:
            events: list[Any] = self._ray.get(mailbox.take.remote())
        except self._ray.exceptions.RayError:
            return []  # its machine was lost, and what is shown with it
        return events

    def _outcome(self, key: str, ref: Any) -> Outcome | None:
        exceptions = self._ray.exceptions
        try:
            return Outcome(key, self._ray.get(ref), None)
        except exceptions.TaskCancelledError:
            return None
        except exceptions.RayTaskError as error:
            if isinstance(error.cause, MtrainError):
                raise error.cause from error
            raise MtrainError(_last_line(error), where="a process of Ray") from error
        except exceptions.RayError as error:
            problem = f"its process on the Ray cluster died {RETRIES + 1} times"
            return Outcome(key, None, f"{problem}: {str(error).strip().partition(chr(10))[0]}")


@contextmanager
def connected(address: str, cpus: int) -> Iterator[Cluster]:
    """A cluster, connected while the context lasts; `local` is started here, with so many `cpus`.

    `address` may also be `auto`, `HOST:PORT`, or `ray://HOST:PORT` of a Ray Client server. Raises
    `UsageError` for any other, and if Ray is not installed, `MtrainError` if none can be reached.
    """
    where = option("ray", address)
    host_and_port = _parsed(address)
    if find_spec("ray") is None:
        problem = "Ray is not installed; `pip install 'mtrain[ray]'` installs it"
        raise UsageError(problem, where=where)
    if address == "auto":
        host_and_port = _found_address()
    if host_and_port is not None:
        _check_answers(*host_and_port, where)
    with _variables(_settings(address)):
        with held_back_stderr(), warnings.catch_warnings(), _kept_signal_handlers():
            warnings.simplefilter("ignore")
            ray = _connect(address, cpus, where)
            # Without its logs, Ray still prints on stdout that a process has died; its debugger
            # holds that back in this way.
            ray._private.worker._worker_logs_enabled = False  # noqa: SLF001
        try:
            yield Cluster(ray)
        finally:
            with held_back_stderr():
                ray.shutdown()


def _connect(address: str, cpus: int, where: str) -> Any:
    """The module, connected."""
    # Its children on this machine need as little as what passes through it.
    started = {"num_cpus": cpus, "object_store_memory": 2**27, "include_dashboard": False}
    try:
        import ray

        ray.init(
            address,
            log_to_driver=False,
            logging_level="CRITICAL",
            **(started if address == "local" else {}),
        )
    except Exception as error:
        if "InvalidAuthToken" in f"{error}{error.__cause__}":
            problem, remedy = "this cluster asks for a token", "set RAY_AUTH_MODE=token"
            raise MtrainError(problem, where=where, remedy=remedy) from error
        if address == "auto" and isinstance(error, ConnectionError):
            remedy = "`ray start --head` starts one, and so does --ray local"
            raise MtrainError("finds no running Ray", where=where, remedy=remedy) from error
        raise MtrainError(f"cannot be used: {_first_line(error)}", where=where) from error
    return ray


def _parsed(address: str) -> tuple[str, int] | None:
    """The host and the port of an address; None if it is `auto` or `local`."""
    if address in {"auto", "local"}:
        return None
    matched = re.fullmatch(r"(?:ray://)?(?:\[(.+)\]|([^:/\s]+)):([0-9]{1,5})", address)
    if matched is None or not 0 < int(matched[3]) < 2**16:
        problem = "must be auto, local, HOST:PORT or ray://HOST:PORT"
        raise UsageError(problem, where=option("ray", f"{address:.100}"))
    return matched[1] or matched[2], int(matched[3])


def _found_address() -> tuple[str, int] | None:
    """The address that Ray takes for `auto`, where that is known: the file with it outlives a kill."""
    with suppress(Exception), held_back_stderr():
        from ray._private.services import canonicalize_bootstrap_address

        return _parsed(canonicalize_bootstrap_address("auto") or "auto")
    return None


def _check_answers(host: str, port: int, where: str) -> None:
    """Raise `MtrainError` if no server of gRPC is there; Ray itself would try for minutes."""
    try:
        with socket.create_connection((host, port), REACHING_SECONDS) as connection:
            connection.settimeout(REACHING_SECONDS)
            if os.environ.get("RAY_USE_TLS", "0") != "0":
                return
            connection.sendall(HTTP2)
            answer = connection.recv(9)
    except OSError as error:
        problem = f"cannot be reached: {error.strerror or error}"
        raise MtrainError(problem, where=where) from error
    if answer[3:4] != HTTP2[-6:-5]:
        raise MtrainError("cannot be reached: what answers there is not Ray", where=where)


def _settings(address: str) -> dict[str, str]:
    """Variables of Ray's for this process, where the user has not set them."""
    settings = {
        "RAY_USAGE_STATS_ENABLED": "0",  # else a cluster that is started here sends reports
        "RAY_BACKEND_LOG_LEVEL": "fatal",
        "RAY_NUM_REDIS_GET_RETRIES": "5",  # seconds that it tries, when there is an answer
    }
    if address == "local" and "RAY_AUTH_MODE" not in os.environ:
        # Others must not use it. Ray would leave a token in the user's home, and from then on
        # `ray start` would ask for it.
        settings |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    return {name: value for name, value in settings.items() if name not in os.environ}


@contextmanager
def _variables(variables: Mapping[str, str]) -> Iterator[None]:
    """Variables of the environment that were not set, while the context lasts."""
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            os.environ.pop(name, None)


@contextmanager
def _kept_signal_handlers() -> Iterator[None]:
    """Whatever the context does; Ray replaces that of SIGTERM."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Mailbox:
    """Events on their way."""

    def __init__(self) -> None:
        self._events: list[Any] = []

    def put(self, event: Any) -> None:
        """Keep it."""
        self._events.append(event)

    def take(self) -> list[Any]:
        """All that came."""
        events, self._events = self._events, []
        return events


@dataclass(frozen=True)
class _Here:
    """What a process of the cluster takes over from this one."""

    arguments: tuple[str, ...]
    folder: str
    path: list[str]
    variables: Mapping[str, str | None]

    def enter(self) -> None:
        """Take it over."""
        sys.argv = list(self.arguments)
        for name, value in self.variables.items():
            if value is None:  # OMP_NUM_THREADS is set by Ray, for one
                os.environ.pop(name, None)
        if self.folder not in self.path:
            # Ray searches modules there: a `random.py` would be imported in place of Python's.
            sys.path[:] = [folder for folder in sys.path if folder != self.folder]
        with suppress(OSError):  # another machine may not have it
            os.chdir(self.folder)


def _call(here: _Here, mailbox: Any, pickled: bytes) -> Any:
    """What a task does."""
    here.enter()
    # Only now, so that what is imported finds the variables as they shall be.
    function, arguments = pickle.loads(pickled)  # noqa: S301 -- from the process that asks
    return function(mailbox.put.remote, *arguments)


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _last_line(error: BaseException) -> str:
    return str(error).strip().rpartition("\n")[2] or type(error).__name__
