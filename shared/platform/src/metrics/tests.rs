use super::*;
use std::sync::atomic::{AtomicI64, Ordering};

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no holder panics").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Written {
    fn lines(&self) -> Vec<Value> {
        let bytes = self.0.lock().expect("no holder panics");
        let text = std::str::from_utf8(&bytes).expect("lines are text");
        text.lines().map(|line| serde_json::from_str(line).expect("lines are JSON")).collect()
    }
}

fn metrics() -> (Metrics, Written, Arc<AtomicI64>) {
    let (written, now_s) = (Written::default(), Arc::new(AtomicI64::new(1_795_348_800)));
    let clock = Clock::from_fn({
        let now_s = Arc::clone(&now_s);
        move || Timestamp::from_second(now_s.load(Ordering::SeqCst)).expect("in range")
    });
    (Metrics::lines(written.clone(), "payrelay", clock), written, now_s)
}

#[test]
fn a_count_is_a_line_that_cloudwatch_reads_by_its_dimensions_and_in_total() {
    let (metrics, written, _) = metrics();
    metrics.count("WebhooksRejected", &[("provider", "stripe"), ("reason", "signature_mismatch")]);
    let expected = json!({
        "_aws": {
            "Timestamp": 1_795_348_800_000_i64,
            "CloudWatchMetrics": [{
                "Namespace": "Payrelay",
                "Dimensions": [["service", "provider", "reason"], ["service"]],
                "Metrics": [{ "Name": "WebhooksRejected", "Unit": "Count" }],
            }],
        },
        "service": "payrelay",
        "provider": "stripe",
        "reason": "signature_mismatch",
        "WebhooksRejected": 1,
    });
    assert_eq!(written.lines(), [expected]);
}

#[test]
fn a_count_without_dimensions_is_not_counted_twice() {
    let (metrics, written, _) = metrics();
    metrics.count("Sweeps", &[]);
    assert_eq!(written.lines()[0]["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["service"]]));
}

#[test]
fn what_happens_often_is_written_at_once_and_then_in_sums() {
    let (metrics, written, now_s) = metrics();
    let accepted = |provider| metrics.count_often("WebhooksAccepted", &[("provider", provider)]);
    let values = || -> Vec<(String, u64)> {
        let of =
            |line: &Value| (line["provider"].to_string(), line["WebhooksAccepted"].as_u64().unwrap_or(0));
        written.lines().iter().map(of).collect()
    };
    accepted("stripe");
    assert_eq!(values(), [("\"stripe\"".to_owned(), 1)]);
    accepted("stripe");
    accepted("adyen");
    now_s.fetch_add(9, Ordering::SeqCst);
    accepted("stripe");
    assert_eq!(values().len(), 1, "nothing is written within the ten seconds");
    now_s.fetch_add(1, Ordering::SeqCst);
    accepted("stripe");
    assert_eq!(values()[1..], [("\"adyen\"".to_owned(), 1), ("\"stripe\"".to_owned(), 3)]);
}

#[test]
fn counts_in_memory_can_be_asked_for() {
    let metrics = Metrics::in_memory(Clock::from_fn(|| Timestamp::UNIX_EPOCH));
    let dimensions = [("provider", "stripe")];
    metrics.count("A", &dimensions);
    metrics.count_often("A", &dimensions);
    metrics.clone().count_often("A", &dimensions);
    assert_eq!(metrics.counted("A", &dimensions), 3);
    assert_eq!(metrics.counted("A", &[]), 0);
}
