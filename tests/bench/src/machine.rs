//! What else the machine does while something is measured.

use std::fs::read_to_string;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::interval;

const EVERY: Duration = Duration::from_millis(500);
/// The share of all processors from which on other processes disturb.
const DISTURBING: f64 = 0.15;

/// Looks, from its start to its drop, how much of the processors other processes take. It knows Linux only; elsewhere
/// nothing is ever found to disturb.
#[derive(Debug)]
pub struct Machine {
    /// When a stretch of [`EVERY`] began in which others disturbed.
    disturbed: Arc<Mutex<Vec<Instant>>>,
    _watch: JoinSet<()>,
}

impl Machine {
    pub fn watch() -> Self {
        let (disturbed, mut watch) = (Arc::<Mutex<Vec<Instant>>>::default(), JoinSet::new());
        let found = Arc::clone(&disturbed);
        watch.spawn(async move {
            let (mut ticks, mut before, mut began) = (interval(EVERY), None, Instant::now());
            loop {
                ticks.tick().await;
                let now = Ticks::read();
                if let Some((before, now)) = before.zip(now)
                    && now.share_of_others(before) > DISTURBING
                {
                    found.lock().expect("no holder of this lock panics").push(began);
                }
                (before, began) = (now, Instant::now());
            }
        });
        Self { disturbed, _watch: watch }
    }

    /// Whether others left the machine alone between these moments, and shortly before and after.
    pub fn was_quiet(&self, from: Instant, to: Instant) -> bool {
        let disturbed = self.disturbed.lock().expect("no holder of this lock panics");
        !disturbed.iter().any(|began| *began <= to + EVERY && from <= *began + 2 * EVERY)
    }
}

/// Processor time since the start of the machine, in its ticks.
#[derive(Debug, Clone, Copy)]
struct Ticks {
    all: f64,
    idle: f64,
    own: f64,
}

impl Ticks {
    /// <https://man7.org/linux/man-pages/man5/proc_stat.5.html>, `proc_pid_stat.5.html`
    fn read() -> Option<Self> {
        let numbers = |text: &str| -> Vec<f64> {
            text.split_whitespace().filter_map(|number| number.parse().ok()).collect()
        };
        let machine = numbers(read_to_string("/proc/stat").ok()?.lines().next()?);
        // The name in parentheses may hold anything; behind it come the state and ten numbers, then ours.
        let process = numbers(read_to_string("/proc/self/stat").ok()?.rsplit_once(')')?.1);
        Some(Self {
            // The last two are in the first already.
            all: machine.iter().take(8).sum(),
            idle: machine.get(3)? + machine.get(4)?,
            own: process.get(10)? + process.get(11)?,
        })
    }

    fn share_of_others(self, before: Self) -> f64 {
        let all = (self.all - before.all).max(1.0);
        let busy = all - (self.idle - before.idle);
        (busy - (self.own - before.own)) / all
    }
}
