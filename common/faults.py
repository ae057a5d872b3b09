"""What a model refuses, in our words: pydantic's faults are read here and nowhere else."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from pydantic import ValidationError

UNNAMED: Final = "cannot be accepted"
"""For kinds without a sentence; a test tries that none of our models has such a fault."""

_MUST_BE_OBJECT: Final = "must be an object"
_MUST_BE_WHOLE: Final = "must be a whole number"
_MUST_BE_NUMBER: Final = "must be a number"
_MUST_BE_BOOLEAN: Final = "must be true or false"

# Kind of fault → what is said about the value; the words in braces are the fault's own.
_SENTENCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "json_invalid": "is not a JSON document in UTF-8: {error}",
        "missing": "is required",
        "extra_forbidden": "is not a known field",
        "model_type": _MUST_BE_OBJECT,
        "model_attributes_type": _MUST_BE_OBJECT,
        "dict_type": _MUST_BE_OBJECT,
        "list_type": "must be an array",
        "too_short": "must have {min_length} or more entries",
        "too_long": "must have at most {max_length} entries",
        "string_type": "must be a string",
        "string_too_short": "must have {min_length} or more characters",
        "string_too_long": "must have at most {max_length} characters",
        "string_pattern_mismatch": "must match the regular expression {pattern}",
        "enum": "must be {expected}",
        "literal_error": "must be {expected}",
        "int_type": _MUST_BE_WHOLE,
        "int_parsing": _MUST_BE_WHOLE,
        "int_parsing_size": _MUST_BE_WHOLE + " of fewer digits",
        "int_from_float": _MUST_BE_WHOLE,
        "float_type": _MUST_BE_NUMBER,
        "float_parsing": _MUST_BE_NUMBER,
        "finite_number": "must be a finite number",
        "bool_type": _MUST_BE_BOOLEAN,
        "bool_parsing": _MUST_BE_BOOLEAN,
        "greater_than": "must be more than {gt}",
        "greater_than_equal": "must be at least {ge}",
        "less_than": "must be less than {lt}",
        "less_than_equal": "must be at most {le}",
    }
)


@dataclass(frozen=True, slots=True)
class ModelFault:
    """One value that a model refuses.

    path: where in the document; kind: pydantic's word; sentence: what is wrong with the value,
    without its name, such as `must be a whole number`; given: the value, if it was asked for.
    """

    path: tuple[str | int, ...]
    kind: str
    sentence: str
    given: Any = None


def faults_of(error: ValidationError, *, with_given: bool = False) -> list[ModelFault]:
    """All that is wrong with a document. with_given: values too, which may be large or secret."""
    return told(error.errors(include_url=False, include_input=with_given))


def told(details: Iterable[Mapping[str, Any]]) -> list[ModelFault]:
    """The same of faults that a framework has taken out of pydantic's error already."""
    return [
        ModelFault(tuple(one["loc"]), one["type"], _sentence(one), one.get("input"))
        for one in details
    ]


def _sentence(fault: Mapping[str, Any]) -> str:
    """A ValueError of a validator of ours is its own sentence."""
    words = fault.get("ctx", {})
    if fault["type"] == "value_error":
        return str(words["error"])
    template = _SENTENCES.get(fault["type"], UNNAMED)
    return template.format_map({name: _shown(value) for name, value in words.items()})


def _shown(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value
