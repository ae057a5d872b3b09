"""All tables, and the one row of the table `store`."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_STALLED = sa.text("stalled_at_ms IS NOT NULL")
_TO_ERASE = sa.text("completed_at_ms IS NOT NULL AND erased_at_ms IS NULL")


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "contents",
        sa.Column("notification_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False, comment="the delivery as it travels"),
        sa.PrimaryKeyConstraint("notification_id", "number", name="pk_contents"),
        comment="What was accepted, byte for byte; apart, because it is never changed and erased "
        "first",
    )
    op.create_table(
        "counts",
        sa.Column("minute", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("owner", sa.Text(), nullable=False, comment="empty: nobody's"),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column(
            "kind", sa.String(length=24), nullable=False, comment="a fact, or latency:… (a bucket)"
        ),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("minute", "owner", "channel", "kind", name="pk_counts"),
        comment="Facts and latencies of each minute since 1970, so that statistics read few rows",
    )
    op.create_table(
        "deliveries",
        sa.Column("notification_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("accepted_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("is_accepted", sa.Boolean(), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("priority", sa.String(length=16), nullable=False),
        sa.Column("address", sa.Text(), comment="null: erased, or not heard of yet"),
        sa.Column("moved_to", sa.Text(), comment="where it goes now, when that is another address"),
        sa.Column("owner", sa.Text()),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("rank", sa.SmallInteger(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column(
            "fact_id", sa.Uuid(), nullable=False, comment="the fact that the state comes from"
        ),
        sa.Column("was_tried", sa.Boolean(), nullable=False),
        sa.Column(
            "failed_generation",
            sa.BigInteger(),
            nullable=False,
            comment="the last that failed; -1: none",
        ),
        sa.Column("outcome", sa.Text()),
        sa.Column("code", sa.Text()),
        sa.Column("message", sa.Text()),
        sa.Column("fail_class", sa.Text()),
        sa.Column("provider_id", sa.Text()),
        sa.Column("next_at_ms", sa.BigInteger()),
        sa.Column("held", sa.Text(), comment="why it waits without an attempt that counts"),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("stalled_at_ms", sa.BigInteger(), comment="when the sweeper missed it"),
        sa.PrimaryKeyConstraint("notification_id", "number", name="pk_deliveries"),
        comment="One row for each delivery: the fold over its facts",
    )
    op.create_index(
        "ix_deliveries_channel_accepted_at_ms_notification_id",
        "deliveries",
        ["channel", "accepted_at_ms", "notification_id"],
    )
    op.create_index(
        "ix_deliveries_code_accepted_at_ms_notification_id",
        "deliveries",
        ["code", "accepted_at_ms", "notification_id"],
    )
    op.create_index("ix_deliveries_status_at_ms", "deliveries", ["status", "at_ms"])
    op.create_index(
        "ix_deliveries_stalled",
        "deliveries",
        ["stalled_at_ms"],
        sqlite_where=_STALLED,
        postgresql_where=_STALLED,
    )
    op.create_table(
        "events",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("notification_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("owner", sa.Text()),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column(
            "status",
            sa.String(length=16),
            nullable=False,
            comment="of the delivery, this fact known",
        ),
        sa.Column("notification_status", sa.String(length=16), nullable=False),
        sa.Column("address", sa.Text(), comment="where it goes, if not where its body says"),
        sa.Column("outcome", sa.Text()),
        sa.Column("code", sa.Text()),
        sa.Column("message", sa.Text()),
        sa.Column("fail_class", sa.Text()),
        sa.Column("provider_id", sa.Text()),
        sa.Column("began_at_ms", sa.BigInteger()),
        sa.Column("took_ms", sa.BigInteger()),
        sa.Column("next_at_ms", sa.BigInteger()),
        sa.Column("host", sa.Text()),
        sa.PrimaryKeyConstraint("seq", name="pk_events"),
        comment="Every fact, once, in the order of commits",
    )
    op.create_index("ix_events_id", "events", ["id"], unique=True)
    op.create_index("ix_events_notification_id_seq", "events", ["notification_id", "seq"])
    op.create_table(
        "notifications",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "accepted_at_ms",
            sa.BigInteger(),
            nullable=False,
            comment="of a fact that came before: its",
        ),
        sa.Column(
            "is_accepted",
            sa.Boolean(),
            nullable=False,
            comment="false: only facts about it came so far",
        ),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("completed_at_ms", sa.BigInteger()),
        sa.Column(
            "erased_at_ms",
            sa.BigInteger(),
            comment="of what is about people; null: not yet, or again",
        ),
        sa.Column("seq", sa.BigInteger(), nullable=False, comment="of its newest fact"),
        sa.Column("owner", sa.Text()),
        sa.Column("origin_kind", sa.Text()),
        sa.Column("origin_id", sa.Text()),
        sa.Column("priority", sa.String(length=16)),
        sa.Column("subject", sa.Text()),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.Column(
            "expected", sa.Integer(), comment="how many deliveries it has; null: nobody said"
        ),
        sa.Column(
            "tried", sa.Integer(), nullable=False, comment="deliveries that anything was tried for"
        ),
        sa.Column("scheduled", sa.Integer(), nullable=False),
        sa.Column("queued", sa.Integer(), nullable=False),
        sa.Column("retrying", sa.Integer(), nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("expired", sa.Integer(), nullable=False),
        sa.Column("cancelled", sa.Integer(), nullable=False),
        sa.Column("discarded", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_notifications"),
        comment="One row for each notification; the counts are of its deliveries by status",
    )
    op.create_index("ix_notifications_accepted_at_ms_id", "notifications", ["accepted_at_ms", "id"])
    op.create_index(
        "ix_notifications_owner_accepted_at_ms_id",
        "notifications",
        ["owner", "accepted_at_ms", "id"],
    )
    op.create_index(
        "ix_notifications_status_accepted_at_ms_id",
        "notifications",
        ["status", "accepted_at_ms", "id"],
    )
    op.create_index(
        "ix_notifications_to_erase",
        "notifications",
        ["accepted_at_ms"],
        sqlite_where=_TO_ERASE,
        postgresql_where=_TO_ERASE,
    )
    op.create_table(
        "processes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("started_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.JSON(), nullable=False, comment="lanes, busy, account, stopped"),
        sa.PrimaryKeyConstraint("id", name="pk_processes"),
        comment="Every process that was heard of, as it last said",
    )
    store = op.create_table(
        "store",
        sa.Column("one", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "epoch",
            sa.String(length=32),
            nullable=False,
            comment="another one when this is another store",
        ),
        sa.Column(
            "made_of",
            sa.Text(),
            nullable=False,
            comment="tells a restored database from the one before",
        ),
        sa.Column(
            "recipient_key",
            sa.LargeBinary(),
            nullable=False,
            comment="key of the recipients' hashes",
        ),
        sa.Column("last_seq", sa.BigInteger(), nullable=False, comment="of the newest fact"),
        sa.Column(
            "first_seq", sa.BigInteger(), nullable=False, comment="of the oldest one that is kept"
        ),
        sa.Column(
            "heard_at_ms", sa.BigInteger(), nullable=False, comment="until when everything is known"
        ),
        sa.CheckConstraint("one = 1", name="ck_store_one"),
        sa.PrimaryKeyConstraint("one", name="pk_store"),
        comment="What there is once: the one row that every writer holds until its commit",
    )
    op.create_table(
        "terms",
        sa.Column(
            "term", sa.String(length=160), nullable=False, comment="tag:…, word:… or to:… (a hash)"
        ),
        sa.Column("accepted_at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("notification_id", sa.Uuid(), nullable=False),
        sa.Column(
            "number", sa.Integer(), autoincrement=False, nullable=False, comment="0: of all of it"
        ),
        sa.PrimaryKeyConstraint(
            "term", "accepted_at_ms", "notification_id", "number", name="pk_terms"
        ),
        comment="What notifications are searched by: tags, words of the subject, recipients",
    )
    op.create_index("ix_terms_notification_id", "terms", ["notification_id"])
    row = {
        "one": 1,
        "epoch": secrets.token_hex(8),
        "made_of": "",
        "recipient_key": secrets.token_bytes(32),
        "last_seq": 0,
        "first_seq": 1,
        "heard_at_ms": 0,
    }
    op.bulk_insert(store, [row])
