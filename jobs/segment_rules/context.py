"""Where in which rule something is wrong, in one line with the nearest known name."""

import ast
import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from jobs.errors import OperatorError
from jobs.segment_rules.vocabulary import Vocabulary


class RuleError(OperatorError):
    """A rule that cannot be read; the message names segment, line and column."""


@dataclass(frozen=True)
class Context:
    segment: str
    vocabulary: Vocabulary

    def error(self, node: ast.AST, text: str) -> RuleError:
        line, column = getattr(node, "lineno", 2) - 1, getattr(node, "col_offset", 0) + 1
        return RuleError(f"segment {self.segment}, line {line}, column {column}: {text}")

    def unknown(self, node: ast.AST, what: str, name: str, known: Iterable[str]) -> RuleError:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(names) or 'none'}"
        return self.error(node, f"no {what} {name!r}; {hint}")
