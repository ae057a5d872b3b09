"""How long who fails has to wait."""

from console.people import pauses
from console.people.pauses import FORGOTTEN_AFTER_S, Pauses


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def waits(kept: Pauses, clock: Clock, tries: int) -> list[float]:
    found = []
    for _ in range(tries):
        kept.count("ada")
        found.append(kept.left_s("ada"))
        clock.now += found[-1]
    return found


def test_pauses_double_up_to_the_longest_once_the_free_tries_are_used_up() -> None:
    clock = Clock()
    kept = Pauses(free=2, first_s=1, most_s=5, clock=clock)
    assert waits(kept, clock, 7) == [0, 0, 1, 2, 4, 5, 5]
    assert kept.left_s("bob") == 0


def test_success_forgets_what_failed_and_time_does() -> None:
    clock = Clock()
    kept = Pauses(free=1, first_s=1, most_s=5, clock=clock)
    assert waits(kept, clock, 3) == [0, 1, 2]
    kept.forget("ada")
    assert waits(kept, clock, 2) == [0, 1]
    clock.now += FORGOTTEN_AFTER_S
    assert waits(kept, clock, 2) == [0, 1]


def test_try_that_was_none_leaves_those_of_others() -> None:
    clock = Clock()
    kept = Pauses(free=2, first_s=1, most_s=5, clock=clock)
    kept.count("ada")
    for _ in range(10):
        kept.count("ada")
        kept.uncount("ada")
    assert waits(kept, clock, 2) == [0, 1]


def test_memory_is_bounded() -> None:
    kept = Pauses(free=0, first_s=1, most_s=5, clock=Clock())
    for number in range(pauses.MOST_KEPT + 10):
        kept.count(str(number))
    assert len(kept._tries) == pauses.MOST_KEPT
