//! The vocabulary in which a provider's payloads are written down. A [`Format`] is data; `interpret` reads
//! payloads by it. What holds for every format is the interpreter's, not a row's:
//!
//! - a type that no rule names is recorded as `provider.other`, without facts;
//! - what the payload does not say stays absent; an amount that is there and can't be read exactly is an error;
//! - a payment that the provider reports only once it is paid counts as authorised and captured in one step.
//!
//! The formats of the table are `Format<'static>`; one that a user configures borrows from the source's settings.

use super::{Expressed, Expresses};
use domain::{DisputeFunds, DisputeStage, OperationState};

/// How a provider's payloads are read.
#[derive(Debug)]
pub(crate) struct Format<'a> {
    pub(crate) body: Body<'a>,
    /// The list whose elements are notifications of their own, where the provider sends batches.
    pub(crate) list: Option<&'a str>,
    /// The provider's id of the notification: the first that is there.
    pub(crate) event_id: &'a [At<'a>],
    /// What tells this notification from all others: alternatives, of which the first counts whose parts are all
    /// there. The parts are joined with `:`.
    pub(crate) key: &'a [&'a [At<'a>]],
    /// The provider's name of what happened: alternatives as above, joined with `.`.
    pub(crate) kind: &'a [&'a [At<'a>]],
    /// When it happened: the first that is there.
    pub(crate) time: &'a [(At<'a>, Clock<'a>)],
    pub(crate) unit: AmountUnit,
    /// Where the provider's minor unit is not ISO 4217's.
    pub(crate) exponents: &'a [(&'a str, u8)],
    /// The exponent where no currency is named, for providers whose currencies all have the same one.
    pub(crate) unnamed_exponent: Option<u8>,
    /// What notifications can be about, in order: the first with a rule for the type and status counts.
    pub(crate) subjects: &'a [Subject<'a>],
    /// The id to show for anything else.
    pub(crate) object: &'a [At<'a>],
}

impl Format<'static> {
    /// JSON whose fields are all still to be named.
    pub(crate) const JSON: Self = Self {
        body: Body::Json,
        list: None,
        event_id: &[],
        key: &[],
        kind: &[],
        time: &[],
        unit: AmountUnit::Minor,
        exponents: &[],
        unnamed_exponent: None,
        subjects: &[],
        object: &[],
    };
    pub(crate) const FORM: Self = Self { body: Body::Form, ..Self::JSON };
}

impl Format<'_> {
    pub(crate) fn expresses(&self) -> Expresses {
        let mut expresses = Expresses::default();
        for subject in self.subjects {
            let known = match subject.amount {
                Amount::Absent => Expressed::WithoutAmount,
                _ => Expressed::WithAmount,
            };
            for (.., meaning) in subject.rules {
                let step = match meaning {
                    Meaning::Authorized => &mut expresses.authorization,
                    Meaning::Paid | Meaning::Captured | Meaning::CaptureTotal => &mut expresses.capture,
                    Meaning::Canceled | Meaning::Expired | Meaning::Undone => &mut expresses.void,
                    // Without an id and a payment a refund can't be booked.
                    Meaning::Refund(_) if subject.operation.is_empty() || subject.payment.is_empty() => {
                        continue;
                    }
                    Meaning::Refund(_) | Meaning::RefundTotal => &mut expresses.refund,
                    Meaning::Dispute(..) => &mut expresses.dispute,
                    _ => continue,
                };
                *step = known.max(*step);
            }
        }
        expresses
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Body<'a> {
    Json,
    /// JSON, in base64, in this member of the JSON body.
    JsonInBase64(&'a str),
    /// `application/x-www-form-urlencoded`.
    Form,
    /// XML, in base64 with line feeds, in this field of the form. Paths start below its root.
    XmlInForm(&'a str),
}

/// Where a value is found. A JSON path's steps are separated by `.`; a number is a place in a list.
#[derive(Debug, Clone, Copy)]
pub(crate) enum At<'a> {
    /// A JSON path, or a form's field.
    Body(&'a str),
    /// A header, lower case. The scheme must keep it. In a key only where every scheme that keeps it signs it: one genuine
    /// body would be as many events as somebody makes up values.
    Header(&'a str),
    /// A header where it is one of these, and nothing otherwise: for what nobody signs and still tells one from another.
    HeaderAmong(&'a str, &'a [&'a str]),
    /// What a JSON Web Token in a header signs: all of it but its signature, of which there may be several.
    Token(&'a str),
    /// Always this text.
    Is(&'a str),
    /// The second text, where there is something at the path that is named first.
    If(&'a str, &'a str),
    /// The value at the path, behind the first text: for ids that are numbered per kind of object.
    After(&'a str, &'a str),
    /// The last step of the address of the link that is named by the second text, in the list of links at the path
    /// (HATEOAS, `{"rel": …, "href": …}`).
    Link(&'a str, &'a str),
    /// SHA-256 of the raw body: for providers that number nothing, or where the signature does not cover the number.
    BodySha256,
    /// The same of the body as JSON without white space between its tokens, where that is not signed.
    MinifiedSha256,
    /// The same of a field of the form, without line feeds at its end, which may get lost on the way.
    FieldSha256(&'a str),
    /// When it arrived, to two seconds: for providers whose notifications all look the same. What says the same at the same
    /// time is one, of which the provider's API is asked once, after that time ([`crate::VerifiedMeta::repeats_for`]).
    Arrival,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Clock<'a> {
    Rfc3339,
    Seconds,
    Milliseconds,
    /// A time without a zone in this form (`strftime`), so many hours ahead of UTC.
    Local(&'a str, i8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AmountUnit {
    /// Integers of the smallest unit, as a number or as text.
    Minor,
    /// Decimals, as a number or as text.
    Major,
}

/// One kind of object that notifications are about, with the places of what they say of it.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    /// The provider's id of the payment: the first that is there.
    pub(crate) payment: &'a [At<'a>],
    /// The id of the capture, refund or dispute. Payments that are captured once need none.
    pub(crate) operation: &'a [At<'a>],
    /// The id to show, where that is another one.
    pub(crate) object: &'a [At<'a>],
    /// What rules compare as the status: joined with `.`; empty where one of them is absent.
    pub(crate) status: &'a [At<'a>],
    pub(crate) amount: Amount<'a>,
    pub(crate) currency: Named<'a>,
    /// The amount that was asked for, where it can differ from `amount`.
    pub(crate) requested: Amount<'a>,
    /// The running total of refunds.
    pub(crate) refunded: Amount<'a>,
    pub(crate) reference: &'a [At<'a>],
    pub(crate) rules: &'a [Rule<'a>],
}

impl Subject<'static> {
    pub(crate) const NOTHING: Self = Self {
        payment: &[],
        operation: &[],
        object: &[],
        status: &[],
        amount: Amount::Absent,
        currency: Named::Nowhere,
        requested: Amount::Absent,
        refunded: Amount::Absent,
        reference: &[],
        rules: &[],
    };
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Amount<'a> {
    Absent,
    /// The first of these that is there.
    First(&'a [&'a str]),
    /// The same, where a sign only says which way the money went.
    Unsigned(&'a [&'a str]),
    /// All of these together; those that are not there count nothing.
    Sum(&'a [&'a str]),
    /// The second path in each element of the list at the first.
    Each(&'a str, &'a str),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Named<'a> {
    Nowhere,
    /// The first of these that is there.
    At(&'a [&'a str]),
    /// The provider knows only this one.
    Always(&'a str),
    /// A setting of the source: the payload does not say.
    Setting(&'a str),
    /// The first of these that is there, or else a setting of the source.
    AtOrSetting(&'a [&'a str], &'a str),
}

/// A type and a status, and what they mean. `*` is any type, an empty status any status.
pub(crate) type Rule<'a> = (&'a str, &'a str, Meaning);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    Created,
    RequiresAction,
    Processing,
    /// `amount` is reserved.
    Authorized,
    Failed,
    /// The whole payment of `amount` is authorised and captured.
    Paid,
    /// `amount` of an earlier authorisation was captured. Without an operation of its own: so far.
    Captured,
    /// `amount` is the total of captures so far, which are reported one by one as well.
    CaptureTotal,
    CaptureFailed,
    /// A capture that had succeeded was undone.
    CaptureReversed,
    /// What was not captured is given back.
    Canceled,
    Expired,
    /// The whole payment is taken back, with what was captured: a void before settlement.
    Undone,
    /// The same, by the payer's bank after it had been paid.
    Returned,
    Refund(OperationState),
    /// `amount` is the total of refunds so far, which are not reported one by one.
    RefundTotal,
    Dispute(Option<DisputeStage>, Option<DisputeFunds>),
    /// The provider's test of the webhook.
    Test,
    /// It is about this payment, but books nothing.
    Mention,
}

/// Short names for rules.
pub(crate) const REFUND_PENDING: Meaning = Meaning::Refund(OperationState::Pending);
pub(crate) const REFUNDED: Meaning = Meaning::Refund(OperationState::Succeeded);
pub(crate) const REFUND_FAILED: Meaning = Meaning::Refund(OperationState::Failed);
pub(crate) const REFUND_REVERSED: Meaning = Meaning::Refund(OperationState::Reversed);
pub(crate) const DISPUTE_WARNING: Meaning = Meaning::Dispute(Some(DisputeStage::Warning), None);
pub(crate) const DISPUTE_OPEN: Meaning = Meaning::Dispute(Some(DisputeStage::Open), None);
/// Opened, and the money is gone until it is decided.
pub(crate) const DISPUTE_CHARGED: Meaning =
    Meaning::Dispute(Some(DisputeStage::Open), Some(DisputeFunds::Withdrawn));
pub(crate) const DISPUTE_UPDATED: Meaning = Meaning::Dispute(None, None);
pub(crate) const DISPUTE_WON: Meaning = Meaning::Dispute(Some(DisputeStage::Won), None);
pub(crate) const DISPUTE_REINSTATED: Meaning =
    Meaning::Dispute(Some(DisputeStage::Won), Some(DisputeFunds::Reinstated));
pub(crate) const DISPUTE_LOST: Meaning = Meaning::Dispute(Some(DisputeStage::Lost), None);
