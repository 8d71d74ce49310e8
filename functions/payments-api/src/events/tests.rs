use super::*;

#[test]
fn a_text_in_utf_8_travels_as_one_if_it_fits() {
    let travels = |content_type: &'static str, body: &[u8]| {
        travels_as_text(&HeaderValue::from_static(content_type), body)
    };
    for content_type in ["application/json", "application/json; charset=UTF-8", "text/xml; charset=\"utf-8\""]
    {
        assert!(travels(content_type, "€".as_bytes()), "{content_type}");
        assert!(!travels(content_type, b"\xff"), "{content_type}");
        assert!(!travels(content_type, "\u{FEFF}{}".as_bytes()), "{content_type}");
    }
    assert!(!travels("application/json; charset=iso-8859-1", b"{}"));
    assert!(travels("application/json", &vec![b'x'; LARGEST_ANSWER]));
    assert!(!travels("application/json", &vec![b'x'; LARGEST_ANSWER + 1]));
    assert!(!travels("application/json", &vec![b'"'; LARGEST_ANSWER / 2 + 1]));
}

#[test]
fn the_bytes_of_a_text_are_counted_as_json_escapes_it() {
    let text = "a\"\\\u{1}€";
    let escaped = text.chars().map(|c| escaped_bytes(&c.to_string())).sum::<usize>();
    assert_eq!(escaped, r#"a\"\\\u0001€"#.len());
}
