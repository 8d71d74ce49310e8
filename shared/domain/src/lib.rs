//! What Payrelay knows about money, and nothing else.
//!
//! **Guarantee:** this crate does no IO, reads no clock, no environment and no entropy; the same input gives
//! the same output on every machine. The ledger ([`Ledger`]) is a fold that is commutative, associative and
//! idempotent: whatever the order of a payment's events, and however often each arrives, the state is the same.

mod api_key;
mod bounds;
mod chars;
mod conditions;
mod dead_letter;
mod delivery;
mod derived;
mod endpoint;
mod event;
mod filling;
mod filter;
mod health;
mod ids;
mod ledger;
mod money;
mod notice;
mod notification;
mod operations;
mod payload;
mod payment;
mod recorder;
mod register;
mod replay;
mod schedule;
mod selection;
mod source;
mod time;
mod view;
pub mod xml;

pub use api_key::{ApiKey, Scope};
pub use bounds::{MAX_ID_BYTES, MAX_REFERENCE_BYTES, bounded, bounded_id, bounded_reference};
pub use chars::{escape_json, is_xml_char};
pub use conditions::{Conditions, InvalidCondition};
pub use dead_letter::{
    DEAD_LETTER_KEPT, DeadLetter, DeadLetterReason, DeadLetterStatus, Death, MessageSubject, REDRIVE_PAUSES,
    RedrivenBy, WorkQueue,
};
pub use delivery::{Attempt, AttemptOutcome, Delivery, DeliveryStatus, EVENT_COMMIT_PATIENCE, FailureKind};
pub use derived::{Derived, DisputeStatus, FormerFields, Integrity, PaymentStatus, RefundStatus};
pub use endpoint::{
    CustomHeaders, DEFAULT_TIMEOUT_SECONDS, Destination, Encoding, Endpoint, EndpointFormat, EndpointLimits,
    EndpointSecret, EndpointStatus, HeaderHint, Signing,
};
pub use event::{Effect, Event, EventType, IgnoredReason, VerifiedBy};
pub use filling::{Filling, FillingStep};
pub use filter::{EventTypePattern, InvalidPattern};
pub use health::{BreakerState, Consequence, Health, Standing};
pub use ids::{
    ApiKeyId, DeadLetterId, DeliveryId, EndpointId, EventId, InvalidId, PaymentId, QuarantineId, ReplayId,
    SecretId, SourceId, TestId,
};
pub use ledger::{Dispute, Ledger, Operation};
pub use money::{AmountError, Currency, InvalidCurrency, decimal_to_minor};
pub use notice::{DisabledReason, Notice, Quarantine, Subject};
pub use notification::{
    CONTENT_KEY, DisputeFunds, DisputeStage, Fact, Notification, OperationKind, OperationState, VoidCause,
};
pub use operations::{OperationView, SHOWN_OPERATIONS, Snapshot, operations};
pub use payload::BodyFormat;
pub use payment::{Arrival, OutboxEntry, Payment, ToldOtherwise, Transition};
pub use recorder::Recorder;
pub use register::Register;
pub use replay::{
    Pace, Replay, ReplayFailure, ReplayFilter, ReplayRange, ReplayStatus, ReplayedStatus, is_replayable,
};
pub use schedule::{InvalidSchedule, RetrySchedule};
pub use selection::{Candidate, Reason};
pub use source::{LAST_EVENT_ACCURACY, SealedSecret, Silence, Source, SourceStatus};
pub use time::{format_time, serde_time, serde_time_option};
pub use view::{DeliveryView, EventView, PaymentView, StandardPayload};
