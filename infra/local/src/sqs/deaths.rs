//! Beyond SQS, for the mappings of this process: the death of a process is not the fault of the messages that it was
//! handling (ADR 0038).
//!
//! **Guarantee:** a message that a function was handling when its process died comes back at the next start, and that
//! receive is not counted. A message that kills its process again and again is found out and becomes a dead letter,
//! with that reason.
//!
//! What a function was handling when its process died is **suspect**. Suspects are handed out again one at a time and
//! alone, so that the innocent are cleared by their success and only the culprit dies again. A death counts against a
//! message only where no other message can be the reason. It is then held back after each start, longer after each
//! death: whoever kills the process from outside, right after its start, finds no message at work that could be blamed.
//!
//! Clients that receive over HTTP have no part in this.

use domain::DeadLetterReason;
use rusqlite::{OptionalExtension, Transaction, params};
use serde_json::json;

use super::engine::{self, Handle, Outcome, Queue};
use super::error::Error;
use super::message::{Attribute, Attributes};

/// A message that dies alone so often is the reason.
const MAX_DEATHS: i64 = 5;
const ERROR: &str = "the process died while handling it, five times";
/// Until the next suspect's turn, if the one before is still being handled: a delivery may wait for half a minute for its
/// endpoint, and must not hold up all other suspects as long.
const TURN_MS: i64 = 1000;

/// A message that is suspected and that no function has.
struct Suspect {
    seq: i64,
    deaths: i64,
    visible_ms: i64,
}

/// Takes messages for a function: up to `max` that nobody suspects, or one suspect if it is its turn.
pub(super) fn take(tx: &Transaction<'_>, now_ms: i64, queue: &Queue, max: usize) -> Result<Outcome, Error> {
    let moved_to = engine::clear(tx, now_ms, queue)?;
    let suspects = suspects(tx, now_ms, queue)?;
    let next = suspects
        .iter()
        .filter(|suspect| suspect.visible_ms <= now_ms)
        .min_by_key(|suspect| (suspect.deaths, suspect.visible_ms, suspect.seq));
    let chosen = match next {
        Some(suspect) if !is_another_suspects_turn(tx, now_ms)? => vec![suspect.seq],
        _ => {
            let mut chosen = engine::choose(tx, now_ms, queue, max + suspects.len())?;
            chosen.retain(|seq| !suspects.iter().any(|suspect| suspect.seq == *seq));
            chosen.truncate(max);
            chosen
        }
    };
    let mut received = engine::hand_out(tx, now_ms, queue, &chosen, queue.settings.visibility_s)?;
    for (seq, message) in chosen.iter().zip(&mut received) {
        tx.prepare_cached(
            "INSERT INTO handed (seq, since_ms) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET since_ms = ?2",
        )?
        .execute(params![seq, now_ms])?;
        if suspects.iter().any(|suspect| suspect.seq == *seq) {
            // The function must know that this is not the first time, whatever is counted.
            message.receives = message.receives.max(2);
        }
    }
    Ok(Outcome { received, moved_to })
}

fn suspects(tx: &Transaction<'_>, now_ms: i64, queue: &Queue) -> Result<Vec<Suspect>, Error> {
    let mut suspects = tx.prepare_cached(
        "SELECT seq, deaths, visible_ms FROM handed JOIN messages USING (seq)
         WHERE queue = ?1 AND deaths IS NOT NULL AND (since_ms IS NULL OR visible_ms <= ?2)",
    )?;
    let suspects = suspects.query_map(params![queue.id, now_ms], |row| {
        Ok(Suspect { seq: row.get(0)?, deaths: row.get(1)?, visible_ms: row.get(2)? })
    })?;
    Ok(suspects.collect::<Result<_, _>>()?)
}

/// Whether a suspect of any queue waits for its turn: then a look in vain is worth another one soon.
pub(super) fn has_suspects(db: &rusqlite::Connection) -> Result<bool, Error> {
    let waiting = "SELECT EXISTS (SELECT 1 FROM handed WHERE deaths IS NOT NULL)";
    Ok(db.prepare_cached(waiting)?.query_row((), |row| row.get(0))?)
}

/// How long a look in vain is good for while there are suspects.
pub(super) const LOOK_AGAIN_MS: i64 = TURN_MS;

fn is_another_suspects_turn(tx: &Transaction<'_>, now_ms: i64) -> Result<bool, Error> {
    let taken = tx
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM handed JOIN messages USING (seq)
                            WHERE deaths IS NOT NULL AND since_ms > ?1 AND visible_ms > ?2)",
        )?
        .query_row(params![now_ms - TURN_MS, now_ms], |row| row.get(0))?;
    Ok(taken)
}

/// A function is done with the message of this receive: it is deleted if it succeeded. If it failed it comes back after
/// its visibility timeout, as in SQS. Either way it has not killed anybody.
pub(super) fn finish(tx: &Transaction<'_>, queue: &Queue, handle: &str, failed: bool) -> Result<(), Error> {
    if !failed {
        return engine::delete(tx, queue, handle);
    }
    let handle = Handle::decode(handle, queue)?;
    tx.prepare_cached(
        "DELETE FROM handed WHERE seq = (SELECT seq FROM messages WHERE seq = ?1 AND queue = ?2 AND receives = ?3)",
    )?
    .execute(params![handle.seq, queue.id, handle.receives])?;
    Ok(())
}

/// Takes back what the process before this one was handling when it died. Gives how many messages that were.
pub(super) fn recover(tx: &Transaction<'_>, now_ms: i64) -> Result<usize, Error> {
    let mut handled = tx.prepare_cached("SELECT seq, deaths FROM handed WHERE since_ms IS NOT NULL")?;
    let handled = handled.query_map((), |row| row.try_into())?;
    let handled: Vec<(i64, Option<i64>)> = handled.collect::<Result<_, _>>()?;
    blame(tx, now_ms, &handled)?;
    // Counted from this start, not from the one before: see the module's description.
    tx.prepare_cached(
        "UPDATE messages SET visible_ms = MAX(visible_ms, ?1 + held_ms)
         FROM (SELECT seq AS suspect, 1000 << MIN(deaths, ?2) AS held_ms FROM handed WHERE deaths >= 2)
         WHERE seq = suspect",
    )?
    .execute(params![now_ms, MAX_DEATHS])?;
    Ok(handled.len())
}

/// Takes back the messages of these receives, whose function panicked.
pub(super) fn died(
    tx: &Transaction<'_>,
    now_ms: i64,
    queue: &Queue,
    handles: impl Iterator<Item = String>,
) -> Result<(), Error> {
    let mut handled = Vec::new();
    for handle in handles {
        let handle = Handle::decode(&handle, queue)?;
        let found = tx
            .prepare_cached(
                "SELECT deaths FROM handed JOIN messages USING (seq) WHERE seq = ?1 AND queue = ?2 AND receives = ?3",
            )?
            .query_row(params![handle.seq, queue.id, handle.receives], |row| row.get(0))
            .optional()?;
        handled.extend(found.map(|deaths| (handle.seq, deaths)));
    }
    blame(tx, now_ms, &handled)
}

/// Makes suspects of what was handled together, and counts the death against the one that can be blamed alone.
fn blame(tx: &Transaction<'_>, now_ms: i64, handled: &[(i64, Option<i64>)]) -> Result<(), Error> {
    let suspects = handled.iter().filter(|(_, deaths)| deaths.is_some()).count();
    for &(seq, before) in handled {
        let deaths = match before {
            None => i64::from(handled.len() == 1),
            Some(deaths) => deaths + i64::from(suspects == 1),
        };
        let held_ms = if deaths < 2 { 0 } else { 1000 << deaths.min(MAX_DEATHS) };
        tx.prepare_cached(
            "UPDATE messages SET receives = MAX(receives - 1, 0), visible_ms = ?2 WHERE seq = ?1",
        )?
        .execute(params![seq, now_ms + held_ms])?;
        tx.prepare_cached("UPDATE handed SET since_ms = NULL, deaths = ?2 WHERE seq = ?1")?
            .execute(params![seq, deaths])?;
        if deaths >= MAX_DEATHS {
            give_up(tx, now_ms, seq)?;
        }
    }
    Ok(())
}

fn give_up(tx: &Transaction<'_>, now_ms: i64, seq: i64) -> Result<(), Error> {
    let (queue, attributes): (String, String) = tx
        .prepare_cached(
            "SELECT name, messages.attributes FROM messages JOIN queues ON queues.id = queue WHERE seq = ?1",
        )?
        .query_row([seq], |row| row.try_into())?;
    let queue = engine::find_queue(tx, &queue)?;
    if engine::move_to_dead_letters(tx, now_ms, &queue, seq, ERROR)?.is_some() {
        let mut attributes: Attributes = serde_json::from_str(&attributes)?;
        // As the functions say why a message of theirs is a dead letter.
        for (name, value) in [("reason", DeadLetterReason::ProcessDied.as_str()), ("error", ERROR)] {
            let attribute: Attribute =
                serde_json::from_value(json!({ "DataType": "String", "StringValue": value }))?;
            attributes.insert(name.to_owned(), attribute);
        }
        tx.prepare_cached("UPDATE messages SET attributes = ?2 WHERE seq = ?1")?
            .execute(params![seq, serde_json::to_string(&attributes)?])?;
    }
    Ok(())
}
