"""Write what comes from the code: docs/commands.md, docs/configuration.md and the JSON Schemas.

    python docs/scripts/build.py

A test fails if a page differs from the code.
"""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import yaml
from pydantic_core import PydanticUndefined

from mtrain.cli.commands import command_names
from mtrain.config.catalog.metrics import METRICS
from mtrain.config.catalog.names import ACTIVATIONS, LOSS_ALIASES
from mtrain.config.experiment.dataset import DatasetConfig, TestConfig, ValidationConfig
from mtrain.config.experiment.losses import LOSSES
from mtrain.config.experiment.metrics import MetricConfig
from mtrain.config.experiment.optimizers import OPTIMIZERS
from mtrain.config.experiment.schedules import SCHEDULES
from mtrain.config.experiment.schema import Config
from mtrain.config.experiment.section import Section
from mtrain.config.experiment.sources import SOURCES
from mtrain.config.experiment.table import MissingConfig
from mtrain.config.loading.json_schema import config_schema, setting_texts
from mtrain.run.files import json_text
from mtrain.run.json_schemas import file_schemas

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]


def main() -> None:
    """Write every page."""
    for name, text in pages().items():
        (ROOT / name).write_text(text, encoding="utf-8")


def pages() -> dict[str, str]:
    """Path in the repository and text of each page."""
    return {
        "docs/commands.md": "\n".join(_commands()) + "\n",
        "docs/configuration.md": "\n".join(_configuration()) + "\n",
        "configs/schema.json": json_text(config_schema()),
        **{
            f"docs/schemas/{Path(name).stem}.schema.json": json_text(schema)
            for name, schema in file_schemas().items()
        },
    }


def _commands() -> Iterator[str]:
    yield from ("# Commands", "", "The `--help` of each command; written by `make docs`.")
    for command in ((), *((name,) for name in command_names())):
        yield from ("", f"## `{' '.join(('mtrain', *command))}`", "", "```text")
        done = subprocess.run(
            [Path(sys.executable).with_name("mtrain"), *command, "--help"],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"COLUMNS": "90", "TERMINAL_WIDTH": "90"},
        )
        yield from (line.rstrip() for line in done.stdout.strip().splitlines())
        yield "```"


def _configuration() -> Iterator[str]:
    yield from (
        "# Configuration",
        "",
        "Every setting, its default in brackets; written by `make docs`. Any of them can be set on",
        "the command line by its dotted path: `mtrain fit CONFIG training.epochs=3`.",
        "",
        "An unknown, misspelt or repeated key is an error; all problems of a file are reported at",
        "once, those between settings once each of them is right. Scalars are those of YAML 1.2: `1e-3` is a number, `no` is text. Paths are relative",
        "to the file, on the command line to the current folder. `model`, `loss` and `metrics` take",
        "[code of your own](custom_code.md), too: `package.module:object`.",
        "",
        "An editor that knows JSON Schema (VS Code with the extension YAML) completes a config,",
        "explains each setting and marks mistakes, where the file begins with",
        "",
        "```yaml",
        "# yaml-language-server: $schema=schema.json",
        "dataset: digits",
        "```",
        "",
        "and the schema lies beside it: `mtrain schema > schema.json`. The schema cannot check",
        "settings against each other or against the data; `mtrain check` and `mtrain fit` do.",
    )
    yield from _section(Config, "")
    yield from (
        "",
        "## `dataset`",
        "",
        "Where the rows come from, and how they are split and scaled. Of every source:",
        "",
    )
    yield from _settings(DatasetConfig, "dataset.", {"name"})
    parts: dict[str, type[Section]] = {
        "validation": ValidationConfig,
        "test": TestConfig,
        "missing": MissingConfig,
    }
    for key, section in parts.items():
        yield from ("", f"### `dataset.{key}`", "", inspect.cleandoc(section.__doc__ or ""), "")
        yield from _settings(section, f"dataset.{key}.", set())
    for name, source in SOURCES.items():
        yield from ("", f"### `name: {name}`", "", inspect.cleandoc(source.__doc__ or ""), "")
        same = {
            key
            for key, setting in DatasetConfig.model_fields.items()
            if key == "name" or setting.annotation == source.model_fields[key].annotation
        }
        yield from _settings(source, "dataset.", same)
    yield from ("", "## `optimizer`", "", "A name, or a mapping with its `name` and parameters.")
    yield from _family(
        {name: (f"`{name}`", kind) for name, kind in OPTIMIZERS.items()}, "optimizer."
    )
    yield from (
        "",
        "## Learning-rate schedules",
        "",
        "`optimizer.learning_rate` may be one of these, a mapping with its `name` and parameters.",
        "`decay_steps` and the like count steps, which are batches; they do not change with\n`training.epochs`.",
    )
    yield from _family(
        {name: (f"`{name}`", kind) for name, kind in SCHEDULES.items()}, "optimizer.learning_rate."
    )
    yield from ("", "## `loss`", "", "A name, or a mapping with its `name` and parameters.")
    titles = {
        name: ", ".join(
            f"`{other}`"
            for other in (name, *(a for a, meant in LOSS_ALIASES.items() if meant == name))
        )
        for name in LOSSES
    }
    yield from _family({name: (titles[name], kind) for name, kind in LOSSES.items()}, "loss.")
    yield from ("", "## `metrics`", "", "A list of names, or of mappings with a `name`:", "")
    yield from _settings(MetricConfig, "metrics[].", set())
    yield from (
        "",
        "## Names",
        "",
        f"Metrics: {', '.join(f'`{name}`' for name in METRICS)}.",
        "",
        f"Activations: {', '.join(f'`{name}`' for name in ACTIVATIONS)}.",
    )


def _family(kinds: dict[str, tuple[str, type[Section]]], prefix: str) -> Iterator[str]:
    """Sections of which one is chosen: what most have in common once, then a part for each."""
    lines = {
        name: dict(zip(kind.model_fields, _settings(kind, prefix, set()), strict=True))
        for name, (_, kind) in kinds.items()
    }
    counts = Counter(line for of_kind in lines.values() for line in of_kind.values())
    common = {
        key: line
        for of_kind in lines.values()
        for key, line in of_kind.items()
        if key != "name" and counts[line] > len(kinds) / 2
    }
    if common:
        yield from ("", "What most of them have in common:", "", *common.values())
    for name, (title, kind) in kinds.items():
        yield from ("", f"### {title}", "", inspect.cleandoc(kind.__doc__ or ""), "")
        without = [f"`{key}`" for key in common if key not in lines[name]]
        if without:
            yield f"It has no {' and no '.join(without)}."
        own = [
            line
            for key, line in lines[name].items()
            if key != "name" and line not in common.values()
        ]
        yield from own


def _section(section: type[Section], prefix: str) -> Iterator[str]:
    inner = {
        key: annotation
        for key, setting in section.model_fields.items()
        if (annotation := _inner_section(setting.annotation))
        and key not in {"dataset", "loss", "metrics", "optimizer"}
    }
    title = f"`{prefix.removesuffix('.')}`" if prefix else "The experiment"
    yield from ("", f"## {title}", "", inspect.cleandoc(section.__doc__ or ""), "")
    yield from _settings(section, prefix, set(inner) if not prefix else set())
    for key, annotation in inner.items():
        yield from _section(annotation, f"{prefix}{key}.")


def _settings(section: type[Section], prefix: str, left_out: set[str]) -> Iterator[str]:
    texts = setting_texts(section)
    for key, setting in section.model_fields.items():
        if key in left_out:
            continue
        default = "" if setting.default is PydanticUndefined else f" [{_plain(setting.default)}]"
        choices = " | ".join(str(choice) for choice in _choices(setting.annotation))
        text = f"{choices}. {texts.get(key, '')}" if choices else texts.get(key, "")
        yield f"- `{prefix}{key}`{default}: {text}".rstrip(": ")


def _plain(default: Any) -> str:
    """A default in the notation of YAML."""
    if isinstance(default, Section):
        changed = default.model_dump(mode="json")
        default = {key: value for key, value in changed.items() if value is not None}
    elif isinstance(default, tuple):
        default = [x.model_dump(mode="json") if isinstance(x, Section) else x for x in default]
    text = yaml.safe_dump(default, default_flow_style=True, sort_keys=False, width=1000)
    return text.removesuffix("\n").removesuffix("\n...")


def _choices(annotation: Any) -> tuple[Any, ...]:
    """The choices of a setting."""
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def _inner_section(annotation: Any) -> type[Section] | None:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next(filter(None, map(_inner_section, get_args(annotation))), None)


if __name__ == "__main__":
    main()
