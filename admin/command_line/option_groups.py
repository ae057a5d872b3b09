"""Options that several commands share, or that belong together, as one parameter of a command."""

import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from typing import Any, get_type_hints


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """The command as typer takes it: each parameter that is a dataclass stands as its fields.

    A field is declared as a parameter would be: a name, `Annotated` with what typer has to know of
    it, and a default.
    """
    wanted = inspect.signature(command, eval_str=True).parameters.values()
    groups: dict[str, Any] = {one.name: one.annotation for one in wanted if _is_group(one)}

    @wraps(command)
    def flat(**given: Any) -> None:
        made = {
            name: group(**{one.name: given.pop(one.name) for one in fields(group)})
            for name, group in groups.items()
        }
        command(**given, **made)

    shown = [one for parameter in wanted for one in _shown(parameter)]
    vars(flat).pop("__wrapped__")  # typer would look through it
    vars(flat)["__signature__"] = inspect.Signature(shown)
    flat.__annotations__ = {one.name: one.annotation for one in shown}
    return flat


def _is_group(parameter: inspect.Parameter) -> bool:
    return isinstance(parameter.annotation, type) and is_dataclass(parameter.annotation)


def _shown(parameter: inspect.Parameter) -> list[inspect.Parameter]:
    if not _is_group(parameter):
        return [parameter.replace(kind=parameter.KEYWORD_ONLY)]
    hints = get_type_hints(parameter.annotation, include_extras=True)
    return [
        inspect.Parameter(
            one.name, parameter.KEYWORD_ONLY, default=one.default, annotation=hints[one.name]
        )
        for one in fields(parameter.annotation)
    ]
