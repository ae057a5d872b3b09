"""All tables, and the one row of the table `store`."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_OF_OWNERS = sa.text("events IS NOT NULL")
_STALLED = sa.text("stalled_at_ms IS NOT NULL")
_CALLED_BACK = sa.text("callback_id IS NOT NULL")
_TO_ERASE = sa.text("completed_at_ms IS NOT NULL AND erased_at_ms IS NULL")


# What was written there stays as it was, for whoever has the right to write too.
_APPEND_ONLY = {
    "sqlite": (
        "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit "
        "BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END",
        "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit "
        "BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'audit is append-only'; END $$",
        "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()",
    ),
}


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "audit",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column(
            "actor",
            sa.Text(),
            nullable=False,
            comment="operator user@host, console address, key id",
        ),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False, comment="to what; of people, a hash only"),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
        comment="Who did what; triggers refuse to change or delete any of it",
    )
    op.create_index("ix_audit_at_ms_id", "audit", ["at_ms", "id"])
    for statement in _APPEND_ONLY[op.get_bind().dialect.name]:
        op.execute(statement)
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
        sa.Column(
            "cancel_generation",
            sa.BigInteger(),
            nullable=False,
            comment="-1: nobody asked for its end",
        ),
        sa.Column("cancel_asked_at_ms", sa.BigInteger(), comment="when its end was asked for"),
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
        sa.Column("type", sa.String(length=24), nullable=False),
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
        sa.Column(
            "completes",
            sa.Boolean(),
            nullable=False,
            comment="the notification came to its end by it",
        ),
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
        "endpoints",
        sa.Column("id", sa.String(length=32), nullable=False, comment="made of owner and URL"),
        sa.Column("owner", sa.Text(), nullable=False, comment="the API key; empty: the simple one"),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column(
            "events", sa.Text(), comment="of all its owner's notifications; null: of those that ask"
        ),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), comment="why it is not active"),
        sa.Column(
            "since_ms", sa.BigInteger(), nullable=False, comment="since when it is in this state"
        ),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column(
            "from_seq", sa.BigInteger(), nullable=False, comment="it is told of what comes after"
        ),
        sa.Column("sent_at_ms", sa.BigInteger(), comment="the last that it took"),
        sa.Column("failing_since_ms", sa.BigInteger(), comment="the first failure since then"),
        sa.PrimaryKeyConstraint("id", name="pk_endpoints"),
        comment="Who is called back",
    )
    op.create_index("ix_endpoints_state_from_seq", "endpoints", ["state", "from_seq"])
    op.create_index(
        "ix_endpoints_of_owners",
        "endpoints",
        ["state"],
        sqlite_where=_OF_OWNERS,
        postgresql_where=_OF_OWNERS,
    )
    turn = op.create_table(
        "callback_turn",
        sa.Column("one", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "seq",
            sa.BigInteger(),
            nullable=False,
            comment="callbacks were made of all facts up to it",
        ),
        sa.Column(
            "holder", sa.String(length=32), nullable=False, comment="the journal that makes them"
        ),
        sa.Column("until_ms", sa.BigInteger(), nullable=False, comment="then another may"),
        sa.CheckConstraint("one = 1", name="ck_callback_turn_one"),
        sa.PrimaryKeyConstraint("one", name="pk_callback_turn"),
        comment="How far callbacks were made, and whose turn it is: one row",
    )
    op.bulk_insert(turn, [{"one": 1, "seq": 0, "holder": "", "until_ms": 0}])
    op.create_table(
        "idempotency",
        sa.Column("owner", sa.Text(), nullable=False, comment="empty: nobody's"),
        sa.Column(
            "key_hash", sa.LargeBinary(), nullable=False, comment="SHA-256 of the Idempotency-Key"
        ),
        sa.Column("body_hash", sa.LargeBinary(), nullable=False),
        sa.Column("notification_id", sa.Uuid(), nullable=False, comment="begins with began_at_ms"),
        sa.Column(
            "began_at_ms", sa.BigInteger(), nullable=False, comment="when the first one came"
        ),
        sa.Column(
            "claimant",
            sa.Uuid(),
            nullable=False,
            comment="the request that works on it, or did last",
        ),
        sa.Column(
            "busy_until_ms",
            sa.BigInteger(),
            nullable=False,
            comment="then another may take it over",
        ),
        sa.Column("is_done", sa.Boolean(), nullable=False, comment="it was answered with 202"),
        sa.PrimaryKeyConstraint("owner", "key_hash", name="pk_idempotency"),
        comment="Requests that came with an Idempotency-Key; a day later they are forgotten",
    )
    op.create_index("ix_idempotency_began_at_ms", "idempotency", ["began_at_ms"])
    op.create_table(
        "jobs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False, comment="who began it, as in the audit log"),
        sa.Column(
            "place",
            sa.Text(),
            nullable=False,
            comment="of the console that works on it: host:port",
        ),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column(
            "told",
            sa.JSON(),
            nullable=False,
            comment="which letters, how fast; nothing of people",
        ),
        sa.Column(
            "wanted",
            sa.JSON(),
            nullable=False,
            comment="the same as a console goes on with it: long",
        ),
        sa.Column("total", sa.BigInteger()),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("result", sa.JSON()),
        sa.Column("problem", sa.JSON()),
        sa.Column("began_at_ms", sa.BigInteger(), nullable=False),
        sa.Column(
            "seen_at_ms",
            sa.BigInteger(),
            nullable=False,
            comment="when its console last told of it",
        ),
        sa.Column("ended_at_ms", sa.BigInteger()),
        sa.Column("continues", sa.Uuid(), comment="the job whose rest it does"),
        sa.Column(
            "end_asked",
            sa.Boolean(),
            nullable=False,
            comment="another console was asked to end it",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        comment="What operators had done to dead letters, and how far each of it came",
    )
    op.create_index("ix_jobs_began_at_ms_id", "jobs", ["began_at_ms", "id"])
    op.create_index("ix_jobs_continues", "jobs", ["continues"])
    op.create_table(
        "keys",
        sa.Column("id", sa.String(length=32), nullable=False, comment="the owner of what it sends"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "hash",
            sa.LargeBinary(),
            nullable=False,
            comment="SHA-256 of the key, which nobody keeps",
        ),
        sa.Column("former_hash", sa.LargeBinary(), comment="of the key before the last rotation"),
        sa.Column("former_until_ms", sa.BigInteger(), comment="until when that one is good too"),
        sa.Column(
            "secret_version",
            sa.Integer(),
            nullable=False,
            comment="of what signs its webhooks",
        ),
        sa.Column(
            "former_secret_until_ms",
            sa.BigInteger(),
            comment="until when the one before signs too",
        ),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("rate", sa.Text(), comment="requests that send: 100/s; null: any number"),
        sa.Column("recipients", sa.JSON(), nullable=False, comment="whom a team key may reach"),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger()),
        sa.Column("revoked_at_ms", sa.BigInteger()),
        sa.Column("seen_at_ms", sa.BigInteger(), comment="when it was used last, to some minutes"),
        sa.PrimaryKeyConstraint("id", name="pk_keys"),
        comment="API keys; none is ever deleted: a revoked one still owns what it sent",
    )
    op.create_index("ix_keys_hash", "keys", ["hash"], unique=True)
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
        sa.Column(
            "is_test",
            sa.Boolean(),
            nullable=False,
            comment="a test key sent it: no provider got it",
        ),
        sa.Column("origin_kind", sa.Text()),
        sa.Column("origin_id", sa.Text()),
        sa.Column(
            "callback_id",
            sa.String(length=32),
            comment="the endpoint that is told of it, by its own wish",
        ),
        sa.Column(
            "callback_events",
            sa.Text(),
            comment="which events, with commas; null: the usual ones",
        ),
        sa.Column("request_id", sa.Text(), comment="of the request that it was accepted with"),
        sa.Column(
            "trace_id", sa.String(length=32), comment="of the same, as W3C trace context has it"
        ),
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
    op.create_index(
        "ix_notifications_called_back",
        "notifications",
        ["callback_id"],
        sqlite_where=_CALLED_BACK,
        postgresql_where=_CALLED_BACK,
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
    op.create_table(
        "users",
        sa.Column(
            "id",
            sa.String(length=32),
            nullable=False,
            comment="another one when the name is made anew",
        ),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column(
            "password_hash", sa.Text(), nullable=False, comment="argon2id, with its parameters"
        ),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("disabled_at_ms", sa.BigInteger()),
        sa.Column("seen_at_ms", sa.BigInteger(), comment="when the last session began"),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        comment="Who may sign in at the console with a password",
    )
    op.create_index("ix_users_name", "users", ["name"], unique=True)
    op.create_table(
        "sessions",
        sa.Column(
            "hash", sa.LargeBinary(), nullable=False, comment="SHA-256 of what the cookie has"
        ),
        sa.Column(
            "subject",
            sa.String(length=64),
            nullable=False,
            comment="a user's id, or oidc: and a hash",
        ),
        sa.Column("name", sa.String(length=64), comment="of who has no row in users"),
        sa.Column("role", sa.String(length=16), comment="of who has no row in users"),
        sa.Column("began_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_at_ms", sa.BigInteger(), nullable=False, comment="to a minute or so"),
        sa.Column(
            "until_ms", sa.BigInteger(), nullable=False, comment="it ends then at the latest"
        ),
        sa.PrimaryKeyConstraint("hash", name="pk_sessions"),
        comment="Who is signed in at the console",
    )
    op.create_index("ix_sessions_subject", "sessions", ["subject"])
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
