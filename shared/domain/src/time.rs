//! The one way in which a time is written: RFC 3339, UTC, milliseconds (`2026-11-22T12:00:00.000Z`).

use jiff::Timestamp;

/// Writes `at` as RFC 3339 in UTC with exactly three fractional digits, truncated.
pub fn format_time(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// `#[serde(with = "serde_time")]` for a [`Timestamp`].
pub mod serde_time {
    use super::{Timestamp, format_time};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_time(*at))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// `#[serde(with = "serde_time_option")]` for an `Option<Timestamp>`; use it with `default` and
/// `skip_serializing_if`.
pub mod serde_time_option {
    use super::{Timestamp, format_time};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => serializer.serialize_str(&format_time(*at)),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| text.parse().map_err(D::Error::custom))
            .transpose()
    }
}
