//! A body, by paths. Each object on a path is parsed once and kept, members twice in one object are refused.

use super::format::Body;
use crate::Malformed;
use crate::json::{self, Object};
use crate::verify::form;
use serde_json::value::RawValue;
use std::{borrow::Cow, cell::RefCell, rc::Rc};

/// An object that a path led through, by the path's beginning.
type Known<'a> = (&'static str, Option<Rc<Object<'a>>>);

pub(super) enum Document<'a> {
    Json { root: Rc<Object<'a>>, known: RefCell<Vec<Known<'a>>> },
    Form(&'a [u8]),
}

impl<'a> Document<'a> {
    pub(super) fn parse(body: Body, bytes: &'a [u8], at: &'static str) -> Result<Self, Malformed> {
        match body {
            Body::Form => Ok(Self::Form(bytes)),
            Body::Json | Body::JsonInBase64(_) => {
                let root = Rc::new(Object::parse(bytes, at)?);
                Ok(Self::Json { root, known: RefCell::default() })
            }
        }
    }

    /// The value at `path` as text: a string decoded, a number or a truth value as it was written. Empty ones,
    /// lists and objects count as absent.
    pub(super) fn text(&self, path: &'static str) -> Result<Option<Cow<'a, str>>, Malformed> {
        let text = match self {
            Self::Json { .. } => self.raw(path)?.and_then(json::scalar),
            Self::Form(bytes) => {
                form::field(bytes, path).map_err(|_| Malformed::new("body", path, "can't be read"))?
            }
        };
        Ok(text.filter(|text| !text.is_empty()))
    }

    pub(super) fn has(&self, path: &'static str) -> Result<bool, Malformed> {
        match self {
            Self::Json { .. } => Ok(self.raw(path)?.is_some()),
            Self::Form(_) => Ok(self.text(path)?.is_some()),
        }
    }

    /// The elements of the list at `path`.
    pub(super) fn list(&self, path: &'static str) -> Result<Vec<&'a RawValue>, Malformed> {
        let raw = match self {
            Self::Json { .. } => self.raw(path)?,
            Self::Form(_) => None,
        };
        Ok(raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default())
    }

    /// What is at `path` and not `null`.
    fn raw(&self, path: &'static str) -> Result<Option<&'a RawValue>, Malformed> {
        let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
        if name.bytes().all(|b| b.is_ascii_digit()) {
            let Ok(index) = name.parse::<usize>() else { return Ok(None) };
            return Ok(self.list(parent)?.into_iter().nth(index).filter(|raw| raw.get() != "null"));
        }
        Ok(self.object(parent)?.and_then(|object| object.member(name)))
    }

    fn object(&self, path: &'static str) -> Result<Option<Rc<Object<'a>>>, Malformed> {
        let Self::Json { root, known } = self else { return Ok(None) };
        if path.is_empty() {
            return Ok(Some(Rc::clone(root)));
        }
        if let Some((_, object)) = known.borrow().iter().find(|(known, _)| *known == path) {
            return Ok(object.clone());
        }
        let object = match self.raw(path)?.map(RawValue::get) {
            Some(text) if text.starts_with('{') => Some(Rc::new(Object::parse(text.as_bytes(), path)?)),
            _ => None,
        };
        known.borrow_mut().push((path, object.clone()));
        Ok(object)
    }
}
