//! The headless door, driven as scripts drive it: the real binary, its output, its exit code.

mod asking;
mod change_sources;
mod changes;
mod codes;
mod databacker;
mod demo;
mod fields;
mod hostile;
mod newest;
mod redaction;
mod sealing;
mod servers;
mod sftp;
mod sidecars;
mod spans;
mod truth;
mod unfinished;
mod untold;
pub mod verified;
mod watching;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{root, scratch};

/// Opens every encrypted key of the fixtures (but the Latin-1 one).
pub const PASSPHRASE: &str = "correct horse battery staple";

/// A home of its own: an estate, state, a passphrase file; nothing of this machine's configuration is seen.
pub struct Home {
    folder: TempDir,
}

/// What one run came to.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Home {
    pub fn new() -> Self {
        let folder = scratch();
        fs::write(folder.path().join("passphrase"), format!("{PASSPHRASE}\n")).unwrap();
        fs::write(folder.path().join("estate.toml"), "name = \"test\"\n").unwrap();
        Self { folder }
    }

    /// With one file target per name and folder.
    pub fn with_targets(targets: &[(&str, &Path)]) -> Self {
        let home = Self::new();
        let mut text = "name = \"test\"\n".to_owned();
        for (name, folder) in targets {
            text.push_str(&format!("[targets.{name}]\nurl = \"file://{}/\"\n", folder.display()));
        }
        home.estate(&text);
        home
    }

    pub fn estate(&self, text: &str) {
        fs::write(self.path("estate.toml"), text).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command that sees this home and nothing else.
    pub fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_breakglass"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.folder.path());
        command.env("BREAKGLASS_ESTATE", self.path("estate.toml")).env("BREAKGLASS_STATE_DIR", self.path("state"));
        command.env("LC_ALL", "C.UTF-8").env("AWS_EC2_METADATA_DISABLED", "true");
        command.current_dir(self.folder.path()).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Run {
        finish(self.command(args).spawn().unwrap())
    }

    /// Runs with the fixtures' key and its passphrase.
    pub fn run_with_key(&self, args: &[&str]) -> Run {
        let key = fixture("keys/dbacked_private_key.pem");
        let mut all = vec!["--key", key.to_str().unwrap(), "--passphrase-file", "passphrase"];
        all.extend(args);
        self.run(&all)
    }
}

pub fn finish(child: Child) -> Run {
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
    Run { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

impl Run {
    /// The JSON Lines of standard output.
    pub fn lines(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"))).collect()
    }

    pub fn line(&self) -> Value {
        self.lines().into_iter().next().unwrap_or_else(|| panic!("no output: {self:?}"))
    }

    /// The code of the error object on standard error.
    pub fn error_code(&self) -> String {
        let last = self.err.lines().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("no error: {self:?}"));
        let error: Value = serde_json::from_str(last).unwrap();
        error["error"]["code"].as_str().unwrap().to_owned()
    }
}

pub fn fixture(name: &str) -> PathBuf {
    root().join("tests/it/vectors/dbacked").join(name)
}

/// The names of an object's fields, sorted.
pub fn fields(value: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}
