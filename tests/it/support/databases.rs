//! Real MySQL and MariaDB servers: one of each kind per test process, a database per test.
#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use breakglass::model::foreign::Foreign;
use breakglass::model::sink::{PasswordSource, Protection, ServerAddress, ServerRef, TlsMode};

use crate::support::{root, skip_or_fail};

/// Which product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    Mysql,
    Mariadb,
}

/// A running server; it ends with the test process, however that ends.
pub struct Server {
    pub product: Product,
    pub port: u16,
    pub folder: PathBuf,
    client: PathBuf,
    /// Holds the watchdog's standard input open: when this process ends, that closes, and the watchdog
    /// takes the server down. Also after a SIGKILL.
    _watchdog: Child,
}

/// A database of its own on one of the servers; dropped with the value.
pub struct Database {
    pub server: &'static Server,
    pub name: String,
}

/// The servers that are there. Where one is not, a line says so; with `CI` set that fails.
pub fn servers() -> Vec<&'static Server> {
    [Product::Mysql, Product::Mariadb].into_iter().filter_map(server).collect()
}

/// The one server of this product, started on first use.
pub fn server(product: Product) -> Option<&'static Server> {
    static STARTED: [OnceLock<Result<Server, String>>; 2] = [const { OnceLock::new() }; 2];
    match STARTED[product as usize].get_or_init(|| Server::start(product)) {
        Ok(server) => Some(server),
        Err(why) => {
            skip_or_fail(&format!("the {product:?} server"), why);
            None
        }
    }
}

/// Servers of one test's own, which may be set up anew or killed.
pub fn private_servers() -> Vec<&'static Server> {
    let start = |product| match Server::start(product) {
        Ok(server) => Some(&*Box::leak(Box::new(server))), // its watchdog ends it with this process
        Err(why) => {
            skip_or_fail(&format!("a {product:?} server"), &why);
            None
        }
    };
    [Product::Mysql, Product::Mariadb].into_iter().filter_map(start).collect()
}

/// A MariaDB server that keeps the names of tables in lower case and compares them so, as those on Windows do.
pub fn folding_server() -> Option<Server> {
    let started = Server::start_with(Product::Mariadb, "--lower-case-table-names=1");
    started.map_err(|why| skip_or_fail("a MariaDB server that folds names", &why)).ok()
}

fn script(name: &str) -> PathBuf {
    root().join("tests/servers").join(name)
}

/// A port below the range from which the system gives out its own.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id() * 7;
    let mut candidates = (0..1000).map(|_| 22000 + ((start + NEXT.fetch_add(1, Ordering::Relaxed)) % 1000) as u16);
    candidates.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("one of a thousand ports is free")
}

impl Server {
    fn start(product: Product) -> Result<Self, String> {
        Self::start_with(product, "")
    }

    fn start_with(product: Product, option: &str) -> Result<Self, String> {
        let (name, extra) = match product {
            Product::Mysql => ("mysql", "MYSQLD_EXTRA"),
            Product::Mariadb => ("mariadb", "MARIADBD_EXTRA"),
        };
        // Short, because a socket's path may have 107 bytes.
        let folder = tempfile::Builder::new().prefix("bg-").tempdir().map_err(|e| e.to_string())?.keep();
        let (port, up) = (free_port(), script(&format!("{name}.sh")));
        let watchdog = watch(&up, &folder)?;
        make_certificates(&folder);
        let at = folder.display();
        let tls = match product {
            // Keeps the certificates that it makes for itself, which name no host, as most servers do.
            Product::Mysql => String::new(),
            Product::Mariadb => {
                format!("--ssl-ca={at}/ca.pem --ssl-cert={at}/server.pem --ssl-key={at}/server-key.pem")
            }
        };
        let output = Command::new(&up)
            .arg("up")
            .arg(&folder)
            .arg(port.to_string())
            .env(extra, format!("{tls} {option}"))
            .output();
        let output = output.map_err(|e| format!("{}: {e}", up.display()))?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let client = match product {
            Product::Mysql => {
                let prefix = Command::new(&up).arg("prefix").output().map_err(|e| e.to_string())?;
                PathBuf::from(String::from_utf8_lossy(&prefix.stdout).trim()).join("bin/mysql")
            }
            Product::Mariadb => PathBuf::from("mariadb"),
        };
        Ok(Self { product, port, folder, client, _watchdog: watchdog })
    }

    /// The address of this server, as `root` without a password.
    pub fn reference(&self) -> ServerRef {
        ServerRef {
            name: None,
            address: ServerAddress::Tcp { host: "127.0.0.1".to_owned(), port: self.port },
            user: Some("root".to_owned()),
            defaults_file: Some(self.empty_file()),
            password: PasswordSource::OptionFile,
            tls: TlsMode::Auto,
            ca_file: None,
            protection: Protection::Open,
            expect_uuid: None,
        }
    }

    /// Ends its process at once, as a crash or the kernel's out-of-memory killer does.
    pub fn kill(&self) {
        let name = match self.product {
            Product::Mysql => "mysqld.pid",
            Product::Mariadb => "mariadbd.pid",
        };
        let pid = fs::read_to_string(self.folder.join(name)).unwrap().trim().parse().unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("mysqld.sock")
    }

    /// The certificate of the authority that signed the server's.
    pub fn authority(&self) -> PathBuf {
        match self.product {
            Product::Mysql => self.folder.join("data/ca.pem"),
            Product::Mariadb => self.folder.join("ca.pem"),
        }
    }

    /// One of an authority that did not.
    pub fn other_authority(&self) -> PathBuf {
        self.folder.join("other-ca.pem")
    }

    /// An option file without options, so that the machine's own ones play no part.
    fn empty_file(&self) -> PathBuf {
        let path = self.folder.join("empty.cnf");
        if !path.exists() {
            fs::write(&path, "").unwrap();
        }
        path
    }

    /// The stock client's command line, as root.
    pub fn client(&self) -> Command {
        let mut client = Command::new(&self.client);
        client.args(["--no-defaults", "--protocol=tcp", "-h127.0.0.1", "-uroot"]).arg(format!("-P{}", self.port));
        client
    }

    /// Runs SQL with the stock client; what it prints, tab-separated without a head.
    pub fn sql(&self, text: &str) -> String {
        let output = feed(self.client().args(["-N", "-B", "--default-character-set=utf8mb4"]), text.as_bytes());
        assert!(output.status.success(), "{text}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// A database of its own for one test.
    pub fn database(&'static self) -> Database {
        let database = Database { server: self, name: self.unused_name() };
        self.sql(&format!("CREATE DATABASE `{}`", database.name));
        database
    }

    /// A name that no database has; if the test makes one, it is dropped with the value.
    pub fn unused(&'static self) -> Database {
        Database { server: self, name: self.unused_name() }
    }

    fn unused_name(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        format!("bg_test_{}", NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl Database {
    /// Its name as rooms take it.
    pub fn foreign(&self) -> Foreign {
        Foreign::from(self.name.as_str())
    }

    /// Runs SQL in it with the stock client.
    pub fn sql(&self, text: &str) -> String {
        self.server.sql(&format!("USE `{}`;\n{text}", self.name))
    }

    /// Loads a dump with the stock client; its error text if it fails.
    pub fn load_by_client(&self, dump: &[u8]) -> Result<(), String> {
        let output = feed(self.server.client().arg(&self.name), dump);
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }

    /// One line per table: name, rows, SHA-256 over all rows in a canonical form. Two databases are equal
    /// if these are.
    pub fn canon(&self) -> String {
        let client = format!(
            "{} --no-defaults --protocol=tcp -h127.0.0.1 -uroot -P{}",
            self.server.client.display(),
            self.server.port
        );
        let output = Command::new(script("canon.sh")).arg(&self.name).env("CLIENT", client).output().unwrap();
        assert!(output.status.success(), "canon.sh: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let _ = feed(&mut self.server.client(), format!("DROP DATABASE IF EXISTS `{}`", self.name).as_bytes());
    }
}

fn feed(command: &mut Command, input: &[u8]) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the client starts");
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        // A client that gives up early closes its end: its own words then say why.
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().unwrap()
    })
}

/// Waits for the end of its input, which is the end of this process, then stops the server.
fn watch(script: &Path, folder: &Path) -> Result<Child, String> {
    let line = r#"cat >/dev/null; "$1" down "$2" >/dev/null 2>&1; rm -rf "$2""#;
    let mut watchdog = Command::new("sh");
    watchdog.arg("-c").arg(line).arg("watchdog").arg(script).arg(folder);
    watchdog.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    // Out of the terminal's reach: it must outlive a Ctrl-C, which ends the tests.
    watchdog.process_group(0).spawn().map_err(|e| e.to_string())
}

/// An authority, a certificate for `localhost` signed by it, and another authority that signed nothing.
pub fn make_certificates(folder: &Path) {
    let lines = "\
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=other \
            -keyout other-key.pem -out other-ca.pem
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=authority \
            -keyout ca-key.pem -out ca.pem
        openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server-key.pem -out server.csr
        printf 'subjectAltName=DNS:localhost\\nbasicConstraints=CA:FALSE\\n' >server.ext
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 \
            -extfile server.ext -out server.pem
        chmod 644 *.pem";
    let output = Command::new("sh").arg("-ec").arg(lines).current_dir(folder).output().expect("a shell is there");
    assert!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
}
