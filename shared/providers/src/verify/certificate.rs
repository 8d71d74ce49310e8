//! The certificate that a signature was made under: its chain, its validity and whom it was issued for.
//!
//! **Guarantee:** [`Certificate::trusted`] gives only a certificate that chains to one of the roots, is valid now and is
//! issued for one of the names by its subject alternative names. The common name counts for nothing: no public
//! authority issues certificates without alternative names (CA/Browser Forum Baseline Requirements §7.1.4), and RFC 9525
//! §2 has dropped it.
//!
//! Revocation is not looked up: it would be one more call to fetch while a provider waits, for a key that the provider
//! stops to name when it replaces it.

use crate::Roots;
use jiff::Timestamp;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use std::time::Duration;
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};

/// A leaf and the intermediates that a provider sends with it are three or four.
const MAX_CERTIFICATES: usize = 10;

/// A certificate's chain can't be trusted, or it isn't that of whom it should be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Untrusted;

pub(super) struct Certificate(CertificateDer<'static>);

impl Certificate {
    /// `pem`: the certificate, followed by its intermediates in any order.
    pub(super) fn trusted(
        pem: &[u8],
        names: &[&str],
        roots: Roots<'_>,
        now: Timestamp,
    ) -> Result<Self, Untrusted> {
        let bundle: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem)
            .take(MAX_CERTIFICATES + 1)
            .collect::<Result<_, _>>()
            .map_err(|_| Untrusted)?;
        let (leaf, intermediates) = bundle.split_first().ok_or(Untrusted)?;
        if bundle.len() > MAX_CERTIFICATES {
            return Err(Untrusted);
        }
        let certificate = EndEntityCert::try_from(leaf).map_err(|_| Untrusted)?;
        let seconds = u64::try_from(now.as_second()).map_err(|_| Untrusted)?;
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let chains = |anchors: &[TrustAnchor<'_>]| {
            let usage = KeyUsage::server_auth();
            certificate
                .verify_for_usage(ALL_VERIFICATION_ALGS, anchors, intermediates, now, usage, None, None)
                .map(|_| ())
                .map_err(|_| Untrusted)
        };
        match roots {
            Roots::Web => chains(webpki_roots::TLS_SERVER_ROOTS)?,
            Roots::Only(roots) => {
                let roots: Vec<CertificateDer<'_>> =
                    roots.iter().map(|root| CertificateDer::from(root.as_slice())).collect();
                let anchors: Result<Vec<_>, _> = roots.iter().map(anchor_from_trusted_cert).collect();
                chains(&anchors.map_err(|_| Untrusted)?)?;
            }
        }
        let is_for = |name: &&str| {
            ServerName::try_from(*name)
                .is_ok_and(|name| certificate.verify_is_valid_for_subject_name(&name).is_ok())
        };
        if !names.iter().any(is_for) {
            return Err(Untrusted);
        }
        Ok(Self(leaf.clone()))
    }

    /// Whether the certificate's key made `signature` over `message`: RSA, PKCS#1 v1.5, SHA-256.
    pub(super) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        EndEntityCert::try_from(&self.0).is_ok_and(|certificate| {
            let algorithm = webpki::ring::RSA_PKCS1_2048_8192_SHA256;
            certificate.verify_signature(algorithm, message, signature).is_ok()
        })
    }
}
