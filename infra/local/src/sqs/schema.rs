//! The database: its tables, and how an older one is brought up to date.

use rusqlite::Connection;

use super::error::Error;

const SCHEMA_VERSION: i64 = 3;

/// `messages.receives` counts receives from the queue where the message is now. A message that is not
/// visible is in flight if it was received, else delayed. `AUTOINCREMENT` because receipt handles and
/// message ids are made of these numbers: one that is used again would name another message.
const SCHEMA: &str = "
    CREATE TABLE queues (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        attributes TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        modified_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE messages (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        queue INTEGER NOT NULL REFERENCES queues (id) ON DELETE CASCADE,
        tenant TEXT NOT NULL, -- MessageGroupId, '' without one
        body TEXT NOT NULL,
        attributes TEXT NOT NULL,
        trace TEXT, -- system attribute AWSTraceHeader
        source_arn TEXT, -- where a redrive took it from
        sent_ms INTEGER NOT NULL,
        first_received_ms INTEGER,
        visible_ms INTEGER NOT NULL, -- receivable from then on
        receives INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX messages_by_tenant ON messages (queue, tenant, visible_ms, seq, receives);
    CREATE INDEX messages_by_receives ON messages (queue, receives, visible_ms);
    CREATE INDEX messages_by_age ON messages (queue, sent_ms);
    PRAGMA user_version = 1;
";

/// What FIFO queues need. A deduplication id is remembered longer than its message.
const SCHEMA_2: &str = "
    ALTER TABLE messages ADD COLUMN deduplication TEXT;
    CREATE TABLE deduplications (
        queue INTEGER NOT NULL REFERENCES queues (id) ON DELETE CASCADE,
        id TEXT NOT NULL,
        seq INTEGER NOT NULL,
        sent_ms INTEGER NOT NULL,
        PRIMARY KEY (queue, id)
    ) STRICT;
    PRAGMA user_version = 2;
";

/// What is known beyond SQS (`deaths.rs`), and the index that a look for the next message needs.
const SCHEMA_3: &str = "
    CREATE INDEX messages_by_time ON messages (queue, visible_ms);
    CREATE TABLE handed (
        seq INTEGER PRIMARY KEY REFERENCES messages (seq) ON DELETE CASCADE,
        since_ms INTEGER, -- since when a function has it; NULL: none has it
        deaths INTEGER -- that count against it; NULL: it is no suspect
    ) STRICT;
    PRAGMA user_version = 3;
";

pub(super) fn prepare(db: &Connection) -> Result<(), Error> {
    db.set_prepared_statement_cache_capacity(32);
    db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;")?;
    match db.query_row("PRAGMA user_version", (), |row| row.get(0))? {
        0 => Ok(db.execute_batch(&format!("BEGIN IMMEDIATE; {SCHEMA} {SCHEMA_2} {SCHEMA_3} COMMIT;"))?),
        1 => Ok(db.execute_batch(&format!("BEGIN IMMEDIATE; {SCHEMA_2} {SCHEMA_3} COMMIT;"))?),
        2 => Ok(db.execute_batch(&format!("BEGIN IMMEDIATE; {SCHEMA_3} COMMIT;"))?),
        SCHEMA_VERSION => Ok(()),
        found => Err(Error::Schema { found, known: SCHEMA_VERSION }),
    }
}
