use super::*;

/// A listing of the numbers below 3,000, newest (greatest) first.
async fn numbers(request: PageRequest) -> Result<Page<Positioned<Read<u32>>>, Problem> {
    let below: u32 = request.after.map_or(3000, |after| after.parse().expect("a number"));
    let first = below.saturating_sub(u32::try_from(request.limit).expect("small"));
    let items = (first..below).rev().map(|item| Positioned { item: Ok(item), position: item.to_string() });
    Ok(Page { items: items.collect(), next: (first > 0).then(|| first.to_string()) })
}

async fn all(limit: usize, keep: impl Fn(&u32) -> bool) -> (Vec<u32>, usize) {
    let (mut found, mut pages) = (Vec::new(), 0);
    let mut request = PageRequest { after: None, limit };
    loop {
        let page = walk(&request, true, numbers, &keep).await.expect("the listing can be read");
        assert!(page.items.len() <= limit);
        found.extend(page.readable());
        pages += 1;
        match page.next {
            Some(next) => request.after = Some(next),
            None => return (found, pages),
        }
    }
}

#[tokio::test]
async fn every_wanted_entry_is_found_once_over_pages_of_any_size() {
    for limit in [1, 7, 25, 100] {
        let (found, _) = all(limit, |number| number % 70 == 0).await;
        let expected: Vec<u32> = (0..3000).rev().filter(|number| number % 70 == 0).collect();
        assert_eq!(found, expected, "limit {limit}");
    }
}

#[tokio::test]
async fn a_filter_that_matches_nothing_ends_each_request_with_a_cursor() {
    let (found, pages) = all(25, |_| false).await;
    assert_eq!((found.len(), pages), (0, 3));
}

#[tokio::test]
async fn the_last_full_page_has_no_next() {
    let request = PageRequest { after: Some("25".to_owned()), limit: 25 };
    let page = walk(&request, false, numbers, |_| true).await.expect("the listing can be read");
    assert_eq!((page.items.len(), page.next), (25, None));
}

#[test]
fn a_list_in_memory_is_paged_in_either_order() {
    let page = |after: Option<&str>, order| {
        let request = PageRequest { after: after.map(str::to_owned), limit: 2 };
        let numbers = [3, 1, 5, 4, 2].map(|item| Positioned { item: Ok(item), position: item.to_string() });
        let page = page_of(numbers.to_vec(), &request, order);
        (page.readable().copied().collect::<Vec<_>>(), page.next)
    };
    assert_eq!(page(None, Order::Ascending), (vec![1, 2], Some("2".to_owned())));
    assert_eq!(page(Some("4"), Order::Ascending), (vec![5], None));
    assert_eq!(page(None, Order::Descending), (vec![5, 4], Some("4".to_owned())));
    assert_eq!(page(Some("3"), Order::Descending), (vec![2, 1], None));
}
