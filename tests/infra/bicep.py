"""Reads the Bicep templates as far as they need: what would be deployed for given parameters, as
plain values.

The grammar is tree-sitter's. There is no compiler here: neither types nor parameters of registry
modules are checked. What only Azure knows (outputs of registry modules, functions of the
surroundings) becomes a text such as `<identity.outputs.principalId>`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tree_sitter
import tree_sitter_bicep

_PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bicep.language()))

Node = tree_sitter.Node


@dataclass(frozen=True)
class Declaration:
    """One `param`, `var`, `module`, `resource` or `output` with its decorators, by name."""

    kind: str
    node: Node
    decorators: Mapping[str, list[Node]]

    @property
    def value(self) -> Node | None:
        """What stands behind `=`."""
        children = self.node.children
        signs = [index for index, child in enumerate(children) if child.type == "="]
        return children[signs[0] + 1] if signs else None

    @property
    def source(self) -> str:
        """Of a module or a resource: what it is made from."""
        return next(
            text_of(child)[1:-1] for child in self.node.named_children if child.type == "string"
        )


@dataclass(frozen=True)
class Deployed:
    """A registry module with the parameters that it gets; `name` is its symbol."""

    name: str
    source: str
    params: dict[str, Any]


def text_of(node: Node) -> str:
    assert node.text is not None
    return node.text.decode()


def mistakes_in(source: bytes) -> list[str]:
    """Every place that is not Bicep, as `line 3: …`."""
    return [
        f"line {node.start_point.row + 1}: {text_of(node)[:60]!r}"
        for node in walk(_PARSER.parse(source).root_node)
        if node.is_error or node.is_missing
    ]


def walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from walk(child)


class Template:
    """One file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tree = _PARSER.parse(path.read_bytes())
        self.declarations: dict[tuple[str, str], Declaration] = {}
        decorators: dict[str, list[Node]] = {}
        for node in self.tree.root_node.named_children:
            if node.type == "decorators":
                calls = [child.named_children[0] for child in node.named_children]
                decorators = {text_of(_field(call, "function")): _arguments(call) for call in calls}
            elif node.type.endswith("_declaration"):
                name = next(
                    text_of(child) for child in node.named_children if child.type == "identifier"
                )
                kind = node.type.removesuffix("_declaration")
                self.declarations[kind, name] = Declaration(kind, node, decorators)
                decorators = {}

    def all(self, kind: str) -> dict[str, Declaration]:
        return {
            name: declaration for (of, name), declaration in self.declarations.items() if of == kind
        }


class Deployment:
    """A template with its parameters: `deployed` are its registry modules and those of its local
    modules."""

    def __init__(self, path: Path, params: Mapping[str, Any]) -> None:
        self.template = Template(path)
        self.params = params
        self.locals: dict[str, Deployment] = {}
        self.deployed: list[Deployed] = []
        for name, module in self.template.all("module").items():
            self._deploy(name, module)
        self.outputs = {
            name: self.evaluate(_known(output.value), {})
            for name, output in self.template.all("output").items()
        }

    def _deploy(self, name: str, module: Declaration) -> None:
        body = _known(module.value)
        if body.type == "if_statement":
            condition, body = body.named_children
            if not self.evaluate(condition, {}):
                return
        params = self.evaluate(body, {})["params"]
        if module.source.startswith("br/"):
            self.deployed.append(Deployed(name, module.source, params))
        else:
            self.locals[name] = Deployment(self.template.path.parent / module.source, params)
            self.deployed += self.locals[name].deployed

    def evaluate(self, node: Node, scope: Mapping[str, Any]) -> Any:
        """The value of an expression; `scope` has the parameters of the lambdas around it."""
        return getattr(self, f"_{node.type}")(node, scope)

    def _string(self, node: Node, scope: Mapping[str, Any]) -> str:
        parts = [child for child in node.children if child.type != "'"]
        return "".join(
            text_of(part)
            if part.type == "string_content"
            else str(self.evaluate(part.named_children[0], scope))
            for part in parts
        )

    def _number(self, node: Node, _scope: Mapping[str, Any]) -> int:
        return int(text_of(node))

    def _boolean(self, node: Node, _scope: Mapping[str, Any]) -> bool:
        return text_of(node) == "true"

    def _null(self, _node: Node, _scope: Mapping[str, Any]) -> None:
        return None

    def _array(self, node: Node, scope: Mapping[str, Any]) -> list[Any]:
        return [
            self.evaluate(child, scope) for child in node.named_children if child.type != "comment"
        ]

    def _object(self, node: Node, scope: Mapping[str, Any]) -> dict[str, Any]:
        values = {}
        for item in (child for child in node.named_children if child.type != "comment"):
            key, value = item.named_children
            values[text_of(key).strip("'")] = self.evaluate(value, scope)
        return values

    def _parenthesized_expression(self, node: Node, scope: Mapping[str, Any]) -> Any:
        return self.evaluate(node.named_children[0], scope)

    def _ternary_expression(self, node: Node, scope: Mapping[str, Any]) -> Any:
        branch = "consequence" if self.evaluate(_field(node, "condition"), scope) else "alternative"
        return self.evaluate(_field(node, branch), scope)

    def _unary_expression(self, node: Node, scope: Mapping[str, Any]) -> bool:
        assert text_of(_field(node, "operator")) == "!"
        return not self.evaluate(_field(node, "argument"), scope)

    def _binary_expression(self, node: Node, scope: Mapping[str, Any]) -> bool:
        left, right = (self.evaluate(_field(node, side), scope) for side in ("left", "right"))
        operators: dict[str, Callable[[], bool]] = {
            "==": lambda: left == right,
            "!=": lambda: left != right,
            "&&": lambda: left and right,
            "||": lambda: left or right,
        }
        return operators[text_of(_field(node, "operator"))]()

    def _identifier(self, node: Node, scope: Mapping[str, Any]) -> Any:
        name = text_of(node)
        if name in scope:
            return scope[name]
        if ("variable", name) in self.template.declarations:
            return self.evaluate(_known(self.template.all("variable")[name].value), {})
        if ("parameter", name) in self.template.declarations:
            default = self.template.all("parameter")[name].value
            return self.params[name] if name in self.params else self.evaluate(_known(default), {})
        return f"<{name}>"

    def _member_expression(self, node: Node, scope: Mapping[str, Any]) -> Any:
        module, *path = text_of(node).split(".")
        if module in self.locals:
            assert path[0] == "outputs"
            return self.locals[module].outputs[path[1]]
        return f"<{text_of(node)}>"

    def _subscript_expression(self, node: Node, scope: Mapping[str, Any]) -> Any:
        whole, index = (self.evaluate(_field(node, part), scope) for part in ("object", "index"))
        return f"{whole}[{index}]" if isinstance(whole, str) else whole[index]

    def _call_expression(self, node: Node, scope: Mapping[str, Any]) -> Any:
        arguments = _arguments(node)
        match text_of(_field(node, "function")), arguments:
            case "empty", [one]:
                return not self.evaluate(one, scope)
            case "union", _:
                return _union([self.evaluate(one, scope) for one in arguments])
            case "split", [one, by]:
                return self.evaluate(one, scope).split(self.evaluate(by, scope))
            case "replace", [one, old, new]:
                return self.evaluate(one, scope).replace(
                    self.evaluate(old, scope), self.evaluate(new, scope)
                )
            case "trim", [one]:
                return self.evaluate(one, scope).strip()
            case "map", [items, rule]:
                return [self._apply(rule, item, scope) for item in self.evaluate(items, scope)]
            case "filter", [items, rule]:
                return [
                    item for item in self.evaluate(items, scope) if self._apply(rule, item, scope)
                ]
            case _:
                return f"<{text_of(node)}>"

    def _apply(self, rule: Node, item: Any, scope: Mapping[str, Any]) -> Any:
        name, body = rule.named_children
        return self.evaluate(body, {**scope, text_of(name): item})


def _union(values: list[Any]) -> Any:
    if isinstance(values[0], list):
        return list(dict.fromkeys(item for value in values for item in value))
    return {name: item for value in values for name, item in value.items()}


def _arguments(call: Node) -> list[Node]:
    return [child for child in _field(call, "arguments").named_children if child.type != "comment"]


def _field(node: Node, name: str) -> Node:
    return _known(node.child_by_field_name(name))


def _known(node: Node | None) -> Node:
    assert node is not None
    return node
