"""Options of the command line, made of the fields of dataclasses that `reencrypt.option.option` declares."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import MISSING, Field, fields
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

import click

from reencrypt.cli.candidates import candidates
from reencrypt.option import Option
from reencrypt.suggestion import did_you_mean, joined

#: Where the number of an option has no limit of its own: enough for seconds (30 years) and for secrets.
_LARGEST: Final = 1_000_000_000


def _sensible(limits: type[click.IntRange | click.FloatRange]) -> type[click.ParamType[Any]]:
    """The ranges of a type, without the numbers at which every timer fails: no comparison keeps `nan` out."""

    class Sensible(limits):  # type: ignore[valid-type, misc]
        def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
            number = super().convert(value, param, ctx)
            if not number <= _LARGEST:
                self.fail(f"It can be {_LARGEST:,} at most.", param, ctx)
            return number

    return Sensible


_INTEGERS: Final = _sensible(click.IntRange)
_FLOATS: Final = _sensible(click.FloatRange)


class Choice(click.Choice[str]):
    """One of some words. Another one that looks like one of them gets a question."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:  # noqa: ANN401 - as click has it
        """Say what the words are, and which may be meant."""
        message = super().get_invalid_choice_message(value, ctx)
        return joined(message, did_you_mean(str(value), self.choices))


def _is_utf_8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class StatedOption(click.Option):
    """An option of the command line, as a field of a group states it."""

    def __init__(self, group: type, field: Field[Any], hint: Any) -> None:  # noqa: ANN401 - a type, whatever it is
        self.stated: Option = field.metadata["option"]
        self.group, self.field = group, field.name
        self._several = get_origin(hint) if get_origin(hint) in (tuple, frozenset) else None
        # The `T` of `T | None`, `tuple[T, ...]` and `frozenset[T]`.
        self._kind = hint if get_origin(hint) is Literal else next(iter(get_args(hint)), hint)
        attributes: dict[str, Any] = {"required": field.default is MISSING}
        if field.default not in (MISSING, None, False, 0, (), frozenset()):
            attributes |= {"default": field.default, "show_default": True}
        if self.stated.early is not None:
            attributes |= {"is_eager": True, "callback": self.stated.early}
        if self.stated.completes:
            kind = self.stated.completes
            attributes["shell_complete"] = lambda ctx, _option, incomplete: candidates(kind, ctx, incomplete)
        super().__init__(
            self.stated.names,
            help=self.stated.explanation,
            metavar=self.stated.metavar,
            envvar=self.stated.variable,
            type=self._type(),
            is_flag=self._kind is bool or None,  # click lets the value be left out where this is False
            multiple=self._several is not None,
            count=self.stated.counts,
            **attributes,
        )

    def _type(self) -> click.ParamType[Any] | None:
        if self._kind is bool or self.stated.counts:
            return None
        if get_origin(self._kind) is Literal:
            return Choice(get_args(self._kind))
        if issubclass(self._kind, Enum):
            return Choice([each.value for each in self._kind])
        if self._kind is Path:
            return click.Path(path_type=Path)
        if self._kind in (int, float):
            limits: Callable[..., click.ParamType[Any]] = _INTEGERS if self._kind is int else _FLOATS
            least = self.stated.minimum if self.stated.above is None else self.stated.above
            return limits(least, self.stated.maximum, min_open=self.stated.above is not None)
        return click.STRING

    def explained(self, meaning: str) -> StatedOption:
        """The same option, with the words of one command."""
        other = copy(self)
        other.help = meaning
        return other

    def before_command(self) -> StatedOption:
        """The same option where it stands before the command, which is the one to read it."""
        other = copy(self)
        other.envvar = other.callback = other.default = None
        other.expose_value = other.is_eager = False
        return other

    def takes(self, value: object) -> bool:
        """Whether a settings file can give the option this value; `true` is no number, and `"5"` is none either."""
        if self._several is not None:
            return isinstance(value, list) and all(isinstance(each, str) for each in value)
        if self._kind is bool:
            return isinstance(value, bool)
        if self._kind is int:
            return isinstance(value, int) and not isinstance(value, bool)
        if self._kind is float:
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        return isinstance(value, str)

    @property
    def example(self) -> str:
        """A value as a settings file gives it."""
        if self._several is not None:
            return '["…"]'
        return {bool: "true", int: "100", float: "0.5"}.get(self._kind, '"…"')

    def read(self, given: Any) -> Any:  # noqa: ANN401 - click's value for the field's
        """The value of the field; raises `click.BadParameter`, or what `parse` raises."""
        is_enum = isinstance(self._kind, type) and issubclass(self._kind, Enum)
        parse = self.stated.parse or (self._kind if is_enum else lambda value: value)
        texts = given if self._several else [given]
        if any(isinstance(text, str) and not _is_utf_8(text) for text in texts or ()):
            raise click.BadParameter("it is not text in UTF-8", param=self)
        try:
            if self._several:
                return self._several(map(parse, given))
            return None if given is None else parse(given)
        except ValueError as error:
            raise click.BadParameter(str(error), param=self) from None


@cache
def options_of(group: type) -> tuple[StatedOption, ...]:
    """The options of a group, in its order."""
    hints = get_type_hints(group)
    return tuple(StatedOption(group, each, hints[each.name]) for each in fields(group))
