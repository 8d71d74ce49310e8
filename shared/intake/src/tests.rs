//! Packing. What needs the engines is tested through the functions: `tests/journeys`, `functions/sources-api/tests`.

use crate::quarantine::{pack, unpack};
use providers::Request;

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
