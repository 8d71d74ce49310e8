//! A row of the table of providers, and what one can do with it.

use crate::normalise::Normalise;
use crate::scheme::{Algorithm, Key, KeyEncoding, KeyPrefix, Scheme, Schemes, SignaturePrefix};
use crate::{Expresses, Rejection, Request, Secret, Verified, table, verify};
use domain::Currency;
use jiff::Timestamp;
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
    /// One of these; the first is what an absent setting means.
    OneOf(&'static [&'static str]),
    /// Any text that is not empty.
    Text,
    /// A currency with an exponent in ISO 4217.
    Currency,
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
    #[error("the provider signs nothing, so that there is no secret")]
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
}

impl InvalidSetting {
    /// The name of the setting in question.
    pub fn name(&self) -> &str {
        match self {
            Self::Unknown { name } => name,
            Self::Missing { name }
            | Self::NotAllowed { name, .. }
            | Self::Empty { name }
            | Self::NotACurrency { name } => name,
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

    /// Whether the provider signs at all. One that does needs at least one secret, any other takes none.
    pub fn is_signed(&self) -> bool {
        matches!(self.schemes, Schemes::Signed { .. })
    }

    /// What its notifications can say.
    pub fn expresses(&self) -> Expresses {
        self.normalise.expresses()
    }

    /// The ways of signing; none where the provider signs nothing.
    pub fn schemes(&self) -> impl Iterator<Item = &Scheme> {
        self.schemes.iter()
    }

    pub fn settings(&self) -> &'static [Setting] {
        self.settings
    }

    pub fn accepted(&self) -> Accepted {
        self.accepted
    }

    /// Whether `text` can be a secret of this provider: what is pasted wrongly is noticed now rather than at the
    /// first webhook.
    pub fn check_secret(&self, text: &str) -> Result<(), InvalidSecret> {
        // The first scheme is the usual one, so its complaint is the one to show.
        let Schemes::Signed { first, .. } = &self.schemes else { return Err(InvalidSecret::Unused) };
        if text.is_empty() {
            return Err(InvalidSecret::Empty);
        }
        // Where the user chooses the secret it may well be a sentence.
        let chosen = matches!(first.key, Key { prefix: KeyPrefix::None, encoding: KeyEncoding::Utf8, .. });
        let inner_space = |c: char| chosen && c == ' ';
        if text.trim() != text
            || text.chars().any(|c| (c.is_whitespace() || c.is_control()) && !inner_space(c))
        {
            return Err(InvalidSecret::Spaces);
        }
        if self.schemes().any(|scheme| check_key(scheme, text).is_ok()) {
            return Ok(());
        }
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
                _ => {}
            }
        }
        if invalid.is_empty() { Ok(()) } else { Err(invalid) }
    }

    /// Decides whether `request` is genuine. `secrets` are the source's active ones, in any order.
    ///
    /// # Errors
    /// The [`Rejection`] of the scheme that came furthest.
    pub fn verify(
        &'static self,
        request: &Request<'_>,
        secrets: &[Secret<'_>],
        settings: &Settings,
        now: Timestamp,
    ) -> Result<Verified, Rejection> {
        let accepted = settings.get(EXPERIMENTAL.name).is_some_and(|value| value == "accepted");
        if self.experimental && !accepted {
            return Err(Rejection::ExperimentalNotAccepted);
        }
        if !self.is_signed() {
            return Ok(Verified::unsigned(self, request, now));
        }
        let mut furthest = Rejection::NoActiveSecret;
        for scheme in self.schemes() {
            match verify::verify(scheme, request, secrets, settings, now) {
                Ok(matched) => return Ok(Verified::new(self, scheme, secrets[matched].id, request)),
                Err(rejection) => furthest = furthest.max(rejection),
            }
        }
        Err(furthest)
    }
}

fn exponent(currency: &str) -> Option<u8> {
    currency.parse::<Currency>().ok()?.exponent()
}

fn check_key(scheme: &Scheme, text: &str) -> Result<(), InvalidSecret> {
    if let KeyPrefix::Kept(prefix) | KeyPrefix::CutRequired(prefix) = scheme.key.prefix
        && !text.starts_with(prefix)
    {
        return Err(InvalidSecret::Prefix(prefix));
    }
    // `user:password`, see `Algorithm::Token`.
    let is_basic = matches!(scheme.signature.prefix, SignaturePrefix::Required("Basic "));
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
