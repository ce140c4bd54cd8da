"""Judge an evaluation by rules that its model must meet."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from mtrain.config.experiment.gates import (
    BASELINE,
    conflicts_of_rules,
    parse_rule,
    unknown_classes,
    without_baseline,
)
from mtrain.config.loading.load import load_config
from mtrain.errors import MtrainError, Problem, UsageError
from mtrain.keywords import option
from mtrain.metrics.gates import judge, majority_pairs, rival_pairs
from mtrain.records.gate import Gate
from mtrain.records.rivals import RIVALS
from mtrain.report.ci import JUNIT_BEGINS, junit_xml
from mtrain.run.directory import RunDirectory
from mtrain.run.files import begins, check_replaced, write_bytes
from mtrain.run.predictions import read_predictions
from mtrain.run.saved_evaluation import align, read_saved_evaluation
from mtrain.run.sweep import RESULT
from mtrain.statistics.pairs import pair

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mtrain.config.experiment.gates import Rule
    from mtrain.records.evaluation import SavedEvaluation
    from mtrain.records.report import Report
    from mtrain.statistics.pairs import Pairs

Inconclusive = Literal["pass", "fail"]


def gate(
    run: Path,
    rules: Sequence[str] = (),
    *,
    baseline: Path | None = None,
    inconclusive: Inconclusive | None = None,
    junit: Path | None = None,
) -> Gate:
    """Judge the evaluation on the test split of a run, or the one in the folder `run`, by rules.

    Without `rules` those of the run's config. `baseline` is another run, evaluated on the same rows;
    None: always predicting the most frequent class. `inconclusive` is how a rule counts that is
    neither shown to hold nor not to. `junit` is an XML file for CI. Raises `UsageError` for rules
    that cannot be read or contradict each other, `MtrainError` for an evaluation that is missing,
    changed, or of other data than the run's where the run itself was named.
    """
    if inconclusive not in {None, "pass", "fail"}:
        raise UsageError(
            f"must be pass or fail, got {inconclusive!r}", where=option("inconclusive")
        )
    parsed = _parsed(rules)
    if junit is not None:
        check_replaced(junit, _holds_gate, "the result of a gate", option("junit"))
    saved = read_saved_evaluation(run, needs_predictions=baseline is not None)
    report, folder = saved.report, saved.folder
    parsed = parsed or _rules_of_config(run, folder)
    impossible = list(unknown_classes(parsed, saved.classes))
    if baseline is None:
        impossible += without_baseline(parsed)
    if impossible:
        raise UsageError(*(Problem(text, "gate") for _, text in impossible))
    if report.data is not None and not report.data.as_trained_on and folder != run:
        raise MtrainError(
            f"is an evaluation of other data, {report.data.source}",
            where=folder,
            remedy="name its folder in place of the run, if that is what is to be judged",
        )
    needs = [
        *("calibration_error needs" for rule in parsed if rule.figure == "calibration_error"),
        *(f"{rule.than} needs" for rule in parsed if rule.than in RIVALS),
        *(["its rows have groups, which need"] if report.groups is not None else []),
    ]
    if needs:
        if not len(saved.labels):
            raise MtrainError(f"{needs[0]} its predictions, which were not kept", where=folder)
        report = replace(report, predictions=read_predictions(report, folder)[0])
    pairs = None if baseline is None else _pairs(saved, baseline)
    judged = judge_report(report, parsed, str(run), pairs, baseline, inconclusive)
    if junit is not None:
        write_bytes(junit, junit_xml(judged))
    return judged


def judge_report(
    report: Report,
    rules: Sequence[Rule],
    run: str,
    pairs: Pairs | None = None,
    baseline: Path | None = None,
    inconclusive: Inconclusive | None = None,
) -> Gate:
    """All rules of one evaluation; `pairs` are its rows with the predictions of the run `baseline`.

    None: always predicting the most frequent class.
    """
    if pairs is None:
        pairs = majority_pairs(report)
    always = f"always '{report.classes[pairs.first[0]].name}'"
    return Gate(
        run=run,
        checkpoint=report.checkpoint,
        split=report.split,
        n=report.n,
        looks=report.looks,
        baseline=always if baseline is None else str(baseline),
        inconclusive=inconclusive,
        results=tuple(judge(report, rules, {BASELINE: pairs, **rival_pairs(report)})),
        groups=report.groups,
    )


def _holds_gate(path: Path) -> bool:
    return begins(path, JUNIT_BEGINS)


def _parsed(rules: Sequence[str]) -> list[Rule]:
    parsed, problems = [], []
    for text in rules:
        if not isinstance(text, str):
            raise UsageError(f"a rule is a text, got {text!r:.60}", where="gate")
        try:
            parsed.append(parse_rule(text))
        except ValueError as error:
            problems.append(f"{text.strip()}: {error}" if text.strip() else str(error))
    problems += [text for _, text in conflicts_of_rules(parsed)]
    if problems:
        raise UsageError(*(Problem(text, "gate") for text in problems))
    return parsed


def _rules_of_config(run: Path, folder: Path) -> list[Rule]:
    """The gates of the run's config; of a folder that is not in a run, none."""
    directory = RunDirectory(folder.absolute().parent.parent)
    rules: tuple[Rule, ...] = ()
    if folder.absolute().parent == directory.evaluations and directory.environment.is_file():
        rules = load_config(directory.config, {}).rules if directory.config.is_file() else ()
    if not rules:
        problem = f"there are no gates in the config of {run}"
        if (run / RESULT).is_file():
            problem = f"an evaluation of folds has no config: {run} needs a rule"
        raise UsageError(
            f"no rule is given, and {problem}",
            where="gate",
            remedy="one is FIGURE >= LIMIT, as in 'recall >= 0.8'",
        )
    return list(rules)


def _pairs(own: SavedEvaluation, baseline: Path) -> Pairs:
    """The rows with the predictions of the baseline run and of the run."""
    other = read_saved_evaluation(baseline, own.split)
    other = align(replace(other, name=f"{option('baseline')} {baseline}"), own)
    return pair(own.labels, other.predicted, own.predicted, len(own.classes), own.groups)
