//! What the dialer would connect to. Nothing here opens a socket, so the addresses can be real ones.

use super::*;
use crate::UrlError;
use domain::FailureKind;
use std::sync::Mutex;

/// A dialer under the strict policy whose look-ups are answered with `answers`, one after the other.
fn dialer(answers: &[&[&str]]) -> Dialer {
    let parse = |list: &&[&str]| list.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
    let left = Mutex::new(answers.iter().rev().map(parse).collect::<Vec<_>>());
    Dialer {
        policy: Arc::new(EgressPolicy::strict()),
        resolver: Resolver::custom(move |name| {
            assert_eq!(name, "hooks.example.com");
            left.lock().unwrap().pop().ok_or_else(|| io::Error::other("unknown name"))
        }),
        resolve_timeout: Duration::from_secs(1),
        connect_timeout: Duration::from_secs(1),
    }
}

async fn checked(dialer: &Dialer, uri: &str) -> Result<Vec<String>, &'static str> {
    match dialer.checked_addresses(&uri.parse().unwrap()).await {
        Ok(addresses) => Ok(addresses.iter().map(SocketAddr::to_string).collect()),
        Err(SendError::Blocked(blocked)) => Err(blocked.class()),
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn public_addresses_are_connected_to_in_the_order_of_the_answer() {
    let dialer = dialer(&[&["2606:4700:4700::1111", "1.1.1.1"] as &[&str]; 3]);
    let expected = |port| Ok(vec![format!("[2606:4700:4700::1111]:{port}"), format!("1.1.1.1:{port}")]);
    assert_eq!(checked(&dialer, "https://hooks.example.com/").await, expected(443));
    assert_eq!(checked(&dialer, "http://hooks.example.com/").await, expected(80));
    assert_eq!(checked(&dialer, "https://hooks.example.com.:8443/").await, expected(8443));
}

#[tokio::test]
async fn a_name_that_resolves_inward_is_refused_whatever_the_disguise() {
    for (address, class) in [
        ("10.0.0.1", "private_use"),
        ("169.254.169.254", "link_local"),
        ("fd00:ec2::254", "unique_local"),
        ("::ffff:10.0.0.1", "private_use"),
        ("64:ff9b::a9fe:a9fe", "link_local"),
        ("2002:a00:1::1", "6to4"),
    ] {
        let dialer = dialer(&[&[address], &["1.1.1.1", address], &[address, "1.1.1.1"]]);
        for _ in 0..3 {
            assert_eq!(checked(&dialer, "https://hooks.example.com/").await, Err(class), "{address}");
        }
    }
}

#[tokio::test]
async fn a_name_that_is_rebound_from_a_public_to_a_private_address_is_refused() {
    let dialer = dialer(&[&["1.1.1.1"], &["10.0.0.1"]]);
    assert_eq!(checked(&dialer, "https://hooks.example.com/").await, Ok(vec!["1.1.1.1:443".to_owned()]));
    assert_eq!(checked(&dialer, "https://hooks.example.com/").await, Err("private_use"));
}

#[tokio::test]
async fn a_literal_address_is_checked_without_a_look_up() {
    let dialer = dialer(&[]);
    assert_eq!(checked(&dialer, "https://1.1.1.1/").await, Ok(vec!["1.1.1.1:443".to_owned()]));
    assert_eq!(checked(&dialer, "https://10.0.0.1/").await, Err("private_use"));
    assert_eq!(checked(&dialer, "https://[::1]:8443/").await, Err("loopback"));
    assert_eq!(checked(&dialer, "https://[::ffff:127.0.0.1]/").await, Err("loopback"));
}

/// The second door, for what was stored before the list was.
#[tokio::test]
async fn no_port_of_another_service_is_connected_to() {
    let dialer = dialer(&[]);
    for port in crate::egress::ports::all() {
        for host in ["1.1.1.1", "hooks.example.com"] {
            let uri = format!("https://{host}:{port}/").parse().unwrap();
            let refused = dialer.checked_addresses(&uri).await;
            assert!(matches!(refused, Err(SendError::Url(UrlError::BadPort))), "{uri}: {refused:?}");
        }
    }
}

#[test]
fn an_error_of_the_socket_keeps_its_kind() {
    let kind = |kind: io::ErrorKind| connect_error(io::Error::from(kind)).kind();
    assert_eq!(kind(io::ErrorKind::ConnectionRefused), FailureKind::ConnectionRefused);
    assert_eq!(kind(io::ErrorKind::NetworkUnreachable), FailureKind::ConnectionRefused);
    assert_eq!(kind(io::ErrorKind::ConnectionReset), FailureKind::ConnectionReset);
    assert_eq!(kind(io::ErrorKind::TimedOut), FailureKind::ConnectTimeout);
}
