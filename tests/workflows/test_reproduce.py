from __future__ import annotations

import json
import os
import shutil
import signal
import stat
from pathlib import Path

import jsonschema
import pytest
from conftest import CONFIGS, ROOT
from reproduced import SCHEMA, differing, flip_a_weight, reproduced, take_evaluation, told
from stopped_runs import said as told_by
from stopped_runs import segments, stop_at
from strangers import change_json, content_of
from users_code import experiment

import mtrain
from mtrain.cli.main import run as command
from mtrain.errors import DivergedError
from mtrain.workflows.sweep_members import MembersTrainer


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """A run of digits that hardly learned, whose predictions are bad."""
    out = tmp_path_factory.mktemp("short") / "run"
    settings = ("training.epochs=1", "optimizer.learning_rate=1e-4", "--out", str(out), "--quiet")
    assert command(["fit", str(CONFIGS / "smoke.yaml"), *settings]) == 0
    return out


@pytest.fixture
def smoke(smoke_run, tmp_path):
    """A test's own copy of a run of digits."""
    return Path(shutil.copytree(smoke_run, tmp_path / "smoke"))


@pytest.fixture(scope="module")
def smoke_run(tmp_path_factory):
    out = tmp_path_factory.mktemp("smoke") / "run"
    assert command(["fit", str(CONFIGS / "smoke.yaml"), "--out", str(out), "--quiet"]) == 0
    return out


def test_a_run_of_digits_is_equal_to_the_last_bit(finished_run, tmp_path, capsys):
    """Every file, with every metric; the run itself is as it was, though nobody may write there."""
    before = content_of(finished_run)
    for folder in (finished_run, finished_run / "checkpoints"):
        folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        status, document = reproduced(capsys, finished_run, tmp_path / "again")
    finally:
        for folder in (finished_run, finished_run / "checkpoints"):
            folder.chmod(stat.S_IRWXU)

    assert (status, document["outcome"]) == (0, "equal")
    assert differing(document) == {}
    assert [file["file"] for file in document["results"]] == [
        *("checkpoints/best", "checkpoints/last", "history.json"),
        *("evaluation/test/metrics.json", "evaluation/test/predictions.npz"),
    ]
    assert all(file["compared"] > 3 for file in document["results"])
    assert document["runs"] == [str(finished_run), str(tmp_path / "again")]
    assert document["figures"] == []
    jsonschema.validate(document, SCHEMA)
    assert content_of(finished_run) == before
    assert not (tmp_path / "again" / "charts").exists()


def test_a_run_of_a_table_is_equal_wherever_its_data_are_now(tabular, tmp_path, capsys):
    """`dataset.path` and the like say where; its validation is compared if it was evaluated."""
    run = Path(shutil.copytree(tabular, tmp_path / "run"))
    assert command(["evaluate", str(run), "--split", "val"]) == 0
    for name in ("train.csv", "test.csv"):
        shutil.copy(tabular.parent / name, tmp_path)
    paths = [f"dataset.path={tmp_path}/train.csv", f"dataset.test_path={tmp_path}/test.csv"]
    status, document = reproduced(capsys, run, tmp_path / "again", *paths)

    assert (status, document["outcome"]) == (0, "equal")
    assert document["results"][-1]["file"] == "evaluation/val/predictions.npz"
    environment = json.loads((tmp_path / "again" / "environment.json").read_text())
    assert environment["data"]["source"] == f"{tmp_path}/train.csv"


def test_a_run_that_was_stopped_and_resumed_is_equal(run_to_resume, tmp_path, capsys):
    """Dropout, a schedule and early stopping included."""
    assert command(["resume", str(run_to_resume), "--quiet"]) == 0
    status, document = reproduced(capsys, run_to_resume, tmp_path / "again")

    assert (status, document["outcome"]) == (0, "equal")
    assert document["notes"] == []


def test_a_run_without_predictions_is_equal(tmp_path, capsys):
    """And without validation, so that there is no best checkpoint."""
    settings = ("evaluation.predictions=false", "dataset.validation=null", "training.epochs=1")
    out = tmp_path / "run"
    smoke = str(CONFIGS / "smoke.yaml")
    assert command(["fit", smoke, *settings, "--out", str(out), "--quiet"]) == 0
    status, document = reproduced(capsys, out, tmp_path / "again")

    assert (status, document["outcome"]) == (0, "equal")
    assert [file["file"] for file in document["results"]] == [
        *("checkpoints/last", "history.json", "evaluation/test/metrics.json")
    ]


def test_predictions_that_were_removed_are_no_difference(smoke, tmp_path, capsys):
    """The first line names the file; from Python as well."""
    (smoke / "evaluation" / "test" / "predictions.npz").unlink()
    capsys.readouterr()
    assert command(["reproduce", str(smoke), "--out", str(tmp_path / "again"), "--quiet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    again = mtrain.reproduce(smoke, out=tmp_path / "again", resume=True, progress=False)

    sentence = "Equal to the last bit, but evaluation/test/predictions.npz was not compared"
    assert lines[0] == sentence
    assert f"evaluation/test/predictions.npz: not compared; it was not kept in {smoke}" in lines
    assert (again.outcome, again.sentence) == ("equal", sentence)


def test_figures_that_are_the_same_need_no_predictions(smoke, tmp_path):
    """A weight differs."""
    flip_a_weight(smoke)
    (smoke / "evaluation" / "test" / "predictions.npz").unlink()
    again = mtrain.reproduce(smoke, out=tmp_path / "again", progress=False)

    assert (again.outcome, again.exit_status, again.comparison) == ("no difference shown", 0, None)
    assert again.sentence == (
        "It differs, but accuracy, macro F1, and recall and precision of each class are the same"
    )


def test_a_flipped_bit_of_a_weight_is_named_and_no_figure_is_shown_to_differ(
    smoke, tmp_path, capsys
):
    flip_a_weight(smoke)
    status, document = reproduced(capsys, smoke, tmp_path / "again")

    assert (status, document["outcome"]) == (0, "no difference shown")
    bias = ["model/output/bias"]
    assert differing(document) == {"checkpoints/best": bias, "checkpoints/last": bias}
    (difference,) = document["results"][0]["differences"]
    assert difference["values"] == 1
    assert 0 < difference["largest"] < 1e-7
    assert document["comparison"]["same"] == document["comparison"]["n"]
    jsonschema.validate(document, SCHEMA)


def test_a_changed_history_has_its_first_epoch(smoke, tmp_path, capsys):
    def change(history):
        history["history"]["val_loss"][1] += 0.25

    change_json(smoke / "history.json", change)
    status, document = reproduced(capsys, smoke, tmp_path / "again")

    assert status == 0
    assert differing(document) == {"history.json": ["history.val_loss"]}
    (difference,) = document["results"][2]["differences"]
    assert (difference["epoch"], difference["values"]) == (2, 1)
    assert difference["largest"] == pytest.approx(0.25)


def test_other_versions_and_another_machine_are_named(smoke, tmp_path, capsys):
    """What they did not change is equal all the same."""

    def change(environment):
        environment["versions"]["numpy"] = "1.26.4"
        environment["processor"] = "a pocket calculator"
        environment["flags"]["XLA_FLAGS"] = "--xla_cpu_use_thunk_runtime=false"

    change_json(smoke / "environment.json", change)
    status, document = reproduced(capsys, smoke, tmp_path / "again")

    assert (status, document["outcome"]) == (0, "equal")
    names = ["versions.numpy", "processor", "flags.XLA_FLAGS"]
    assert differing(document) == {"environment.json": names}
    assert document["environment"]["differences"][0]["first"] == "1.26.4"


def test_other_data_are_told_first(tabular, tmp_path, capsys):
    """One row less; then no seed is trained."""
    lines = (tabular.parent / "train.csv").read_text().splitlines(keepends=True)
    (tmp_path / "train.csv").write_text("".join(lines[:-1]))
    setting = f"dataset.path={tmp_path}/train.csv"
    arguments = ["--out", tmp_path / "again", "--seeds", "3", "--quiet"]
    capsys.readouterr()
    status = command(["reproduce", str(tabular), setting, *map(str, arguments)])
    lines = capsys.readouterr().out.splitlines()

    assert status == 1
    assert lines[0] == "The runs are of different data, and no spread of seeds explains that"
    assert any(line.startswith("  data.sha256: was ") for line in lines)
    assert not (tmp_path / "again-seeds").exists()


def test_predictions_that_differ_beyond_chance_are_a_difference(smoke, short, tmp_path, capsys):
    """By the paired comparison; the console says what would measure the seeds."""
    take_evaluation(smoke, short)
    capsys.readouterr()
    assert command(["reproduce", str(smoke), "--out", str(tmp_path / "again"), "--quiet"]) == 1
    lines = capsys.readouterr().out.splitlines()
    comparison = mtrain.compare(smoke, tmp_path / "again").averages.accuracy

    assert lines[0].startswith("It differs: of 22 figures, ")
    assert lines[0].endswith(" are shown to differ by the predictions of the same rows")
    (accuracy,) = [line.split() for line in lines if line.startswith("accuracy ")]
    shares = [f"{comparison.first:.3f}", f"{comparison.second:.3f}"]
    assert accuracy == ["accuracy", *shares, f"{comparison.difference:+.3f}", "better", "<0.001"]
    assert "How far runs of other seeds are apart is not known; --seeds 5 measures it" in lines


def test_other_seeds_measure_a_spread_beyond_which_it_differs(smoke, short, tmp_path, capsys):
    """The seeds are not the run's own, and their runs are beside the new one."""
    take_evaluation(smoke, short)
    status, document = reproduced(capsys, smoke, tmp_path / "again", "--seeds", "3")
    of_seeds = [
        json.loads(
            (tmp_path / "again-seeds" / f"seed-{k}/evaluation/test/metrics.json").read_text()
        )
        for k in (1, 2, 3)
    ]

    assert (status, document["outcome"]) == (1, "differs")
    assert document["seeds"] == [1, 2, 3]
    assert document["seeds_folder"] == str(tmp_path / "again-seeds")
    accuracy = document["figures"][0]
    values = [one["accuracy"] for one in of_seeds]
    mean = sum(values) / 3
    variance = sum((value - mean) ** 2 for value in values) / 2
    assert accuracy["spread"] == pytest.approx(variance**0.5)
    assert accuracy["limit"] == pytest.approx(4.302652729911275 * (2 * variance) ** 0.5)
    assert accuracy["within"] is (accuracy["difference"] <= accuracy["limit"])
    assert any(figure["is_shown"] for figure in document["figures"])
    jsonschema.validate(document, SCHEMA)


def test_a_small_difference_is_within_the_spread_of_seeds(smoke, tmp_path, capsys):
    """A flipped bit changes no figure; from Python."""
    flip_a_weight(smoke)
    reproduction = mtrain.reproduce(smoke, out=tmp_path / "again", seeds=3, progress=False)

    assert reproduction.outcome == "within the spread"
    assert reproduction.exit_status == 0
    assert repr(reproduction).endswith("recall and precision of each class are the same>")
    assert [figure.difference for figure in reproduction.figures] == [0.0] * 22


def test_custom_code_runs_only_if_it_is_allowed(folder, tmp_path, capsys):
    """The copy in the run is imported, not the file that has changed since."""
    config = experiment(folder, metrics="[accuracy, 'own:right']", model="'own:build'")
    assert command(["fit", str(config), "--out", str(tmp_path / "run"), "--quiet"]) == 0
    (folder / "own.py").write_text("raise SystemError")
    refused = told(capsys, tmp_path / "run", "--out", tmp_path / "again")
    is_made = (tmp_path / "again").exists()
    status, document = reproduced(capsys, tmp_path / "run", tmp_path / "again", "--allow-code")

    assert refused == (
        2,
        f"{tmp_path}/run: has custom code, own:build, own:right, which runs when it is imported; "
        "--allow-code allows that",
    )
    assert not is_made
    assert (status, document["outcome"]) == (0, "equal")


@pytest.mark.parametrize(
    ("overrides", "is_followed"), [([], False), (["tracking.tensorboard=true"], True)]
)
def test_trackers_of_the_run_are_not_told(smoke, overrides, is_followed, tmp_path, capsys):
    """Nothing goes to an address that nobody here has named; the result is equal all the same."""
    config = smoke / "config.yaml"
    text = config.read_text()
    assert "tensorboard: false" in text
    config.write_text(text.replace("tensorboard: false", "tensorboard: true"))

    status, document = reproduced(capsys, smoke, tmp_path / "again", *overrides)

    assert (status, document["outcome"]) == (0, "equal")
    assert (tmp_path / "again" / "tensorboard").exists() == is_followed


def test_a_run_resumed_with_differences_is_noted(run_to_resume, tmp_path, capsys):
    """Its config alone does not make it."""
    options = ("--allow-differences", "--quiet")
    status, error = told_by(capsys, "resume", run_to_resume, "model.dropout=0.1", *options)
    assert status == 0, error
    status, document = reproduced(capsys, run_to_resume, tmp_path / "again")

    (note,) = document["notes"]
    assert note.startswith("The run was resumed with differences after epoch 2: ")
    assert "model.dropout" in note
    assert document["outcome"] != "equal"


def test_without_a_folder_named_the_first_free_one_is_taken(smoke, tmp_path, monkeypatch, capsys):
    """`fit` takes the config of the new run as any other."""
    monkeypatch.chdir(tmp_path)
    names = []
    for _ in range(2):
        capsys.readouterr()
        assert command(["reproduce", "smoke", "--quiet"]) == 0
        names.append(capsys.readouterr().out.splitlines()[-1])
    config = Path("outputs/smoke-reproduced/config.yaml")

    assert names == [f"run: outputs/smoke-reproduced{number}" for number in ("", "-2")]
    assert command(["fit", str(config), "training.epochs=1", "--out", "new", "--quiet"]) == 0


def test_the_schema_in_the_docs_is_that_of_the_document():
    kept = ROOT / "docs" / "schemas" / "reproduction.schema.json"

    assert json.loads(kept.read_text()) == SCHEMA


def test_what_a_signal_stops_is_continued(smoke, tmp_path, monkeypatch, capsys):
    """The exit status is that of the signal; then the new run is trained on, and compared."""
    again = tmp_path / "again"
    stop_at(monkeypatch, 2, signal.SIGTERM)
    capsys.readouterr()
    status = command(["reproduce", str(smoke), "--out", str(again), "--quiet"])
    out = capsys.readouterr()

    assert (status, out.out) == (143, "")
    continued = f"with --out {again} --resume it is continued\n"
    assert out.err == f"stopped, saved, nothing compared; {continued}"
    status, document = reproduced(capsys, smoke, again, "--resume")
    assert (status, document["outcome"]) == (0, "equal")
    assert [segment["epochs"] for segment in segments(again)] == [[1, 1], [2, 3]]
    assert reproduced(capsys, smoke, again, "--resume")[1]["outcome"] == "equal"


def signal_seeds(monkeypatch, number):
    """Send this process a signal when the runs of other seeds begin."""
    original = MembersTrainer.train

    def train(self, *arguments):
        os.kill(os.getpid(), number)
        return original(self, *arguments)

    monkeypatch.setattr(MembersTrainer, "train", train)


def test_after_a_signal_among_the_seeds_the_predictions_judge(smoke, tmp_path, monkeypatch, capsys):
    """What was compared is printed, and the exit status is that of the signal."""
    flip_a_weight(smoke)
    monkeypatch.chdir(tmp_path)
    Path("outputs/smoke-reproduced").mkdir(parents=True)
    capsys.readouterr()
    with monkeypatch.context() as patched:
        signal_seeds(patched, signal.SIGTERM)
        status = command(["reproduce", "smoke", "--seeds", "3", "--quiet", "--json"])
    output = capsys.readouterr()
    document = json.loads(output.out)
    again = "outputs/smoke-reproduced-2"

    assert (status, document["outcome"], document["seeds"]) == (143, "no difference shown", [])
    assert document["comparison"]["same"] == document["comparison"]["n"]
    assert document["notes"] == [
        "The runs of other seeds were stopped by SIGTERM, so their spread is not known; --resume "
        "continues them"
    ]
    assert document["seeds_folder"] == f"{again}-seeds"
    assert output.err == (
        f"stopped, saved, seeds not compared; with --out {again} --resume it is continued\n"
    )
    status, document = reproduced(capsys, "smoke", again, "--resume", "--seeds", "3")
    assert (status, document["outcome"]) == (0, "within the spread")
    assert document["seeds_folder"] == f"{again}-seeds"
    assert not Path("outputs/smoke-reproduced-seeds").exists()


def test_a_signal_among_the_seeds_is_raised_in_python(smoke, tmp_path, monkeypatch):
    """As by `fit`."""
    flip_a_weight(smoke)
    signal_seeds(monkeypatch, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match=r"again: stopped and saved; mtrain.reproduce"):
        mtrain.reproduce(smoke, out=tmp_path / "again", seeds=3, progress=False)

    monkeypatch.undo()
    again = mtrain.reproduce(smoke, out=tmp_path / "again", resume=True, seeds=3, progress=False)
    assert again.outcome == "within the spread"
    assert len(again.seeds) == 3


def test_a_seed_that_fails_leaves_the_spread_unknown(smoke, tmp_path, monkeypatch, capsys):
    """Two runs are too few; the predictions judge instead."""
    flip_a_weight(smoke)
    original = MembersTrainer._fit

    def fit(self, member, *arguments):
        if member.seed == 2:
            raise DivergedError("the loss is nan")
        return original(self, member, *arguments)

    monkeypatch.setattr(MembersTrainer, "_fit", fit)
    status, document = reproduced(capsys, smoke, tmp_path / "again", "--seeds", "3")

    assert (status, document["outcome"], document["seeds"]) == (0, "no difference shown", [])
    assert document["notes"] == [
        "The run of seed 2 is diverged: the loss is nan",
        "The spread is not known: only 2 runs of other seeds finished",
    ]
