//! Which key the secrets of this table are sealed with: one item, written once.

use crate::item::{Condition, get_text, key, text};
use crate::{Store, StoreError};

const KIND: &str = "vault";
const SK: &str = "fingerprint";
const FINGERPRINT: &str = "f";

impl Store {
    /// AP83: the fingerprint of the vault that this table's secrets are sealed by, once it is noted. Consistent.
    pub async fn vault_fingerprint(&self) -> Result<Option<String>, StoreError> {
        let Some(item) = self.get(KIND, SK, true).await? else { return Ok(None) };
        match get_text(&item, FINGERPRINT) {
            Some(fingerprint) => Ok(Some(fingerprint.to_owned())),
            None => Err(StoreError::corrupt(KIND, format!("no text in `{FINGERPRINT}`"))),
        }
    }

    /// AP84: notes the fingerprint; [`StoreError::Conflict`] if one is noted already.
    pub async fn note_vault_fingerprint(&self, fingerprint: &str) -> Result<(), StoreError> {
        let mut item = key(KIND, SK);
        item.insert(FINGERPRINT.to_owned(), text(fingerprint));
        self.put(item, Condition::Absent).await
    }
}
