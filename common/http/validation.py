"""What is wrong with a request, as one problem that names every fault and where it is."""

import difflib
import re
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from types import MappingProxyType
from typing import Annotated, Any, Final, TypeVar

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ValidationError
from starlette.datastructures import QueryParams

from common.faults import ModelFault, faults_of
from common.http.problems import FieldFault, Problem, pointer

MAX_FAULTS = 100  # shown; a hostile body may have as many as it has bytes
NO_TAGS: Final[Mapping[str, Set[str]]] = MappingProxyType({})
_MAX_DETAILED_FAULTS = 1000
_NUMBER: Final = re.compile(r"\s*[-+]?[\d._]+(e[-+]?\d+)?\s*", re.IGNORECASE)

Checked = TypeVar("Checked", bound=BaseModel)


def _no_number(text: Any) -> Any:
    """Pydantic would take a number for seconds since 1970, or for milliseconds of a great one."""
    if isinstance(text, str) and _NUMBER.fullmatch(text):
        raise ValueError("is a number: write a date and a time, such as 2026-05-01T12:30:00Z")
    return text


Moment = Annotated[AwareDatetime, BeforeValidator(_no_number)]
"""A parameter of a query in ISO 8601 with its offset."""


def invalid_request(faults: Sequence[FieldFault]) -> Problem:
    """The problem that names these faults."""
    first = faults[0]
    more = f" (and {len(faults) - 1} more, see errors)" if len(faults) > 1 else ""
    where = f"{first.path}: " if first.path else ""
    return Problem("invalid_request", f"{where}{first.message}{more}", faults=faults[:MAX_FAULTS])


def problem_of(
    error: ValidationError, model: type[BaseModel], union_tags: Mapping[str, Set[str]] = NO_TAGS
) -> Problem:
    """The problem that names what pydantic found wrong with a request, read as this model.

    union_tags: by field, the names that the model gave to the members of a union there; pydantic
    puts them into the location of a fault, but they are no part of the document.
    """
    if error.error_count() > _MAX_DETAILED_FAULTS:  # each costs time to put into words
        return invalid_request([FieldFault("", f"{error.error_count()} faults; too many to list")])
    found = faults_of(error)
    if found[0].kind == "json_invalid":
        return Problem("malformed_json", f"the body {found[0].sentence}")
    return invalid_request([_fault_of(fault, model, union_tags) for fault in found])


def read_query(model: type[Checked], query: QueryParams) -> Checked:
    """Check the parameters of a query, each of which may be given once. Raises Problem."""
    given = Counter(name for name, _ in query.multi_items())
    if repeated := [name for name, times in given.items() if times > 1]:
        sentence = "is given more than once"
        raise invalid_request([FieldFault(pointer(name), sentence) for name in repeated])
    try:
        return model.model_validate(dict(query))
    except ValidationError as error:
        raise problem_of(error, model) from None


def read_body(model: type[Checked], body: bytes) -> Checked:
    """Check a JSON body. Raises Problem."""
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        raise problem_of(error, model) from None


def _fault_of(
    fault: ModelFault, model: type[BaseModel], union_tags: Mapping[str, Set[str]]
) -> FieldFault:
    location = [part for part in fault.path if part != "[key]"]
    tags = union_tags.get(str(location[0]), ()) if location else ()
    location = [part for part in location if part not in tags]
    sentence = fault.sentence
    if fault.kind == "extra_forbidden" and len(location) == 1:
        sentence += _nearest(str(location[0]), model)
    return FieldFault(pointer(*location), sentence)


def _nearest(name: str, model: type[BaseModel]) -> str:
    known = [field.alias or own for own, field in model.model_fields.items()]
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""
