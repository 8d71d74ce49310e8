//! When a source last sent something: written down now and then, so that the sweeper can tell of a source's silence.
//!
//! **Guarantee:** an event that is acknowledged is written down as its source's last, or another of the same source is that
//! is less than [`LAST_EVENT_ACCURACY`] older. Repeats count, and so does what turns out to say nothing new: the source has
//! sent it. What can't be read does not.

use crate::Deps;
use crate::incoming::Incoming;
use domain::{LAST_EVENT_ACCURACY, SourceId};
use futures::future::join_all;
use jiff::Timestamp;
use std::collections::BTreeMap;
use store::StoreError;

/// The latest event of each source in a batch, with the message that it came in.
#[derive(Debug, Default)]
pub(crate) struct Latest(BTreeMap<SourceId, (Timestamp, usize)>);

impl Latest {
    pub(crate) fn of(events: &[Incoming]) -> Self {
        let mut latest = BTreeMap::new();
        for event in events {
            let this = (event.arrival.received_at, event.message);
            let known = latest.entry(event.source.clone()).or_insert(this);
            *known = this.max(*known);
        }
        Self(latest)
    }

    /// Notes what this process has not noted closely enough. Gives the messages for which that failed.
    pub(crate) async fn note(self, deps: &Deps) -> Vec<(usize, StoreError)> {
        let is_known = |source: &SourceId, at: Timestamp| {
            deps.noted.get(source).is_some_and(|noted| at.duration_since(noted) < LAST_EVENT_ACCURACY)
        };
        let news = self.0.into_iter().filter(|(source, (at, _))| !is_known(source, *at));
        let noted =
            join_all(news.map(
                async |(source, (at, message))| match deps.store.note_event(&source, at).await {
                    Ok(()) => {
                        deps.noted.insert(source, at);
                        None
                    }
                    Err(error) => Some((message, error)),
                },
            ));
        noted.await.into_iter().flatten().collect()
    }
}
