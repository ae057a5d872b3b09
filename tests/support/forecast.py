"""Says before the first test how long all of them take, by what each took here the last time."""

from pathlib import Path

import pytest

_CACHED = "gateway/seconds"  # in pytest's cache: test → how long it took
# Tests that have not run here yet, by their folder, on two cores.
_GUESSES_S = {"unit": 0.03, "integration": 0.5, "chaos": 20.0, "containers": 20.0}
_ANY_GUESS_S = 1.0


class Forecast:
    """A plugin of pytest's that measures each test and remembers it for the next run."""

    def __init__(self, config: pytest.Config) -> None:
        self._cache: pytest.Cache | None = getattr(config, "cache", None)  # -p no:cacheprovider
        self._taken_s: dict[str, float] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Say how many tests there are, and how long they take."""
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None or session.config.option.collectonly or not session.items:
            return
        known = self._known()
        seconds = sum(known.get(item.nodeid, guess_s(item.path)) for item in session.items)
        new = sum(item.nodeid not in known for item in session.items)
        guessed = f" ({new} of them guessed: not run here yet)" if new else ""
        reporter.write_line(f"Tests: {len(session.items)}, about {in_words(seconds)}{guessed}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add what its set-up, its call or its end took."""
        self._taken_s[report.nodeid] = self._taken_s.get(report.nodeid, 0.0) + report.duration

    def pytest_sessionfinish(self) -> None:
        """Remember them."""
        if self._cache is not None and self._taken_s:
            self._cache.set(_CACHED, self._known() | self._taken_s)

    def _known(self) -> dict[str, float]:
        return dict(self._cache.get(_CACHED, {})) if self._cache is not None else {}


def guess_s(file: Path) -> float:
    """What a test of this file may take."""
    return _GUESSES_S.get(file.parent.name, _ANY_GUESS_S)


def in_words(seconds: float) -> str:
    """`20 s`, `7 min`."""
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} min"
