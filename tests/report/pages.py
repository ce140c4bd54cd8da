"""Pages as their elements and tables, and what a stranger might write into them."""

from __future__ import annotations

from html.parser import HTMLParser

from mtrain.records.run import Environment

WEB = (
    "<script>alert(1)</script>",
    "</title><b>",
    "' onload='x",
    "{{ 7 * 7 }}",
    "| a | b |",
    "1. x",
    "# x",
)
"""Class names that a page or Markdown might take as its own."""

ENVIRONMENT = Environment(
    command=("mtrain", "fit", "<i>.yaml"),
    versions={"mtrain": "0.1.0", "torch": None},
    platform="Linux",
    machine="x86_64",
    processor="a processor",
    flags={},
    git_commit=None,
    seed=7,
    data={"sha256": "ab" * 32, "source": "rows & more.csv"},
    splits={"train": "cd" * 32},
)


class Page(HTMLParser):
    """Elements with their attributes, and the texts of the cells of each table, line by line."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.tables, self.open, self.text = [], [], [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):  # noqa: D102
        self.elements.append((tag, dict(attributes)))
        if tag not in {"meta", "input", "img", "path", "polyline"}:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in {"td", "th"}:
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag):  # noqa: D102
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attributes):  # noqa: D102
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data):  # noqa: D102
        self.text += data
        if {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1] += data

    def all(self, name):
        """The values of an attribute."""
        return [attributes[name] for _, attributes in self.elements if name in attributes]
