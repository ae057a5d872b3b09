"""What the console remembers of archives."""

from pathlib import Path

import pytest

from broker_topology.dead_letters.archive import Seal
from broker_topology.dead_letters.sealed import Copied, Prints
from broker_topology.dead_letters.selection import Selection, by_ids
from common.http.problems import Problem
from common.settings import Settings
from console.dead_letters import archives
from console.dead_letters.archives import Archives
from console.dead_letters.kept import KeptArchives


def copied(name: str, *missing: str) -> Copied:
    seal = Seal(archive=name, letters=0, sha256="0", missing=[*missing])
    return Copied(seal, Prints([]))


def test_archives_of_nothing_are_forgotten_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_KEPT", 2)
    kept = Archives()
    for name in ("first", "second", "third"):
        kept.keep(Selection(), copied(name))
    with pytest.raises(Problem, match="no archive first"):
        kept.find("first", 0, "0")
    assert [kept.find(name, 0, "0").copied.seal.archive for name in ("second", "third")] == [
        "second",
        "third",
    ]


def test_ids_that_were_asked_for_are_not_kept() -> None:
    kept = Archives()
    kept.keep(by_ids(["nobody"]), copied("one", "nobody"))
    archive = kept.find("one", 0, "0")
    assert (archive.selection, archive.copied.seal.missing) == (Selection(), [])


def test_archive_that_goes_while_one_looks_hides_no_other(tmp_path: Path) -> None:
    kept = KeptArchives(Settings(state_dir=tmp_path))
    there, gone = kept.path(kept.new_name()), kept.path(kept.new_name())
    there.parent.mkdir(parents=True)
    there.touch()
    gone.symlink_to(tmp_path / "nowhere")  # it has a name, and is no more when it is looked at
    assert [one.name for one in kept.all()] == [there.stem]
