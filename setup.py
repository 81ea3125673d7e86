"""Puts what ships beside the code into the package when a wheel is made (replay/shipped.py)."""

import shutil
import subprocess
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
SHIPPED = (
    "corpus/*.stream",
    "docs/contract/*.md",
    "examples/*",
    "haskell/doge-core.cabal",
    "haskell/app/**/*.hs",
    "haskell/src/**/*.hs",
    "scripts/build-core",
    "scripts/install.sh",
)


class BuildWithShipped(build_py):
    """The package as it stands, then what is kept elsewhere in a checkout, and its revision."""

    def run(self) -> None:
        """Copies all into the folder that the wheel is made of."""
        super().run()
        if self.editable_mode:
            return
        package = Path(self.build_lib, "replay")
        for pattern in SHIPPED:
            for file in sorted(ROOT.glob(pattern)):
                if file.is_file():
                    to = package / "shipped" / file.relative_to(ROOT)
                    to.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(file, to)
        (package / "REVISION").write_text(f"{_revision()}\n", "utf-8")


def _revision() -> str:
    try:
        asked = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude", "*"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return "unknown"
    return asked.stdout.strip() or "unknown"


setup(cmdclass={"build_py": BuildWithShipped})
