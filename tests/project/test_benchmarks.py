from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import find_spec

import pytest
from conftest import ROOT

from benchmarks import compare, machine, metrics_cost
from benchmarks.__main__ import MEASUREMENTS
from benchmarks.comparison import Comparison
from benchmarks.comparison_page import accuracy_differs, comparison_text
from benchmarks.markdown import Table
from benchmarks.page import TABLES, page, read_comparison
from benchmarks.processes import Cell, peak_memory
from benchmarks.record import RESULTS, Record, read_record, record
from benchmarks.workloads import WORKLOADS
from mtrain.engine import trainer


def cell(peer, seconds, number=0, workload="W1", epochs=4):
    """A process as it is kept: the rounds of a peer differ in `seconds` and in accuracy."""
    place = {"round": number, "workload": workload, "peer": peer, "epochs": epochs}
    figures = {"import": 1.0, "startup": 2.0, "wall": 9.0, "peak_bytes": 1e9}
    return {**place, **figures, "accuracy": 0.8 + number / 100, "seconds": seconds}


def results_of(cells):
    machine = {"processor": "a", "cores": 2, "memory_gb": 8, "system": "b", "python": "3"}
    return {
        "machine": machine | {"versions": {"mtrain": "0"}},
        "commit": "0123456789abcdef",
        "date": "2026-01-31",
        "parity": {"W1": {"graph": 0.0, "xla, one step": 1e-7, "xla": 1e-6}},
        "limits": [{"matrix": 2e11, "traffic": {"W1": 1e10}}],
        "rows": cells,
    }


def test_a_ratio_is_of_the_median_epoch_after_the_first_round_by_round():
    """Keras 30 / 2 and 60 / 3: 15 and 20, whatever the first epochs took."""
    cells = [
        cell("keras_fit.accuracy", [99, 30, 29, 31]),
        cell("mtrain", [5, 2, 1, 3]),
        cell("keras_fit.accuracy", [99, 60, 61, 59], number=1),
        cell("mtrain", [5, 3, 3, 3], number=1),
        cell("keras_fit.per_class", [9, 30, 30, 30]),
        cell("jax_scan.scan", [1, 1.8, 1.8, 1.8]),
    ]
    results = Comparison(results_of(cells))

    assert results.ratio("W1", "keras_fit.accuracy").values == (15, 20)
    assert results.fastest("W1") == "jax_scan.scan"
    text = comparison_text(results)
    assert "| 17.50 (15.00 to 20.00) | 29.00 | 15.00 (15.00 to 15.00) | 30.00 |" in text
    assert "| W1 | JAX scan | 0.90 (0.90 to 0.90) | 1.80 |" in text
    assert "Measured on 2026-01-31 at commit 0123456789ab (" in text


def test_a_peer_whose_fastest_epoch_is_faster_is_a_miss():
    """2 seconds beside 1.9, whatever the median of the others."""
    cells = [cell("mtrain", [5, 3, 2, 3]), cell("jax_scan.scan", [1, 1.9, 4, 4])]
    cells += [cell(peer, [9, 50, 50, 50]) for peer in ("keras_fit.accuracy", "keras_fit.per_class")]

    text = comparison_text(Comparison(results_of(cells)))
    assert "| W1 | JAX scan | 1.33 (1.33 to 1.33) | 0.95, missed |" in text

    cells += [cell("pytorch.loop", [9, 2.4, 2.4, 2.4])]  # of the lower median
    text = comparison_text(Comparison(results_of(cells)))
    assert "| W1 | JAX scan | 1.33 (1.33 to 1.33) | 0.95, missed |" in text


def test_the_limit_is_products_or_memory_whichever_takes_longer():
    """12.27e9 operations at 200e9 a second, and 1.91 GB at 10 GB a second, beside an epoch of 1 s."""
    cells = [cell(peer, [5, 1, 2, 3]) for peer in ("mtrain", "keras_fit.accuracy")]
    cells += [cell("keras_fit.per_class", [9, 50, 50, 50])]
    results = results_of(cells)
    assert "| W1 | 1.000 | 0.061 | 1.9 GB | 0.191 | 19% |" in comparison_text(Comparison(results))

    results["limits"] = [{"matrix": 2e11, "traffic": {}}]  # as measured before traffic was
    assert "| W1 | 1.000 | 0.061 | 1.9 GB | - | 6% |" in comparison_text(Comparison(results))
    assert round(WORKLOADS["W2b"].bytes_moved / 1e9) == 46


def test_memory_is_that_of_all_processes():
    """Of one that has 60 MB of its own, and starts another like it."""
    own = "x = b'1' * 60_000_000; import subprocess, sys, time; "
    child = [sys.executable, "-c", own + "time.sleep(0.3)"]
    parent = [sys.executable, "-c", f"{own}subprocess.run({child!r})"]
    alone, together = (peak_memory(command, {}, (0,)) for command in (child, parent))
    assert 60e6 < alone < 100e6
    assert together > alone + 60e6


def test_limits_are_measured():
    """The products of a processor, and the memory of each workload's kernels."""
    found = machine.limits()
    assert found["matrix"] > 1e9
    assert set(found["traffic"]) == set(WORKLOADS)
    assert min(found["traffic"].values()) > 1e8


def test_an_accuracy_differs_by_more_than_the_noise_of_seeds():
    """As scikit-learn's would that learned nothing; its neighbour is within a standard deviation."""
    noise = (-0.002, 0.0, 0.001, 0.003)
    means = {"mtrain": 0.831, "keras_fit.accuracy": 0.830, "sklearn_mlp.partial_fit": 0.8}
    cells = [
        cell(peer, [1, 1, 1, 1], number) | {"accuracy": mean + noise[number]}
        for peer, mean in means.items()
        for number in range(4)
    ]
    results = Comparison(results_of(cells))

    assert not accuracy_differs(results, "W1", "mtrain")
    assert accuracy_differs(results, "W1", "sklearn_mlp.partial_fit")


def test_the_page_is_what_was_measured():
    """`python -m benchmarks page` writes it, nobody else does; mtrain learns what Keras does."""
    docs = ROOT / "docs"
    assert page(RESULTS, docs) == (docs / "benchmarks.md").read_text()
    compared = read_comparison(RESULTS)
    assert not any(accuracy_differs(compared, name, "mtrain") for name in compared.workloads)


def test_what_was_not_measured_is_left_out_of_the_page(tmp_path):
    """Of the results of one measurement alone, the page has its section alone."""
    results, docs = tmp_path / "results", tmp_path / "docs"
    results.mkdir()
    (results / "reading.json").write_text((RESULTS / "reading.json").read_text())

    text = page(results, docs)
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["A large table"]
    assert "(../results/reading.json)" in text


MEASURED = sorted({*RESULTS.glob("*.json")} - {RESULTS / "labels.json"})
"""All but the figures of docs/scripts/labels.py, which has a page and tables of its own."""


@pytest.mark.parametrize("path", MEASURED, ids=lambda path: path.name)
def test_a_results_file_has_what_its_table_shows(path):
    """Machine, commit, day and rows; each row has every key of the table."""
    found = json.loads(path.read_text())
    keys = TABLES[path.stem].keys if path.stem in TABLES else set(cell("mtrain", []))

    assert {"machine", "commit", "date", "rows"} <= set(found)
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", found["date"])
    assert found["rows"]
    assert all(keys <= set(row) for row in found["rows"])


def test_rows_are_printed_and_kept(tmp_path, capsys, monkeypatch):
    """The results file has more digits than the table."""
    monkeypatch.setattr(machine, "describe", lambda: {"cores": 2})
    rows = [{"name": "a", "seconds": 1.2345}, {"name": "b", "seconds": 10.0}]
    table = Table({"": "`{name}`", "epoch": "{seconds:.2f} s"})

    assert table.keys == {"name", "seconds"}
    assert record(table, iter(rows), tmp_path / "new" / "a.json", repeats=3) == rows
    assert (
        capsys.readouterr().out == "|  | epoch |\n|---|---|\n| `a` | 1.23 s |\n| `b` | 10.00 s |\n"
    )
    kept = read_record(tmp_path / "new" / "a.json")
    assert kept == Record({"cores": 2}, kept.commit, kept.date, 3, rows)


def test_every_measurement_that_help_lists_is_a_module():
    """One line each; every section of the page is among them."""
    command = [sys.executable, "-m", "benchmarks", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)

    listed = re.findall(r"^  ([a-z_]+)  +\w", done.stdout, re.MULTILINE)
    assert [name for name in listed if name != "options"] == list(MEASUREMENTS)
    assert all(find_spec(f"benchmarks.{name}") for name in MEASUREMENTS)
    assert set(TABLES) <= set(MEASUREMENTS)


def test_make_bench_runs_every_measurement_and_then_writes_the_page():
    """Parity is checked by `compare`."""
    recipe = (ROOT / "Makefile").read_text().split("\nbench:")[1].split("\n\n")[0]

    started = re.findall(r"\$\((?:BENCHMARKS|COMPARISON)\) (\w+)", recipe)
    assert sorted(started) == sorted(set(MEASUREMENTS) - {"parity"})
    assert started[-1] == "page"


def test_a_comparison_continues_only_on_the_same_machine(tmp_path, monkeypatch):
    """Complete results of another machine are measured anew; unfinished ones are kept."""
    path = tmp_path / "compare.json"
    monkeypatch.setattr(machine, "describe", lambda: {"cores": 2})
    fresh = compare.begun(path)
    assert fresh["rows"] == []

    path.write_text(json.dumps(fresh | {"rows": [1]}))
    assert compare.begun(path)["rows"] == [1]
    path.write_text(json.dumps(fresh | {"rows": [1], "machine": {"cores": 4}}))
    assert compare.begun(path) == fresh

    compare.unfinished(path).write_text(json.dumps(fresh | {"rows": [1, 2]}))
    assert compare.begun(path)["rows"] == [1, 2]
    compare.unfinished(path).write_text(json.dumps(fresh | {"machine": {"cores": 4}}))
    with pytest.raises(SystemExit, match=r"compare\.unfinished\.json: begun on another machine"):
        compare.begun(path)


def test_an_engine_that_counts_nothing_is_what_counting_is_compared_with(monkeypatch):
    """Of the two that take turns only one counts, at any number of classes."""
    counted = []
    tally = trainer.Trainer._tally
    monkeypatch.setattr(
        trainer.Trainer, "_tally", lambda self: counted.append(result := tally(self)) or result
    )
    monkeypatch.setattr("benchmarks.engine.ROWS", 640)
    nothing = metrics_cost.uncounted("W1", 2, classes=100)
    everything = metrics_cost.epoch_seconds(metrics_cost.WORKLOADS["W1"], 2, classes=100)
    next(nothing)
    assert counted[-1].confusion.shape == (1, 1)
    next(everything)
    assert counted[-1].confusion.shape == (100, 100)
    assert counted[-1].confusion.sum() == 640


def test_every_peer_trains_every_workload_that_it_can_in_each_round():
    """scikit-learn has no RMSprop; whole processes of W1 come last."""
    cells = list(compare.plan(list(WORKLOADS), rounds=5, whole=True))
    epochs = [cell for cell in cells if cell.epochs == 4]

    assert len(epochs) == 5 * (len(compare.PEERS) * len(WORKLOADS) - 1)
    assert cells[: len(epochs)] == epochs
    assert {cell.epochs for cell in cells[len(epochs) :]} == {1, 5, 20}
    assert len(set(cells)) == len(cells)


@pytest.mark.slow
@pytest.mark.parametrize("peer", ["mtrain", "keras_fit.accuracy", "sklearn_mlp.partial_fit"])
def test_a_process_is_measured_from_its_start_to_its_end(peer, fashion_folder):
    """Start-up, epochs and what follows fit into it; the network learns something."""
    found = Cell(0, "W2a-1200", peer, 2).measure(str(fashion_folder))

    assert len(found["seconds"]) == 2
    assert 0 < found["startup"] < found["startup"] + sum(found["seconds"]) < found["wall"]
    assert found["accuracy"] > 0.6
    assert 1e8 < found["peak_bytes"] < 1e10


@pytest.mark.slow
def test_engine_and_keras_train_the_same(fashion_folder):
    """Of those that take seconds; `make bench` checks all before anything is measured."""
    names = "W1,W3,W2a-1200"
    command = [sys.executable, "-m", "benchmarks", "parity", str(fashion_folder), names]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=ROOT)

    drifts = json.loads(done.stdout)
    assert list(drifts) == names.split(",")
    assert {found["graph"] for found in drifts.values()} == {0.0}
    assert max(found["xla, one step"] for found in drifts.values()) < 1e-5
