"""What typer says of options and of wrong values, in our words."""

from collections.abc import Callable
from typing import Any

from typer import _coercion, _param_types
from typer.core import TyperOption

_WORDS: dict[str, str] = {
    "int_parsing": "{input!r} is no whole number.",
    "int_from_float": "{input!r} is no whole number.",
    "float_parsing": "{input!r} is no number.",
    "greater_than_equal": "{input} is too small: at least {ge}.",
    "less_than_equal": "{input} is too large: at most {le}.",
}


def use() -> None:
    """Let typer use them, in every command."""
    # It takes no such thing as an argument; tests/unit/test_command_line.py tells when this ends.
    show: Callable[[TyperOption, Any], str | None] = TyperOption.display_type_rich
    if show is _type_of:
        return
    setattr(TyperOption, "display_type_rich", _type_of)  # noqa: B010
    for module in (_coercion, _param_types):
        setattr(module, "get_error_msg", _sentence)  # noqa: B010


def _sentence(error: Any) -> str:
    """Of pydantic's ValidationError, its first fault."""
    fault = error.errors(include_url=False)[0]
    words = _WORDS.get(fault["type"])
    if words is None:
        return str(fault["msg"]).removeprefix("Value error, ")
    return words.format(input=fault["input"], **fault.get("ctx", {}))


_shown_by_typer = TyperOption.display_type_rich


def _type_of(option: TyperOption, ctx: Any) -> str | None:
    """What stands beside an option in a help page: a flag takes no value, so nothing."""
    return None if option.is_flag else _shown_by_typer(option, ctx)
