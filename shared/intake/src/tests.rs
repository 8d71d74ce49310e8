//! Packing, and what is kept of fetched answers. What needs the engines is tested through the functions: `tests/journeys`,
//! `functions/sources-api/tests`.

use crate::evidence::Answers;
use crate::quarantine::{pack, unpack};
use jiff::{SignedDuration, Timestamp};
use platform::Clock;
use providers::{ApiAnswer, Request};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

#[test]
fn a_request_comes_out_of_quarantine_byte_for_byte_with_repeated_and_odd_headers() {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let headers = [header("X-A", "1"), header("x-a", "\u{FFFD}"), header("authorization", "Basic eDp5")];
    let body: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let url = "https://pay.example/webhooks/src_1?a=%00";
    let packed = pack(&Request { method: "POST", url, headers: &headers, body: &body });
    assert!(packed.len() < body.len() / 10, "it is compressed");
    let kept = unpack(&packed).expect("what was packed can be unpacked");
    let request = kept.request();
    assert_eq!((request.method, request.url, request.body), ("POST", url, &body[..]));
    assert_eq!(request.headers, headers);
}

#[test]
fn what_was_not_packed_is_not_unpacked() {
    let packed = pack(&Request { method: "POST", url: "", headers: &[], body: b"" });
    assert!(unpack(&packed).is_some());
    for end in 0..packed.len() {
        assert!(unpack(&packed[..end]).is_none(), "{end}");
    }
    for plain in [&b"\0\0"[..], b"\0\0\0\x09{}", b"\0\0\0\x02{}", b"\xff\xff\xff\xff{}"] {
        let frame = zstd::bulk::compress(plain, 1).expect("compressing to memory does not fail");
        assert!(unpack(&frame).is_none(), "{plain:?}");
    }
}

#[test]
fn names_that_a_forger_makes_up_push_out_no_answer_that_is_of_use() {
    let now_s = Arc::new(AtomicI64::new(0));
    let clock = {
        let now_s = Arc::clone(&now_s);
        Clock::from_fn(move || Timestamp::from_second(now_s.load(Ordering::Relaxed)).expect("in range"))
    };
    let answers = Answers::new(&clock);
    let answer = |status| Some(ApiAnswer { status, body: b"-----BEGIN".to_vec() });
    let key = |name: &str| ("paypal", name.to_owned());
    let hour = SignedDuration::from_hours(1);
    answers.keep(key("genuine"), answer(200), hour);
    for made_up in 0..1_000 {
        answers.keep(key(&made_up.to_string()), answer(404).filter(|_| made_up % 2 == 0), hour);
    }
    assert_eq!(answers.get(&key("genuine")), Some(answer(200)));
    assert_eq!((answers.get(&key("998")), answers.get(&key("999"))), (Some(answer(404)), Some(None)));
    assert_eq!(answers.get(&key("unasked")), None);
    // A no is asked for again soon, and a yes takes its place.
    now_s.store(10, Ordering::Relaxed);
    assert_eq!(answers.get(&key("998")), None);
    answers.keep(key("998"), answer(200), hour);
    now_s.store(3_599, Ordering::Relaxed);
    assert_eq!(
        (answers.get(&key("998")), answers.get(&key("genuine"))),
        (Some(answer(200)), Some(answer(200)))
    );
    now_s.store(3_600, Ordering::Relaxed);
    assert_eq!(answers.get(&key("genuine")), None);
}
