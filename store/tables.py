"""The tables, once: what the migrations make and the queries read.

Times are whole milliseconds since 1970 (`…_ms`, UTC), so that both databases order and compare them
alike. A change here needs a migration beside it; a test compares the two.
"""

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    Uuid,
    text,
)

metadata: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

store: Final = Table(
    "store",
    metadata,
    Column("one", SmallInteger, primary_key=True, autoincrement=False),
    Column("epoch", String(32), nullable=False, comment="another one when this is another store"),
    Column(
        "made_of", Text, nullable=False, comment="tells a restored database from the one before"
    ),
    Column("recipient_key", LargeBinary, nullable=False, comment="key of the recipients' hashes"),
    Column("last_seq", BigInteger, nullable=False, comment="of the newest fact"),
    Column("first_seq", BigInteger, nullable=False, comment="of the oldest one that is kept"),
    Column("heard_at_ms", BigInteger, nullable=False, comment="until when everything is known"),
    CheckConstraint("one = 1", name="one"),
    comment="What there is once: the one row that every writer holds until its commit",
)

_STALLED: Final = text("stalled_at_ms IS NOT NULL")
_TO_ERASE: Final = text("completed_at_ms IS NOT NULL AND erased_at_ms IS NULL")

notifications: Final = Table(
    "notifications",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("accepted_at_ms", BigInteger, nullable=False, comment="of a fact that came before: its"),
    Column(
        "is_accepted", Boolean, nullable=False, comment="false: only facts about it came so far"
    ),
    Column("status", String(16), nullable=False),
    Column("completed_at_ms", BigInteger),
    Column("erased_at_ms", BigInteger, comment="of what is about people; null: not yet, or again"),
    Column("seq", BigInteger, nullable=False, comment="of its newest fact"),
    Column("owner", Text),
    Column("origin_kind", Text),
    Column("origin_id", Text),
    Column("priority", String(16)),
    Column("subject", Text),
    Column("tags", JSON, nullable=False),
    Column("metadata", JSON, nullable=False),
    Column("expected", Integer, comment="how many deliveries it has; null: nobody said"),
    Column("tried", Integer, nullable=False, comment="deliveries that anything was tried for"),
    Column("scheduled", Integer, nullable=False),
    Column("queued", Integer, nullable=False),
    Column("retrying", Integer, nullable=False),
    Column("sent", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("expired", Integer, nullable=False),
    Column("cancelled", Integer, nullable=False),
    Column("discarded", Integer, nullable=False),
    Index(None, "accepted_at_ms", "id"),
    Index(None, "status", "accepted_at_ms", "id"),
    Index(None, "owner", "accepted_at_ms", "id"),
    Index(
        "ix_notifications_to_erase",
        "accepted_at_ms",
        sqlite_where=_TO_ERASE,
        postgresql_where=_TO_ERASE,
    ),
    comment="One row for each notification; the counts are of its deliveries by status",
)

deliveries: Final = Table(
    "deliveries",
    metadata,
    Column("notification_id", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("accepted_at_ms", BigInteger, nullable=False),
    Column("is_accepted", Boolean, nullable=False),
    Column("channel", String(16), nullable=False),
    Column("priority", String(16), nullable=False),
    Column("address", Text, comment="null: erased, or not heard of yet"),
    Column("moved_to", Text, comment="where it goes now, when that is another address"),
    Column("owner", Text),
    Column("status", String(16), nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("rank", SmallInteger, nullable=False),
    Column("attempt", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("fact_id", Uuid, nullable=False, comment="the fact that the state comes from"),
    Column("was_tried", Boolean, nullable=False),
    Column(
        "failed_generation", BigInteger, nullable=False, comment="the last that failed; -1: none"
    ),
    Column("outcome", Text),
    Column("code", Text),
    Column("message", Text),
    Column("fail_class", Text),
    Column("provider_id", Text),
    Column("next_at_ms", BigInteger),
    Column("held", Text, comment="why it waits without an attempt that counts"),
    Column("seq", BigInteger, nullable=False),
    Column("stalled_at_ms", BigInteger, comment="when the sweeper missed it"),
    Index(None, "channel", "accepted_at_ms", "notification_id"),
    Index(None, "code", "accepted_at_ms", "notification_id"),
    Index(None, "status", "at_ms"),
    Index(
        "ix_deliveries_stalled",
        "stalled_at_ms",
        sqlite_where=_STALLED,
        postgresql_where=_STALLED,
    ),
    comment="One row for each delivery: the fold over its facts",
)

contents: Final = Table(
    "contents",
    metadata,
    Column("notification_id", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False, comment="the delivery as it travels"),
    comment="What was accepted, byte for byte; apart, because it is never changed and erased first",
)

events: Final = Table(
    "events",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("id", Uuid, nullable=False),
    Column("type", String(16), nullable=False),
    Column("notification_id", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
    Column("channel", String(16), nullable=False),
    Column("owner", Text),
    Column("at_ms", BigInteger, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("attempt", BigInteger, nullable=False),
    Column("status", String(16), nullable=False, comment="of the delivery, this fact known"),
    Column("notification_status", String(16), nullable=False),
    Column("address", Text, comment="where it goes, if not where its body says"),
    Column("outcome", Text),
    Column("code", Text),
    Column("message", Text),
    Column("fail_class", Text),
    Column("provider_id", Text),
    Column("began_at_ms", BigInteger),
    Column("took_ms", BigInteger),
    Column("next_at_ms", BigInteger),
    Column("host", Text),
    Index(None, "id", unique=True),
    Index(None, "notification_id", "seq"),
    comment="Every fact, once, in the order of commits",
)

terms: Final = Table(
    "terms",
    metadata,
    Column("term", String(160), primary_key=True, comment="tag:…, word:… or to:… (a hash)"),
    Column("accepted_at_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("notification_id", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False, comment="0: of all of it"),
    Index(None, "notification_id"),
    comment="What notifications are searched by: tags, words of the subject, recipients",
)

counts: Final = Table(
    "counts",
    metadata,
    Column("minute", BigInteger, primary_key=True, autoincrement=False),
    Column("owner", Text, primary_key=True, comment="empty: nobody's"),
    Column("channel", String(16), primary_key=True),
    Column("kind", String(24), primary_key=True, comment="a fact, or latency:… (a bucket)"),
    Column("number", BigInteger, nullable=False),
    comment="Facts and latencies of each minute since 1970, so that statistics read few rows",
)

processes: Final = Table(
    "processes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("started_at_ms", BigInteger, nullable=False),
    Column("seen_at_ms", BigInteger, nullable=False),
    Column("state", JSON, nullable=False, comment="lanes, busy, account, stopped"),
    comment="Every process that was heard of, as it last said",
)
