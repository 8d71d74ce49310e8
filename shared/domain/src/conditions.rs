//! Conditions on a payload: a small language in JSON, the flat form of EventBridge's event patterns.
//!
//! ```json
//! {
//!   "data.payment.currency": ["EUR", "CHF"],
//!   "data.event.amount": [{"numeric": [">=", 1000, "<", 500000]}],
//!   "data.payment.merchant_reference": [{"prefix": "shop-"}, {"exists": false}]
//! }
//! ```
//!
//! A path leads into the `standard` payload, whatever the endpoint's format is; through a list it leads into each
//! of its entries. **All paths must hold; a path holds if one of its matchers holds for one of the values there.**
//! Matchers are a text, an integer, a boolean or `null`, which the value must equal; `{"prefix": text}`,
//! `{"suffix": text}`; `{"anything-but": value or list of values}`, for a value that is there and is none of these;
//! `{"numeric": [operator, integer, …]}` with one or two of `=`, `<`, `<=`, `>`, `>=`, all of which must hold; and
//! `{"exists": true or false}`.
//!
//! **Guarantee:** what was accepted ([`Conditions::parse`]) can be evaluated in time proportional to the payload's
//! size times the number of matchers, of which there are at most [`MAX_PATHS`] × [`MAX_MATCHERS`]; there is no
//! recursion but along a path, and nothing that backtracks. Why not CEL or JSONata: ADR 0015.

mod parse;
#[cfg(test)]
mod tests;

pub use parse::InvalidCondition;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub(crate) const MAX_PATHS: usize = 20;
/// For one path, and for one `anything-but`.
pub(crate) const MAX_MATCHERS: usize = 20;
pub(crate) const MAX_TEXT_CHARS: usize = 256;
/// As compact JSON. All endpoints are read together, and kept in memory, by every consumer.
pub(crate) const MAX_BYTES: usize = 4 * 1024;

/// All of them must hold. Empty: nothing is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct Conditions(Vec<Condition>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Condition {
    path: String,
    matchers: Vec<Matcher>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Matcher {
    Equals(Scalar),
    Prefix(String),
    Suffix(String),
    AnythingBut(Vec<Scalar>),
    Numeric(Vec<(Comparison, i64)>),
    Exists(bool),
}

/// Numbers are integers: amounts are, and an equality of floating-point numbers means little.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Scalar {
    Text(String),
    Number(i64),
    Bool(bool),
    Null,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Conditions {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all of them hold of `payload`.
    pub fn hold(&self, payload: &Value) -> bool {
        self.0.iter().all(|condition| condition.holds(payload))
    }

    /// Each path, and whether it holds.
    pub fn judge(&self, payload: &Value) -> impl Iterator<Item = (&str, bool)> {
        self.0.iter().map(move |condition| (condition.path.as_str(), condition.holds(payload)))
    }
}

impl Condition {
    fn holds(&self, payload: &Value) -> bool {
        self.matchers.iter().any(|matcher| match matcher {
            Matcher::Exists(wanted) => any_at(payload, &self.path, &|_| true) == *wanted,
            other => any_at(payload, &self.path, &|value| other.matches(value)),
        })
    }
}

/// Whether one of the values at the end of `path` passes `test`.
fn any_at(value: &Value, path: &str, test: &dyn Fn(&Value) -> bool) -> bool {
    if let Value::Array(entries) = value {
        return entries.iter().any(|entry| any_at(entry, path, test));
    }
    if path.is_empty() {
        return test(value);
    }
    let (name, rest) = path.split_once('.').unwrap_or((path, ""));
    value.get(name).is_some_and(|member| any_at(member, rest, test))
}

impl Matcher {
    fn matches(&self, value: &Value) -> bool {
        let text = value.as_str();
        match self {
            Self::Equals(wanted) => wanted.equals(value),
            Self::Prefix(prefix) => text.is_some_and(|text| text.starts_with(prefix)),
            Self::Suffix(suffix) => text.is_some_and(|text| text.ends_with(suffix)),
            Self::AnythingBut(unwanted) => !unwanted.iter().any(|unwanted| unwanted.equals(value)),
            Self::Numeric(bounds) => value.as_i64().is_some_and(|number| {
                bounds.iter().all(|(comparison, bound)| comparison.holds(number, *bound))
            }),
            Self::Exists(wanted) => *wanted,
        }
    }
}

impl Scalar {
    fn equals(&self, value: &Value) -> bool {
        match self {
            Self::Text(text) => value.as_str() == Some(text),
            Self::Number(number) => value.as_i64() == Some(*number),
            Self::Bool(boolean) => value.as_bool() == Some(*boolean),
            Self::Null => value.is_null(),
        }
    }
}

impl Comparison {
    const ALL: [Self; 5] = [Self::Equal, Self::Less, Self::AtMost, Self::Greater, Self::AtLeast];

    fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        }
    }

    fn holds(self, number: i64, bound: i64) -> bool {
        match self {
            Self::Equal => number == bound,
            Self::Less => number < bound,
            Self::AtMost => number <= bound,
            Self::Greater => number > bound,
            Self::AtLeast => number >= bound,
        }
    }
}

/// As they were given, sorted by path.
impl From<Conditions> for Value {
    fn from(conditions: Conditions) -> Self {
        let members = conditions.0.into_iter().map(|condition| {
            let matchers: Vec<Value> = condition.matchers.into_iter().map(Value::from).collect();
            (condition.path, Value::Array(matchers))
        });
        Value::Object(members.collect::<Map<_, _>>())
    }
}

impl From<Matcher> for Value {
    fn from(matcher: Matcher) -> Self {
        match matcher {
            Matcher::Equals(scalar) => scalar.into(),
            Matcher::Prefix(text) => json!({ "prefix": text }),
            Matcher::Suffix(text) => json!({ "suffix": text }),
            Matcher::AnythingBut(unwanted) => {
                json!({ "anything-but": unwanted.into_iter().map(Value::from).collect::<Vec<_>>() })
            }
            Matcher::Numeric(bounds) => {
                let flat = bounds.into_iter().flat_map(|(c, bound)| [json!(c.as_str()), json!(bound)]);
                json!({ "numeric": flat.collect::<Vec<_>>() })
            }
            Matcher::Exists(wanted) => json!({ "exists": wanted }),
        }
    }
}

impl From<Scalar> for Value {
    fn from(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Text(text) => text.into(),
            Scalar::Number(number) => number.into(),
            Scalar::Bool(boolean) => boolean.into(),
            Scalar::Null => Self::Null,
        }
    }
}
