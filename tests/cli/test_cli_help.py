"""What every command has in common: help, errors in how it is called, no colours."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from cli_support import PROGRAM, doge, environment

from replay import __version__
from replay.cli.command_table import COMMANDS
from replay.cli.main import cli


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


ALL = list(commands(cli))
WITHOUT_CORES = [
    *((), ("corpus",), ("evidence",), ("evidence", "verify"), ("monitor",)),
    *(("db",), ("db", "merge"), ("build-core",)),
    *(("corpus", name) for name in ("import", "list", "verify", "minimise")),
]
NEEDS_ARGUMENT = [
    *((name,) for name in ("repro", "show", "export", "triage", "split", "merge", "explain")),
    *(("corpus", "import"), ("monitor",), ("evidence", "pack"), ("evidence", "verify")),
    *(("db", "merge"), ("corpus", "minimise")),
]


def test_the_issue_s_commands_are_all_there() -> None:
    named = {" ".join(path) for path in ALL}
    assert named >= {
        *("run", "fuzz", "nightly", "repro", "list", "show", "export", "doctor"),
        *("triage", "split", "merge", "gate", "monitor", "evidence pack", "evidence verify"),
        *("corpus import", "corpus list", "corpus verify"),
    }


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_has_help_with_an_example(tmp_path: Path, path: tuple[str, ...]) -> None:
    ran = doge(tmp_path, *path, "-h")
    assert ran.code == 0
    assert ran.err == ""
    assert "Example" in ran.out
    assert f"doge-replay {' '.join(path)}".strip() in ran.out
    if path not in WITHOUT_CORES:
        assert all(option in ran.out for option in ("--authority", "--shadow", "--db", "--json"))
    assert list(tmp_path.iterdir()) == []


def test_what_a_command_has_no_use_for_is_taken_and_not_offered(tmp_path: Path) -> None:
    given = ("--corpus", CORPUS, "--shadow", "nowhere", "--db", "x.db")
    assert doge(tmp_path, "corpus", "list", *given).code == 0
    assert "--shadow" not in doge(tmp_path, "corpus", "list", "-h").out


def test_the_script_is_the_module(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("doge-replay")
    for arguments in (["-h"], ["fuzz", "-h"], ["--version"], ["nonsense"]):
        done = subprocess.run(
            [program, *arguments], cwd=tmp_path, env=environment(), capture_output=True, check=False
        )
        ran = doge(tmp_path, *arguments)
        assert (done.returncode, done.stdout.decode(), done.stderr.decode()) == (
            (ran.code, ran.out, ran.err)
        )


def test_the_version(tmp_path: Path) -> None:
    ran = doge(tmp_path, "--version")
    assert (ran.code, ran.out) == (0, f"doge-replay, version {__version__}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["--nonsense"],
        ["run", "--nonsense"],
        ["fuzz", "--seconds", "soon"],
        ["fuzz", "--seconds", "nan"],
        ["fuzz", "--profile", "dead"],
        ["fuzz", "--jobs", "0"],
        ["fuzz", "--max-transitions", "-1"],
        ["fuzz", "surplus"],
        ["nightly", "--minutes", "-3"],
        ["list", "\x1b[31m\u202e"],
        *[[*path] for path in NEEDS_ARGUMENT],
    ],
    ids=repr,
)
def test_a_call_that_is_wrong_is_one_line_and_2(tmp_path: Path, arguments: list[str]) -> None:
    ran = doge(tmp_path, *arguments)
    assert ran.code == 2
    assert "-h" in ran.line
    assert list(tmp_path.iterdir()) == []


def test_no_command_at_all_shows_the_help_and_is_2(tmp_path: Path) -> None:
    for path in ((), ("corpus",), ("evidence",)):
        ran = doge(tmp_path, *path)
        assert (ran.code, ran.out) == (2, "")
        assert "Commands:" in ran.err


@pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}, {"LANG": "C"}], ids=repr)
def test_no_colour_where_there_is_no_terminal(tmp_path: Path, env: dict[str, str]) -> None:
    """`doge` itself looks for escapes."""
    assert doge(tmp_path, "corpus", "list", "--corpus", CORPUS, env=env).code == 0


CORPUS = Path(__file__).parents[2] / "corpus"


@pytest.mark.parametrize(
    ("chosen", "env", "coloured"),
    [
        ([], {}, False),
        ([], {"FORCE_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        (["--color", "never"], {"FORCE_COLOR": "1"}, False),
    ],
    ids=repr,
)
def test_a_file_has_colours_only_where_somebody_asks_for_them(
    tmp_path: Path, chosen: list[str], env: dict[str, str], coloured: bool
) -> None:
    (tmp_path / "t.jsonl").write_text('{"ts": "2026-11-22T09:00:00Z"}\n')
    done = subprocess.run(
        [*PROGRAM, *chosen, "gate", "t.jsonl"], cwd=tmp_path, env=environment(**env),
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 4
    assert (b"\x1b[31m" in done.stdout) is coloured
    as_json = subprocess.run(
        [*PROGRAM, *chosen, "gate", "t.jsonl", "--json"], cwd=tmp_path, env=environment(**env),
        capture_output=True, check=False,
    )  # fmt: skip
    assert b"\x1b" not in as_json.stdout


def test_the_help_has_each_command_s_first_sentence_and_loads_none(tmp_path: Path) -> None:
    for name, listed in COMMANDS.items():
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        assert command.help is not None
        assert " ".join(command.help.split()).startswith(listed.summary.rstrip("."))
    program = (
        "import sys; from replay.cli.main import run_cli; run_cli(['-h']); "
        "print([name for name in sys.modules if name.endswith('_command') or 'store' in name])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment(), capture_output=True,
        check=True, text=True,
    )  # fmt: skip
    assert "..." not in done.stdout.partition("Commands:")[2]
    assert done.stdout.endswith("[]\n")


def test_a_shell_completes_commands(tmp_path: Path) -> None:
    env = environment(_DOGE_REPLAY_COMPLETE="bash_complete", COMP_WORDS="doge-replay re",
                      COMP_CWORD="1")  # fmt: skip
    done = subprocess.run(
        [Path(sys.executable).with_name("doge-replay")], cwd=tmp_path, env=env,
        capture_output=True, check=False, text=True,
    )  # fmt: skip
    assert done.stdout.split() == ["plain,recheck", "plain,repro"]


def test_a_terminal_gets_bold_heads_with_no_colour_where_it_wants_none(tmp_path: Path) -> None:
    env = environment(TERM="xterm-256color", NO_COLOR="1")
    command = f"{sys.executable} -m replay corpus list --corpus {CORPUS}"
    done = subprocess.run(
        ["script", "-qec", command, "/dev/null"], cwd=tmp_path, env=env, capture_output=True,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert b"stream" in done.stdout
    assert b"\x1b[1m" in done.stdout
    assert b"\x1b[3" not in done.stdout


def test_whoever_stops_reading_gets_no_traceback(tmp_path: Path) -> None:
    command = f"{sys.executable} -m replay corpus list --json --corpus {CORPUS} | head -n 1"
    done = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, env=environment(), capture_output=True, check=False
    )
    assert done.stderr == b""
    assert done.stdout == b"[\n"
