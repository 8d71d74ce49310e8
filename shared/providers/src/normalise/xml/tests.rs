use super::*;

fn text(xml: &str, path: &str) -> Option<String> {
    Xml::parse(xml.as_bytes()).expect("XML").text(path).expect("once").map(str::to_owned)
}

fn refused(xml: &[u8]) -> &'static str {
    Xml::parse(xml).expect_err("not to be read").problem()
}

#[test]
fn text_is_found_by_its_path() {
    let xml = "<?xml version=\"1.0\"?>\n<a><b type=\"x\"> 1 </b><c><d/><e nil='true'></e><e2>z</e2></c><!-- x --></a>\n";
    assert_eq!(text(xml, "b").as_deref(), Some("1"));
    assert_eq!(text(xml, "c.2").as_deref(), Some("z"));
    for absent in ["c", "c.d", "c.e", "c.9", "x", "b.x", "", "c."] {
        assert_eq!(text(xml, absent), None, "{absent}");
    }
}

#[test]
fn the_entities_of_xml_and_references_are_read() {
    assert_eq!(
        text("<a><b>&lt;&amp;&#x41;&#66;<![CDATA[<c>&amp;]]></b></a>", "b").as_deref(),
        Some("<&AB<c>&amp;")
    );
}

#[test]
fn an_element_that_occurs_twice_is_not_chosen_between() {
    let xml = Xml::parse(b"<a><b>1</b><b>2</b></a>").expect("XML");
    assert_eq!(xml.text("b").expect_err("two").problem(), "occurs twice");
    assert_eq!(xml.text("1").expect("by its place"), Some("2"));
}

#[test]
fn no_entity_is_defined_or_fetched() {
    let billion_laughs = b"<?xml version=\"1.0\"?><!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol2 \"&lol;&lol;&lol;&lol;\">]>\
                           <lolz>&lol2;</lolz>";
    assert_eq!(refused(billion_laughs), "has a document type");
    assert_eq!(
        refused(b"<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/hostname\">]><a>&x;</a>"),
        "has a document type"
    );
    assert_eq!(refused(b"<!DOCTYPE a SYSTEM \"https://example.test/a.dtd\"><a/>"), "has a document type");
    assert_eq!(refused(b"<a>&lol;</a>"), "has an unknown entity");
}

#[test]
fn depth_and_number_of_elements_are_limited() {
    let nested = |depth: usize| "<a>".repeat(depth) + &"</a>".repeat(depth);
    assert!(Xml::parse(nested(32).as_bytes()).is_ok());
    assert_eq!(refused(nested(33).as_bytes()), "has too many elements");
    assert_eq!(refused("<a>".repeat(200_000).as_bytes()), "has too many elements");
    let wide = format!("<a>{}</a>", "<b/>".repeat(10_000));
    assert_eq!(refused(wide.as_bytes()), "has too many elements");
}

#[test]
fn what_is_not_well_formed_is_not_read_in_part() {
    for xml in [
        &b""[..],
        b" ",
        b"text",
        b"<a>",
        b"<a><b></a>",
        b"<a></b>",
        b"<a/><b/>",
        b"<a/>x",
        b"x<a/>",
        b"</a>",
        b"<a>&amp</a>",
        b"<a>&#xD800;</a>",
        b"<a>&#0;</a>",
        b"<a><!-- -- --></a>",
        b"<a",
        b"<a><![CDATA[x</a>",
        b"<a b=\"1>",
    ] {
        assert!(Xml::parse(xml).is_err(), "{}", String::from_utf8_lossy(xml));
    }
    assert_eq!(refused(b"<a>\xff</a>"), "is not UTF-8");
    assert_eq!(refused(b"\xfe\xff\0<\0a\0/\0>"), "is not UTF-8");
    let whole = b"<notification><kind>check</kind><subject><check>true</check></subject></notification>";
    assert!((0..whole.len()).all(|end| Xml::parse(&whole[..end]).is_err()), "a truncated one was read");
}
