//! Looks after the sources, every ten minutes: who has fallen silent, and of whom much is refused.
//!
//! **Guarantee:** that clients were told is noted after the notice is written down ([`notices`]), so what stops in between
//! is told by the next look, under the same id. A silence is told of once, and so is each step of a day in quarantine.
//! Nothing is remembered between two looks but that: which runs look follows from the clock.
//!
//! A look reads all sources and, half a read unit each, two small items of every source: 100 sources cost about 110 units,
//! less than a cent a month. A look in every minute would tell nobody sooner of a silence, which is counted in hours.

use crate::Deps;
use domain::{Notice, Source};
use jiff::{SignedDuration, Timestamp};
use store::{Activity, QuarantineDay, StoreError};

const MINUTES_BETWEEN_LOOKS: i64 = 10;
/// A day that is over is looked at for so long: what came in its last minutes, or while a look failed, is told as well.
const AFTER_MIDNIGHT: SignedDuration = SignedDuration::from_hours(1);

/// What a look came to.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    /// Notices that were raised.
    pub(crate) raised: usize,
    pub(crate) failed: Vec<StoreError>,
}

impl Looked {
    fn add(&mut self, raised: Result<usize, StoreError>) {
        match raised {
            Ok(number) => self.raised += number,
            Err(error) => self.failed.push(error),
        }
    }
}

/// Whether the run of this minute is one that looks. A schedule that skips or repeats a minute makes it ten minutes later or
/// twice, which does no harm.
pub(crate) fn is_time(now: Timestamp) -> bool {
    now.as_second().div_euclid(60) % MINUTES_BETWEEN_LOOKS == 0
}

/// One look at all sources. What fails for one of them keeps no other from being told of. Ends at `ends_at`; what is left is
/// told by the next look.
pub(crate) async fn look(deps: &Deps, ends_at: Timestamp) -> Result<Looked, StoreError> {
    let now = deps.clock.now();
    let sources = deps.store.all_configs::<Source>().await?;
    let ids = sources.iter().map(|source| &source.id);
    let activity = deps.store.activity_of(ids.clone()).await?;
    let days = deps.store.quarantine_days(ids, &[now - AFTER_MIDNIGHT, now]).await?;
    let mut looked = Looked::default();
    for source in &sources {
        if deps.clock.now() >= ends_at {
            return Ok(looked);
        }
        let activity = activity.get(&source.id).copied().unwrap_or_default();
        looked.add(tell_of_silence(deps, source, activity, now).await);
    }
    for day in &days {
        if deps.clock.now() >= ends_at {
            return Ok(looked);
        }
        looked.add(tell_of_quarantine(deps, day, now).await);
    }
    Ok(looked)
}

async fn tell_of_silence(
    deps: &Deps,
    source: &Source,
    activity: Activity,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let silence = source.silence(activity.last_event_at, now);
    let is_news = |since| activity.told_silent_since != Some(since);
    let Some(silence) = silence.filter(|silence| is_news(silence.silent_since)) else { return Ok(0) };
    tracing::warn!(source = %source.id, since = %silence.silent_since, "nothing comes from a source");
    notices::raise(&deps.store, now, Notice::silent(&source.id, silence, now)).await?;
    deps.store.note_told_silent(&source.id, silence.silent_since, now).await?;
    Ok(1)
}

async fn tell_of_quarantine(deps: &Deps, day: &QuarantineDay, now: Timestamp) -> Result<usize, StoreError> {
    let QuarantineDay { source, day, filling, told } = day;
    let mut raised = 0;
    for step in filling.steps_above(*told) {
        let (requests, full) = (filling.requests, filling.full);
        tracing::warn!(%source, %day, requests, full, "much of a source is refused");
        notices::raise(&deps.store, now, Notice::growing(source, *day, *filling, step, now)).await?;
        deps.store.note_told_filling(source, *day, step).await?;
        raised += 1;
    }
    Ok(raised)
}
