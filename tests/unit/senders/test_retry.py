"""decide(): what follows an attempt, as a table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from senders.outcome import (
    About,
    Crashed,
    Misconfigured,
    Outcome,
    Rejected,
    Sent,
    Throttled,
    Transient,
    Unknown,
)
from senders.retry import (
    REPEAT_IS_UNSAFE,
    Decision,
    Done,
    FailClass,
    GiveUp,
    Park,
    Policy,
    decide,
    fitting_guess_s,
    grown_guess_s,
)

REJECTED = GiveUp(FailClass.REJECTED)
POLICY = Policy((5.0, 30.0, 120.0), probe_interval_s=60.0)
DAY_S = 86_400.0

TABLE: list[tuple[str, Outcome, int, float, Decision]] = [
    ("sent", Sent(), 1, DAY_S, Done()),
    ("bad recipient", Rejected("403"), 1, DAY_S, GiveUp(FailClass.REJECTED)),
    ("bad content", Rejected("400", about=About.CONTENT), 9, 1, GiveUp(FailClass.REJECTED)),
    ("first delay", Transient("451"), 1, DAY_S, Park(5.0, counted=True)),
    ("second delay", Transient("451"), 2, DAY_S, Park(30.0, counted=True)),
    ("last delay", Transient("451"), 3, DAY_S, Park(120.0, counted=True)),
    ("delays used up", Transient("451"), 4, DAY_S, GiveUp(FailClass.EXHAUSTED)),
    ("asked for longer", Transient("451", after_s=300), 1, DAY_S, Park(300.0, counted=True)),
    ("asked for shorter", Transient("451", after_s=1), 2, DAY_S, Park(30.0, counted=True)),
    ("own limit of tries", Transient("400", tries=2), 2, DAY_S, GiveUp(FailClass.EXHAUSTED)),
    ("below own limit", Transient("400", tries=2), 1, DAY_S, Park(5.0, counted=True)),
    ("a refusal's last try", Transient("554", tries=3, is_refusal=True), 3, DAY_S, REJECTED),
    ("a little early is better than never", Transient("451"), 2, 20, Park(18.0, counted=True)),
    ("no time left to retry", Transient("451"), 2, 16, GiveUp(FailClass.EXHAUSTED)),
    ("throttled", Throttled("429", after_s=7), 1, DAY_S, Park(7.0, counted=False)),
    ("throttled, delays used up", Throttled("429", after_s=7), 9, DAY_S, Park(7.0, counted=False)),
    ("throttled beyond expiry", Throttled("429", after_s=700), 1, 600, Park(600, counted=False)),
    ("refused account", Misconfigured("535"), 1, DAY_S, Park(60.0, counted=False)),
    ("refused account, expiring", Misconfigured("535"), 1, 30, Park(27.0, counted=False)),
    ("refused account, at its end", Misconfigured("535"), 1, 9, Park(9, counted=False)),
    ("unknown, resend", Unknown("data"), 1, DAY_S, Park(5.0, counted=True)),
    ("unknown, fail", Unknown("data", resend=False), 1, DAY_S, GiveUp(FailClass.EXHAUSTED)),
    ("our bug", Crashed("KeyError"), 1, DAY_S, Park(5.0, counted=True)),
    ("our bug again", Crashed("KeyError"), 3, DAY_S, GiveUp(FailClass.POISON)),
]


@pytest.mark.parametrize(
    ("outcome", "attempt", "left_s", "expected"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_decision(outcome: Outcome, attempt: int, left_s: float, expected: Decision) -> None:
    decision = decide(outcome, attempt=attempt, left_s=left_s, policy=POLICY, jitter=0.0)
    assert decision == expected


@given(jitter=st.floats(-1, 1), attempt=st.integers(1, 3))
def test_jitter_stays_within_twenty_percent(jitter: float, attempt: int) -> None:
    decision = decide(Transient("451"), attempt=attempt, left_s=DAY_S, policy=POLICY, jitter=jitter)
    assert isinstance(decision, Park)
    base_s = POLICY.delays_s[attempt - 1]
    assert 0.8 * base_s - 1e-9 <= decision.delay_s <= 1.2 * base_s + 1e-9


@given(jitter=st.floats(-1, 1), after_s=st.floats(1, 20_000))
def test_a_providers_wait_is_never_undercut(jitter: float, after_s: float) -> None:
    for outcome in (Throttled("429", after_s=after_s), Transient("451", after_s=after_s)):
        decision = decide(outcome, attempt=1, left_s=DAY_S, policy=POLICY, jitter=jitter)
        assert isinstance(decision, Park)
        assert decision.delay_s >= after_s


@pytest.mark.parametrize(
    ("hold_s", "left_s", "delay_s"),
    [(300, DAY_S, 300), (300, 200, 180), (300, 8, 8)],
    ids=["in full", "a last try before the end", "too late for a try: until the end"],
)
def test_a_guessed_wait_leaves_time_for_a_last_try(
    hold_s: float, left_s: float, delay_s: float
) -> None:
    decision = decide(
        Throttled("550 5.4.5"), attempt=1, left_s=left_s, policy=POLICY, jitter=0, hold_s=hold_s
    )
    assert decision == Park(delay_s, counted=False)


@given(left_s=st.floats(0.001, DAY_S), hold_s=st.floats(0, DAY_S), told=st.booleans())
def test_nothing_waits_beyond_its_end(left_s: float, hold_s: float, told: bool) -> None:
    for outcome in (Throttled("429", after_s=hold_s if told else None), Misconfigured("535")):
        decision = decide(outcome, attempt=1, left_s=left_s, policy=POLICY, jitter=1, hold_s=hold_s)
        assert isinstance(decision, Park)
        assert decision.delay_s <= left_s


def test_what_may_have_been_taken_is_not_tried_when_a_repetition_is_not_known_any_more() -> None:
    for outcome in (Unknown("timeout"), Transient("connect"), Throttled("6", after_s=1)):
        decision = decide(
            outcome, attempt=2, left_s=DAY_S, policy=POLICY, jitter=0, repeat_left_s=0.5
        )
        assert decision == GiveUp(FailClass.EXHAUSTED, REPEAT_IS_UNSAFE)
    again = decide(
        Unknown("timeout"), attempt=2, left_s=DAY_S, policy=POLICY, jitter=0, repeat_left_s=60
    )
    assert again == Park(30.0, counted=True)


def test_guesses_grow_up_to_an_hour() -> None:
    guesses = [0.0]
    for _ in range(6):
        guesses.append(grown_guess_s(guesses[-1], 300))
    assert guesses[1:] == [300, 600, 1200, 2400, 3600, 3600]
    assert fitting_guess_s(3600, 1000) == 900
    assert fitting_guess_s(3600, 1) == 30
