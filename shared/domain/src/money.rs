//! Money is integers: `i64` minor units with an ISO 4217 currency. No floating point anywhere.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A currency code as the provider reports it, upper case: ISO 4217, or a longer code of a digital currency.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a currency code: expected 3 to 8 letters or digits")]
pub struct InvalidCurrency;

impl Currency {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Digits after the decimal point by ISO 4217; `None` when the code is not in ISO 4217 or has no minor unit.
    pub fn exponent(&self) -> Option<u8> {
        let exponent = iso_currency::Currency::from_code(&self.0)?.exponent()?;
        u8::try_from(exponent).ok()
    }
}

impl FromStr for Currency {
    type Err = InvalidCurrency;

    /// Providers differ in case (Stripe writes `eur`); the code is folded to upper case.
    fn from_str(code: &str) -> Result<Self, InvalidCurrency> {
        let plausible = (3..=8).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric());
        if plausible { Ok(Self(code.to_ascii_uppercase())) } else { Err(InvalidCurrency) }
    }
}

impl TryFrom<String> for Currency {
    type Error = InvalidCurrency;

    fn try_from(code: String) -> Result<Self, InvalidCurrency> {
        code.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.0
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    #[error("not a decimal number")]
    Malformed,
    #[error("more fractional digits than the currency has")]
    TooPrecise,
    #[error("amount out of range")]
    OutOfRange,
}

/// Parses a decimal text ("12.30") into minor units, exactly. Trailing zeros beyond the exponent are allowed
/// ("10.000" with exponent 2), any other extra digit is refused: rounding would invent money.
pub fn decimal_to_minor(text: &str, exponent: u8) -> Result<i64, AmountError> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || digits.ends_with('.') || !all_digits(whole) || !all_digits(fraction) {
        return Err(AmountError::Malformed);
    }
    let exponent = usize::from(exponent);
    let (kept, excess) = fraction.split_at(fraction.len().min(exponent));
    if excess.bytes().any(|b| b != b'0') {
        return Err(AmountError::TooPrecise);
    }
    let minor: i64 = format!("{whole}{kept:0<exponent$}").parse().map_err(|_| AmountError::OutOfRange)?;
    Ok(if negative { -minor } else { minor })
}
