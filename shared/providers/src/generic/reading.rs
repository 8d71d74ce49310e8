//! What a user's provider says in its payloads.

use super::words::{self, Given, Reason};
use crate::normalise::format::{
    Amount, AmountUnit, At, Body, Clock, DISPUTE_CHARGED, DISPUTE_LOST, DISPUTE_OPEN, DISPUTE_REINSTATED,
    DISPUTE_UPDATED, DISPUTE_WARNING, DISPUTE_WON, Format, Meaning, Named, REFUND_FAILED, REFUND_PENDING,
    REFUND_REVERSED, REFUNDED, Rule, Subject,
};
use crate::normalise::interpret;
use crate::provider::{InvalidSetting, Settings};
use crate::{Malformed, Verified};
use domain::Notification;

/// The words for what a type and a status mean.
pub(crate) const MEANINGS: &[(&str, Meaning)] = &[
    ("created", Meaning::Created),
    ("requires_action", Meaning::RequiresAction),
    ("processing", Meaning::Processing),
    ("authorized", Meaning::Authorized),
    ("failed", Meaning::Failed),
    ("paid", Meaning::Paid),
    ("captured", Meaning::Captured),
    ("capture_failed", Meaning::CaptureFailed),
    ("capture_reversed", Meaning::CaptureReversed),
    ("canceled", Meaning::Canceled),
    ("expired", Meaning::Expired),
    ("refund_pending", REFUND_PENDING),
    ("refunded", REFUNDED),
    ("refund_failed", REFUND_FAILED),
    ("refund_reversed", REFUND_REVERSED),
    ("refund_total", Meaning::RefundTotal),
    ("dispute_warning", DISPUTE_WARNING),
    ("dispute_open", DISPUTE_OPEN),
    ("dispute_charged", DISPUTE_CHARGED),
    ("dispute_updated", DISPUTE_UPDATED),
    ("dispute_won", DISPUTE_WON),
    ("dispute_reinstated", DISPUTE_REINSTATED),
    ("dispute_lost", DISPUTE_LOST),
    ("test", Meaning::Test),
    ("mention", Meaning::Mention),
];

/// What the settings say of payloads, still to be laid out as a [`Format`]. Empty lists: nothing is said of it.
#[derive(Default)]
pub(super) struct Reading<'a> {
    is_form: bool,
    event_id: Vec<At<'a>>,
    kind: Vec<At<'a>>,
    time: Vec<(At<'a>, Clock<'a>)>,
    payment: Vec<At<'a>>,
    operation: Vec<At<'a>>,
    status: Vec<At<'a>>,
    amount: Vec<&'a str>,
    is_major: bool,
    currency: Vec<&'a str>,
    fixed_currency: Option<&'a str>,
    reference: Vec<At<'a>>,
    rules: Vec<Rule<'a>>,
}

impl<'a> Reading<'a> {
    /// # Errors
    /// All that is wrong with the settings of this part.
    pub(super) fn of(settings: &'a Settings) -> Result<Self, Vec<InvalidSetting>> {
        let mut given = Given::new(settings);
        let given = &mut given;
        let is_form = given.one_of("body_format", &[("json", false), ("form", true)]).unwrap_or_default();
        let clocks =
            [("rfc3339", Clock::Rfc3339), ("seconds", Clock::Seconds), ("milliseconds", Clock::Milliseconds)];
        let clock = given.one_of("time_format", &clocks).unwrap_or(Clock::Rfc3339);
        let mut paths = |name| given.parsed(name, |text| paths(text, is_form)).unwrap_or_default();
        let at = |paths: Vec<&'a str>| paths.into_iter().map(At::Body).collect();
        let mut reading = Self {
            is_form,
            time: paths("time").into_iter().map(|path| (At::Body(path), clock)).collect(),
            payment: at(paths("payment")),
            operation: at(paths("operation")),
            status: at(paths("status")),
            amount: paths("amount"),
            currency: paths("currency"),
            reference: at(paths("merchant_reference")),
            ..Self::default()
        };
        reading.event_id =
            given.parsed("event_id", |text| paths_and_headers(text, is_form)).unwrap_or_default();
        reading.kind = given.parsed("type", |text| paths_and_headers(text, is_form)).unwrap_or_default();
        reading.is_major =
            given.one_of("amount_unit", &[("minor", false), ("major", true)]).unwrap_or_default();
        reading.fixed_currency = given.get("fixed_currency");
        reading.rules = given.parsed("meanings", rules).unwrap_or_default();
        reading.check(given);
        if given.refused.is_empty() { Ok(reading) } else { Err(std::mem::take(&mut given.refused)) }
    }

    /// What the settings need of one another.
    fn check(&self, given: &mut Given<'a>) {
        for (name, on) in [("time_format", "time"), ("amount_unit", "amount")] {
            if given.has(name) && !given.has(on) {
                given.refuse(name, format!("is of no use without `{on}`"));
            }
        }
        if given.has("currency") && given.has("fixed_currency") {
            given.refuse("fixed_currency", "contradicts `currency`: give one of them");
        }
        if given.has("amount") && !given.has("currency") && !given.has("fixed_currency") {
            given.refuse("amount", "needs its currency: `currency` or `fixed_currency`");
        }
        let needs_type = self.rules.iter().any(|(kind, ..)| *kind != "*");
        let needs_status = self.rules.iter().any(|(_, status, _)| !status.is_empty());
        let needs_payment =
            self.rules.iter().any(|(.., meaning)| !matches!(meaning, Meaning::Test | Meaning::Mention));
        // The next refund of the same payment could not be told from it.
        let needs_operation = self.rules.iter().any(|(.., meaning)| matches!(meaning, Meaning::Refund(_)));
        for (needed, name) in [
            (needs_type, "type"),
            (needs_status, "status"),
            (needs_payment, "payment"),
            (needs_operation, "operation"),
        ] {
            if needed && !given.has(name) {
                given.refuse("meanings", format!("needs the setting `{name}`"));
            }
        }
    }

    /// A format borrows its lists, so that it lives no longer than a call.
    pub(super) fn notifications(
        &self,
        verified: &Verified,
        settings: &Settings,
        signs: impl Fn(&str) -> bool,
    ) -> Result<Vec<Notification>, Malformed> {
        let one = std::slice::from_ref::<At<'_>>;
        // An id that nobody signs is shown, but does not tell one from another: the body does.
        let is_signed = |at: &&At<'_>| !matches!(at, At::Header(name) if !signs(name));
        let mut key: Vec<&[At<'_>]> = self.event_id.iter().filter(is_signed).map(one).collect();
        key.push(&[At::BodySha256]);
        let mut kind: Vec<&[At<'_>]> = self.kind.iter().map(one).collect();
        // Refusing it would lose what may be the one notification that matters.
        kind.push(&[At::Is("unknown")]);
        let currency = match self.fixed_currency {
            Some(code) => Named::Always(code),
            None => Named::At(&self.currency),
        };
        let subject = Subject {
            payment: &self.payment,
            operation: &self.operation,
            status: &self.status,
            amount: if self.amount.is_empty() { Amount::Absent } else { Amount::First(&self.amount) },
            currency,
            reference: &self.reference,
            rules: &self.rules,
            ..Subject::NOTHING
        };
        let format = Format {
            // Of a form only single fields are read. So it also stands for bodies of any kind, of which none is.
            body: if self.is_form || self.reads_nothing() { Body::Form } else { Body::Json },
            event_id: &self.event_id,
            key: &key,
            kind: &kind,
            time: &self.time,
            unit: if self.is_major { AmountUnit::Major } else { AmountUnit::Minor },
            subjects: &[subject],
            object: &self.payment,
            ..Format::JSON
        };
        interpret::notifications(&format, verified, settings)
    }

    fn reads_nothing(&self) -> bool {
        let in_body = |at: &At<'_>| matches!(at, At::Body(_));
        let lists =
            [&self.event_id, &self.kind, &self.payment, &self.operation, &self.status, &self.reference];
        !lists.into_iter().flatten().any(in_body)
            && self.time.is_empty()
            && self.amount.is_empty()
            && self.currency.is_empty()
    }
}

/// Alternatives, separated by commas.
fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim)
}

fn paths(text: &str, is_form: bool) -> Result<Vec<&str>, Reason> {
    listed(text).map(|path| one_path(path, is_form)).collect()
}

fn paths_and_headers(text: &str, is_form: bool) -> Result<Vec<At<'_>>, Reason> {
    listed(text)
        .map(|place| match place.strip_prefix("header:") {
            Some(name) => words::kept_header(name).map(At::Header),
            None => one_path(place, is_form).map(At::Body),
        })
        .collect()
}

fn one_path(path: &str, is_form: bool) -> Result<&str, Reason> {
    if path.is_empty() {
        return Err("has an empty path".into());
    }
    if !is_form && path.split('.').any(str::is_empty) {
        return Err("has a path with an empty step: steps are separated by one `.`".into());
    }
    Ok(path)
}

/// `TYPE=MEANING` or `TYPE|STATUS=MEANING`, separated by commas.
pub(super) fn rules(text: &str) -> Result<Vec<Rule<'_>>, Reason> {
    let mut rules: Vec<Rule<'_>> = Vec::new();
    for (number, rule) in (1..).zip(listed(text)) {
        let wrong = |what: &str| Reason::from(format!("{what} in rule {number}"));
        // The last one: a type may hold the sign itself.
        let (told, word) = rule.rsplit_once('=').ok_or_else(|| wrong("lacks a meaning"))?;
        let (kind, status) = told.split_once('|').unwrap_or((told, ""));
        if kind.is_empty() || told.ends_with('|') {
            return Err(wrong("lacks the type, for which `*` is any, or the status behind `|`,"));
        }
        let meaning = MEANINGS.iter().find(|(name, _)| *name == word).map(|(_, meaning)| *meaning);
        let meaning = meaning.ok_or_else(|| wrong("has a meaning that we don't know"))?;
        let hidden = |(kind_before, status_before, _): &Rule<'_>| {
            (*kind_before == "*" || *kind_before == kind)
                && (status_before.is_empty() || *status_before == status)
        };
        if rules.iter().any(hidden) {
            return Err(wrong("has an earlier rule for the same"));
        }
        rules.push((kind, status, meaning));
    }
    Ok(rules)
}
