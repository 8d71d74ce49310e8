use super::*;
use proptest::prelude::*;

fn text(form: &str) -> Result<String, Malformed> {
    serialize(form.as_bytes(), "p_signature").map(|bytes| String::from_utf8(bytes).expect("of UTF-8"))
}

#[test]
fn fields_are_sorted_and_lengths_count_bytes() {
    assert_eq!(
        text("b=2&a=caf%C3%A9+au+lait&p_signature=x&c=").as_deref(),
        Ok(r#"a:3:{s:1:"a";s:13:"café au lait";s:1:"b";s:1:"2";s:1:"c";s:0:"";}"#)
    );
    // Upper case comes before the underscore, the underscore before lower case.
    assert_eq!(text("a=&_=&B=").as_deref(), Ok(r#"a:3:{s:1:"B";s:0:"";s:1:"_";s:0:"";s:1:"a";s:0:"";}"#));
    assert_eq!(text("p_signature=x").as_deref(), Ok("a:0:{}"));
}

#[test]
fn what_php_reads_in_another_way_is_refused() {
    for form in ["a[b]=1", "a%5Bb%5D=1", "1=a", "a.b=1", "a+b=1", "a=1&a=2", "=1", "a%00=1", "a=%FF"] {
        assert_eq!(text(form), Err(Malformed), "{form}");
    }
}

/// Reads what [`serialize`] wrote, by the lengths alone.
fn read(mut text: &str) -> Vec<(String, String)> {
    fn string<'a>(text: &mut &'a str) -> &'a str {
        let (length, rest) = text.strip_prefix("s:").and_then(|rest| rest.split_once(':')).expect("a string");
        let (value, rest) = rest[1..].split_at(length.parse().expect("a length"));
        *text = rest.strip_prefix("\";").expect("its end");
        value
    }
    let (count, rest) = text.strip_prefix("a:").and_then(|rest| rest.split_once(":{")).expect("an array");
    text = rest;
    let mut fields = Vec::new();
    while text != "}" {
        let name = string(&mut text).to_owned();
        fields.push((name, string(&mut text).to_owned()));
    }
    assert_eq!(fields.len(), count.parse::<usize>().expect("a count"));
    fields
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_fields_can_be_read_back_whatever_they_hold(
        fields in prop::collection::btree_map("[a-z_][a-z0-9_]{0,8}", any::<String>(), 0..8)
    ) {
        let form: Vec<String> = fields
            .iter()
            .rev()
            .map(|(name, value)| {
                let escaped: String = value.bytes().map(|byte| format!("%{byte:02x}")).collect();
                format!("{name}={escaped}")
            })
            .collect();
        let written = text(&form.join("&")).expect("plain names");
        prop_assert_eq!(read(&written), fields.into_iter().collect::<Vec<_>>());
    }
}
