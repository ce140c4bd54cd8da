"""The JSON Schema of a config, by which editors complete and check it.

Rules about two settings are left to the reader of configs: one may be set elsewhere.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import GenerateJsonSchema, JsonRef

from mtrain.config.catalog.names import LOSS_ALIASES, any_spelling
from mtrain.config.experiment.schema import Config
from mtrain.config.experiment.section import LARGEST_FLOAT32, SMALLEST_FLOAT32, Section

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import core_schema


def config_schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12, of what a config file may hold; each setting with its docs."""
    schema = Config.model_json_schema(schema_generator=_Generator)
    del schema["required"]  # the name, which is the file's where it is not set
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "title": "Experiment of mtrain",
        **schema,
    }


def setting_texts(section: type[Section]) -> dict[str, str]:
    """The docstring under each setting, by its name; the bases' first."""
    texts: dict[str, str] = {}
    for base in reversed(section.__mro__):
        if not (issubclass(base, Section) and base is not Section):
            continue
        tree = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
        assert isinstance(tree, ast.ClassDef)  # noqa: S101 -- tells mypy
        for statement, text in zip(tree.body, tree.body[1:], strict=False):
            if (
                isinstance(statement, ast.AnnAssign)
                and isinstance(statement.target, ast.Name)
                and isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
            ):
                texts[statement.target.id] = " ".join(str(text.value.value).split())
    return texts


class _Generator(GenerateJsonSchema):
    """pydantic's generator, with what it cannot know about sections."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        json_schema = super().model_schema(schema)
        json_schema.pop("title")
        for key, text in setting_texts(schema["cls"]).items():
            json_schema["properties"][key].setdefault("description", text)
        return json_schema

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        """Mappings by their name, which is optional in the first; a bare name where it is enough."""
        choices = []
        bare = []
        for number, (name, choice) in enumerate(schema["choices"].items()):
            choices.append(self.generate_inner(choice))
            if "$ref" not in choices[-1]:
                continue
            section = self.get_schema_from_definitions(JsonRef(choices[-1]["$ref"])) or {}
            if "name" not in section["properties"]:
                continue  # told apart by its type
            texts = {"description": section["properties"]["name"]["description"]}
            section["properties"]["name"] = texts | any_spelling([str(name)], _aliases([name]))
            needed = [key for key in section.get("required", ()) if key != "name"]
            if number:
                section["required"] = ["name", *needed]
            else:
                section["properties"]["name"]["default"] = str(name)
            if not needed:
                bare.append(str(name))
        named = any_spelling(bare, _aliases(bare))
        return {"anyOf": [named, *choices] if bare else choices}

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        """The floats that `Section` accepts: finite as a float32, and not rounded to 0."""
        json_schema = super().float_schema(schema)
        if "exclusiveMaximum" not in json_schema:
            json_schema.setdefault("maximum", LARGEST_FLOAT32)
        return json_schema | {"not": {"exclusiveMinimum": 0, "exclusiveMaximum": SMALLEST_FLOAT32}}

    def encode_default(self, dft: Any) -> Any:
        """A section as a user would write it: its name, or what differs from its defaults."""
        if not isinstance(dft, Section):
            return super().encode_default(dft)
        return dft.model_dump(mode="json", exclude_defaults=True) or getattr(dft, "name", {})

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 -- pydantic's
        """No title: it would repeat the setting's name."""
        return False


def _aliases(names: Iterable[Any]) -> list[str]:
    return [alias for alias, name in LOSS_ALIASES.items() if name in names]
