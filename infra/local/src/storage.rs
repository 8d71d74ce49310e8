//! Where the state is: in a directory that one process has for itself and only its owner can look into, or nowhere.

use anyhow::{Context, Result, bail, ensure};
use platform::{Entropy, MIN_ADMIN_KEY_CHARS, SecretText};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const ADMIN_KEY: &str = "admin.key";
const VAULT_KEY: &str = "vault.key";
const LOCK: &str = "lock";

/// 32 bytes in base64url.
const VAULT_KEY_CHARS: usize = 43;

const FOR_THE_OWNER: u32 = 0o600;
const DIRECTORY_FOR_THE_OWNER: u32 = 0o700;
/// What others may do, and the bit of directories that are shared, such as `/tmp`.
const OTHERS: u32 = 0o077;
const SHARED: u32 = 0o1000;

/// Where the state is. Clones share it.
#[derive(Debug, Clone)]
pub enum Storage {
    Memory,
    /// What is in it survives SIGKILL.
    Directory(Arc<DataDirectory>),
}

/// A directory, which no other process opens while this is there.
#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    /// The system lets go of it when the process ends, however it ends.
    _lock: File,
}

impl Storage {
    /// The directory at `path`, made if absent.
    pub fn directory(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        DirBuilder::new()
            .recursive(true)
            .mode(DIRECTORY_FOR_THE_OWNER)
            .create(&path)
            .with_context(|| format!("the data directory {} can't be made", path.display()))?;
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(FOR_THE_OWNER)
            .open(path.join(LOCK))
            .with_context(|| format!("the data directory {} can't be used", path.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                bail!("the data directory {} is in use by another `payrelay dev`", path.display())
            }
            Err(TryLockError::Error(error)) => {
                return Err(error)
                    .with_context(|| format!("the data directory {} can't be locked", path.display()));
            }
        }
        close_to_others(&path, &lock)?;
        Ok(Self::Directory(Arc::new(DataDirectory { path, _lock: lock })))
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        match self {
            Self::Memory => None,
            Self::Directory(directory) => Some(directory.path.join(name)),
        }
    }

    /// A database's file. It is there, so that it and what SQLite puts beside it have its mode.
    pub(crate) fn database(&self, name: &str) -> Result<Option<PathBuf>> {
        let Some(path) = self.path(name) else { return Ok(None) };
        for name in [name.to_owned(), format!("{name}-wal"), format!("{name}-shm")] {
            if let Some(beside) = self.path(&name).filter(|beside| beside.exists()) {
                set_mode(&beside)?;
            }
        }
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(FOR_THE_OWNER)
            .open(&path)
            .with_context(|| format!("{} can't be written", path.display()))?;
        Ok(Some(path))
    }

    /// A file that its user replaces by [`replace`].
    pub(crate) fn file(&self, name: &str) -> Result<Option<PathBuf>> {
        let Some(path) = self.path(name) else { return Ok(None) };
        if path.exists() {
            set_mode(&path)?;
        }
        Ok(Some(path))
    }

    /// The admin key of this storage, made at first use.
    pub fn admin_key(&self, entropy: &Entropy) -> Result<SecretText> {
        if let Some((path, key)) = self.key(ADMIN_KEY)? {
            ensure!(
                key.len() >= MIN_ADMIN_KEY_CHARS,
                "{} holds no admin key, which has at least {MIN_ADMIN_KEY_CHARS} characters: delete the file to have a \
                 new one made",
                path.display()
            );
            return Ok(SecretText::new(key));
        }
        let key = format!("prk_admin_{}", entropy.secret_text().expose());
        self.keep_key(ADMIN_KEY, &key)?;
        Ok(SecretText::new(key))
    }

    /// The vault's key, if there is one.
    pub(crate) fn vault_key(&self) -> Result<Option<SecretText>> {
        let Some((path, key)) = self.key(VAULT_KEY)? else { return Ok(None) };
        ensure!(
            key.len() == VAULT_KEY_CHARS,
            "{} holds no key of the vault, which has {VAULT_KEY_CHARS} characters: put the right file back",
            path.display()
        );
        Ok(Some(SecretText::new(key)))
    }

    pub(crate) fn keep_vault_key(&self, key: &SecretText) -> Result<()> {
        self.keep_key(VAULT_KEY, key.expose())
    }

    /// For messages.
    pub(crate) fn vault_key_path(&self) -> String {
        self.path(VAULT_KEY).unwrap_or_default().display().to_string()
    }

    /// A key and the file that it is in, if that is there. An editor's line end is no part of it.
    fn key(&self, name: &str) -> Result<Option<(PathBuf, String)>> {
        let Some(path) = self.path(name) else { return Ok(None) };
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("{} can't be read", path.display())),
        };
        set_mode(&path)?;
        let key = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        match String::from_utf8(key.to_vec()) {
            Ok(key) if !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Ok(Some((path, key)))
            }
            _ => {
                bail!(
                    "{} holds no key: it is empty, or has other characters than a key has. Put the right file back, or \
                     delete it if it never held a key",
                    path.display()
                )
            }
        }
    }

    fn keep_key(&self, name: &str, key: &str) -> Result<()> {
        match self.path(name) {
            None => Ok(()),
            Some(path) => {
                replace(&path, key.as_bytes()).with_context(|| format!("{} can't be written", path.display()))
            }
        }
    }
}

/// Writes a file that only its owner can read. It is there as a whole or not at all, also when the disk is full or the
/// machine stops.
pub(crate) fn replace(path: &Path, contents: &[u8]) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    // Left by a process that died on the way, perhaps with another mode.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(FOR_THE_OWNER).open(&beside)?;
        file.write_all(contents)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().inspect_err(|_| {
        // The error is the one to tell of.
        let _ = fs::remove_file(&beside);
    })?;
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

fn set_mode(path: &Path) -> Result<()> {
    let mode = fs::metadata(path).and_then(|found| {
        let is_open = found.mode() & OTHERS != 0;
        if is_open { fs::set_permissions(path, Permissions::from_mode(FOR_THE_OWNER)) } else { Ok(()) }
    });
    mode.with_context(|| format!("{} can be read by others, which can't be changed", path.display()))
}

/// Lets only its owner into a directory that is ours: `lock` was made or opened by us, so it tells who we are.
fn close_to_others(path: &Path, lock: &File) -> Result<()> {
    let found = fs::metadata(path)?;
    if found.mode() & OTHERS == 0 {
        return Ok(());
    }
    if found.uid() == lock.metadata()?.uid() && found.mode() & SHARED == 0 {
        let closed = Permissions::from_mode(DIRECTORY_FOR_THE_OWNER);
        return fs::set_permissions(path, closed)
            .with_context(|| format!("the data directory {} can't be closed to others", path.display()));
    }
    tracing::warn!(path = %path.display(), "others can look into the data directory");
    Ok(())
}

#[cfg(test)]
mod tests;
