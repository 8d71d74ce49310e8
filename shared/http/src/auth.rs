//! API keys (RFC 6750 bearer tokens).
//!
//! A key is `prk_`, the id of its record, `_`, and 256 random bits. What is stored is the SHA-256 of the whole
//! text: with that many random bits a slow hash would cost us time and an attacker nothing more. The record is
//! read at every request; a cache would let a revoked key live on.

use crate::{Code, Problem};
use axum::http::{HeaderMap, HeaderValue, header};
use data_encoding::HEXLOWER;
use domain::{ApiKey, ApiKeyId, Scope};
use jiff::Timestamp;
use platform::{AdminKeyHash, Clock, Entropy, MIN_ADMIN_KEY_CHARS, SecretText};
use sha2::{Digest, Sha256};
use store::Store;
use subtle::ConstantTimeEq;

const PREFIX: &str = "prk_";
const ID_CHARS: usize = 26;

/// Finds out who is calling.
#[derive(Debug, Clone)]
pub struct Authenticator {
    store: Store,
    admin_key_hash: AdminKeyHash,
    clock: Clock,
}

/// Whoever is calling, by what the key allows.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    scopes: Vec<Scope>,
}

impl Authenticator {
    pub fn new(store: Store, admin_key_hash: AdminKeyHash, clock: Clock) -> Self {
        Self { store, admin_key_hash, clock }
    }

    /// # Errors
    /// `unauthorized`, the same whether the key is malformed, unknown, wrong, expired or revoked.
    pub(crate) async fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        let key = bearer(headers)?;
        let hash = hash(key);
        if is_equal(&hash, self.admin_key_hash.as_str()) {
            return Ok(Caller { scopes: vec![Scope::Admin] });
        }
        let id = key_id(key).ok_or_else(rejected)?;
        let stored = self.store.config::<ApiKey>(id.as_str()).await?.ok_or_else(rejected)?.value;
        let genuine = is_equal(&hash, &stored.hash);
        let expired = stored.expires_at.is_some_and(|expires_at| expires_at <= self.clock.now());
        if genuine && !expired { Ok(Caller { scopes: stored.scopes }) } else { Err(rejected()) }
    }
}

impl Caller {
    /// # Errors
    /// `forbidden`, naming the scope.
    pub(crate) fn require(&self, wanted: Scope) -> Result<(), Problem> {
        let allowed = self.scopes.iter().any(|scope| allows(*scope, wanted));
        if allowed { Ok(()) } else { Err(forbidden(wanted)) }
    }
}

/// Writing implies reading: whoever may replace an object could learn it from the conflicts.
fn allows(has: Scope, wanted: Scope) -> bool {
    has == wanted
        || has == Scope::Admin
        || matches!(
            (has, wanted),
            (Scope::EndpointsWrite, Scope::EndpointsRead)
                | (Scope::SourcesWrite, Scope::SourcesRead)
                | (Scope::DeadLettersWrite, Scope::DeadLettersRead)
        )
}

/// A key that was just made. Its text exists here and nowhere else.
#[derive(Debug)]
pub struct NewKey {
    pub record: ApiKey,
    pub text: SecretText,
}

impl NewKey {
    pub fn make(
        entropy: &Entropy,
        now: Timestamp,
        name: String,
        scopes: Vec<Scope>,
        expires_at: Option<Timestamp>,
    ) -> Self {
        let id = ApiKeyId::mint(entropy.uuid_v7(now));
        let suffix = &id.as_str()[ApiKeyId::PREFIX.len()..];
        let text = SecretText::new(format!("{PREFIX}{suffix}_{}", entropy.secret_text().expose()));
        let hash = hash(text.expose());
        Self { record: ApiKey { id, name, scopes, hash, created_at: now, expires_at }, text }
    }
}

fn key_id(key: &str) -> Option<ApiKeyId> {
    let (suffix, secret) = key.strip_prefix(PREFIX)?.split_at_checked(ID_CHARS)?;
    secret.strip_prefix('_')?;
    format!("{}{suffix}", ApiKeyId::PREFIX).parse().ok()
}

fn hash(key: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(key.as_bytes()))
}

fn is_equal(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let line = lines.next().ok_or_else(|| {
        unauthorized("This needs an API key: `Authorization: Bearer prk_…`.", "Bearer realm=\"payrelay\"")
    })?;
    if lines.next().is_some() {
        return Err(rejected()); // which of two keys is meant is not ours to guess
    }
    let (scheme, key) = line.to_str().ok().and_then(|line| line.split_once(' ')).ok_or_else(rejected)?;
    let key = key.trim();
    // Short ones are compared with nothing, so that no stored hash, whatever it is of, lets one in. HTTP/2 keeps the
    // space of `Bearer `, and with it an empty key.
    let may_be_one = scheme.eq_ignore_ascii_case("bearer") && key.len() >= MIN_ADMIN_KEY_CHARS;
    if may_be_one { Ok(key) } else { Err(rejected()) }
}

fn rejected() -> Problem {
    unauthorized("The API key is not valid.", "Bearer realm=\"payrelay\", error=\"invalid_token\"")
}

fn unauthorized(detail: &str, challenge: &'static str) -> Problem {
    Problem::new(Code::Unauthorized, detail)
        .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
}

fn forbidden(wanted: Scope) -> Problem {
    let scope = wanted.as_str();
    let challenge = format!("Bearer realm=\"payrelay\", error=\"insufficient_scope\", scope=\"{scope}\"");
    let challenge = HeaderValue::from_str(&challenge).expect("scopes are plain ASCII");
    Problem::new(Code::Forbidden, format!("The API key lacks the scope `{scope}`."))
        .with_header(header::WWW_AUTHENTICATE, challenge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_names_its_record_and_is_stored_as_a_hash() {
        let now = "2026-11-22T12:00:00Z".parse().expect("a time");
        let made = NewKey::make(&Entropy::system(), now, "ci".to_owned(), vec![Scope::Admin], None);
        assert_eq!(key_id(made.text.expose()), Some(made.record.id.clone()));
        assert_eq!(hash(made.text.expose()), made.record.hash);
        assert!(!format!("{made:?}").contains(made.text.expose()));
    }

    /// Not even where the stack was set up with its hash, past the template and the function's own check.
    #[test]
    fn a_short_key_is_compared_with_nothing() {
        let presented = |value: &str| {
            let value = HeaderValue::from_str(value).expect("a header");
            bearer(&HeaderMap::from_iter([(header::AUTHORIZATION, value)])).map(str::to_owned)
        };
        let key = "k".repeat(MIN_ADMIN_KEY_CHARS);
        assert_eq!(presented(&format!("Bearer {key}")).expect("long enough"), key);
        for short in ["", " ", "k", &key[1..], &format!("{} ", &key[1..]), &format!(" {} \t", &key[1..])] {
            assert!(presented(&format!("Bearer {short}")).is_err(), "{short:?}");
        }
    }

    #[test]
    fn texts_that_are_not_keys_name_no_record() {
        for text in ["", "prk_", "prk_short_x", "sk_00000000000000000000000000_x", "prk_ééééééééééééé_x"]
        {
            assert_eq!(key_id(text), None, "{text}");
        }
    }

    #[test]
    fn writing_implies_reading_and_admin_implies_all() {
        assert!(allows(Scope::EndpointsWrite, Scope::EndpointsRead));
        assert!(!allows(Scope::EndpointsRead, Scope::EndpointsWrite));
        assert!(!allows(Scope::EndpointsWrite, Scope::SourcesRead));
        assert!(!allows(Scope::SourcesWrite, Scope::Admin));
        assert!(Scope::ALL.iter().all(|scope| allows(Scope::Admin, *scope)));
    }
}
