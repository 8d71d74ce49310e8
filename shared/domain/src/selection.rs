//! Which events an endpoint gets, and why.

use crate::{Endpoint, EndpointFormat, EndpointStatus, Event, EventType, SourceId, StandardPayload};
use serde::Serialize;
use serde_json::Value;
use std::cell::OnceCell;

/// An event, or a payload that somebody made up, which may be for an endpoint.
#[derive(Debug)]
pub struct Candidate<'a> {
    /// `None` where the payload names no type of ours.
    event_type: Option<EventType>,
    source: Option<SourceId>,
    /// Made when the first endpoint with conditions asks: most have none.
    payload: OnceCell<Value>,
    event: Option<&'a Event>,
}

/// Whether one part of an endpoint's filter holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// `status`, `event_types`, `sources`, `notice`, `format`, or `conditions/` and the path.
    pub part: String,
    pub holds: bool,
    pub detail: String,
}

impl<'a> Candidate<'a> {
    pub fn event(event: &'a Event) -> Self {
        Self {
            event_type: Some(event.event_type),
            source: event.source.clone(),
            payload: OnceCell::new(),
            event: Some(event),
        }
    }

    /// A payload in `standard` format.
    pub fn payload(payload: Value) -> Candidate<'static> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Candidate {
            event_type: text(&payload["type"]).and_then(|name| name.parse().ok()),
            source: text(&payload["data"]["event"]["source"]).and_then(|id| id.parse().ok()),
            payload: OnceCell::from(payload),
            event: None,
        }
    }

    fn document(&self) -> &Value {
        self.payload.get_or_init(|| {
            let payload = self.event.map(StandardPayload::from);
            serde_json::to_value(payload).expect("plain data serialises")
        })
    }
}

impl Endpoint {
    /// Whether the event is delivered to this endpoint. Takes time in proportion to the size of the payload and of
    /// the conditions.
    pub fn wants(&self, candidate: &Candidate<'_>) -> bool {
        self.is_open()
            && self.wants_type(candidate)
            && self.wants_source(candidate)
            && !self.is_subject_of(candidate)
            && self.has_body_for(candidate)
            && (self.conditions.is_empty() || self.conditions.hold(candidate.document()))
    }

    /// Every part of the filter, whether or not an earlier one has decided.
    pub fn judge(&self, candidate: &Candidate<'_>) -> Vec<Reason> {
        let said = |fact: bool, yes: &str, no: &str| if fact { yes.to_owned() } else { no.to_owned() };
        let event_type = candidate.event_type.map_or("of no known type", EventType::as_str);
        let mut reasons = vec![
            Reason {
                part: "status".to_owned(),
                holds: self.is_open(),
                detail: said(self.is_open(), "the endpoint is enabled", "the endpoint is disabled"),
            },
            Reason {
                part: "event_types".to_owned(),
                holds: self.wants_type(candidate),
                detail: format!("the event is {event_type}"),
            },
            Reason {
                part: "sources".to_owned(),
                holds: self.wants_source(candidate),
                detail: match (&candidate.source, self.sources.is_empty()) {
                    (_, true) => "the endpoint takes events of every source".to_owned(),
                    (Some(source), false) => format!("the event's source is {source}"),
                    (None, false) => "the event names no source".to_owned(),
                },
            },
        ];
        if self.is_subject_of(candidate) {
            let detail =
                "the event is about this endpoint, which can't be told of its own trouble".to_owned();
            reasons.push(Reason { part: "notice".to_owned(), holds: false, detail });
        }
        if self.format == EndpointFormat::Raw {
            let holds = self.has_body_for(candidate);
            let detail = said(
                holds,
                "the event came in a request of the provider's",
                "Payrelay raises such events itself: there is no request of the provider's to pass on",
            );
            reasons.push(Reason { part: "format".to_owned(), holds, detail });
        }
        reasons.extend(self.conditions.judge(candidate.document()).map(|(path, holds)| Reason {
            part: format!("conditions/{path}"),
            holds,
            detail: said(holds, "a matcher of this path holds", "no matcher of this path holds"),
        }));
        reasons
    }

    fn is_open(&self) -> bool {
        self.status != EndpointStatus::Disabled
    }

    fn wants_type(&self, candidate: &Candidate<'_>) -> bool {
        candidate
            .event_type
            .is_some_and(|wanted| self.event_types.iter().any(|pattern| pattern.matches(wanted)))
    }

    fn wants_source(&self, candidate: &Candidate<'_>) -> bool {
        self.sources.is_empty()
            || candidate.source.as_ref().is_some_and(|source| self.sources.contains(source))
    }

    fn is_subject_of(&self, candidate: &Candidate<'_>) -> bool {
        candidate
            .event
            .and_then(|event| event.notice.as_ref())
            .is_some_and(|notice| notice.endpoint() == Some(&self.id))
    }

    /// What we raise ourselves came in no request that a `raw` delivery could pass on. Such an event is not for
    /// the endpoint: a body of another kind would surprise code that is written against the provider's SDK.
    fn has_body_for(&self, candidate: &Candidate<'_>) -> bool {
        self.format != EndpointFormat::Raw
            || candidate.event_type.is_some_and(|event_type| !event_type.is_raised())
    }
}

#[cfg(test)]
mod tests;
