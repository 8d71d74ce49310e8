//! Where a delivery may go.
//!
//! **Guarantee:** [`EgressPolicy::check_ip`] accepts an address only if it is public unicast, or if the operator
//! listed it. An IPv6 address that carries an IPv4 one is judged by what it carries, and IPv6 is closed by
//! default: what is not known to be global unicast is refused.
//!
//! [`EgressPolicy::check_url`] is the early answer for whoever registers an endpoint. It resolves nothing, for
//! a name may resolve inward tomorrow; what protects us is that the connector asks `check_ip` and `check_port` at every
//! connection.

pub(crate) mod ports;
mod ranges;
#[cfg(test)]
mod tests;

use hyper::Uri;
use ipnet::IpNet;
use ranges::Rule;
use std::net::{IpAddr, Ipv6Addr};
use url::{Host, Url};

/// Longest accepted URL in bytes. No standard sets it; 2,048 is what common servers and proxies take.
const MAX_URL_BYTES: usize = 2048;

/// Names that never leave the machine or the site.
const LOCAL_SUFFIXES: &[&str] = &[
    "localhost", // RFC 6761 §6.3
    "local",     // RFC 6762
    "internal",  // reserved for private use by ICANN, resolution 2024.07.29.06; EC2's and GCP's own names
    "home.arpa", // RFC 8375
];

/// Which addresses and schemes deliveries may use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EgressPolicy {
    allow: Vec<IpNet>,
    allow_http: bool,
}

/// An address that must not be reached.
///
/// Its text names the class and not the address: it is shown to the owner of the endpoint, who could otherwise
/// read private DNS zones through us. The address is there for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a public address ({class})")]
pub struct Blocked {
    address: IpAddr,
    class: &'static str,
}

impl Blocked {
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// The name of the range, such as `private_use` or `link_local`; stable.
    pub fn class(&self) -> &'static str {
        self.class
    }
}

/// Why a URL can't be an endpoint's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("not a valid URL")]
    Malformed(#[source] url::ParseError),
    #[error("holds a character that HTTP does not allow in a request")]
    NotSendable,
    #[error("longer than {MAX_URL_BYTES} bytes")]
    TooLong,
    #[error("the scheme must be https")]
    Scheme,
    #[error("a user name or password in the URL is not accepted")]
    UserInfo,
    #[error("has no host")]
    NoHost,
    #[error("a fragment (#...) is never sent and not accepted")]
    Fragment,
    #[error("deliveries are not sent to this port: it is another service's")]
    BadPort,
    #[error("the host is a local name: a public name of at least two labels is needed")]
    LocalName,
    #[error("the host is an address that deliveries must not reach")]
    Blocked(#[source] Blocked),
}

impl UrlError {
    /// For machines; stable.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "url_malformed",
            Self::NotSendable => "url_not_sendable",
            Self::TooLong => "url_too_long",
            Self::Scheme => "url_scheme",
            Self::UserInfo => "url_user_info",
            Self::NoHost => "url_no_host",
            Self::Fragment => "url_fragment",
            Self::BadPort => "url_bad_port",
            Self::LocalName => "url_local_name",
            Self::Blocked(_) => "url_address_blocked",
        }
    }
}

/// An entry of the operator's allow list that can't be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AllowListError {
    #[error("`{0}` is not an address range like 10.0.0.0/8 or fd00::/8")]
    NotARange(String),
    /// `10.0.0.1/8` could mean the host or the network, and the difference is 16 million addresses.
    #[error("`{given}` has bits set beyond its prefix: write `{network}` or a longer prefix")]
    HostBits { given: String, network: IpNet },
}

impl EgressPolicy {
    /// https to public addresses only: what runs on AWS.
    pub fn strict() -> Self {
        Self::default()
    }

    /// `ranges` are CIDRs separated by commas (`10.0.0.0/8,fd00::/8`), to be reached besides the public
    /// addresses; empty text adds none. `allow_http` also accepts `http` URLs.
    ///
    /// Once there is any range, local names are accepted too: a private network has private names, and what
    /// they resolve to is still checked.
    pub fn from_allow_list(ranges: &str, allow_http: bool) -> Result<Self, AllowListError> {
        let allow = match ranges.trim() {
            "" => Vec::new(),
            ranges => ranges.split(',').map(|entry| parse_range(entry.trim())).collect::<Result<_, _>>()?,
        };
        Ok(Self { allow, allow_http })
    }

    /// Whether a connection to `address` may be opened.
    pub fn check_ip(&self, address: IpAddr) -> Result<(), Blocked> {
        if self.allow.iter().any(|range| range.contains(&address)) {
            return Ok(());
        }
        let range = ranges::find(address);
        match (range.rule, address) {
            (Rule::Global, _) => Ok(()),
            (Rule::EmbeddedV4, IpAddr::V6(carrier)) => self
                .check_ip(last_four_bytes(carrier))
                .map_err(|Blocked { class, .. }| Blocked { address, class }),
            (Rule::Refuse | Rule::EmbeddedV4, _) => Err(Blocked { address, class: range.class }),
        }
    }

    /// Whether a connection to `port` may be opened. The operator's allow list is of addresses; it opens no port.
    pub(crate) fn check_port(port: u16) -> Result<(), UrlError> {
        if ports::is_refused(port) { Err(UrlError::BadPort) } else { Ok(()) }
    }

    /// Parses `text` as the URL standard of WHATWG says and checks the result.
    pub fn parse_url(&self, text: &str) -> Result<Url, UrlError> {
        if text.len() > MAX_URL_BYTES {
            return Err(UrlError::TooLong);
        }
        let url = Url::parse(text).map_err(|error| match error {
            url::ParseError::EmptyHost => UrlError::NoHost,
            error => UrlError::Malformed(error),
        })?;
        self.check_url(&url)?;
        Ok(url)
    }

    /// Whether `url` may be an endpoint's, as far as it can be told without resolving its name.
    ///
    /// The scheme comes first: only for http and https does the parser read `0x7f.1` or `2130706433` as the
    /// IPv4 address that a socket would make of it.
    pub fn check_url(&self, url: &Url) -> Result<(), UrlError> {
        if url.as_str().len() > MAX_URL_BYTES {
            return Err(UrlError::TooLong);
        }
        if url.scheme() != "https" && !(self.allow_http && url.scheme() == "http") {
            return Err(UrlError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlError::UserInfo);
        }
        if url.fragment().is_some() {
            return Err(UrlError::Fragment);
        }
        url.port().map_or(Ok(()), Self::check_port)?;
        match url.host().ok_or(UrlError::NoHost)? {
            Host::Ipv4(address) => self.check_ip(address.into()).map_err(UrlError::Blocked)?,
            Host::Ipv6(address) => self.check_ip(address.into()).map_err(UrlError::Blocked)?,
            Host::Domain(name) if self.is_strict_about_names() && is_local_name(name) => {
                return Err(UrlError::LocalName);
            }
            Host::Domain(_) => {}
        }
        // The URL standard lets through a few characters that HTTP's grammar does not.
        Uri::try_from(url.as_str()).map_err(|_| UrlError::NotSendable)?;
        Ok(())
    }

    /// True while nothing but public addresses can be reached, so that names are public as well.
    pub(crate) fn is_strict_about_names(&self) -> bool {
        self.allow.is_empty()
    }
}

fn parse_range(text: &str) -> Result<IpNet, AllowListError> {
    let range: IpNet = text.parse().map_err(|_| AllowListError::NotARange(text.to_owned()))?;
    let network = range.trunc();
    if range == network {
        Ok(range)
    } else {
        Err(AllowListError::HostBits { given: text.to_owned(), network })
    }
}

/// `name` is lower case and in ASCII, as the URL parser leaves it.
///
/// A single label is local because resolvers complete it with the search domains of the machine.
fn is_local_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    !name.contains('.')
        || LOCAL_SUFFIXES.iter().any(|suffix| {
            name.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
}

fn last_four_bytes(carrier: Ipv6Addr) -> IpAddr {
    let [.., a, b, c, d] = carrier.octets();
    IpAddr::from([a, b, c, d])
}
