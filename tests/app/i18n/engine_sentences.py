"""Reads from the engine's source every sentence an error can say, with `{}` for what is put in."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
ERRORS = {"EngineError", "DataError", "NotFoundError", "RequestError", "StorageError"}
# What only the command line meets: benches, the makers of results and of the demo, training.
UNSEEN = {
    *("bench", "twin", "comparison", "training", "cli", "page.py", "trainer.py", "lessons.py"),
    *("ablation.py", "worlds.py", "errors.py", "ceiling.py"),
}
HOLE = "{}"


class Module:
    """The functions of one file, its constants and what it takes from elsewhere."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        self.constants: dict[str, ast.expr] = {}
        self.taken: dict[str, tuple[str, str]] = {}
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self.constants[node.targets[0].id] = node.value
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
                self.constants[node.target.id] = node.value
            if isinstance(node, ast.ImportFrom) and node.module:
                for name in node.names:
                    self.taken[name.asname or name.name] = (node.module, name.name)
        self.calls = list(_calls(self.tree, None))


@lru_cache
def modules() -> dict[str, Module]:
    """Every module of the engine by its dotted name."""
    found = sorted((ROOT / "engine").rglob("*.py"))
    dotted = (".".join(path.relative_to(ROOT).with_suffix("").parts) for path in found)
    return {name: Module(path) for name, path in zip(dotted, found, strict=True)}


def _calls(node: ast.AST, inside) -> Iterator[tuple[ast.Call, ast.FunctionDef | None]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield child, inside
        yield from _calls(child, child if isinstance(child, ast.FunctionDef) else inside)


@lru_cache
def callers() -> dict[str, list]:
    """Function name → the calls of it in the engine, each with its module and function."""
    found = defaultdict(list)
    for module in modules().values():
        for call, inside in module.calls:
            found[_name(call.func)].append((call, module, inside))
    return found


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


def skeletons(node, module, function, depth=0) -> set[str]:
    """The texts an expression can be; `{}` stands for what only the run knows."""
    if depth > 6:
        return {HOLE}
    again = (module, function, depth + 1)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return {node.value.replace("{", "{{").replace("}", "}}")}
    if isinstance(node, ast.JoinedStr):
        parts = [_part(v, *again) for v in node.values]
        return {"".join(some) for some in product(*parts)}
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        both = product(skeletons(node.left, *again), skeletons(node.right, *again))
        return {a + b if a + b != HOLE * 2 else HOLE for a, b in both}  # a sum of numbers is one
    if isinstance(node, ast.IfExp):
        return skeletons(node.body, *again) | skeletons(node.orelse, *again)
    if isinstance(node, ast.BoolOp):
        return set().union(*(skeletons(value, *again) for value in node.values))
    if isinstance(node, ast.Name):
        return _named(node.id, *again)
    if isinstance(node, ast.Call):
        return _returned(_name(node.func), *again)
    return {HOLE}


def _part(node, module, function, depth) -> set[str]:
    """The texts that a part of an f-string can be; `!r` puts a known one in quotation marks."""
    if not isinstance(node, ast.FormattedValue):
        return skeletons(node, module, function, depth)
    texts = skeletons(node.value, module, function, depth)
    quoted = node.conversion == ord("r")
    return {f"'{text}'" if quoted and text != HOLE else text for text in texts}


def _named(name, module, function, depth) -> set[str]:
    if function is not None:
        given = _assigned(name, function, module)
        if given:
            return set().union(*(skeletons(g, module, function, depth) for g in given))
        if name in _parameters(function):
            return _argument(name, function, depth)
    if name in module.constants:
        return skeletons(module.constants[name], module, None, depth)
    if name in module.taken and module.taken[name][0] in modules():
        source, origin = module.taken[name]
        return _named(origin, modules()[source], None, depth)
    return {HOLE}


def _assigned(name, function, module) -> list[ast.expr]:
    """What is assigned to a name in a function, by itself or in a tuple."""
    found = []
    for node in ast.walk(function):
        if isinstance(node, ast.For):
            found += _looped(name, node, module)
        if not isinstance(node, ast.Assign | ast.NamedExpr):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            if isinstance(target, ast.Name) and target.id == name:
                found.append(node.value)
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = zip(target.elts, node.value.elts, strict=True)
                found += [v for t, v in pairs if isinstance(t, ast.Name) and t.id == name]
    return found


def _looped(name, loop, module) -> list[ast.expr]:
    """What a loop over a constant table of the module gives a name."""
    table = module.constants.get(_name(loop.iter))
    names = [_name(t) for t in getattr(loop.target, "elts", [])]
    if name not in names or not isinstance(table, ast.Tuple):
        return []
    return [row.elts[names.index(name)] for row in table.elts if isinstance(row, ast.Tuple)]


def _parameters(function) -> list[str]:
    return [a.arg for a in (*function.args.args, *function.args.kwonlyargs)]


def _argument(name, function, depth) -> set[str]:
    """What callers of a function give for a parameter."""
    places = [p for p in _parameters(function) if p not in ("self", "cls")]
    found: set[str] = set()
    for call, module, inside in callers()[function.name]:
        given = {k.arg: k.value for k in call.keywords}
        given |= dict(zip(places, call.args, strict=False))
        if name in given:
            found |= skeletons(given[name], module, inside, depth)
    for argument, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        if argument.arg == name and default is not None:
            found |= skeletons(default, modules()["engine.core.errors"], None, depth)
    return found or {HOLE}


def _returned(name, module, function, depth) -> set[str]:
    """What a function of the same module returns as text."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            returns = [r.value for r in ast.walk(node) if isinstance(r, ast.Return) and r.value]
            texts = isinstance(node.returns, ast.Name) and node.returns.id == "str"
            if texts and returns:
                return set().union(*(skeletons(r, module, node, depth) for r in returns))
    return {HOLE}


def sentences() -> dict[str, str]:
    """Skeleton of every `what` and `remedy` that the dashboard can meet → where it is said."""
    found: dict[str, str] = {}
    for module in modules().values():
        place = module.path.relative_to(ROOT)
        if UNSEEN & set(place.parts):
            continue
        for call, inside in module.calls:
            if _name(call.func) not in ERRORS:
                continue
            said = [*call.args[:1], *(k.value for k in call.keywords if k.arg == "remedy")]
            for text in said:
                for skeleton in skeletons(text, module, inside):
                    if skeleton.strip():
                        found.setdefault(skeleton, f"{place}:{call.lineno}")
    return found
