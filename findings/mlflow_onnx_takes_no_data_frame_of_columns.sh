#!/bin/sh
# MLflow's ONNX flavor gives a data frame's columns to a model without the dimension that they need.
#
# Version:   mlflow 3.17.2, onnx 1.23.2, onnxruntime 1.32.0, pandas 3.1.1.
# Behaviour: A model with one input of shape (N, 1) for each column is what skl2onnx writes of a table.
#            Of a data frame, pyfunc hands over each column with shape (N,), and onnxruntime refuses it.
# Seen:      "Invalid rank for input: b Got: 1 Expected: 2".
# Instead:   give predict a dict of arrays of shape (N, 1), and the model a signature of tensors.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    mlflow==3.17.2 onnx==1.23.2 onnxruntime==1.32.0 pandas==3.1.1
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import sys

import mlflow
import numpy as np
import pandas as pd
from onnx import TensorProto, helper

FLOAT = TensorProto.FLOAT
columns = [helper.make_tensor_value_info(name, FLOAT, [None, 1]) for name in ("a", "b")]
both = helper.make_tensor_value_info("both", FLOAT, [None, 2])
node = helper.make_node("Concat", ["a", "b"], ["both"], axis=1)
graph = helper.make_graph([node], "columns", columns, [both])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
mlflow.onnx.save_model(model, "saved")
loaded = mlflow.pyfunc.load_model("saved")
frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}, dtype="float32")
try:
    loaded.predict(frame)
    refused = ""
except Exception as error:
    refused = str(error)
arrays = {name: frame[[name]].to_numpy() for name in frame}
both = loaded.predict(arrays)["both"].tolist()
print(refused, both)
sys.exit(not ("Got: 1 Expected: 2" in refused and both == [[1, 3], [2, 4]]))
PY
