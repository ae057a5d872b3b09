"""How passwords are kept, and that a name which nobody has costs the same."""

from console.people import passwords
from console.people.passwords import hash_of, is_outdated, matches
from tests.support.clients.browsers import QUICK


def test_password_matches_its_own_hash_only() -> None:
    kept = hash_of("correct horse battery")
    assert kept != hash_of("correct horse battery")
    assert matches("correct horse battery", kept)
    assert not matches("correct horse batterz", kept)
    assert not is_outdated(kept)
    assert is_outdated(QUICK.hash("correct horse battery"))


def test_hash_of_nobody_is_as_costly_and_opens_nothing() -> None:
    assert not is_outdated(passwords._nobodys())
    assert not matches("nobody's", None)


def test_hash_that_cannot_be_read_opens_nothing() -> None:
    assert not matches("correct horse battery", "$argon2id$nonsense")
    assert not matches("correct horse battery", "")
