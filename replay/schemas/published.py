"""Reads the published documents: a JSON Schema for the `--json` of each command, and an OpenAPI
document of what the pages' server answers to programs.

A schema is exact: it names all that is there and its types, and forbids what it does not name, so
that a name that is not ours is found. It is that of this very version; what is new in another one
stands in its schema. Open are only the documents of a bot or a core, and tables by name.
"""

from __future__ import annotations

import importlib.resources
import json
from typing import Any

OPENAPI = "openapi.json"


def schema_of(command: str) -> dict[str, Any]:
    """The schema of a command's JSON, by its name: `run`, `corpus import`."""
    return _read(f"{command.replace(' ', '-')}.schema.json")


def openapi() -> dict[str, Any]:
    """The OpenAPI document."""
    return _read(OPENAPI)


def _read(name: str) -> dict[str, Any]:
    text = importlib.resources.files("replay.schemas").joinpath(name).read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    return document
