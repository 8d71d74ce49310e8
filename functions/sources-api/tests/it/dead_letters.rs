//! Dead letters as the API shows them: pages, filters, keys. That they come about and go back is for the journeys.

use domain::DEAD_LETTER_KEPT;
use jiff::SignedDuration;
use serde_json::{Value, json};
use support::{Api, Call};

/// Messages that nobody can read, each given up at its first try.
async fn give_up(api: &Api, number: usize) {
    for _ in 0..number {
        api.advance(SignedDuration::from_millis(1));
        api.stack.events.send("not json").await.expect("SQS takes it");
        while api.stack.consume().await.expect("the consumer runs") > 0 {}
        while api.stack.record_dead_letters().await.expect("they are recorded") > 0 {}
    }
}

fn ids(letters: &[Value]) -> Vec<String> {
    letters.iter().map(|letter| letter["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn the_list_goes_over_pages_newest_first_waiting_or_sent_again() {
    let api = Api::start().await;
    give_up(&api, 5).await;
    let all = ids(&api.all("/v1/dead-letters", 100).await);
    assert_eq!(all.len(), 5);
    let times: Vec<Value> =
        api.all("/v1/dead-letters", 100).await.iter().map(|letter| letter["created_at"].clone()).collect();
    assert!(times.is_sorted_by(|a, b| a.as_str() > b.as_str()), "{times:?}");
    for id in &all[1..3] {
        let answer = api.post(&format!("/v1/dead-letters/{id}/redrive"), &json!({})).await;
        assert_eq!(answer.expect(200)["status"], "redriven");
    }
    for limit in [1, 2, 100] {
        let listed = async |path: &str| ids(&api.all(path, limit).await);
        assert_eq!(listed("/v1/dead-letters").await, all, "limit {limit}");
        assert_eq!(listed("/v1/dead-letters?redriven=true").await, all[1..3], "limit {limit}");
        let waiting = [&all[..1], &all[3..]].concat();
        assert_eq!(listed("/v1/dead-letters?redriven=false").await, waiting, "limit {limit}");
        assert_eq!(listed("/v1/dead-letters?queue=events&reason=unreadable").await, all, "limit {limit}");
        assert!(listed("/v1/dead-letters?queue=slow_deliveries").await.is_empty());
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_filter_is_said_by_its_name() {
    let api = Api::start().await;
    let query = "queue=kitchen&reason=bad&source=1&endpoint=2&redriven=maybe&colour=red";
    let answer = api.get(format!("/v1/dead-letters?{query}")).await;
    let mut places = answer.expect_problem(400, "invalid_parameter").places();
    places.sort();
    assert_eq!(places, ["colour", "endpoint", "queue", "reason", "redriven", "source"]);
    let post = async |body: Value| api.post("/v1/dead-letters/redrive", &body).await;
    for (body, code, place) in [
        (json!({"queue": "kitchen"}), "invalid_field", "/queue"),
        (json!({"limit": 0}), "invalid_field", "/limit"),
        (json!({"limit": 101}), "invalid_field", "/limit"),
        (json!({"cursor": "AAAA"}), "invalid_field", "/cursor"),
        (json!({"all": true}), "unknown_field", "/all"),
    ] {
        assert_eq!(post(body.clone()).await.expect_problem(400, code).places(), [place], "{body}");
    }
    give_up(&api, 2).await;
    let cursor = post(json!({"limit": 1})).await.expect(200)["next_cursor"].clone();
    assert!(cursor.is_string());
    let other = post(json!({"queue": "events", "cursor": cursor})).await;
    assert_eq!(
        other.expect_problem(400, "invalid_field").places(),
        ["/cursor"],
        "a cursor of another filter"
    );
}

#[tokio::test]
async fn to_look_at_dead_letters_and_to_send_them_again_are_scopes_of_their_own() {
    let api = Api::start().await;
    give_up(&api, 1).await;
    let id = ids(api.get("/v1/dead-letters").await.data()).remove(0);
    let path = format!("/v1/dead-letters/{id}");
    let redrive = format!("{path}/redrive");
    let status = async |key: &str, method: &'static str, path: &str| {
        let mut call = Call::new(method, path).key(key);
        if method == "POST" {
            call = call.json(&json!({"queue": "fetches"}));
        }
        api.send(call).await.status.as_u16()
    };
    let stranger = api.new_key(&["sources:write", "endpoints:write", "payments:read"]).await;
    let reader = api.new_key(&["dead_letters:read"]).await;
    let writer = api.new_key(&["dead_letters:write"]).await;
    for (method, path, read, written) in [
        ("GET", "/v1/dead-letters", 200, 200),
        ("GET", path.as_str(), 200, 200),
        ("POST", "/v1/dead-letters/redrive", 403, 200),
        ("POST", redrive.as_str(), 403, 200),
        ("DELETE", path.as_str(), 403, 204),
    ] {
        assert_eq!(status(&stranger, method, path).await, 403, "{method} {path}");
        assert_eq!(status(&reader, method, path).await, read, "{method} {path}");
        assert_eq!(status(&writer, method, path).await, written, "{method} {path}");
    }
}

#[tokio::test]
async fn after_ninety_days_a_dead_letter_is_gone_though_the_table_may_still_have_it() {
    let api = Api::start().await;
    give_up(&api, 1).await;
    let id = ids(api.get("/v1/dead-letters").await.data()).remove(0);
    api.advance(DEAD_LETTER_KEPT - SignedDuration::from_millis(1));
    assert_eq!(api.get("/v1/dead-letters").await.data().len(), 1);
    api.advance(SignedDuration::from_millis(1));
    assert!(api.get("/v1/dead-letters").await.data().is_empty());
    api.get(format!("/v1/dead-letters/{id}")).await.expect_problem(404, "not_found");
    let redrive = api.post(&format!("/v1/dead-letters/{id}/redrive"), &json!({})).await;
    redrive.expect_problem(404, "not_found");
    let bulk = api.post("/v1/dead-letters/redrive", &json!({})).await;
    assert_eq!((&bulk.expect(200)["sent"], &bulk["left"]), (&json!(0), &json!(0)));
}
