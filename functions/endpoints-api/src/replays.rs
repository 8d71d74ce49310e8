//! `/v1/replays`: orders to send events again.
//!
//! What is named by its id is queued before the answer; a span of time is left to the sweeper, a minute at a time. Both
//! are the same steps over the same item ([`replay`]), so what stops here in the middle goes on there.

use crate::Deps;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::{
    DeliveryId, Endpoint, EndpointId, EndpointStatus, EventId, EventTypePattern, Replay, ReplayFailure,
    ReplayFilter, ReplayId, ReplayRange, ReplayStatus, ReplayedStatus, SourceId, is_replayable, serde_time,
    serde_time_option,
};
use http::{Checks, Code, IfNoneMatch, Json, Paged, Params, Path, Problem, walk};
use jiff::{SignedDuration, Timestamp};
use replay::{LookError, Step};
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::ops::RangeInclusive;
use store::{StoreError, Versioned};

/// Ten a second: a tenth of what one dispatcher's instances take on at once, and 10,000 events in 17 minutes.
const DEFAULT_RATE: u32 = 600;
/// Slower than one a second, a sweep's minute would come out at nothing now and then.
const RATES: RangeInclusive<u32> = 60..=6000;
const MAX_LIST: usize = 100;
/// Spans of time that are replayed at once. Each costs the sweeper time, in every minute.
const MAX_RUNNING: usize = 20;
/// The sweeper writes a replay once for each 100 events: it can't be faster every time.
const CANCEL_TRIES: usize = 5;

/// A dry run passes this many events, or counts for this long: somebody waits, and the function has 15 s.
const MAX_COUNTED: usize = 10_000;
const TIME_TO_COUNT: SignedDuration = SignedDuration::from_secs(8);
const COUNTED_AT_ONCE: usize = 100;

/// The body of POST. Which fields go together is checked by hand, so that the answer says which do not.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewReplay {
    #[serde(default)]
    event: Option<EventId>,
    #[serde(default)]
    delivery: Option<DeliveryId>,
    #[serde(default)]
    endpoint: Option<EndpointId>,
    #[serde(default)]
    status: Option<ReplayedStatus>,
    #[serde(default)]
    since: Option<String>,
    #[serde(default)]
    until: Option<String>,
    #[serde(default)]
    event_types: Option<Vec<String>>,
    #[serde(default)]
    sources: Option<Vec<String>>,
    #[serde(default)]
    rate_per_minute: Option<u32>,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct ReplayView {
    id: ReplayId,
    object: &'static str,
    status: ReplayStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<ReplayFailure>,
    filter: ReplayFilter,
    rate_per_minute: u32,
    looked_at: u64,
    sent: u64,
    #[serde(with = "serde_time_option", skip_serializing_if = "Option::is_none")]
    reached: Option<Timestamp>,
    #[serde(with = "serde_time")]
    created_at: Timestamp,
    #[serde(with = "serde_time")]
    updated_at: Timestamp,
    #[serde(with = "serde_time_option", skip_serializing_if = "Option::is_none")]
    finished_at: Option<Timestamp>,
}

impl From<&Replay> for ReplayView {
    fn from(replay: &Replay) -> Self {
        Self {
            id: replay.id.clone(),
            object: "replay",
            status: replay.status,
            reason: replay.reason,
            filter: replay.filter.clone(),
            rate_per_minute: replay.rate_per_minute,
            looked_at: replay.looked_at,
            sent: replay.sent,
            reached: replay.reached,
            created_at: replay.created_at,
            updated_at: replay.updated_at,
            finished_at: replay.finished_at,
        }
    }
}

/// The answer to a dry run.
#[derive(Debug, Serialize)]
struct ReplayCount {
    object: &'static str,
    filter: ReplayFilter,
    /// Deliveries that the replay would queue.
    count: usize,
    count_is_exact: bool,
    /// Where it is not: up to when the events were received that were counted.
    #[serde(with = "serde_time_option", skip_serializing_if = "Option::is_none")]
    counted_until: Option<Timestamp>,
}

pub(crate) async fn create(
    State(deps): State<Deps>,
    params: Params,
    Json(body): Json<NewReplay>,
) -> Result<Response, Problem> {
    params.finish()?;
    let now = deps.clock.now();
    let (rate, dry_run) = (body.rate_per_minute.unwrap_or(DEFAULT_RATE), body.dry_run);
    let filter = body.check(&deps, now).await?;
    if dry_run {
        return Ok(http::json(StatusCode::OK, &deps.count(filter, now).await?));
    }
    let is_range = matches!(filter, ReplayFilter::Range(_));
    if is_range && deps.store.running_replays(MAX_RUNNING).await?.len() >= MAX_RUNNING {
        let detail = format!("{MAX_RUNNING} replays are running: wait for one of them, or cancel it.");
        return Err(Problem::new(Code::Conflict, detail));
    }
    let replay = Replay::new(ReplayId::mint(deps.entropy.uuid_v7(now)), filter, rate, now);
    let revision = deps.store.put_replay(&replay, 0).await?;
    let mut stored = Versioned { value: replay, revision };
    if !is_range {
        match replay::step(&deps.store, &deps.deliveries, stored.clone(), now).await {
            Ok(Step::Moved(moved) | Step::Over(moved)) => stored = moved,
            Ok(Step::Resting | Step::Lost) => {}
            Err(error) => {
                tracing::warn!(replay = %stored.value.id, error = &error as &dyn Error, "left to the sweeper");
            }
        }
    }
    let location = format!("/v1/replays/{}", stored.value.id);
    Ok(http::created(&ReplayView::from(&stored.value), stored.revision, &location))
}

/// Newest first.
pub(crate) async fn list(State(deps): State<Deps>, mut params: Params) -> Result<Paged, Problem> {
    let endpoint: Option<EndpointId> = params.parsed("endpoint");
    let status: Option<ReplayStatus> = params.parsed("status");
    let paging = params.page(&deps.cursors);
    params.finish()?;
    let load = |request| {
        let store = deps.store.clone();
        async move { Ok(store.replays(&request).await?.map(|stored| stored.value)) }
    };
    let keep = |replay: &Replay| {
        status.is_none_or(|wanted| wanted == replay.status)
            && endpoint.as_ref().is_none_or(|wanted| Some(wanted) == replay.filter.endpoint())
    };
    let filtered = endpoint.is_some() || status.is_some();
    let page = walk(&paging.request, filtered, load, keep).await?;
    Ok(paging.list(page.map(|replay| ReplayView::from(&replay))))
}

pub(crate) async fn get(
    State(deps): State<Deps>,
    Path(id): Path<ReplayId>,
    known: IfNoneMatch,
    params: Params,
) -> Result<Response, Problem> {
    params.finish()?;
    let stored = deps.find_replay(&id).await?;
    Ok(http::ok(&ReplayView::from(&stored.value), stored.revision, Some(&known)))
}

/// Nothing more is queued once this is answered. What is queued already goes out: a minute's worth at most.
///
/// Not DELETE: the replay stays, with what it has sent. To cancel again changes nothing.
pub(crate) async fn cancel(
    State(deps): State<Deps>,
    Path(id): Path<ReplayId>,
    params: Params,
) -> Result<Response, Problem> {
    params.finish()?;
    for _ in 0..CANCEL_TRIES {
        let Versioned { value: mut replay, revision } = deps.find_replay(&id).await?;
        match replay.status {
            ReplayStatus::Running => {}
            ReplayStatus::Canceled => return Ok(http::ok(&ReplayView::from(&replay), revision, None)),
            ReplayStatus::Succeeded | ReplayStatus::Failed => {
                return Err(Problem::new(Code::Conflict, "The replay is over."));
            }
        }
        replay.finish(ReplayStatus::Canceled, None, deps.clock.now());
        match deps.store.put_replay(&replay, revision).await {
            Ok(revision) => return Ok(http::ok(&ReplayView::from(&replay), revision, None)),
            // It has just been gone on with.
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::new(Code::Conflict, "The replay went on at each try to stop it: try again."))
}

impl NewReplay {
    async fn check(self, deps: &Deps, now: Timestamp) -> Result<ReplayFilter, Problem> {
        let mut checks = Checks::new();
        if self.rate_per_minute.is_some_and(|rate| !RATES.contains(&rate)) {
            let (least, most) = (RATES.start(), RATES.end());
            checks.refuse("/rate_per_minute", format!("must be {least} to {most}"));
        }
        self.refuse_what_does_not_go_together(&mut checks);
        let filter = match (self.delivery, self.event) {
            (Some(delivery), _) => {
                let found = deps.find_event_of(&delivery).await?;
                if found.is_none() {
                    checks.refuse("/delivery", "there is no delivery by this id");
                }
                found.map(|(event, endpoint)| ReplayFilter::Delivery { delivery, event, endpoint })
            }
            (None, Some(event)) => {
                match deps.store.event(&event).await? {
                    None => checks.refuse("/event", "there is no event by this id"),
                    Some(record) if !is_replayable(&record.event) => {
                        checks.refuse("/event", "is not proven, so it is not relayed");
                    }
                    Some(_) => {}
                }
                Some(ReplayFilter::Event { event, endpoint: self.endpoint })
            }
            (None, None) => {
                let since = past(&mut checks, "/since", self.since.as_deref(), now);
                let until = past(&mut checks, "/until", self.until.as_deref(), now).unwrap_or(now);
                if since.is_some_and(|since| since >= until) {
                    checks.refuse("/since", "must be before `until`");
                }
                let event_types: Vec<EventTypePattern> =
                    checked_list(&mut checks, "/event_types", self.event_types);
                let sources: Vec<SourceId> = checked_list(&mut checks, "/sources", self.sources);
                let (status, endpoint) = (self.status, self.endpoint);
                endpoint.zip(since).map(|(endpoint, since)| {
                    ReplayFilter::Range(ReplayRange { endpoint, since, until, status, event_types, sources })
                })
            }
        };
        if let Some(endpoint) = filter.as_ref().and_then(ReplayFilter::endpoint) {
            match deps.store.config::<Endpoint>(endpoint.as_str()).await?.map(|stored| stored.value.status) {
                None if matches!(filter, Some(ReplayFilter::Delivery { .. })) => {
                    return Err(obstacle(ReplayFailure::EndpointDeleted));
                }
                None => checks.refuse("/endpoint", "there is no endpoint by this id"),
                Some(EndpointStatus::Disabled) => return Err(obstacle(ReplayFailure::EndpointDisabled)),
                Some(EndpointStatus::Active | EndpointStatus::Failing) => {}
            }
        }
        checks.finish()?;
        Ok(filter.expect("what it lacks to be one was refused"))
    }

    /// Three kinds of replay: of a delivery, of an event, of a span of time. Each has fields that the others have not.
    fn refuse_what_does_not_go_together(&self, checks: &mut Checks) {
        let spans = [
            ("/since", self.since.is_some()),
            ("/until", self.until.is_some()),
            ("/status", self.status.is_some()),
            ("/event_types", self.event_types.is_some()),
            ("/sources", self.sources.is_some()),
        ];
        let (named, others): (&str, Vec<(&str, bool)>) = if self.delivery.is_some() {
            let others = [("/event", self.event.is_some()), ("/endpoint", self.endpoint.is_some())];
            ("delivery", others.into_iter().chain(spans).collect())
        } else if self.event.is_some() {
            ("event", spans.to_vec())
        } else {
            let required = [("/endpoint", self.endpoint.is_none()), ("/since", self.since.is_none())];
            for (pointer, _) in required.into_iter().filter(|(_, is_missing)| *is_missing) {
                checks.refuse(pointer, "is required where neither `event` nor `delivery` is given");
            }
            return;
        };
        for (pointer, _) in others.into_iter().filter(|(_, is_given)| *is_given) {
            checks.refuse(pointer, format!("can't be given together with `{named}`"));
        }
    }
}

fn past(checks: &mut Checks, pointer: &str, text: Option<&str>, now: Timestamp) -> Option<Timestamp> {
    match text?.parse::<Timestamp>() {
        Ok(at) if at <= now => Some(at),
        Ok(_) => {
            checks.refuse(pointer, "must not be in the future");
            None
        }
        Err(_) => {
            checks.refuse(pointer, "must be a time as in RFC 3339: `2026-11-22T12:00:00Z`");
            None
        }
    }
}

fn checked_list<T>(checks: &mut Checks, pointer: &str, texts: Option<Vec<String>>) -> Vec<T>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    let Some(texts) = texts else { return Vec::new() };
    checks.count(pointer, &texts, 1, MAX_LIST);
    checks.each(pointer, &texts)
}

fn obstacle(reason: ReplayFailure) -> Problem {
    let detail = match reason {
        ReplayFailure::EndpointDeleted => "The endpoint was deleted.",
        ReplayFailure::EndpointDisabled => "The endpoint is disabled: enable it first.",
        ReplayFailure::EventGone => "The event has expired.",
        ReplayFailure::Unreadable => "What is stored can't be read by this release.",
    };
    Problem::new(Code::Conflict, detail)
}

impl Deps {
    async fn find_replay(&self, id: &ReplayId) -> Result<Versioned<Replay>, Problem> {
        self.store.replay(id).await?.ok_or_else(Problem::not_found)
    }

    async fn find_event_of(&self, delivery: &DeliveryId) -> Result<Option<(EventId, EndpointId)>, Problem> {
        if let Some(stored) = self.store.delivery(delivery).await? {
            return Ok(Some((stored.delivery.event, stored.delivery.endpoint)));
        }
        let found = self.store.event_of_delivery(delivery).await?;
        Ok(found.map(|(event, endpoint)| (event.id, endpoint)))
    }

    /// Looks as the replay itself would, and sends nothing.
    async fn count(&self, filter: ReplayFilter, started: Timestamp) -> Result<ReplayCount, Problem> {
        let mut found = ReplayCount {
            object: "replay_count",
            filter,
            count: 0,
            count_is_exact: false,
            counted_until: None,
        };
        let (mut after, mut looked_at) = (None::<String>, 0);
        loop {
            let slice =
                replay::look(&self.store, &found.filter, after.as_deref(), COUNTED_AT_ONCE, started).await;
            let slice = slice.map_err(|error| match error {
                LookError::Obstacle(reason) => obstacle(reason),
                LookError::Store(error) => error.into(),
            })?;
            found.count += slice.chosen.len();
            looked_at += slice.looked_at;
            found.counted_until = slice.reached.or(found.counted_until);
            let has_time = self.clock.now().duration_since(started) < TIME_TO_COUNT;
            after = match slice.next {
                Some(next) if looked_at < MAX_COUNTED && has_time => Some(next),
                Some(_) => return Ok(found),
                None => return Ok(ReplayCount { count_is_exact: true, counted_until: None, ..found }),
            };
        }
    }
}
