//! What an endpoint must not be, as data: addresses, URLs, and URLs that only look bad.
//!
//! Sources: IANA's special-purpose registries (RFC 6890), whose every row is here; the metadata addresses in the
//! manuals of AWS, Azure, GCP, Alibaba and Oracle; the notations that `inet_aton`, the URL standard of WHATWG and RFC
//! 4291 know. The guard's own tests have the borders of each range (`shared/relay/src/egress/tests.rs`).

/// An address, and the class that its refusal names.
#[rustfmt::skip]
pub(super) const ADDRESSES: &[(&str, &str)] = &[
    // Metadata services and what else clouds answer from inside.
    ("169.254.169.254", "link_local"),            // AWS, Azure, GCP, Oracle and others
    ("169.254.170.2", "link_local"),              // ECS task credentials
    ("169.254.169.123", "link_local"),            // AWS's time service
    ("169.254.169.253", "link_local"),            // AWS's resolver
    ("fd00:ec2::254", "unique_local"),            // AWS over IPv6
    ("fd00:ec2::23", "unique_local"),             // EKS pod identity
    ("fd20:ce::254", "unique_local"),             // GCP over IPv6
    ("168.63.129.16", "cloud_metadata"),          // Azure's WireServer
    ("100.100.100.200", "shared_address_space"),  // Alibaba
    ("192.0.0.192", "ietf_protocol"),             // Oracle, older
    // IPv4.
    ("0.0.0.0", "this_network"), ("0.0.0.1", "this_network"), ("0.255.255.255", "this_network"),
    ("127.0.0.1", "loopback"), ("127.0.1.1", "loopback"), ("127.255.255.254", "loopback"),
    ("10.0.0.1", "private_use"), ("10.255.255.255", "private_use"), ("172.16.0.1", "private_use"),
    ("172.31.255.255", "private_use"), ("192.168.0.1", "private_use"), ("192.168.255.255", "private_use"),
    ("100.64.0.1", "shared_address_space"), ("100.127.255.255", "shared_address_space"), // carrier-grade NAT
    ("169.254.0.1", "link_local"), ("192.0.0.1", "ietf_protocol"), ("192.0.0.8", "ietf_protocol"),
    ("192.0.0.170", "ietf_protocol"), ("192.0.2.1", "documentation"), ("198.51.100.1", "documentation"),
    ("203.0.113.1", "documentation"), ("192.31.196.1", "as112"), ("192.175.48.1", "as112"), ("192.52.193.1", "amt"),
    ("192.88.99.1", "6to4"), ("198.18.0.1", "benchmarking"), ("198.19.255.255", "benchmarking"),
    ("224.0.0.1", "multicast"), ("239.255.255.250", "multicast"), ("240.0.0.1", "reserved"),
    ("255.255.255.254", "reserved"), ("255.255.255.255", "broadcast"),
    // IPv6.
    ("::", "unspecified"), ("::1", "loopback"), ("fc00::1", "unique_local"), ("fdff:ffff::1", "unique_local"),
    ("fe80::1", "link_local"), ("fe80::5efe:10.0.0.1", "link_local"), // ISATAP
    ("fec0::1", "site_local"), ("ff02::1", "multicast"), ("ff05::2", "multicast"), ("100::1", "discard_only"),
    ("100:0:0:1::1", "dummy_prefix"), ("2001:db8::1", "documentation"), ("3fff::1", "documentation"),
    ("2001:2::1", "benchmarking"), ("2001:10::1", "orchid"), ("2001:20::1", "orchid"), ("2001:1::1", "ietf_protocol"),
    ("2001:3::1", "ietf_protocol"), ("2001:4:112::1", "ietf_protocol"), ("2620:4f:8000::1", "as112"),
    ("5f00::1", "segment_routing"), ("4000::1", "unallocated"),
    // IPv4 inside IPv6.
    ("::ffff:127.0.0.1", "loopback"), ("::ffff:10.0.0.1", "private_use"), ("::ffff:169.254.169.254", "link_local"), // mapped
    ("::ffff:0.0.0.0", "this_network"), ("::ffff:168.63.129.16", "cloud_metadata"),
    ("::127.0.0.1", "ipv4_compatible"), ("::169.254.169.254", "ipv4_compatible"), ("::8.8.8.8", "ipv4_compatible"),
    ("::ffff:0:127.0.0.1", "unallocated"),        // translated, RFC 2765
    ("64:ff9b::127.0.0.1", "loopback"), ("64:ff9b::10.0.0.1", "private_use"), ("64:ff9b::169.254.169.254", "link_local"), // NAT64
    ("64:ff9b:1::10.0.0.1", "nat64_local"), ("64:ff9b:1:fffe::169.254.169.254", "nat64_local"),
    ("2002:7f00:1::1", "6to4"), ("2002:a00:1::1", "6to4"), ("2002:a9fe:a9fe::1", "6to4"),
    ("2001:0:7f00:1::", "teredo"), ("2001::f5ff:fffe", "teredo"), // server 127.0.0.1; client 10.0.0.1, inverted
];

/// A URL, and why it is refused. With a name, or a notation that is no address as it stands.
#[rustfmt::skip]
pub(super) const URLS: &[(&str, &str)] = &[
    // 127.0.0.1.
    ("https://127.0.0.1/", "url_address_blocked"), ("https://127.0.0.1:8443/", "url_address_blocked"),
    ("https://127.1/", "url_address_blocked"), ("https://127.0.1/", "url_address_blocked"),
    ("https://2130706433/", "url_address_blocked"), ("https://0x7f000001/", "url_address_blocked"),
    ("https://0X7F000001/", "url_address_blocked"), ("https://0x7f.0x0.0x0.0x1/", "url_address_blocked"),
    ("https://0x7f.1/", "url_address_blocked"), ("https://0177.0.0.1/", "url_address_blocked"),
    ("https://0177.0000.0000.0001/", "url_address_blocked"), ("https://017700000001/", "url_address_blocked"),
    ("https://127.0x0.00.1/", "url_address_blocked"), ("https://127.0.0.1./", "url_address_blocked"),
    ("https://127.0.0.1%2e/", "url_address_blocked"), ("https://%31%32%37%2e%30%2e%30%2e%31/", "url_address_blocked"),
    ("https://127%2e0%2e0%2e1/", "url_address_blocked"), ("https://１２７．０．０．１/", "url_address_blocked"),
    ("https://127。0。0。1/", "url_address_blocked"), ("https://127｡0｡0｡1/", "url_address_blocked"),
    ("https://①②⑦.⓪.⓪.①/", "url_address_blocked"), ("https://𝟙𝟚𝟟.𝟘.𝟘.𝟙/", "url_address_blocked"),
    ("https://¹²⁷.⁰.⁰.¹/", "url_address_blocked"), ("https://127.0.0.1\u{ad}/", "url_address_blocked"),
    ("https://127.0\u{200b}.0.1/", "url_address_blocked"), ("https://12\t7.0.0.1/", "url_address_blocked"),
    ("https://127.0.\n0.1/", "url_address_blocked"), ("ht\ttps://127.0.0.1/", "url_address_blocked"),
    (" https://127.0.0.1/ ", "url_address_blocked"), ("https:\\\\127.0.0.1\\hook", "url_address_blocked"),
    ("https:127.0.0.1/", "url_address_blocked"), ("https:/127.0.0.1/", "url_address_blocked"),
    ("https://///127.0.0.1/", "url_address_blocked"), ("HTTPS://127.0.0.1?x", "url_address_blocked"),
    ("https://127.0.0.1\\@example.com/", "url_address_blocked"),
    ("https://0/", "url_address_blocked"), ("https://00.0x0/", "url_address_blocked"), ("https://0x/", "url_address_blocked"),
    ("https://[::1]/", "url_address_blocked"), ("https://[0:0:0:0:0:0:0:1]/", "url_address_blocked"),
    ("https://[0000:0000:0000:0000:0000:0000:0000:0001]/", "url_address_blocked"), ("https://[::]/", "url_address_blocked"),
    ("https://[::ffff:127.0.0.1]/", "url_address_blocked"), ("https://[::FFFF:7F00:1]/", "url_address_blocked"),
    ("https://[0:0:0:0:0:ffff:7f00:0001]/", "url_address_blocked"), ("https://[::127.0.0.1]/", "url_address_blocked"),
    ("https://[64:ff9b::7f00:1]/", "url_address_blocked"), ("https://[2002:7f00:1::]/", "url_address_blocked"),
    ("https://[::ffff:0:7f00:1]/", "url_address_blocked"),
    // Metadata and private addresses.
    ("https://2852039166/latest/meta-data/", "url_address_blocked"), ("https://0xa9fea9fe/", "url_address_blocked"),
    ("https://0xA9.0xFE.0xA9.0xFE/", "url_address_blocked"), ("https://0251.0376.0251.0376/", "url_address_blocked"),
    ("https://025177524776/", "url_address_blocked"), ("https://169.254.43518/", "url_address_blocked"),
    ("https://169.16689662/", "url_address_blocked"), ("https://[::ffff:a9fe:a9fe]/", "url_address_blocked"),
    ("https://[fd00:0ec2:0:0:0:0:0:0254]/", "url_address_blocked"), ("https://１６９．２５４．１６９．２５４/", "url_address_blocked"),
    ("https://167772161/", "url_address_blocked"), ("https://012.0.0.1/", "url_address_blocked"), ("https://10.1/", "url_address_blocked"),
    ("https://0xac100001/", "url_address_blocked"), ("https://3232235521/", "url_address_blocked"), ("https://192.168.257/", "url_address_blocked"),
    ("https://4294967295/", "url_address_blocked"), ("https://0xffffffff/", "url_address_blocked"),
    // Local names, however they are written.
    ("https://localhost/", "url_local_name"), ("https://LocalHost:8443/", "url_local_name"), ("https://localhost./", "url_local_name"),
    ("https://app.localhost/", "url_local_name"), ("https://loc%61lhost/", "url_local_name"), ("https://ｌｏｃａｌｈｏｓｔ/", "url_local_name"),
    ("https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", "url_local_name"), ("https://local\u{ad}host/", "url_local_name"), ("https://local\nhost/", "url_local_name"),
    ("https://localhost。/", "url_local_name"), ("https://ip6-localhost/", "url_local_name"), ("https://localhost6/", "url_local_name"),
    ("https://metadata/", "url_local_name"), ("https://metadata.google.internal/computeMetadata/v1/", "url_local_name"),
    ("https://metadata.google.internal./", "url_local_name"), ("https://instance-data.ec2.internal/", "url_local_name"),
    ("https://ip-10-0-0-1.eu-central-1.compute.internal/", "url_local_name"), ("https://printer.local/", "url_local_name"),
    ("https://nas.home.arpa/", "url_local_name"), ("https://kubernetes/", "url_local_name"), ("https://bücher/", "url_local_name"),
    // Credentials, which hide the host from who reads.
    ("https://example.com@127.0.0.1/", "url_user_info"), ("https://example.com:443@169.254.169.254/", "url_user_info"),
    ("https://127.0.0.1@example.com/", "url_user_info"), ("https://example.com%2f@10.0.0.1/", "url_user_info"),
    ("https://:secret@10.0.0.1/", "url_user_info"),
    // Other schemes and odds and ends.
    ("http://hooks.example.com/", "url_scheme"), ("http://127.0.0.1/", "url_scheme"), ("ftp://127.0.0.1/", "url_scheme"),
    ("file:///etc/passwd", "url_scheme"), ("file://127.0.0.1/etc/passwd", "url_scheme"), ("gopher://127.0.0.1:6379/_INFO", "url_scheme"),
    ("dict://127.0.0.1:11211/", "url_scheme"), ("ldap://127.0.0.1/", "url_scheme"), ("jar:https://127.0.0.1!/", "url_scheme"),
    ("ws://127.0.0.1/", "url_scheme"), ("unix:/var/run/docker.sock", "url_scheme"), ("javascript:alert(1)", "url_scheme"),
    ("data:text/plain,x", "url_scheme"), ("https+unix://127.0.0.1/", "url_scheme"),
    ("https://hooks.example.com/#@127.0.0.1/", "url_fragment"), ("https://hooks.example.com:0/", "url_bad_port"),
    ("https://hooks.example.com:25/", "url_bad_port"), ("https://hooks.example.com:6379/", "url_bad_port"),
    // What is no URL at all: zone ids, half an address, too many parts.
    ("https://[fe80::1%25eth0]/", "url_malformed"), ("https://[fe80::1%eth0]/", "url_malformed"), ("https://[::1/", "url_malformed"),
    ("https://::1/", "url_no_host"), ("https://[127.0.0.1]/", "url_malformed"), ("https://[::ffff:127.1]/", "url_malformed"),
    ("https://[::ffff:0x7f.0.0.1]/", "url_malformed"), ("https://256.0.0.1/", "url_malformed"), ("https://127.0.0.0.1/", "url_malformed"),
    ("https://127.0.0.1.1/", "url_malformed"), ("https://4294967296/", "url_malformed"), ("https://127.0.0.08/", "url_malformed"),
    ("https://127.0.0.1%00.example.com/", "url_malformed"), ("https://127.0.0.1%23.example.com/", "url_malformed"),
    ("https://127.0.0.1 .example.com/", "url_malformed"), ("https://example.com:99999/", "url_malformed"),
    ("//127.0.0.1/", "url_malformed"), ("127.0.0.1", "url_malformed"), ("https://", "url_no_host"),
];

/// A URL that looks like one of those above and is not, and how it is kept. What its host resolves to is looked at
/// when it is called.
#[rustfmt::skip]
pub(super) const HARMLESS: &[(&str, &str)] = &[
    ("https://example.com\\@127.0.0.1/", "https://example.com/@127.0.0.1/"), // a backslash ends the host
    ("https://example.com/@127.0.0.1/", "https://example.com/@127.0.0.1/"),
    ("https://example.com?@127.0.0.1/", "https://example.com/?@127.0.0.1/"),
    ("https://example.com/?url=http://169.254.169.254/", "https://example.com/?url=http://169.254.169.254/"),
    ("https://127.0.0.1.example.com/", "https://127.0.0.1.example.com/"),
    ("https://127-0-0-1.example.com/", "https://127-0-0-1.example.com/"),
    ("https://0x7f000001.example.com/", "https://0x7f000001.example.com/"),
    ("https://localhost.example.com/", "https://localhost.example.com/"),
    ("https://internal.example.com/", "https://internal.example.com/"),
    ("https://notlocalhost.com/", "https://notlocalhost.com/"),
    ("https://example.com.:8443/hook", "https://example.com.:8443/hook"),
    ("https://ＥＸＡＭＰＬＥ.com/", "https://example.com/"),
    ("https://bücher.example/", "https://xn--bcher-kva.example/"),
    ("https://8.8.8.8/", "https://8.8.8.8/"),
    ("https://134744072/", "https://8.8.8.8/"),
    ("https://0000000127.0.0.1/", "https://87.0.0.1/"), // octal
    ("https://example.com\\@127.0.0.1@10.0.0.1/", "https://example.com/@127.0.0.1@10.0.0.1/"),
    ("https://[2606:4700:4700::1111]/", "https://[2606:4700:4700::1111]/"),
    ("https://[::ffff:8.8.8.8]/", "https://[::ffff:808:808]/"),
    ("https://[64:ff9b::808:808]/", "https://[64:ff9b::808:808]/"),
];
