"""Styles of one page reach no other."""

import re
from pathlib import Path

import pytest

from console.frame.look import area_of
from console.frame.page import ELSEWHERE
from console.pages.table import PAGES

FOLDER = Path(__file__).resolve().parents[3] / "console" / "pages"
LOOKS = sorted(FOLDER.glob("*/look.css"))


@pytest.mark.parametrize("look", LOOKS, ids=lambda one: one.parent.name)
def test_styles_of_a_page_stand_inside_its_class(look: Path) -> None:
    rest = re.sub(r"/\*.*?\*/", "", look.read_text(), flags=re.DOTALL)
    while (fewer := re.sub(r"\{[^{}]*\}", "", rest)) != rest:
        rest = fewer
    assert rest.split() == [f".{look.parent.name.replace('_', '-')}"]


def test_every_folder_of_pages_has_its_class() -> None:
    folders = {one.parent.name.replace("_", "-") for one in LOOKS}
    assert {area_of(one.path) for one in PAGES if one.path != ELSEWHERE} == folders
