//! Folding the events of one payment and writing it.

use crate::incoming::{Course, Incoming};
use crate::wait::{self, Waiting};
use domain::{
    Candidate, Effect, Endpoint, Event, EventId, EventType, IgnoredReason, OutboxEntry, Payment, PaymentId,
    ToldOtherwise, Transition, VerifiedBy,
};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use store::{Committed, RawEvent, Store, StoreError, StoredPayment, event_fits};

/// How often a payment that somebody else wrote in between is folded again before its messages go back to the
/// queue.
const TRIES: u32 = 5;
/// How many events of a payment may stand in its outbox: two rounds of the consumer. More come up where nothing can be relayed
/// for a while; they wait in the queue, so that the payment stays small enough to be written.
const MAX_OUTBOX: usize = 2 * crate::EVENTS_AT_ONCE;

/// What the table knows about a batch.
#[derive(Debug, Default)]
pub(crate) struct Known {
    payments: HashMap<PaymentId, StoredPayment>,
    committed: HashMap<EventId, Committed>,
    consistent: bool,
}

impl Known {
    pub(crate) async fn read<'a>(
        store: &Store,
        events: impl Iterator<Item = &'a Incoming> + Clone,
        consistent: bool,
    ) -> Result<Self, StoreError> {
        let wanted: BTreeSet<&PaymentId> =
            events.clone().filter_map(|event| event.payment.as_ref()).collect();
        let read = store.payments(wanted, consistent).await?;
        let payments =
            read.into_iter().map(|(id, payment)| Ok((id, payment?))).collect::<Result<_, StoreError>>()?;
        let waiting =
            HashMap::values(&payments).flat_map(|stored| &stored.payment.outbox).map(|entry| &entry.event);
        let wanted: BTreeSet<&EventId> = events.map(|event| &event.id).chain(waiting).collect();
        let committed = store.committed_events(wanted, consistent).await?;
        Ok(Self { payments, committed, consistent })
    }

    /// Whether what an outbox entry stands for is committed: an event that awaited the provider's word is so
    /// only once that has come in.
    fn has_settled(&self, entry: &OutboxEntry) -> bool {
        let is_confirmation = entry.arrival.verified_by == VerifiedBy::Api;
        self.committed.get(&entry.event).is_some_and(|committed| committed.confirmed || !is_confirmation)
    }
}

/// One event that is to be relayed and committed.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) message: usize,
    pub(crate) event: Event,
    /// Events that we raise because of it.
    pub(crate) raised: Vec<Event>,
    pub(crate) raw: Arc<RawEvent>,
    pub(crate) opens_payment: bool,
    /// Of the notification as it came.
    pub(crate) digest: String,
    pub(crate) course: Course,
    /// What the event that stood for it becomes.
    pub(crate) stand_in: Option<Event>,
    /// It was being recorded before, by an earlier try or by another message, which did not come to the end.
    pub(crate) again: bool,
}

impl Recorded {
    /// Whether it is to be relayed to the endpoints that want it.
    fn is_relayed(&self) -> bool {
        self.raised.iter().chain([&self.event]).any(|event| !event.is_withheld())
    }

    /// Both the recording of an event and its confirmation may be in one batch.
    fn is_repeated_by(&self, incoming: &Incoming, id: &EventId) -> bool {
        let stage = |course: &Course| match course {
            Course::Fold | Course::Ask(_) | Course::Unasked => 0,
            // The question may have been asked again since, and answered otherwise.
            Course::Fail => 1,
            Course::Refute => 2,
            Course::Confirm { .. } => 3,
        };
        self.event.id == *id && stage(&self.course) == stage(&incoming.course)
    }

    /// Whether all that is to be committed because of it can be stored.
    fn fits(&self) -> bool {
        let own = [&self.event].into_iter().chain(&self.stand_in);
        own.into_iter().all(|event| event_fits(event, Some(&self.raw)))
            && self.raised.iter().all(|event| event_fits(event, None))
    }
}

/// What came of one group.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Without those that are committed already.
    pub(crate) steps: Vec<Recorded>,
    /// Those that another message is recording.
    pub(crate) waiting: Vec<Waiting>,
    /// The messages of events that can't be stored. They have changed nothing.
    pub(crate) too_large: Vec<usize>,
    /// Those that are to be relayed, while nobody knows to whom.
    pub(crate) unmatched: Vec<Recorded>,
    /// The messages of events for which there is no room in the outbox.
    pub(crate) crowded: Vec<usize>,
    /// Those for which the payment's item had no room beside the others.
    pub(crate) later: Vec<Incoming>,
}

/// Records the events of one group. Without `endpoints` nothing is given that has to be relayed; the repeat of such an event
/// relays what the payment's outbox tells.
pub(crate) async fn record(
    store: &Store,
    group: &[Incoming],
    prefetched: Option<&Known>,
    endpoints: Option<&[Endpoint]>,
) -> Result<Outcome, StoreError> {
    match record_together(store, group, prefetched, endpoints).await {
        // Together they exceed the payment's item, or one of them does by itself: that one alone is too large.
        Err(StoreError::TooLarge) if group.len() > 1 => {
            let (now, later) = group.split_at(group.len() / 2);
            let mut outcome = Box::pin(record(store, now, None, endpoints)).await?;
            outcome.later.extend_from_slice(later);
            Ok(outcome)
        }
        outcome => outcome,
    }
}

async fn record_together(
    store: &Store,
    group: &[Incoming],
    prefetched: Option<&Known>,
    endpoints: Option<&[Endpoint]>,
) -> Result<Outcome, StoreError> {
    if let Some(known) = prefetched
        && let Some(recorded) = try_record(store, group, known, endpoints).await?
    {
        return Ok(recorded);
    }
    for _ in 0..TRIES {
        let known = Known::read(store, group.iter(), true).await?;
        if let Some(recorded) = try_record(store, group, &known, endpoints).await? {
            return Ok(recorded);
        }
    }
    Err(StoreError::Conflict)
}

/// `None` when what was read is too old: read again.
async fn try_record(
    store: &Store,
    group: &[Incoming],
    known: &Known,
    endpoints: Option<&[Endpoint]>,
) -> Result<Option<Outcome>, StoreError> {
    // Known before anything is written: an event that could not be committed must not have changed its payment.
    let mut too_large = BTreeSet::new();
    let (fold, outcome) = loop {
        let (fold, outcome) = fold_in(store, group, known, endpoints, &too_large).await?;
        let known_so_far = too_large.len();
        let steps = outcome.steps.iter().chain(&outcome.unmatched);
        too_large.extend(steps.filter(|step| !step.fits()).map(|step| step.event.id.clone()));
        if too_large.len() == known_so_far {
            break (fold, outcome);
        }
    };
    if !known.consistent && !outcome.crowded.is_empty() {
        // The entries that fill the outbox may be committed already.
        return Ok(None);
    }
    match fold.write(store, known).await {
        Ok(()) => Ok(Some(wait::claim_apart(store, group, outcome).await)),
        Err(StoreError::Conflict) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Folds the events of a group into what is known, but for those that are too large. Writes nothing.
async fn fold_in(
    store: &Store,
    group: &[Incoming],
    known: &Known,
    endpoints: Option<&[Endpoint]>,
    too_large: &BTreeSet<EventId>,
) -> Result<(Fold, Outcome), StoreError> {
    let mut fold = Fold::new(group, known);
    let mut outcome = Outcome::default();
    for incoming in group {
        let id = fold.resolve_id(incoming);
        if too_large.contains(&id) {
            outcome.too_large.push(incoming.message);
            continue;
        }
        let committed = match known.committed.get(&id) {
            Some(committed) if is_done(incoming, committed) => true,
            // A second answer may tell something else than the first, so what a stale read says is not good enough.
            _ if incoming.is_confirmed() && !known.consistent => is_committed(store, incoming, &id).await?,
            // The id of a contradicting repeat is known only now.
            None if id != incoming.id => is_committed(store, incoming, &id).await?,
            _ => false,
        };
        if committed || outcome.steps.iter().any(|step| step.is_repeated_by(incoming, &id)) {
            continue;
        }
        let applied = match fold.apply(incoming, &id) {
            Ok(applied) => applied,
            Err(HeldBack::ByAnother) => {
                outcome.waiting.push(Waiting::of(incoming, id));
                continue;
            }
            Err(HeldBack::ForWantOfRoom) => {
                outcome.crowded.push(incoming.message);
                continue;
            }
        };
        // A stale read of the commits may not know that an event is done: not one that waits in the outbox, and, if the
        // outbox has let go of it since, not one that seems to tell nothing new.
        let is_doubtful = applied.as_ref().is_some_and(Applied::may_be_committed);
        if is_doubtful && !known.consistent && is_committed(store, incoming, &id).await? {
            fold.forget(&id);
            continue;
        }
        let step = assemble(incoming, id, applied, fold.payment(), endpoints.unwrap_or_default());
        let is_unmatched = endpoints.is_none() && step.is_relayed();
        let steps = if is_unmatched { &mut outcome.unmatched } else { &mut outcome.steps };
        steps.push(step);
    }
    Ok((fold, outcome))
}

/// Whether nothing is left to do for an event whose id is committed.
fn is_done(incoming: &Incoming, committed: &Committed) -> bool {
    committed.confirmed || !incoming.names_its_event()
}

async fn is_committed(store: &Store, incoming: &Incoming, id: &EventId) -> Result<bool, StoreError> {
    let committed = store.committed_events([id], true).await?;
    Ok(committed.get(id).is_some_and(|committed| is_done(incoming, committed)))
}

/// The outbox entry of an event that was folded.
struct Applied {
    entry: OutboxEntry,
    /// It was in the outbox already.
    again: bool,
}

impl Applied {
    fn may_be_committed(&self) -> bool {
        self.again || self.entry.transition.effect == Effect::Ignored
    }
}

enum HeldBack {
    /// Another message is recording the event, or another answer about it.
    ByAnother,
    /// The outbox is full.
    ForWantOfRoom,
}

/// The payment of a group while it is folded.
struct Fold {
    stored: Option<StoredPayment>,
    /// The events that it did not know, or that are taken over: if there are none, it is not written.
    news: BTreeSet<EventId>,
    /// What each event said that is not committed yet, in this batch or in the outbox.
    digests: HashMap<EventId, String>,
    /// How many entries the outbox may take beside those that it had.
    room: usize,
}

impl Fold {
    fn new(group: &[Incoming], known: &Known) -> Self {
        let stored =
            group.first().and_then(|event| event.payment.as_ref()).and_then(|id| known.payments.get(id));
        let mut digests: HashMap<EventId, String> =
            known.committed.iter().map(|(id, committed)| (id.clone(), committed.digest.clone())).collect();
        for entry in stored.into_iter().flat_map(|stored| &stored.payment.outbox) {
            digests.entry(entry.event.clone()).or_insert_with(|| entry.digest.clone());
        }
        let outbox = stored.into_iter().flat_map(|stored| &stored.payment.outbox);
        let in_use = outbox.filter(|entry| !known.has_settled(entry)).count();
        let room = MAX_OUTBOX.saturating_sub(in_use);
        Self { stored: stored.cloned(), news: BTreeSet::new(), digests, room }
    }

    /// The event's id; a further one where its dedupe key was used for something else before.
    fn resolve_id(&mut self, incoming: &Incoming) -> EventId {
        if incoming.names_its_event() {
            return incoming.id.clone();
        }
        match self.digests.get(&incoming.id) {
            Some(digest) if *digest != incoming.digest => incoming.id.derive_conflicting(&incoming.digest),
            Some(_) => incoming.id.clone(),
            None => {
                self.digests.insert(incoming.id.clone(), incoming.digest.clone());
                incoming.id.clone()
            }
        }
    }

    /// `None` for what touches no payment.
    fn apply(&mut self, incoming: &Incoming, id: &EventId) -> Result<Option<Applied>, HeldBack> {
        if !incoming.is_folded() {
            return Ok(None);
        }
        // What says nothing about a payment does not bring one into being.
        if self.stored.is_none() && incoming.notification.facts.is_empty() {
            return Ok(None);
        }
        let Some(provider_payment_id) = &incoming.notification.provider_payment_id else { return Ok(None) };
        let stored = self.stored.get_or_insert_with(|| {
            StoredPayment::new(Payment::new(
                incoming.source.clone(),
                incoming.provider.clone(),
                provider_payment_id.clone(),
                id.clone(),
                incoming.arrival.received_at,
            ))
        });
        let payment = &mut stored.payment;
        let known = payment.outbox.iter().find(|entry| entry.event == *id).map(|entry| entry.told.clone());
        if known.is_none() {
            self.room = self.room.checked_sub(1).ok_or(HeldBack::ForWantOfRoom)?;
        }
        let entry = match incoming.course {
            Course::Confirm { .. } => payment
                .confirm(id, &incoming.digest, &incoming.notification, &incoming.arrival)
                .map_err(|ToldOtherwise| HeldBack::ByAnother)?,
            _ => payment.record(id, &incoming.id, &incoming.notification, &incoming.arrival),
        };
        let again = known.as_ref() == Some(&entry.told);
        if again && entry.recorder.as_ref().is_some_and(|by| wait::holds_back(by, &incoming.taken)) {
            return Err(HeldBack::ByAnother);
        }
        // Also of what is recorded already: whoever relays an event has written so, which one of several can.
        payment.set_recorder(id, &incoming.taken.by);
        self.news.insert(id.clone());
        Ok(Some(Applied { entry, again }))
    }

    fn payment(&self) -> Option<&Payment> {
        self.stored.as_ref().map(|stored| &stored.payment)
    }

    /// Takes an event out again that turned out to be committed. Its facts are in the ledger already.
    fn forget(&mut self, id: &EventId) {
        self.news.remove(id);
        if let Some(stored) = &mut self.stored {
            stored.payment.outbox.retain(|entry| &entry.event != id);
        }
    }

    /// Writes the payment, if it changed, without the outbox entries whose events are committed by now.
    async fn write(self, store: &Store, known: &Known) -> Result<(), StoreError> {
        let Some(mut stored) = self.stored.filter(|_| !self.news.is_empty()) else { return Ok(()) };
        stored.payment.outbox.retain(|entry| !known.has_settled(entry));
        store.put_payment(stored).await
    }
}

fn assemble(
    incoming: &Incoming,
    id: EventId,
    applied: Option<Applied>,
    payment: Option<&Payment>,
    endpoints: &[Endpoint],
) -> Recorded {
    let again = applied.as_ref().is_some_and(|applied| applied.again);
    let opens_payment = applied.is_some() && payment.is_some_and(|payment| payment.first_event == id);
    // The arrival that was recorded, so that a repeat is told in the same bytes.
    let (arrival, transition) = match applied {
        Some(Applied { entry, .. }) => (entry.arrival, Some(entry.transition)),
        None => (incoming.arrival.clone(), None),
    };
    let notified = incoming.event_type();
    let event_type = transition.as_ref().map_or(notified, |transition| transition.event_type(notified));
    let raised_types = transition.as_ref().map(Transition::raised).unwrap_or_default();
    let event = Event {
        id,
        source: Some(incoming.source.clone()),
        provider: incoming.provider.clone(),
        event_type,
        // An event that waits is shown with a payment that is known, and makes none up.
        payment: incoming.payment.clone().filter(|_| transition.is_some() || payment.is_some()),
        received_at: arrival.received_at,
        verified_by: arrival.verified_by,
        confirmed_at: arrival.confirmed_at,
        secret: arrival.secret,
        notification: incoming.notification.clone(),
        transition,
        unconfirmed: incoming.unconfirmed(),
        notice: None,
        endpoints: Vec::new(),
    };
    let raised = raised_types
        .into_iter()
        .map(|event_type| Event {
            id: event.id.derive_raised(event_type.as_str()),
            event_type,
            ..event.clone()
        })
        .map(|event| matched(event, endpoints))
        .collect();
    let event = matched(event, endpoints);
    Recorded {
        message: incoming.message,
        raised,
        raw: Arc::clone(&incoming.raw),
        opens_payment,
        digest: incoming.digest.clone(),
        course: incoming.course.clone(),
        stand_in: stand_in(incoming, &event),
        event,
        again,
    }
}

/// The event that could not know its payment, as it stays: another one, in the payment's partition, tells the rest.
fn stand_in(incoming: &Incoming, event: &Event) -> Option<Event> {
    let Course::Confirm { stand_in: Some(stand_in) } = &incoming.course else { return None };
    Some(Event {
        id: stand_in.id.clone(),
        event_type: EventType::PaymentUnverified,
        payment: None,
        verified_by: stand_in.verified_by,
        confirmed_at: None,
        notification: stand_in.notification.clone(),
        transition: None,
        unconfirmed: Some(IgnoredReason::RecordedWithPayment),
        endpoints: Vec::new(),
        ..event.clone()
    })
}

/// The same event, with the endpoints that want it. What nobody proves is not relayed while its truth can be asked
/// for; what can't be asked is relayed as the claim that it is.
fn matched(event: Event, endpoints: &[Endpoint]) -> Event {
    if event.is_withheld() {
        return event;
    }
    let candidate = Candidate::event(&event);
    let wanting = endpoints.iter().filter(|endpoint| endpoint.wants(&candidate));
    let endpoints = wanting.map(|endpoint| endpoint.id.clone()).collect();
    Event { endpoints, ..event }
}
