"""Where what a command tells goes to."""

import pytest

from admin.dead.progress import OutputLost, reading


def test_output_on_a_full_disk_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w") as full:
        monkeypatch.setattr("sys.stdout", full)
        with pytest.raises(OutputLost, match="No space left"), reading():
            print("an id")
