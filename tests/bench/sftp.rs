//! Reading 400 MiB over SFTP through our store, against `sftp` itself, from the same server in the same run.
//!
//! The bar: at least 0.8 of its speed.

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on should stop where it is")]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use breakglass::model::foreign::Foreign;
use breakglass::model::sftp::{Places, RemoteFolder, SftpLocation};
use breakglass::model::target::{Location, Target, TargetName};
use breakglass::target::{Patience, Ssh, Store, open_asking, read};
use futures_util::TryStreamExt;
use tokio_util::sync::CancellationToken;

const MIB: usize = 1 << 20;
const SIZE: usize = 400 * MIB;
const ROUNDS: usize = 5;

fn main() {
    let home = tempfile::Builder::new().prefix("bg").tempdir_in("/tmp").unwrap();
    let server = Server::start(home.path());
    let file = home.path().join("big");
    fill(&file);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let store = server.store(home.path());
    let object = runtime.block_on(store.stat(&Foreign::from("big"), None)).unwrap();
    let before = peak_kib();

    let (mut ours, mut theirs) = (vec![], vec![]);
    for _ in 0..ROUNDS {
        // In turns: whatever else the machine does meets both.
        let began = Instant::now();
        let digest = runtime.block_on(async {
            let mut pieces = read(store.clone(), object.clone(), 0, CancellationToken::new());
            let mut digest = blake3::Hasher::new();
            while let Some(piece) = pieces.try_next().await.unwrap() {
                digest.update(&piece);
            }
            digest.finalize()
        });
        ours.push(began.elapsed());
        let got = home.path().join("got");
        let began = Instant::now();
        server.get(&file, &got);
        theirs.push(began.elapsed());
        let mut copy = blake3::Hasher::new();
        copy.update_reader(std::fs::File::open(&got).unwrap()).unwrap();
        assert_eq!(digest, copy.finalize(), "both read the same bytes");
        std::fs::remove_file(&got).unwrap();
    }
    let rate = |times: &[Duration]| (SIZE / MIB) as f64 / median(times).as_secs_f64();
    println!("sftp get          {:7.0} MiB/s  (to a file)", rate(&theirs));
    println!("our store         {:7.0} MiB/s  (and a BLAKE3 digest of it)", rate(&ours));
    println!("ratio             {:7.2}        (the bar is 0.80)", rate(&ours) / rate(&theirs));
    println!("peak of memory    {:7.1} MiB    (before the reads {:.1} MiB)", mib(peak_kib()), mib(before));
}

fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).unwrap();
    let mut bytes = vec![0; MIB];
    let mut noise = blake3::Hasher::new().finalize_xof();
    for _ in 0..SIZE / MIB {
        noise.fill(&mut bytes);
        file.write_all(&bytes).unwrap();
    }
}

fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    times[times.len() / 2]
}

/// The most memory that this process had at once, in KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// `tests/servers/sftp.sh`; it ends with its standard input.
struct Server {
    child: Child,
    folder: PathBuf,
    port: u16,
}

impl Server {
    fn start(home: &Path) -> Self {
        let folder = home.join("server");
        let port = loop {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            if TcpListener::bind(("127.0.0.1", port.saturating_add(1))).is_ok() {
                break port;
            }
        };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/sftp.sh");
        let mut command = Command::new("bash");
        command.arg(script).arg("run").arg(&folder).arg(port.to_string());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "ready", "the SSH server runs");
        let known = folder.join("known_hosts");
        let config = format!(
            "Host *\n  IdentityFile {}\n  IdentitiesOnly yes\n  IdentityAgent none\n  UserKnownHostsFile {}\n",
            folder.join("id_plain").display(),
            known.display()
        );
        std::fs::write(home.join("config"), config).unwrap();
        Self { child, folder, port }
    }

    fn config(&self) -> PathBuf {
        self.folder.with_file_name("config")
    }

    fn store(&self, home: &Path) -> Arc<dyn Store> {
        let program = home.join("ssh");
        let text = format!("#!/bin/sh\nexec /usr/bin/env ssh -F '{}' \"$@\"\n", self.config().display());
        std::fs::write(&program, text).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        let location = SftpLocation {
            host: "127.0.0.1".into(),
            port: Some(self.port),
            user: None,
            folder: RemoteFolder::Absolute(home.display().to_string()),
            places: Places::Url,
        };
        let name = TargetName::new("loopback").unwrap();
        let target = Target { name, location: Location::Sftp(Box::new(location)), expect_key: None };
        let ssh = Ssh { program: program.into(), ..Ssh::default() };
        open_asking(&target, None, (Patience::default(), ssh)).unwrap()
    }

    fn get(&self, from: &Path, to: &Path) {
        let mut command = Command::new("sftp");
        command.arg("-q").arg("-F").arg(self.config()).arg("-P").arg(self.port.to_string());
        command.arg(format!("127.0.0.1:{}", from.display())).arg(to).stdout(Stdio::null());
        assert!(command.status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
