use jiff::SignedDuration;
use serde_json::json;
use support::Api;

const FIRST: &str = "whsec_firstfirstfirst0001";
const SECOND: &str = "whsec_secondsecond000002";

async fn stripe_source(api: &Api) -> String {
    let body = json!({"provider": "stripe", "secrets": [FIRST]});
    format!("/v1/sources/{}", api.post("/v1/sources", &body).await.expect(201).id())
}

#[tokio::test]
async fn a_secret_is_rotated_with_both_accepted_for_a_day() {
    let api = Api::start().await;
    let source = stripe_source(&api).await;
    let added = api.post(&format!("{source}/secrets"), &json!({"secret": SECOND})).await;
    added.expect(201);
    assert_eq!(added["hint"], "0002");
    assert!(added.json.get("expires_at").is_none());

    let secrets = api.get(format!("{source}/secrets")).await;
    let hints: Vec<_> = secrets.expect(200).data().iter().map(|secret| &secret["hint"]).collect();
    assert_eq!(hints, ["0002", "0001"]);
    let expected = domain::format_time(api.now() + SignedDuration::from_hours(24));
    assert_eq!(secrets.data()[1]["expires_at"], expected);
}

#[tokio::test]
async fn the_client_says_how_long_the_previous_secrets_stay_but_not_longer_than_they_would() {
    let api = Api::start().await;
    let source = stripe_source(&api).await;
    let path = format!("{source}/secrets");
    let at = |hours| domain::format_time(api.now() + SignedDuration::from_hours(hours));
    let body = |text: &str, hours| json!({"secret": text, "previous_expires_at": at(hours)});
    api.post(&path, &body(SECOND, 2)).await.expect(201);
    api.post(&path, &body("whsec_thirdthirdthird003", 5)).await.expect(201);
    let secrets = api.get(&path).await;
    let expiries: Vec<_> = secrets.data().iter().map(|secret| secret["expires_at"].as_str()).collect();
    assert_eq!(expiries, [None, Some(at(5).as_str()), Some(at(2).as_str())]);

    for text in ["yesterday", "2020-01-01T00:00:00Z"] {
        let refused = api.post(&path, &json!({"secret": SECOND, "previous_expires_at": text})).await;
        assert_eq!(refused.expect_problem(400, "invalid_field").places(), ["/previous_expires_at"]);
    }
    let refused = api.post(&path, &json!({"secret": " "})).await;
    assert_eq!(refused.expect_problem(400, "invalid_field").places(), ["/secret"]);
}

#[tokio::test]
async fn the_last_active_secret_can_not_be_deleted() {
    let api = Api::start().await;
    let source = stripe_source(&api).await;
    let path = format!("{source}/secrets");
    let first = api.get(&path).await.data()[0]["id"].as_str().expect("an id").to_owned();
    api.delete(format!("{path}/{first}")).await.expect_problem(409, "conflict");

    let second = api.post(&path, &json!({"secret": SECOND})).await.id();
    api.advance(SignedDuration::from_hours(25));
    // The first one is expired now, so the second is the last that is accepted.
    api.delete(format!("{path}/{second}")).await.expect_problem(409, "conflict");
    api.delete(format!("{path}/{first}")).await.expect(204);
    api.delete(format!("{path}/{first}")).await.expect_problem(404, "not_found");
    api.delete(format!("{path}/nonsense")).await.expect_problem(404, "not_found");
    assert_eq!(api.get(&path).await.data().len(), 1);
}

#[tokio::test]
async fn a_secret_that_is_active_already_is_not_added_again() {
    let api = Api::start().await;
    let path = format!("{}/secrets", stripe_source(&api).await);
    let refused = api.post(&path, &json!({"secret": FIRST})).await;
    assert_eq!(refused.expect_problem(400, "invalid_field").places(), ["/secret"]);
    let secrets = api.get(&path).await;
    assert_eq!(secrets.data().len(), 1);
    assert!(secrets.data()[0].get("expires_at").is_none(), "nothing was made to expire");

    api.post(&path, &json!({"secret": SECOND})).await.expect(201);
    api.post(&path, &json!({"secret": FIRST})).await.expect_problem(400, "invalid_field");
    api.advance(SignedDuration::from_hours(25));
    api.post(&path, &json!({"secret": FIRST})).await.expect(201);
}
