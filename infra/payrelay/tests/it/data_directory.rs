//! What `payrelay dev` says to a data directory that is not as it left it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use crate::client::Client;
use crate::process::Payrelay;

/// A start that is refused: with one line, which it gives.
fn refused(data: &Path, admin_key: Option<&str>) -> String {
    let ended = Payrelay::start(&["--data-dir", data.to_str().unwrap()], admin_key).wait();
    assert_eq!((ended.code, &ended.stdout), (Some(1), &Vec::new()), "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    ended.stderr
}

fn start(data: &Path) -> Payrelay {
    Payrelay::start(&["--data-dir", data.to_str().unwrap()], None)
}

#[test]
fn a_data_directory_serves_one_process_at_a_time_and_the_next_after_sigkill() {
    let data = TempDir::new().unwrap();
    let mut first = start(data.path());
    let key = first.admin_key();
    first.await_ready();
    let line = refused(data.path(), None);
    assert!(line.contains(data.path().to_str().unwrap()) && line.contains("in use"), "{line}");
    first.kill();
    let mut second = start(data.path());
    assert_eq!(second.admin_key(), key);
    second.await_ready();
}

#[test]
fn everything_in_the_data_directory_is_for_its_owner_alone() {
    let data = TempDir::new().unwrap();
    let directory = data.path().join("made");
    let mut payrelay = start(&directory);
    payrelay.admin_key();
    let [_, eventbridge] = payrelay.engines();
    let engine = Client::new(eventbridge.strip_prefix("http://").unwrap(), "");
    engine.action("AWSEvents.CreateEventBus", &json!({ "Name": "payments" })).expect(200);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    let files: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    for name in
        ["admin.key", "vault.key", "dynamodb.sqlite", "sqs.sqlite", "sqs.sqlite-wal", "event-buses.json"]
    {
        assert!(files.contains(&directory.join(name)), "{name}: {files:?}");
    }
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn a_vault_key_that_is_missing_or_another_stops_the_start_and_the_right_one_mends_it() {
    let (data, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    for directory in [&data, &other] {
        let mut payrelay = start(directory.path());
        payrelay.admin_key();
        payrelay.await_ready();
    }
    let file = data.path().join("vault.key");
    let right = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    let line = refused(data.path(), None);
    assert!(line.contains(file.to_str().unwrap()) && line.contains("missing"), "{line}");
    assert!(!file.exists(), "no key took its place");
    fs::copy(other.path().join("vault.key"), &file).unwrap();
    let line = refused(data.path(), None);
    assert!(line.contains(file.to_str().unwrap()) && line.contains("sealed with"), "{line}");
    for malformed in [&b""[..], b"AAAA", &[&right[..], b"\r\n"].concat()] {
        fs::write(&file, malformed).unwrap();
        let line = refused(data.path(), None);
        assert!(line.contains(file.to_str().unwrap()), "{line}");
    }
    fs::write(&file, &right).unwrap();
    let mut payrelay = start(data.path());
    payrelay.admin_key();
    payrelay.await_ready();
}

#[test]
fn an_admin_key_that_is_empty_or_short_is_refused_wherever_it_comes_from() {
    let data = TempDir::new().unwrap();
    for key in ["", " ", "x", "prk_admin_of_31_characters_____"] {
        let line = refused(data.path(), Some(key));
        assert!(line.contains("PAYRELAY_ADMIN_KEY"), "{line}");
        assert!(!data.path().join("admin.key").exists(), "none is made in its place");
    }
    let file = data.path().join("admin.key");
    for contents in ["", "\n", "short", "with a space in it and of more than 32 characters"] {
        fs::write(&file, contents).unwrap();
        let line = refused(data.path(), None);
        assert!(line.contains(file.to_str().unwrap()), "{line}");
        assert_eq!(fs::read_to_string(&file).unwrap(), contents);
    }
}
