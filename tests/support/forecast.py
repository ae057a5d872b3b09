"""Says before the first test how long all of them take, by what each took here the last time."""

from collections.abc import Sequence

import pytest

_CACHED = "gateway/seconds"  # in pytest's cache: test → how long it took
# Tests that have not run here yet, by their folder, on two cores.
_GUESSES_S = {"unit": 0.03, "integration": 0.5, "chaos": 20.0, "containers": 20.0}
_ANY_GUESS_S = 1.0


class Forecast:
    """A plugin of pytest's that measures each test and remembers it for the next run.

    With several processes it lives in the one that divides the tests among the others.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._cache: pytest.Cache | None = getattr(config, "cache", None)  # -p no:cacheprovider
        self._taken_s: dict[str, float] = {}
        self._has_told = False

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Say it when the tests run in this process."""
        self._tell([item.nodeid for item in session.items], 1)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Say it when they run in others, of which each finds them all."""
        self._tell(ids, int(self._config.getoption("numprocesses") or 1))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add what its set-up, its call or its end took."""
        self._taken_s[report.nodeid] = self._taken_s.get(report.nodeid, 0.0) + report.duration

    def pytest_sessionfinish(self) -> None:
        """Remember them."""
        if self._cache is not None and self._taken_s:
            self._cache.set(_CACHED, self._known() | self._taken_s)

    def _tell(self, ids: Sequence[str], processes: int) -> None:
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None or self._config.option.collectonly or not ids or self._has_told:
            return
        self._has_told = True
        known = self._known()
        seconds = sum(known.get(test, guess_s(test)) for test in ids) / processes
        new = sum(test not in known for test in ids)
        guessed = f" ({new} of them guessed: not run here yet)" if new else ""
        reporter.write_line(f"Tests: {len(ids)}, about {in_words(seconds)}{guessed}")

    def _known(self) -> dict[str, float]:
        return dict(self._cache.get(_CACHED, {})) if self._cache is not None else {}


def guess_s(test: str) -> float:
    """What a test may take: `tests/unit/…`."""
    _, _, path = test.partition("tests/")
    return _GUESSES_S.get(path.partition("/")[0], _ANY_GUESS_S)


def in_words(seconds: float) -> str:
    """`20 s`, `7 min`."""
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} min"
