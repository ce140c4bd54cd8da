"""Sources of data and trackers that installed packages bring, by their entry points."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Annotated, Any

from pydantic import BeforeValidator, create_model

from mtrain.config.catalog.endings import kind_by_ending
from mtrain.config.catalog.names import call_as_mapping, canonical, suggestion
from mtrain.config.experiment.dataset import DatasetConfig
from mtrain.config.experiment.schema import Config
from mtrain.config.experiment.section import named
from mtrain.config.experiment.sources import SOURCES
from mtrain.config.experiment.training import TrackingConfig
from mtrain.errors import UsageError

SOURCE_GROUP = "mtrain.sources"
TRACKER_GROUP = "mtrain.trackers"


def config_class(data: dict[str, Any]) -> type[Config]:
    """`Config`, or one with the sections of what `data` names and installed packages bring.

    Raises `UsageError` for a package that cannot be imported, or brings an object of another type.
    """
    fields: dict[str, Any] = {}
    name, tracking = _source_name(data), data.get("tracking")
    if isinstance(name, str) and name not in SOURCES and (source := load_entry(SOURCE_GROUP, name)):
        if not (isinstance(source, type) and issubclass(source, DatasetConfig)):
            raise _wrong(SOURCE_GROUP, name, "is not a DatasetConfig")
        fields["dataset"] = (Annotated[source, BeforeValidator(named)], ...)
    names = tracking if isinstance(tracking, dict) else {}
    trackers: dict[str, Any] = {
        name: (Any, None)
        for name in names
        if name not in TrackingConfig.model_fields and load_entry(TRACKER_GROUP, name)
    }
    if trackers:
        section = create_model("TrackingConfig", __base__=TrackingConfig, **trackers)
        fields["tracking"] = (section, section())
    return create_model("Config", __base__=Config, **fields) if fields else Config


def unknown_source(data: dict[str, Any]) -> str | None:
    """The problem of a `dataset.name` that neither mtrain has nor a package; None: no problem."""
    name = _source_name(data)
    if not isinstance(name, str) or kind_by_ending(name) is not None:
        return None
    try:
        canonical(name, SOURCES)
    except ValueError:
        known = [*SOURCES, *(entry.name for entry in entry_points(group=SOURCE_GROUP))]
        if name in known or call_as_mapping(name, known) is not None:
            return None  # of a package; or the reader says how a call is written
        hint = suggestion(name, known)
        return f"unknown name {name!r}, which no installed package brings; {hint}"
    return None


def _source_name(data: dict[str, Any]) -> Any:
    dataset = data.get("dataset")
    return dataset.get("name") if isinstance(dataset, dict) else dataset


def load_entry(group: str, name: str) -> Any:
    """The object of the entry point of this name; None: no installed package has one.

    Raises `UsageError` if it cannot be imported.
    """
    for entry in entry_points(group=group, name=name):
        try:
            return entry.load()
        except Exception as error:
            raise _wrong(group, name, f"cannot be imported: {error}") from error
    return None


def _wrong(group: str, name: str, problem: str) -> UsageError:
    return UsageError(f"the entry point {name!r} of {group} {problem}")
