//! One pair of SSH servers per test run; a folder and a configuration of `ssh` per test.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use breakglass::model::sftp::{Places, RemoteFolder, SftpLocation};
use breakglass::model::target::{Location, Target, TargetName};
use breakglass::target::Ssh;
use tempfile::TempDir;

use crate::support::servers::Server;
use crate::support::{scratch, skip_or_fail};

/// A folder behind the run's SSH server, and a way to run `ssh` that looks at no configuration but its own.
pub struct Vault {
    server: &'static Server,
    home: TempDir,
    name: String,
}

/// A new folder, or `None` (after saying so) where no SSH server can run.
pub fn vault() -> Option<Vault> {
    static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    match SERVER.get_or_init(|| Server::start("sftp.sh", &[])) {
        Ok(server) => {
            let name = format!("t{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
            let vault = Vault { server, home: scratch(), name };
            fs::create_dir(vault.files()).unwrap();
            fs::create_dir(vault.login()).unwrap();
            let program =
                format!("#!/bin/sh\nexec {} -F '{}' \"$@\"\n", real_ssh().display(), vault.config().display());
            fs::write(vault.program(), program).unwrap();
            fs::set_permissions(vault.program(), fs::Permissions::from_mode(0o700)).unwrap();
            vault.configure("");
            Some(vault)
        }
        Err(why) => {
            skip_or_fail("the SSH server", why);
            None
        }
    }
}

fn real_ssh() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join("ssh")).find(|ssh| ssh.is_file()).expect("ssh is installed")
}

impl Vault {
    /// The folder that the target names.
    pub fn files(&self) -> PathBuf {
        self.home.path().join("files")
    }

    /// The folder in which a login ends up.
    pub fn login(&self) -> PathBuf {
        self.home.path().join("login")
    }

    /// A scratch folder of the test's own.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The program that runs `ssh` with the test's configuration.
    pub fn program(&self) -> PathBuf {
        self.home.path().join("ssh")
    }

    fn config(&self) -> PathBuf {
        self.home.path().join("config")
    }

    /// A file of the server: keys, known hosts.
    pub fn of_server(&self, name: &str) -> PathBuf {
        self.server.folder().join(name)
    }

    /// The port of the server with files; the one to jump through is behind it.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// Writes the configuration of `ssh` anew; the first setting of a kind counts, so `first` wins.
    pub fn configure(&self, first: &str) {
        let key = format!("IdentityFile {}", self.of_server("id_plain").display());
        self.configure_as(&key, first);
    }

    /// As [`configure`](Self::configure), with another line in the place of the one that names the key.
    pub fn configure_as(&self, key: &str, first: &str) {
        let dir = self.server.folder().display();
        let (name, login) = (&self.name, self.login());
        let rest = format!(
            "Host vault\n  HostName 127.0.0.1\n  Port {}\nHost jump\n  HostName 127.0.0.1\n  Port {}\nHost *\n  \
             {key}\n  IdentitiesOnly yes\n  IdentityAgent none\n  UserKnownHostsFile \
             {dir}/known_hosts\n  GlobalKnownHostsFile /dev/null\n  SetEnv BG_TEST={name} BG_LOGIN={}\n",
            self.port(),
            self.port() + 1,
            login.display(),
        );
        fs::write(self.config(), format!("{first}\n{rest}")).unwrap();
    }

    /// The target's folder on the alias `vault`.
    pub fn location(&self) -> SftpLocation {
        SftpLocation {
            host: "vault".into(),
            port: None,
            user: None,
            folder: RemoteFolder::Absolute(self.files().display().to_string()),
            places: Places::Url,
        }
    }

    /// The folder as a target named `vault`.
    pub fn target(&self) -> Target {
        target_of(self.location())
    }

    /// `ssh` with the test's configuration; gives a silent server up after two to three seconds.
    pub fn ssh(&self) -> Ssh {
        Ssh {
            program: self.program().into(),
            askpass: env!("CARGO_BIN_EXE_breakglass").into(),
            alive: (1, 2),
            asker: None,
        }
    }

    /// Writes a file; each has another second of modification, which is all that SFTP tells of times.
    pub fn put(&self, key: &str, body: &[u8]) {
        let path = self.files().join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, body).unwrap();
        age(&path);
    }

    /// The processes of `sshd` that serve or served this test, oldest first.
    pub fn sessions(&self) -> Vec<i32> {
        let text = fs::read_to_string(self.server.folder().join("sessions").join(&self.name)).unwrap_or_default();
        text.lines().map(|pid| pid.parse().unwrap()).collect()
    }

    /// Sends the newest session's process a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(*self.sessions().last().expect("there was a session")).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }
}

/// Gives a file a second of modification that no other file of this run has.
pub fn age(path: &Path) {
    static SECONDS: AtomicU64 = AtomicU64::new(1_700_000_000);
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(SECONDS.fetch_add(1, Ordering::Relaxed));
    fs::File::options().append(true).open(path).unwrap().set_modified(at).unwrap();
}

/// A target named `vault` of any SFTP location.
pub fn target_of(location: SftpLocation) -> Target {
    let name = TargetName::new("vault").unwrap();
    Target { name, location: Location::Sftp(Box::new(location)), expect_key: None }
}
