//! Telemetry into the history: the real receiver, the real store, payloads of every feed.

mod bounds;
mod feeds;
mod fuzz;
mod hostile;
mod load;
mod payloads;
mod pieces;
mod receiver;
mod secrets;
mod store;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout};

use breakglass::disk::estate::EstateId;
use breakglass::disk::runs::{Keep, Store};
use breakglass::disk::state::State;
use breakglass::model::run::{Run, RunQuery};
use serde_json::Value;

use crate::cli::Home;

pub const PROTOBUF: &str = "application/x-protobuf";
pub const JSON: &str = "application/json";

/// A running `breakglass collect`.
pub struct Collector {
    child: Child,
    out: BufReader<ChildStdout>,
    /// `127.0.0.1:41234` of each listener, OTLP first.
    pub addresses: Vec<String>,
}

impl Collector {
    pub fn start(home: &Home, more: &[&str]) -> Self {
        let listeners = 1 + usize::from(more.contains(&"--beacons"));
        let mut args = vec!["collect", "--json"];
        if !more.contains(&"--listen") {
            args.extend(["--listen", "127.0.0.1:0"]);
        }
        args.extend(more);
        let mut child = home.command(&args).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let addresses = (0..listeners).map(|_| {
            let mut line = String::new();
            out.read_line(&mut line).unwrap();
            let said: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no address: {line:?}"));
            said["listening"]["url"].as_str().unwrap().split("://").nth(1).unwrap().to_owned()
        });
        let addresses = addresses.collect();
        Self { child, out, addresses }
    }

    pub fn client(&self) -> Client {
        Client::new(&self.addresses[0])
    }

    pub fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    /// SIGKILL: nothing is tidied up.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and what it said had arrived.
    pub fn stop(mut self) -> Value {
        rustix::process::kill_process(self.pid(), rustix::process::Signal::TERM).unwrap();
        let mut said = String::new();
        self.out.read_to_string(&mut said).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{said}");
        let last: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
        last["arrived"].clone()
    }
}

/// A connection that stays open.
pub struct Client {
    stream: TcpStream,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// In lower case.
    pub head: String,
    pub body: Vec<u8>,
}

impl Client {
    pub fn new(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream }
    }

    /// Sends one request; the error where the receiver has gone.
    pub fn send(&mut self, line: &str, head: &[(&str, &str)], body: &[u8]) -> std::io::Result<Answer> {
        ask(&mut self.stream, line, head, body)
    }

    pub fn post(&mut self, kind: &str, body: &[u8]) -> Answer {
        self.send("POST /v1/traces", &[("content-type", kind)], body).unwrap()
    }
}

pub fn ask(
    stream: &mut (impl Read + Write),
    line: &str,
    head: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<Answer> {
    let mut text = format!("{line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n", body.len());
    head.iter().for_each(|(name, value)| text.push_str(&format!("{name}: {value}\r\n")));
    text.push_str("\r\n");
    stream.write_all(text.as_bytes())?;
    stream.write_all(body)?;
    let mut head = vec![];
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Answer { status: head[9..12].parse().unwrap(), head, body })
}

/// A home that keeps runs of whatever year.
pub fn keeping() -> Home {
    let home = Home::new();
    home.estate("name = \"test\"\n[history]\nkeep = \"36500d\"\n");
    home
}

/// The store that a home's estate has.
pub fn store(home: &Home) -> Store {
    let id = EstateId::of_file(&home.path("estate.toml"));
    let state = State::open(&home.path("state"), id.as_str()).unwrap();
    Store::open(&state, Keep::default()).unwrap()
}

pub fn runs(home: &Home) -> Vec<Run> {
    store(home).runs(&RunQuery { limit: usize::MAX, ..RunQuery::default() }).unwrap()
}

/// Every byte of every file below a folder.
pub fn all_bytes(folder: &Path) -> Vec<u8> {
    let mut bytes = vec![];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            bytes.extend(all_bytes(&path));
        } else {
            bytes.extend(std::fs::read(&path).unwrap());
        }
    }
    bytes
}
