//! To an EventBridge event bus: the body is the event's `detail`.
//!
//! **Guarantee:** an event counts as delivered only if EventBridge gave it an id, and its bus was there within the last
//! minute. PutEvents itself confirms events for a bus that does not exist, and drops them
//! (<https://github.com/aws/aws-cli/issues/9186>); so a bus of our own account is looked up, once a minute. One that may
//! not be looked up is taken to be there. Another account's can't be: it is for its owner to keep.

#[cfg(test)]
mod tests;

use crate::About;
use crate::arn::BusArn;
use crate::outcome;
use aws_sdk_eventbridge::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_eventbridge::operation::describe_event_bus::DescribeEventBusError;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use jiff::SignedDuration;
use platform::{Cache, Clock};
use relay::{Response, SendError};

/// How its receivers tell our events from others.
const SOURCE: &str = "payrelay";
/// Of an entry, all of it: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>. It was
/// 256 KB until January 2026.
const MAX_BYTES: usize = 1024 * 1024;
/// What the time of an entry counts for (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html>).
const TIME_BYTES: usize = 14;
/// How long a bus is taken to be there after it was seen, or after the look at it was denied.
const SEEN_FOR: SignedDuration = SignedDuration::from_mins(1);

#[derive(Debug)]
pub(crate) struct Buses {
    client: aws_sdk_eventbridge::Client,
    own_account: Option<String>,
    /// Those that were there, and those that we may not look up: a permission that is missing would be missing at
    /// every attempt, each with a call and a line of log.
    looked_up: Cache<BusArn, ()>,
}

impl Buses {
    /// A bus of `own_account` is looked up.
    pub(crate) fn new(
        client: aws_sdk_eventbridge::Client,
        own_account: Option<String>,
        clock: Clock,
    ) -> Self {
        Self { client, own_account, looked_up: Cache::new(clock, SEEN_FOR) }
    }

    pub(crate) async fn put(
        &self,
        bus: &BusArn,
        body: &[u8],
        about: &About<'_>,
    ) -> Result<Response, SendError> {
        let detail = std::str::from_utf8(body).map_err(|_| {
            SendError::NotSendable("an event's detail is JSON, and the body is not text".to_owned())
        })?;
        let entry = entry(bus, detail, about)?;
        if let Some(absent) = self.absence(bus).await {
            return absent;
        }
        let put = match self.client.put_events().entries(entry).send().await {
            Ok(put) => put,
            Err(error) => return outcome::of_error(error),
        };
        match put.entries() {
            [taken] if put.failed_entry_count() == 0 && taken.event_id().is_some() => {
                let id = taken.event_id().unwrap_or_default();
                Ok(Response::of_service(200, &format!("EventId: {id}")))
            }
            [refused, ..] => {
                Err(SendError::NotTaken(outcome::words(refused.error_code(), refused.error_message())))
            }
            [] => Err(SendError::NotTaken("the answer tells of no event".to_owned())),
        }
    }

    /// What to answer if the bus is known not to be there. Where that can't be told, the event is put: its own answer
    /// says more.
    async fn absence(&self, bus: &BusArn) -> Option<Result<Response, SendError>> {
        if self.own_account.as_deref() != Some(bus.account()) || self.looked_up.get(bus).is_some() {
            return None;
        }
        match self.client.describe_event_bus().name(bus.name()).send().await {
            Err(SdkError::ServiceError(refusal))
                if matches!(refusal.err(), DescribeEventBusError::ResourceNotFoundException(_)) =>
            {
                Some(outcome::of_error(SdkError::ServiceError(refusal)))
            }
            Err(error) => {
                if is_denied(&error) {
                    self.looked_up.insert(bus.clone(), ());
                }
                let error = &error as &dyn std::error::Error;
                tracing::warn!(
                    error,
                    bus = bus.name(),
                    "the event bus could not be looked up: the event is put unseen"
                );
                None
            }
            Ok(_) => {
                self.looked_up.insert(bus.clone(), ());
                None
            }
        }
    }
}

/// Both spellings are in use: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/CommonErrors.html> has the
/// longer one.
fn is_denied(error: &SdkError<DescribeEventBusError>) -> bool {
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    matches!(code, Some("AccessDenied" | "AccessDeniedException"))
}

/// `resources` name what the event is about and what a receiver drops repeats by, since an event has no headers.
fn entry(bus: &BusArn, detail: &str, about: &About<'_>) -> Result<PutEventsRequestEntry, SendError> {
    let detail_type = about.event_type.as_str();
    let resources: Vec<String> = [
        about.event.map(domain::EventId::as_str),
        Some(about.id),
        about.replay.map(domain::ReplayId::as_str),
    ]
    .into_iter()
    .flatten()
    .map(str::to_owned)
    .collect();
    let bytes = TIME_BYTES
        + SOURCE.len()
        + detail_type.len()
        + detail.len()
        + resources.iter().map(String::len).sum::<usize>();
    if bytes > MAX_BYTES {
        return Err(SendError::TooLarge(format!(
            "EventBridge takes events of {MAX_BYTES} bytes, this one has {bytes}"
        )));
    }
    Ok(PutEventsRequestEntry::builder()
        .event_bus_name(bus.as_str())
        .source(SOURCE)
        .detail_type(detail_type)
        .detail(detail)
        .time(DateTime::from_millis(about.time.as_millisecond()))
        .set_resources(Some(resources))
        .build())
}
