"""An API as a process over a store of the test's own, as the tests of following have it."""

from tests.integration.updates.conftest import api
from tests.support.stored import store_url

__all__ = ["api", "store_url"]
