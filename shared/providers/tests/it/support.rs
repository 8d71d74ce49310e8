//! Files of golden data: our own and those that an environment variable names.

use data_encoding::BASE64;
use domain::SecretId;
use providers::{Provider, Settings, Verified, VerifiedMeta};
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// Some files speak of one provider of ours under other names.
pub(crate) fn provider_id(name: &str) -> &str {
    match name {
        "svix" | "standard_webhooks_v1a" => "standard_webhooks",
        "mollie_classic" => "mollie",
        other => other,
    }
}

pub(crate) fn own_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors")
}

/// The files that `variable` names: colon-separated, each a directory of `*.json` or a file. Relative ones are
/// looked for here and in the workspace's root.
pub(crate) fn named_by(variable: &str) -> Vec<PathBuf> {
    let Some(value) = std::env::var_os(variable) else { return Vec::new() };
    std::env::split_paths(&value)
        .filter(|path| !path.as_os_str().is_empty())
        .flat_map(|path| {
            let from_root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(&path);
            let path = if path.exists() { path } else { from_root };
            assert!(path.exists(), "{variable} names {}, which does not exist", path.display());
            if path.is_dir() { json_files(&path) } else { vec![path] }
        })
        .collect()
}

pub(crate) fn json_files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file() && path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    files
}

pub(crate) fn read<T: DeserializeOwned>(file: &Path) -> Vec<T> {
    serde_json::from_slice(&std::fs::read(file).unwrap())
        .unwrap_or_else(|error| panic!("{} is not a list of what it should hold: {error}", file.display()))
}

/// The settings without which an experimental provider is refused.
pub(crate) fn accepted(provider: &Provider) -> Settings {
    let accepted = ("experimental".to_owned(), "accepted".to_owned());
    provider.is_experimental().then_some(accepted).into_iter().collect()
}

pub(crate) fn secret_id(number: u8) -> SecretId {
    SecretId::mint([number; 16])
}

/// The DER in a PEM of one block.
pub(crate) fn pem(text: &str) -> Vec<u8> {
    let base64: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    BASE64.decode(base64.as_bytes()).unwrap()
}

/// What has crossed the queue.
pub(crate) fn verified(provider: &str, headers: &[(&str, &str)], body: &[u8]) -> Verified {
    let meta = serde_json::json!({
        "provider": provider,
        "scheme": "test",
        "covers": "body",
        "secret": secret_id(0),
        "headers": headers,
    });
    let meta: VerifiedMeta = serde_json::from_value(meta).unwrap();
    Verified::from_parts(meta, body.to_vec())
}
