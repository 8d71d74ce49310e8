//! Reading conditions: every mistake is told with its place, for a condition that can never hold would drop events
//! in silence.

use super::{
    Comparison, Condition, Conditions, MAX_BYTES, MAX_MATCHERS, MAX_PATHS, MAX_TEXT_CHARS, Matcher, Scalar,
};
use serde_json::{Map, Value};

/// What is wrong, and where. Values are not repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct InvalidCondition {
    /// A JSON pointer (RFC 6901) from the conditions.
    pub pointer: String,
    pub detail: String,
}

/// The members of the `standard` payload by the object that holds them. A test compares this with payloads.
const FIELDS: &[(&str, &[&str])] = &[
    ("", &["type", "timestamp", "data"]),
    ("data", &["event", "payment", "previous"]),
    (
        "data.event",
        &[
            "id",
            "object",
            "source",
            "provider",
            "type",
            "provider_type",
            "provider_event_id",
            "provider_payment_id",
            "payment",
            "amount",
            "currency",
            "occurred_at",
            "received_at",
            "created_at",
            "verified_by",
            "confirmed_at",
            "secret",
            "effect",
            "reason",
            "state_version",
        ],
    ),
    (
        "data.payment",
        &[
            "id",
            "object",
            "source",
            "provider",
            "provider_payment_id",
            "state_version",
            "created_at",
            "updated_at",
            "operations_count",
            "operations",
        ],
    ),
    ("data.payment", DERIVED),
    ("data.previous", DERIVED),
    (
        "data.payment.operations",
        &["kind", "provider_operation_id", "state", "amount", "occurred_at", "event"],
    ),
];

const DERIVED: &[&str] = &[
    "status",
    "refund_status",
    "dispute_status",
    "integrity",
    "merchant_reference",
    "currency",
    "currency_exponent",
    "amount_requested",
    "amount_authorized",
    "amount_captured",
    "amount_voided",
    "amount_refunded",
    "amount_refund_pending",
    "amount_disputed",
    "net_amount",
    "double_loss_risk",
];

fn is_field(path: &str) -> bool {
    let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
    FIELDS.iter().any(|(object, members)| *object == parent && members.contains(&name))
}

impl Conditions {
    /// Reads conditions that a client gives.
    ///
    /// # Errors
    /// All that is wrong with them, with its place.
    pub fn parse(value: &Value) -> Result<Self, Vec<InvalidCondition>> {
        if value.to_string().len() > MAX_BYTES {
            return Err(vec![invalid("", format!("must have at most {MAX_BYTES} bytes as compact JSON"))]);
        }
        let mut errors = Vec::new();
        let conditions = read(value, &mut errors);
        for path in
            conditions.0.iter().map(|condition| condition.path.as_str()).filter(|path| !is_field(path))
        {
            errors.push(invalid(member("", path), "leads to no field of the `standard` payload"));
        }
        if errors.is_empty() { Ok(conditions) } else { Err(errors) }
    }
}

/// Reads conditions that were stored, also by a release whose payload has more fields.
impl TryFrom<Value> for Conditions {
    type Error = InvalidCondition;

    fn try_from(value: Value) -> Result<Self, InvalidCondition> {
        let mut errors = Vec::new();
        let conditions = read(&value, &mut errors);
        errors.pop().map_or(Ok(conditions), Err)
    }
}

fn read(value: &Value, errors: &mut Vec<InvalidCondition>) -> Conditions {
    let Value::Object(members) = value else {
        errors.push(invalid("", "must be an object from paths to lists of matchers"));
        return Conditions::default();
    };
    if members.len() > MAX_PATHS {
        errors.push(invalid("", format!("must have at most {MAX_PATHS} paths")));
        return Conditions::default();
    }
    let mut conditions: Vec<Condition> = members
        .iter()
        .map(|(path, matchers)| {
            let at = member("", path);
            Condition { path: path.clone(), matchers: list(&at, matchers, errors, matcher) }
        })
        .collect();
    // Whatever the map's order is: a stored item is to be the same for the same conditions.
    conditions.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Conditions(conditions)
}

/// Between one and [`MAX_MATCHERS`] entries.
fn list<T>(
    at: &str,
    value: &Value,
    errors: &mut Vec<InvalidCondition>,
    read: impl Fn(&str, &Value, &mut Vec<InvalidCondition>) -> Option<T>,
) -> Vec<T> {
    match value.as_array() {
        Some(entries) if (1..=MAX_MATCHERS).contains(&entries.len()) => entries
            .iter()
            .enumerate()
            .filter_map(|(index, entry)| read(&format!("{at}/{index}"), entry, errors))
            .collect(),
        _ => {
            errors.push(invalid(at, format!("must be a list of 1 to {MAX_MATCHERS} entries")));
            Vec::new()
        }
    }
}

fn matcher(at: &str, value: &Value, errors: &mut Vec<InvalidCondition>) -> Option<Matcher> {
    let Value::Object(members) = value else { return scalar(at, value, errors).map(Matcher::Equals) };
    let Some((name, argument)) = only_member(members) else {
        errors.push(invalid(at, "must have exactly one operator"));
        return None;
    };
    let at = member(at, name);
    match name {
        "prefix" => text(&at, argument, errors).map(Matcher::Prefix),
        "suffix" => text(&at, argument, errors).map(Matcher::Suffix),
        "anything-but" if argument.is_array() => {
            Some(Matcher::AnythingBut(list(&at, argument, errors, scalar)))
        }
        "anything-but" => scalar(&at, argument, errors).map(|unwanted| Matcher::AnythingBut(vec![unwanted])),
        "numeric" => numeric(&at, argument, errors).map(Matcher::Numeric),
        "exists" => match argument.as_bool() {
            Some(wanted) => Some(Matcher::Exists(wanted)),
            None => {
                errors.push(invalid(at, "must be true or false"));
                None
            }
        },
        _ => {
            errors.push(invalid(at, "must be one of: prefix, suffix, anything-but, numeric, exists"));
            None
        }
    }
}

fn only_member(members: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut members = members.iter();
    let (name, value) = members.next()?;
    members.next().is_none().then_some((name, value))
}

fn scalar(at: &str, value: &Value, errors: &mut Vec<InvalidCondition>) -> Option<Scalar> {
    match value {
        Value::Null => Some(Scalar::Null),
        Value::Bool(boolean) => Some(Scalar::Bool(*boolean)),
        Value::Number(number) => match number.as_i64() {
            Some(number) => Some(Scalar::Number(number)),
            None => {
                errors.push(invalid(at, "must be an integer: amounts are in minor units"));
                None
            }
        },
        Value::String(_) => text(at, value, errors).map(Scalar::Text),
        Value::Array(_) | Value::Object(_) => {
            errors.push(invalid(at, "must be a text, an integer, a boolean or null"));
            None
        }
    }
}

fn text(at: &str, value: &Value, errors: &mut Vec<InvalidCondition>) -> Option<String> {
    match value.as_str() {
        Some(text) if text.chars().count() <= MAX_TEXT_CHARS => Some(text.to_owned()),
        _ => {
            errors.push(invalid(at, format!("must be a text of at most {MAX_TEXT_CHARS} characters")));
            None
        }
    }
}

fn numeric(at: &str, value: &Value, errors: &mut Vec<InvalidCondition>) -> Option<Vec<(Comparison, i64)>> {
    let bound = |pair: &[Value]| {
        let operator = pair.first()?.as_str()?;
        let comparison = Comparison::ALL.into_iter().find(|known| known.as_str() == operator)?;
        Some((comparison, pair.get(1)?.as_i64()?))
    };
    let flat = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let bounds: Option<Vec<_>> =
        if matches!(flat.len(), 2 | 4) { flat.chunks(2).map(bound).collect() } else { None };
    if bounds.is_none() {
        errors.push(invalid(at, "must be one or two of =, <, <=, >, >=, each followed by an integer"));
    }
    bounds
}

fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> InvalidCondition {
    InvalidCondition { pointer: pointer.into(), detail: detail.into() }
}

/// RFC 6901 §3.
fn member(at: &str, name: &str) -> String {
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}
