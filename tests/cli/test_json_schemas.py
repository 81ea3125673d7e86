"""What is printed as JSON is as the published schema of its command says."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import click
import pytest
from cli_support import TESTS, Ran, doge
from jsonschema import Draft202012Validator, ValidationError

from replay.cli.main import cli
from replay.schemas.published import openapi, schema_of
from replay.web.app import create_app
from replay.web.server import serve_in_thread

EXAMPLES = TESTS.parent / "examples"
CORES = ("--shadow", "forgets_fees.py")
ID = "d-b96bf98f"
"""What the example's journal shows."""


def commands_with_json(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands_with_json(command, (*path, name))
        elif command is not None and any("--json" in param.opts for param in command.params):
            yield " ".join((*path, name))


ALL = sorted(commands_with_json(cli))


def schema_name(command: str) -> str:
    """`evidence` is its first command, by the name that its users know."""
    return "evidence" if command == "evidence pack" else command


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a divergence, and what it was found in."""
    folder = tmp_path_factory.mktemp("world")
    lines = (EXAMPLES / "journal.jsonl").read_text().splitlines(keepends=True)[:60]
    (folder / "journal.jsonl").write_text("".join(lines))
    for name in ("forgets_fees.py", "explanations.toml"):
        shutil.copy(EXAMPLES / name, folder)
    assert doge(folder, "run", "journal.jsonl", *CORES, "--strict").code == 1
    shutil.copy(folder / "divergences.db", folder / "other.db")
    assert doge(folder, "corpus", "import", "journal.jsonl", "--corpus", "kept").code == 0
    shutil.copytree(folder / "kept", folder / "damaged")
    for file in (folder / "damaged").iterdir():
        file.write_bytes(file.read_bytes()[:-1])
    return folder


OPEN = {"figures", "evidence", "slots"}
"""What is in these is no form of ours: the figures of a criterion, what a line of a history rests
on, the status of a bot's slots."""


def objects_in(schema: Any, name: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object that a schema names, with the name of what has it."""
    if isinstance(schema, list):
        for one in schema:
            yield from objects_in(one, name)
    elif isinstance(schema, dict):
        if "object" in str(schema.get("type")):
            yield name, schema
        for key, below in schema.get("properties", {}).items():
            yield from objects_in(below, key)
        for key in ("items", "anyOf", "additionalProperties"):
            yield from objects_in(schema.get(key), name)


@pytest.mark.parametrize("command", ALL)
def test_a_schema_names_all_that_is_there_and_its_types(command: str) -> None:
    for name, one in objects_in(schema_of(schema_name(command))):
        if name not in OPEN:
            assert "additionalProperties" in one, f"{name} takes any name"
        for key, below in one.get("properties", {}).items():
            is_document = name in ("start", "steps")  # a core's own, whatever it is
            assert is_document or below.keys() & {"type", "anyOf", "const"}, (
                f"{name}.{key}: no type"
            )


def test_all_reports_have_one_form_and_a_failed_step_that_of_a_divergence() -> None:
    reports = [schema_of(command) for command in ("run", "fuzz", "nightly")]
    reports.append(schema_of("recheck")["anyOf"][0])
    forms = [{**one["properties"], "kind": ""} for one in reports]
    assert all(form == forms[0] for form in forms)
    assert forms[0]["failed_steps"] == forms[0]["divergences"]


def test_a_name_that_is_not_ours_is_refused(world: Path) -> None:
    document = doge(world, "run", "journal.jsonl", *CORES, "--json").json
    validator = Draft202012Validator(schema_of("run"))
    for place in (document, document["canary"], document["divergences"][0], document["occasion"]):
        place["nonsense"] = 1
        assert not validator.is_valid(document)
        del place["nonsense"]
    validator.validate(document)


def validated(command: str, ran: Ran) -> Any:
    document = ran.json
    Draft202012Validator(schema_of(schema_name(command))).validate(document)
    return document


@pytest.mark.parametrize("command", ALL)
def test_every_command_that_prints_json_has_a_schema(command: str) -> None:
    schema = schema_of(schema_name(command))
    Draft202012Validator.check_schema(schema)
    assert schema["title"] == f"doge-replay {schema_name(command)} --json"
    with pytest.raises(ValidationError):
        Draft202012Validator(schema).validate("nothing of the kind")
    if command != "list":
        with pytest.raises(ValidationError):
            Draft202012Validator(schema).validate({})


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("run", ("journal.jsonl", *CORES)),
        ("list", ()),
        ("show", (ID,)),
        ("repro", (ID, *CORES)),
        ("recheck", (*CORES,)),
        ("triage", (ID, "--owner", "ada", "--who", "ada")),
        ("export", (ID, "--as", "pytest")),
        ("corpus import", ("journal.jsonl", "--corpus", "kept")),
        ("corpus list", ("--corpus", "kept")),
        ("corpus verify", ("--corpus", "kept")),
        ("db merge", ("other.db", "divergences.db", "-o", "merged.db")),
        ("doctor", CORES),
        ("explanations", ("--only-read",)),
        ("explanations", CORES),
        ("causes", ("--seconds", "1", "--generate", "0", *CORES)),
        ("explain", (ID, "--seconds", "1", *CORES)),
        ("fuzz", ("--max-transitions", "60", "--seed", "1", "--jobs", "1", *CORES)),
        ("preflight", CORES),
        ("corpus list", ("--corpus", "damaged")),
        ("corpus verify", ("--corpus", "damaged")),
        ("corpus minimise", ("--corpus", "kept", "--output", "small")),
        ("doctor", ("--shadow", "nowhere", "--corpus", "damaged")),
        ("power", ("--edits", "1", "--max-transitions", "30", "--seed", "1", "--corpus", "kept")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_command_prints_is_as_its_schema_says(
    world: Path, command: str, arguments: tuple[str, ...]
) -> None:
    ran = doge(world, *command.split(), *arguments, "--json")
    assert ran.out, ran
    validated(command, ran)


def test_the_report_of_a_run_is_as_the_schema_of_its_command_says(world: Path) -> None:
    night = (
        "nightly",
        "--minutes",
        "1",
        "--max-transitions",
        "30",
        "--causes",
        "0",
        "--power",
        "0",
    )
    more = ("--jobs", "1", "--seed", "1", "--corpus", "grown", "--report-dir", "report")
    ran = doge(world, *night, *more, *CORES, "--json")
    document = validated("nightly", ran)
    assert json.loads((world / "report" / "report.json").read_text()) == document
    assert document["occasion"]["command"].endswith("--json")


def test_what_the_server_answers_to_programs_is_as_its_openapi_document_says() -> None:
    status = {"state_machine_shadow": dict.fromkeys(_counters(), 0)}
    status["state_machine_shadow"] |= {"enabled": True, "executable_available": True}
    document = openapi()
    schema = {**document["components"], "$ref": "#/schemas/Status"}
    text = json.dumps(schema).replace("#/components/schemas/", "#/schemas/")
    validator = Draft202012Validator(json.loads(text))
    with pytest.raises(ValidationError):
        validator.validate({"state_machine_shadow": {}})
    with serve_in_thread(create_app(None, None, None), 0) as served:
        base = f"http://127.0.0.1:{served.port}"
        assert json.loads(urlopen(f"{base}/api/openapi.json").read()) == document


def _counters() -> list[str]:
    needed: list[str] = openapi()["components"]["schemas"]["Shadow"]["required"]
    return needed
