"""What typer says of options and of wrong values, in our words."""

from collections.abc import Callable
from typing import Any

from typer import _coercion, _param_types
from typer.core import TyperArgument, TyperOption

from common.faults import faults_of


def use() -> None:
    """Let typer use them, in every command."""
    # It takes no such thing as an argument; tests/unit/admin/test_command_line.py tells when that
    # ends.
    show: Callable[[TyperOption, Any], str | None] = TyperOption.display_type_rich
    if show is _value_of:
        return
    setattr(TyperOption, "display_type_rich", _value_of)  # noqa: B010
    setattr(TyperOption, "_get_number_range_help_str", _range_of)  # noqa: B010
    setattr(TyperArgument, "display_type_rich", _nothing)  # noqa: B010
    setattr(TyperArgument, "_usage_display_name", _usage_of)  # noqa: B010
    setattr(TyperArgument, "_rich_display_name", _name_of)  # noqa: B010
    for module in (_coercion, _param_types):
        setattr(module, "get_error_msg", _sentence)  # noqa: B010


def _sentence(error: Any) -> str:
    """Of pydantic's ValidationError, its first fault."""
    fault = faults_of(error, with_given=True)[0]
    if fault.kind == "value_error":
        return fault.sentence
    return f"{fault.given!r} {fault.sentence}."


def _value_of(option: TyperOption, ctx: Any) -> str | None:
    """What stands beside an option in a help page: a flag takes no value, so nothing."""
    kind = option.type_descriptor
    if option.is_flag:
        return None
    if option.metavar is not None:
        return str(option.metavar)
    if kind.is_choice:
        return "|".join(str(getattr(choice, "value", choice)) for choice in kind.choices or ())
    if kind.is_path:
        return "PATH"
    return "NUMBER" if kind.is_ranged or kind.annotation in (int, float) else "TEXT"


def _range_of(option: TyperOption) -> str | None:
    """What `[x>=1]` means."""
    low, high = option.min, option.max
    if option.count or (low is None and high is None):
        return None
    if high is None:
        return f"at least {low}"
    return f"at most {high}" if low is None else f"{low} to {high}"


def _nothing(_: TyperArgument, ctx: Any) -> str | None:
    return None


def _name_of(argument: TyperArgument) -> str:
    return str(argument.metavar or argument.name).upper()


def _usage_of(argument: TyperArgument) -> str:
    """`TO...` of one or more, `[ID]...` of any number."""
    name = _name_of(argument)
    return f"{name if argument.required else f'[{name}]'}{'...' if argument.nargs != 1 else ''}"
