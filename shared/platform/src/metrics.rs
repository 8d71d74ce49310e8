//! Counters, as lines of CloudWatch's embedded metric format on standard output
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).
//!
//! A line costs what a log line costs and no call: PutMetricData would be a request to wait for in the path of
//! each webhook, and a process that collects and sends later has no later on Lambda.
//!
//! **Guarantee:** names of metrics and dimensions are written in the program; values are ids of its own closed
//! lists (providers, reasons), which its callers see to. Nothing that a stranger sent becomes a dimension, for each
//! value is a metric that is billed.

#[cfg(test)]
mod tests;

use crate::Clock;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::{fmt, mem};

const NAMESPACE: &str = "Payrelay";

/// The dimension that every metric has: which stack of the account it is about.
const SERVICE: &str = "service";

/// How long counts of [`Metrics::count_often`] are gathered.
const GATHER: SignedDuration = SignedDuration::from_secs(10);

/// Counts what happens. Cheap to clone; clones count together.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    service: String,
    clock: Clock,
    state: Mutex<State>,
}

struct State {
    sink: Sink,
    gathered: BTreeMap<Counter, u64>,
    written_at: Option<Timestamp>,
}

enum Sink {
    Lines(Box<dyn Write + Send>),
    Memory(BTreeMap<Counter, u64>),
}

/// A metric and its dimensions in the order in which they are written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Counter {
    name: &'static str,
    dimensions: Vec<(&'static str, String)>,
}

impl Metrics {
    /// To standard output, where CloudWatch Logs takes them from. `service` tells one stack of an account from
    /// another.
    pub fn stdout(service: impl Into<String>, clock: Clock) -> Self {
        Self::lines(io::stdout(), service, clock)
    }

    /// Written to nobody, and asked for by [`Metrics::counted`]: for tests and the local stack.
    pub fn in_memory(clock: Clock) -> Self {
        Self::new(Sink::Memory(BTreeMap::new()), "local", clock)
    }

    fn lines(writer: impl Write + Send + 'static, service: impl Into<String>, clock: Clock) -> Self {
        Self::new(Sink::Lines(Box::new(writer)), service, clock)
    }

    fn new(sink: Sink, service: impl Into<String>, clock: Clock) -> Self {
        let state = State { sink, gathered: BTreeMap::new(), written_at: None };
        Self(Arc::new(Inner { service: service.into(), clock, state: Mutex::new(state) }))
    }

    /// Counts one, at once. Beside the dimensions given there is a total without them, to put an alarm on.
    pub fn count(&self, name: &'static str, dimensions: &[(&'static str, &str)]) {
        let mut state = self.0.state.lock().expect("no holder of this lock panics");
        state.write(&self.0, &Counter::new(name, dimensions), 1);
    }

    /// Counts one of what happens all the time. The first is written at once, the following are gathered for ten
    /// seconds: a line for each would be a noticeable part of what an event costs. What a process has gathered when
    /// Lambda ends it is lost, ten seconds of it at most; so this is for rates, not for accounts.
    pub fn count_often(&self, name: &'static str, dimensions: &[(&'static str, &str)]) {
        let mut state = self.0.state.lock().expect("no holder of this lock panics");
        *state.gathered.entry(Counter::new(name, dimensions)).or_default() += 1;
        let now = self.0.clock.now();
        let in_memory = matches!(state.sink, Sink::Memory(_));
        if in_memory || state.written_at.is_none_or(|at| now.duration_since(at) >= GATHER) {
            state.written_at = Some(now);
            for (counter, value) in mem::take(&mut state.gathered) {
                state.write(&self.0, &counter, value);
            }
        }
    }

    /// What was counted of `name` with exactly these dimensions; only of [`Metrics::in_memory`], zero of any other.
    pub fn counted(&self, name: &'static str, dimensions: &[(&'static str, &str)]) -> u64 {
        match &self.0.state.lock().expect("no holder of this lock panics").sink {
            Sink::Memory(counts) => counts.get(&Counter::new(name, dimensions)).copied().unwrap_or(0),
            Sink::Lines(_) => 0,
        }
    }
}

impl Counter {
    fn new(name: &'static str, dimensions: &[(&'static str, &str)]) -> Self {
        let dimensions = dimensions.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self { name, dimensions }
    }
}

impl State {
    fn write(&mut self, inner: &Inner, counter: &Counter, value: u64) {
        match &mut self.sink {
            Sink::Memory(counts) => *counts.entry(counter.clone()).or_default() += value,
            Sink::Lines(writer) => {
                let line = line(&inner.service, inner.clock.now(), counter, value);
                // One write, so that no other line gets into it. A log that can't be written can't be complained to.
                let _ = writer.write_all(format!("{line}\n").as_bytes()).and_then(|()| writer.flush());
            }
        }
    }
}

fn line(service: &str, now: Timestamp, counter: &Counter, value: u64) -> Value {
    let names: Vec<&str> =
        [SERVICE].into_iter().chain(counter.dimensions.iter().map(|(name, _)| *name)).collect();
    let mut sets = vec![names];
    if !counter.dimensions.is_empty() {
        sets.push(vec![SERVICE]);
    }
    let metadata = json!({
        "Timestamp": now.as_millisecond(),
        "CloudWatchMetrics": [{
            "Namespace": NAMESPACE,
            "Dimensions": sets,
            "Metrics": [{ "Name": counter.name, "Unit": "Count" }],
        }],
    });
    let mut line = json!({ "_aws": metadata, SERVICE: service, counter.name: value });
    for (name, value) in &counter.dimensions {
        line[name] = json!(value);
    }
    line
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}
