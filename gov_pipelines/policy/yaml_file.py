"""YAML as people write it: version 1.2, safe, each value's line known, every mistake reported at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from gov_pipelines.errors import ConfigurationError, Mistake, WrongUse
from gov_pipelines.policy.strict import SHAPES, words_of

Place = tuple[str | int, ...]
_Model = TypeVar("_Model", bound=BaseModel)
_DEEPEST = 32  # levels; half of what signed JSON may have
_LARGEST = 2**53 - 1  # what every reader of signed JSON reads as the same number
_SAID = {  # the parser's words, and what they mean to the one who wrote the line
    "expected <block end>": "this line is indented like none above it",
    "found character '\\t'": "this line is indented with a tab",
    "mapping values are not allowed": "a second `: ` stands here, or the line above is indented less than it should be",
    "could not find expected ':'": "a `:` is missing here",
}
_PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp")}


@dataclass(frozen=True, slots=True)
class YamlFile:
    """A parsed file.

    Attributes:
        name: the file as a person would name it, such as `assets/hiring/defs.yaml`.
        content: plain dictionaries, lists and scalars.
        lines: 1-based line by path; a field's line is that of its key, an element's that of its value.
        unreadable: mistakes that leave the rest of the file readable, such as a key that stands twice.
    """

    name: str
    content: Any
    lines: Mapping[Place, int] = field(repr=False)
    unreadable: tuple[Mistake, ...] = ()

    def mistake(self, path: Place, problem: str, remedy: str) -> Mistake:
        """A mistake at a path; a path that is not in the file (a missing field) takes its parent's line."""
        known = next((path[:end] for end in range(len(path), -1, -1) if path[:end] in self.lines), ())
        return Mistake(self.name, self.lines.get(known, 0), self.dotted(path), problem, remedy)

    def at(self, path: Place) -> Any:
        """The value at a path, None where there is none."""
        value = self.content
        for step in path:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def dotted(self, path: Place) -> str:
        """A path for people: elements of a list by their `id` where they have one, else by their position."""
        words = ""
        for end, step in enumerate(path, start=1):
            if isinstance(step, str):
                words += f".{step}" if words else step
                continue
            element = self.at(path[:end])
            named = element.get("id") if isinstance(element, Mapping) else None
            words += f"[{named if isinstance(named, str) else step}]"
        return words or "the whole file"

    def read_as(self, model: type[_Model]) -> _Model:
        """The content as a model.

        Raises:
            ConfigurationError: with every mistake, in the file's own lines.
        """
        mistakes = list(self.unreadable)
        told = {mistake.field for mistake in mistakes}
        try:
            value = model.model_validate(self.content)
        except ValidationError as error:
            mistakes += [mistake for mistake in self._mistakes(error) if mistake.field not in told]
            raise ConfigurationError(mistakes) from None
        if mistakes:
            raise ConfigurationError(mistakes)
        return value

    def _mistakes(self, error: ValidationError) -> list[Mistake]:
        """Every error of a `Strict` model; the branches of a union are told as one."""
        # Of two branches at one place, the one that names values says more than the one that names a shape.
        errors = sorted(error.errors(), key=lambda details: details["type"] in SHAPES)
        found = [(self._place(details), details) for details in errors]
        mistakes: dict[Place, Mistake] = {}
        for place, details in found:
            in_union = len(place) < len(details["loc"])
            if place in mistakes or (in_union and any(place == other[: len(place)] != other for other, _ in found)):
                continue
            mistakes[place] = self.mistake(place, *words_of(details, {}))
        return list(mistakes.values())

    def _place(self, details: ErrorDetails) -> Place:
        """Where an error is in the file; steps that name a branch of a union are in none and are passed over."""
        *above, last = details["loc"] or (None,)
        place: Place = ()
        for step in above:
            place = (*place, step) if step is not None and self._has(place, step) else place
        if last is not None and (details["type"] == "missing" or self._has(place, last)):
            place = (*place, last)
        return place

    def _has(self, place: Place, step: str | int) -> bool:
        value = self.at(place)
        return step in value if isinstance(value, Mapping) else isinstance(value, list) and step in range(len(value))


def read_yaml(path: Path, name: str, *, templates: bool = True) -> YamlFile:
    """Read one YAML document. What can be told beside the model's own mistakes waits for `YamlFile.read_as`.

    Args:
        path: the file.
        name: how messages name it.
        templates: False refuses `{{` and `{%`, which Dagster would evaluate as code.

    Raises:
        WrongUse: the file cannot be opened.
        ConfigurationError: it is not YAML 1.2.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            [Mistake(name, 0, "the whole file", "is not UTF-8 text", "Save it as UTF-8.")]
        ) from error
    except OSError as error:
        raise WrongUse(f"{name} cannot be read: {error.strerror}. Check that it exists and may be read.") from error
    yaml = YAML(typ="safe", pure=True)
    try:
        root = yaml.compose(text)
    except (YAMLError, RecursionError, ValueError) as error:  # too deep; an escape that names no character
        raise ConfigurationError([_unreadable(name, error)]) from error
    walk = _Walk(name, yaml, templates)
    content = walk.value(root, ()) if root is not None else None
    return YamlFile(name, content, walk.lines, tuple(walk.mistakes))


def _unreadable(name: str, error: Exception) -> Mistake:
    mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
    otherwise = "it nests too deep" if isinstance(error, RecursionError) else "cannot be parsed"
    said = (error.problem if isinstance(error, MarkedYAMLError) else None) or otherwise
    said = next((words for start, words in _SAID.items() if said.startswith(start)), said)
    remedy = "One document a file; quote texts that hold `: ` or start with a sign, and indent with spaces."
    return Mistake(name, mark.line + 1 if mark else 0, "the whole file", f"is not YAML: {said}", remedy)


class _Walk:
    """Turns nodes into plain values, noting lines and mistakes."""

    def __init__(self, name: str, yaml: YAML, templates: bool) -> None:
        self.name = name
        self.yaml = yaml
        self.templates = templates
        self.lines: dict[Place, int] = {}
        self.mistakes: list[Mistake] = []

    def value(self, node: Node, path: Place) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if node.anchor:
            self._wrong(node, path, f"has the anchor `&{node.anchor}`", "Write the value out where it is used.")
            return None
        if len(path) > _DEEPEST:
            self._wrong(node, path, f"lies deeper than {_DEEPEST} levels", "Write it with fewer brackets or indents.")
            return None
        if isinstance(node, MappingNode):
            return dict(self._entries(node, path))
        if isinstance(node, SequenceNode):
            return [self.value(element, (*path, place)) for place, element in enumerate(node.value)]
        assert isinstance(node, ScalarNode)  # the composer makes these three
        return self._scalar(node, path)

    def _entries(self, node: MappingNode, path: Place) -> Iterator[tuple[str, Any]]:
        first: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = self._scalar(key_node, path) if isinstance(key_node, ScalarNode) else None
            if not isinstance(key, str):
                problem = f"has the key `{key_node.value}`, which is not text"
                self._wrong(key_node, path, problem, 'Put it in quotes, such as "1".')
            elif key in first:
                self._wrong(key_node, (*path, key), f"stands twice, first in line {first[key]}", "Keep one of the two.")
            else:
                first[key] = line
                self.lines[*path, key] = line
                yield key, self.value(value_node, (*path, key))

    def _scalar(self, node: ScalarNode, path: Place) -> Any:
        if str(node.tag) not in _PLAIN_TAGS:
            self._wrong(node, path, f"has the tag `{node.tag}`", "Write a plain value.")
            return None
        if not self.templates and any(opening in node.value for opening in ("{{", "{%")):
            self._wrong(node, path, "holds a template, which Dagster would run as code", "Write the value itself.")
            return None
        if any("\ud800" <= letter <= "\udfff" for letter in node.value):
            self._wrong(node, path, "holds half a character (a lone surrogate)", "Write the whole character.")
            return None
        try:
            value = self.yaml.constructor.construct_object(node)
        except (KeyError, ValueError, YAMLError):  # such as 2026-13-01: the model says what it expected instead
            return node.value
        if isinstance(value, int | float) and not abs(value) <= _LARGEST:
            self._wrong(
                node, path, "is not a number of ordinary size", f"Write one between {-_LARGEST} and {_LARGEST}."
            )
            return None
        return value

    def _wrong(self, node: Node, path: Place, problem: str, remedy: str) -> None:
        dotted = ".".join(str(step) for step in path) or "the whole file"
        said = problem.encode(errors="backslashreplace").decode()  # a key may hold half a character
        self.mistakes.append(Mistake(self.name, node.start_mark.line + 1, dotted, said, remedy))
