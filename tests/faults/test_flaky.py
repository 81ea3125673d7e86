"""Executables that cannot be trusted: one that answers at random, one that cannot start."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from planted_faults import FAULTS, ROOT, Builds, Fault

AT_RANDOM = Fault(
    "exit prices that are wrong now and then",
    "Blocks",
    "  arithmetic (rnd price (cfgPriceDecimals cfg))\n\n-- | What booking",
    "  arithmetic (rnd (price * coin price) (cfgPriceDecimals cfg))\n\n"
    "-- | One, or a little more: different from call to call.\n"
    "coin :: Double -> Double\n"
    "coin x = unsafePerformIO (do\n"
    "  tick <- x `seq` getMonotonicTimeNSec\n"
    "  pure (if tick `mod` 5 == 0 then 1.01 else 1))\n"
    "{-# NOINLINE coin #-}\n\n-- | What booking",
    imports="import GHC.Clock (getMonotonicTimeNSec)\nimport System.IO.Unsafe (unsafePerformIO)",
)


def doge(folder: Path, *arguments: str) -> tuple[int, Any]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DOGE_")}
    done = subprocess.run(
        [sys.executable, "-m", "replay", *arguments, "--json"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def test_an_executable_that_answers_at_random_is_flaky_with_its_rate_and_has_no_cause(
    tmp_path: Path, core_exe: str, builds: Builds
) -> None:
    exe = builds(AT_RANDOM)
    shutil.copytree(ROOT / "corpus", tmp_path / "streams")
    common = ("--shadow", exe, "--corpus", "streams")
    code, report = doge(tmp_path, "nightly", "--minutes", "0.03", "--seed", "3", *common)
    assert code == 1
    assert report["control"]["ok"] is False
    assert report["divergences"]
    assert report["groups"]["new"] == []
    for line in report["divergences"]:
        assert line["status"] == "flaky"
        shown, asked = map(int, line["rate"].split(" of "))
        assert 0 <= shown < asked
    worst = max(report["divergences"], key=lambda line: line["occurrences"])
    code, cause = doge(tmp_path, "explain", worst["id"], "--shadow", exe)
    assert code == 4
    assert "flaky" in json.dumps(cause)

    # The good executable agrees; the next night says so with as many replays as the rate asks for.
    code, mended = doge(tmp_path, "nightly", "--minutes", "0.03", "--shadow", core_exe,
                        "--corpus", "streams")  # fmt: skip
    assert code == 0
    assert set(mended["fixed"]) == {line["id"] for line in report["divergences"]}
    _, shown_now = doge(tmp_path, "show", worst["id"])
    fixed = next(entry for entry in shown_now["history"] if entry["status"] == "fixed")
    assert fixed["evidence"]["replays"] > 2


def test_an_executable_that_cannot_start_changes_no_status(tmp_path: Path, builds: Builds) -> None:
    exe = builds(next(fault for fault in FAULTS if fault.name.startswith("a swapped fee")))
    shutil.copytree(ROOT / "corpus", tmp_path / "streams")
    code, report = doge(tmp_path, "nightly", "--minutes", "0.03", "--seed", "3", "--shadow", exe,
                        "--corpus", "streams", "--causes", "0")  # fmt: skip
    assert code == 1
    _, before = doge(tmp_path, "list")
    broken = tmp_path / "broken-core"
    broken.write_text("#!/bin/sh\nexit 7\n")
    broken.chmod(0o755)
    for shadow, expected in ((broken, 3), (tmp_path / "missing", 2)):
        code, _ = doge(tmp_path, "nightly", "--minutes", "0.02", "--shadow", str(shadow),
                       "--corpus", "streams")  # fmt: skip
        assert code == expected
    _, after = doge(tmp_path, "list")
    divergences = [one for one in after if not one["failure"]]
    assert [(one["id"], one["status"]) for one in divergences] == [
        (one["id"], one["status"]) for one in before
    ]
    assert {one["status"] for one in divergences} == {"new"}
    _, shown = doge(tmp_path, "show", report["divergences"][0]["id"])
    assert shown["history"] == []
