//! The beginning of an answer's body, made safe to store, log and show.

/// More bytes than the limit are kept so that a character which the limit cuts is seen whole and dropped, and
/// does not end as a replacement character. UTF-8 has at most four bytes.
const SPARE_BYTES: usize = 4;

/// Collects what may become the excerpt.
#[derive(Debug)]
pub(crate) struct Excerpt {
    bytes: Vec<u8>,
    max_bytes: usize,
}

impl Excerpt {
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { bytes: Vec::new(), max_bytes }
    }

    pub(crate) fn push(&mut self, chunk: &[u8]) {
        let room = self.max_bytes + SPARE_BYTES - self.bytes.len();
        self.bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }

    /// At most `max_bytes` of UTF-8 on one line.
    pub(crate) fn into_text(self) -> String {
        let mut text = String::new();
        for character in String::from_utf8_lossy(&self.bytes).chars().map(harmless) {
            if text.len() + character.len_utf8() > self.max_bytes {
                break;
            }
            text.push(character);
        }
        text
    }
}

/// White space of any kind becomes a space, so that the text can't forge a second log line. What steers a
/// terminal or turns the direction of text (Unicode TR36 §2.5) becomes U+FFFD.
fn harmless(character: char) -> char {
    match character {
        '\t' | '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => ' ',
        '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => {
            char::REPLACEMENT_CHARACTER
        }
        other if other.is_control() => char::REPLACEMENT_CHARACTER,
        other => other,
    }
}
