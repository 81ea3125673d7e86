"""The commands by name: how each is called in its module, and the sentence that the help has of it.

A module is only loaded when its command is needed, so the sentences stand here: half a second for
all of them would be felt. The tests hold them to be those with which the commands' own help begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Listed(NamedTuple):
    """A command of the module `NAME_command.py`: its name in there, and what it does."""

    function: str
    summary: str


COMMANDS: Mapping[str, Listed] = {
    "build-core": Listed(
        "build_core",
        "Build doge-core-exe, the Haskell executable, from the sources that come with doge-replay.",
    ),
    "causes": Listed(
        "causes_command", "Account for all stored divergences at once: one row for each cause."
    ),
    "corpus": Listed("corpus", "Import, list, verify and minimise the streams that are kept."),
    "db": Listed("db", "Databases as files: several machines' joined into one."),
    "doctor": Listed(
        "doctor",
        "Check the installation: libraries and tools, both cores, the corpus, the database.",
    ),
    "evidence": Listed("evidence", "Pack what the sign-off needs."),
    "explain": Listed("explain_command", "Find the cause of a stored divergence."),
    "explanations": Listed(
        "explanations",
        "Check the file of explanations: run every stored case again and tell what holds.",
    ),
    "export": Listed(
        "export", "Write one stored case as a parity case, a pytest file or a bundle."
    ),
    "fuzz": Listed(
        "fuzz", "Generate event streams, replay them through both cores, store where they differ."
    ),
    "gate": Listed(
        "gate",
        "Judge the TELEMETRY of a live shadow by the runbook's gate: PASS, FAIL or INCONCLUSIVE.",
    ),
    "list": Listed("list_command", "List the stored divergences and failures, the worst first."),
    "merge": Listed("merge", "Let findings that are one bug count as one."),
    "monitor": Listed(
        "monitor",
        "Sample the status of the bot at URL every minute for 48 hours.",
    ),
    "nightly": Listed("nightly", "Hunt for divergences for M minutes and write a report."),
    "paper": Listed(
        "paper",
        "Run a paper-trading bot: real order life on recorded or synthetic prices, no exchange.",
    ),
    "power": Listed("power", "Measure how many single edits of the authority a night would find."),
    "preflight": Listed(
        "preflight",
        "Check all that a shadow run needs, before it begins (sections 1 and 2 of the runbook).",
    ),
    "recheck": Listed(
        "recheck",
        "Ask stored findings again on the cores at hand: all of them, or those with an ID.",
    ),
    "repro": Listed(
        "repro",
        "Run one stored case, or one from a file, on both cores and show where they differ.",
    ),
    "run": Listed("run", "Replay INPUTs through both cores and store where they differ."),
    "serve": Listed(
        "serve", "Show the dashboard and the divergences in a browser, until it is interrupted."
    ),
    "show": Listed(
        "show",
        "Show one stored divergence: its case, both answers, where and on which cores it was seen.",
    ),
    "split": Listed("split", "Split off, as a finding of its own, what of ID meets a condition."),
    "triage": Listed(
        "triage",
        "Give a finding or a cause an owner, a severity or a note, and note who did so, and when.",
    ),
}
