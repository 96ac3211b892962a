//! One S3 server per test run; a bucket per test.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use breakglass::model::target::{Location, S3Location, Target, TargetName};
use breakglass::target::Credentials;
use zeroize::Zeroizing;

use crate::support::servers::Server;
use crate::support::skip_or_fail;

/// A bucket of one's own on the run's S3 server.
pub struct Bucket {
    server: &'static Server,
    name: String,
}

/// A new bucket, or `None` (after saying so) where no S3 server can run.
pub fn bucket() -> Option<Bucket> {
    static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    match SERVER.get_or_init(|| Server::start("s3.sh", &[])) {
        Ok(server) => {
            let name = format!("bucket-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
            let bucket = Bucket { server, name };
            bucket.request("PUT", "", b"", &[]);
            Some(bucket)
        }
        Err(why) => {
            skip_or_fail("the S3 server", why);
            None
        }
    }
}

impl Bucket {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port())
    }

    /// `https://127.0.0.1:PORT`, with a certificate of [`authority`](Self::authority).
    pub fn tls_endpoint(&self) -> String {
        format!("https://127.0.0.1:{}", self.server.port() + 1)
    }

    /// The root certificate behind the HTTPS front.
    pub fn authority(&self) -> PathBuf {
        self.server.folder().join("ca.pem")
    }

    /// This bucket as a location, from `prefix` on.
    pub fn location(&self, prefix: &str) -> S3Location {
        S3Location {
            bucket: self.name.clone(),
            prefix: prefix.to_owned(),
            region: Some("us-east-1".to_owned()),
            endpoint: Some(self.endpoint()),
            ..S3Location::default()
        }
    }

    /// This bucket as a target named `offsite`.
    pub fn target(&self, prefix: &str) -> Target {
        target_of(self.location(prefix))
    }

    /// Stores an object, past signatures and faults.
    pub fn put(&self, key: &str, body: &[u8]) {
        self.put_with(key, body, &[]);
    }

    /// As [`put`](Self::put), with further headers such as `x-amz-storage-class`.
    pub fn put_with(&self, key: &str, body: &[u8], headers: &[(&str, &str)]) {
        let status = self.request("PUT", &format!("/{}", percent_encoded(key)), body, headers);
        assert!(status.starts_with("HTTP/1.1 200"), "{status}");
    }

    /// Removes an object; where versions are kept, leaves a delete marker.
    pub fn delete(&self, key: &str) {
        self.request("DELETE", &format!("/{}", percent_encoded(key)), b"", &[]);
    }

    /// Keeps older versions from now on.
    pub fn keep_versions(&self) {
        let body = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
        let status = self.request("PUT", "?versioning", body, &[]);
        assert!(status.starts_with("HTTP/1.1 200"), "{status}");
    }

    /// Stores `count` one-byte objects `PREFIX00000`, `PREFIX00001`, ...
    pub fn fill(&self, prefix: &str, count: u32) {
        let path = format!("/-/bulk/{}?prefix={}&count={count}", self.name, percent_encoded(prefix));
        let status = self.send("POST", &path, b"", &[]);
        assert!(status.starts_with("HTTP/1.1 200"), "{status}");
    }

    /// Lets requests of `method` to keys from `prefix` on fail; `fault` as `s3-server.py` explains: `2 status 503`.
    pub fn fault(&self, method: &str, prefix: &str, fault: &str) {
        self.note_fault(&format!("{method} /{}/{} {fault}\n", self.name, percent_encoded(prefix)));
    }

    fn note_fault(&self, line: &str) {
        let file = self.server.folder().join("faults.d").join(&self.name);
        std::fs::OpenOptions::new().append(true).create(true).open(file).unwrap().write_all(line.as_bytes()).unwrap();
    }

    /// As [`fault`](Self::fault), for listings of this bucket.
    pub fn fault_of_listing(&self, fault: &str) {
        self.note_fault(&format!("GET /{}$ {fault}\n", self.name));
    }

    /// Every request that this bucket has seen.
    pub fn requests(&self) -> Vec<serde_json::Value> {
        let log = std::fs::read_to_string(self.server.folder().join("requests")).unwrap();
        let ours = format!("/{}", self.name);
        let all = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        all.filter(|request| {
            let path = request["path"].as_str().unwrap_or_default();
            path == ours || path.starts_with(&format!("{ours}/"))
        })
        .collect()
    }

    fn request(&self, method: &str, path: &str, body: &[u8], headers: &[(&str, &str)]) -> String {
        self.send(method, &format!("/-/raw/{}{path}", self.name), body, headers)
    }

    fn send(&self, method: &str, path: &str, body: &[u8], headers: &[(&str, &str)]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.server.port())).unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: s3\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = vec![];
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// A target named `offsite` of any S3 location.
pub fn target_of(location: S3Location) -> Target {
    let name = TargetName::new("offsite").unwrap();
    Target { name, location: Location::S3(Box::new(location)), expect_key: None }
}

/// The credentials that the server knows.
pub fn credentials() -> Credentials {
    Credentials {
        access_key: "breakglass".to_owned(),
        secret: Zeroizing::new("breakglass-secret".to_owned()),
        session_token: None,
    }
}

fn percent_encoded(text: &str) -> String {
    let mut safe = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => safe.push(char::from(byte)),
            _ => safe.push_str(&format!("%{byte:02X}")),
        }
    }
    safe
}
