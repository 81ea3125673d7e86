"""Evaluates conditions on facts, with bounds on everything that could take long.

The tree was checked when it was read (grammar.py), so what is met here is data alone:
facts, constants, and what comes of them.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simpleeval import EvalWithCompoundTypes

from replay.differential.conditions.facts import Fields
from replay.differential.conditions.grammar import ConditionError

MAX_WORK = 50_000
"""What evaluating a condition once may cost, in parts of it evaluated and elements looked at; some
tenths of a second at the most."""

_MAX_BITS = 4096
_MAX_DIGITS = 400


def short(value: object) -> str:
    """A value in a message: not endless."""
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _numbers(*values: Any) -> None:
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"{short(value)} is no number")


def _result(value: Any) -> Any:
    if isinstance(value, complex):
        raise ValueError("there is no real number for it")
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:
        raise OverflowError("a number is too large")
    return value


def _arithmetic(compute: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def computed(one: Any, other: Any) -> Any:
        _numbers(one, other)
        return _result(compute(one, other))

    return computed


def _power(base: Any, exponent: Any) -> Any:
    if isinstance(base, int) and isinstance(exponent, int) \
            and base.bit_length() * abs(exponent) > _MAX_BITS:  # fmt: skip
        raise OverflowError("a number is too large")
    return base**exponent


def _absolute(value: Any) -> Any:
    _numbers(value)
    return abs(value)


def _rounded(value: Any, digits: Any = None) -> Any:
    _numbers(value)
    if digits is None:
        return round(value)
    if type(digits) is not int or abs(digits) > _MAX_DIGITS:
        raise ValueError(f"cannot round to {short(digits)} digits")
    return round(value, digits)


_ARITHMETIC: Mapping[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: _arithmetic(operator.add),
    ast.Sub: _arithmetic(operator.sub),
    ast.Mult: _arithmetic(operator.mul),
    ast.Div: _arithmetic(operator.truediv),
    ast.FloorDiv: _arithmetic(operator.floordiv),
    ast.Mod: _arithmetic(operator.mod),
    ast.Pow: _arithmetic(_power),
}


class Evaluator(EvalWithCompoundTypes):  # type: ignore[misc]  # ships no types
    """simpleeval with our operators, which takes only so many steps.

    What it meets is data alone (facts and constants), and a field is a key of a record: nothing
    is ever looked up in a Python object.
    """

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self._facts = facts
        self._left = MAX_WORK
        operators: dict[type[ast.AST], Callable[..., Any]] = {
            **_ARITHMETIC,
            ast.Not: operator.not_,
            ast.USub: lambda value: -_numeric(value),
            ast.UAdd: _numeric,
            ast.Eq: self._sized(operator.eq),
            ast.NotEq: self._sized(operator.ne),
            ast.Lt: self._sized(operator.lt),
            ast.LtE: self._sized(operator.le),
            ast.Gt: self._sized(operator.gt),
            ast.GtE: self._sized(operator.ge),
            ast.In: self._sized(lambda one, many: one in many),
            ast.NotIn: self._sized(lambda one, many: one not in many),
            ast.Is: operator.is_,
            ast.IsNot: operator.is_not,
        }
        functions: dict[str, Callable[..., Any]] = {
            "abs": _absolute,
            "round": _rounded,
            "len": len,
            "min": self._sized(min),
            "max": self._sized(max),
            "any": self._sized(any),
            "all": self._sized(all),
        }
        super().__init__(operators, functions, facts)

    def release(self) -> None:
        """Lets go of everything: it refers to itself, and would else wait for the collector."""
        self.nodes = self.operators = self.functions = self.names = None

    def _spend(self, amount: int) -> None:
        self._left -= amount
        if self._left < 0:
            raise ConditionError("it takes too long")

    def _sized(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """What looks at everything in its arguments costs as much as there is in them."""

        def counted(*arguments: Any, **named: Any) -> Any:
            self._spend(sum(len(one) for one in arguments if isinstance(one, Sequence | Mapping)))
            return call(*arguments, **named)

        return counted

    def _eval(self, node: Any) -> Any:
        self._spend(1)
        return super()._eval(node)

    def _check_disallowed_items(self, item: Any) -> None:
        """Nothing to look for: see the class. To look into all that a name stands for each time
        would cost more than the condition."""

    def _eval_name(self, node: ast.Name) -> Any:
        if node.id not in self._facts:
            raise ConditionError(f"{node.id} is not known here")
        return self._facts[node.id]

    def _eval_attribute(self, node: ast.Attribute) -> Any:
        owner = self._eval(node.value)
        if isinstance(owner, Mapping) and node.attr in owner:
            return owner[node.attr]
        title = owner.title if isinstance(owner, Fields) else ast.unparse(node.value)
        if owner is None:
            raise ConditionError(f"{title} is not known here")
        raise ConditionError(f"{title} has no {node.attr}")

    def _eval_boolop(self, node: ast.BoolOp) -> bool:
        decisive = isinstance(node.op, ast.Or)
        return next(
            (decisive for value in node.values if self._yes_or_no(value) is decisive), not decisive
        )

    def _eval_ifexp(self, node: ast.IfExp) -> Any:
        return self._eval(node.body if self._yes_or_no(node.test) else node.orelse)

    def _eval_unaryop(self, node: ast.UnaryOp) -> Any:
        if isinstance(node.op, ast.Not):
            return not self._yes_or_no(node.operand)
        return super()._eval_unaryop(node)

    def _yes_or_no(self, node: ast.expr) -> bool:
        value = self._eval(node)
        if not isinstance(value, bool):
            raise ConditionError(f"{ast.unparse(node)} is {short(value)}, no yes or no")
        return value


def _numeric(value: Any) -> Any:
    _numbers(value)
    return value
