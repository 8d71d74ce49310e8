//! Signs: reads a [`Scheme`] the other way round, from the secret to the header or field that carries the signature.
//!
//! Only the provider's usual scheme is used, which is the first of its row. What a row can't say is in the script:
//! which headers there are beside the signature, and what stands beside it in its own header.

use crate::Webhook;
use crate::fill::Unknown;
use crate::{form, keys};
use data_encoding::{BASE64, HEXLOWER, HEXLOWER_PERMISSIVE};
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use providers::Settings;
use providers::scheme::{
    Algorithm, Encoding, Hash, Key, KeyEncoding, KeyPrefix, Part, Place, Scheme, Scope, Shape,
    SignaturePrefix, Want,
};
use serde_json::Value;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

/// Why a webhook can't be signed.
#[derive(Debug, thiserror::Error)]
pub enum CannotSign {
    #[error("the secret is not in the form that the provider gives out")]
    Secret,
    #[error("`{0}`, which is part of what is signed, is missing")]
    Missing(String),
    #[error("the body of the script can't be read where the signature is made over its fields")]
    Body,
    #[error("the script can't be filled")]
    Script(#[source] Unknown),
}

// `Unknown` is of this crate alone.
impl From<Unknown> for CannotSign {
    fn from(unknown: Unknown) -> Self {
        Self::Script(unknown)
    }
}

/// A webhook whose signature is still to be made.
pub(crate) struct Unsigned<'a> {
    pub(crate) webhook: Webhook,
    /// What the signature is made over instead of the webhook's own body.
    pub(crate) other_body: Option<&'a [u8]>,
    /// With the query.
    pub(crate) url: String,
    /// What the signature's header holds beside it, in order.
    pub(crate) pairs: Vec<(&'static str, String)>,
    pub(crate) settings: &'a Settings,
    pub(crate) upper_hex: bool,
}

/// What carries the signature.
pub(crate) enum Signed {
    Header(&'static str, String),
    /// For the `{signature}`s of the body, in order.
    InBody(Vec<String>),
}

impl Unsigned<'_> {
    pub(crate) fn sign(&self, scheme: &Scheme<'static>, secret: &str) -> Result<Signed, CannotSign> {
        let key = match scheme.algorithm {
            // With a key of the provider's own.
            Algorithm::Rsa { .. } => Vec::new(),
            _ => key_bytes(&scheme.key, secret).ok_or(CannotSign::Secret)?,
        };
        if let Scope::EachItem { list, element } = scheme.scope {
            let body: Value = serde_json::from_str(&self.webhook.body).map_err(|_| CannotSign::Body)?;
            let items = body[list].as_array().ok_or(CannotSign::Body)?;
            let sign = |item: &Value| self.signature(scheme, &key, Some(&item[element]));
            return items.iter().map(sign).collect::<Result<_, _>>().map(Signed::InBody);
        }
        let signature = self.signature(scheme, &key, None)?;
        match scheme.signature.from {
            Place::Header(name) => {
                Ok(Signed::Header(name, self.lay_out(&scheme.signature.shape, &signature)?))
            }
            Place::Form(_) => {
                Ok(Signed::InBody(vec![form::encoded(&self.lay_out(&scheme.signature.shape, &signature)?)]))
            }
            _ => Ok(Signed::InBody(vec![signature])),
        }
    }

    /// Encoded, with its prefix.
    fn signature(&self, scheme: &Scheme<'_>, key: &[u8], item: Option<&Value>) -> Result<String, CannotSign> {
        let mut missing = CannotSign::Missing(scheme.name.to_owned());
        let mut message = None;
        for template in scheme.signed {
            let mut bytes = Vec::new();
            match self.render(template, key, item, &mut bytes) {
                Ok(()) => {
                    message = Some(bytes);
                    break;
                }
                Err(error) => missing = error,
            }
        }
        let made = match (scheme.algorithm, message) {
            (Algorithm::Token, _) => key.to_vec(),
            (_, None) => return Err(missing),
            (Algorithm::Hmac(hash), Some(message)) => hmac(hash, key, &message),
            (Algorithm::Digest(hash), Some(message)) => digest(hash, &message),
            (Algorithm::DigestNamedBy { pair, allowed }, Some(message)) => {
                let name = self.pair(pair).ok_or_else(|| CannotSign::Missing(pair.to_owned()))?;
                let hash = allowed.iter().find(|(allowed, _)| *allowed == name);
                digest(hash.ok_or_else(|| CannotSign::Missing(name.to_owned()))?.1, &message)
            }
            (Algorithm::Rsa { hash, .. }, Some(message)) => keys::rsa(hash, &message),
            // Whoever signs so has a second scheme, which is the usual one.
            (Algorithm::Ed25519, Some(_)) => return Err(missing),
        };
        let hex = if self.upper_hex {
            HEXLOWER_PERMISSIVE.encode(&made).to_uppercase()
        } else {
            HEXLOWER.encode(&made)
        };
        let encoded = match scheme.signature.encoding {
            Encoding::HexLower | Encoding::HexAnyCase => hex,
            Encoding::Base64 => BASE64.encode(&made),
            Encoding::Base64OfHex => BASE64.encode(hex.as_bytes()),
            Encoding::Text => String::from_utf8(made).map_err(|_| CannotSign::Secret)?,
        };
        Ok(match scheme.signature.prefix {
            SignaturePrefix::None => encoded,
            SignaturePrefix::Required(prefix) | SignaturePrefix::Optional(prefix) => {
                prefix.to_owned() + &encoded
            }
        })
    }

    fn render(
        &self,
        template: &[Part<'_>],
        key: &[u8],
        item: Option<&Value>,
        message: &mut Vec<u8>,
    ) -> Result<(), CannotSign> {
        for part in template {
            match part {
                Part::Text(text) => message.extend(text.as_bytes()),
                Part::Body => message.extend(self.body()),
                Part::BodySha256 => message.extend(HEXLOWER.encode(&Sha256::digest(self.body())).bytes()),
                Part::Key => message.extend(key),
                Part::From(place) => {
                    let value = self.value(place, item).filter(|value| !value.is_empty());
                    message.extend(value.ok_or_else(|| CannotSign::Missing(format!("{place:?}")))?.bytes());
                }
                Part::OrEmpty(place) => message.extend(self.value(place, item).unwrap_or_default().bytes()),
                Part::Maybe(parts) => {
                    let mut segment = Vec::new();
                    if self.render(parts, key, item, &mut segment).is_ok() {
                        message.append(&mut segment);
                    }
                }
                // A body of ours has no white space between its tokens.
                Part::MinifiedSha256 => {
                    message.extend(HEXLOWER.encode(&Sha256::digest(self.body())).bytes());
                }
                Part::PhpForm { without } => message.extend(form::php(&self.webhook.body, without)),
                Part::HeadersNamedBy(pair) => {
                    let names = self.pair(pair).ok_or_else(|| CannotSign::Missing((*pair).to_owned()))?;
                    let values: Option<Vec<&str>> = names.split(' ').map(|name| self.header(name)).collect();
                    message.extend(
                        values.ok_or_else(|| CannotSign::Missing(names.to_owned()))?.join(".").bytes(),
                    );
                }
            }
        }
        Ok(())
    }

    fn value(&self, place: &Place<'_>, item: Option<&Value>) -> Option<String> {
        match place {
            Place::Header(name) => self.header(name).map(str::to_owned),
            Place::Pair(name) => self.pair(name).map(str::to_owned),
            Place::Json(path) => {
                let body: Value;
                let document = match item {
                    Some(item) => item,
                    None => {
                        body = serde_json::from_slice(self.body()).ok()?;
                        &body
                    }
                };
                match path.iter().try_fold(document, |value, name| value.get(name))? {
                    Value::String(text) => Some(text.clone()),
                    Value::Null => None,
                    other => Some(other.to_string()),
                }
            }
            Place::Form(name) => form::field(&self.webhook.body, name),
            Place::Query(name) => form::field(&self.webhook.query, name),
            Place::QueryLower(name) => {
                form::field(&self.webhook.query, name).map(|value| value.to_lowercase())
            }
            Place::Url => Some(self.url.clone()),
            Place::Path => Some(path(&self.url).to_owned()),
            Place::Setting(name) => self.settings.get(*name).cloned(),
        }
    }

    fn body(&self) -> &[u8] {
        self.other_body.unwrap_or(self.webhook.body.as_bytes())
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.webhook.headers.iter();
        headers.find(|(header, _)| *header == name).map(|(_, value)| value.as_str())
    }

    fn pair(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(pair, _)| *pair == name).map(|(_, value)| value.as_str())
    }

    /// The whole value of the signature's header.
    fn lay_out(&self, shape: &Shape<'_>, signature: &str) -> Result<String, CannotSign> {
        let joined = |elements: Vec<String>, by: char| elements.join(by.encode_utf8(&mut [0; 4]));
        Ok(match shape {
            Shape::One => signature.to_owned(),
            Shape::Pairs { list, pair, signature: name } => {
                let beside = self.pairs.iter().map(|(name, value)| format!("{name}{pair}{value}"));
                joined(beside.chain([format!("{name}{pair}{signature}")]).collect(), *list)
            }
            Shape::First { list, first } => {
                let first = self.pair(first).ok_or_else(|| CannotSign::Missing((*first).to_owned()))?;
                format!("{first}{list}{signature}")
            }
            Shape::Fields { field, fields, .. } => {
                let value = |want: &Option<Want<'_>>| match want {
                    None => Ok(signature.to_owned()),
                    Some(Want::Is(text)) => Ok((*text).to_owned()),
                    Some(Want::Setting(name)) => {
                        let missing = || CannotSign::Missing((*name).to_owned());
                        self.settings.get(*name).cloned().ok_or_else(missing)
                    }
                };
                joined(fields.iter().map(value).collect::<Result<_, _>>()?, *field)
            }
        })
    }
}

/// The path of an address, without its query.
fn path(url: &str) -> &str {
    let address = url.split(['?', '#']).next().unwrap_or_default();
    let authority = address.find("://").map_or(0, |at| at + 3);
    address[authority..].find('/').map_or("/", |at| &address[authority + at..])
}

/// An empty secret gives an empty key, as in every sender's library: to refuse what is made with it is the verifier's.
fn key_bytes(key: &Key<'_>, secret: &str) -> Option<Vec<u8>> {
    let text = match key.prefix {
        KeyPrefix::None | KeyPrefix::Kept(_) => secret,
        KeyPrefix::Cut(prefix) => secret.strip_prefix(prefix).unwrap_or(secret),
        KeyPrefix::CutRequired(prefix) => secret.strip_prefix(prefix)?,
    };
    match key.encoding {
        KeyEncoding::Hex => HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok(),
        KeyEncoding::Base64 => BASE64.decode(text.as_bytes()).ok(),
        KeyEncoding::Sha1OfUtf8 => Some(Sha1::digest(text).to_vec()),
        _ => Some(text.as_bytes().to_vec()),
    }
}

fn hmac(hash: Hash, key: &[u8], message: &[u8]) -> Vec<u8> {
    fn made<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Vec<u8> {
        let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
        mac.update(message);
        mac.finalize().into_bytes().to_vec()
    }
    match hash {
        Hash::Md5 => made::<Hmac<Md5>>(key, message),
        Hash::Sha1 => made::<Hmac<Sha1>>(key, message),
        Hash::Sha256 => made::<Hmac<Sha256>>(key, message),
        Hash::Sha512 => made::<Hmac<Sha512>>(key, message),
    }
}

fn digest(hash: Hash, message: &[u8]) -> Vec<u8> {
    match hash {
        Hash::Md5 => Md5::digest(message).to_vec(),
        Hash::Sha1 => Sha1::digest(message).to_vec(),
        Hash::Sha256 => Sha256::digest(message).to_vec(),
        Hash::Sha512 => Sha512::digest(message).to_vec(),
    }
}
