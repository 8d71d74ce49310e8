//! HTTP/1.1 by hand, one request per connection: the program has to do with any client, and what is sent here is
//! to be seen at a glance.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use simulators::Webhook;

const TIMEOUT: Duration = Duration::from_secs(20);

pub(crate) struct Client {
    address: String,
    key: String,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    body: String,
}

impl Answer {
    /// The body, if it was this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Client {
    /// `address` is an IP address and a port.
    pub(crate) fn new(address: &str, key: &str) -> Self {
        Self { address: address.to_owned(), key: key.to_owned() }
    }

    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self::new(&self.address, key)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &[self.authorization()], "")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.call("POST", path, &[self.authorization()], &body.to_string())
    }

    /// Calls a source's webhook, as its provider does: without a key. `None` if the process ended meanwhile.
    pub(crate) fn try_webhook(&self, source: &str, webhook: &Webhook) -> Option<Answer> {
        self.try_call("POST", &format!("/webhooks/{source}"), &webhook.headers, &webhook.body).ok()
    }

    /// Calls an engine's action, as an AWS SDK does.
    pub(crate) fn action(&self, target: &str, body: &Value) -> Answer {
        self.call("POST", "/", &[("x-amz-target", target.to_owned())], &body.to_string())
    }

    fn authorization(&self) -> (&'static str, String) {
        ("authorization", format!("Bearer {}", self.key))
    }

    fn call(&self, method: &str, path: &str, headers: &[(&str, String)], body: &str) -> Answer {
        self.try_call(method, path, headers, body).unwrap()
    }

    fn try_call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: &str,
    ) -> std::io::Result<Answer> {
        let address = self.address.parse().expect("an address, for no name is looked up");
        let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.address);
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += "content-type: application/json\r\nconnection: close\r\n";
        request += &format!("content-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or(std::io::ErrorKind::UnexpectedEof)?;
        assert!(!head.to_ascii_lowercase().contains("transfer-encoding"), "the body is plain: {head}");
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Ok(Answer { status, body: body.to_owned() })
    }
}
