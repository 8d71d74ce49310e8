//! A row of the table of providers, and what one can do with it.

use crate::normalise::Normalise;
use crate::scheme::{
    Algorithm, Covers, Encoding, Key, KeyEncoding, KeyPrefix, Part, PublicKey, Scheme, Schemes, Signature,
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
    /// An absolute address, http or https: what the provider signs, which some write with another host or port.
    HttpUrl,
    /// The path of an address, from its first `/`.
    Path,
    /// Letters and digits of ASCII, and `-`.
    Id,
    Digits,
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

    /// What a genuine signature proves of a source with these settings, by the usual way of signing. Where settings
    /// say how and can't be read, that is nothing.
    pub fn covers_with(&self, settings: &Settings) -> Covers {
        match &self.schemes {
            Schemes::Configured => generic::covers(settings),
            _ => self.covers().unwrap_or(Covers::None),
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
        let check = |scheme: &Scheme<'static>| {
            check_prefix(scheme, text)?;
            check_form(scheme, text)?;
            check_key(scheme, text)
        };
        if self.schemes().any(|scheme| check(scheme).is_ok()) {
            return Ok(());
        }
        check(first)
    }

    /// All that is wrong with the settings of a source; names that the provider does not have are refused.
    pub fn check_settings(&self, settings: &Settings) -> Result<(), Vec<InvalidSetting>> {
        let mut invalid: Vec<InvalidSetting> = settings
            .keys()
            .filter(|name| !self.settings.iter().any(|setting| setting.name == name.as_str()))
            .map(|name| InvalidSetting::Unknown { name: name.clone() })
            .collect();
        for Setting { name, required, values, .. } in self.settings {
            match settings.get(*name) {
                None if *required => invalid.push(InvalidSetting::Missing { name }),
                None => {}
                Some(value) => invalid.extend(values.check(name, value).err()),
            }
        }
        invalid.extend(self.check_own_key(settings).err());
        // What they say together, once each is right by itself.
        if invalid.is_empty() && matches!(self.schemes, Schemes::Configured) {
            invalid = generic::check(settings);
        }
        if invalid.is_empty() { Ok(()) } else { Err(invalid) }
    }

    /// A key of the user's own is there if another setting chooses it. Where that chooses one of the table's, it would
    /// be of no use, and whoever gave it believes that it is used.
    fn check_own_key(&self, settings: &Settings) -> Result<(), InvalidSetting> {
        let own = self.schemes().find_map(|scheme| match scheme.algorithm {
            Algorithm::Rsa { key: PublicKey::Fixed { by, custom, .. }, .. } => Some((by, custom)),
            _ => None,
        });
        let Some((by, (value, name))) = own else { return Ok(()) };
        let is_chosen = settings.get(by).is_some_and(|chosen| chosen == value);
        match (is_chosen, settings.contains_key(name)) {
            (true, false) => Err(InvalidSetting::Missing { name }),
            (false, true) => {
                let reason = format!("is of no use unless `{by}` is `{value}`").into();
                Err(InvalidSetting::Refused { name, reason })
            }
            _ => Ok(()),
        }
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

impl SettingValues {
    /// Whether `value` can be one of these, for the setting `name`.
    fn check(&self, name: &'static str, value: &str) -> Result<(), InvalidSetting> {
        let refuse_unless = |is_right: bool, reason: &'static str| match is_right {
            true => Ok(()),
            false => Err(InvalidSetting::Refused { name, reason: reason.into() }),
        };
        let all = |allowed: fn(u8) -> bool| !value.is_empty() && value.bytes().all(allowed);
        match self {
            Self::OneOf(allowed) if !allowed.contains(&value) => {
                Err(InvalidSetting::NotAllowed { name, allowed })
            }
            Self::Text if value.is_empty() => Err(InvalidSetting::Empty { name }),
            Self::Currency if exponent(value).is_none() => Err(InvalidSetting::NotACurrency { name }),
            Self::PublicKeyPem if verify::Key::public(value).is_none() => {
                Err(InvalidSetting::NotAPublicKey { name })
            }
            Self::OneOf(_) | Self::Text | Self::Currency | Self::PublicKeyPem => Ok(()),
            Self::HttpUrl => refuse_unless(is_http_url(value), "must be an absolute address, http or https"),
            Self::Path => refuse_unless(
                value.starts_with('/') && all(|byte| byte.is_ascii_graphic()),
                "must be a path that begins with `/`",
            ),
            Self::Id => refuse_unless(
                all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'),
                "must be of letters, digits and `-`",
            ),
            Self::Digits => refuse_unless(all(|byte| byte.is_ascii_digit()), "must be of digits"),
        }
    }
}

/// Whether it has a scheme and a host. It is compared as it is, byte for byte, so that more of it is the provider's
/// business.
fn is_http_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    host.is_some_and(|host| !host.is_empty() && !host.starts_with(':'))
        && text.bytes().all(|byte| byte.is_ascii_graphic())
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

/// What a row knows of the texts that its provider gives out, and a user's own settings can't say.
fn check_form(scheme: &Scheme<'static>, text: &str) -> Result<(), InvalidSecret> {
    let is_hash_of_key =
        matches!(scheme.algorithm, Algorithm::Digest(_)) && matches!(scheme.signed, [[Part::Key]]);
    let is_right = match scheme.key.encoding {
        KeyEncoding::HexText => text.bytes().all(|byte| byte.is_ascii_hexdigit()),
        // `user:password`, sent as it is or as its hash (PhonePe).
        _ if is_hash_of_key || is_basic(scheme) => {
            text.split_once(':').is_some_and(|(user, password)| !user.is_empty() && !password.is_empty())
        }
        _ => true,
    };
    if is_right { Ok(()) } else { Err(InvalidSecret::Form) }
}

/// Whether the secret is `user:password`, see [`Algorithm::Token`].
fn is_basic(scheme: &Scheme<'_>) -> bool {
    matches!(
        scheme.signature,
        Signature { prefix: SignaturePrefix::Required("Basic "), encoding: Encoding::Base64, .. }
    )
}

pub(crate) fn check_key(scheme: &Scheme<'_>, text: &str) -> Result<(), InvalidSecret> {
    if is_basic(scheme) && !text.contains(':') {
        return Err(InvalidSecret::Form);
    }
    let key = verify::Key::of(&scheme.key, text).ok_or(InvalidSecret::Form)?;
    // A hash is as long for a text of one character.
    let is_hashed = matches!(scheme.key.encoding, KeyEncoding::Sha1OfUtf8);
    let bytes = if is_hashed { text.len() } else { key.len() };
    if bytes < scheme.key.min_bytes {
        return Err(InvalidSecret::TooShort);
    }
    if matches!(scheme.algorithm, Algorithm::Ed25519) && !key.is_ed25519() {
        return Err(InvalidSecret::Form);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
