//! A body, by paths. Each object on a path is parsed once and kept, members twice in one object are refused.

use super::format::Body;
use super::xml::Xml;
use crate::Malformed;
use crate::json::{self, Object};
use crate::verify::form;
use serde_json::value::RawValue;
use std::{borrow::Cow, cell::RefCell, rc::Rc};

/// An object that a path led through, by the path's beginning.
type Known<'a> = (&'a str, Option<Rc<Object<'a>>>);

pub(super) enum Document<'a> {
    Json { root: Rc<Object<'a>>, known: RefCell<Vec<Known<'a>>> },
    Form(&'a [u8]),
    Xml(Xml),
}

impl<'a> Document<'a> {
    pub(super) fn parse(body: Body<'_>, bytes: &'a [u8], at: &str) -> Result<Self, Malformed> {
        match body {
            Body::Form => Ok(Self::Form(bytes)),
            Body::XmlInForm(_) => Xml::parse(bytes).map(Self::Xml),
            Body::Json | Body::JsonInBase64(_) => {
                let root = Rc::new(object(bytes, at)?);
                Ok(Self::Json { root, known: RefCell::default() })
            }
        }
    }

    /// The value at `path` as text: a string decoded, a number or a truth value as it was written. Empty ones,
    /// lists and objects count as absent.
    pub(super) fn text(&self, path: &'a str) -> Result<Option<Cow<'a, str>>, Malformed> {
        let text = match self {
            Self::Json { .. } => self.raw(path)?.and_then(json::scalar),
            Self::Form(bytes) => {
                form::field(bytes, path).map_err(|_| Malformed::at(path, "can't be read"))?
            }
            Self::Xml(xml) => xml.text(path)?.map(|text| Cow::Owned(text.to_owned())),
        };
        Ok(text.filter(|text| !text.is_empty()))
    }

    pub(super) fn has(&self, path: &'a str) -> Result<bool, Malformed> {
        match self {
            Self::Json { .. } => Ok(self.raw(path)?.is_some()),
            Self::Form(_) | Self::Xml(_) => Ok(self.text(path)?.is_some()),
        }
    }

    /// The elements of the list at `path`.
    pub(super) fn list(&self, path: &'a str) -> Result<Vec<&'a RawValue>, Malformed> {
        let raw = match self {
            Self::Json { .. } => self.raw(path)?,
            Self::Form(_) | Self::Xml(_) => None,
        };
        Ok(raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default())
    }

    /// The last step of the address of the link called `rel` in the list at `path`.
    pub(super) fn link(&self, path: &'a str, rel: &str) -> Result<Option<String>, Malformed> {
        for link in self.list(path)? {
            let Ok(link) = Object::parse(link.get().as_bytes(), "") else { continue };
            if link.text("rel").as_deref() == Some(rel)
                && let Some(href) = link.text("href")
            {
                let address = href.split(['?', '#']).next().unwrap_or_default();
                let step = address.rsplit('/').next().filter(|step| !step.is_empty());
                return Ok(step.map(str::to_owned));
            }
        }
        Ok(None)
    }

    /// What is at `path` and not `null`.
    fn raw(&self, path: &'a str) -> Result<Option<&'a RawValue>, Malformed> {
        let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
        if name.bytes().all(|b| b.is_ascii_digit()) {
            let Ok(index) = name.parse::<usize>() else { return Ok(None) };
            return Ok(self.list(parent)?.into_iter().nth(index).filter(|raw| raw.get() != "null"));
        }
        Ok(self.object(parent)?.and_then(|object| object.member(name)))
    }

    fn object(&self, path: &'a str) -> Result<Option<Rc<Object<'a>>>, Malformed> {
        let Self::Json { root, known } = self else { return Ok(None) };
        if path.is_empty() {
            return Ok(Some(Rc::clone(root)));
        }
        if let Some((_, object)) = known.borrow().iter().find(|(known, _)| *known == path) {
            return Ok(object.clone());
        }
        let object = match self.raw(path)?.map(RawValue::get) {
            Some(text) if text.starts_with('{') => Some(Rc::new(object(text.as_bytes(), path)?)),
            _ => None,
        };
        known.borrow_mut().push((path, object.clone()));
        Ok(object)
    }
}

/// The empty path is the body.
fn object<'a>(text: &'a [u8], path: &str) -> Result<Object<'a>, Malformed> {
    let at = if path.is_empty() { "body" } else { path };
    Object::parse(text, "").map_err(|_| Malformed::at(at, "is not a JSON object"))
}
