use super::*;
use crate::normalise::format::{At, Format};
use crate::scheme::{Hash, Place, RsaHash, Scope};
use std::collections::BTreeSet;

fn provider(id: &str) -> &'static Provider {
    Provider::find(id).expect("in the table")
}

fn settings(pairs: &[(&str, &str)]) -> Settings {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// For providers whose settings say nothing about secrets.
fn check_secret(provider: &Provider, text: &str) -> Result<(), InvalidSecret> {
    provider.check_secret(text, &Settings::new())
}

#[test]
fn every_row_is_consistent() {
    let mut ids = BTreeSet::new();
    for provider in Provider::all() {
        assert!(ids.insert(provider.id()), "{} occurs twice", provider.id());
        assert!(provider.documentation().starts_with("https://"));
        assert!((200..300).contains(&provider.accepted().status));
        let mut names = BTreeSet::new();
        for scheme in provider.schemes() {
            let name = format!("{}: {}", provider.id(), scheme.name);
            assert!(names.insert(scheme.name), "{name} occurs twice");
            assert!(scheme.key.min_bytes > 0, "{name}");
            assert!(scheme.keeps.iter().all(|header| *header == header.to_ascii_lowercase()), "{name}");
            let sends_the_secret = matches!(scheme.algorithm, Algorithm::Token);
            assert_eq!(scheme.signed.is_empty(), sends_the_secret, "{name}: something must be signed");
            if let (true, Place::Header(header)) = (sends_the_secret, scheme.signature.from) {
                assert!(!scheme.keeps.contains(&header), "{name} would keep the secret");
            }
            if let Scope::EachItem { list, element } = scheme.scope {
                assert!(!list.is_empty() && !element.is_empty(), "{name}");
            }
        }
        let asks = provider.settings().iter().any(|setting| setting.name == EXPERIMENTAL.name);
        assert_eq!(provider.is_experimental(), asks, "{} and its setting", provider.id());
        if let Normalise::Format(format) = &provider.normalise {
            check_format(provider, format);
        }
    }
    assert!(Provider::find("nobody").is_none());
}

/// A format reads only headers that are kept, and no rule of it hides behind an earlier one.
fn check_format(provider: &Provider, format: &Format) {
    let id = provider.id();
    assert!(!format.key.is_empty() && !format.kind.is_empty(), "{id} lacks a key or a type");
    let parts = format.key.iter().chain(format.kind).copied().flatten().chain(format.event_id);
    for at in parts {
        if let At::Header(header) = at {
            let kept = match &provider.schemes {
                Schemes::Coded(coded) => coded.keeps.contains(header),
                schemes => schemes.iter().any(|scheme| scheme.keeps.contains(header)),
            };
            assert!(kept, "{id} reads `{header}`, which no scheme keeps");
        }
    }
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for subject in format.subjects {
        let has_status = !subject.status.is_empty();
        for (kind, status, _) in subject.rules {
            assert!(status.is_empty() || has_status, "{id}: `{kind}` compares a status that is not read");
            let hidden = seen.iter().any(|(earlier, any)| earlier == kind && any.is_empty());
            assert!(!hidden, "{id}: `{kind}` `{status}` can't be reached");
            seen.push((kind, status));
        }
    }
}

#[test]
fn an_experimental_provider_is_refused_until_the_source_accepts_it() {
    let klarna = provider("klarna");
    assert!(klarna.is_experimental());
    let missing = klarna.check_settings(&settings(&[])).expect_err("required");
    assert_eq!(missing, [InvalidSetting::Missing { name: "experimental" }]);
    assert!(klarna.check_settings(&settings(&[("experimental", "yes")])).is_err());
    assert_eq!(klarna.check_settings(&settings(&[("experimental", "accepted")])), Ok(()));
    let request = Request { method: "POST", url: "https://x", headers: &[], body: b"id=tr_1" };
    for settings in [settings(&[]), settings(&[("experimental", "yes")])] {
        for experimental in Provider::all().filter(|provider| provider.is_experimental()) {
            let refused = experimental.verify(&request, &[], &settings, Timestamp::UNIX_EPOCH);
            assert_eq!(refused, Err(Rejection::ExperimentalNotAccepted), "{}", experimental.id());
        }
    }
}

#[test]
fn no_key_reads_a_header_that_a_scheme_keeps_and_does_not_sign() {
    let signs = |scheme: &Scheme<'_>, header: &str| {
        let is_it = |part: &Part<'_>| matches!(part, Part::From(Place::Header(name)) if *name == header);
        scheme.signed.iter().all(|template| template.iter().any(is_it))
    };
    let mut read = 0;
    for provider in Provider::all() {
        let Normalise::Format(format) = &provider.normalise else { continue };
        for alternative in format.key {
            let is_content = alternative.iter().any(|at| matches!(at, At::BodySha256));
            for at in *alternative {
                match at {
                    At::Header(header) => {
                        read += 1;
                        let mut keeping = provider.schemes().filter(|scheme| scheme.keeps.contains(header));
                        assert!(keeping.all(|scheme| signs(scheme, header)), "{}: {header}", provider.id());
                        assert!(
                            !matches!(provider.schemes, Schemes::Coded(_)),
                            "{}: {header}",
                            provider.id()
                        );
                    }
                    At::HeaderAmong(header, _) => assert!(is_content, "{}: {header}", provider.id()),
                    _ => {}
                }
            }
        }
    }
    assert!(read > 0, "Polar's and Dodo's ids are signed");
}

#[test]
fn a_provider_that_signs_nothing_takes_no_secret_and_proves_nothing() {
    let mollie = provider("mollie");
    assert!(!mollie.is_signed());
    assert_eq!(check_secret(mollie, "live_0123456789"), Err(InvalidSecret::Unused));
    let headers =
        [("Content-Type".to_owned(), "text/plain".to_owned()), ("X-Other".to_owned(), "1".to_owned())];
    let request = Request { method: "POST", url: "https://x", headers: &headers, body: b"id=tr_1" };
    let accepted = settings(&[("experimental", "accepted")]);
    let at =
        |us: i64| mollie.verify(&request, &[], &accepted, Timestamp::from_microsecond(us).expect("in range"));
    let first = at(3_000_001).expect("unsigned");
    let (second, third) = (at(3_999_999).expect("unsigned"), at(4_000_000).expect("unsigned"));
    assert_eq!((first.secret(), first.verified_by()), (None, domain::VerifiedBy::None));
    assert_eq!(first.headers().len(), 1);
    // The same body later is another change; at about the same time it is the same.
    let key = |verified: &Verified| verified.notifications(&accepted).expect("a form")[0].dedupe_key.clone();
    assert_eq!([key(&first), key(&second)], ["tr_1:2000000", "tr_1:2000000"]);
    assert_eq!(key(&third), "tr_1:4000000");
    let left = |verified: &Verified| verified.meta().repeats_for().as_micros();
    assert_eq!([left(&first), left(&second), left(&third)], [999_999, 1, 2_000_000]);
    let (meta, body) = first.clone().into_parts();
    let crossed = serde_json::to_string(&meta).expect("plain data");
    let crossed = Verified::from_parts(serde_json::from_str(&crossed).expect("what was written"), body);
    assert_eq!(crossed, first);
}

#[test]
fn a_provider_with_a_key_of_its_own_takes_no_secret() {
    for id in ["paypal", "plaid", "wise", "woovi", "paddle_classic", "midtrans_snap"] {
        assert!(provider(id).is_signed() && !provider(id).takes_secrets(), "{id}");
        assert_eq!(check_secret(provider(id), "a-secret-of-some-length"), Err(InvalidSecret::Unused), "{id}");
    }
    for id in ["stripe", "braintree", "generic"] {
        assert!(provider(id).takes_secrets(), "{id}");
    }
    assert!(!provider("mollie").takes_secrets());
}

#[test]
fn a_public_key_is_checked_when_it_is_configured() {
    let wise = provider("wise");
    let sandbox = match wise.schemes().next().expect("one").algorithm {
        Algorithm::Rsa { key: PublicKey::Fixed { keys, .. }, .. } => keys[1].1,
        _ => panic!("an RSA key"),
    };
    let custom = |pem: &str| settings(&[("environment", "custom"), ("public_key_pem", pem)]);
    assert_eq!(wise.check_settings(&custom(sandbox)), Ok(()));
    assert_eq!(wise.check_settings(&custom(&sandbox.replace('\n', "\r\n"))), Ok(()));
    // An Ed25519 key (RFC 8410 §10.1), and an RSA key of 1024 bits.
    let other = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    let short = "-----BEGIN PUBLIC KEY-----\n\
        MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDdlatRjRjogo3WojgGHFHYLugd\n\
        UWAY9iR3fy4arWNA1KoS8kVw33cJibXr8bvwUAUparCwlvdbH6dvEOfou0/gCFQs\n\
        HUfQrSDv+MuSUMAe8jzKE4qW+jK+xQU9a03GUnKHkkle+Q0pX/g6jXZ7r1/xAK5D\n\
        o2kQ+X5xK9cipRgEKwIDAQAB\n-----END PUBLIC KEY-----\n";
    for pem in [other, short, "", "x", &sandbox[..200], &sandbox.replace("PUBLIC", "PRIVATE")] {
        let invalid = wise.check_settings(&custom(pem)).expect_err(pem);
        assert_eq!(invalid, [InvalidSetting::NotAPublicKey { name: "public_key_pem" }]);
    }
    let missing = [InvalidSetting::Missing { name: "public_key_pem" }];
    assert_eq!(wise.check_settings(&settings(&[("environment", "custom")])), Err(missing.to_vec()));
    assert_eq!(provider("paddle_classic").check_settings(&settings(&[])), Err(missing.to_vec()));
    assert_eq!(wise.check_settings(&settings(&[])), Ok(()));
}

#[test]
fn woovis_key_of_1024_bits_counts_in_the_table_alone() {
    // What is short must be named here: it is a decision.
    let mut short = Vec::new();
    for (provider, scheme) in Provider::all().flat_map(|all| all.schemes().map(move |one| (all, one))) {
        let Algorithm::Rsa { key: PublicKey::Fixed { by, keys, custom }, .. } = scheme.algorithm else {
            continue;
        };
        for (value, pem) in keys {
            assert!(verify::Key::fixed(pem).is_some(), "{} {value}", provider.id());
            if verify::Key::public(pem).is_none() {
                short.push((provider.id(), scheme.name, *value));
                let invalid =
                    provider.check_settings(&settings(&[(by, custom.0), (custom.1, pem)])).expect_err(value);
                assert!(invalid.contains(&InvalidSetting::NotAPublicKey { name: custom.1 }), "{invalid:?}");
            }
        }
    }
    let expected = ["x-webhook-signature", "without company"].map(|name| ("woovi", name, "production"));
    assert_eq!(short, expected);
}

#[test]
fn weak_hashes_are_named_here_and_nowhere_new() {
    // Each is a decision: infra/decisions/0021-weak-hashes-where-a-provider-has-no-other.md.
    let is_weak = |hash: Hash| matches!(hash, Hash::Md5 | Hash::Sha1);
    let weak: BTreeSet<&str> = Provider::all()
        .filter(|provider| {
            provider.schemes().any(|scheme| match scheme.algorithm {
                Algorithm::Hmac(hash) | Algorithm::Digest(hash) => is_weak(hash),
                Algorithm::DigestNamedBy { allowed, .. } => allowed.iter().any(|(_, hash)| is_weak(*hash)),
                Algorithm::Rsa { hash, .. } => matches!(hash, RsaHash::Sha1),
                Algorithm::Ed25519 | Algorithm::Token => false,
            })
        })
        .map(Provider::id)
        .collect();
    assert_eq!(weak, BTreeSet::from(["braintree", "paddle_classic", "payu"]));
}

#[test]
fn only_a_post_can_be_genuine_and_only_braintree_asks() {
    let request = |method| Request { method, url: "https://x?bt_challenge=1", headers: &[], body: b"" };
    for provider in Provider::all() {
        let accepted = settings(&[("experimental", "accepted")]);
        for method in ["GET", "PUT", "post", ""] {
            let refused = provider.verify(&request(method), &[], &accepted, Timestamp::UNIX_EPOCH);
            assert_eq!(refused, Err(Rejection::WrongMethod), "{} {method}", provider.id());
        }
        let answer = provider.answer_challenge(&request("GET"), &[], &accepted);
        assert_eq!(answer.is_some(), provider.id() == "braintree", "{}", provider.id());
    }
    let posted = provider("braintree").answer_challenge(&request("POST"), &[], &settings(&[]));
    assert_eq!(posted, Some(Err(Rejection::WrongMethod)));
}

#[test]
fn a_chosen_secret_may_be_a_sentence_and_a_password_has_its_user() {
    assert_eq!(check_secret(provider("github"), "It's a Secret to Everybody"), Ok(()));
    assert_eq!(check_secret(provider("github"), " secret-secret"), Err(InvalidSecret::Spaces));
    assert_eq!(check_secret(provider("github"), "secret\tsecret"), Err(InvalidSecret::Spaces));
    assert_eq!(check_secret(provider("chargebee"), "user:s3cr:et pass"), Ok(()));
    assert_eq!(check_secret(provider("chargebee"), "only-a-password"), Err(InvalidSecret::Form));
}

#[test]
fn a_currency_is_one_of_iso_4217() {
    let authorizenet = provider("authorizenet");
    assert_eq!(authorizenet.check_settings(&settings(&[("currency", "usd")])), Ok(()));
    let invalid = authorizenet.check_settings(&settings(&[("currency", "dollars")])).expect_err("no code");
    assert_eq!(invalid, [InvalidSetting::NotACurrency { name: "currency" }]);
}

#[test]
fn secrets_are_checked_in_the_form_that_the_provider_gives_out() {
    let stripe = provider("stripe");
    assert_eq!(check_secret(stripe, "whsec_test_3b7a9f0c1d2e4f5a6b7c8d9e0f1a2b3c"), Ok(()));
    assert_eq!(check_secret(stripe, ""), Err(InvalidSecret::Empty));
    assert_eq!(
        check_secret(stripe, "sk_live_3b7a9f0c1d2e4f5a6b7c8d9e"),
        Err(InvalidSecret::Prefix("whsec_"))
    );
    assert_eq!(check_secret(stripe, "whsec_1"), Err(InvalidSecret::TooShort));
    assert_eq!(check_secret(stripe, "whsec_test_3b7a9f0c1d2e4f5a6b7c\n"), Err(InvalidSecret::Spaces));

    let adyen = provider("adyen");
    let key = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";
    assert_eq!(check_secret(adyen, key), Ok(()));
    assert_eq!(check_secret(adyen, &key.to_ascii_lowercase()), Ok(()));
    assert_eq!(check_secret(adyen, &key[1..]), Err(InvalidSecret::Form));
    assert_eq!(check_secret(adyen, &key[2..]), Err(InvalidSecret::TooShort));

    let standard = provider("standard_webhooks");
    assert_eq!(check_secret(standard, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Ok(()));
    assert_eq!(check_secret(standard, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Ok(()));
    assert_eq!(check_secret(standard, "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="), Ok(()));
    assert_eq!(check_secret(standard, "whsec_not base64"), Err(InvalidSecret::Spaces));
    assert_eq!(check_secret(standard, "whsec_not-base64"), Err(InvalidSecret::Form));
    assert_eq!(check_secret(standard, "whsec_AQID"), Err(InvalidSecret::TooShort));
    // The signer's own half, and a point under which anybody can sign.
    assert_eq!(
        check_secret(standard, "whsk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="),
        Err(InvalidSecret::Form)
    );
    let weak = "whpk_AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    assert_eq!(check_secret(standard, weak), Err(InvalidSecret::Form));
}

#[test]
fn a_secret_that_the_provider_would_not_give_out_is_noticed() {
    let hex = "0123456789abcdefABCDEF0123456789".repeat(4);
    for (id, text, expected) in [
        ("braintree", "x", Err(InvalidSecret::TooShort)),
        ("braintree", "integration_private_key", Ok(())),
        ("phonepe", "only-a-password", Err(InvalidSecret::Form)),
        ("phonepe", "user:", Err(InvalidSecret::Form)),
        ("phonepe", "merchuser:merchPass1", Ok(())),
        ("chargebee", ":s3cret-s3cret", Err(InvalidSecret::Form)),
        ("chargebee", "some-longer-user:", Err(InvalidSecret::Form)),
        ("authorizenet", &"g".repeat(128), Err(InvalidSecret::Form)),
        ("authorizenet", &hex[1..], Err(InvalidSecret::TooShort)),
        ("authorizenet", &hex, Ok(())),
    ] {
        assert_eq!(check_secret(provider(id), text), expected, "{id}");
    }
}

#[test]
fn a_setting_that_can_not_work_is_refused_and_the_provider_s_own_are_taken() {
    let check = |id: &str, name: &str, value: &str| {
        let mut pairs = vec![(name, value)];
        if provider(id).is_experimental() {
            pairs.push(("experimental", "accepted"));
        }
        provider(id)
            .check_settings(&settings(&pairs))
            .err()
            .unwrap_or_default()
            .iter()
            .any(|e| e.name() == name)
    };
    for (id, name, wrong, right) in [
        (
            "square",
            "notification_url",
            &[
                "",
                "example.com/in",
                "/in",
                "ftp://example.com",
                "https://",
                "https:///in",
                "http://:80/",
                "https://a b",
            ][..],
            &["https://gw.example.test/in/square", "http://localhost:8080", "https://example.com?x=1"][..],
        ),
        ("rapyd", "notification_url", &["gw.example.test"], &["https://gw.example.test/in/rapyd"]),
        (
            "midtrans_snap",
            "notification_path",
            &["", "v1.0/debit", "https://x/y", "/a b"],
            &["/v1.0/debit/notify", "/"],
        ),
        ("paypal", "webhook_id", &["", "a_b", "1 2", "webhook/1"], &["8PT597110X687430LKGECATA", "WH-4-X"]),
        ("phonepe_v1", "salt_index", &["", "a", "-1", "1 "], &["1", "12"]),
    ] {
        for value in wrong {
            assert!(check(id, name, value), "{id} takes `{value}`");
        }
        for value in right {
            assert!(!check(id, name, value), "{id} refuses `{value}`");
        }
    }
}

#[test]
fn a_key_of_ones_own_is_refused_where_it_would_not_be_used() {
    let wise = provider("wise");
    let Algorithm::Rsa { key: PublicKey::Fixed { keys, .. }, .. } =
        wise.schemes().next().expect("one").algorithm
    else {
        panic!("an RSA key")
    };
    let pem = ("public_key_pem", keys[0].1);
    for pairs in [vec![pem], vec![("environment", "sandbox"), pem]] {
        let invalid = wise.check_settings(&settings(&pairs)).expect_err("of no use");
        assert_eq!(
            invalid[0].to_string(),
            "the setting `public_key_pem` is of no use unless `environment` is `custom`"
        );
        assert_eq!(invalid.len(), 1);
    }
}

#[test]
fn a_source_that_verifies_nothing_without_a_credential_is_told_from_one_that_can_do_without() {
    let needs = |id: &str, pairs: &[(&str, &str)]| provider(id).needs_api_credential(&settings(pairs));
    assert!(needs("plaid", &[]) && needs("plaid", &[("environment", "sandbox")]));
    assert!(needs("paypal", &[("verification", "api")]));
    assert!(!needs("paypal", &[]) && !needs("paypal", &[("verification", "certificate")]));
    assert!(!needs("stripe", &[]) && !needs("square", &[]));
    for provider in Provider::all() {
        let taken = provider.check_api_credential("client:secret") != Err(crate::InvalidCredential::Unused);
        assert_eq!(provider.credential_use().is_some(), taken, "{}", provider.id());
    }
}

#[test]
fn what_a_source_s_signature_covers_depends_on_its_settings_only_where_these_say_how_it_signs() {
    let covers = |id: &str, pairs: &[(&str, &str)]| provider(id).covers_with(&settings(pairs));
    assert_eq!(covers("stripe", &[]), Covers::Body);
    assert_eq!(covers("adyen", &[]), Covers::Fields);
    for id in ["mollie", "phonepe", "chargebee"] {
        assert_eq!(covers(id, &[]), Covers::None, "{id}");
    }
    let token = [("algorithm", "token"), ("signature", "header:x-token")];
    let body = [
        ("algorithm", "hmac-sha256"),
        ("signature", "header:x-signature"),
        ("encoding", "hex"),
        ("signed", "{body}"),
    ];
    assert_eq!((covers("generic", &token), covers("generic", &body)), (Covers::None, Covers::Body));
    assert_eq!(covers("generic", &[("algorithm", "nothing")]), Covers::None);
}

#[test]
fn settings_are_checked_and_unknown_names_refused() {
    let adyen = provider("adyen");
    assert_eq!(adyen.check_settings(&settings(&[])), Ok(()));
    assert_eq!(adyen.check_settings(&settings(&[("capture", "automatic")])), Ok(()));
    let invalid =
        adyen.check_settings(&settings(&[("capture", "later"), ("captur", "manual")])).expect_err("two");
    let names: Vec<&str> = invalid.iter().map(InvalidSetting::name).collect();
    assert_eq!(names, ["captur", "capture"]);
    assert_eq!(invalid[1].to_string(), "the setting `capture` must be one of: manual, automatic");
    assert!(provider("stripe").check_settings(&settings(&[("capture", "manual")])).is_err());
}
