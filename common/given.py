"""What is given as `GATEWAY_*`: by the environment, and by `.env`, which is read strictly.

A line of ours that cannot be read is an error: what it was meant to set would be left at its
default, and messages could go elsewhere. Those of other programs are passed over, and told. Values
mean what they mean to python-dotenv (quotes, `export`, `${NAME}`), but in single quotes `${NAME}`
stays as it is, as in a shell: a password may hold it.
"""

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Final

from dotenv.parser import Binding, parse_stream
from dotenv.variables import parse_variables

from common.errors import NotNowError, SettingsError

PREFIX: Final = "GATEWAY_"
ENV_FILE: Final = f"{PREFIX}ENV_FILE"
ENVIRONMENT: Final = "the environment"

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SERVICE_LINK: Final = ("tcp://", "udp://", "sctp://")
_LINE_END: Final = re.compile(r"\r\n|\n|\r")
_OURS: Final = re.compile(r"^\s*(export\s+)?[\"']?GATEWAY", re.IGNORECASE | re.MULTILINE)
_PATH: Final = re.compile(r"(/|\./|\.\./|~/)[\w./ @-]*")  # no + or =, as keys in base64 have
_IN_SINGLE_QUOTES: Final = re.compile(
    r"\s*(export[^\S\r\n]+)?('[^']+'|[^=#\s]+)[^\S\r\n]*=[^\S\r\n]*'"
)


@dataclass(frozen=True, slots=True)
class Given:
    """A variable that is set to something; place: `/etc/gateway.env, line 7`, or ENVIRONMENT."""

    variable: str
    text: str = field(repr=False)
    place: str


def env_file(environment: Mapping[str, str] = os.environ) -> Path:
    """The file that settings are read from: `.env` here, or what GATEWAY_ENV_FILE names."""
    return Path(environment.get(ENV_FILE) or ".env")


def environment_with(**more: str) -> dict[str, str]:
    """The environment of a process of ours that this one starts."""
    return os.environ | more


def is_service_link(given: Given) -> bool:
    """Whether Kubernetes has set it: `GATEWAY_API_PORT=tcp://10.0.0.1:80`, for gateway-api."""
    return "_PORT" in given.variable and given.text.startswith(_SERVICE_LINK)


def has_env_file(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether settings are read from a file at all."""
    return bool(environment.get(ENV_FILE)) or os.path.exists(env_file(environment))


def read_given(environment: Mapping[str, str] | None = None) -> list[Given]:
    """All variables of `.env`, and those of ours in the environment, which wins.

    environment: a mapping that counts alone, instead of both. Raises SettingsError, with a line for
    each fault of the file; it never quotes a value.
    """
    found: dict[str, Given] = {}
    if environment is None:
        environment = os.environ
        found |= {one.variable: one for one in _read_usual_file(environment)}
    for variable, text in environment.items():
        if variable.startswith(PREFIX):
            found[variable] = Given(variable, text, ENVIRONMENT)
    return [one for one in found.values() if one.text]


def read_env_file(path: Path, environment: Mapping[str, str] | None = None) -> list[Given]:
    """All variables of a file like `.env`. Raises SettingsError, as above.

    environment: what `${NAME}` may stand for beside the names that the file itself has set before.
    """
    texts = dict(environment or {})
    found: dict[str, Given] = {}
    faults: list[str] = []
    for binding in parse_stream(StringIO(_decoded(path))):
        place = f"{path}, line {_line(binding)}"
        faults += [f"{place}: {fault}" for fault in _faults(binding)]
        if binding.key is not None:
            texts[binding.key] = _meaning(binding, texts)
            found[binding.key] = Given(binding.key, texts[binding.key], place)
    if faults:
        raise SettingsError("\n".join(faults))
    return [one for one in found.values() if one.text]


def _meaning(binding: Binding, texts: Mapping[str, str]) -> str:
    """The value, with what its `${NAME}` stand for, unless it is in single quotes."""
    value = binding.value or ""
    if _IN_SINGLE_QUOTES.match(binding.original.string):
        return value
    return "".join(atom.resolve(texts) for atom in parse_variables(value))


def passed_over(file: Path | None = None) -> list[str]:
    """One sentence for each line of `.env`, or of the file like it, that nobody here can read."""
    path = file or env_file().absolute()
    bindings = parse_stream(StringIO(_decoded(path))) if os.path.isfile(path) else ()
    return [
        f"{path}, line {_line(one)}: this line cannot be read and is passed over; that is well if "
        "it is another program's"
        for one in bindings
        if one.error and not _is_ours(one)
    ]


def texts_of(given: Iterable[Given], settings: Collection[str]) -> dict[str, str]:
    """Setting → its text, that of `<name>_FILE` being what the file holds. Raises SettingsError."""
    texts: dict[str, str] = {}
    files: dict[str, Given] = {}
    for one in given:
        if not one.variable.startswith(PREFIX) or is_service_link(one):
            continue
        name = one.variable.removeprefix(PREFIX).lower()
        base = name.removesuffix("_file")
        if name in settings:
            texts[name] = one.text
        elif base in settings:
            files[base] = one
    for name, one in files.items():
        if name in texts:
            raise SettingsError(f"both {PREFIX}{name.upper()} and {one.variable} are set; keep one")
        texts[name] = _content(one)
    return texts


def _content(given: Given) -> str:
    variable, path = given.variable, given.text
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise NotNowError(
            f"{variable} names {shown_path(path)}, which cannot be read: {reason}"
        ) from error
    if not text:
        raise NotNowError(
            f"{variable} names {shown_path(path)}, which is empty; write the value into it, or "
            f"unset {variable}"
        )
    return text


def shown_path(path: str) -> str:
    """A path that cannot be read, for a sentence; not what may be a secret in its place."""
    is_path = _PATH.fullmatch(path) or ("/" in path and os.path.isdir(Path(path).parent))
    return path if is_path else "something that looks like no path and is not shown"


def _read_usual_file(environment: Mapping[str, str]) -> list[Given]:
    path = env_file(environment).absolute()
    if environment.get(ENV_FILE):
        if not os.path.exists(path):
            where = "which is not there, or where this user may not look"
            raise NotNowError(f"{ENV_FILE} names {path}, {where}")
        if not (path.is_file() or path.is_char_device()):
            raise NotNowError(f"{ENV_FILE} names {path}, which is no file; name one")
    # In a directory that this user may not look into there is none for it.
    return read_env_file(path, environment) if os.path.isfile(path) else []


def _decoded(path: Path) -> str:
    """The file's text, without a byte order mark, which would hide the first name."""
    try:
        octets = path.read_bytes()
    except OSError as error:
        raise NotNowError(
            f"{path} cannot be read: {error.strerror}; make it readable, or name another file in "
            f"{ENV_FILE}"
        ) from error
    try:
        text = octets.decode("utf-8-sig")
        wrong_at = text.find("\0")  # UTF-16 without a mark
        before = text[:wrong_at]
    except UnicodeDecodeError as error:
        wrong_at = error.start
        before = octets[:wrong_at].decode("utf-8", "replace")
    if wrong_at < 0:
        return text
    line = len(_LINE_END.findall(before)) + 1
    raise NotNowError(f"{path}, line {line}: this is not UTF-8 text; save the file as UTF-8")


def _line(binding: Binding) -> int:
    """Where it really begins: the parser counts empty lines before it as part of it."""
    whole = binding.original.string
    empty = whole[: len(whole) - len(whole.lstrip())]
    return binding.original.line + len(_LINE_END.findall(empty))


def _is_ours(binding: Binding) -> bool:
    """Whether it is meant for us; a line that cannot be read may hold several, or lack its name."""
    if binding.error:
        text = binding.original.string
        return _OURS.search(text) is not None or text.lstrip().startswith("=")
    return _OURS.match(binding.key or "") is not None


def _faults(binding: Binding) -> Iterator[str]:
    """What is wrong with a line of ours, without its text, in which a secret may stand."""
    key = binding.key or ""
    if not _is_ours(binding):
        return
    if binding.error or not _NAME.fullmatch(key):
        yield (
            "this line cannot be read; write NAME=value, the name in letters, digits and _, "
            "and close every quote"
        )
    elif binding.value is None:
        yield f"{key} has no value; write {key}=value, or remove the line"
    elif _LINE_END.search(binding.original.string.strip()):
        yield f"the quote before the value of {key} is not closed on its line; close it there"
