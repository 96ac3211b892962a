//! Where S3 keys come from when nobody writes them down: instance and container roles, web identity, SSO.
//!
//! Each source is a server of ours that gives the keys only to whoever asks as the real one wants to be asked.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use breakglass::report::Reportable;
use breakglass::target::open_with;
use sha1::{Digest, Sha1};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::hasty;
use super::network::child_location;
use crate::support::s3::{Bucket, bucket, target_of};
use crate::support::{in_child, scratch};

const LATER: &str = "2099-01-01T00:00:00Z";
const START: &str = "https://acme.example/start";

/// A request: its first line, its headers in lower case, its body.
struct Asked {
    line: String,
    headers: String,
    body: String,
}

type Answer = fn(&Asked) -> (u16, String);

/// A server that answers as `answer` says and notes what it was asked.
struct Source {
    address: SocketAddr,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Source {
    async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let source = Self { address: listener.local_addr().unwrap(), lines: Arc::default() };
        let lines = source.lines.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let lines = lines.clone();
                tokio::spawn(async move { serve(client, answer, &lines).await });
            }
        });
        source
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn was_asked(&self, for_what: &str) -> bool {
        self.lines.lock().unwrap().iter().any(|line| line.starts_with(for_what))
    }
}

/// One request per connection.
async fn serve(client: TcpStream, answer: Answer, lines: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    let mut asked = Asked { line: String::new(), headers: String::new(), body: String::new() };
    client.read_line(&mut asked.line).await?;
    let mut line = String::new();
    while client.read_line(&mut line).await? > 2 {
        asked.headers.push_str(&line.to_lowercase());
        line.clear();
    }
    let length = asked.headers.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.trim().parse().unwrap())];
    client.read_exact(&mut body).await?;
    asked.body = String::from_utf8(body).unwrap();
    lines.lock().unwrap().push(asked.line.clone());
    let (status, text) = answer(&asked);
    // The instance metadata service says how long its token lasts.
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nx-aws-ec2-metadata-token-ttl-seconds: 600\r\nConnection: close\r\n\r\n",
        text.len()
    );
    client.get_mut().write_all(format!("{head}{text}").as_bytes()).await
}

fn keys(more: &str) -> String {
    format!(
        r#"{{"AccessKeyId":"breakglass","SecretAccessKey":"breakglass-secret","Token":"session","Expiration":"{LATER}"{more}}}"#
    )
}

fn instance(asked: &Asked) -> (u16, String) {
    const ROLES: &str = "/latest/meta-data/iam/security-credentials";
    match asked.line.split(' ').collect::<Vec<_>>()[..2] {
        ["PUT", "/latest/api/token"] => (200, "proof-of-put".to_owned()),
        _ if !asked.headers.contains("x-aws-ec2-metadata-token: proof-of-put") => (401, String::new()),
        ["GET", path] if path.trim_end_matches('/') == ROLES => (200, "restorer".to_owned()),
        ["GET", path] if path == format!("{ROLES}/restorer") => {
            let more = r#","Code":"Success","Type":"AWS-HMAC","LastUpdated":"2026-11-21T00:00:00Z""#;
            (200, keys(more))
        }
        _ => (404, String::new()),
    }
}

fn container(asked: &Asked) -> (u16, String) {
    match asked.headers.contains("authorization: of-the-container") {
        true => (200, keys("")),
        false => (403, String::new()),
    }
}

fn container_with_an_expired_session(_: &Asked) -> (u16, String) {
    (200, keys("").replace("\"session\"", "\"expired-token\""))
}

fn tokens(asked: &Asked) -> (u16, String) {
    let wants = ["Action=AssumeRoleWithWebIdentity", "WebIdentityToken=a-signed-token", "role%2Frestorer"];
    if !wants.iter().all(|part| asked.body.contains(part)) {
        return (403, String::new());
    }
    let text = format!(
        "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>breakglass</AccessKeyId>\
         <SecretAccessKey>breakglass-secret</SecretAccessKey><SessionToken>session</SessionToken>\
         <Expiration>{LATER}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>\
         </AssumeRoleWithWebIdentityResponse>"
    );
    (200, text)
}

fn portal(asked: &Asked) -> (u16, String) {
    let named = asked.line.contains("account_id=123456789012") && asked.line.contains("role_name=restorer");
    if !named || !asked.headers.contains("x-amz-sso_bearer_token: of-the-portal") {
        return (401, r#"{"message":"Session token not found or invalid"}"#.to_owned());
    }
    let text = r#"{"roleCredentials":{"accessKeyId":"breakglass","secretAccessKey":"breakglass-secret","sessionToken":"session","expiration":4070908800000}}"#;
    (200, text.to_owned())
}

/// The portal on the day after.
fn portal_of_tomorrow(_: &Asked) -> (u16, String) {
    (401, r#"{"__type":"UnauthorizedException","message":"Session token not found or invalid"}"#.to_owned())
}

/// What `aws configure sso` writes down: a profile of the old kind, and one with a session.
fn configured(home: &Path) {
    let account = "sso_account_id = 123456789012\nsso_role_name = restorer\n";
    let start = format!("sso_start_url = {START}\nsso_region = us-east-1\n");
    let text = format!(
        "[profile portal]\n{start}{account}[profile session]\nsso_session = work\n{account}[sso-session work]\n{start}"
    );
    std::fs::write(home.join("config"), text).unwrap();
}

/// What `aws sso login` leaves behind, for both profiles.
fn logged_in(home: &Path, until: &str) {
    configured(home);
    let cache = home.join(".aws/sso/cache");
    std::fs::create_dir_all(&cache).unwrap();
    for known_as in [START, "work"] {
        let name = data_encoding::HEXLOWER.encode(&Sha1::digest(known_as));
        let token = format!(
            r#"{{"startUrl":"{START}","region":"us-east-1","accessToken":"of-the-portal","expiresAt":"{until}"}}"#
        );
        std::fs::write(cache.join(name).with_extension("json"), token).unwrap();
    }
}

/// Lists the bucket in a process that knows no key but through what `prepare` sets: what it came to.
async fn listed_by_child(test: &'static str, bucket: &Bucket, home: &TempDir, set: &[(&str, String)], expected: &str) {
    let mut env: Vec<(String, String)> = set.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let path = |name: &str| home.path().join(name).display().to_string();
    for (name, value) in [
        ("AWS_CONFIG_FILE", path("config")),
        ("AWS_SHARED_CREDENTIALS_FILE", path("none")),
        ("HOME", path("")),
        ("BG_ENDPOINT", bucket.endpoint()),
        ("BG_BUCKET", bucket.name().to_owned()),
        ("BG_EXPECTED", expected.to_owned()),
    ] {
        env.push((name.to_owned(), value));
    }
    let prepare = move |command: &mut Command| {
        let inherited = std::env::vars_os().map(|(name, _)| name);
        inherited.filter(|name| name.to_string_lossy().starts_with("AWS_")).for_each(|name| {
            command.env_remove(name);
        });
        command.env("NO_PROXY", "127.0.0.1").envs(env);
    };
    assert!(!tokio::task::spawn_blocking(move || in_child(test, prepare)).await.unwrap());
}

/// In the child: lists, and compares.
async fn list_as_told(expected: &str) {
    let mut location = child_location("BG_ENDPOINT");
    location.profile = std::env::var("BG_PROFILE").ok();
    let store = open_with(&target_of(location), None, hasty()).unwrap();
    let outcome = match super::listing(&store).await {
        Ok(objects) => format!("{} objects", objects.len()),
        Err(error) => {
            let report = error.report();
            format!("{}: {}", report.code, report.advice)
        }
    };
    assert!(outcome.contains(expected), "{outcome}, but expected {expected}");
}

/// A bucket with one object; `None` in the child, which has done its work.
async fn parent() -> Option<(Bucket, TempDir)> {
    if let Ok(expected) = std::env::var("BG_EXPECTED") {
        list_as_told(&expected).await;
        return None;
    }
    let bucket = bucket()?;
    bucket.put("shop.sql", b"-- MySQL dump 10.13\n");
    Some((bucket, scratch()))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_role_gives_its_keys() {
    let Some((bucket, home)) = parent().await else { return };
    let source = Source::start(instance).await;
    let set = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", source.url(""))];
    listed_by_child("targets::sources::an_instance_role_gives_its_keys", &bucket, &home, &set, "1 objects").await;
    assert!(source.was_asked("PUT /latest/api/token"), "the second version of the service asks for a token first");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_role_gives_its_keys() {
    let Some((bucket, home)) = parent().await else { return };
    let source = Source::start(container).await;
    let set = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", source.url("/v2/keys")),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "of-the-container".to_owned()),
    ];
    listed_by_child("targets::sources::a_container_role_gives_its_keys", &bucket, &home, &set, "1 objects").await;
    assert!(source.was_asked("GET /v2/keys"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_identity_is_exchanged_for_keys() {
    let Some((bucket, home)) = parent().await else { return };
    let source = Source::start(tokens).await;
    let token = home.path().join("token");
    std::fs::write(&token, "a-signed-token").unwrap();
    let set = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.display().to_string()),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/restorer".to_owned()),
        ("AWS_ROLE_SESSION_NAME", "breakglass".to_owned()),
        ("AWS_ENDPOINT_URL_STS", source.url("")),
    ];
    listed_by_child("targets::sources::a_web_identity_is_exchanged_for_keys", &bucket, &home, &set, "1 objects").await;
    assert!(source.was_asked("POST /"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_at_a_portal_gives_the_keys_of_a_role() {
    let Some((bucket, home)) = parent().await else { return };
    let source = Source::start(portal).await;
    logged_in(home.path(), LATER);
    let name = "targets::sources::a_login_at_a_portal_gives_the_keys_of_a_role";
    for (variable, profile) in [("BG_PROFILE", "portal"), ("AWS_PROFILE", "portal"), ("BG_PROFILE", "session")] {
        let set = [("AWS_ENDPOINT_URL_SSO", source.url("")), (variable, profile.to_owned())];
        listed_by_child(name, &bucket, &home, &set, "1 objects").await;
    }
    assert!(source.was_asked("GET /federation/credentials?"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_has_expired_is_named_with_what_to_do() {
    let Some((bucket, home)) = parent().await else { return };
    let source = Source::start(portal_of_tomorrow).await;
    let name = "targets::sources::a_login_that_has_expired_is_named_with_what_to_do";
    let expected = "target::expired: log in again (`aws sso login";
    let set = |profile: &str| [("AWS_ENDPOINT_URL_SSO", source.url("")), ("BG_PROFILE", profile.to_owned())];
    configured(home.path());
    for profile in ["portal", "session"] {
        listed_by_child(name, &bucket, &home, &set(profile), expected).await; // never logged in
    }
    logged_in(home.path(), "2026-01-01T00:00:00Z");
    for profile in ["portal", "session"] {
        listed_by_child(name, &bucket, &home, &set(profile), expected).await;
    }

    let source = Source::start(container_with_an_expired_session).await;
    let set = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", source.url("/keys"))];
    listed_by_child(name, &bucket, &home, &set, expected).await;
}
