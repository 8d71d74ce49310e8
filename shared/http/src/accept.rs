//! Content negotiation (RFC 9110 §12.5.1), for the one format that there is.

use axum::http::{HeaderMap, header};

/// Whether a client that sent these headers takes JSON. The most specific range that matches decides.
pub(crate) fn accepts_json(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(header::ACCEPT).iter().peekable();
    if lines.peek().is_none() {
        return true;
    }
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let specificity = match parts.next()?.to_ascii_lowercase().as_str() {
                "application/json" => 3,
                "application/*" => 2,
                "*/*" => 1,
                _ => return None,
            };
            let refused = parts.any(|parameter| {
                parameter
                    .split_once('=')
                    .is_some_and(|(name, value)| name.eq_ignore_ascii_case("q") && value.parse() == Ok(0.0))
            });
            Some((specificity, !refused))
        })
        .max()
        .is_some_and(|(_, accepted)| accepted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn the_most_specific_range_decides() {
        for (accept, expected) in [
            ("*/*", true),
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("text/html, application/*;q=0.2", true),
            ("text/html", false),
            ("application/xml;q=1.0, text/plain", false),
            ("*/*, application/json;q=0", false),
            ("*/*;q=0, application/json;q=0.1", true),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(accepts_json(&headers), expected, "{accept}");
        }
        assert!(accepts_json(&HeaderMap::new()));
    }
}
