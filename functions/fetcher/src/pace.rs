//! Keeps the calls for one source apart, and counts them.

use domain::SourceId;
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Of a process, not of a batch: a queue that is drained message by message would know no pace otherwise.
#[derive(Debug)]
pub struct Pace {
    spacing: Duration,
    per_minute: u32,
    next: Mutex<HashMap<SourceId, Instant>>,
    /// When a source's minute began, and how often was asked in it.
    minutes: Mutex<HashMap<SourceId, (Instant, u32)>>,
}

const MINUTE: Duration = Duration::from_secs(60);

impl Pace {
    /// `per_minute`: how many calls for one source are made in a minute before others are put off.
    pub fn new(spacing: Duration, per_minute: u32) -> Self {
        Self { spacing, per_minute, next: Mutex::default(), minutes: Mutex::default() }
    }

    /// Whether the source has calls left in this minute. If so, one less from now on.
    pub(crate) fn takes(&self, source: &SourceId) -> bool {
        self.takes_at(source, Instant::now())
    }

    fn takes_at(&self, source: &SourceId, now: Instant) -> bool {
        let mut minutes = self.minutes.lock().expect("no holder of this lock panics");
        minutes.retain(|_, (since, _)| now.duration_since(*since) < MINUTE);
        let (_, calls) = minutes.entry(source.clone()).or_insert((now, 0));
        let takes = *calls < self.per_minute;
        *calls += u32::from(takes);
        takes
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
    fn a_source_has_so_many_calls_a_minute_and_takes_none_of_anothers() {
        let pace = Pace::new(Duration::ZERO, 2);
        let (one, other) = (SourceId::mint([1; 16]), SourceId::mint([2; 16]));
        let start = Instant::now();
        let takes = |source, after_s| pace.takes_at(source, start + Duration::from_secs(after_s));
        assert_eq!([takes(&one, 0), takes(&one, 30), takes(&one, 59)], [true, true, false]);
        assert_eq!([takes(&other, 59), takes(&one, 60), takes(&other, 118)], [true, true, true]);
        assert!(!takes(&other, 118));
    }

    #[test]
    fn calls_for_one_source_are_kept_apart_whichever_batch_they_come_in() {
        let pace = Pace::new(Duration::from_millis(100), 1);
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
