"""Templates of pages: one style and one policy for all of them, and names that do nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mtrain.escape import inert
from mtrain.report.text import figure, p_value, share, signed

if TYPE_CHECKING:
    from collections.abc import Mapping

STYLE = "style.css"

INCLUDED = (
    STYLE,
    *(f"{name}.html" for name in ("page", "settings", "classes", "axes", "calibration", "charts")),
)
"""Templates that pages include."""


def load_templates(page: str) -> None:
    """Compile the template of a page, and what it includes, which takes a tenth of a second."""
    for template in (page, *INCLUDED):
        _environment(is_html=True).get_template(template)


def render_html(template: str, values: Mapping[str, Any]) -> str:
    """A page that loads nothing: its policy allows this style, and pictures within the page."""
    environment = _environment(is_html=True)
    style = environment.get_template(STYLE).render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template(template).render(
        values,
        style=Markup(style),  # noqa: S704 -- of this package, nobody's data
        policy=f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'",
    )


def render_markdown(template: str, values: Mapping[str, Any]) -> str:
    """Markdown in which names are text."""
    return _environment(is_html=False).get_template(template).render(values)


@cache
def _environment(*, is_html: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("mtrain.report.page"),
        autoescape=is_html,  # noqa: S701 -- Markdown is escaped by `finalize`
        finalize=_inert if is_html else _inert_markdown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "share": share,
        "figure": figure,
        "indented": _indented,
        "percent": _percent,
        "sentence": _sentence,
        "signed": signed,
        "p_value": p_value,
    }
    return environment


def _inert(value: Any) -> Any:
    return inert(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _inert_markdown(value: Any) -> Any:
    """Text that neither Markdown nor HTML in it takes as its own."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    text = re.sub(r"([\\`*_{}\[\]<>|~&$!])", r"\\\1", inert(value))
    # What would begin a list or a heading, where a text begins a line or an item.
    text = re.sub(r"^([-+=#])(?=[\s=#-]|$)", r"\\\1", text)
    return re.sub(r"^(\d+)([.)])(?=\s)", r"\1\\\2", text)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _indented(text: str) -> Markup:
    """As a block of code of Markdown, in which nothing but its end means anything."""
    return Markup("\n".join(f"    {inert(line)}" for line in text.splitlines()))  # noqa: S704


def _sentence(text: str) -> str:
    return f"{text.rstrip('.')}."  # not with a capital: it may begin with the name of a class
