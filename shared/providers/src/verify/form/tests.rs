use super::*;

#[test]
fn fields_are_decoded() {
    let form = b"a=1&b%20c=x+y%26%3D&d&e=%zz%4&f=%C5%BC";
    assert_eq!(field(form, "a"), Ok(Some(Cow::Borrowed("1"))));
    assert_eq!(field(form, "b c"), Ok(Some(Cow::Borrowed("x y&="))));
    assert_eq!(field(form, "d"), Ok(Some(Cow::Borrowed(""))));
    assert_eq!(field(form, "e"), Ok(Some(Cow::Borrowed("%zz%4"))));
    assert_eq!(field(form, "f"), Ok(Some(Cow::Borrowed("ż"))));
    assert_eq!(field(form, "g"), Ok(None));
}

#[test]
fn a_field_that_is_there_twice_or_is_not_text_is_refused() {
    assert_eq!(field(b"a=1&a=1", "a"), Err(Malformed));
    assert_eq!(field(b"a=1&a=1&b=2", "b"), Ok(Some(Cow::Borrowed("2"))));
    assert_eq!(field(b"a=%ff", "a"), Err(Malformed));
}
