use super::*;
use crate::scheme::{Place, Scope};
use std::collections::BTreeSet;

fn provider(id: &str) -> &'static Provider {
    Provider::find(id).expect("in the table")
}

fn settings(pairs: &[(&str, &str)]) -> Settings {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
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
    }
    assert!(Provider::find("nobody").is_none());
}

#[test]
fn secrets_are_checked_in_the_form_that_the_provider_gives_out() {
    let stripe = provider("stripe");
    assert_eq!(stripe.check_secret("whsec_test_3b7a9f0c1d2e4f5a6b7c8d9e0f1a2b3c"), Ok(()));
    assert_eq!(stripe.check_secret(""), Err(InvalidSecret::Empty));
    assert_eq!(stripe.check_secret("sk_live_3b7a9f0c1d2e4f5a6b7c8d9e"), Err(InvalidSecret::Prefix("whsec_")));
    assert_eq!(stripe.check_secret("whsec_1"), Err(InvalidSecret::TooShort));
    assert_eq!(stripe.check_secret("whsec_test_3b7a9f0c1d2e4f5a6b7c\n"), Err(InvalidSecret::Spaces));

    let adyen = provider("adyen");
    let key = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";
    assert_eq!(adyen.check_secret(key), Ok(()));
    assert_eq!(adyen.check_secret(&key.to_ascii_lowercase()), Ok(()));
    assert_eq!(adyen.check_secret(&key[1..]), Err(InvalidSecret::Form));
    assert_eq!(adyen.check_secret(&key[2..]), Err(InvalidSecret::TooShort));

    let standard = provider("standard_webhooks");
    assert_eq!(standard.check_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Ok(()));
    assert_eq!(standard.check_secret("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Ok(()));
    assert_eq!(standard.check_secret("whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="), Ok(()));
    assert_eq!(standard.check_secret("whsec_not base64"), Err(InvalidSecret::Spaces));
    assert_eq!(standard.check_secret("whsec_not-base64"), Err(InvalidSecret::Form));
    assert_eq!(standard.check_secret("whsec_AQID"), Err(InvalidSecret::TooShort));
    // The signer's own half, and a point under which anybody can sign.
    assert_eq!(
        standard.check_secret("whsk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="),
        Err(InvalidSecret::Form)
    );
    let weak = "whpk_AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    assert_eq!(standard.check_secret(weak), Err(InvalidSecret::Form));
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
