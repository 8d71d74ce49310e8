//! `GET /v1/endpoints/{id}/poll`: deliveries for clients that nobody can call.
//!
//! **Guarantee:** a delivery leaves the mailbox when its client says that it has it, and not before: no lease, no time-out. What
//! a client says is the cursor of the answer that the delivery was in. A cursor names exactly these deliveries, each as it was
//! placed there, and not a position: what has become visible in between, or was placed again by a replay, is none of them,
//! whatever its time. Without a cursor, or with an older one, everything that is not acknowledged comes again.
//!
//! The cursor is acted upon first, delivery by delivery, each in one conditional write that records its attempt. A crash
//! in between leaves some of them done; the same cursor again does the rest, and once more changes nothing.
//!
//! What is fetched is signed at that moment, by the same [`relay::Target`] as what is sent.

mod acknowledge;
mod answer;

use crate::{Deps, trial::open};
use acknowledge::Named;
pub(crate) use answer::Message;
use answer::{Answer, Packed, PolledDelivery};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::{
    Attempt, AttemptOutcome, DeliveryId, DeliveryStatus, Destination, EVENT_COMMIT_PATIENCE, Endpoint,
    EndpointId, EndpointStatus, FailureKind, Notice, ReplayId,
};
use http::{Code, LARGEST_ANSWER, Listing, Params, Path, Problem};
use relay::{Body, REPLAY, Target};
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::time::Duration;
use store::{Asked, EventRecord, StoreError, StoredDelivery, Wait};
use tokio::time::{Instant, sleep};

/// A cursor names every delivery of its answer, and travels in a URL, of which API Gateway takes 10 KB.
const LIMIT: RangeInclusive<usize> = 1..=50;
const DEFAULT_LIMIT: usize = 20;
/// API Gateway waits for 30 s, the function for 28.
const WAIT_SECONDS: RangeInclusive<usize> = 0..=20;
/// A look into an empty mailbox costs half a read unit.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Events of several megabytes are read, unpacked, signed and written as JSON side by side, in 256 MB.
const READ_AT_ONCE: usize = 4;
/// A poll looks at this many entries, so that it ends. Only what can't be handed out yet makes it see more than its limit.
const MAX_LOOKED_AT: usize = 1000;

pub(crate) async fn poll(
    State(deps): State<Deps>,
    Path(id): Path<EndpointId>,
    mut params: Params,
) -> Result<Response, Problem> {
    let listing = Listing::new(&format!("/v1/endpoints/{id}/poll"), "");
    let limit = params.number("limit", LIMIT).unwrap_or(DEFAULT_LIMIT);
    let wait_seconds = params.number("wait", WAIT_SECONDS).unwrap_or(0);
    let expected = "expected a `cursor` that was answered to a poll of this endpoint";
    let named = params.cursor(&deps.cursors, &listing, expected).map(|text| Named::parse(&text));
    if named == Some(None) {
        // We made it, in the form of another release.
        params.refuse("cursor", expected);
    }
    params.finish()?;
    let named = named.flatten().unwrap_or_default();
    let mut endpoint = Some(deps.find_polled(&id).await?);
    let until = Instant::now() + Duration::from_secs(u64::try_from(wait_seconds).unwrap_or(0));
    deps.acknowledge(&named).await?;
    loop {
        // The client may be gone by now. Nobody can tell, and nothing is lost: what it has not acknowledged comes again.
        let answer = deps.fetch(&id, limit, endpoint.take()).await?;
        let left = until.saturating_duration_since(Instant::now());
        if !answer.is_empty() || left.is_zero() {
            let view = answer.view(|position| deps.cursors.encode(&listing, position));
            return Ok(http::json(StatusCode::OK, &view));
        }
        sleep(LOOK_EVERY.min(left)).await;
    }
}

impl Deps {
    /// The endpoint, if it may be polled.
    async fn find_polled(&self, id: &EndpointId) -> Result<Endpoint, Problem> {
        let endpoint = self.find_endpoint(id).await?.value;
        if endpoint.destination != Destination::Poll {
            let detail = "The endpoint is not of type `poll`: its deliveries are sent to it.";
            return Err(Problem::new(Code::Conflict, detail));
        }
        if endpoint.status == EndpointStatus::Disabled {
            return Err(Problem::new(Code::Conflict, "The endpoint is disabled: enable it first."));
        }
        Ok(endpoint)
    }

    /// What waits, at most `limit` of it. `endpoint`, unless it was read just now, is read where something is found: a secret
    /// may have been taken away while we waited.
    async fn fetch(
        &self,
        id: &EndpointId,
        limit: usize,
        mut endpoint: Option<Endpoint>,
    ) -> Result<Answer, Problem> {
        let mut answer = Answer::default();
        let (mut after, mut target, mut looked_at) = (None, None, 0);
        while looked_at < MAX_LOOKED_AT {
            let page = self.store.mailbox(id, after.as_deref(), limit + 1).await?;
            looked_at += page.items.len();
            let mut rest = page.items.as_slice();
            while !rest.is_empty() {
                let room = limit - answer.len();
                if room == 0 {
                    return Ok(answer.and_more());
                }
                let (next, later) = rest.split_at(rest.len().min(room).min(READ_AT_ONCE));
                rest = later;
                let target = match &target {
                    Some(target) => target,
                    None => {
                        let endpoint = match endpoint.take() {
                            Some(endpoint) => endpoint,
                            None => self.find_polled(id).await?,
                        };
                        target.insert(open(self, &endpoint, self.clock.now()).await?)
                    }
                };
                for (polled, revision) in self.read(next, target).await? {
                    if !answer.takes(polled, revision) {
                        return Ok(answer.and_more());
                    }
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(answer);
            }
        }
        Ok(answer.and_more())
    }

    /// Those of `ids` that wait and can be handed out, in their order, each with the revision at which it waits.
    async fn read(&self, ids: &[DeliveryId], target: &Target) -> Result<Vec<(Packed, u64)>, Problem> {
        let stored = self.store.current_deliveries(ids).await?;
        let mut waiting: HashMap<DeliveryId, StoredDelivery> = stored
            .into_iter()
            // One that can't be read keeps no other from being fetched; it stays where it is.
            .filter_map(|(id, stored)| Some((id, stored.ok()?)))
            .filter(|(_, stored)| stored.placed.is_some())
            .collect();
        let events = self.store.event_records(waiting.values().map(|stored| &stored.delivery.event)).await?;
        let mut ready = Vec::with_capacity(waiting.len());
        for stored in ids.iter().filter_map(|id| waiting.remove(id)) {
            let record = match events.get(&stored.delivery.event) {
                Some(Ok(record)) => Some(record),
                // Likewise.
                Some(Err(_)) => continue,
                None => None,
            };
            match self.body(&stored, record, target) {
                Made::Ready(body) => {
                    let packed = Packed::from(self.sign(&stored, body, target)?);
                    if packed.weight > LARGEST_ANSWER {
                        self.give_up(stored, packed.weight).await?;
                    } else {
                        ready.push((packed, stored.revision));
                    }
                }
                Made::NotYet => {}
                Made::Never => self.cancel(stored).await?,
            }
        }
        Ok(ready)
    }

    fn body(&self, stored: &StoredDelivery, record: Option<&EventRecord>, target: &Target) -> Made {
        let Some(record) = record else {
            // Not by the event's age: one that comes out of quarantine is days old when it is recorded.
            let waits_since = stored.placed.as_ref().map(|placed| placed.at);
            let is_over = waits_since
                .is_some_and(|since| self.clock.now().duration_since(since) >= EVENT_COMMIT_PATIENCE);
            return if is_over { Made::Never } else { Made::NotYet };
        };
        // It waited for the provider's API, and the answer, which this delivery tells, is about to be written over it.
        if record.event.is_withheld() {
            return Made::NotYet;
        }
        let raw = record.raw.as_ref();
        let original = || raw.map(|raw| Body::original(raw.meta.headers(), raw.body.clone()));
        Body::of_event(target.format, &record.event, original).map_or(Made::Never, Made::Ready)
    }

    fn sign(&self, stored: &StoredDelivery, body: Body, target: &Target) -> Result<PolledDelivery, Problem> {
        let delivery = &stored.delivery;
        let mut signed =
            target.sign(delivery.id.as_str(), self.clock.now(), body).map_err(Problem::internal)?;
        if let Some(replay) = replay(stored) {
            signed.headers.push((REPLAY, replay.as_str().try_into().map_err(Problem::internal)?));
        }
        Ok(PolledDelivery::new(delivery, signed))
    }

    /// No answer can hold it. It ends as what is sent does when its destination can't take it.
    async fn give_up(&self, stored: StoredDelivery, weight: usize) -> Result<(), StoreError> {
        let revision = stored.revision;
        let now = self.clock.now();
        let detail = format!("an answer takes {LARGEST_ANSWER} bytes, this delivery has {weight}");
        let attempt = acknowledge::attempt(&stored, now);
        let mut delivery = stored.delivery;
        delivery.attempts.push(Attempt {
            outcome: AttemptOutcome::Failed,
            error: Some(FailureKind::TooLarge),
            error_detail: Some(detail),
            ..attempt
        });
        if delivery.status != DeliveryStatus::Succeeded {
            delivery.status = DeliveryStatus::Exhausted;
        }
        // Told before it is done: afterwards no poll finds it.
        if let Some(notice) =
            Notice::exhausted(&delivery).filter(|_| delivery.status == DeliveryStatus::Exhausted)
        {
            notices::raise(&self.store, now, notice).await?;
        }
        match self.store.put_delivery(&delivery, revision, Wait::Nothing).await {
            // As below.
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// There is nothing to hand out, and there never will be.
    async fn cancel(&self, stored: StoredDelivery) -> Result<(), StoreError> {
        let StoredDelivery { mut delivery, revision, .. } = stored;
        if delivery.status != DeliveryStatus::Succeeded {
            delivery.status = DeliveryStatus::Canceled;
        }
        match self.store.put_delivery(&delivery, revision, Wait::Nothing).await {
            // Another poll did the same, or it was placed again.
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// The replay that it waits for: the one that asked for it, or the one that brought it into being, as with what is sent.
fn replay(stored: &StoredDelivery) -> Option<&ReplayId> {
    match stored.placed.as_ref().and_then(|placed| placed.asked.as_ref()) {
        Some(Asked::For(replay)) => Some(replay),
        Some(Asked::ByHand) | None => stored.delivery.attempts.first()?.replay.as_ref(),
    }
}

/// What can be handed out of an event.
enum Made {
    Ready(Body),
    /// The event is not committed yet, or not as it will be.
    NotYet,
    /// The event has expired, or has no body in the endpoint's format.
    Never,
}
