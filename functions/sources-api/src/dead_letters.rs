//! `/v1/dead-letters`: what could not be processed is looked at, sent again once its cause is mended, or deleted.

use crate::Deps;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::{
    DeadLetter, DeadLetterId, DeadLetterReason, DeadLetterStatus, EndpointId, MessageSubject, RedrivenBy,
    SourceId, WorkQueue, serde_time, serde_time_option,
};
use http::{Checks, Json, Listing, Paged, Params, Path, Problem, walk};
use jiff::{SignedDuration, Timestamp};
use redrive::RedriveError;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use store::{Page, PageRequest, Positioned, Read, StoredDeadLetter};

/// Of one call that sends many. Each letter costs a call of KMS, of SQS and of the table.
const MAX_SENT: usize = 100;
const DEFAULT_SENT: usize = 25;
/// Those that are left are counted up to here: the whole list would be read for it.
const MAX_LEFT: usize = 100;
/// After this long a call answers with what it has done: the function has 15 s.
const TIME_FOR_ALL: SignedDuration = SignedDuration::from_secs(8);

/// Nothing of the message but what it is about.
#[derive(Debug, Serialize)]
pub(crate) struct DeadLetterView {
    id: DeadLetterId,
    object: &'static str,
    status: DeadLetterStatus,
    queue: WorkQueue,
    reason: DeadLetterReason,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    received_count: u32,
    body_bytes: usize,
    #[serde(flatten)]
    subject: MessageSubject,
    #[serde(with = "serde_time")]
    sent_at: Timestamp,
    #[serde(with = "serde_time")]
    died_at: Timestamp,
    redrives: u32,
    #[serde(with = "serde_time_option", skip_serializing_if = "Option::is_none")]
    redriven_at: Option<Timestamp>,
    #[serde(with = "serde_time_option", skip_serializing_if = "Option::is_none")]
    next_redrive_at: Option<Timestamp>,
    #[serde(with = "serde_time")]
    expires_at: Timestamp,
    #[serde(with = "serde_time")]
    created_at: Timestamp,
}

impl From<&DeadLetter> for DeadLetterView {
    fn from(letter: &DeadLetter) -> Self {
        let death = &letter.death;
        Self {
            id: letter.id.clone(),
            object: "dead_letter",
            status: letter.status,
            queue: death.queue,
            reason: death.reason,
            error: death.error.clone(),
            received_count: death.received_count,
            body_bytes: death.body_bytes,
            subject: death.subject.clone(),
            sent_at: death.sent_at,
            died_at: death.died_at,
            redrives: letter.redrives,
            redriven_at: letter.redriven_at,
            next_redrive_at: letter.next_redrive_at,
            expires_at: letter.expires_at(),
            created_at: letter.created_at,
        }
    }
}

#[derive(Debug)]
struct Filter {
    queue: Option<WorkQueue>,
    reason: Option<DeadLetterReason>,
    source: Option<SourceId>,
    endpoint: Option<EndpointId>,
    now: Timestamp,
}

impl Filter {
    fn is_narrow(&self) -> bool {
        self.queue.is_some() || self.reason.is_some() || self.source.is_some() || self.endpoint.is_some()
    }

    /// DynamoDB deletes what has expired some days later.
    fn matches(&self, letter: &DeadLetter) -> bool {
        let death = &letter.death;
        letter.expires_at() > self.now
            && self.queue.is_none_or(|wanted| wanted == death.queue)
            && self.reason.is_none_or(|wanted| wanted == death.reason)
            && self.source.as_ref().is_none_or(|wanted| Some(wanted) == death.subject.source.as_ref())
            && self.endpoint.as_ref().is_none_or(|wanted| Some(wanted) == death.subject.endpoint.as_ref())
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BulkRedrive {
    #[serde(default)]
    queue: Option<WorkQueue>,
    #[serde(default)]
    reason: Option<DeadLetterReason>,
    #[serde(default)]
    source: Option<SourceId>,
    #[serde(default)]
    endpoint: Option<EndpointId>,
    #[serde(default)]
    limit: Option<usize>,
    #[serde(default)]
    cursor: Option<String>,
}

/// The answer to a redrive of many.
#[derive(Debug, Serialize)]
struct Redrives {
    object: &'static str,
    sent: usize,
    /// Letters that can't be read, or whose message can't be opened. They go on waiting.
    failed: usize,
    /// How many more match, behind those of this call.
    left: usize,
    /// Where to go on: in `cursor` of the next call. `null` when nothing is left.
    next_cursor: Option<String>,
}

/// Newest first, by the time at which they came into being.
pub(crate) async fn list(State(deps): State<Deps>, mut params: Params) -> Result<Paged, Problem> {
    let filter = Filter {
        queue: params.parsed("queue"),
        reason: params.parsed("reason"),
        source: params.parsed("source"),
        endpoint: params.parsed("endpoint"),
        now: deps.clock.now(),
    };
    let redriven = params.text("redriven").and_then(|text| {
        let known = text.parse().ok();
        if known.is_none() {
            params.refuse("redriven", "expected `true` or `false`");
        }
        known
    });
    let paging = params.page(&deps.cursors);
    params.finish()?;
    let load = |request| deps.dead_letters(redriven, request);
    let keep = |stored: &StoredDeadLetter| filter.matches(&stored.letter);
    let page = walk(&paging.request, filter.is_narrow(), load, keep).await?;
    Ok(paging.list(page.map(|stored| DeadLetterView::from(&stored.letter))))
}

pub(crate) async fn get(
    State(deps): State<Deps>,
    Path(id): Path<DeadLetterId>,
    params: Params,
) -> Result<Response, Problem> {
    params.finish()?;
    let stored = deps.find_dead_letter(&id).await?;
    Ok(http::json(StatusCode::OK, &DeadLetterView::from(&stored.letter)))
}

pub(crate) async fn delete(
    State(deps): State<Deps>,
    Path(id): Path<DeadLetterId>,
    params: Params,
) -> Result<Response, Problem> {
    params.finish()?;
    if deps.store.delete_dead_letter(&id).await? { Ok(http::no_content()) } else { Err(Problem::not_found()) }
}

/// Also of a letter that was sent before: to send it once more is harmless.
pub(crate) async fn redrive(
    State(deps): State<Deps>,
    Path(id): Path<DeadLetterId>,
    params: Params,
) -> Result<Response, Problem> {
    params.finish()?;
    let stored = deps.find_dead_letter(&id).await?;
    let sent = deps.redriver.send(stored, RedrivenBy::Somebody, Duration::ZERO).await;
    Ok(http::json(StatusCode::OK, &DeadLetterView::from(&sent.map_err(redrive_problem)?)))
}

/// Newest first, of those that wait. What is sent leaves their list, so a call that is repeated goes on by itself; the cursor leads
/// past those that could not be sent.
pub(crate) async fn redrive_all(
    State(deps): State<Deps>,
    params: Params,
    Json(body): Json<BulkRedrive>,
) -> Result<Response, Problem> {
    params.finish()?;
    let BulkRedrive { queue, reason, source, endpoint, limit, cursor } = body;
    let started_at = deps.clock.now();
    let listing =
        Listing::new("/v1/dead-letters/redrive", &format!("{queue:?}{reason:?}{source:?}{endpoint:?}"));
    let filter = Filter { queue, reason, source, endpoint, now: started_at };
    let mut checks = Checks::new();
    let limit = limit.unwrap_or(DEFAULT_SENT);
    if !(1..=MAX_SENT).contains(&limit) {
        checks.refuse("/limit", format!("expected a number from 1 to {MAX_SENT}"));
    }
    let after = cursor.and_then(|cursor| {
        let position = deps.cursors.decode(&listing, &cursor);
        if position.is_none() {
            checks.refuse("/cursor", "expected a `next_cursor` of this call with the same filter");
        }
        position
    });
    checks.finish()?;
    let load = |request| deps.dead_letters(Some(false), request);
    let keep = |stored: &StoredDeadLetter| filter.matches(&stored.letter);
    let page = walk(&PageRequest { after, limit }, true, load, keep).await?;
    let mut answer =
        Redrives { object: "dead_letter_redrives", sent: 0, failed: 0, left: 0, next_cursor: page.next };
    let mut letters = page.items.into_iter().peekable();
    while let Some(Positioned { item: stored, position }) = letters.next() {
        let Ok(stored) = stored else {
            answer.failed += 1;
            continue;
        };
        match deps.redriver.send(stored, RedrivenBy::Somebody, Duration::ZERO).await {
            Ok(_) => answer.sent += 1,
            Err(error) if error.is_lasting() => answer.failed += 1,
            Err(error) => return Err(redrive_problem(error)),
        }
        if letters.peek().is_some() && deps.clock.now().duration_since(started_at) >= TIME_FOR_ALL {
            answer.next_cursor = Some(position);
            break;
        }
    }
    if let Some(after) = answer.next_cursor.clone() {
        let rest = walk(&PageRequest { after: Some(after), limit: MAX_LEFT }, true, load, keep).await?;
        answer.left = rest.items.len();
        // Nothing behind it matches: there is nowhere to go on.
        if rest.items.is_empty() && rest.next.is_none() {
            answer.next_cursor = None;
        }
    }
    answer.next_cursor = answer.next_cursor.map(|position| deps.cursors.encode(&listing, &position));
    Ok(http::json(StatusCode::OK, &answer))
}

impl Deps {
    async fn find_dead_letter(&self, id: &DeadLetterId) -> Result<StoredDeadLetter, Problem> {
        let found = self.store.dead_letter(id).await?;
        let now = self.clock.now();
        found.filter(|stored| stored.letter.expires_at() > now).ok_or_else(Problem::not_found)
    }

    async fn dead_letters(
        &self,
        redriven: Option<bool>,
        request: PageRequest,
    ) -> Result<Page<Positioned<Read<StoredDeadLetter>>>, Problem> {
        let page = self.store.list_dead_letters(redriven, &request).await?;
        let found = self.store.dead_letters_by_id(page.items.iter().map(|listed| &listed.id)).await?;
        Ok(page.with(found))
    }
}

fn redrive_problem(error: RedriveError) -> Problem {
    match error {
        RedriveError::Store(error) => error.into(),
        RedriveError::Vault(error) => error.into(),
        RedriveError::Queue(error) => Problem::unavailable(error),
    }
}
