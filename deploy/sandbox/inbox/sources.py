"""The bytes of emails as they came, which take the most room and are the first to go."""

import sys
from collections import OrderedDict


class Sources:
    """What each kept email was made of, by its number."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self.size_bytes = 0

    def keep(self, n: int, content: bytes) -> None:
        """Keep the bytes of message n."""
        self._kept[n] = content
        self.size_bytes += sys.getsizeof(content)

    def get(self, n: int) -> bytes | None:
        """The bytes of message n, None when they are not kept."""
        return self._kept.get(n)

    def forget(self, n: int) -> None:
        """Forget those of message n, if they are kept."""
        content = self._kept.pop(n, None)
        if content is not None:
            self.size_bytes -= sys.getsizeof(content)

    def forget_oldest(self) -> None:
        """Forget those that were kept first; there must be some."""
        self.forget(next(iter(self._kept)))
