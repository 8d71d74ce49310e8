//! How values are stored: JSON, compressed with a dictionary of what payment events look like.
//!
//! DynamoDB bills writes by the kilobyte, so an event of 3 KiB costs one unit instead of four. JSON inside, and
//! not a binary format, so that a field can be added without a migration and an operator can read an item.
//!
//! A blob is one byte that names the dictionary, then a zstd frame, which says how large its plain text is. A dictionary
//! is never changed once it has been released: a better one gets the next number.
//!
//! **Guarantee:** what can be written can be read: one limit holds for both.

use crate::StoreError;
use serde::{Serialize, de::DeserializeOwned};
use std::io::Read;
use std::sync::LazyLock;
use zstd::dict::{DecoderDictionary, EncoderDictionary};

/// What events looked like when they held the whole ledger of their payment: only read.
const DICTIONARY_1: &[u8] = include_bytes!("dictionary-1.txt");
const DICTIONARY_1_TAG: u8 = 1;
const DICTIONARY_2: &[u8] = include_bytes!("dictionary-2.txt");
const DICTIONARY_2_TAG: u8 = 2;

/// Measured on 3 KiB events: 19 compresses 2 % better at ten times the CPU.
const LEVEL: i32 = 9;

/// The most plain text of one value. An item holds 400 KB, which JSON that repeats itself exceeds a hundredfold: the ledger
/// of a payment with 2,000 refunds was written as 4 MB of text and 29 KB of it compressed.
const MAX_PLAIN_BYTES: usize = 64 * 1024 * 1024;

static ENCODER: LazyLock<EncoderDictionary<'static>> =
    LazyLock::new(|| EncoderDictionary::copy(DICTIONARY_2, LEVEL));
static DECODER_1: LazyLock<DecoderDictionary<'static>> =
    LazyLock::new(|| DecoderDictionary::copy(DICTIONARY_1));
static DECODER_2: LazyLock<DecoderDictionary<'static>> =
    LazyLock::new(|| DecoderDictionary::copy(DICTIONARY_2));

/// # Errors
/// [`StoreError::TooLarge`] for what [`decode_bytes`] would refuse.
pub(crate) fn encode_bytes(plain: &[u8]) -> Result<Vec<u8>, StoreError> {
    if plain.len() > MAX_PLAIN_BYTES {
        return Err(StoreError::TooLarge);
    }
    let mut compressor = zstd::bulk::Compressor::with_prepared_dictionary(&ENCODER)
        .expect("the dictionary is part of the program");
    let mut frame = compressor.compress(plain).expect("compressing to memory does not fail");
    frame.insert(0, DICTIONARY_2_TAG);
    Ok(frame)
}

pub(crate) fn decode_bytes(kind: &'static str, blob: &[u8]) -> Result<Vec<u8>, StoreError> {
    let (frame, dictionary) = frame(kind, blob)?;
    let plain_bytes = zstd::zstd_safe::get_frame_content_size(frame).ok().flatten();
    let plain_bytes = plain_bytes
        .and_then(|bytes| usize::try_from(bytes).ok())
        .filter(|bytes| *bytes <= MAX_PLAIN_BYTES)
        .ok_or_else(|| StoreError::corrupt(kind, "does not say how large it is, or is too large"))?;
    zstd::bulk::Decompressor::with_prepared_dictionary(dictionary)
        .and_then(|mut decompressor| decompressor.decompress(frame, plain_bytes))
        .map_err(|error| StoreError::corrupt(kind, error))
}

/// Reads a blob from its beginning, as far as it is asked to.
pub(crate) struct Reader<'a> {
    kind: &'static str,
    plain: zstd::Decoder<'static, &'a [u8]>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(kind: &'static str, blob: &'a [u8]) -> Result<Self, StoreError> {
        let (frame, dictionary) = frame(kind, blob)?;
        let plain = zstd::Decoder::with_prepared_dictionary(frame, dictionary);
        Ok(Self { kind, plain: plain.map_err(|error| StoreError::corrupt(kind, error))? })
    }

    /// The next `bytes`.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<Vec<u8>, StoreError> {
        let mut taken = Vec::new();
        let limit = u64::try_from(bytes.min(MAX_PLAIN_BYTES)).unwrap_or(u64::MAX);
        let read = (&mut self.plain).take(limit).read_to_end(&mut taken);
        read.map_err(|error| StoreError::corrupt(self.kind, error))?;
        if taken.len() == bytes { Ok(taken) } else { Err(StoreError::corrupt(self.kind, "truncated")) }
    }
}

/// The frame of a blob, and what it was compressed with.
fn frame<'a>(
    kind: &'static str,
    blob: &'a [u8],
) -> Result<(&'a [u8], &'static DecoderDictionary<'static>), StoreError> {
    match blob.split_first() {
        Some((&DICTIONARY_1_TAG, frame)) => Ok((frame, &DECODER_1)),
        Some((&DICTIONARY_2_TAG, frame)) => Ok((frame, &DECODER_2)),
        _ => Err(StoreError::corrupt(kind, "written with a dictionary that this version does not have")),
    }
}

pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    encode_bytes(&serde_json::to_vec(value).expect("plain data serialises"))
}

pub(crate) fn decode<T: DeserializeOwned>(kind: &'static str, blob: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(&decode_bytes(kind, blob)?).map_err(|error| StoreError::corrupt(kind, error))
}
