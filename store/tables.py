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
_CALLED_BACK: Final = text("callback_id IS NOT NULL")
_OF_OWNERS: Final = text("events IS NOT NULL")
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
    Column("is_test", Boolean, nullable=False, comment="a test key sent it: no provider got it"),
    Column("origin_kind", Text),
    Column("origin_id", Text),
    Column("callback_id", String(32), comment="the endpoint that is told of it, by its own wish"),
    Column("callback_events", Text, comment="which events, with commas; null: the usual ones"),
    Column("request_id", Text, comment="of the request that it was accepted with"),
    Column("trace_id", String(32), comment="of the same, as W3C trace context has it"),
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
    Index(
        "ix_notifications_called_back",
        "callback_id",
        sqlite_where=_CALLED_BACK,
        postgresql_where=_CALLED_BACK,
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
    Column("cancel_generation", BigInteger, nullable=False, comment="-1: nobody asked for its end"),
    Column("cancel_asked_at_ms", BigInteger, comment="when its end was asked for"),
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
    Column("type", String(24), nullable=False),
    Column("notification_id", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
    Column("channel", String(16), nullable=False),
    Column("owner", Text),
    Column("at_ms", BigInteger, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("attempt", BigInteger, nullable=False),
    Column("status", String(16), nullable=False, comment="of the delivery, this fact known"),
    Column("notification_status", String(16), nullable=False),
    Column("completes", Boolean, nullable=False, comment="the notification came to its end by it"),
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

keys: Final = Table(
    "keys",
    metadata,
    Column("id", String(32), primary_key=True, comment="the owner of what it sends"),
    Column("name", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False, comment="SHA-256 of the key, which nobody keeps"),
    Column("former_hash", LargeBinary, comment="of the key before the last rotation"),
    Column("former_until_ms", BigInteger, comment="until when that one is good too"),
    Column("secret_version", Integer, nullable=False, comment="of what signs its webhooks"),
    Column("former_secret_until_ms", BigInteger, comment="until when the one before signs too"),
    Column("scopes", JSON, nullable=False),
    Column("mode", String(8), nullable=False),
    Column("rate", Text, comment="requests that send: 100/s; null: any number"),
    Column("recipients", JSON, nullable=False, comment="whom a team key may reach"),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger),
    Column("revoked_at_ms", BigInteger),
    Column("seen_at_ms", BigInteger, comment="when it was used last, to some minutes"),
    Index(None, "hash", unique=True),
    comment="API keys; none is ever deleted: a revoked one still owns what it sent",
)

users: Final = Table(
    "users",
    metadata,
    Column("id", String(32), primary_key=True, comment="another one when the name is made anew"),
    Column("name", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("password_hash", Text, nullable=False, comment="argon2id, with its parameters"),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("disabled_at_ms", BigInteger),
    Column("seen_at_ms", BigInteger, comment="when the last session began"),
    Index(None, "name", unique=True),
    comment="Who may sign in at the console with a password",
)

sessions: Final = Table(
    "sessions",
    metadata,
    Column("hash", LargeBinary, primary_key=True, comment="SHA-256 of what the cookie has"),
    Column("subject", String(64), nullable=False, comment="a user's id, or oidc: and a hash"),
    Column("name", String(64), comment="of who has no row in users"),
    Column("role", String(16), comment="of who has no row in users"),
    Column("began_at_ms", BigInteger, nullable=False),
    Column("seen_at_ms", BigInteger, nullable=False, comment="to a minute or so"),
    Column("until_ms", BigInteger, nullable=False, comment="it ends then at the latest"),
    Index(None, "subject"),
    comment="Who is signed in at the console",
)

endpoints: Final = Table(
    "endpoints",
    metadata,
    Column("id", String(32), primary_key=True, comment="made of owner and URL"),
    Column("owner", Text, nullable=False, comment="the API key; empty: the simple one"),
    Column("url", Text, nullable=False),
    Column("events", Text, comment="of all its owner's notifications; null: of those that ask"),
    Column("state", String(16), nullable=False),
    Column("reason", Text, comment="why it is not active"),
    Column("since_ms", BigInteger, nullable=False, comment="since when it is in this state"),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("from_seq", BigInteger, nullable=False, comment="it is told of what comes after"),
    Column("sent_at_ms", BigInteger, comment="the last that it took"),
    Column("failing_since_ms", BigInteger, comment="the first failure since then"),
    Index(None, "state", "from_seq"),
    Index("ix_endpoints_of_owners", "state", sqlite_where=_OF_OWNERS, postgresql_where=_OF_OWNERS),
    comment="Who is called back",
)

callback_turn: Final = Table(
    "callback_turn",
    metadata,
    Column("one", SmallInteger, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False, comment="callbacks were made of all facts up to it"),
    Column("holder", String(32), nullable=False, comment="the journal that makes them"),
    Column("until_ms", BigInteger, nullable=False, comment="then another may"),
    CheckConstraint("one = 1", name="one"),
    comment="How far callbacks were made, and whose turn it is: one row",
)

idempotency: Final = Table(
    "idempotency",
    metadata,
    Column("owner", Text, primary_key=True, comment="empty: nobody's"),
    Column("key_hash", LargeBinary, primary_key=True, comment="SHA-256 of the Idempotency-Key"),
    Column("body_hash", LargeBinary, nullable=False),
    Column("notification_id", Uuid, nullable=False, comment="begins with began_at_ms"),
    Column("began_at_ms", BigInteger, nullable=False, comment="when the first one came"),
    Column("claimant", Uuid, nullable=False, comment="the request that works on it, or did last"),
    Column("busy_until_ms", BigInteger, nullable=False, comment="then another may take it over"),
    Column("is_done", Boolean, nullable=False, comment="it was answered with 202"),
    Index(None, "began_at_ms"),
    comment="Requests that came with an Idempotency-Key; a day later they are forgotten",
)

audit: Final = Table(
    "audit",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("actor", Text, nullable=False, comment="operator user@host, console address, key id"),
    Column("action", String(16), nullable=False),
    Column("subject", Text, nullable=False, comment="to what; of people, a hash only"),
    Column("details", JSON, nullable=False),
    Index(None, "at_ms", "id"),
    comment="Who did what; triggers refuse to change or delete any of it",
)

jobs: Final = Table(
    "jobs",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("actor", Text, nullable=False, comment="who began it, as in the audit log"),
    Column("place", Text, nullable=False, comment="of the console that works on it: host:port"),
    Column("state", String(16), nullable=False),
    Column("told", JSON, nullable=False, comment="which letters, how fast; nothing of people"),
    Column("wanted", JSON, nullable=False, comment="the same as a console goes on with it: long"),
    Column("total", BigInteger),
    Column("done", BigInteger, nullable=False),
    Column("result", JSON),
    Column("problem", JSON),
    Column("began_at_ms", BigInteger, nullable=False),
    Column("seen_at_ms", BigInteger, nullable=False, comment="when its console last told of it"),
    Column("ended_at_ms", BigInteger),
    Column("continues", Uuid, comment="the job whose rest it does"),
    Column("end_asked", Boolean, nullable=False, comment="another console was asked to end it"),
    Index(None, "began_at_ms", "id"),
    Index(None, "continues"),
    comment="What operators had done to dead letters, and how far each of it came",
)
