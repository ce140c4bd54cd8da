from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve

from mtrain.metrics.calibration import calibration_report
from mtrain.metrics.report import make_report
from mtrain.records.training import Predictions
from mtrain.report.remarks import temperature_lines


def predictions_of(second, labels):
    """Two classes; the probability of the second, and the true class."""
    second = np.asarray(second, np.float32)
    probabilities = np.stack([1 - second, second], axis=1)
    return Predictions(np.asarray(labels), (second > 0.5).astype(int), probabilities, 0.0)


def report_of(predictions, temperature=None, split="test"):
    return make_report(
        predictions,
        ("no", "yes"),
        split=split,
        checkpoint="epoch-0001",
        calibration=calibration_report(predictions, temperature),
    )


def test_bins_are_those_of_scikit_learn():
    """Its quantiles and ours, of rows whose predicted class is always the second."""
    generator = np.random.default_rng(0)
    second = generator.uniform(0.5001, 1, 3000)
    labels = (generator.random(3000) < second**2).astype(int)

    found = report_of(predictions_of(second, labels)).calibration
    right, probability = calibration_curve(labels, second, n_bins=15, strategy="quantile")

    np.testing.assert_allclose([one.right for one in found.bins], right, atol=1e-9)
    np.testing.assert_allclose([one.probability for one in found.bins], probability, atol=1e-6)
    assert [one.rows for one in found.bins] == [200] * 15
    first = found.bins[0]
    exact = binomtest(round(200 * first.right), 200).proportion_ci(method="exact")
    assert first.right_ci == pytest.approx((exact.low, exact.high))


def test_the_error_is_the_difference_of_one_bin():
    """Ten rows of 0.9, six of them right: 0.3² less the variance of six of ten, 0.24 / 9."""
    report = report_of(predictions_of([0.9] * 10, [1] * 6 + [0] * 4))

    assert report.calibration.error == pytest.approx((0.3**2 - 0.24 / 9) ** 0.5, abs=1e-6)
    assert report.calibration.probability == pytest.approx(0.9)
    assert report.classes[1].calibration_error == pytest.approx(report.calibration.error)
    assert report.classes[0].calibration_error is None  # never predicted


def test_a_class_has_the_error_of_the_rows_predicted_as_it():
    """Half of the rows are sure and wrong one time in two, the others right as often as they say."""
    yes = predictions_of([0.95] * 200, [1, 0] * 100)
    no = predictions_of([0.1] * 200, [0] * 180 + [1] * 20)
    both = Predictions(
        *(
            np.concatenate([getattr(one, name) for one in (yes, no)])
            for name in ("labels", "predicted", "probabilities")
        ),
        0.0,
    )

    report = report_of(both)

    assert report.classes[1].calibration_error == pytest.approx(0.45, abs=0.02)
    assert report.classes[0].calibration_error == 0
    kinds = [finding.kind for finding in report.findings]
    assert "miscalibrated" in kinds


@pytest.mark.parametrize(("shift", "how"), [(0.15, "too high"), (-0.15, "too low")])
def test_probabilities_that_are_shown_to_be_wrong_are_named(shift, how):
    generator = np.random.default_rng(0)
    truth = generator.uniform(0.7, 0.84, 4000)
    labels = (generator.random(4000) < truth).astype(int)

    findings = report_of(predictions_of(truth + shift, labels)).findings
    calibrated = report_of(predictions_of(truth, labels)).findings

    (text,) = (one.text for one in findings if one.kind == "miscalibrated")
    assert text.startswith(f"Probabilities are {how}: ")
    assert "miscalibrated" not in [one.kind for one in calibrated]


def test_rows_in_groups_make_the_interval_wider():
    generator = np.random.default_rng(0)
    second = np.repeat(generator.uniform(0.6, 1, 60), 20)
    labels = np.repeat((generator.random(60) < 0.8).astype(int), 20)
    rows = predictions_of(second, labels)

    alone = report_of(rows).calibration.error_ci
    grouped = report_of(replace(rows, groups=np.repeat(np.arange(60), 20))).calibration.error_ci

    assert grouped[1] - grouped[0] > alone[1] - alone[0]


def test_what_a_temperature_does_to_the_log_loss_is_said():
    labels = np.repeat([1, 0], [90, 10])
    harmed = report_of(predictions_of([0.6] * 100, labels), temperature=2.0)
    helped = report_of(predictions_of([0.9] * 100, labels), temperature=2.0)

    assert harmed.calibration.log_loss_without < harmed.log_loss
    assert helped.calibration.log_loss_without > helped.log_loss
    (line,) = temperature_lines(harmed)
    without = f"{harmed.calibration.log_loss_without:.4f}"
    assert line.endswith(f"on the test split log loss {harmed.log_loss:.4f}, without it {without}")


@pytest.mark.parametrize(
    ("split", "temperature", "is_said"),
    [("val", 2.0, True), ("val", 1.0, False), ("test", 2.0, False)],
)
def test_probabilities_of_the_rows_that_chose_the_temperature_look_better(
    split, temperature, is_said
):
    report = report_of(predictions_of([0.9] * 100, np.repeat([1, 0], [90, 10])), temperature, split)

    assert ("temperature-selected" in [one.kind for one in report.findings]) == is_said
