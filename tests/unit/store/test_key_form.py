"""What an API key looks like, and how a wrong one is told from a right one without asking."""

import re

import pytest

from store.access.key_form import Mode, hash_of, is_well_formed, new_key, new_key_id


@pytest.mark.parametrize("mode", Mode)
def test_key_tells_what_it_is_and_proves_itself_by_its_checksum(mode: Mode) -> None:
    key = new_key(mode)
    assert re.fullmatch(rf"gwk_{mode}_[0-9A-Za-z]{{43}}_[0-9A-Za-z]{{6}}", key)
    assert is_well_formed(key)


def test_no_two_keys_and_no_two_ids_are_the_same() -> None:
    assert len({new_key(Mode.LIVE) for _ in range(1000)}) == 1000
    assert len({new_key_id() for _ in range(1000)}) == 1000


def test_every_single_wrong_letter_is_told() -> None:
    key = new_key(Mode.LIVE)
    for place in range(len("gwk_live_"), len(key)):
        other = "a" if key[place] != "a" else "b"
        assert not is_well_formed(key[:place] + other + key[place + 1 :])


@pytest.mark.parametrize("change", [lambda key: key[:-1], lambda key: key + "0", str.swapcase])
def test_what_was_cut_or_lengthened_is_no_key(change: object) -> None:
    assert callable(change)
    assert not is_well_formed(change(new_key(Mode.TEST)))


def test_mode_cannot_be_changed_in_a_key() -> None:
    assert not is_well_formed(new_key(Mode.TEST).replace("_test_", "_live_"))


@pytest.mark.parametrize("text", ["", "gwk_", "0123456789abcdef", "gwk_live_ключ_000000"])
def test_anything_else_is_no_key(text: str) -> None:
    assert not is_well_formed(text)


def test_text_and_bytes_of_a_key_have_one_hash() -> None:
    key = new_key(Mode.LIVE)
    assert hash_of(key) == hash_of(key.encode())
    assert len(hash_of(key)) == 32
