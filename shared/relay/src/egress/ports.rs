//! Ports that no delivery goes to, whatever the address: services there take a request for something else, line by line
//! as commands, or do what an unauthenticated request says.

/// The whole list of the Fetch standard (<https://fetch.spec.whatwg.org/#port-blocking>, as of 2026-07-02), which browsers
/// hold as well; 0 included.
#[rustfmt::skip]
const BAD_PORTS: &[u16] = &[
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102,
    103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512,
    513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719,
    1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679,
    6697, 10080,
];

/// Not in the standard: stores and daemons that answer whoever reaches them, by default without a password, in text or HTTP.
const OPEN_SERVICES: &[u16] = &[
    2375,  // Docker's API without TLS
    2379,  // etcd
    6379,  // Redis: the lines of a request are commands to it
    9200,  // Elasticsearch
    11211, // memcached: the same
];

pub(super) fn is_refused(port: u16) -> bool {
    BAD_PORTS.contains(&port) || OPEN_SERVICES.contains(&port)
}

/// Both lists, for the tests at the two doors.
#[cfg(test)]
pub(crate) fn all() -> impl Iterator<Item = u16> {
    BAD_PORTS.iter().chain(OPEN_SERVICES).copied()
}
