"""`gateway test` runs all tests in several processes, and whatever somebody picks in one."""

import os

import pytest

from admin.checks import IN_SEVERAL, processes


@pytest.mark.parametrize(
    ("words", "are_several"),
    [
        ([], True),
        (["-x", "-q"], True),
        (["-p", "no:cacheprovider"], True),
        (["-k", "retry"], False),
        (["tests/unit"], False),
        (["-n", "0"], False),
        (["-n4"], False),
        (["--pdb"], False),
    ],
)
def test_all_tests_share_several_processes_unless_somebody_says_how(
    monkeypatch: pytest.MonkeyPatch, words: list[str], are_several: bool
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert processes(words) == (IN_SEVERAL if are_several else ())


def test_machine_of_one_core_has_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert processes([]) == ()
