"""What an exported model says of itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mtrain.errors import MtrainError
from mtrain.run.checkpoint import checkpoint_sha256
from mtrain.run.environment import package_version
from mtrain.run.metrics import read_report

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mtrain.run.checkpoint import Checkpoint
    from mtrain.run.find_checkpoint import CheckpointPlace


FACTS = "mtrain.json"
"""The file of the metadata in a SavedModel, in its folder `assets.extra`, and in a `.keras` file."""


CHECKPOINT, CHECKPOINT_SHA256 = "mtrain.checkpoint", "mtrain.checkpoint_sha256"
"""Metadata by which a model is known to be of a checkpoint."""


def facts_as_json(facts: Mapping[str, str]) -> str:
    """Metadata as one document: texts are as they are, JSON among them as text."""
    return json.dumps(dict(facts), indent=2) + "\n"


def facts_of(saved: Checkpoint, place: CheckpointPlace) -> dict[str, str]:
    """Metadata by name, each a text or JSON: the run, its versions, and the figures of its test."""
    versions = {
        key.removeprefix("versions."): value
        for key, value in saved.identity.items()
        if key.startswith("versions.")
    }
    facts = {
        "mtrain.version": str(package_version("mtrain")),
        "mtrain.run": place.run.path.absolute().name,
        CHECKPOINT: place.path.name,
        CHECKPOINT_SHA256: checkpoint_sha256(place.path),
        "mtrain.classes": json.dumps(saved.classes),
        "mtrain.data_sha256": str(saved.identity.get("data.sha256")),
        "mtrain.versions": json.dumps(versions),
    }
    if (figures := _figures(place)) is not None:
        facts["mtrain.test"] = json.dumps(figures)
    return facts


def _figures(place: CheckpointPlace) -> dict[str, Any] | None:
    """Of the run's own evaluation on test, if it is of this checkpoint."""
    try:
        report = read_report(place.run.evaluations / "test")
    except MtrainError:
        return None
    if report.checkpoint != place.path.name:
        return None
    return {
        "rows": report.n,
        "accuracy": report.accuracy,
        "classes": [
            {
                "name": one.name,
                "precision": one.precision,
                "recall": one.recall,
                "verdict": one.verdict,
            }
            for one in report.classes
        ],
    }
