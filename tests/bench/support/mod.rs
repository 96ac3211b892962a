//! What the benchmarks share: timing with peak memory, medians, and a backup of realistic size.
#![allow(dead_code, reason = "each benchmark uses a part of it")]

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use breakglass::model::foreign::Foreign;
use breakglass::seal::dbacked::{Header, seal_to};
use breakglass::seal::digest::{Stored, Wanted};
use breakglass::seal::keyfile;
use breakglass::seal::keyring::PrivateKey;
use breakglass::seal::public::PublicKey;

pub mod corpus;

/// Set for a copy of a benchmark that does one job and reports its own memory.
const JOB: &str = "BREAKGLASS_BENCH_JOB";

/// How long something took, and how much memory it had at its peak.
#[derive(Clone, Copy)]
pub struct Run {
    pub wall: Duration,
    pub peak_kib: u64,
}

/// The first number of the command line, or `usual`.
pub fn number(nth: usize, usual: u64) -> u64 {
    std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).nth(nth).unwrap_or(usual)
}

/// Runs a command to its end, watching its peak memory (`VmHWM`).
pub fn run(command: &mut Command) -> Run {
    let start = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("the command starts");
    let status = format!("/proc/{}/status", child.id());
    let watch = std::thread::spawn(move || {
        let mut peak = 0;
        while let Some(seen) = peak_of(&status) {
            peak = peak.max(seen);
            std::thread::sleep(Duration::from_millis(4));
        }
        peak
    });
    let ended = child.wait().expect("the command can be waited for");
    let wall = start.elapsed();
    assert!(ended.success(), "{command:?}: {ended}");
    Run { wall, peak_kib: watch.join().expect("the watch does not panic") }
}

fn peak_of(status: &str) -> Option<u64> {
    let text = fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// This very benchmark, to do only `job`.
pub fn myself(job: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a program knows itself"));
    command.env(JOB, job);
    command
}

/// The job that this copy is to do.
pub fn job() -> Option<String> {
    std::env::var(JOB).ok()
}

/// The middle one by time, with the greatest memory of all.
pub fn median(mut runs: Vec<Run>) -> Run {
    runs.sort_unstable_by_key(|run| run.wall);
    let peak_kib = runs.iter().map(|run| run.peak_kib).max().unwrap_or(0);
    Run { peak_kib, ..runs[runs.len() / 2] }
}

/// `1.234 s, 21.5 MB`.
pub fn line(name: &str, run: Run, peer: Run) {
    let ratio = run.wall.as_secs_f64() / peer.wall.as_secs_f64();
    println!(
        "{name:42} {:7.3} s   ratio {ratio:.3}   peak {:5.1} MB",
        run.wall.as_secs_f64(),
        run.peak_kib as f64 / 1024.0
    );
}

/// A DBacked backup with its metadata, made once and kept below `target`.
pub struct Sample {
    /// The folder that holds it and nothing else.
    pub folder: PathBuf,
    /// The backup.
    pub sealed: PathBuf,
    /// The dump inside.
    pub dump: PathBuf,
    /// Its ciphertext alone, for `openssl`.
    pub body: PathBuf,
    /// The private key, unencrypted.
    pub key_file: PathBuf,
    /// The ETag that S3 would give it.
    pub etag: String,
}

impl Sample {
    pub const NAME: &str = "dbacked_shop_221120260100";

    /// The sample of the bars.
    pub fn ready() -> Self {
        Self::of(440)
    }

    /// One with so many MB of SQL inside, made if it is not there.
    pub fn of(megabytes: u64) -> Self {
        let base = scratch().join(format!("{megabytes}mb"));
        let sample = Self {
            folder: base.join("backups"),
            sealed: base.join("backups").join(Self::NAME),
            dump: base.join("dump.sql"),
            body: base.join("body"),
            key_file: vector("rsa2048-pkcs8-plain.pem"),
            etag: String::new(),
        };
        let done = base.join("etag");
        if !done.exists() {
            fs::create_dir_all(&sample.folder).expect("the target folder can be written");
            let etag = sample.make(megabytes * 1_000_000);
            fs::write(&done, etag).expect("room");
        }
        Self { etag: fs::read_to_string(done).expect("it was written"), ..sample }
    }

    fn make(&self, size: u64) -> String {
        let mut dump = BufWriter::with_capacity(1 << 20, File::create(&self.dump).expect("room"));
        corpus::write_dump(&mut dump, size).expect("room");
        drop(dump);
        let plain = self.body.with_extension("gz");
        let mut gzip = Command::new("gzip");
        let (from, to) = (File::open(&self.dump).expect("it was written"), File::create(&plain).expect("room"));
        assert!(gzip.arg("-6").stdin(from).stdout(to).status().expect("gzip is there").success());
        let public = fs::read(vector("rsa2048-public.pem")).expect("the vectors are there");
        let public = PublicKey::from_pem(&public).expect("it is a key");
        let out = BufWriter::with_capacity(1 << 20, File::create(&self.sealed).expect("room"));
        let source = BufReader::with_capacity(1 << 20, File::open(&plain).expect("it was written"));
        seal_to(&public, source, out, (0, 1, 0)).expect("sealing works");
        fs::remove_file(&plain).expect("it is ours");
        let mut stored = Stored::new(Wanted::ALL);
        let mut all = File::open(&self.sealed).expect("it was written");
        let mut chunk = vec![0; 1 << 20];
        while let Some(n) = Some(all.read(&mut chunk).expect("it can be read")).filter(|n| *n > 0) {
            stored.feed(&chunk[..n]);
        }
        let digests = stored.finish();
        let metadata = format!(
            "{{\"filename\":\"{}\",\"hash\":\"{}\",\"publicKey\":{:?},\"timestamp\":1795309200000,\"dbType\":\"mysql\",\"dbName\":\"shop\",\"size\":{}}}",
            Self::NAME,
            digests.md5.expect("it was wanted"),
            public.to_pem(),
            digests.bytes
        );
        fs::write(self.folder.join(format!("{}_metadata", Self::NAME)), metadata).expect("room");
        let mut sealed = File::open(&self.sealed).expect("it was written");
        Header::read(&mut sealed).expect("we sealed it");
        std::io::copy(&mut sealed, &mut File::create(&self.body).expect("room")).expect("room");
        digests.etag.expect("it was wanted")
    }

    /// The key that opens it.
    pub fn key(&self) -> PrivateKey {
        let text = fs::read(&self.key_file).expect("the vectors are there");
        keyfile::load(&text, None, Foreign::from("bench")).expect("it has no passphrase")
    }

    /// `openssl enc -d | gzip -dc >/dev/null` over the same ciphertext.
    pub fn peer(&self) -> Command {
        let header = Header::read(&mut File::open(&self.sealed).expect("it is there")).expect("we sealed it");
        let key = header.unwrap_key(&self.key()).expect("it is the right key");
        let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
        let (key, iv, body) = (hex(key.expose()), hex(&header.iv), self.body.display());
        let pipe = format!("openssl enc -d -aes-256-cbc -K {key} -iv {iv} -in '{body}' | gzip -dc >/dev/null");
        let mut command = Command::new("sh");
        command.arg("-c").arg(pipe);
        command
    }

    /// The real binary on the sample, with a state folder of its own.
    pub fn breakglass(&self, state: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_breakglass"));
        command.env_clear().env("HOME", state).env("BREAKGLASS_STATE_DIR", state).stderr(Stdio::null());
        command.arg("--key").arg(&self.key_file).args(args);
        command
    }

    pub fn path(&self) -> &str {
        self.sealed.to_str().expect("the target folder has a plain name")
    }

    /// Brings the sample into the page cache: disks are not what is measured.
    pub fn warm(&self) {
        for file in [&self.sealed, &self.body] {
            std::io::copy(&mut File::open(file).expect("it is there"), &mut std::io::sink()).expect("it can be read");
        }
    }

    /// Sizes, for the head of a table.
    pub fn describe(&self) {
        let sealed = fs::metadata(&self.sealed).expect("it is there").len();
        let inside = fs::metadata(&self.dump).expect("it is there").len();
        println!("backup: {} MB sealed, {} MB of SQL inside", sealed / 1_000_000, inside / 1_000_000);
    }
}

/// A folder below `target` that stays.
pub fn scratch() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench")
}

pub fn vector(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/vectors/dbacked/keys").join(name)
}
