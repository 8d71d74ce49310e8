use super::*;
use tempfile::TempDir;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn write(directory: &TempDir, name: &str, contents: &[u8]) -> PathBuf {
    let path = directory.path().join(name);
    fs::write(&path, contents).unwrap();
    path
}

fn one_line(error: &anyhow::Error, path: &Path) {
    let text = format!("{error:#}");
    assert!(text.contains(path.to_str().unwrap()), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn a_new_data_directory_and_what_is_in_it_are_for_their_owner_alone() {
    let parent = TempDir::new().unwrap();
    let path = parent.path().join("new");
    let storage = Storage::directory(&path).unwrap();
    storage.admin_key(&Entropy::system()).unwrap();
    storage.keep_vault_key(&SecretText::new("k".repeat(VAULT_KEY_CHARS))).unwrap();
    let database = storage.database("sqs.sqlite").unwrap().unwrap();
    let connection = rusqlite::Connection::open(&database).unwrap();
    connection.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x);").unwrap();
    assert_eq!(mode(&path), 0o700);
    let files = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = files.collect();
    assert_eq!(files.len(), 6, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn an_existing_directory_and_its_files_are_closed_to_others() {
    let directory = TempDir::new().unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let files = ["sqs.sqlite", "sqs.sqlite-wal", "admin.key", "event-buses.json"];
    let files = files.map(|name| write(&directory, name, "k".repeat(40).as_bytes()));
    for file in &files {
        fs::set_permissions(file, Permissions::from_mode(0o644)).unwrap();
    }
    let storage = Storage::directory(directory.path()).unwrap();
    storage.database("sqs.sqlite").unwrap();
    storage.admin_key(&Entropy::system()).unwrap();
    storage.file("event-buses.json").unwrap();
    assert_eq!(mode(directory.path()), 0o700);
    assert_eq!(files.map(|file| mode(&file)), [0o600; 4]);
}

#[test]
fn a_directory_that_is_shared_is_left_as_it_is() {
    let directory = TempDir::new().unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o1777)).unwrap();
    Storage::directory(directory.path()).unwrap();
    assert_eq!(mode(directory.path()), 0o1777);
}

#[test]
fn a_directory_is_opened_once_at_a_time() {
    let directory = TempDir::new().unwrap();
    let storage = Storage::directory(directory.path()).unwrap();
    let refused = Storage::directory(directory.path()).unwrap_err();
    one_line(&refused, directory.path());
    assert!(refused.to_string().contains("in use"), "{refused}");
    drop(storage);
    Storage::directory(directory.path()).unwrap();
}

#[test]
fn an_admin_key_is_kept_and_may_end_with_a_line_end() {
    let directory = TempDir::new().unwrap();
    let storage = Storage::directory(directory.path()).unwrap();
    let key = storage.admin_key(&Entropy::system()).unwrap();
    assert_eq!(storage.admin_key(&Entropy::system()).unwrap().expose(), key.expose());
    write(&directory, ADMIN_KEY, format!("{}\n", key.expose()).as_bytes());
    assert_eq!(storage.admin_key(&Entropy::system()).unwrap().expose(), key.expose());
}

#[test]
fn a_malformed_key_file_is_refused_in_one_line_and_left_as_it_is() {
    let directory = TempDir::new().unwrap();
    let storage = Storage::directory(directory.path()).unwrap();
    let good = "k".repeat(VAULT_KEY_CHARS);
    let of_both = [
        String::new(),
        "\n".to_owned(),
        "  ".to_owned(),
        good[..20].to_owned(),
        format!("{good}\r\n"),
        format!("{good}\n\n"),
        format!(" {good}"),
        format!("{}\n{good}", &good[..20]),
        format!("{good}\0"),
        "é".repeat(40),
    ];
    let mut cases: Vec<(&str, Vec<u8>)> = Vec::new();
    for contents in of_both {
        cases.extend([ADMIN_KEY, VAULT_KEY].map(|name| (name, contents.clone().into_bytes())));
    }
    cases.extend([(ADMIN_KEY, vec![0xff; 40]), (VAULT_KEY, vec![0xff; 32]), (VAULT_KEY, vec![b'k'; 44])]);
    for (name, contents) in cases {
        let path = write(&directory, name, &contents);
        let refused = match name {
            ADMIN_KEY => storage.admin_key(&Entropy::system()).map(drop),
            _ => storage.vault_key().map(drop),
        };
        one_line(&refused.expect_err(&format!("{name}: {contents:?}")), &path);
        assert_eq!(fs::read(&path).unwrap(), contents);
    }
}

#[test]
fn what_can_not_be_written_whole_leaves_nothing_behind() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("key");
    fs::create_dir(directory.path().join("key.new")).unwrap();
    replace(&path, b"text").unwrap_err();
    assert!(!path.exists());
    fs::remove_dir(directory.path().join("key.new")).unwrap();
    // Left by a process that died.
    write(&directory, "key.new", b"half");
    replace(&path, b"whole").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"whole");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}
