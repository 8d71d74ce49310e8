use http::Code;
use support::{Api, Call};

#[tokio::test]
async fn every_error_code_is_documented_at_its_type() {
    let api = Api::start().await;
    let listed = api.send(Call::new("GET", "/errors").no_key()).await;
    assert_eq!(listed.expect(200).data().len(), Code::ALL.len());
    for (code, entry) in Code::ALL.iter().zip(listed.data()) {
        let one = api.send(Call::new("GET", format!("/errors/{}", code.as_str())).no_key()).await;
        assert_eq!(&one.expect(200).json, entry);
        assert_eq!(one["status"], code.status().as_u16());
    }
    api.get("/errors/no_such_code").await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn reading_needs_the_scope() {
    let api = Api::start().await;
    let (reader, other) = (api.new_key(&["payments:read"]).await, api.new_key(&["sources:write"]).await);
    let payment = format!("/v1/payments/pay_{}", "0".repeat(26));
    let event = format!("/v1/events/evt_{}", "0".repeat(40));
    for (path, status) in [
        ("/v1/payments".to_owned(), 200),
        ("/v1/events".to_owned(), 200),
        (payment.clone(), 404),
        (format!("{payment}/timeline"), 404),
        (event.clone(), 404),
        (format!("{event}/raw"), 404),
    ] {
        api.send(Call::new("GET", &path).no_key()).await.expect_problem(401, "unauthorized");
        api.send(Call::new("GET", &path).key(&other)).await.expect_problem(403, "forbidden");
        api.send(Call::new("GET", &path).key(&reader)).await.expect(status);
        api.send(Call::new("POST", &path)).await.expect_problem(405, "method_not_allowed");
    }
}
