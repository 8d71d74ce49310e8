//! `/v1/quarantine`: what was refused is looked at, verified again once its source has been corrected, or deleted.

use crate::Deps;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::{QuarantineId, SourceId, serde_time};
use http::{Checks, Json, Listing, Paged, Params, Path, Problem, walk};
use intake::{Again, AgainError, LoadError, LoadedSource};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{Page, PageRequest, Positioned, Quarantined, Read, SealedRequest};

/// Of one bulk verification. Each request costs a call of KMS, of SQS and of the table.
const MAX_VERIFIED: usize = 100;
const DEFAULT_VERIFIED: usize = 25;

/// After this long a bulk verification answers with what it has done: the function has 15 s, and a provider's API may
/// take 2 s for each call.
const TIME_FOR_ALL: SignedDuration = SignedDuration::from_secs(8);

/// Neither values of headers, which may be credentials, nor the address and the body, which hold personal data.
#[derive(Debug, Serialize)]
pub(crate) struct QuarantinedView {
    id: QuarantineId,
    object: &'static str,
    source: SourceId,
    provider: String,
    reason: String,
    method: String,
    headers: Vec<String>,
    body_bytes: usize,
    #[serde(with = "serde_time")]
    received_at: Timestamp,
    #[serde(with = "serde_time")]
    expires_at: Timestamp,
    #[serde(with = "serde_time")]
    created_at: Timestamp,
}

impl From<&Quarantined> for QuarantinedView {
    fn from(entry: &Quarantined) -> Self {
        Self {
            id: entry.id.clone(),
            object: "quarantined_request",
            source: entry.source.clone(),
            provider: entry.provider.clone(),
            reason: entry.reason.clone(),
            method: entry.method.clone(),
            headers: entry.header_names.clone(),
            body_bytes: entry.body_bytes,
            received_at: entry.received_at,
            expires_at: entry.expires_at(),
            created_at: entry.received_at,
        }
    }
}

/// The answer to the verification of one request.
#[derive(Debug, Serialize)]
struct Verification<'a> {
    id: &'a QuarantineId,
    object: &'static str,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BulkVerification {
    source: SourceId,
    #[serde(default)]
    limit: Option<usize>,
    #[serde(default)]
    cursor: Option<String>,
}

/// The answer to the verification of many.
#[derive(Debug, Serialize)]
struct Verifications {
    object: &'static str,
    accepted: usize,
    rejected: usize,
    /// Of those rejected, how many for which reason.
    reasons: BTreeMap<&'static str, usize>,
    /// Where to go on: in `cursor` of the next call. `null` when all were tried.
    next_cursor: Option<String>,
}

#[derive(Debug)]
struct Filter {
    provider: Option<String>,
    now: Timestamp,
}

impl Filter {
    /// DynamoDB deletes what has expired some days later.
    fn matches(&self, entry: &Quarantined) -> bool {
        entry.expires_at() > self.now && self.provider.as_ref().is_none_or(|wanted| *wanted == entry.provider)
    }
}

/// Newest first, by the time at which they were received.
pub(crate) async fn list(State(deps): State<Deps>, mut params: Params) -> Result<Paged, Problem> {
    let source: Option<SourceId> = params.parsed("source");
    let filter = Filter { provider: params.text("provider"), now: deps.clock.now() };
    let paging = params.page(&deps.cursors);
    params.finish()?;
    let filtered = filter.provider.is_some();
    let keep = |entry: &Quarantined| filter.matches(entry);
    let page = match source {
        Some(source) => {
            let load = |request| deps.quarantine_of(&source, request);
            walk(&paging.request, filtered, load, keep).await?
        }
        None => walk(&paging.request, filtered, |request| deps.quarantine_by_time(request), keep).await?,
    };
    Ok(paging.list(page.map(|entry| QuarantinedView::from(&entry))))
}

pub(crate) async fn get(
    State(deps): State<Deps>,
    Path(id): Path<QuarantineId>,
    params: Params,
) -> Result<Response, Problem> {
    params.finish()?;
    let request = deps.find_quarantined(&id).await?;
    Ok(http::json(StatusCode::OK, &QuarantinedView::from(&request.entry)))
}

pub(crate) async fn delete(
    State(deps): State<Deps>,
    Path(id): Path<QuarantineId>,
    params: Params,
) -> Result<Response, Problem> {
    params.finish()?;
    if deps.store.delete_quarantined(&id).await? { Ok(http::no_content()) } else { Err(Problem::not_found()) }
}

/// 200 whether the request is genuine now or not: the verification took place.
pub(crate) async fn verify(
    State(deps): State<Deps>,
    Path(id): Path<QuarantineId>,
    params: Params,
) -> Result<Response, Problem> {
    params.finish()?;
    let request = deps.find_quarantined(&id).await?;
    let again = match deps.intake.fresh_source(&request.entry.source).await {
        Ok(source) => deps.intake.verify_again(&source, &request).await.map_err(again_problem)?,
        Err(LoadError::Unknown) => Again::Rejected("unknown_source"),
        Err(error) => return Err(load_problem(error)),
    };
    let (outcome, reason) = match again {
        Again::Accepted => ("accepted", None),
        Again::Rejected(reason) => ("rejected", Some(reason)),
    };
    let answer = Verification { id: &id, object: "quarantine_verification", outcome, reason };
    Ok(http::json(StatusCode::OK, &answer))
}

/// Newest first; what is rejected stays, and the cursor leads past it.
pub(crate) async fn verify_all(
    State(deps): State<Deps>,
    params: Params,
    Json(body): Json<BulkVerification>,
) -> Result<Response, Problem> {
    params.finish()?;
    let BulkVerification { source, limit, cursor } = body;
    let listing = Listing::new("/v1/quarantine/verify", source.as_str());
    let mut checks = Checks::new();
    let limit = limit.unwrap_or(DEFAULT_VERIFIED);
    if !(1..=MAX_VERIFIED).contains(&limit) {
        checks.refuse("/limit", format!("expected a number from 1 to {MAX_VERIFIED}"));
    }
    let after = cursor.and_then(|cursor| {
        let position = deps.cursors.decode(&listing, &cursor);
        if position.is_none() {
            checks.refuse("/cursor", "expected a `next_cursor` of this call for the same source");
        }
        position
    });
    let loaded = match deps.intake.fresh_source(&source).await {
        Ok(loaded) => Some(loaded),
        Err(LoadError::Unknown) => {
            checks.refuse("/source", "there is no active source by this id");
            None
        }
        Err(error) => return Err(load_problem(error)),
    };
    checks.finish()?;
    let loaded = loaded.ok_or_else(Problem::not_found)?;
    let page = deps.store.quarantine_of(&source, &PageRequest { after, limit }).await?;
    let mut answer = deps.verify_page(&loaded, page).await?;
    answer.next_cursor = answer.next_cursor.map(|position| deps.cursors.encode(&listing, &position));
    Ok(http::json(StatusCode::OK, &answer))
}

impl Deps {
    async fn find_quarantined(&self, id: &QuarantineId) -> Result<SealedRequest, Problem> {
        let found = self.store.quarantined(id).await?;
        found.filter(|request| request.entry.expires_at() > self.clock.now()).ok_or_else(Problem::not_found)
    }

    async fn quarantine_of(
        &self,
        source: &SourceId,
        request: PageRequest,
    ) -> Result<Page<Positioned<Read<Quarantined>>>, Problem> {
        Ok(self.store.quarantine_of(source, &request).await?)
    }

    async fn quarantine_by_time(
        &self,
        request: PageRequest,
    ) -> Result<Page<Positioned<Read<Quarantined>>>, Problem> {
        let page = self.store.list_quarantine(&request).await?;
        let found = self.store.quarantined_by_id(page.items.iter().map(|listed| &listed.id)).await?;
        Ok(page.with(found))
    }

    /// One after the other: each may take what the provider's API allows per second. The answer's cursor is the
    /// position in clear.
    async fn verify_page(
        &self,
        source: &Arc<LoadedSource>,
        page: Page<Positioned<Read<Quarantined>>>,
    ) -> Result<Verifications, Problem> {
        let started_at = self.clock.now();
        let mut answer = Verifications {
            object: "quarantine_verifications",
            accepted: 0,
            rejected: 0,
            reasons: BTreeMap::new(),
            next_cursor: page.next,
        };
        let mut entries = page.items.into_iter().peekable();
        while let Some(Positioned { item: entry, position }) = entries.next() {
            // One that can't be read is passed by: it is in the list. Each is read when it is its turn: a page of them may
            // be more than the function's memory holds.
            let entry = entry.ok().filter(|entry| entry.expires_at() > started_at);
            let request = match entry {
                Some(entry) => self.store.quarantined(&entry.id).await?,
                None => None,
            };
            if let Some(request) = request {
                match self.intake.verify_again(source, &request).await.map_err(again_problem)? {
                    Again::Accepted => answer.accepted += 1,
                    Again::Rejected(reason) => {
                        answer.rejected += 1;
                        *answer.reasons.entry(reason).or_default() += 1;
                    }
                }
            }
            if entries.peek().is_some() && self.clock.now().duration_since(started_at) >= TIME_FOR_ALL {
                answer.next_cursor = Some(position);
                break;
            }
        }
        Ok(answer)
    }
}

fn again_problem(error: AgainError) -> Problem {
    match error {
        AgainError::Store(error) => error.into(),
        AgainError::Vault(error) => error.into(),
        AgainError::Queue(error) => Problem::unavailable(error),
    }
}

fn load_problem(error: LoadError) -> Problem {
    match error {
        LoadError::Unknown => Problem::not_found(),
        LoadError::Store(error) => error.into(),
        LoadError::Vault(error) => error.into(),
    }
}
