//! JSON as it was written: numbers keep their text, nothing becomes a float, and no member is read twice.
//!
//! **Guarantee:** an object with two members of one name is refused at the level that is read. Where a signature
//! covers single fields (Adyen), a second `amount` beside the signed one could otherwise be what we book.
//!
//! `serde_json::Value` would do less with more: it turns `10.0` and integers beyond 64 bits into floats and
//! keeps the last of two equal names. Its `arbitrary_precision` feature would mend the first for us, and change
//! the behaviour of every other crate in the binary.

use crate::Malformed;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// One object, its members unparsed. `at` is its place in the document, for error messages.
#[derive(Debug, Default)]
pub(crate) struct Object<'a> {
    at: &'static str,
    members: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> Object<'a> {
    pub(crate) fn parse(text: &'a [u8], at: &'static str) -> Result<Self, Malformed> {
        let Members(members) =
            serde_json::from_slice(text).map_err(|_| Malformed::new(at, "", "is not a JSON object"))?;
        Ok(Self { at, members })
    }

    /// A member that is there and not `null`.
    pub(crate) fn member(&self, name: &str) -> Option<&'a RawValue> {
        let (_, value) = self.members.iter().find(|(member, _)| member == name)?;
        (value.get() != "null").then_some(*value)
    }

    /// The object at `name`; anything else counts as absent, but for an object that we refuse to read.
    pub(crate) fn object(&self, name: &str, at: &'static str) -> Result<Option<Object<'a>>, Malformed> {
        match self.member(name).map(|value| value.get()) {
            Some(text) if text.starts_with('{') => Object::parse(text.as_bytes(), at).map(Some),
            _ => Ok(None),
        }
    }

    /// The elements of the list at `name`; anything else counts as absent.
    pub(crate) fn list(&self, name: &str) -> Option<Vec<&'a RawValue>> {
        serde_json::from_str(self.member(name)?.get()).ok()
    }

    /// The string at `name`. An empty one and anything else counts as absent.
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        text(self.member(name)?).filter(|text| !text.is_empty())
    }

    /// The string at `name`, needed to tell this notification from others.
    pub(crate) fn required_text(&self, name: &'static str) -> Result<Cow<'a, str>, Malformed> {
        self.text(name).ok_or_else(|| Malformed::new(self.at, name, "is missing"))
    }

    /// A string, number or truth value as text. An empty one and anything else counts as absent.
    pub(crate) fn scalar(&self, name: &str) -> Option<Cow<'a, str>> {
        scalar(self.member(name)?).filter(|text| !text.is_empty() && text != "null")
    }

    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        match self.member(name)?.get() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// The amount at `name`, exact. A fraction, an exponent, a string or more than 64 bits is an error: rounding
    /// would invent money, and taking it for absent would hide it.
    pub(crate) fn amount(&self, name: &'static str) -> Result<Option<i64>, Malformed> {
        let Some(value) = self.member(name) else { return Ok(None) };
        integer(value).map(Some).ok_or_else(|| Malformed::new(self.at, name, "is not an integer of 64 bits"))
    }

    /// An integer where we only show it: anything else counts as absent.
    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        integer(self.member(name)?)
    }
}

/// A string decoded, a number or a truth value as it was written; `None` for lists and objects.
pub(crate) fn scalar<'a>(value: &'a RawValue) -> Option<Cow<'a, str>> {
    match value.get().as_bytes().first() {
        Some(b'"') => text(value),
        Some(b'{' | b'[') | None => None,
        Some(_) => Some(Cow::Borrowed(value.get())),
    }
}

fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Text<'_>>(value.get()).ok().map(|Text(text)| text)
}

fn integer(value: &RawValue) -> Option<i64> {
    // JSON knows no leading `+` or zeros, so what parses here was written as a plain integer.
    value.get().parse().ok()
}

/// A string, borrowed unless it holds escapes. (`Cow`'s own `Deserialize` always copies.)
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members: Vec<(Cow<'de, str>, &'de RawValue)> = Vec::new();
                while let Some(Text(name)) = map.next_key::<Text<'de>>()? {
                    members.push((name, map.next_value()?));
                }
                // Sorted rather than compared pair by pair: a body may hold very many members.
                let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
                names.sort_unstable();
                if names.windows(2).any(|pair| pair[0] == pair[1]) {
                    return Err(A::Error::custom("a member occurs twice"));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

#[cfg(test)]
mod tests;
