#!/bin/sh
# A Ray task that waits for another one lets a further task begin on its CPUs.
#
# Version:   ray 2.60.0.
# Behaviour: while a task is in ray.get(), as in each put() of ray.util.queue.Queue, its CPUs count as
#            free, and Ray starts the next waiting task on them. When the first task goes on, more tasks
#            compute than there are CPUs.
# Seen:      with num_cpus=2 and tasks of one CPU each, three tasks computed at once when they reported
#            through a queue, and two when they did not.
# Instead:   report by a method of an actor whose result nobody waits for.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check ray==2.60.0
HOME="$folder" RAY_USAGE_STATS_ENABLED=0 RAY_TMPDIR="$folder" "$folder/env/bin/python" -W ignore - <<'PY'
import sys
import time

import ray
from ray.util.queue import Queue

ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")


@ray.remote(num_cpus=0)
class Most:
    """The most tasks that computed at once."""

    def __init__(self):
        self.now = self.most = 0

    def change(self, by):
        self.now += by
        self.most = max(self.most, self.now)

    def get(self):
        return self.most


@ray.remote(num_cpus=1)
def task(most, reports):
    for number in range(3):
        most.change.remote(1)
        until = time.monotonic() + 1
        while time.monotonic() < until:
            pass
        most.change.remote(-1)
        if reports is not None:
            reports.put(number)


def most_at_once(reports):
    most = Most.remote()
    ray.get([task.remote(most, reports) for _ in range(6)])
    return ray.get(most.get.remote())


seen = most_at_once(None), most_at_once(Queue(maxsize=100, actor_options={"num_cpus": 0}))
print(f"without a queue {seen[0]} tasks at once, with one {seen[1]}")
sys.exit(not (seen[0] == 2 and seen[1] > 2))
PY
