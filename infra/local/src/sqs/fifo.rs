//! What is different in a FIFO queue: a deduplication id counts once within five minutes, and a group gives out no
//! message while one of its messages is in flight.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html>

use std::collections::HashSet;

use data_encoding::HEXLOWER;
use rusqlite::{OptionalExtension, Transaction, params};
use sha2::{Digest, Sha256};

use super::engine::Queue;
use super::error::{Code, Error};
use super::message::Draft;

const DEDUPLICATION_MS: i64 = 5 * 60 * 1000;
const NOT_FOR_THIS_TYPE: &str = "The request includes a parameter that is not valid for this queue type";

/// Refuses what one of the two types of queue refuses, and gives the deduplication id of a message to a FIFO queue.
pub(super) fn deduplication_id(queue: &Queue, draft: &Draft) -> Result<Option<String>, Error> {
    let given = draft.message_deduplication_id.as_deref();
    if !queue.settings.is_fifo {
        return match given {
            None => Ok(None),
            Some(id) => Err(Error::invalid("MessageDeduplicationId", id, NOT_FOR_THIS_TYPE)),
        };
    }
    if draft.message_group_id.is_none() {
        return Err(Error::missing("MessageGroupId"));
    }
    if let Some(delay_s) = draft.delay_seconds.filter(|delay_s| *delay_s != 0) {
        return Err(Error::invalid("DelaySeconds", &delay_s.to_string(), NOT_FOR_THIS_TYPE));
    }
    match given {
        Some(id) => Ok(Some(id.to_owned())),
        None if queue.settings.is_deduplicated_by_content => {
            Ok(Some(HEXLOWER.encode(&Sha256::digest(draft.message_body.as_bytes()))))
        }
        None => Err(Error::refused(
            Code::InvalidParameterValue,
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided \
             explicitly",
        )),
    }
}

/// The message that was sent under this id within the last five minutes, whatever has become of it: its number and
/// when it was sent.
pub(super) fn earlier(
    tx: &Transaction<'_>,
    now_ms: i64,
    queue: i64,
    id: &str,
) -> Result<Option<(i64, i64)>, Error> {
    tx.prepare_cached("DELETE FROM deduplications WHERE queue = ?1 AND sent_ms <= ?2")?
        .execute(params![queue, now_ms - DEDUPLICATION_MS])?;
    let found = tx
        .prepare_cached("SELECT seq, sent_ms FROM deduplications WHERE queue = ?1 AND id = ?2")?
        .query_row(params![queue, id], |row| row.try_into())
        .optional()?;
    Ok(found)
}

pub(super) fn remember(
    tx: &Transaction<'_>,
    now_ms: i64,
    queue: i64,
    id: &str,
    seq: i64,
) -> Result<(), Error> {
    tx.prepare_cached("INSERT INTO deduplications (queue, id, seq, sent_ms) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![queue, id, seq, now_ms])?;
    Ok(())
}

/// The messages to hand out, in the order of sending. A group waits behind its oldest message that is in flight or
/// delayed. The whole queue is read for it: a development stack's are short.
pub(super) fn choose(tx: &Transaction<'_>, now_ms: i64, queue: i64, max: usize) -> Result<Vec<i64>, Error> {
    let mut messages =
        tx.prepare_cached("SELECT seq, tenant, visible_ms FROM messages WHERE queue = ?1 ORDER BY seq")?;
    let mut rows = messages.query([queue])?;
    let (mut chosen, mut held) = (Vec::new(), HashSet::new());
    while let Some(row) = rows.next()? {
        let (seq, tenant, visible_ms): (i64, String, i64) = row.try_into()?;
        if chosen.len() == max {
            break;
        }
        if visible_ms > now_ms {
            held.insert(tenant);
        } else if !held.contains(&tenant) {
            chosen.push(seq);
        }
    }
    Ok(chosen)
}
