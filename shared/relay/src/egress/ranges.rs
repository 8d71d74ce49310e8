//! The address ranges, as one table: the first row that contains an address decides.
//!
//! Sources: the IANA IPv4 and IPv6 Special-Purpose Address Registries
//! (<https://www.iana.org/assignments/iana-ipv4-special-registry>,
//! <https://www.iana.org/assignments/iana-ipv6-special-registry>) and, for multicast and the unallocated rest
//! of IPv6, the address space registries (<https://www.iana.org/assignments/ipv6-address-space>).
//!
//! Every row of the special-purpose registries is refused, also the few that they mark as globally reachable
//! (PCP, TURN, AS112, AMT, ORCHIDv2). `IpAddr::is_global` of the standard library, once stable, lets them
//! pass; but no client's server lives there, and an anycast address is answered by the nearest router, which
//! may be inside our network. The one exception is NAT64's well-known prefix, where DNS64 puts every
//! IPv4-only name.

use ipnet::IpNet;
use std::{net::IpAddr, sync::LazyLock};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    Refuse,
    /// The last four bytes are an IPv4 address, and that is where the packets end: judge it instead.
    EmbeddedV4,
    Global,
}

#[derive(Debug)]
pub(super) struct Range {
    pub(super) net: IpNet,
    pub(super) rule: Rule,
    /// Part of the error that clients see; stable.
    pub(super) class: &'static str,
}

use Rule::{EmbeddedV4, Global, Refuse};

#[rustfmt::skip]
const TABLE: &[(&str, Rule, &str)] = &[
    // IPv4.
    ("0.0.0.0/8",          Refuse,     "this_network"),         // RFC 791 §3.2; Linux connects 0.0.0.0 to itself
    ("10.0.0.0/8",         Refuse,     "private_use"),          // RFC 1918
    ("100.64.0.0/10",      Refuse,     "shared_address_space"), // RFC 6598; Alibaba's metadata service
    ("127.0.0.0/8",        Refuse,     "loopback"),             // RFC 1122; Lambda's runtime API
    ("168.63.129.16/32",   Refuse,     "cloud_metadata"),       // Azure's WireServer, on a public address
    ("169.254.0.0/16",     Refuse,     "link_local"),           // RFC 3927; metadata services of AWS, GCP, Azure
    ("172.16.0.0/12",      Refuse,     "private_use"),          // RFC 1918
    ("192.0.0.0/24",       Refuse,     "ietf_protocol"),        // RFC 6890, with DS-Lite, PCP and TURN anycast, NAT64 discovery; Oracle's metadata
    ("192.0.2.0/24",       Refuse,     "documentation"),        // RFC 5737
    ("192.31.196.0/24",    Refuse,     "as112"),                // RFC 7535
    ("192.52.193.0/24",    Refuse,     "amt"),                  // RFC 7450
    ("192.88.99.0/24",     Refuse,     "6to4"),                 // RFC 7526, deprecated relay anycast, and 6a44 (RFC 6751)
    ("192.168.0.0/16",     Refuse,     "private_use"),          // RFC 1918
    ("192.175.48.0/24",    Refuse,     "as112"),                // RFC 7534
    ("198.18.0.0/15",      Refuse,     "benchmarking"),         // RFC 2544
    ("198.51.100.0/24",    Refuse,     "documentation"),        // RFC 5737
    ("203.0.113.0/24",     Refuse,     "documentation"),        // RFC 5737
    ("224.0.0.0/4",        Refuse,     "multicast"),            // RFC 5771
    ("255.255.255.255/32", Refuse,     "broadcast"),            // RFC 919
    ("240.0.0.0/4",        Refuse,     "reserved"),             // RFC 1112 §4
    ("0.0.0.0/0",          Global,     "global"),

    // IPv6 outside of global unicast.
    ("::/128",             Refuse,     "unspecified"),          // RFC 4291; Linux connects :: to itself
    ("::1/128",            Refuse,     "loopback"),             // RFC 4291
    ("::ffff:0:0/96",      EmbeddedV4, "ipv4_mapped"),          // RFC 4291 §2.5.5.2: the kernel sends plain IPv4
    ("::/96",              Refuse,     "ipv4_compatible"),      // RFC 4291 §2.5.5.1, deprecated
    ("64:ff9b::/96",       EmbeddedV4, "nat64"),                // RFC 6052
    ("64:ff9b:1::/48",     Refuse,     "nat64_local"),          // RFC 8215: where the IPv4 part stands is local knowledge
    ("100::/64",           Refuse,     "discard_only"),         // RFC 6666
    ("100:0:0:1::/64",     Refuse,     "dummy_prefix"),         // RFC 9780
    ("5f00::/16",          Refuse,     "segment_routing"),      // RFC 9602
    ("fc00::/7",           Refuse,     "unique_local"),         // RFC 4193; fd00:ec2::254 is AWS's metadata service
    ("fe80::/10",          Refuse,     "link_local"),           // RFC 4291
    ("fec0::/10",          Refuse,     "site_local"),           // RFC 3879, deprecated
    ("ff00::/8",           Refuse,     "multicast"),            // RFC 4291 §2.7

    // Exceptions within global unicast, then global unicast itself, then all that is not allocated.
    ("2001::/32",          Refuse,     "teredo"),               // RFC 4380: carries an IPv4 address, disguised
    ("2001:2::/48",        Refuse,     "benchmarking"),         // RFC 5180
    ("2001:10::/28",       Refuse,     "orchid"),               // RFC 4843, deprecated
    ("2001:20::/28",       Refuse,     "orchid"),               // RFC 7343: identifiers, not locators
    ("2001::/23",          Refuse,     "ietf_protocol"),        // RFC 2928, with PCP, TURN, AMT, AS112, DRIP
    ("2001:db8::/32",      Refuse,     "documentation"),        // RFC 3849
    ("2002::/16",          Refuse,     "6to4"),                 // RFC 3056, deprecated by RFC 7526: no server needs it any more
    ("2620:4f:8000::/48",  Refuse,     "as112"),                // RFC 7534
    ("3fff::/20",          Refuse,     "documentation"),        // RFC 9637
    ("2000::/3",           Global,     "global"),               // RFC 4291 §2.4, RFC 3587
    ("::/0",               Refuse,     "unallocated"),
];

/// Parsed once, at the first connection; text because it is to be compared with the registries by eye.
static RANGES: LazyLock<Vec<Range>> = LazyLock::new(|| {
    let parse = |&(net, rule, class): &(&str, Rule, &'static str)| Range {
        net: net.parse().expect("a unit test reads every row of the table"),
        rule,
        class,
    };
    TABLE.iter().map(parse).collect()
});

/// The first row that contains `address`; there always is one.
pub(super) fn find(address: IpAddr) -> &'static Range {
    RANGES.iter().find(|range| range.net.contains(&address)).expect("the table ends with both whole families")
}

/// The whole table, for the test that no row is hidden by an earlier one.
#[cfg(test)]
pub(super) fn all() -> &'static [Range] {
    &RANGES
}
