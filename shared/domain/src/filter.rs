//! Which event types an endpoint wants.

use crate::EventType;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// An event type, a group (`payment.*`), or everything (`*`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventTypePattern(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "matches no event type: expected a type such as `payment.captured`, a group such as `payment.*`, or `*`"
)]
pub struct InvalidPattern;

impl EventTypePattern {
    pub fn everything() -> Self {
        Self("*".to_owned())
    }

    pub fn matches(&self, event_type: EventType) -> bool {
        let name = event_type.as_str();
        match self.0.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => name == self.0,
        }
    }
}

impl FromStr for EventTypePattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        let well_formed = text == "*" || text.strip_suffix(".*").unwrap_or(text).bytes().all(|b| b != b'*');
        let pattern = Self(text.to_owned());
        let matches_any = EventType::ALL.iter().any(|event_type| pattern.matches(*event_type));
        if well_formed && matches_any { Ok(pattern) } else { Err(InvalidPattern) }
    }
}

impl TryFrom<String> for EventTypePattern {
    type Error = InvalidPattern;

    fn try_from(text: String) -> Result<Self, InvalidPattern> {
        text.parse()
    }
}

impl From<EventTypePattern> for String {
    fn from(pattern: EventTypePattern) -> Self {
        pattern.0
    }
}

impl fmt::Display for EventTypePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_types_groups_and_everything() {
        let matches =
            |pattern: &str, event_type| pattern.parse::<EventTypePattern>().map(|p| p.matches(event_type));
        assert_eq!(matches("*", EventType::RefundFailed), Ok(true));
        assert_eq!(matches("payment.*", EventType::PaymentCaptured), Ok(true));
        assert_eq!(matches("payment.*", EventType::RefundFailed), Ok(false));
        assert_eq!(matches("payment.captured", EventType::PaymentCaptured), Ok(true));
    }

    #[test]
    fn patterns_that_can_never_match_are_refused() {
        for text in ["", "payments.*", "payment", "*.captured", "pay*", "payment.*.*", "PAYMENT.*"] {
            assert_eq!(text.parse::<EventTypePattern>(), Err(InvalidPattern), "{text}");
        }
    }
}
