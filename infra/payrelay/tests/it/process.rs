//! The program as a child process, which ends with its handle.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::client::Client;

/// For one line of output: all that a start or a step of the demo takes, on a machine that is busy.
const LINE: Duration = Duration::from_secs(60);
/// From a signal to the end.
const END: Duration = Duration::from_secs(20);

/// How it ended, and what it printed that nobody had read before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<String>,
    pub(crate) stderr: String,
}

/// `payrelay dev`.
pub(crate) struct Payrelay {
    child: Child,
    lines: Receiver<String>,
    stderr: Option<JoinHandle<String>>,
    url: Option<String>,
    engines: [String; 2],
    is_demo: bool,
}

impl Payrelay {
    /// Starts it on a free port.
    pub(crate) fn start(arguments: &[&str], admin_key: Option<&str>) -> Self {
        Self::spawn(&[&["--listen", "127.0.0.1:0"], arguments].concat(), admin_key)
    }

    pub(crate) fn spawn(arguments: &[&str], admin_key: Option<&str>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_payrelay"));
        command.arg("dev").args(arguments).env_remove("PAYRELAY_ADMIN_KEY").stdin(Stdio::null());
        command.envs(admin_key.map(|key| ("PAYRELAY_ADMIN_KEY", key)));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = lines(child.stdout.take().unwrap());
        let stderr = Some(all(child.stderr.take().unwrap()));
        let is_demo = arguments.contains(&"--demo");
        Self { child, lines, stderr, url: None, engines: Default::default(), is_demo }
    }

    /// The next line of standard output.
    pub(crate) fn line(&mut self) -> String {
        match self.lines.recv_timeout(LINE) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => panic!("no line in {LINE:?}"),
            Err(RecvTimeoutError::Disconnected) => panic!("it ended: {:?}", self.wait()),
        }
    }

    /// The key, if that is the next line.
    pub(crate) fn admin_key(&mut self) -> String {
        self.line().strip_prefix("admin key ").expect("the key comes first").to_owned()
    }

    /// Waits until it serves, if that is the next line.
    pub(crate) fn await_ready(&mut self) {
        if self.url.is_none() {
            let line = self.line();
            self.url = Some(line.strip_prefix("ready ").expect("`ready` comes next").to_owned());
            if !self.is_demo {
                self.engines = ["sqs ", "eventbridge "].map(|name| {
                    let line = self.line();
                    line.strip_prefix(name).expect("the engines come next").to_owned()
                });
            }
        }
    }

    /// Where SQS and EventBridge are.
    pub(crate) fn engines(&mut self) -> [String; 2] {
        self.await_ready();
        self.engines.clone()
    }

    pub(crate) fn client(&mut self, key: &str) -> Client {
        self.await_ready();
        let url = self.url.as_deref().expect("it is ready");
        Client::new(url.strip_prefix("http://").expect("the address is a URL"), key)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn end(&mut self, signal: &str) -> Ended {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        self.wait()
    }

    /// SIGKILL: nothing of it runs on.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the end.
    pub(crate) fn wait(&mut self) -> Ended {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(started.elapsed() < END, "it still runs after {END:?}");
            std::thread::sleep(Duration::from_millis(10));
        };
        let stderr = self.stderr.take().map(|thread| thread.join().unwrap()).unwrap_or_default();
        Ended { code: status.code(), stdout: self.lines.iter().collect(), stderr }
    }
}

impl Drop for Payrelay {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(stdout: ChildStdout) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

fn all(mut stderr: ChildStderr) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).unwrap();
        text
    })
}
