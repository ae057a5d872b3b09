"""An API as a process over a store of the test's own, as the tests of following have it."""

from tests.integration.updates.conftest import api

__all__ = ["api"]
