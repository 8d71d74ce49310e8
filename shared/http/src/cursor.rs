//! Cursors: positions in a listing that only we can make.
//!
//! Signed, so that what comes back is a position that we answered, in the listing (path and filters) that it was
//! answered for. Without this, a cursor is a way to send text of one's own choosing into a query.

use data_encoding::BASE64URL_NOPAD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

const TAG_BYTES: usize = 16;

/// Makes and reads cursors.
#[derive(Clone)]
pub struct Cursors {
    key: [u8; 32],
}

/// What a cursor is for: the path and the filters of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing(pub(crate) String);

impl Listing {
    /// For a list that is not asked for by query parameters; those name their own ([`crate::Params::page`]).
    /// `filters` must differ where the lists do.
    pub fn new(path: &str, filters: &str) -> Self {
        Self(format!("{path}#{filters}"))
    }
}

impl Cursors {
    /// The key comes from the hash of the admin key, the one secret that all functions share. A new admin key
    /// ends all cursors, which costs a client one page.
    pub fn new(admin_key_hash: &str) -> Self {
        let mac = Hmac::<Sha256>::new_from_slice(admin_key_hash.as_bytes());
        let mac = mac.expect("HMAC takes a key of any length").chain_update(b"payrelay cursor");
        Self { key: mac.finalize().into_bytes().into() }
    }

    pub fn encode(&self, listing: &Listing, position: &str) -> String {
        let mut bytes = self.mac(listing, position).finalize().into_bytes()[..TAG_BYTES].to_vec();
        bytes.extend_from_slice(position.as_bytes());
        BASE64.encode(&bytes)
    }

    /// The position, if this is a cursor that [`Cursors::encode`] made for the same listing.
    pub fn decode(&self, listing: &Listing, cursor: &str) -> Option<String> {
        let bytes = BASE64.decode(cursor.as_bytes()).ok()?;
        let (tag, position) = bytes.split_at_checked(TAG_BYTES)?;
        let position = std::str::from_utf8(position).ok()?;
        self.mac(listing, position).verify_truncated_left(tag).ok()?;
        Some(position.to_owned())
    }

    fn mac(&self, listing: &Listing, position: &str) -> Hmac<Sha256> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        mac.chain_update((listing.0.len() as u64).to_be_bytes())
            .chain_update(listing.0.as_bytes())
            .chain_update(position.as_bytes())
    }
}

impl fmt::Debug for Cursors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cursors")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_own_listing_and_key_only() {
        let (cursors, listing) = (Cursors::new("a"), Listing("/v1/events?type=x".to_owned()));
        let cursor = cursors.encode(&listing, "position");
        assert_eq!(cursors.decode(&listing, &cursor).as_deref(), Some("position"));
        assert_eq!(cursors.decode(&Listing("/v1/events".to_owned()), &cursor), None);
        assert_eq!(Cursors::new("b").decode(&listing, &cursor), None);
    }

    #[test]
    fn no_changed_character_goes_unnoticed() {
        let (cursors, listing) = (Cursors::new("a"), Listing(String::new()));
        let cursor = cursors.encode(&listing, "position");
        for at in 0..cursor.len() {
            let mut tampered = cursor.clone().into_bytes();
            tampered[at] = if tampered[at] == b'A' { b'B' } else { b'A' };
            let tampered = String::from_utf8(tampered).expect("ASCII");
            assert_eq!(cursors.decode(&listing, &tampered), None, "{at}");
        }
        for text in ["", "A", "AAAA", "%", &cursor[..cursor.len() - 1]] {
            assert_eq!(cursors.decode(&listing, text), None, "{text}");
        }
    }
}
