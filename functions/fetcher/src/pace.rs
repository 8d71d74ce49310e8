//! Keeps the calls for one source apart.

use domain::SourceId;
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Of a process, not of a batch: a queue that is drained message by message would know no pace otherwise.
#[derive(Debug)]
pub struct Pace {
    spacing: Duration,
    next: Mutex<HashMap<SourceId, Instant>>,
}

impl Pace {
    pub fn new(spacing: Duration) -> Self {
        Self { spacing, next: Mutex::default() }
    }

    /// Returns when it is this call's turn.
    pub(crate) async fn wait(&self, source: &SourceId) {
        sleep_until(self.turn(source, Instant::now())).await;
    }

    fn turn(&self, source: &SourceId, now: Instant) -> Instant {
        let mut next = self.next.lock().expect("no holder of this lock panics");
        // What has passed says nothing, and sources come and go.
        next.retain(|_, at| *at > now);
        let turn = next.get(source).copied().unwrap_or(now);
        next.insert(source.clone(), turn + self.spacing);
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_for_one_source_are_kept_apart_whichever_batch_they_come_in() {
        let pace = Pace::new(Duration::from_millis(100));
        let (one, other) = (SourceId::mint([1; 16]), SourceId::mint([2; 16]));
        let start = Instant::now();
        let turn = |source, after_ms| {
            let now = start + Duration::from_millis(after_ms);
            pace.turn(source, now).duration_since(start).as_millis()
        };
        assert_eq!([turn(&one, 0), turn(&one, 0), turn(&other, 10), turn(&one, 150)], [0, 100, 10, 200]);
        assert_eq!([turn(&one, 299), turn(&one, 1_000)], [300, 1_000]);
        turn(&other, 5_000);
        assert_eq!(
            pace.next.lock().expect("nobody panicked").len(),
            1,
            "only who is waited for is remembered"
        );
    }
}
