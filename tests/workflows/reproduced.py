"""Runs that were changed by hand, as a machine or a stranger may have made them, and what mtrain answers."""

from __future__ import annotations

import json
import shutil

import numpy as np
from strangers import change_json, sign

from mtrain.cli.main import run as command
from mtrain.run.arrays import write_arrays
from mtrain.run.json_schemas import file_schemas

SCHEMA = file_schemas()["reproduction.json"]


def reproduced(capsys, run, out, *arguments):
    """Exit status, and the document that `reproduce --json` prints."""
    capsys.readouterr()
    status = command(
        ["reproduce", str(run), *map(str, arguments), "--out", str(out), "--quiet", "--json"]
    )
    output = capsys.readouterr()
    assert output.err == ""
    return status, json.loads(output.out)


def told(capsys, *arguments):
    """Exit status, and what stderr says, of a command that prints nothing else."""
    capsys.readouterr()
    status = command(["reproduce", *map(str, arguments)])
    output = capsys.readouterr()
    assert output.out == ""
    return status, output.err.removeprefix("mtrain: ").removesuffix("\n")


def differing(document):
    """The names that differ, by file."""
    files = [document["environment"], *document["results"]]
    return {
        file["file"]: [one["name"] for one in file["differences"]]
        for file in files
        if file["differences"]
    }


def flip_a_weight(run):
    """The last bit of one weight of the last checkpoint, which has the right hashes afterwards."""
    checkpoint = run / "checkpoints" / (run / "checkpoints" / "last").read_text().strip()
    with np.load(checkpoint / "arrays.npz") as file:
        arrays = dict(file)
    bits = arrays["model/output/bias"].view(np.uint32)
    bits[0] ^= 1
    write_arrays(checkpoint / "arrays.npz", arrays)
    sign(checkpoint)


def take_evaluation(run, other):
    """The evaluation on test of another run, as if it were this run's."""
    folder, checkpoint = run / "evaluation" / "test", ""

    def change(metrics):
        metrics["checkpoint"] = checkpoint

    checkpoint = json.loads((folder / "metrics.json").read_text())["checkpoint"]
    shutil.rmtree(folder)
    shutil.copytree(other / "evaluation" / "test", folder)
    change_json(folder / "metrics.json", change)
