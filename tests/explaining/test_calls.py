"""Which functions others may call, as far as the source tells."""

from __future__ import annotations

from replay.explaining.editing.calls import with_called
from replay.explaining.editing.source_map import SourceMap

SOURCE = """
class Checker:
    def run(self):
        if self.state:
            self.rare()
        return helper(self.state)

    def rare(self):
        return self.shape.is_odd()

    def never(self):
        return 1


class Engine:
    def run(self):
        return self.never_of_engine()

    def never_of_engine(self):
        return 2


class Shape:
    def is_odd(self):
        return False


def helper(state):
    return Checker(state).run()


def other():
    return helper(1)
"""


def test_what_did_not_run_may_be_called_all_the_same() -> None:
    called = with_called(SourceMap({"m": SOURCE}, {"m": "m.py"}), ["m.Checker.run"])
    assert called == {"m.Checker.run", "m.Checker.rare", "m.Shape.is_odd", "m.helper"}


def test_of_methods_with_one_name_only_its_own_is_meant() -> None:
    map = SourceMap({"m": SOURCE}, {"m": "m.py"})
    assert "m.Engine.run" not in with_called(map, ["m.other"])
    assert with_called(map, ["m.Engine.run"]) == {"m.Engine.run", "m.Engine.never_of_engine"}
