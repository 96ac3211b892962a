//! Servers from `tests/servers`, started by the tests themselves.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::{free_port, root, scratch};

/// A server of our own. It ends when its standard input does: on drop, and also when this process is killed.
pub struct Server {
    child: Child,
    folder: PathBuf,
    port: u16,
}

impl Server {
    /// Starts `tests/servers/SCRIPT run` with these environment variables.
    ///
    /// # Errors
    ///
    /// What the script said, when it cannot be installed or started here.
    pub fn start(script: &str, env: &[(&str, &str)]) -> Result<Self, String> {
        let folder = scratch().path().join(""); // the script makes it anew
        let port = free_port();
        let log = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
        let errors = log.reopen().map_err(|error| error.to_string())?;
        let mut command = Command::new("bash");
        command.arg(root().join("tests/servers").join(script)).arg("run").arg(&folder).arg(port.to_string());
        command.envs(env.iter().copied()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors);
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let mut line = String::new();
        let answer = child.stdout.take().expect("it is piped");
        BufReader::new(answer).read_line(&mut line).map_err(|error| error.to_string())?;
        if line.trim() != "ready" {
            let _ = child.wait();
            return Err(std::fs::read_to_string(log.path()).unwrap_or_default());
        }
        Ok(Self { child, folder, port })
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its state and logs; gone when it ends.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
