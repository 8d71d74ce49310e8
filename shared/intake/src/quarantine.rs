//! Quarantine: what was refused is kept, sealed, and judged again once its source has been corrected.
//!
//! **Guarantee:** a request leaves the quarantine only after SQS has confirmed its event, or when somebody deletes
//! it, or by age. To keep one never changes what the provider is answered, and takes at most
//! two seconds, and one more for each MiB.

use crate::{Intake, LoadedSource, Refusal};
use domain::QuarantineId;
use jiff::{SignedDuration, Timestamp};
use platform::{Cache, Clock, SEALED_OVERHEAD_BYTES, VaultError};
use providers::Request;
use queue::QueueError;
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use store::{
    QUARANTINE_FULL_BELOW_BYTES, QUARANTINE_MAX_REQUEST_BYTES, Quarantined, SealedRequest, StoreError,
};

/// How long a full day is believed without asking: a flood costs a write a minute. The minutes until a new day is
/// noticed are lost to the quarantine.
const FULL_MAX_AGE: SignedDuration = SignedDuration::from_mins(1);

/// A provider waits ten seconds at least, and the answer is due whether the request is kept or not. A second more for each
/// MiB, which is written in parts.
fn keep_timeout(request: &Request<'_>) -> Duration {
    let mebibytes = u32::try_from(request.body.len() >> 20).unwrap_or(u32::MAX);
    Duration::from_secs(2).saturating_add(Duration::from_secs(1).saturating_mul(mebibytes))
}

const COMPRESSION_LEVEL: i32 = 3;
/// The webhook function reads 6 MiB of a body at most, and no server takes that much in headers.
const MAX_UNPACKED_BYTES: usize = 8 * 1024 * 1024;

/// What became of a request that was to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    Kept,
    /// The source has no room left today.
    Full,
    /// It does not compress to [`QUARANTINE_MAX_REQUEST_BYTES`].
    TooLarge,
    /// The table or KMS did not do it in time.
    Failed,
}

impl Kept {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Full => "full",
            Self::TooLarge => "too_large",
            Self::Failed => "failed",
        }
    }
}

/// What became of a request that was judged again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Its event is queued, and it is no longer in quarantine.
    Accepted,
    /// It stays, for this reason: a [`Refusal::code`], or `unreadable` if it can't be opened any more.
    Rejected(&'static str),
}

impl Again {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected(reason) => reason,
        }
    }
}

/// What has to be tried again; the request is still in quarantine, or its event is queued already, which a repeat
/// does not harm.
#[derive(Debug, thiserror::Error)]
pub enum AgainError {
    #[error("the table did not do its part")]
    Store(#[source] StoreError),
    #[error("the request can't be opened now")]
    Vault(#[source] VaultError),
    #[error("the event could not be queued")]
    Queue(#[source] QueueError),
}

#[derive(Debug, thiserror::Error)]
enum KeepError {
    #[error("the table did not do its part")]
    Store(#[source] StoreError),
    #[error("the request could not be sealed")]
    Vault(#[source] VaultError),
    #[error("not within the time allowed")]
    Timeout,
}

pub(crate) fn full(clock: &Clock) -> Cache<domain::SourceId, usize> {
    Cache::new(clock.clone(), FULL_MAX_AGE)
}

/// From how many bytes on a day is believed to be full that had no room for `bytes`. For none at all as a rule: only of the few
/// large requests smaller ones may still fit. A power of two, so that no sender finds out the room left byte by byte,
/// at a write each.
fn full_from(bytes: usize) -> usize {
    if bytes <= QUARANTINE_FULL_BELOW_BYTES { 0 } else { 1 << bytes.ilog2() }
}

impl Intake {
    /// Keeps a request that was refused for `reason`, if there is room. Never fails: what can't be kept is counted.
    pub async fn quarantine(
        &self,
        source: &LoadedSource,
        request: &Request<'_>,
        received_at: Timestamp,
        reason: &'static str,
    ) -> Kept {
        let keeping =
            tokio::time::timeout(keep_timeout(request), self.keep(source, request, received_at, reason));
        let kept = keeping.await.unwrap_or(Err(KeepError::Timeout)).unwrap_or_else(|error| {
            tracing::warn!(source = %source.id(), error = &error as &dyn Error, "not kept in quarantine");
            Kept::Failed
        });
        self.parts.counters.quarantined(source.provider.id(), kept);
        kept
    }

    async fn keep(
        &self,
        source: &LoadedSource,
        request: &Request<'_>,
        received_at: Timestamp,
        reason: &'static str,
    ) -> Result<Kept, KeepError> {
        let least = self.full.get(source.id());
        if least == Some(0) {
            return Ok(Kept::Full);
        }
        let packed = pack(request);
        let bytes = packed.len() + SEALED_OVERHEAD_BYTES;
        if least.is_some_and(|least| bytes >= least) {
            return Ok(Kept::Full);
        }
        if bytes > QUARANTINE_MAX_REQUEST_BYTES {
            return Ok(Kept::TooLarge);
        }
        // Before it is sealed: a flood must not cost a call of KMS each.
        let reserved = self.parts.store.reserve_quarantine(source.id(), received_at, bytes).await;
        if !reserved.map_err(KeepError::Store)? {
            self.full.insert(source.id().clone(), full_from(bytes));
            return Ok(Kept::Full);
        }
        let id = QuarantineId::mint(source.id(), self.parts.entropy.uuid_v7(received_at));
        // Sealed for this very id, so that no request can be put in the place of another.
        let sealed = self.parts.vault.seal_bytes(id.as_str(), &packed).await.map_err(KeepError::Vault)?;
        let entry = Quarantined {
            id,
            source: source.id().clone(),
            provider: source.provider.id().to_owned(),
            reason: reason.to_owned(),
            method: request.method.to_owned(),
            header_names: request.headers.iter().map(|(name, _)| name.clone()).collect(),
            body_bytes: request.body.len(),
            received_at,
        };
        let written = self.parts.store.put_quarantined(&SealedRequest { entry, sealed }).await;
        match written {
            Ok(()) => Ok(Kept::Kept),
            Err(StoreError::TooLarge) => Ok(Kept::TooLarge),
            Err(error) => Err(KeepError::Store(error)),
        }
    }

    /// Judges a request from quarantine by `source` as it is now, but at the time when it was received, so that it is
    /// not too old for having waited here. If it is genuine, its event is queued with that time, and it leaves the
    /// quarantine.
    ///
    /// # Errors
    /// If a service does not answer. To do it all again is harmless: an event's id comes from what it says.
    pub async fn verify_again(
        &self,
        source: &Arc<LoadedSource>,
        request: &SealedRequest,
    ) -> Result<Again, AgainError> {
        let again = self.judge_again(source, request).await?;
        self.parts.counters.verified_again(source.provider.id(), again);
        Ok(again)
    }

    async fn judge_again(
        &self,
        source: &Arc<LoadedSource>,
        request: &SealedRequest,
    ) -> Result<Again, AgainError> {
        let SealedRequest { entry, sealed } = request;
        let packed = match self.parts.vault.open_bytes(entry.id.as_str(), sealed).await {
            Ok(packed) => packed,
            Err(VaultError::Unopenable) => return Ok(Again::Rejected("unreadable")),
            Err(error) => return Err(AgainError::Vault(error)),
        };
        let Some(kept) = unpack(&packed) else { return Ok(Again::Rejected("unreadable")) };
        let (received_at, now) = (entry.received_at, self.parts.clock.now());
        match self.judge_by(source, &kept.request(), received_at, now).await {
            Ok(genuine) => {
                self.enqueue(genuine).await.map_err(AgainError::Queue)?;
                self.parts.store.delete_quarantined(&entry.id).await.map_err(AgainError::Store)?;
                Ok(Again::Accepted)
            }
            Err(refusal) => Ok(Again::Rejected(Refusal::code(&refusal))),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Head {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
}

/// A request out of quarantine. Not `Debug`: its headers may be credentials.
pub(crate) struct KeptRequest {
    head: Head,
    body: Vec<u8>,
}

impl KeptRequest {
    pub(crate) fn request(&self) -> Request<'_> {
        let Head { method, url, headers } = &self.head;
        Request { method, url, headers, body: &self.body }
    }
}

/// The length of the head (4 bytes, big-endian), the head as JSON, the body byte for byte; all of it compressed.
pub(crate) fn pack(request: &Request<'_>) -> Vec<u8> {
    let head = Head {
        method: request.method.to_owned(),
        url: request.url.to_owned(),
        headers: request.headers.to_vec(),
    };
    let head = serde_json::to_vec(&head).expect("plain data serialises");
    let length = u32::try_from(head.len()).expect("no server takes headers of gigabytes");
    let plain = [&length.to_be_bytes(), head.as_slice(), request.body].concat();
    zstd::bulk::compress(&plain, COMPRESSION_LEVEL).expect("compressing to memory does not fail")
}

pub(crate) fn unpack(packed: &[u8]) -> Option<KeptRequest> {
    let plain = zstd::bulk::decompress(packed, MAX_UNPACKED_BYTES).ok()?;
    let (length, rest) = plain.split_first_chunk::<4>()?;
    let (head, body) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    Some(KeptRequest { head: serde_json::from_slice(head).ok()?, body: body.to_vec() })
}
