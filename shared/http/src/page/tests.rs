use super::*;
use serde_json::{Value, json};

fn paging() -> Paging {
    let (listing, cursors) = (Listing::new("/v1/things", ""), Cursors::new("key"));
    Paging { request: PageRequest { after: None, limit: 100 }, listing, cursors }
}

fn page(items: Vec<String>, next: Option<&str>) -> Page<Positioned<Read<String>>> {
    let entry = |(index, item): (usize, String)| Positioned { item: Ok(item), position: index.to_string() };
    Page { items: items.into_iter().enumerate().map(entry).collect(), next: next.map(str::to_owned) }
}

fn next(paging: &Paging, list: &Paged) -> Option<String> {
    let cursor = list.next_cursor.as_deref()?;
    Some(paging.cursors.decode(&paging.listing, cursor).expect("a cursor of this list"))
}

#[test]
fn a_page_that_fits_is_answered_whole() {
    let paging = paging();
    let list = paging.list(page(vec!["a".to_owned(), "b".to_owned()], Some("end")));
    assert_eq!((list.data.len(), next(&paging, &list).as_deref()), (2, Some("end")));
    assert_eq!(paging.list(page(Vec::new(), None)).next_cursor, None);
}

#[test]
fn a_page_ends_before_it_exceeds_what_lambda_answers_and_goes_on_behind_its_last_entry() {
    let paging = paging();
    let mebibyte = "x".repeat(1024 * 1024);
    let list = paging.list(page(vec![mebibyte; 7], None));
    assert_eq!((list.data.len(), next(&paging, &list).as_deref()), (4, Some("3")));
    // Quotes count twice, once more as Lambda's adapter writes them.
    let quotes = "\"".repeat(1024 * 1024);
    let list = paging.list(page(vec![quotes; 7], None));
    assert_eq!((list.data.len(), next(&paging, &list).as_deref()), (1, Some("0")));
}

#[test]
fn an_entry_that_is_too_large_by_itself_is_answered_alone() {
    let paging = paging();
    let huge = "x".repeat(MAX_ANSWER_WEIGHT + 1);
    let list = paging.list(page(vec![huge.clone(), "small".to_owned(), huge.clone()], None));
    assert_eq!((list.data.len(), next(&paging, &list).as_deref()), (1, Some("0")));
    let list = paging.list(page(vec!["small".to_owned(), huge], None));
    assert_eq!((list.data.len(), next(&paging, &list).as_deref()), (1, Some("0")));
}

#[test]
fn the_weight_of_a_text_is_what_it_has_inside_a_json_string() {
    for text in ["", r#"{"a":"b"}"#, r#""\\""#, "plain"] {
        let inside = Value::from(text).to_string().len() - 2;
        assert_eq!(weight(text), inside, "{text}");
    }
    assert_eq!(weight(&json!({"a": 1}).to_string()), 9);
}
