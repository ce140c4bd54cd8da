"""Tasks in several threads."""

from __future__ import annotations

import threading
import time

import pytest

from mtrain.training.pool import Waiting, run_side_by_side


def test_a_thread_keeps_to_the_kind_that_it_has_compiled():
    """Then it takes one that no other thread has begun, then whatever is left."""
    waiting = Waiting(["a1", "a2", "b1", "b2", "c1"], lambda task: task[0])
    first, second = waiting.take(None), waiting.take(None)

    assert (first, second) == (("a1", "a"), ("b1", "b"))
    assert waiting.take("a") == ("a2", "a")
    assert waiting.take("a") == ("c1", "c")
    assert waiting.take("c") == ("b2", "b")
    assert waiting.take("b") is None


def test_every_task_is_done_once_by_so_many_threads():
    done, threads = [], set()

    def work(task):
        threads.add(threading.get_ident())
        time.sleep(0.001)
        done.append(task)

    run_side_by_side(range(50), 3, lambda _: 0, work, lambda: False)

    assert sorted(done) == list(range(50))
    assert len(threads) == 3


def test_an_error_is_raised_once_the_others_are_done_with_their_tasks():
    """And no other task is begun."""
    done = []
    both = threading.Barrier(2)

    def work(task):
        if task < 2:
            both.wait()
        if task == 0:
            raise RuntimeError("broken")
        time.sleep(0.05)
        done.append(task)

    with pytest.raises(RuntimeError, match="broken"):
        run_side_by_side(range(9), 2, lambda _: 0, work, lambda: False)
    assert done == [1]


def test_once_it_is_stopped_no_other_task_is_begun():
    done = []
    run_side_by_side(range(9), 1, lambda _: 0, done.append, lambda: len(done) == 3)

    assert done == [0, 1, 2]
