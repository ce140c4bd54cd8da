#!/bin/sh
# onnxruntime's Shrink makes 0 of NaN, so that a missing value leaves no trace in a network's outputs.
#
# Version:   onnx 1.23.2, onnxruntime 1.32.0, numpy 2.4.6.
# Behaviour: ONNX says that Shrink is x + bias below -lambd, x - bias above lambd, and 0 otherwise. Neither
#            comparison holds for NaN, so it is "otherwise": a row with a missing number gets probabilities
#            that look like any others. Relu, Clip and Tanh hand NaN on.
# Seen:      Relu, Clip and Tanh: [nan]; Shrink: [0.].
# Instead:   look for NaN among the inputs, not among the outputs.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/env/bin/python" - <<'PY'
import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

FLOAT = TensorProto.FLOAT
x, y = (helper.make_tensor_value_info(name, FLOAT, [1]) for name in "xy")


def of_nan(operator, **attributes):
    node = helper.make_node(operator, ["x"], ["y"], **attributes)
    graph = helper.make_graph([node], operator, [x], [y])
    opset = [helper.make_opsetid("", 13)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=7)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (values,) = session.run(None, {"x": np.array([np.nan], np.float32)})
    return values


others = [of_nan(operator) for operator in ("Relu", "Clip", "Tanh")]
shrunk = of_nan("Shrink", lambd=0.5)
print(*others, shrunk)
sys.exit(not (np.isnan(others).all() and shrunk.tolist() == [0.0]))
PY
