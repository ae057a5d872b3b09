"""Groups and dry runs as documents, in English or Russian."""

from datetime import datetime

from pydantic import JsonValue

from broker_topology.topology import UNROUTED
from common.times import epoch_ms, utc_now
from console.dead_letters.groups import Groups, LetterGroup
from console.dead_letters.reasons import Language, reason_of
from console.dead_letters.trial import Trial
from store.dead_letters.groups import HOUR_MS


def groups_json(groups: Groups, language: Language) -> dict[str, JsonValue]:
    """What `GET /v1/dead-letters/groups` shows."""
    now_hour = epoch_ms(utc_now()) // HOUR_MS
    return {
        "groups": [group_json(one, now_hour, language) for one in groups.groups],
        "total": groups.total,
        "more": groups.more,
        "source": groups.source,
        "counted_at": groups.counted_at.isoformat(timespec="seconds"),
        "counting": groups.is_counting,
        "fault": groups.fault,
    }


def group_json(group: LetterGroup, now_hour: int, language: Language) -> dict[str, JsonValue]:
    """One group, with the filter that means exactly its letters."""
    return {
        "queue": group.queue,
        "channel": group.channel,
        "class": group.failed_as,
        "code": group.code,
        **_reason(group.channel, group.failed_as, group.code, language),
        "count": group.count,
        "trend": [*group.trend(now_hour)],
        "first_failed_at": _iso(group.first_at),
        "last_failed_at": _iso(group.last_at),
        "example": group.example,
        "filter": {
            "channel": UNROUTED if group.queue == UNROUTED else group.channel,
            "class": group.failed_as,
            "code": group.code,
        },
    }


def trial_json(trial: Trial, language: Language) -> dict[str, JsonValue]:
    """What a requeue with `dry_run` is answered."""
    return {
        "would_requeue": trial.total,
        "groups": [
            {
                "channel": channel,
                "class": failed_as,
                "code": code,
                **_reason(channel, failed_as, code, language),
                "count": count,
            }
            for (channel, failed_as, code), count in trial.kinds.most_common()
        ],
        "recipients": trial.recipients,
        "example": trial.example,
        "undecodable": trial.undecodable,
        "missing": [*trial.missing],
        "takes_s": round(trial.takes_s, 1),
        "takes_exactly": trial.rate is not None,
        "wrong": [
            {"channel": one.channel, "code": one.code, "says": one.says.text(language)}
            for one in trial.wrong
        ],
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


def _reason(
    channel: str | None, failed_as: str, code: str, language: Language
) -> dict[str, JsonValue]:
    reason = reason_of(channel, failed_as, code)
    return {
        "reason": {"key": reason.key, "says": reason.says.text(language)},
        "remedy": reason.remedy.text(language),
    }
