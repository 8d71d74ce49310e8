//! What a client may say about a source, and the checks of it.

use domain::SourceStatus;
use http::{Checks, Code, FieldError, Problem};
use platform::SecretText;
use providers::{Provider, Settings};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

const MAX_NAME_CHARS: usize = 200;
/// Every webhook is tried against every active secret.
pub(crate) const MAX_SECRETS: usize = 10;
const MAX_SECRET_BYTES: usize = 1024;
/// OAuth access tokens are the longest.
const MAX_CREDENTIAL_BYTES: usize = 4096;
const MAX_SETTING_BYTES: usize = 1024;
/// A month: what is silent for longer is noticed otherwise.
const MAX_SILENT_AFTER_HOURS: u16 = 720;

/// The body of POST. Not `Debug`: it holds secrets.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSource {
    provider: String,
    #[serde(default)]
    name: String,
    secrets: Vec<String>,
    #[serde(default)]
    settings: BTreeMap<String, String>,
    #[serde(default)]
    api_credential: Option<String>,
    #[serde(default)]
    silent_after_hours: Option<u16>,
}

/// The body of PUT: all that can be changed. What is left out gets its default, as at creation, except the
/// secrets and the API credential: they can't be read, so a client that only wants to change the name could not send
/// them back. `null` takes the credential away.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceReplacement {
    #[serde(default)]
    name: String,
    #[serde(default)]
    secrets: Option<Vec<String>>,
    #[serde(default)]
    settings: BTreeMap<String, String>,
    #[serde(default = "active")]
    status: SourceStatus,
    #[serde(default, deserialize_with = "given")]
    api_credential: Option<Option<String>>,
    #[serde(default)]
    silent_after_hours: Option<u16>,
}

/// Tells a `null` from a field that is left out.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

fn active() -> SourceStatus {
    SourceStatus::Active
}

/// What passed the checks.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) provider: &'static Provider,
    pub(crate) name: String,
    pub(crate) secrets: Option<Vec<SecretText>>,
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) status: SourceStatus,
    /// `None`: as it was; `Some(None)`: none any more.
    pub(crate) api_credential: Option<Option<SecretText>>,
    pub(crate) silent_after_hours: Option<u16>,
}

impl NewSource {
    pub(crate) fn check(self) -> Result<Checked, Problem> {
        // Alone, because everything else depends on it.
        let provider = Provider::find(&self.provider).ok_or_else(unknown_provider)?;
        let replacement = SourceReplacement {
            name: self.name,
            secrets: Some(self.secrets),
            settings: self.settings,
            status: SourceStatus::Active,
            api_credential: Some(self.api_credential),
            silent_after_hours: self.silent_after_hours,
        };
        replacement.check(provider, false)
    }
}

impl SourceReplacement {
    /// `has_credential`: whether the source has one already, which stays unless the body says otherwise.
    pub(crate) fn check(self, provider: &'static Provider, has_credential: bool) -> Result<Checked, Problem> {
        let mut checks = Checks::new();
        checks.label("/name", &self.name, MAX_NAME_CHARS);
        if let Some(secrets) = &self.secrets {
            // A provider that signs nothing, or with a key of its own, has none.
            checks.count("/secrets", secrets, usize::from(provider.takes_secrets()), MAX_SECRETS);
            for (index, text) in secrets.iter().enumerate() {
                check_secret(&mut checks, provider, &self.settings, &format!("/secrets/{index}"), text);
                if secrets[..index].contains(text) {
                    checks.refuse(format!("/secrets/{index}"), "is given twice");
                }
            }
        }
        for error in provider.check_settings(&self.settings).err().unwrap_or_default() {
            checks.refuse(Checks::member("/settings", error.name()), &error);
        }
        for (name, value) in &self.settings {
            if value.len() > MAX_SETTING_BYTES {
                checks.refuse(Checks::member("/settings", name), "is too long");
            }
        }
        self.check_credential(&mut checks, provider, has_credential);
        if self.silent_after_hours.is_some_and(|hours| !(1..=MAX_SILENT_AFTER_HOURS).contains(&hours)) {
            checks.refuse(
                "/silent_after_hours",
                format!("must be from 1 to {MAX_SILENT_AFTER_HOURS}, or left out"),
            );
        }
        checks.finish()?;
        Ok(Checked {
            provider,
            name: self.name,
            secrets: self.secrets.map(|texts| texts.into_iter().map(SecretText::new).collect()),
            settings: self.settings,
            status: self.status,
            api_credential: self.api_credential.map(|given| given.map(SecretText::new)),
            silent_after_hours: self.silent_after_hours,
        })
    }
}

impl SourceReplacement {
    fn check_credential(&self, checks: &mut Checks, provider: &Provider, has_credential: bool) {
        match &self.api_credential {
            Some(Some(text)) if text.len() > MAX_CREDENTIAL_BYTES => {
                checks.refuse("/api_credential", "is too long");
            }
            Some(Some(text)) => {
                if let Err(error) = provider.check_api_credential(text) {
                    checks.refuse("/api_credential", error);
                }
            }
            // Every webhook would be refused, and the source look as if it worked.
            left_out => {
                let stays = left_out.is_none() && has_credential;
                if !stays && provider.needs_api_credential(&self.settings) {
                    checks.refuse("/api_credential", "is required: without it no webhook can be verified");
                }
            }
        }
    }
}

fn unknown_provider() -> Problem {
    let known: Vec<&str> = Provider::all().map(Provider::id).collect();
    let expected = format!("must be one of: {}", known.join(", "));
    Problem::new(Code::InvalidField, "There is no provider by this id.")
        .with_errors([FieldError::field("/provider", expected)])
}

pub(crate) fn check_secret(
    checks: &mut Checks,
    provider: &Provider,
    settings: &Settings,
    pointer: &str,
    text: &str,
) {
    if text.len() > MAX_SECRET_BYTES {
        checks.refuse(pointer, "is too long");
    } else if let Err(error) = provider.check_secret(text, settings) {
        checks.refuse(pointer, error);
    }
}
