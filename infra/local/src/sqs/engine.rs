//! What SQS does, as SQL: every function here runs inside one transaction and is given the time.

use std::collections::BTreeMap;

use data_encoding::BASE64URL_NOPAD;
use md5::{Digest, Md5};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::error::{Code, Error};
use super::fifo;
use super::message::{Attributes, Draft, TRACE_HEADER};
use super::queue::{self, Settings};
use super::received::Received;

/// The tenants with something to receive, those with the fewest messages in flight first: a tenant that
/// floods the queue waits behind the quiet ones, as in AWS's fair queues. The recursion jumps from tenant to
/// tenant in the index, so that the cost does not grow with the backlog.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html>
const TENANTS: &str = "
    WITH RECURSIVE tenants (name) AS (
        SELECT MIN(tenant) FROM messages WHERE queue = ?1
        UNION ALL
        SELECT (SELECT MIN(m.tenant) FROM messages m WHERE m.queue = ?1 AND m.tenant > tenants.name)
        FROM tenants WHERE tenants.name IS NOT NULL
    ), ready AS (
        SELECT name, (SELECT MIN(visible_ms) FROM messages
                      WHERE queue = ?1 AND tenant = name AND visible_ms <= ?2) AS oldest_ms
        FROM tenants WHERE name IS NOT NULL
    )
    SELECT name, (SELECT COUNT(*) FROM messages
                  WHERE queue = ?1 AND tenant = name AND visible_ms > ?2 AND receives > 0) AS busy
    FROM ready WHERE oldest_ms IS NOT NULL ORDER BY busy, oldest_ms LIMIT ?3
";

/// How many messages of a queue are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Can be received now.
    pub visible: u64,
    /// Received and not deleted; visible again when the visibility timeout ends.
    pub in_flight: u64,
    /// Sent with a delay that has not passed.
    pub delayed: u64,
}

/// A row of `queues`.
pub(super) struct Queue {
    pub(super) id: i64,
    pub(super) name: String,
    /// As set, by AWS's names.
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) settings: Settings,
    pub(super) created_ms: i64,
    pub(super) modified_ms: i64,
}

pub(super) fn create_queue(
    tx: &Transaction<'_>,
    now_ms: i64,
    name: &str,
    attributes: &BTreeMap<String, String>,
) -> Result<(), Error> {
    queue::check_name(name, Settings::parse(attributes)?.is_fifo)?;
    if let Some(existing) = load_queue(tx, name)? {
        let defaults = existing.settings.answer();
        let differs = attributes.iter().find(|&(key, value)| {
            existing.attributes.get(key).or_else(|| defaults.get(key.as_str())) != Some(value)
        });
        return match differs {
            None => Ok(()),
            Some((key, _)) => Err(Error::refused(
                Code::QueueNameExists,
                format!(
                    "A queue already exists with the same name and a different value for attribute {key}"
                ),
            )),
        };
    }
    check_attributes(tx, attributes)?;
    tx.prepare_cached(
        "INSERT INTO queues (name, attributes, created_ms, modified_ms) VALUES (?1, ?2, ?3, ?3)",
    )?
    .execute(params![name, serde_json::to_string(attributes)?, now_ms])?;
    Ok(())
}

/// Changes the given attributes and leaves the others; an empty value removes one.
pub(super) fn set_attributes(
    tx: &Transaction<'_>,
    now_ms: i64,
    queue: Queue,
    changes: BTreeMap<String, String>,
) -> Result<(), Error> {
    let mut attributes = queue.attributes;
    attributes.extend(changes);
    attributes.retain(|_, value| !value.is_empty());
    check_attributes(tx, &attributes)?;
    tx.prepare_cached("UPDATE queues SET attributes = ?2, modified_ms = ?3 WHERE id = ?1")?
        .execute(params![queue.id, serde_json::to_string(&attributes)?, now_ms])?;
    Ok(())
}

fn check_attributes(tx: &Transaction<'_>, attributes: &BTreeMap<String, String>) -> Result<(), Error> {
    let settings = Settings::parse(attributes)?;
    if let Some(redrive) = &settings.redrive
        && load_queue(tx, &redrive.target)?.is_none()
    {
        let reason = "Dead letter target does not exist";
        return Err(Error::invalid("RedrivePolicy", &redrive.target, reason));
    }
    Ok(())
}

pub(super) fn find_queue(db: &Connection, name: &str) -> Result<Queue, Error> {
    load_queue(db, name)?
        .ok_or_else(|| Error::refused(Code::QueueDoesNotExist, "The specified queue does not exist."))
}

fn load_queue(db: &Connection, name: &str) -> Result<Option<Queue>, Error> {
    let row: Option<(i64, String, i64, i64)> = db
        .prepare_cached("SELECT id, attributes, created_ms, modified_ms FROM queues WHERE name = ?1")?
        .query_row([name], |row| row.try_into())
        .optional()?;
    row.map(|(id, attributes, created_ms, modified_ms)| {
        let attributes = serde_json::from_str(&attributes)?;
        let settings = Settings::parse(&attributes)?;
        Ok(Queue { id, name: name.to_owned(), attributes, settings, created_ms, modified_ms })
    })
    .transpose()
}

/// Up to `limit` names with the prefix, after the name `after`.
pub(super) fn list_queues(
    tx: &Transaction<'_>,
    prefix: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<String>, Error> {
    let mut names = tx.prepare_cached(
        "SELECT name FROM queues WHERE substr(name, 1, length(?1)) = ?1 AND name > ?2 ORDER BY name LIMIT ?3",
    )?;
    let names = names.query_map(params![prefix, after, limit], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}

pub(super) fn delete_queue(tx: &Transaction<'_>, queue: &Queue) -> Result<(), Error> {
    tx.prepare_cached("DELETE FROM queues WHERE id = ?1")?.execute([queue.id])?;
    Ok(())
}

pub(super) fn purge(tx: &Transaction<'_>, queue: &Queue) -> Result<(), Error> {
    tx.prepare_cached("DELETE FROM messages WHERE queue = ?1")?.execute([queue.id])?;
    Ok(())
}

pub(super) fn depth(tx: &Transaction<'_>, now_ms: i64, queue: &Queue) -> Result<Depth, Error> {
    expire(tx, now_ms, queue)?;
    let counted = tx
        .prepare_cached(
            "SELECT COUNT(*) FILTER (WHERE visible_ms <= ?2),
                    COUNT(*) FILTER (WHERE visible_ms > ?2 AND receives > 0),
                    COUNT(*) FILTER (WHERE visible_ms > ?2 AND receives = 0)
             FROM messages WHERE queue = ?1",
        )?
        .query_row(params![queue.id, now_ms], |row| {
            Ok(Depth { visible: row.get(0)?, in_flight: row.get(1)?, delayed: row.get(2)? })
        })?;
    Ok(counted)
}

/// Whether a receive could find something: a message is visible.
pub(super) fn is_ready(db: &Connection, now_ms: i64, queue: &Queue) -> Result<bool, Error> {
    let ready = db
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM messages WHERE queue = ?1 AND visible_ms <= ?2)")?
        .query_row(params![queue.id, now_ms], |row| row.get(0))?;
    Ok(ready)
}

pub(super) fn next_visible_ms(db: &Connection, now_ms: i64, queue: &Queue) -> Result<Option<i64>, Error> {
    let next = db
        .prepare_cached("SELECT MIN(visible_ms) FROM messages WHERE queue = ?1 AND visible_ms > ?2")?
        .query_row(params![queue.id, now_ms], |row| row.get(0))?;
    Ok(next)
}

/// Makes the messages in flight of all queues visible.
pub(super) fn release_in_flight(tx: &Transaction<'_>, now_ms: i64) -> Result<usize, Error> {
    let released = tx
        .prepare_cached("UPDATE messages SET visible_ms = ?1 WHERE visible_ms > ?1 AND receives > 0")?
        .execute([now_ms])?;
    Ok(released)
}

/// Stores a checked message and returns its id.
pub(super) fn send(tx: &Transaction<'_>, now_ms: i64, queue: &Queue, draft: &Draft) -> Result<String, Error> {
    draft.check(queue.settings.max_bytes)?;
    let deduplication = fifo::deduplication_id(queue, draft)?;
    if let Some(id) = &deduplication
        && let Some((seq, sent_ms)) = fifo::earlier(tx, now_ms, queue.id, id)?
    {
        return Ok(message_id(seq, sent_ms));
    }
    let delay_s = draft.delay_seconds.unwrap_or(queue.settings.delay_s);
    let trace = draft.message_system_attributes.get(TRACE_HEADER);
    tx.prepare_cached(
        "INSERT INTO messages
             (queue, tenant, body, attributes, trace, sent_ms, visible_ms, deduplication, receives)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0)",
    )?
    .execute(params![
        queue.id,
        draft.message_group_id.as_deref().unwrap_or_default(),
        draft.message_body,
        serde_json::to_string(&draft.message_attributes)?,
        trace.and_then(|attribute| attribute.string_value.as_deref()),
        now_ms,
        now_ms + delay_s * 1000,
        deduplication,
    ])?;
    let seq = tx.last_insert_rowid();
    if let Some(id) = &deduplication {
        fifo::remember(tx, now_ms, queue.id, id, seq)?;
    }
    Ok(message_id(seq, now_ms))
}

/// What was received, and the dead-letter queue to which messages were moved on the way.
pub(super) struct Outcome {
    pub(super) received: Vec<Received>,
    pub(super) moved_to: Option<String>,
}

/// Takes up to `max` visible messages and hides them for `visibility_s`.
pub(super) fn receive(
    tx: &Transaction<'_>,
    now_ms: i64,
    queue: &Queue,
    max: usize,
    visibility_s: i64,
) -> Result<Outcome, Error> {
    let moved_to = clear(tx, now_ms, queue)?;
    let chosen = choose(tx, now_ms, queue, max)?;
    Ok(Outcome { received: hand_out(tx, now_ms, queue, &chosen, visibility_s)?, moved_to })
}

/// Removes what is not to be handed out any more. Gives the dead-letter queue to which messages were moved.
pub(super) fn clear(tx: &Transaction<'_>, now_ms: i64, queue: &Queue) -> Result<Option<String>, Error> {
    expire(tx, now_ms, queue)?;
    redrive(tx, now_ms, queue)
}

/// Receives these messages: counts it, and hides them for `visibility_s`.
pub(super) fn hand_out(
    tx: &Transaction<'_>,
    now_ms: i64,
    queue: &Queue,
    chosen: &[i64],
    visibility_s: i64,
) -> Result<Vec<Received>, Error> {
    let mut take = tx.prepare_cached(
        "UPDATE messages SET receives = receives + 1, visible_ms = ?2,
                first_received_ms = COALESCE(first_received_ms, ?3)
         WHERE seq = ?1
         RETURNING seq, body, attributes, trace, tenant, deduplication, source_arn, sent_ms, first_received_ms, receives",
    )?;
    let mut received = Vec::new();
    for seq in chosen {
        let (attributes, mut message): (String, _) = take
            .query_row(params![seq, now_ms + visibility_s * 1000, now_ms], |row| {
                Ok((row.get("attributes")?, read_message(row, queue)?))
            })?;
        message.attributes = serde_json::from_str(&attributes)?;
        received.push(message);
    }
    Ok(received)
}

fn read_message(row: &Row<'_>, queue: &Queue) -> rusqlite::Result<Received> {
    let (seq, sent_ms, receives) = (row.get("seq")?, row.get("sent_ms")?, row.get("receives")?);
    let tenant: String = row.get("tenant")?;
    Ok(Received {
        id: message_id(seq, sent_ms),
        handle: Handle { queue: queue.id, seq, receives }.encode(),
        body: row.get("body")?,
        attributes: Attributes::new(),
        trace: row.get("trace")?,
        group: Some(tenant).filter(|group| !group.is_empty()),
        deduplication: row.get("deduplication")?,
        source_arn: row.get("source_arn")?,
        sent_ms,
        first_received_ms: row.get("first_received_ms")?,
        receives,
    })
}

/// The messages to hand out: one at a time from the tenant with the fewest in flight, counting those that
/// were just chosen, and within a tenant in the order in which they became visible.
pub(super) fn choose(
    tx: &Transaction<'_>,
    now_ms: i64,
    queue: &Queue,
    max: usize,
) -> Result<Vec<i64>, Error> {
    if queue.settings.is_fifo {
        return fifo::choose(tx, now_ms, queue.id, max);
    }
    // At most `max` tenants get a turn, so the others need not be looked at.
    let limit = i64::try_from(max).unwrap_or(i64::MAX);
    let mut tenants = tx.prepare_cached(TENANTS)?;
    let tenants = tenants.query_map(params![queue.id, now_ms, limit], |row| row.try_into())?;
    let mut oldest = tx.prepare_cached(
        "SELECT visible_ms, seq FROM messages WHERE queue = ?1 AND tenant = ?2 AND visible_ms <= ?3
         ORDER BY visible_ms, seq LIMIT ?4",
    )?;
    let mut turns = Vec::new();
    for tenant in tenants {
        let (name, busy): (String, usize) = tenant?;
        let messages = oldest.query_map(params![queue.id, name, now_ms, limit], |row| row.try_into())?;
        for (rank, message) in messages.enumerate() {
            let (visible_ms, seq): (i64, i64) = message?;
            turns.push((busy + rank, visible_ms, seq));
        }
    }
    turns.sort_unstable();
    Ok(turns.into_iter().take(max).map(|(_, _, seq)| seq).collect())
}

/// Deletes what is older than the queue's retention period. The age counts from the first send, also in a
/// dead-letter queue.
fn expire(tx: &Transaction<'_>, now_ms: i64, queue: &Queue) -> Result<(), Error> {
    tx.prepare_cached("DELETE FROM messages WHERE queue = ?1 AND sent_ms <= ?2")?
        .execute(params![queue.id, now_ms - queue.settings.retention_s * 1000])?;
    Ok(())
}

/// Moves the messages that would be received too often to the dead-letter queue, and gives its name. Without that
/// queue they stay.
fn redrive(tx: &Transaction<'_>, now_ms: i64, queue: &Queue) -> Result<Option<String>, Error> {
    let Some(redrive) = &queue.settings.redrive else { return Ok(None) };
    let mut spent = tx.prepare_cached(
        "SELECT seq FROM messages WHERE queue = ?1 AND receives >= ?2 AND visible_ms <= ?3",
    )?;
    let spent = spent.query_map(params![queue.id, redrive.max_receives, now_ms], |row| row.get(0))?;
    let spent: Vec<i64> = spent.collect::<Result<_, _>>()?;
    let mut moved_to = None;
    for seq in spent {
        let reason = format!("received {} times", redrive.max_receives);
        moved_to = move_to_dead_letters(tx, now_ms, queue, seq, &reason)?;
    }
    Ok(moved_to)
}

/// Moves a message to the dead-letter queue of its queue, where its receives count anew, and gives the name of that
/// queue; nothing happens where there is none. The reason goes to the log: SQS keeps none with the message.
pub(super) fn move_to_dead_letters(
    tx: &Transaction<'_>,
    now_ms: i64,
    queue: &Queue,
    seq: i64,
    reason: &str,
) -> Result<Option<String>, Error> {
    let Some(redrive) = &queue.settings.redrive else { return Ok(None) };
    let Some(target) = load_queue(tx, &redrive.target)? else { return Ok(None) };
    let sent_ms = tx
        .prepare_cached(
            "UPDATE messages SET queue = ?2, source_arn = ?3, receives = 0, visible_ms = ?4
             WHERE seq = ?1 RETURNING sent_ms",
        )?
        .query_row(params![seq, target.id, queue::arn(&queue.name), now_ms], |row| row.get(0))?;
    tx.prepare_cached("DELETE FROM handed WHERE seq = ?1")?.execute([seq])?;
    tracing::warn!(
        queue = queue.name,
        dead_letter_queue = target.name,
        message_id = message_id(seq, sent_ms),
        reason,
        "message moved to the dead-letter queue"
    );
    Ok(Some(target.name))
}

/// Deletes the message that the handle's receive handed out. An older handle succeeds without effect.
pub(super) fn delete(tx: &Transaction<'_>, queue: &Queue, handle: &str) -> Result<(), Error> {
    let handle = Handle::decode(handle, queue)?;
    tx.prepare_cached("DELETE FROM messages WHERE seq = ?1 AND queue = ?2 AND receives = ?3")?
        .execute(params![handle.seq, handle.queue, handle.receives])?;
    Ok(())
}

/// Lets a message in flight become visible `visibility_s` from now; 0 gives it back at once.
pub(super) fn change_visibility(
    tx: &Transaction<'_>,
    now_ms: i64,
    queue: &Queue,
    handle: &str,
    visibility_s: i64,
) -> Result<(), Error> {
    Error::unless_in("VisibilityTimeout", visibility_s, 0..=43_200)?;
    let found = Handle::decode(handle, queue)?;
    let key = params![found.seq, found.queue, found.receives];
    let visible_ms: Option<i64> = tx
        .prepare_cached("SELECT visible_ms FROM messages WHERE seq = ?1 AND queue = ?2 AND receives = ?3")?
        .query_row(key, |row| row.get(0))
        .optional()?;
    match visible_ms {
        None => {
            let reason = "Message does not exist or is not available for visibility timeout change";
            Err(Error::invalid("ReceiptHandle", handle, reason))
        }
        // As documented. AWS was also seen to answer success and do nothing (localstack pull request 9632), so
        // a caller has to be content with either.
        Some(visible_ms) if visible_ms <= now_ms => {
            Err(Error::refused(Code::MessageNotInflight, "The specified message isn't in flight."))
        }
        Some(_) => {
            tx.prepare_cached("UPDATE messages SET visible_ms = ?2 WHERE seq = ?1")?
                .execute(params![found.seq, now_ms + visibility_s * 1000])?;
            Ok(())
        }
    }
}

/// One receive of one message. It needs no random part: the numbers differ for every receive, and who can
/// reach the endpoint may do everything anyway.
pub(super) struct Handle {
    queue: i64,
    pub(super) seq: i64,
    pub(super) receives: i64,
}

impl Handle {
    fn encode(&self) -> String {
        BASE64URL_NOPAD.encode(format!("{}.{}.{}", self.queue, self.seq, self.receives).as_bytes())
    }

    pub(super) fn decode(text: &str, queue: &Queue) -> Result<Self, Error> {
        let parse = || {
            let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
            let mut numbers = std::str::from_utf8(&bytes).ok()?.split('.').map(|part| part.parse().ok());
            let handle = Self { queue: numbers.next()??, seq: numbers.next()??, receives: numbers.next()?? };
            (numbers.next().is_none() && handle.queue == queue.id).then_some(handle)
        };
        parse().ok_or_else(|| {
            let message = format!("The input receipt handle \"{text}\" is not a valid receipt handle.");
            Error::refused(Code::ReceiptHandleIsInvalid, message)
        })
    }
}

/// A message's id: in the form of a UUID (version 8, RFC 9562 section 5.8), derived instead of random, so
/// that a run under a test's clock is the same every time. A redrive keeps it.
fn message_id(seq: i64, sent_ms: i64) -> String {
    let mut bytes: [u8; 16] = Md5::digest(format!("{seq}.{sent_ms}")).into();
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = data_encoding::HEXLOWER.encode(&bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
