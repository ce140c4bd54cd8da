from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import junitparser
import numpy as np
import pytest
from command_line import said
from conftest import ROOT
from jsonschema import Draft202012Validator
from scipy.stats import binomtest
from written_evaluations import written_run

import mtrain
from mtrain.cli.main import run as command
from mtrain.report.ci import LARGEST_SUMMARY, github_annotation, github_summary

TRUTH = np.repeat([0, 1, 2], 100)


def found(*hits):
    """Predictions that find so many of each class of 100 rows; the others are called the next."""
    return np.concatenate(
        [np.where(np.arange(100) < n, k, (k + 1) % 3) for k, n in enumerate(hits)]
    )


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run that finds 90, 60 and 95 of 100 rows of three classes; the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    return written_run("run", TRUTH, found(90, 60, 95))


def outcomes(*rules, **options):
    return [result.outcome for result in mtrain.gate("run", *rules, **options).results]


@pytest.mark.usefixtures("run")
def test_a_rule_passes_where_it_is_shown_and_fails_where_its_contrary_is():
    """90 of 100 against 0.8, 0.97 and 0.88; by SciPy's test, alone."""
    assert outcomes("recall[a] >= 0.8") == ["passed"]
    assert outcomes("recall[a] >= 0.97") == ["failed"]
    assert outcomes("recall[a] >= 0.88") == ["inconclusive"]
    assert outcomes("recall[a] <= 0.8") == ["failed"]
    (result,) = mtrain.gate("run", "recall[a] >= 0.8").results
    assert result.value == 0.9
    assert result.reason == "90 of 100 found"
    assert result.p_pass == pytest.approx(binomtest(90, 100, 0.8, alternative="greater").pvalue)
    assert result.p_fail == pytest.approx(binomtest(90, 100, 0.8, alternative="less").pvalue)


@pytest.mark.usefixtures("run")
def test_a_rule_about_every_class_fails_by_one_and_passes_by_all():
    """The class that decides is named; `worst` is the same rule."""
    (failed,) = mtrain.gate("run", "recall >= 0.8").results
    (passed,) = mtrain.gate("run", "recall >= 0.45").results

    assert (failed.outcome, failed.class_name, failed.value) == ("failed", "b", 0.6)
    assert failed.p_fail == pytest.approx(3 * binomtest(60, 100, 0.8, alternative="less").pvalue)
    assert (passed.outcome, passed.class_name) == ("passed", "b")
    assert passed.p_pass == pytest.approx(binomtest(60, 100, 0.45, alternative="greater").pvalue)
    (worst,) = mtrain.gate("run", "worst(recall) >= 0.8").results
    assert (worst.outcome, worst.p_fail) == (failed.outcome, failed.p_fail)


@pytest.mark.usefixtures("run")
def test_p_values_are_adjusted_for_all_rules():
    """By Holm: of two rules the clearer one counts double."""
    first, second = mtrain.gate("run", "recall[a] >= 0.8", "recall[c] >= 0.9").results
    alone = mtrain.gate("run", "recall[a] >= 0.8").results[0]

    assert first.p_pass == pytest.approx(2 * alone.p_pass)
    assert second.p_pass == pytest.approx(binomtest(95, 100, 0.9, alternative="greater").pvalue)


@pytest.mark.usefixtures("run")
def test_an_inconclusive_rule_says_how_many_rows_would_decide():
    """Of the whole split: 0.9 of a third of it, to be shown above 0.85."""
    (result,) = mtrain.gate("run", "recall[a] >= 0.85").results
    at_limit = mtrain.gate("run", "recall[a] >= 0.9").results[0]

    assert result.outcome == "inconclusive"
    # (1.645 sqrt(0.85 0.15) + 0.842 sqrt(0.9 0.1))^2 / 0.05^2 = 282.1 of the class
    assert result.rows_needed == 3 * 283
    assert (at_limit.outcome, at_limit.rows_needed) == ("inconclusive", None)


@pytest.mark.usefixtures("run")
def test_every_figure_of_a_rule_is_judged():
    """F1, macro averages, accuracy and calibration: all predictions are certain, 0.817 right."""
    rules = ["f1[c] >= 0.6", "f1_macro >= 0.7", "recall_macro >= 0.7", "accuracy >= 0.7"]
    assert outcomes(*rules, "precision_macro >= 0.7", "calibration_error <= 0.05") == [
        *["passed"] * 5,
        "failed",
    ]


@pytest.mark.usefixtures("run")
def test_the_baseline_is_the_most_frequent_class_or_another_run():
    """Compared row by row: a run that is a little better on 300 rows is not shown to be."""
    written_run("other", TRUTH, found(91, 61, 95))
    always = mtrain.gate("run", "accuracy >= baseline + 0.3")
    run = mtrain.gate(
        "run",
        *("accuracy >= baseline - 0.05", "accuracy >= baseline"),
        *("recall >= baseline - 0.1", "f1_macro >= baseline - 0.05"),
        baseline="other",
    )

    assert always.baseline == "always 'a'"
    assert always.results[0].outcome == "passed"
    assert always.results[0].limit == pytest.approx(1 / 3 + 0.3)
    assert run.baseline == "other"
    assert [result.outcome for result in run.results] == [
        "passed",
        "inconclusive",
        "passed",
        "passed",
    ]
    written_run("worse", TRUTH, found(90, 30, 95))
    assert outcomes("recall <= baseline + 0.1", baseline="worse") == ["failed"]


@pytest.mark.usefixtures("run")
def test_exit_statuses_are_those_of_a_shell_script(tmp_path):
    """0 passed, 3 failed, 5 inconclusive, 2 a mistake, 1 no evaluation; what -e stops at."""
    script = tmp_path / "job.sh"
    script.write_text(
        "set -u\n"
        "mtrain gate run 'recall >= 0.4' >/dev/null; echo $?\n"
        "mtrain gate run 'recall >= 0.9' >/dev/null; echo $?\n"
        "mtrain gate run 'recall[a] >= 0.88' >/dev/null; echo $?\n"
        "mtrain gate run 'recall[a] >= 0.88' --inconclusive pass >/dev/null; echo $?\n"
        "mtrain gate run 'recall[a] >= 0.88' --inconclusive fail >/dev/null; echo $?\n"
        "mtrain gate run 'recall[d] >= 0.88' 2>/dev/null; echo $?\n"
        "mtrain gate nowhere 'recall >= 0.88' 2>/dev/null; echo $?\n"
        "mtrain gate run 'recall >= 0.4' && mtrain gate run 'recall >= 0.9' && echo never\n"
    )
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["sh", str(script)],
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.split("\n")[:7] == ["0", "3", "5", "0", "3", "2", "1"]
    assert done.returncode == 3


def test_rules_of_the_config_are_taken_where_none_is_given(tmp_path, capsys):
    """Of the run itself, and of a folder in it."""
    path = written_run(tmp_path / "run", TRUTH, found(90, 60, 95), gates=["recall >= 0.5"])

    assert [r.rule for r in mtrain.gate(path).results] == ["recall >= 0.5"]
    assert [r.rule for r in mtrain.gate(path / "evaluation/test").results] == ["recall >= 0.5"]
    assert [r.rule for r in mtrain.gate(path, "f1 >= 0.5").results] == ["f1 >= 0.5"]
    bare = written_run(tmp_path / "bare", TRUTH, found(90, 60, 95))
    assert said(capsys, "gate", bare) == (
        2,
        f"gate: no rule is given, and there are no gates in the config of {bare}; one is FIGURE >= "
        "LIMIT, as in 'recall >= 0.8'",
    )
    # A folder that is not in a run has no config, whatever stands two folders above it.
    shutil.copytree(path / "evaluation/test", path / "kept/elsewhere")
    assert said(capsys, "gate", path / "kept/elsewhere")[0] == 2


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    ("arguments", "status", "problem"),
    [
        (["recal >= 0.8"], 2, "gate: recal >= 0.8: unknown figure 'recal'; did you mean 'recall'?"),
        (
            ["recall >= 0.8", "recall[a] <= 0.5"],
            2,
            "gate: recall[a] <= 0.5 contradicts recall >= 0.8",
        ),
        (
            ["recall[A] >= 0.8"],
            2,
            "gate: recall[A] >= 0.8: unknown class 'A'; did you mean 'a'?",
        ),
        (
            ["accuracy >= baseline", "--baseline", "run"],
            1,
            "--baseline run: is compared with itself",
        ),
        (
            ["accuracy >= baseline", "--baseline", "no"],
            1,
            "no: no such run; `mtrain fit` makes one",
        ),
        (
            ["recall >= 0.8", "--junit", "config.txt"],
            2,
            "--junit: config.txt exists and does not hold the result of a gate; name another file",
        ),
        (
            ["recall >= 0.8", "--junit", "no/gate.xml"],
            1,
            "no/gate.xml: cannot be written: No such file or directory",
        ),
    ],
)
def test_mistakes_are_one_line_each(arguments, status, problem, capsys):
    """And nothing is overwritten."""
    Path("config.txt").write_text("mine")

    assert said(capsys, "gate", "run", *arguments) == (status, problem)
    assert Path("config.txt").read_text() == "mine"


def test_an_evaluation_of_other_data_is_judged_only_if_its_folder_is_named(tmp_path, capsys):
    path = written_run(tmp_path / "run", TRUTH, found(90, 60, 95), as_trained_on=False)
    folder = path / "evaluation" / "test"
    status, text = said(capsys, "gate", path, "recall >= 0.5")

    assert status == 1
    assert text == (
        f"{folder}: is an evaluation of other data, rows.csv; name its folder in place of the run, "
        "if that is what is to be judged"
    )
    assert mtrain.gate(folder, "recall >= 0.3").outcome == "passed"


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("figure", ["accuracy", "recall", "f1", "recall_macro", "f1_macro"])
def test_always_predicting_one_class_is_a_baseline_of_every_figure_that_it_has(figure, capsys):
    """Of precision it has none, but for one class: refused, on the command line and in a config."""
    (result,) = mtrain.gate("run", f"{figure} >= baseline - 0.1").results
    assert None not in (result.value, result.limit)
    problem = (
        "always predicting one class has no precision of the others; the baseline must be a run"
    )
    assert said(capsys, "gate", "run", "precision >= baseline") == (
        2,
        f"gate: precision >= baseline: {problem}",
    )
    written_run("other", TRUTH, found(91, 61, 95))
    assert outcomes("precision >= baseline - 0.2", baseline="other") == ["passed"]


@pytest.mark.usefixtures("run")
def test_a_difference_at_the_limit_names_no_number_of_rows():
    """0.9 - 0.6 is not 0.3 in floating point."""
    written_run("other", TRUTH, found(60, 60, 60))
    (result,) = mtrain.gate("run", "recall[a] >= baseline + 0.3", baseline="other").results

    assert (result.outcome, result.rows_needed) == ("inconclusive", None)


@pytest.mark.usefixtures("run")
def test_an_average_that_leaves_a_present_class_out_is_inconclusive(tmp_path):
    """Its macro precision would rise."""
    path = written_run(tmp_path / "other", TRUTH, np.where(TRUTH == 2, 0, TRUTH))
    (result,) = mtrain.gate(path, "precision_macro >= 0.5").results

    assert (result.outcome, result.value) == ("inconclusive", None)
    assert result.reason == "c is never predicted, so the average would leave it out"
    (against,) = mtrain.gate(path, "precision_macro >= baseline - 0.5", baseline="run").results
    assert (against.outcome, against.reason) == (
        "inconclusive",
        "one of the two never predicts a class",
    )


@pytest.mark.usefixtures("run")
def test_an_evaluation_changed_by_hand_is_refused(run, capsys):
    """Whatever the rule needs: counts against predictions, looks that never were, another split."""
    folder = run / "evaluation/test"
    metrics = (folder / "metrics.json").read_text()
    for before, after, problem in (
        ('"looks": 1', '"looks": 0', "looks"),
        ('"split": "test"', '"split": "val"', "its split is 'val'"),
    ):
        (folder / "metrics.json").write_text(metrics.replace(before, after, 1))
        status, text = said(capsys, "gate", "run", "accuracy >= 0.5")
        assert status == 1
        assert problem in text
    # What is not counted anew is not shown either.
    changed = re.sub(r'("macro avg": {[^}]*?"f1-score": )[0-9.]+', r"\g<1>0.123", metrics)
    assert changed != metrics
    (folder / "metrics.json").write_text(changed)
    assert mtrain.gate("run", "f1_macro >= 0.5").results[0].value > 0.7
    (folder / "metrics.json").write_text(metrics)
    other = written_run("other", TRUTH, found(91, 61, 95))
    shutil.copy(other / "evaluation/test/predictions.npz", folder)
    for rule in ("accuracy >= 0.5", "calibration_error <= 0.5"):
        status, text = said(capsys, "gate", "run", rule)
        assert (status, "was changed since it was made" in text) == (1, True)


@pytest.mark.usefixtures("run")
def test_a_summary_that_cannot_be_written_leaves_the_status(monkeypatch, capsys):
    """The gate matters more."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "no/summary.md")
    status, text = said(capsys, "gate", "run", "recall >= 0.9")

    assert status == 3
    assert text.startswith("GITHUB_STEP_SUMMARY: no/summary.md: cannot be written")


def test_figures_that_are_undefined_are_inconclusive(tmp_path):
    """A class without rows, one never predicted; one row; and no number of rows is named."""
    path = written_run(tmp_path / "run", [0, 0, 1, 1], [0, 0, 0, 0])
    gate = mtrain.gate(path, "recall >= 0.5", "precision[b] >= 0.5", "f1[c] >= 0.5")

    assert gate.outcome == "inconclusive"
    assert [result.value for result in gate.results] == [0.0, None, None]
    assert [(r.class_name, r.reason) for r in gate.results] == [
        ("b", "0 of 2 found"),
        ("b", "never predicted"),
        ("c", "no row of this class"),
    ]
    alone = written_run(tmp_path / "alone", [0], [0])
    assert mtrain.gate(alone, "accuracy >= 0.5").outcome == "inconclusive"


@pytest.mark.usefixtures("run")
def test_looks_at_the_split_that_chose_the_checkpoint_are_paid_for(tmp_path, capsys):
    """Twenty epochs: twenty times the p-value."""
    once = written_run(tmp_path / "once", TRUTH, found(90, 60, 95))
    often = written_run(tmp_path / "often", TRUTH, found(90, 60, 95), selected=True, looks=20)
    first, second = (mtrain.gate(path, "recall[a] >= 0.8").results[0] for path in (once, often))

    assert second.p_pass == pytest.approx(20 * first.p_pass)
    assert command(["gate", str(often), "recall[a] >= 0.8"]) == 5
    assert (
        "chosen on this split; the p-values allow for the choice among 20"
        in capsys.readouterr().out
    )


@pytest.mark.usefixtures("run")
def test_the_document_is_as_its_schema_says(capsys):
    schema = json.loads((ROOT / "docs" / "schemas" / "gate.schema.json").read_text())
    assert command(["gate", "run", "recall >= 0.8", "accuracy >= 0.5", "--json"]) == 3
    content = json.loads(capsys.readouterr().out)

    assert [e.message for e in Draft202012Validator(schema).iter_errors(content)] == []
    assert content["outcome"] == "failed"


@pytest.mark.usefixtures("run")
def test_a_junit_parser_reads_the_file(capsys):
    """A test case a rule; inconclusive is skipped, and an error where it fails; names are inert."""
    rules = ["recall >= 0.8", "recall[a] >= 0.88", "accuracy >= 0.5"]
    assert command(["gate", "run", *rules, "--junit", "gate.xml"]) == 3
    suites = list(junitparser.JUnitXml.fromfile("gate.xml"))
    cases = [case for suite in suites for case in suite]

    assert [case.name for case in cases] == rules
    assert {case.classname for case in cases} == {"run"}
    kinds = [[type(result).__name__ for result in case.result] for case in cases]
    assert kinds == [["Failure"], ["Skipped"], []]
    assert cases[0].result[0].message == "b: 0.600, 60 of 100 found"
    values = {each.name: each.value for each in suites[0].properties()}
    assert (values["value"], values["limit"], values["outcome"]) == ("0.6", "0.8", "failed")
    assert command(["gate", "run", *rules, "--junit", "gate.xml", "--inconclusive", "fail"]) == 3
    (case,) = list(junitparser.JUnitXml.fromfile("gate.xml"))[1]
    assert type(case.result[0]).__name__ == "Error"
    assert "\n? inconclusive: recall[a] >= 0.88: a: 0.900" in capsys.readouterr().out


@pytest.mark.usefixtures("run")
def test_github_gets_a_table_and_one_annotation(monkeypatch, tmp_path, capsys):
    """The worst first; what a table would take for its own is escaped."""
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert command(["gate", "run", "accuracy >= 0.5", "recall >= 0.8"]) == 3
    out = capsys.readouterr().out
    assert command(["gate", "run", "accuracy >= 0.5", "--json"]) == 0
    json.loads(capsys.readouterr().out)

    lines = summary.read_text().splitlines()
    assert lines[0] == "### ✗ mtrain gate failed: 1 failed, 1 passed of 2 rules"
    assert lines[6].startswith("| recall &#62;= 0.8 | ✗ failed | 0.600 | 0.8 | b: 0.600, 60 of 100")
    assert out.splitlines()[-1] == (
        "::error title=mtrain gate::gate failed: 1 failed, 1 passed of 2 rules; recall >= 0.8: b: "
        "0.600, 60 of 100 found"
    )
    assert out.count("::") == 2
    assert lines.count("### ✓ mtrain gate passed: 1 passed of 1 rule") == 1


def test_a_large_summary_is_cut_with_a_word(tmp_path):
    """GitHub refuses a file of more than 1 MiB; 10,000 rules of long names are 2 MB."""
    names = tuple(f"{'long ' * 20}{k} | <b>" for k in range(3))
    path = written_run(tmp_path / "run", TRUTH, found(90, 60, 95), names)
    gate = mtrain.gate(path, *(f"recall[{names[0]}] >= 0.{k:06}" for k in range(1, 10_000)))
    summary = github_summary(gate)

    assert len(summary.encode()) <= LARGEST_SUMMARY + 100
    assert summary.splitlines()[-1].startswith("and ")
    assert "<b>" not in summary
    assert github_annotation(gate) is None


@pytest.mark.parametrize("rule", ["recall[a] >= 0.8", "f1[a] >= 0.8", "accuracy >= 0.8"])
def test_a_model_at_its_limit_fails_in_one_case_of_twenty(rule):
    """A rule about the point fails it half the time."""
    from mtrain.config.experiment.gates import parse_rule
    from mtrain.metrics.gates import judge, majority_pairs
    from mtrain.metrics.report import make_report
    from mtrain.records.training import Predictions

    generator, repetitions = np.random.default_rng(0), 300
    truth = np.repeat([0, 1], 200)
    # An F1 of 0.8 is a share of 2/3 of the rows that are true or predicted.
    share = 0.8
    gates, points = [], []
    for _ in range(repetitions):
        predicted = np.where(generator.random(400) < share, truth, 1 - truth)
        probabilities = np.eye(2, dtype=np.float32)[predicted]
        report = make_report(
            Predictions(truth, predicted, probabilities, 0.1),
            ("a", "b"),
            split="test",
            checkpoint="x",
        )
        (result,) = judge(report, [parse_rule(rule)], {"baseline": majority_pairs(report)})
        gates.append(result.outcome == "failed")
        points.append(result.value < 0.8)

    assert np.mean(gates) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / repetitions)
    assert 0.35 < np.mean(points) < 0.65


def test_fit_ends_by_the_gates_of_its_config(tmp_path, capsys):
    """Its exit status says so, its document and its `Run` too; resume of a finished run as well."""
    out = tmp_path / "run"
    arguments = [str(ROOT / "configs/digits.yaml"), "training.epochs=1", "--out", str(out)]
    gates = "gates=['recall >= 0.8', 'accuracy >= baseline']"

    assert command(["fit", *arguments, gates, "--quiet", "--json"]) == 3
    document = json.loads(capsys.readouterr().out)
    assert [r["outcome"] for r in document["gate"]["results"]] == ["failed", "passed"]
    assert command(["resume", str(out), "--quiet"]) == 3
    assert "gate failed: 1 failed, 1 passed of 2 rules" in capsys.readouterr().out
    assert mtrain.resume(out).gate.outcome == "failed"
    assert command(["gate", str(out)]) == 3
