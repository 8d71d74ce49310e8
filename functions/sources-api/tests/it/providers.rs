use serde_json::{Value, json};
use support::{Api, Call};

#[tokio::test]
async fn every_provider_is_listed_with_what_its_signature_proves_and_what_a_source_needs() {
    let api = Api::start().await;
    let listed = api.get("/v1/providers").await;
    let ids: Vec<_> =
        listed.expect(200).data().iter().map(|one| one["id"].as_str().unwrap_or_default()).collect();
    assert_eq!(ids, providers::Provider::all().map(providers::Provider::id).collect::<Vec<_>>());
    for one in listed.data() {
        let path = format!("/v1/providers/{}", one["id"].as_str().unwrap_or_default());
        assert_eq!(&api.get(&path).await.expect(200).json, one);
    }
    api.get("/v1/providers/nobody").await.expect_problem(404, "not_found");
    api.get("/v1/providers?limit=5").await.expect_problem(400, "invalid_parameter");
    api.send(Call::new("GET", "/v1/providers").no_key()).await.expect_problem(401, "unauthorized");
}

#[tokio::test]
async fn a_provider_says_when_its_api_is_needed_and_when_it_can_be_asked() {
    let api = Api::start().await;
    let read = async |id: &str| api.get(format!("/v1/providers/{id}")).await.expect(200).json.clone();
    let plaid = read("plaid").await;
    assert_eq!(plaid["api_credential"]["used_for"], "verification");
    assert_eq!(
        (&plaid["api_credential"]["required"], &plaid["takes_secrets"]),
        (&json!(true), &json!(false))
    );
    let paypal = read("paypal").await;
    assert_eq!(paypal["api_credential"]["required"], false);
    assert_eq!(paypal["api_credential"]["required_if"], json!({"verification": "api"}));
    let environment = json!({"type": "one_of", "one_of": ["any", "live", "sandbox"]});
    assert_eq!(paypal["settings"][1]["values"], environment);
    assert_eq!(paypal["settings"][0]["values"], json!({"type": "id"}));

    let mollie = read("mollie").await;
    assert_eq!((&mollie["covers"], &mollie["confirmable"]), (&json!("none"), &json!(true)));
    assert_eq!(mollie["api_credential"]["used_for"], "confirmation");
    let phonepe = read("phonepe").await;
    assert_eq!((&phonepe["covers"], &phonepe["confirmable"]), (&json!("none"), &json!(false)));
    assert_eq!(phonepe.get("api_credential"), None);
    assert_eq!(read("generic").await["covers"], "configured");
    assert_eq!(read("klarna").await["experimental"], true);
    let stripe = read("stripe").await;
    assert_eq!((&stripe["covers"], &stripe["expresses"]["refund"]), (&json!("body"), &json!("yes")));
}

#[tokio::test]
async fn a_source_says_what_its_signature_covers_and_whether_that_is_known_for_sure() {
    let api = Api::start().await;
    let created = async |body: Value| api.post("/v1/sources", &body).await.expect(201).json.clone();
    let generic = |settings: Value| json!({"provider": "generic", "secrets": ["a-secret-of-some-length"], "settings": settings});
    let token = json!({"algorithm": "token", "signature": "header:x-token"});
    let hmac =
        json!({"algorithm": "hmac-sha256", "signature": "header:x-s", "encoding": "hex", "signed": "{body}"});
    for (body, covers, experimental) in [
        (json!({"provider": "stripe", "secrets": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]}), "body", false),
        (json!({"provider": "phonepe", "secrets": ["user:password"]}), "none", false),
        (generic(token), "none", false),
        (generic(hmac), "body", false),
        (
            json!({"provider": "klarna", "secrets": ["a-secret-of-some-length"], "settings": {"experimental": "accepted"}}),
            "body",
            true,
        ),
    ] {
        let source = created(body).await;
        assert_eq!(
            (&source["covers"], &source["experimental"]),
            (&json!(covers), &json!(experimental)),
            "{source}"
        );
        let path = format!("/v1/sources/{}", source["id"].as_str().unwrap_or_default());
        assert_eq!(api.get(&path).await.json, source);
    }
}
