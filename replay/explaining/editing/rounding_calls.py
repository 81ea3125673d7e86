"""Which calls in a core round a number to decimal digits, and which functions only pass on one."""

from __future__ import annotations

import ast
import re

from replay.explaining.editing.source_map import ParsedModule, SourceMap

_NAMES = re.compile(r"_*(rnd|round\w*|\w+_round(ed)?)")
_DIGITS = re.compile(r"\w*(digits|decimals|places|precision)|d|n")


def rounding_functions(sources: SourceMap) -> frozenset[str]:
    """`round`, and the functions of the core that are one by name: of a number and its digits."""
    names = {"round"}
    for module in sources.modules.values():
        for node in module.tree.body:
            if isinstance(node, ast.FunctionDef) and _NAMES.fullmatch(node.name):
                arguments = [argument.arg for argument in node.args.args]
                if len(arguments) == 2 and _DIGITS.fullmatch(arguments[1]):
                    names.add(node.name)
    return frozenset(names)


def rounding_wrappers(sources: SourceMap) -> dict[str, tuple[ast.FunctionDef, ast.Call]]:
    """The functions that do nothing but give back what one rounding call comes to, by name, with
    that call: `def to_price(x, config): return round(x, config.price_decimals)`."""
    names = rounding_functions(sources)
    found: dict[str, tuple[ast.FunctionDef, ast.Call]] = {}
    for module in sources.modules.values():
        for node in module.tree.body:
            if not isinstance(node, ast.FunctionDef) or node.name in names:
                continue
            statements = [line for line in node.body if not isinstance(line, ast.Expr)]
            if len(statements) != 1 or not isinstance(statements[0], ast.Return):
                continue
            inside = [
                call
                for call in ast.walk(statements[0])
                if isinstance(call, ast.Call)
                and isinstance(call.func, ast.Name)
                and call.func.id in names
            ]
            if len(inside) == 1 and len(inside[0].args) == 2:
                found[node.name] = node, inside[0]
    return found


def rounding_calls(sources: SourceMap, module: ParsedModule) -> list[ast.Call]:
    """The calls of rounding functions in a module, in the order of the source."""
    names = rounding_functions(sources)
    return [
        call for call in module.calls if isinstance(call.func, ast.Name) and call.func.id in names
    ]
