#!/bin/sh
# scikit-learn: temperature scaling of a sure classifier finds another temperature from its probabilities than
# from its outputs before the softmax.
#
# Version:   scikit-learn 1.9.1, CalibratedClassifierCV(method="temperature").
# Behaviour: a classifier with a decision_function is calibrated by these outputs, one with predict_proba by
#            log(p + 1e-12). The softmax loses only a number that is the same for all classes, so both should
#            have one temperature; but the sum cuts off every probability below 1e-12, which a sure network
#            gives to most classes.
# Seen:      3,000 rows of 5 classes whose outputs are 20 times as large as those that their labels were drawn
#            by: temperature 20.2 by the outputs, 10.8 by their probabilities (float64), with which the log loss of
#            the calibrated probabilities is 0.1 higher. Outputs 5 times as large: 4.92 and 4.89.
# Instead:   calibrate by the outputs; or by log p with probabilities cut off at the smallest number of their type.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check scikit-learn==1.9.1
cat > "$folder/program.py" <<'PY'
import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss


class Classifier(ClassifierMixin, BaseEstimator):
    def fit(self, outputs, labels):
        self.classes_ = np.unique(labels)
        return self

    def predict(self, outputs):
        return outputs.argmax(axis=1)


class ByOutputs(Classifier):
    def decision_function(self, outputs):
        return outputs


class ByProbabilities(Classifier):
    def predict_proba(self, outputs):
        return softmax(outputs, axis=1)


def calibrated(kind, outputs, labels):
    model = CalibratedClassifierCV(FrozenEstimator(kind().fit(outputs, labels)), method="temperature")
    model.fit(outputs, labels)
    temperature = 1 / model.calibrated_classifiers_[0].calibrators[0].beta_
    return float(temperature), log_loss(labels, model.predict_proba(outputs))


generator = np.random.default_rng(0)
found = {}
for factor in (5, 20):
    outputs = generator.normal(0, 2, (3000, 5))
    chances = softmax(outputs, axis=1).cumsum(axis=1)
    labels = (generator.random((3000, 1)) > chances).sum(axis=1).clip(0, 4)
    found[factor] = [calibrated(kind, factor * outputs, labels) for kind in (ByOutputs, ByProbabilities)]
    print(f"{factor} times as large: temperature and log loss by outputs, by probabilities", found[factor])
(by_outputs, loss), (by_probabilities, higher) = found[20]
assert 19 < by_outputs < 21 and by_probabilities < 12, "both have one temperature now"
assert higher > loss + 0.05
(by_outputs, _), (by_probabilities, _) = found[5]
assert abs(by_outputs - by_probabilities) < 0.1
PY
"$folder/env/bin/python" -W ignore "$folder/program.py"
