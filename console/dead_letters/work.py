"""What jobs do to dead letters; each is written into the audit log, however it ends."""

from collections.abc import Mapping
from functools import partial

from pydantic import JsonValue

from broker_topology.dead_letters.archive import discard
from broker_topology.dead_letters.importing import import_file
from broker_topology.dead_letters.queue import Patience
from broker_topology.dead_letters.requeue import requeue
from broker_topology.dead_letters.sealed import Copied, discard_copied
from broker_topology.dead_letters.selection import Selection
from common.settings import Settings
from console.auditing import audited_letters
from console.dead_letters.archives import Archives
from console.dead_letters.kept import KeptArchives
from console.jobs.jobs import Jobs, JobWork
from console.jobs.order import Order
from console.walks import Walk
from store.access.audit import Action

REQUEUE, DISCARD, IMPORT = "requeue", "discard", "import"
"""The kinds of jobs."""

Result = Mapping[str, JsonValue]


class LetterWork:
    """Makes the work of orders; `archives` are clients', `kept` those on this console's disk."""

    def __init__(
        self, settings: Settings, url: str, archives: Archives, kept: KeptArchives
    ) -> None:
        self._settings, self._url = settings, url
        self._archives, self._kept = archives, kept

    def teach(self, jobs: Jobs) -> None:
        """Have jobs of these kinds done so."""
        jobs.can(REQUEUE, lambda order, actor: partial(self._requeue, order, actor))
        jobs.can(DISCARD, self._discarding)
        jobs.can(IMPORT, self._importing)

    def _discarding(self, order: Order, actor: str) -> JobWork:
        if order.is_sealed:
            archive = self._archives.get(order.archive or "")
            return partial(self._discard_copied, order, actor, archive.selection, archive.copied)
        self._kept.path(order.archive or "")
        return partial(self._discard, order, actor)

    def _importing(self, order: Order, actor: str) -> JobWork:
        self._kept.find(order.archive or "")
        return partial(self._import, order, actor)

    def _requeue(self, order: Order, actor: str, patience: Patience, walk: Walk) -> Result:
        with audited_letters(self._settings, actor, Action.REQUEUED, order) as noted:
            result = requeue(
                self._url,
                order.selection(),
                limit=order.limit,
                rate=order.pace,
                redirect=order.redirect,
                patience=patience,
                on_progress=noted.told_to(walk.note),
            )
        return {
            "requeued": result.requeued,
            "undecodable": result.undecodable,
            "missing": [*result.missing],
        }

    def _discard(self, order: Order, actor: str, patience: Patience, walk: Walk) -> Result:
        name = order.archive or ""
        with audited_letters(self._settings, actor, Action.DISCARDED, order) as noted:
            result = discard(
                self._url,
                order.selection(),
                self._kept.path(name),
                limit=order.limit,
                patience=patience,
                on_progress=noted.told_to(walk.note),
            )
        return {"discarded": result.discarded, "missing": [*result.missing], "archive": name}

    def _discard_copied(
        self,
        order: Order,
        actor: str,
        selection: Selection,
        copied: Copied,
        patience: Patience,
        walk: Walk,
    ) -> Result:
        with audited_letters(self._settings, actor, Action.DISCARDED, order) as noted:
            done = discard_copied(
                self._url,
                selection,
                copied.prints,
                patience=patience,
                on_progress=noted.told_to(walk.note),
            )
        return {"discarded": done, "gone_before": len(copied.prints) - done}

    def _import(self, order: Order, actor: str, patience: Patience, walk: Walk) -> Result:
        file = self._kept.find(order.archive or "")
        with audited_letters(self._settings, actor, Action.IMPORTED, order) as noted:
            result = import_file(
                self._url, file, patience=patience, on_progress=noted.told_to(walk.note)
            )
        return {
            "imported": result.total,
            "already_there": result.present,
            "imported_before": result.before,
        }
