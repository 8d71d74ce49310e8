//! A client app's endpoint on a thread of its own. It outlives the program under test.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde_json::Value;

/// For all deliveries together.
const PATIENCE: Duration = Duration::from_secs(60);
/// A connection that the killed program has left behind says nothing any more.
const IDLE: Duration = Duration::from_secs(20);

pub(crate) struct Receiver {
    url: String,
    /// What came: the provider's id of the event, and the delivery's id.
    deliveries: mpsc::Receiver<(String, String)>,
    arrived: Vec<(String, String)>,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (sender, deliveries) = mpsc::channel();
        // It ends with the test's process: nothing waits for it.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let sender = sender.clone();
                std::thread::spawn(move || {
                    let _ = serve(stream, &sender);
                });
            }
        });
        Self { url, deliveries, arrived: Vec::new() }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Waits until each of these events was delivered.
    pub(crate) fn wait_for(&mut self, events: &BTreeSet<String>) {
        let started = Instant::now();
        loop {
            let missing: BTreeSet<&String> = events
                .iter()
                .filter(|event| !self.arrived.iter().any(|(known, _)| known == *event))
                .collect();
            if missing.is_empty() {
                return;
            }
            match self.deliveries.recv_timeout(PATIENCE.saturating_sub(started.elapsed())) {
                Ok(delivery) => self.arrived.push(delivery),
                Err(RecvTimeoutError::Timeout) => panic!("not delivered in {PATIENCE:?}: {missing:?}"),
                Err(RecvTimeoutError::Disconnected) => panic!("the receiver has ended"),
            }
        }
    }

    /// How many deliveries came so far, repeats included.
    pub(crate) fn arrived(&mut self) -> usize {
        self.arrived.extend(self.deliveries.try_iter());
        self.arrived.len()
    }

    /// The ids of all deliveries so far, each once.
    pub(crate) fn webhook_ids(&mut self) -> BTreeSet<String> {
        self.arrived.extend(self.deliveries.try_iter());
        self.arrived.iter().map(|(_, id)| id.clone()).collect()
    }
}

/// Answers the requests of one connection with 204 until its other end closes it.
fn serve(stream: TcpStream, sender: &mpsc::Sender<(String, String)>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(IDLE))?;
    let mut answers = stream.try_clone()?;
    let mut requests = BufReader::new(stream);
    while let Some(headers) = read_head(&mut requests)? {
        let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        requests.read_exact(&mut body)?;
        let body: Value = serde_json::from_slice(&body)?;
        let event = body["data"]["event"]["provider_event_id"].as_str().unwrap_or_default().to_owned();
        let _ = sender.send((event, headers.get("webhook-id").cloned().unwrap_or_default()));
        answers.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")?;
    }
    Ok(())
}

/// The headers of the next request, or `None` at the end.
fn read_head(requests: &mut impl BufRead) -> std::io::Result<Option<BTreeMap<String, String>>> {
    let mut line = String::new();
    if requests.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        if requests.read_line(&mut line)? == 0 || line == "\r\n" {
            return Ok(Some(headers));
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
    }
}
