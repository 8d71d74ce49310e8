//! What PayPal's and Plaid's signatures need to be fetched, and what becomes of the answers.

use crate::support;
use crate::vectors::Vector;
use data_encoding::BASE64;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use providers::{
    ApiAnswer, ApiMethod, Evidence, Needed, Outcome, Provider, Rejection, Request, Roots, Settings, Verified,
};
use serde_json::{Value, json};

/// A vector of ours, ready to be tried with other settings and other answers.
struct Case {
    provider: &'static Provider,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    settings: Settings,
    credential: Option<&'static str>,
    now: Timestamp,
    roots: Vec<Vec<u8>>,
    key: String,
}

impl Case {
    fn of(id: &str) -> Self {
        let (provider, _) = id.split_once('/').unwrap();
        let vectors = support::read::<Vector>(&support::own_directory().join(format!("{provider}.json")));
        let vector = vectors.into_iter().find(|vector| vector.id == id).unwrap();
        let setting = |name: &str| Some((name.to_owned(), vector.extra(name)?.to_owned()));
        let jwk = vector.extra.as_ref().and_then(|extra| extra.get("jwk"));
        Self {
            provider: Provider::find(provider).unwrap(),
            settings: setting("webhook_id").into_iter().collect(),
            credential: Some("client:s3cr:et"),
            now: Timestamp::from_second(vector.now).unwrap(),
            roots: vector.extra("trust_anchor_pem").map(support::pem).into_iter().collect(),
            key: vector.extra("cert_pem").map_or_else(|| json!({ "key": jwk }).to_string(), str::to_owned),
            body: BASE64.decode(vector.body.as_deref().unwrap().as_bytes()).unwrap(),
            headers: vector.headers.unwrap(),
        }
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    fn verify(&self, answers: &[(&str, u16, &str)]) -> Result<Outcome, Rejection> {
        let mut evidence = Evidence::new(self.credential, Roots::Only(&self.roots));
        for (id, status, body) in answers {
            evidence.add((*id).to_owned(), ApiAnswer { status: *status, body: body.as_bytes().to_vec() });
        }
        let (headers, body) = (&self.headers, &self.body);
        let request = Request { method: "POST", url: "https://gw.example.test/in", headers, body };
        self.provider.verify_with(&request, &[], &self.settings, &evidence, self.now)
    }

    fn needs(&self, answers: &[(&str, u16, &str)]) -> Needed {
        match self.verify(answers) {
            Ok(Outcome::Needs(needed)) => needed,
            other => panic!("{other:?}"),
        }
    }

    fn verified(&self, answers: &[(&str, u16, &str)]) -> Verified {
        match self.verify(answers) {
            Ok(Outcome::Verified(verified)) => verified,
            other => panic!("{other:?}"),
        }
    }

    fn refused(&self, answers: &[(&str, u16, &str)]) -> Rejection {
        self.verify(answers).expect_err("not to be accepted")
    }
}

fn header<'a>(needed: &'a Needed, name: &str) -> Option<&'a str> {
    needed.request.headers.iter().find(|(header, _)| *header == name).map(|(_, value)| value.as_str())
}

#[test]
fn paypals_certificate_is_fetched_from_where_the_request_says() {
    let case = Case::of("paypal/good");
    let url = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-7a47e5f2";
    let needed = case.needs(&[]);
    assert_eq!((needed.request.method, needed.request.url.as_str()), (ApiMethod::Get, url));
    assert!(needed.request.headers.is_empty() && needed.request.body.is_empty(), "no credential goes there");
    assert_eq!(needed.max_age, Some(SignedDuration::from_hours(1)));
    let verified = case.verified(&[(&needed.id, 200, &case.key)]);
    assert_eq!((verified.secret(), verified.verified_by()), (None, domain::VerifiedBy::Signature));
    assert_eq!(verified.headers().len(), 6);
}

#[test]
fn paypals_certificate_counts_only_if_it_came() {
    let case = Case::of("paypal/good");
    let id = case.needs(&[]).id;
    for status in [301, 302, 401, 429, 500, 503] {
        assert_eq!(case.refused(&[(&id, status, &case.key)]), Rejection::EvidenceUnavailable, "{status}");
    }
    assert_eq!(case.refused(&[(&id, 404, "")]), Rejection::UntrustedKey);
    assert_eq!(case.refused(&[(&id, 200, "")]), Rejection::UntrustedKey);
    assert_eq!(case.refused(&[(&id, 200, &case.key.repeat(11))]), Rejection::UntrustedKey);
    // The web does not know our test's authority.
    let mut evidence = Evidence::new(None, Roots::Web);
    evidence.add(id, ApiAnswer { status: 200, body: case.key.clone().into_bytes() });
    let request = Request { method: "POST", url: "https://x", headers: &case.headers, body: &case.body };
    let outcome = case.provider.verify_with(&request, &[], &case.settings, &evidence, case.now);
    assert_eq!(outcome.unwrap_err(), Rejection::UntrustedKey);
}

#[test]
fn paypal_itself_is_asked_where_the_source_says_so() {
    let case = Case::of("paypal/good").with("verification", "api");
    let token = case.needs(&[]);
    assert_eq!(token.request.url, "https://api-m.paypal.com/v1/oauth2/token");
    assert_eq!(token.request.method, ApiMethod::Post);
    assert_eq!(token.request.body, b"grant_type=client_credentials");
    assert_eq!(header(&token, "content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(header(&token, "authorization"), Some("Basic Y2xpZW50OnMzY3I6ZXQ="));
    let issued = (
        token.id.as_str(),
        200,
        r#"{"access_token":"A21AA-x_y.z","token_type":"Bearer","expires_in":32400}"#,
    );

    let verdict = case.needs(&[issued]);
    assert_eq!(verdict.request.url, "https://api-m.paypal.com/v1/notifications/verify-webhook-signature");
    assert_eq!(header(&verdict, "authorization"), Some("Bearer A21AA-x_y.z"));
    assert_eq!((header(&verdict, "content-type"), verdict.max_age), (Some("application/json"), None));
    let asked: Value = serde_json::from_slice(&verdict.request.body).unwrap();
    assert_eq!(asked["webhook_id"], "1JE4291016473214C");
    assert_eq!(asked["webhook_event"]["id"], "WH-2WR32451HC0233532-67976317FL4543714");

    let answer = |status, body| case.verify(&[issued, (verdict.id.as_str(), status, body)]);
    assert!(matches!(answer(200, r#"{"verification_status":"SUCCESS"}"#), Ok(Outcome::Verified(_))));
    let refused = |status, body| answer(status, body).expect_err(body);
    assert_eq!(refused(200, r#"{"verification_status":"FAILURE"}"#), Rejection::SignatureMismatch);
    assert_eq!(refused(400, r#"{"name":"VALIDATION_ERROR"}"#), Rejection::SignatureMismatch);
    for (status, body) in [
        (200, "{}"),
        (200, r#"{"verification_status":"success"}"#),
        (200, r#"{"verification_status":["SUCCESS"]}"#),
        (200, r#"{"verification_status":"FAILURE","verification_status":"SUCCESS"}"#),
        (200, "SUCCESS"),
        (201, r#"{"verification_status":"SUCCESS"}"#),
        (401, r#"{"verification_status":"SUCCESS"}"#),
        (500, ""),
    ] {
        assert_eq!(refused(status, body), Rejection::EvidenceUnavailable, "{status} {body}");
    }
}

#[test]
fn without_a_token_paypal_is_not_asked() {
    let mut case = Case::of("paypal/good").with("verification", "api");
    let id = case.needs(&[]).id;
    for (status, body) in [
        (401, r#"{"error":"invalid_client"}"#),
        (200, "{}"),
        (200, r#"{"access_token":""}"#),
        (200, r#"{"access_token":"a\r\nX-Other: b"}"#),
        (500, r#"{"access_token":"a"}"#),
    ] {
        assert_eq!(case.refused(&[(&id, status, body)]), Rejection::EvidenceUnavailable, "{body}");
    }
    for credential in [None, Some(""), Some("only-an-id")] {
        case.credential = credential;
        assert_eq!(case.refused(&[]), Rejection::MissingCredential);
    }
}

#[test]
fn what_paypal_confirms_must_be_fresh_all_the_same() {
    let case = Case::of("paypal/too-old").with("verification", "api");
    let token = case.needs(&[]).id;
    let answers = [
        (token.as_str(), 200, r#"{"access_token":"a"}"#),
        ("verdict", 200, r#"{"verification_status":"SUCCESS"}"#),
    ];
    assert_eq!(case.refused(&answers), Rejection::TimestampOutOfTolerance);
}

#[test]
fn the_credential_goes_to_the_environment_of_the_setting_not_of_the_request() {
    let token = |case: Case| case.needs(&[]).request.url;
    let api = |id| Case::of(id).with("verification", "api");
    assert_eq!(token(api("paypal/good-sandbox")), "https://api-m.paypal.com/v1/oauth2/token");
    let sandbox = api("paypal/good-sandbox").with("environment", "sandbox");
    assert_eq!(token(sandbox), "https://api-m.sandbox.paypal.com/v1/oauth2/token");
    let other = api("paypal/good").with("environment", "sandbox");
    assert_eq!(other.refused(&[]), Rejection::UntrustedKey);
}

#[test]
fn plaids_key_is_asked_for_with_the_sources_credential() {
    let case = Case::of("plaid/good");
    let needed = case.needs(&[]);
    assert_eq!(needed.request.url, "https://production.plaid.com/webhook_verification_key/get");
    assert_eq!(needed.request.method, ApiMethod::Post);
    let asked: Value = serde_json::from_slice(&needed.request.body).unwrap();
    let key_id = "bfbd5111-8e33-4643-8ced-b2e642a72f3c";
    assert_eq!(asked, json!({"client_id": "client", "secret": "s3cr:et", "key_id": key_id}));
    assert_eq!(needed.max_age, Some(SignedDuration::from_hours(1)));
    assert!(!needed.id.contains("s3cr"));
    let verified = case.verified(&[(&needed.id, 200, &case.key)]);
    assert_eq!((verified.secret(), verified.verified_by()), (None, domain::VerifiedBy::Signature));

    let sandbox = Case::of("plaid/good").with("environment", "sandbox").needs(&[]);
    assert_eq!(sandbox.request.url, "https://sandbox.plaid.com/webhook_verification_key/get");
    assert_ne!(sandbox.id, needed.id, "the environments' keys are not the same");
}

#[test]
fn plaid_without_a_key_proves_nothing() {
    let mut case = Case::of("plaid/good");
    let id = case.needs(&[]).id;
    let unknown = r#"{"error_type":"INVALID_INPUT","error_code":"INVALID_WEBHOOK_VERIFICATION_KEY_ID"}"#;
    assert_eq!(case.refused(&[(&id, 400, unknown)]), Rejection::UntrustedKey);
    for (status, body) in [
        (400, r#"{"error_type":"INVALID_INPUT","error_code":"INVALID_API_KEYS"}"#),
        (500, "<html>"),
        (200, "{}"),
        (200, r#"{"key":null}"#),
        (200, "null"),
        (429, &case.key),
    ] {
        assert_eq!(case.refused(&[(&id, status, body)]), Rejection::EvidenceUnavailable, "{body}");
    }
    for credential in [None, Some("only-an-id")] {
        case.credential = credential;
        assert_eq!(case.refused(&[]), Rejection::MissingCredential);
    }
}

#[test]
fn nothing_is_fetched_for_a_token_of_another_body() {
    let mut case = Case::of("plaid/good");
    case.body.push(b' ');
    assert_eq!(case.refused(&[]), Rejection::SignatureMismatch);
}

#[test]
fn callers_that_fetch_nothing_are_told_so() {
    for id in ["paypal/good", "plaid/good"] {
        let case = Case::of(id);
        let (headers, body) = (&case.headers, &case.body);
        let request = Request { method: "POST", url: "https://x", headers, body };
        let outcome = case.provider.verify(&request, &[], &case.settings, case.now);
        // Without a credential Plaid can't even say what is needed.
        assert!(
            matches!(outcome, Err(Rejection::EvidenceUnavailable | Rejection::MissingCredential)),
            "{id}: {outcome:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_other_answer_makes_a_request_genuine(
        status in prop_oneof![Just(200u16), any::<u16>()],
        body in prop_oneof![
            any::<String>(),
            "-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/]{0,80}={0,2}\n-----END CERTIFICATE-----\n",
            r#"\{"key":\{"kty":"EC","crv":"P-256","alg":"ES256","kid":"[a-f0-9-]{36}","x":"[A-Za-z0-9_-]{43}","y":"[A-Za-z0-9_-]{43}"\}\}"#,
        ],
        end in any::<prop::sample::Index>(),
    ) {
        for id in ["paypal/good", "plaid/good"] {
            let case = Case::of(id);
            let needed = case.needs(&[]).id;
            prop_assert!(case.verify(&[(&needed, status, &body)]).is_err());
            let truncated = &case.key[..end.index(case.key.len() - 1)];
            prop_assert!(case.verify(&[(&needed, status, truncated)]).is_err());
        }
    }
}

#[test]
fn nothing_that_is_fetched_or_asked_is_shown() {
    let case = Case::of("plaid/good");
    let needed = case.needs(&[]);
    let mut evidence = Evidence::new(case.credential, Roots::Web);
    evidence.add(needed.id.clone(), ApiAnswer { status: 200, body: b"4111".to_vec() });
    let shown = format!("{needed:?} {evidence:?}");
    assert!(!shown.contains("s3cr") && !shown.contains("4111"), "{shown}");
}
