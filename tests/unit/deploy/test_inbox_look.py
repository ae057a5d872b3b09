"""The sandbox looks as the console does, and is there without it: its colours are a copy."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
CONSOLE = ROOT / "console" / "frame" / "look.css"
SANDBOX = ROOT / "deploy" / "sandbox" / "pages" / "look.css"


def properties(file: Path) -> tuple[dict[str, str], dict[str, str]]:
    """What is named there: in the light, and in the dark."""
    light, _, dark = file.read_text().partition("dark) {" if file == SANDBOX else "body--dark {")
    blocks = light, dark.partition("}")[0]
    first, second = (dict(re.findall(r"(--[a-z-]+): ([^;]+);", one)) for one in blocks)
    return first, second


@pytest.mark.parametrize("which", [0, 1], ids=["light", "dark"])
def test_every_colour_of_the_sandbox_is_the_consoles(which: int) -> None:
    own, consoles = properties(SANDBOX)[which], properties(CONSOLE)[which]
    assert len(own) > 12
    assert own.items() <= consoles.items()
