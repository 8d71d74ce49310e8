use super::*;

fn class_of(policy: &EgressPolicy, address: &str) -> &'static str {
    policy.check_ip(address.parse().unwrap()).err().map_or("global", |blocked| blocked.class())
}

#[rustfmt::skip]
const ADDRESSES: &[(&str, &str)] = &[
    // First and last address of each range, and the public neighbours where they exist.
    ("0.0.0.0", "this_network"), ("0.255.255.255", "this_network"), ("1.0.0.0", "global"),
    ("9.255.255.255", "global"), ("10.0.0.0", "private_use"), ("10.255.255.255", "private_use"), ("11.0.0.0", "global"),
    ("100.63.255.255", "global"), ("100.64.0.0", "shared_address_space"), ("100.100.100.200", "shared_address_space"),
    ("100.127.255.255", "shared_address_space"), ("100.128.0.0", "global"),
    ("126.255.255.255", "global"), ("127.0.0.0", "loopback"), ("127.0.0.1", "loopback"), ("127.255.255.255", "loopback"), ("128.0.0.0", "global"),
    ("168.63.129.15", "global"), ("168.63.129.16", "cloud_metadata"), ("168.63.129.17", "global"),
    ("169.253.255.255", "global"), ("169.254.0.0", "link_local"), ("169.254.169.254", "link_local"), ("169.254.170.2", "link_local"), ("169.254.255.255", "link_local"), ("169.255.0.0", "global"),
    ("172.15.255.255", "global"), ("172.16.0.0", "private_use"), ("172.31.255.255", "private_use"), ("172.32.0.0", "global"),
    ("191.255.255.255", "global"), ("192.0.0.0", "ietf_protocol"), ("192.0.0.9", "ietf_protocol"), ("192.0.0.10", "ietf_protocol"), ("192.0.0.170", "ietf_protocol"), ("192.0.0.192", "ietf_protocol"), ("192.0.0.255", "ietf_protocol"), ("192.0.1.0", "global"),
    ("192.0.2.1", "documentation"), ("192.0.3.0", "global"),
    ("192.31.196.1", "as112"), ("192.52.193.1", "amt"), ("192.88.99.1", "6to4"), ("192.88.99.2", "6to4"),
    ("192.167.255.255", "global"), ("192.168.0.0", "private_use"), ("192.168.255.255", "private_use"), ("192.169.0.0", "global"), ("192.175.48.1", "as112"),
    ("198.17.255.255", "global"), ("198.18.0.0", "benchmarking"), ("198.19.255.255", "benchmarking"), ("198.20.0.0", "global"),
    ("198.51.100.7", "documentation"), ("203.0.113.7", "documentation"),
    ("223.255.255.255", "global"), ("224.0.0.0", "multicast"), ("239.255.255.255", "multicast"),
    ("240.0.0.0", "reserved"), ("255.255.255.254", "reserved"), ("255.255.255.255", "broadcast"),
    ("1.1.1.1", "global"), ("8.8.8.8", "global"), ("93.184.215.14", "global"),

    ("::", "unspecified"), ("::1", "loopback"), ("::2", "ipv4_compatible"), ("::127.0.0.1", "ipv4_compatible"), ("::8.8.8.8", "ipv4_compatible"),
    ("::ffff:127.0.0.1", "loopback"), ("::ffff:169.254.169.254", "link_local"), ("::ffff:10.1.2.3", "private_use"), ("::ffff:8.8.8.8", "global"), ("::ffff:0.0.0.0", "this_network"),
    ("::ffff:0:127.0.0.1", "unallocated"), ("::5efe:127.0.0.1", "unallocated"), // SIIT (RFC 2765), ISATAP (RFC 5214)
    ("64:ff9b::127.0.0.1", "loopback"), ("64:ff9b::169.254.169.254", "link_local"), ("64:ff9b::8.8.8.8", "global"),
    ("64:ff9b:1::8.8.8.8", "nat64_local"), ("64:ff9b:2::8.8.8.8", "unallocated"),
    ("100::1", "discard_only"), ("100:0:0:1::1", "dummy_prefix"), ("100:0:0:2::1", "unallocated"), ("1fff::1", "unallocated"),
    ("2001::7f00:1", "teredo"), ("2001:1::1", "ietf_protocol"), ("2001:1::2", "ietf_protocol"), ("2001:2::1", "benchmarking"), ("2001:3::1", "ietf_protocol"),
    ("2001:4:112::1", "ietf_protocol"), ("2001:10::1", "orchid"), ("2001:2f::1", "orchid"), ("2001:30::1", "ietf_protocol"), ("2001:1ff:ffff::1", "ietf_protocol"),
    ("2001:200::1", "global"), ("2001:db7::1", "global"), ("2001:db8::1", "documentation"), ("2001:db9::1", "global"), ("2001:4860:4860::8888", "global"),
    ("2002:7f00:1::1", "6to4"), ("2002:808:808::1", "6to4"), ("2003::1", "global"), ("2606:4700:4700::1111", "global"), ("2620:4f:8000::1", "as112"), ("2a00:1450::1", "global"),
    ("3ffe::1", "global"), ("3fff::1", "documentation"), ("3fff:fff::1", "documentation"), ("3fff:1000::1", "global"), ("4000::1", "unallocated"),
    ("5f00::1", "segment_routing"), ("fbff::1", "unallocated"), ("fc00::1", "unique_local"), ("fd00:ec2::254", "unique_local"), ("fdff::1", "unique_local"),
    ("fe00::1", "unallocated"), ("fe80::1", "link_local"), ("febf::1", "link_local"), ("fec0::1", "site_local"), ("feff::1", "site_local"), ("ff02::1", "multicast"), ("ff0e::1", "multicast"),
];

#[test]
fn every_address_falls_into_its_class() {
    let policy = EgressPolicy::strict();
    for (address, class) in ADDRESSES {
        assert_eq!(class_of(&policy, address), *class, "{address}");
    }
}

#[test]
fn no_row_of_the_table_is_hidden_by_an_earlier_one() {
    for range in ranges::all() {
        let mut hidden_by = ranges::all().iter().take_while(|earlier| earlier.net != range.net);
        assert!(!hidden_by.any(|earlier| earlier.net.contains(&range.net)), "{range:?}");
        assert_eq!(range.net, range.net.trunc(), "{range:?}");
    }
}

#[test]
fn a_refusal_names_the_class_and_keeps_the_address_to_itself() {
    let blocked = EgressPolicy::strict().check_ip("10.1.2.3".parse().unwrap()).unwrap_err();
    assert_eq!(blocked.to_string(), "not a public address (private_use)");
    assert_eq!(blocked.address().to_string(), "10.1.2.3");
    let mapped = EgressPolicy::strict().check_ip("::ffff:10.1.2.3".parse().unwrap()).unwrap_err();
    assert_eq!(mapped.address().to_string(), "::ffff:10.1.2.3");
}

#[test]
fn the_allow_list_opens_exactly_its_ranges() {
    let policy = EgressPolicy::from_allow_list("10.1.0.0/16, ::1/128", false).unwrap();
    assert_eq!(class_of(&policy, "10.1.255.255"), "global");
    assert_eq!(class_of(&policy, "::ffff:10.1.0.1"), "global");
    assert_eq!(class_of(&policy, "::1"), "global");
    assert_eq!(class_of(&policy, "10.2.0.0"), "private_use");
    assert_eq!(class_of(&policy, "127.0.0.1"), "loopback");
    assert_eq!(class_of(&policy, "169.254.169.254"), "link_local");
}

#[test]
fn an_empty_allow_list_is_the_strict_policy() {
    assert_eq!(EgressPolicy::from_allow_list("", false).unwrap(), EgressPolicy::strict());
    assert_eq!(EgressPolicy::from_allow_list("  ", false).unwrap(), EgressPolicy::strict());
}

#[test]
fn an_entry_of_the_allow_list_that_cannot_be_meant_is_refused_by_name() {
    for text in ["10.0.0.0", "10.0.0.0/33", "localhost", "10.0.0.0/8,", ",", "10.0.0.0/8;::1/128"] {
        let error = EgressPolicy::from_allow_list(text, false).unwrap_err();
        assert!(matches!(error, AllowListError::NotARange(_)), "{text}");
    }
    let error = EgressPolicy::from_allow_list("127.0.0.0/8,10.0.0.1/8", false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`10.0.0.1/8` has bits set beyond its prefix: write `10.0.0.0/8` or a longer prefix"
    );
}

#[rustfmt::skip]
const URLS: &[(&str, &str)] = &[
    ("https://example.com", "ok"), ("https://example.com/hook?tenant=1", "ok"), ("https://example.com:8443/", "ok"), ("https://example.com./", "ok"),
    ("HTTPS://EXAMPLE.COM/", "ok"), ("https://xn--bcher-kva.example/", "ok"), ("https://bücher.example/", "ok"), ("https://8.8.8.8/", "ok"), ("https://[2606:4700:4700::1111]/", "ok"),
    ("https://@example.com/", "ok"), ("https://example.com/a|b?c=^{}", "ok"), ("https://example.com/%2e%2e/", "ok"), ("https://example.localhost.com/", "ok"), ("https://notlocal.example/", "ok"),
    ("http://example.com/", "url_scheme"), ("ftp://example.com/", "url_scheme"), ("file:///etc/passwd", "url_scheme"), ("gopher://example.com/", "url_scheme"), ("javascript:alert(1)", "url_scheme"), ("data:text/plain,hi", "url_scheme"), ("custom://127.0.0.1/", "url_scheme"),
    ("https://user@example.com/", "url_user_info"), ("https://user:pass@example.com/", "url_user_info"), ("https://:pass@example.com/", "url_user_info"), ("https://example.com@127.0.0.1/", "url_user_info"),
    ("https://example.com/#part", "url_fragment"), ("https://example.com/#", "url_fragment"), ("https://example.com:0/", "url_bad_port"), ("https://example.com:6379/", "url_bad_port"), ("https://example.com:00025/", "url_bad_port"), ("https://example.com:443/", "ok"), ("https://", "url_no_host"), ("https:///", "url_no_host"),
    ("", "url_malformed"), ("/hook", "url_malformed"), ("example.com/hook", "url_malformed"), ("https://exa mple.com/", "url_malformed"), ("https://example.com:99999/", "url_malformed"), ("https://[::1/", "url_malformed"), ("https://256.256.256.256/", "url_malformed"), ("https://1.2.3.4.5/", "url_malformed"), ("https://[fe80::1%25eth0]/", "url_malformed"),
    ("https://localhost/", "url_local_name"), ("https://LOCALHOST/", "url_local_name"), ("https://localhost./", "url_local_name"), ("https://localhost:9001/", "url_local_name"), ("https://app.localhost/", "url_local_name"), ("https://app.localhost./", "url_local_name"),
    ("https://printer.local/", "url_local_name"), ("https://metadata.google.internal/", "url_local_name"), ("https://ip-10-0-0-1.ec2.internal/", "url_local_name"), ("https://nas.home.arpa/", "url_local_name"), ("https://intranet/", "url_local_name"), ("https://intranet./", "url_local_name"), ("https://local/", "url_local_name"),
    ("https://loc%61lhost/", "url_local_name"), ("https://ｌｏｃａｌｈｏｓｔ/", "url_local_name"), ("https://localhost。/", "url_local_name"),
    // 127.0.0.1 and the metadata service in every notation that some parser or resolver takes.
    ("https://127.0.0.1/", "url_address_blocked"), ("https://127.1/", "url_address_blocked"), ("https://127.0.1/", "url_address_blocked"), ("https://2130706433/", "url_address_blocked"), ("https://0x7f000001/", "url_address_blocked"), ("https://0x7f.0.0.1/", "url_address_blocked"), ("https://0x7f.1/", "url_address_blocked"),
    ("https://0177.0.0.1/", "url_address_blocked"), ("https://017700000001/", "url_address_blocked"), ("https://00000177.0.0.1/", "url_address_blocked"), ("https://127.0.0.1./", "url_address_blocked"), ("https://%31%32%37.0.0.1/", "url_address_blocked"), ("https://１２７.０.０.１/", "url_address_blocked"), ("https://127。0。0。1/", "url_address_blocked"), ("https://①②⑦.0.0.1/", "url_address_blocked"),
    ("https://0/", "url_address_blocked"), ("https://0.0.0.0/", "url_address_blocked"), ("https://169.254.169.254/latest/meta-data/", "url_address_blocked"), ("https://2852039166/", "url_address_blocked"), ("https://0xa9fea9fe/", "url_address_blocked"), ("https://0251.0376.0251.0376/", "url_address_blocked"), ("https://169.254.43518/", "url_address_blocked"),
    ("https://10.0.0.1/", "url_address_blocked"), ("https://192.168.1.1:8443/", "url_address_blocked"), ("https://100.100.100.200/", "url_address_blocked"), ("https://255.255.255.255/", "url_address_blocked"),
    ("https://[::]/", "url_address_blocked"), ("https://[::1]/", "url_address_blocked"), ("https://[0:0:0:0:0:0:0:1]/", "url_address_blocked"), ("https://[::ffff:127.0.0.1]/", "url_address_blocked"), ("https://[::ffff:7f00:1]/", "url_address_blocked"), ("https://[::ffff:a9fe:a9fe]/", "url_address_blocked"), ("https://[::127.0.0.1]/", "url_address_blocked"),
    ("https://[64:ff9b::a9fe:a9fe]/", "url_address_blocked"), ("https://[2002:7f00:1::]/", "url_address_blocked"), ("https://[fd00:ec2::254]/", "url_address_blocked"), ("https://[fe80::1]/", "url_address_blocked"), ("https://[ff02::1]/", "url_address_blocked"),
];

#[test]
fn every_url_is_judged_in_whatever_notation_it_is_written() {
    let policy = EgressPolicy::strict();
    for (text, expected) in URLS {
        let code = policy.parse_url(text).err().map_or("ok", |error| error.code());
        assert_eq!(code, *expected, "{text}");
    }
}

#[test]
fn a_port_of_another_service_is_refused_whatever_the_operator_lists() {
    let local = EgressPolicy::from_allow_list("127.0.0.0/8,10.0.0.0/8", true).unwrap();
    for port in ports::all() {
        for url in ["http://127.0.0.1", "https://10.0.0.1", "https://hooks.example.com"] {
            assert_eq!(
                local.parse_url(&format!("{url}:{port}/hook")),
                Err(UrlError::BadPort),
                "{url}:{port}"
            );
        }
    }
    for port in [80, 443, 3000, 8000, 8080, 8443, 9000, 65535] {
        assert!(local.parse_url(&format!("https://10.0.0.1:{port}/")).is_ok(), "{port}");
    }
}

#[test]
fn a_url_may_have_2048_bytes_and_no_more() {
    let policy = EgressPolicy::strict();
    let base = "https://example.com/";
    let longest = format!("{base}{}", "a".repeat(MAX_URL_BYTES - base.len()));
    assert!(policy.parse_url(&longest).is_ok());
    assert_eq!(policy.parse_url(&format!("{longest}a")).unwrap_err(), UrlError::TooLong);
    // Short as written, long once it is percent-encoded.
    let swelling = format!("{base}{}", "ü".repeat(500));
    assert_eq!(policy.parse_url(&swelling).unwrap_err(), UrlError::TooLong);
}

#[test]
fn a_private_network_has_private_names_and_http_only_on_request() {
    let lan = EgressPolicy::from_allow_list("10.0.0.0/8", false).unwrap();
    assert!(lan.parse_url("https://billing.internal/hook").is_ok());
    assert!(lan.parse_url("https://10.0.0.1/hook").is_ok());
    assert_eq!(lan.parse_url("http://10.0.0.1/hook").unwrap_err(), UrlError::Scheme);
    assert_eq!(lan.parse_url("https://127.0.0.1/hook").unwrap_err().code(), "url_address_blocked");

    let local = EgressPolicy::from_allow_list("127.0.0.0/8,::1/128", true).unwrap();
    assert!(local.parse_url("http://localhost:3000/hook").is_ok());
    assert!(local.parse_url("http://127.0.0.1:3000/hook").is_ok());
    assert_eq!(local.parse_url("ws://127.0.0.1:3000/hook").unwrap_err(), UrlError::Scheme);
    assert_eq!(local.parse_url("http://169.254.169.254/").unwrap_err().code(), "url_address_blocked");
}
