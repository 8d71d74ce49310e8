//! Secrets as providers give them out.

use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use providers::scheme::{Key, KeyEncoding, KeyPrefix};

/// A secret for a scheme with this key. `form` says how it reads, where the key alone does not: `{hex}` in it stands
/// for random characters.
pub(crate) fn from_random(key: &Key<'_>, form: Option<&str>, random: [u8; 32]) -> String {
    if let Some(form) = form {
        return form.replace("{hex}", &HEXLOWER.encode(&random));
    }
    let text = match key.encoding {
        KeyEncoding::Hex => HEXUPPER.encode(&random),
        KeyEncoding::Base64 => BASE64.encode(&random),
        // Whatever else a key may be made of, plain text can be it.
        _ => HEXLOWER.encode(&random),
    };
    match key.prefix {
        KeyPrefix::None => text,
        KeyPrefix::Kept(prefix) | KeyPrefix::Cut(prefix) | KeyPrefix::CutRequired(prefix) => {
            format!("{prefix}{text}")
        }
    }
}
