//! A row of the table of providers, and what one can do with it.

use crate::normalise::Normalise;
use crate::scheme::{
    Algorithm, Covers, Encoding, Key, KeyEncoding, KeyPrefix, PublicKey, Scheme, Schemes, Signature,
    SignaturePrefix,
};
use crate::verify::Verdict;
use crate::{Evidence, Expresses, Outcome, Rejection, Request, Secret, Verified, generic, table, verify};
use domain::Currency;
use jiff::Timestamp;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A source's settings by name; see [`Provider::settings`].
pub type Settings = BTreeMap<String, String>;

/// One provider. All of them are in `table/`.
#[derive(Debug)]
pub struct Provider {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) documentation: &'static str,
    /// Built as far as the provider's rules are known, but not checked against the provider or its SDK. Refused
    /// unless the source accepts that, by [`EXPERIMENTAL`].
    pub(crate) experimental: bool,
    pub(crate) schemes: Schemes,
    pub(crate) accepted: Accepted,
    pub(crate) settings: &'static [Setting],
    pub(crate) normalise: Normalise,
}

/// The setting that every source of an experimental provider needs.
pub(crate) const EXPERIMENTAL: Setting = Setting {
    name: "experimental",
    description: "How this provider signs or what it sends is not fully verified. `accepted` takes that in.",
    required: true,
    values: SettingValues::OneOf(&["accepted"]),
};

/// The answer that the provider takes for "received". Bodies that it ignores are empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    pub status: u16,
    pub content_type: &'static str,
    pub body: &'static str,
}

/// A setting that a source of this provider takes.
#[derive(Debug)]
pub struct Setting {
    pub name: &'static str,
    pub description: &'static str,
    pub required: bool,
    pub values: SettingValues,
}

#[derive(Debug)]
pub enum SettingValues {
    /// One of these. Where the setting may be absent that means the first, unless the description says otherwise.
    OneOf(&'static [&'static str]),
    /// Any text that is not empty.
    Text,
    /// A currency with an exponent in ISO 4217.
    Currency,
    /// An RSA key of 2048 bits or more in PEM, `-----BEGIN PUBLIC KEY-----`.
    PublicKeyPem,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    #[error("the secret is empty")]
    Empty,
    #[error("the secret has white space or control characters around or in it")]
    Spaces,
    #[error("the secret does not start with `{0}`")]
    Prefix(&'static str),
    #[error("the secret is too short")]
    TooShort,
    #[error("the secret is not in the form that the provider gives out")]
    Form,
    #[error("the provider's signatures need no secret")]
    Unused,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSetting {
    #[error("the provider has no setting `{name}`")]
    Unknown { name: String },
    #[error("the setting `{name}` is required")]
    Missing { name: &'static str },
    #[error("the setting `{name}` must be one of: {}", .allowed.join(", "))]
    NotAllowed { name: &'static str, allowed: &'static [&'static str] },
    #[error("the setting `{name}` is empty")]
    Empty { name: &'static str },
    #[error("the setting `{name}` is not a currency of ISO 4217")]
    NotACurrency { name: &'static str },
    #[error("the setting `{name}` is not an RSA public key in PEM of at least 2048 bits")]
    NotAPublicKey { name: &'static str },
    /// Completes the sentence.
    #[error("the setting `{name}` {reason}")]
    Refused { name: &'static str, reason: Cow<'static, str> },
}

impl InvalidSetting {
    /// The name of the setting in question.
    pub fn name(&self) -> &str {
        match self {
            Self::Unknown { name } => name,
            Self::Missing { name }
            | Self::NotAllowed { name, .. }
            | Self::Empty { name }
            | Self::NotACurrency { name }
            | Self::NotAPublicKey { name }
            | Self::Refused { name, .. } => name,
        }
    }
}

impl Provider {
    pub fn find(id: &str) -> Option<&'static Provider> {
        Self::all().find(|provider| provider.id == id)
    }

    /// All providers, in the order of the table.
    pub fn all() -> impl Iterator<Item = &'static Provider> {
        table::PROVIDERS.iter().copied()
    }

    pub fn id(&self) -> &'static str {
        self.id
    }

    /// The name to show.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The provider's own page on how it signs.
    pub fn documentation(&self) -> &'static str {
        self.documentation
    }

    /// Whether the source has to accept that the provider is not fully verified.
    pub fn is_experimental(&self) -> bool {
        self.experimental
    }

    /// Whether a source needs at least one secret. Others take none: the provider signs nothing, or with a key of its
    /// own.
    pub fn takes_secrets(&self) -> bool {
        matches!(self.schemes, Schemes::Configured)
            || self.schemes().any(|scheme| !matches!(scheme.algorithm, Algorithm::Rsa { .. }))
    }

    /// Whether the provider signs at all.
    pub fn is_signed(&self) -> bool {
        !matches!(self.schemes, Schemes::Unsigned)
    }

    /// What its notifications can say.
    pub fn expresses(&self) -> Expresses {
        self.normalise.expresses()
    }

    /// The ways of signing; none where the provider signs nothing, or where the source's settings say how.
    pub fn schemes(&self) -> impl Iterator<Item = &Scheme<'static>> {
        self.schemes.iter()
    }

    /// What a genuine signature proves, by the usual way of signing; `None` where the provider signs nothing, or where
    /// the source's settings say how.
    pub fn covers(&self) -> Option<Covers> {
        match &self.schemes {
            Schemes::Coded(coded) => Some(coded.covers),
            schemes => schemes.iter().next().map(|scheme| scheme.covers),
        }
    }

    pub fn settings(&self) -> &'static [Setting] {
        self.settings
    }

    pub fn accepted(&self) -> Accepted {
        self.accepted
    }

    /// Whether `text` can be a secret of this provider: what is pasted wrongly is noticed now rather than at the
    /// first webhook. `settings` are the source's.
    pub fn check_secret(&self, text: &str, settings: &Settings) -> Result<(), InvalidSecret> {
        let first = match &self.schemes {
            Schemes::Unsigned => return Err(InvalidSecret::Unused),
            Schemes::Configured => return generic::check_secret(text, settings),
            Schemes::Coded(_) => return Err(InvalidSecret::Unused),
            Schemes::Signed { first: scheme, .. } | Schemes::Challenging { scheme, .. } => scheme,
        };
        if !self.takes_secrets() {
            return Err(InvalidSecret::Unused);
        }
        // The first scheme is the usual one, so its complaint is the one to show.
        check_text(&first.key, text)?;
        if self
            .schemes()
            .any(|scheme| check_prefix(scheme, text).and_then(|()| check_key(scheme, text)).is_ok())
        {
            return Ok(());
        }
        check_prefix(first, text)?;
        check_key(first, text)
    }

    /// All that is wrong with the settings of a source; names that the provider does not have are refused.
    pub fn check_settings(&self, settings: &Settings) -> Result<(), Vec<InvalidSetting>> {
        let mut invalid: Vec<InvalidSetting> = settings
            .keys()
            .filter(|name| !self.settings.iter().any(|setting| setting.name == name.as_str()))
            .map(|name| InvalidSetting::Unknown { name: name.clone() })
            .collect();
        for Setting { name, required, values, .. } in self.settings {
            match (settings.get(*name), values) {
                (None, _) if *required => invalid.push(InvalidSetting::Missing { name }),
                (Some(value), SettingValues::OneOf(allowed)) if !allowed.contains(&value.as_str()) => {
                    invalid.push(InvalidSetting::NotAllowed { name, allowed });
                }
                (Some(value), SettingValues::Text) if value.is_empty() => {
                    invalid.push(InvalidSetting::Empty { name });
                }
                (Some(value), SettingValues::Currency) if exponent(value).is_none() => {
                    invalid.push(InvalidSetting::NotACurrency { name });
                }
                (Some(value), SettingValues::PublicKeyPem) if verify::Key::public(value).is_none() => {
                    invalid.push(InvalidSetting::NotAPublicKey { name });
                }
                _ => {}
            }
        }
        // A key of the user's own, which another setting chooses.
        for scheme in self.schemes() {
            if let Algorithm::Rsa { key: PublicKey::Fixed { by, custom: (value, name), .. }, .. } =
                scheme.algorithm
                && settings.get(by).is_some_and(|chosen| chosen == value)
                && !settings.contains_key(name)
            {
                invalid.push(InvalidSetting::Missing { name });
            }
        }
        // What they say together, once each is right by itself.
        if invalid.is_empty() && matches!(self.schemes, Schemes::Configured) {
            invalid = generic::check(settings);
        }
        if invalid.is_empty() { Ok(()) } else { Err(invalid) }
    }

    /// [`Provider::verify_with`] for callers that fetch nothing: where that would be necessary the request is
    /// refused.
    ///
    /// # Errors
    /// As there; [`Rejection::EvidenceUnavailable`] where something would have to be fetched.
    pub fn verify(
        &'static self,
        request: &Request<'_>,
        secrets: &[Secret<'_>],
        settings: &Settings,
        now: Timestamp,
    ) -> Result<Verified, Rejection> {
        match self.verify_with(request, secrets, settings, &Evidence::default(), now)? {
            Outcome::Verified(verified) => Ok(verified),
            Outcome::Needs(_) => Err(Rejection::EvidenceUnavailable),
        }
    }

    /// The answer to a provider's question whether this address is ours (Braintree's GET with `bt_challenge`);
    /// `None` where the provider asks nothing of the kind.
    pub fn answer_challenge(
        &'static self,
        request: &Request<'_>,
        secrets: &[Secret<'_>],
        settings: &Settings,
    ) -> Option<Result<String, Rejection>> {
        let Schemes::Challenging { scheme, challenge } = &self.schemes else { return None };
        Some(verify::challenge::answer(challenge, &scheme.key, request, secrets, settings))
    }

    /// Decides whether `request` is genuine. `secrets` are the source's active ones, in any order.
    ///
    /// # Errors
    /// The [`Rejection`] of the scheme that came furthest.
    pub fn verify_with(
        &'static self,
        request: &Request<'_>,
        secrets: &[Secret<'_>],
        settings: &Settings,
        evidence: &Evidence<'_>,
        now: Timestamp,
    ) -> Result<Outcome, Rejection> {
        let accepted = settings.get(EXPERIMENTAL.name).is_some_and(|value| value == "accepted");
        if self.experimental && !accepted {
            return Err(Rejection::ExperimentalNotAccepted);
        }
        // Braintree's question is a GET. What a genuine POST said is not to be said again by one.
        if request.method != "POST" {
            return Err(Rejection::WrongMethod);
        }
        if let Schemes::Coded(coded) = &self.schemes {
            return Ok(match (coded.verify)(request, settings, evidence, now)? {
                Verdict::Needs(needed) => Outcome::Needs(needed),
                Verdict::Genuine => {
                    let scheme = (coded.name, coded.covers, coded.keeps);
                    Outcome::Verified(Verified::by_public_key(self, scheme, request))
                }
            });
        }
        if !self.is_signed() {
            return Ok(Outcome::Verified(Verified::unsigned(self, request, now)));
        }
        if matches!(self.schemes, Schemes::Configured) {
            return generic::verify(self, request, secrets, settings, now).map(Outcome::Verified);
        }
        let mut furthest = Rejection::NoActiveSecret;
        for scheme in self.schemes() {
            let outcome = match &scheme.algorithm {
                Algorithm::Rsa { key, .. } => {
                    verify::verify_by_public_key(scheme, key, request, settings, now).map(|()| {
                        let scheme = (scheme.name, scheme.covers, scheme.keeps);
                        Verified::by_public_key(self, scheme, request)
                    })
                }
                _ => verify::verify(scheme, request, secrets, settings, now)
                    .map(|matched| Verified::new(self, scheme, secrets[matched].id, request)),
            };
            match outcome {
                Ok(verified) => return Ok(Outcome::Verified(verified)),
                Err(rejection) => furthest = furthest.max(rejection),
            }
        }
        Err(furthest)
    }
}

fn exponent(currency: &str) -> Option<u8> {
    currency.parse::<Currency>().ok()?.exponent()
}

/// What holds for secrets of any form.
pub(crate) fn check_text(key: &Key<'_>, text: &str) -> Result<(), InvalidSecret> {
    if text.is_empty() {
        return Err(InvalidSecret::Empty);
    }
    // Where the user chooses the secret it may well be a sentence.
    let chosen = matches!(key, Key { prefix: KeyPrefix::None, encoding: KeyEncoding::Utf8, .. });
    let inner_space = |c: char| chosen && c == ' ';
    if text.trim() != text || text.chars().any(|c| (c.is_whitespace() || c.is_control()) && !inner_space(c)) {
        return Err(InvalidSecret::Spaces);
    }
    Ok(())
}

fn check_prefix(scheme: &Scheme<'static>, text: &str) -> Result<(), InvalidSecret> {
    if let KeyPrefix::Kept(prefix) | KeyPrefix::CutRequired(prefix) = scheme.key.prefix
        && !text.starts_with(prefix)
    {
        return Err(InvalidSecret::Prefix(prefix));
    }
    Ok(())
}

pub(crate) fn check_key(scheme: &Scheme<'_>, text: &str) -> Result<(), InvalidSecret> {
    // `user:password`, see `Algorithm::Token`.
    let is_basic = matches!(
        scheme.signature,
        Signature { prefix: SignaturePrefix::Required("Basic "), encoding: Encoding::Base64, .. }
    );
    if is_basic && !text.contains(':') {
        return Err(InvalidSecret::Form);
    }
    let key = verify::Key::of(&scheme.key, text).ok_or(InvalidSecret::Form)?;
    if key.len() < scheme.key.min_bytes {
        return Err(InvalidSecret::TooShort);
    }
    if matches!(scheme.algorithm, Algorithm::Ed25519) && !key.is_ed25519() {
        return Err(InvalidSecret::Form);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
