"""Reads the published documents: a JSON Schema for the `--json` of each command, and an OpenAPI
document of what the pages' server answers to programs.

A schema says what is there for good. What is new may stand beside it, so none forbids more.
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
