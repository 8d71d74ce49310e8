//! Randomness, passed to whoever needs it.

use crate::SecretText;
use jiff::Timestamp;
use ring::rand::{SecureRandom, SystemRandom};

/// The operating system's random numbers.
#[derive(Debug, Clone)]
pub struct Entropy(SystemRandom);

impl Entropy {
    pub fn system() -> Self {
        Self(SystemRandom::new())
    }

    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill(&mut bytes).expect("the operating system gives random bytes");
        bytes
    }

    /// A UUIDv7 (RFC 9562 §5.7): sorts by `now`.
    pub fn uuid_v7(&self, now: Timestamp) -> [u8; 16] {
        let milliseconds = u64::try_from(now.as_millisecond()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(milliseconds, &self.bytes()).into_uuid().into_bytes()
    }

    /// Uniform in 0..1.
    pub fn unit(&self) -> f64 {
        // 53 bits: every value is exact in an f64.
        (u64::from_be_bytes(self.bytes()) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// 256 random bits as text, for keys and secrets that we generate.
    pub fn secret_text(&self) -> SecretText {
        SecretText::new(data_encoding::BASE64URL_NOPAD.encode(&self.bytes::<32>()))
    }
}
