//! One genuine body is one notification, whatever stands in the headers that nobody signs.

use crate::support;
use crate::vectors::{Expect, Vector};
use data_encoding::BASE64;
use domain::{EventId, SourceId};
use jiff::Timestamp;
use providers::{Provider, Request, Secret, Settings};
use std::collections::BTreeSet;

/// Everything by which the consumer tells one event from another.
fn ids(
    vector: &Vector,
    provider: &'static Provider,
    headers: &[(String, String)],
) -> Option<Vec<(EventId, String)>> {
    let mut settings: Settings = support::accepted(provider);
    let known = provider.settings().iter();
    settings.extend(
        known.filter_map(|setting| Some((setting.name.to_owned(), vector.extra(setting.name)?.to_owned()))),
    );
    let id = support::secret_id(0);
    let texts = vector.secrets.clone().unwrap_or_default();
    let secrets: Vec<Secret<'_>> = texts.iter().map(|text| Secret { id: &id, text }).collect();
    let body = BASE64.decode(vector.body.as_deref()?.as_bytes()).ok()?;
    let request = Request { method: "POST", url: vector.url.as_deref()?, headers, body: &body };
    let now = Timestamp::from_second(vector.now).ok()?;
    let verified = provider.verify(&request, &secrets, &settings, now).ok()?;
    let source = SourceId::mint([0; 16]);
    let id = |notification: &domain::Notification| {
        (EventId::derive(&source, None, &notification.dedupe_key), notification.digest())
    };
    Some(verified.notifications(&settings).ok()?.iter().map(id).collect())
}

#[test]
fn no_value_of_an_unsigned_header_makes_a_further_event_of_a_genuine_body() {
    let mut providers = BTreeSet::new();
    let mut tried = 0;
    for file in support::json_files(&support::own_directory()) {
        for vector in support::read::<Vector>(&file) {
            let Some(provider) = Provider::find(support::provider_id(&vector.provider)) else { continue };
            let Some(headers) = vector.headers.clone().filter(|_| vector.expect == Expect::Accept) else {
                continue;
            };
            let Some(genuine) = ids(&vector, provider, &headers) else { continue };
            providers.insert(provider.id());
            // Those that it came with, and those that the provider would send.
            let sent = headers.iter().map(|(name, _)| name.to_ascii_lowercase());
            let kept = provider.schemes().flat_map(|scheme| scheme.keeps).map(|name| (*name).to_owned());
            let names: BTreeSet<String> = sent.chain(kept).collect();
            for name in names {
                // Of Shopify's topics those that we know tell apart (ADR 0030); those that somebody makes up do not.
                let mut expected = (!name.ends_with("shopify-topic")).then(|| genuine.clone());
                for value in ["0", "another-value", "true"] {
                    let mut altered = headers.clone();
                    altered.retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
                    altered.push((name.clone(), value.to_owned()));
                    // One that the signature covers, or that has to be what it is.
                    let Some(repeated) = ids(&vector, provider, &altered) else { continue };
                    tried += 1;
                    let expected = expected.get_or_insert_with(|| repeated.clone());
                    assert_eq!(repeated, *expected, "{}: {name}: {value}", vector.id);
                }
            }
        }
    }
    assert!(tried > 100, "{tried}");
    // Of some the vectors' bodies are no notifications; of all it is held that no key reads such a header.
    assert!(providers.len() > 20, "{providers:?}");
}
