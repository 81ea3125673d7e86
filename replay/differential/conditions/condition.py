"""Conditions: one expression, written by a person, that is true of an occurrence or is not.

Splits use them ("the part in which ...") and explanations ("where ..."). It is Python's own
expression syntax, cut down to what says something about data:

    event == "FillEvent" and state.now < 1e9
    "state.total_fees" in fields and abs(authority - shadow) < 0.01
    phase in ("S1a", "S2") and any(d.kind == "last digit" for d in differences)
    len(state.recovery_orders) > config.max_recovery_slots
    max((o.price for o in state.orders), default=0) > 2 * market_price

Names, all about the one step in question:

    event           the event's class name, or the method ("FillEvent", "check_invariants")
    rule            the part of the reducer at work ("exit fill", "refresh", ...)
    phase           "S0", "S1a", "S1b" or "S2", of the state before; "" where it cannot be read
    price           the event's own price; None where it has none
    market_price    the state's, before the step
    fields          where the answers differ, indices and trades erased ("state.cooldown_until_*")
    kinds           in what way ("last digit", "sign", "magnitude", "missing", ...), in that order
    differences     all of them, each with .path, .field, .kind, .authority and .shadow
    authority       its value in the difference that comes first; None where it has none there
    shadow          likewise
    state.<field>   PairState before the step; state.orders[0].price, state.completed_cycles[-1]...
    config.<field>  EngineConfig in force, with its defaults
    call.<field>    the event itself: call.fee, call.timestamp, ...

With these: `and or not`, `== != < <= > >= in`, `is None`, `+ - * / // % **` of numbers,
`x if y else z`, `a[0]`, `a[1:]`, lists, tuples and sets, comprehensions, and the functions abs,
min, max, round, len, any and all. There is nothing else: no attribute of an object, no method, no
other function. What a condition may cost is bounded, so it cannot hang either.

A condition is refused when it is read where a name is unknown, and where it cannot be a yes or a
no. It is never silently false: where it cannot be evaluated on an occurrence (a price of None is
compared, a PriceTick is asked for its fee) that is an error, too.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from simpleeval import InvalidExpression

from replay.differential.conditions.evaluation import Evaluator, short
from replay.differential.conditions.facts import facts_of
from replay.differential.conditions.grammar import MAX_TEXT, ConditionError, read

__all__ = ["MAX_TEXT", "Condition", "ConditionError", "facts_of"]


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that has been read; equal to another of the same text."""

    text: str
    _tree: ast.expr = field(compare=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads a condition. Raises ConditionError, with the place, where it is not good."""
        text = text.strip()
        return cls(text, read(text))

    def __reduce__(self) -> tuple[Callable[[str], Condition], tuple[str]]:
        return Condition.parse, (self.text,)

    def holds(self, facts: Mapping[str, Any]) -> bool:
        """Whether it is true of an occurrence with these facts (`facts_of`).

        Raises ConditionError where it cannot be evaluated on them.
        """
        evaluator = Evaluator(facts)
        try:
            result = evaluator.eval(self.text, self._tree)
        except ConditionError as error:
            raise ConditionError(f"{self._shown} cannot be told: {error.message}") from error
        except (InvalidExpression, ArithmeticError, TypeError, ValueError, LookupError,
                AttributeError, RecursionError) as error:  # fmt: skip
            reason = str(error) or type(error).__name__
            raise ConditionError(f"{self._shown} cannot be told: {reason}") from error
        finally:
            evaluator.release()
        if not isinstance(result, bool):
            raise ConditionError(f"{self._shown} gives {short(result)}, no yes or no")
        return result

    @property
    def _shown(self) -> str:
        return short(self.text)
