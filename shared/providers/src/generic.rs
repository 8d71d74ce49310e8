//! A provider of the user's own choice: how it signs and what its payloads say are settings of the source.
//!
//! **Guarantee:** settings become a [`Scheme`](crate::scheme::Scheme) and a
//! [`Format`](crate::normalise::format::Format), the data that the rows of the table are made of, and the same code
//! interprets both. So all that holds for the table's providers holds here: there is no second verifier that could be
//! more lenient. What [`check`] accepts can be built; anything else that may be stored verifies nothing, and no
//! settings make it panic.
//!
//! Settings are read anew for every webhook. They are a handful of short texts, and what a scheme borrows from them
//! need not be kept anywhere: a copy of them could be out of date.
//!
//! The words, which the table in the crate's README explains:
//!
//! - a place is `header:NAME`, `query:NAME` or `form:NAME`;
//! - a layout is the text around `{signature}` and `{timestamp}`, such as `t={timestamp},v1={signature}`;
//! - a template is text with `{body}`, `{body_sha256}`, `{timestamp}`, `{url}`, `{key}` or a place in braces.

mod layout;
mod reading;
mod signing;
mod words;

use crate::provider::{InvalidSecret, InvalidSetting, Settings, check_key, check_text};
use crate::{Covers, Malformed, Provider, Rejection, Request, Secret, Verified, verify};
use domain::Notification;
use jiff::Timestamp;
use reading::Reading;
use signing::Signing;

/// Decides whether `request` is genuine by what the source's settings say.
pub(crate) fn verify(
    provider: &'static Provider,
    request: &Request<'_>,
    secrets: &[Secret<'_>],
    settings: &Settings,
    now: Timestamp,
) -> Result<Verified, Rejection> {
    // They were checked when they were stored, so that this is about rules that have become stricter since.
    let signing = Signing::of(settings).map_err(|_| Rejection::MissingSetting)?;
    signing.with_scheme(|scheme| {
        let matched = verify::verify(scheme, request, secrets, settings, now)?;
        Ok(Verified::new(provider, scheme, secrets[matched].id, request))
    })
}

pub(crate) fn notifications(
    verified: &Verified,
    settings: &Settings,
) -> Result<Vec<Notification>, Malformed> {
    // What is genuine is recorded and relayed even if we can't tell what it is about.
    let reading = Reading::of(settings).unwrap_or_default();
    let signing = Signing::of(settings).ok();
    let signs = |header: &str| signing.as_ref().is_some_and(|signing| signing.signs(header));
    reading.notifications(verified, settings, signs)
}

/// All that is wrong with settings whose names and single values are known to be right.
pub(crate) fn check(settings: &Settings) -> Vec<InvalidSetting> {
    let mut refused = Signing::of(settings).err().unwrap_or_default();
    refused.extend(Reading::of(settings).err().unwrap_or_default());
    refused
}

/// What a genuine signature proves by what the settings say; nothing where they can't be read.
pub(crate) fn covers(settings: &Settings) -> Covers {
    Signing::of(settings).map_or(Covers::None, |signing| signing.covers())
}

/// Whether `text` is a secret for what the settings say. Nothing is said of it where they are wrong themselves.
pub(crate) fn check_secret(text: &str, settings: &Settings) -> Result<(), InvalidSecret> {
    let Ok(signing) = Signing::of(settings) else { return Ok(()) };
    signing.with_scheme(|scheme| {
        check_text(&scheme.key, text)?;
        check_key(scheme, text)
    })
}

#[cfg(test)]
mod tests;
