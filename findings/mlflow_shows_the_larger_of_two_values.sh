#!/bin/sh
# MLflow goes on showing a figure's first value after a smaller one was logged for the same step and time.
#
# Version:   mlflow 3.17.2, with its SQLite store.
# Behaviour: What it shows of a figure is the value of the greatest (step, timestamp, value), not the one that
#            was logged last. A program that logs a run again from its files, with the times of the files,
#            corrects a figure upwards only. Both values are in the figure's history.
# Seen:      logged 0.9, then 0.5: shown 0.9, history [0.5, 0.9]; one millisecond later: shown 0.5.
# Instead:   log a corrected value with a later timestamp.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check mlflow==3.17.2
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import logging
import sys

import mlflow

for name in ("mlflow", "alembic"):
    logging.getLogger(name).setLevel(logging.ERROR)
client = mlflow.MlflowClient("sqlite:///runs.db")
run = client.create_run(client.create_experiment("figures")).info.run_id


def shown():
    return client.get_run(run).data.metrics["loss"]


client.log_metric(run, "loss", 0.9, timestamp=1000, step=1)
client.log_metric(run, "loss", 0.5, timestamp=1000, step=1)
first = shown()
history = sorted(one.value for one in client.get_metric_history(run, "loss"))
client.log_metric(run, "loss", 0.5, timestamp=1001, step=1)
print(first, history, shown())
sys.exit(not (first == 0.9 and history == [0.5, 0.9] and shown() == 0.5))
PY
