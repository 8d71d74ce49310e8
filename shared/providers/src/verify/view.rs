//! The request as a scheme's row sees it: values by [`Place`], messages by [`Template`].

use super::minify::minify;
use super::{form, php};
use crate::json::{self, Object};
use crate::scheme::{Part, Place, Template};
use crate::{Rejection, Request, Settings};
use sha2::{Digest, Sha256};
use std::{borrow::Cow, cell::OnceCell};

pub(super) struct View<'a> {
    request: Request<'a>,
    settings: &'a Settings,
    /// The JSON that paths start from: the body, or one item of it.
    document: &'a [u8],
    parsed: OnceCell<Option<Object<'a>>>,
    /// The named elements of the signature header, once it is read. The signatures themselves are among them
    /// only where the shape names them.
    pub(super) pairs: Vec<(String, String)>,
}

/// A stretch of a signed message. The key stays a placeholder: it differs from secret to secret.
pub(super) enum Piece<'a> {
    Bytes(Cow<'a, [u8]>),
    Key,
}

pub(super) type Message<'a> = Vec<Piece<'a>>;

impl<'a> View<'a> {
    pub(super) fn new(request: &Request<'a>, settings: &'a Settings, document: &'a [u8]) -> Self {
        Self { request: *request, settings, document, parsed: OnceCell::new(), pairs: Vec::new() }
    }

    pub(super) fn request(&self) -> &Request<'a> {
        &self.request
    }

    /// The value at `place`; `None` where it is absent.
    pub(super) fn value(&self, place: &Place) -> Result<Option<Cow<'a, str>>, Rejection> {
        match place {
            Place::Header(name) => Ok(self.request.header(name)?.map(Cow::Borrowed)),
            Place::Pair(name) => self.pair(name),
            Place::Json(path) => self.json(path),
            Place::Form(name) => form::field(self.request.body, name).map_err(|_| Rejection::MalformedBody),
            Place::Query(name) => self.query(name),
            Place::QueryLower(name) => {
                Ok(self.query(name)?.map(|value| Cow::Owned(value.to_ascii_lowercase())))
            }
            Place::Url => Ok(Some(Cow::Borrowed(self.request.url))),
            Place::Path => Ok(self.path().map(Cow::Borrowed)),
            Place::Setting(name) => {
                let setting = self.settings.get(*name).ok_or(Rejection::MissingSetting)?;
                Ok(Some(Cow::Borrowed(setting.as_str())))
            }
        }
    }

    /// The value at `place`, which must be there and not be empty.
    pub(super) fn required(&self, place: &Place) -> Result<Cow<'a, str>, Rejection> {
        self.value(place)?.filter(|value| !value.is_empty()).ok_or(Rejection::MissingSignature)
    }

    pub(super) fn setting(&self, name: &str) -> Result<&'a str, Rejection> {
        self.settings.get(name).map(String::as_str).ok_or(Rejection::MissingSetting)
    }

    fn pair(&self, name: &str) -> Result<Option<Cow<'a, str>>, Rejection> {
        let mut values = self.pairs.iter().filter(|(pair, _)| pair == name).map(|(_, value)| value);
        let first = values.next();
        // SDKs disagree on whether the first or the last one counts, so neither does.
        if values.next().is_some() {
            return Err(Rejection::MalformedSignature);
        }
        Ok(first.map(|value| Cow::Owned(value.clone())))
    }

    fn path(&self) -> Option<&'a str> {
        let url: &'a str = self.request.url;
        let (_, rest) = url.split_once("://")?;
        let path = &rest[rest.find('/')?..];
        Some(path.split(['?', '#']).next().unwrap_or(path))
    }

    fn query(&self, name: &str) -> Result<Option<Cow<'a, str>>, Rejection> {
        let url: &'a str = self.request.url;
        let Some((_, query)) = url.split_once('?') else { return Ok(None) };
        let query = query.split_once('#').map_or(query, |(query, _)| query);
        form::field(query.as_bytes(), name).map_err(|_| Rejection::MalformedSignature)
    }

    fn json(&self, path: &[&str]) -> Result<Option<Cow<'a, str>>, Rejection> {
        let document = self.parsed.get_or_init(|| Object::parse(self.document, "").ok());
        let document = document.as_ref().ok_or(Rejection::MalformedBody)?;
        let Some((first, rest)) = path.split_first() else { return Ok(None) };
        let mut value = document.member(first);
        for name in rest {
            let Some(parent) = value else { return Ok(None) };
            let parent = Object::parse(parent.get().as_bytes(), "").map_err(|_| Rejection::MalformedBody)?;
            value = parent.member(name);
        }
        // A list or an object where the signature covers a plain value: not what was signed.
        value.map(|value| json::scalar(value).ok_or(Rejection::MalformedBody)).transpose()
    }

    /// What the templates say was signed; at least one.
    pub(super) fn messages(&self, templates: &[Template<'a>]) -> Result<Vec<Message<'a>>, Rejection> {
        let mut messages = Vec::with_capacity(templates.len());
        let mut furthest = None;
        for template in templates {
            let mut message = Vec::new();
            match self.render(template, &mut message) {
                Ok(()) => messages.push(message),
                // That a setting is absent says nothing where another template does without it.
                Err(rejection) => furthest = furthest.max(Some(rejection)),
            }
        }
        if messages.is_empty() { Err(furthest.unwrap_or(Rejection::MissingSignature)) } else { Ok(messages) }
    }

    fn render(&self, template: &[Part<'a>], message: &mut Message<'a>) -> Result<(), Rejection> {
        for part in template {
            match part {
                Part::Text(text) => message.push(Piece::Bytes(Cow::Borrowed(text.as_bytes()))),
                Part::Body => message.push(Piece::Bytes(Cow::Borrowed(self.request.body))),
                Part::BodySha256 => {
                    let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(self.request.body));
                    message.push(Piece::Bytes(Cow::Owned(digest.into_bytes())));
                }
                Part::MinifiedSha256 => {
                    let minified = minify(self.request.body).ok_or(Rejection::MalformedBody)?;
                    let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(minified));
                    message.push(Piece::Bytes(Cow::Owned(digest.into_bytes())));
                }
                Part::PhpForm { without } => {
                    let fields = php::serialize(self.request.body, without);
                    let fields = fields.map_err(|_| Rejection::MalformedBody)?;
                    message.push(Piece::Bytes(Cow::Owned(fields)));
                }
                Part::Key => message.push(Piece::Key),
                Part::From(place) => message.push(bytes(self.required(place)?)),
                Part::OrEmpty(place) => message.extend(self.value(place)?.map(bytes)),
                Part::Maybe(parts) => {
                    let mut segment = Vec::new();
                    match self.render(parts, &mut segment) {
                        Ok(()) => message.append(&mut segment),
                        Err(Rejection::MissingSignature) => {}
                        Err(rejection) => return Err(rejection),
                    }
                }
                Part::HeadersNamedBy(pair) => {
                    let names = self.required(&Place::Pair(pair))?;
                    let values: Result<Vec<&str>, Rejection> = names
                        .split(' ')
                        .map(|name| self.request.header(name)?.ok_or(Rejection::MissingSignature))
                        .collect();
                    message.push(Piece::Bytes(Cow::Owned(values?.join(".").into_bytes())));
                }
            }
        }
        Ok(())
    }
}

fn bytes(text: Cow<'_, str>) -> Piece<'_> {
    Piece::Bytes(match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    })
}
