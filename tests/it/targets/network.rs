//! Between here and the store: proxies, certificate authorities, the AWS credential chain.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use breakglass::model::target::S3Location;
use breakglass::target::{StoreError, open_with};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::{code, hasty};
use crate::support::s3::{bucket, credentials, target_of};
use crate::support::{in_child, scratch};

/// Which credentials a probe uses.
#[derive(Clone, Copy, PartialEq)]
enum Keys {
    Given,
    FromTheChain,
}

async fn probe(location: S3Location, keys: Keys) -> Result<(), StoreError> {
    let given = (keys == Keys::Given).then(credentials);
    open_with(&target_of(location), given.as_ref(), hasty())?.probe().await
}

#[tokio::test]
async fn an_unknown_authority_is_refused_and_ca_file_cures_it() {
    let Some(bucket) = bucket() else { return };
    let mut location = bucket.location("");
    location.endpoint = Some(bucket.tls_endpoint());
    let error = probe(location.clone(), Keys::Given).await.unwrap_err();
    assert_eq!(code(&error), "target::tls", "{error}");

    location.ca_file = Some(bucket.authority());
    probe(location.clone(), Keys::Given).await.unwrap();

    let broken = scratch();
    for (name, text) in [("empty", ""), ("bad", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")] {
        let file = broken.path().join(name);
        std::fs::write(&file, text).unwrap();
        location.ca_file = Some(file);
        assert_eq!(code(&probe(location.clone(), Keys::Given).await.unwrap_err()), "target::settings", "{name}");
    }
}

#[tokio::test]
async fn aws_ca_bundle_is_honoured() {
    let name = "targets::network::aws_ca_bundle_is_honoured";
    if std::env::var_os("BG_ENDPOINT").is_some() {
        return probe(child_location("BG_ENDPOINT"), Keys::Given).await.unwrap();
    }
    let Some(bucket) = bucket() else { return };
    in_child(name, |command| {
        command.env("AWS_CA_BUNDLE", bucket.authority());
        command.env("BG_ENDPOINT", bucket.tls_endpoint()).env("BG_BUCKET", bucket.name());
    });
}

#[tokio::test]
async fn proxies_of_the_environment_carry_both_schemes_and_exceptions_hold() {
    let name = "targets::network::proxies_of_the_environment_carry_both_schemes_and_exceptions_hold";
    if let Some(authority) = std::env::var_os("BG_CA") {
        let mut location = child_location("BG_ENDPOINT");
        location.ca_file = Some(authority.into());
        return probe(location, Keys::Given).await.unwrap();
    }
    let Some(bucket) = bucket() else { return };
    for (endpoint, variable, exception, expected) in [
        (bucket.tls_endpoint(), "HTTPS_PROXY", "", 1),
        (bucket.endpoint(), "HTTP_PROXY", "", 1),
        (bucket.tls_endpoint(), "https_proxy", "127.0.0.1", 0),
        (bucket.tls_endpoint(), "HTTP_PROXY", "", 0),
    ] {
        let proxy = Proxy::start().await;
        let (address, authority, bucket) = (proxy.address, bucket.authority(), bucket.name().to_owned());
        let child = tokio::task::spawn_blocking(move || {
            in_child(name, |command| {
                for name in ["ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"] {
                    command.env_remove(name).env_remove(name.to_lowercase());
                }
                command.env("BG_CA", authority).env("BG_BUCKET", bucket);
                command.env("BG_ENDPOINT", endpoint).env(variable, format!("http://{address}"));
                if !exception.is_empty() {
                    command.env("NO_PROXY", exception);
                }
            })
        });
        assert!(!child.await.unwrap());
        assert_eq!(proxy.carried(), expected, "{variable} except {exception:?}");
    }
}

#[tokio::test]
async fn credentials_come_from_the_environment_a_profile_or_a_process() {
    let name = "targets::network::credentials_come_from_the_environment_a_profile_or_a_process";
    if let Ok(way) = std::env::var("BG_WAY") {
        let mut location = child_location("BG_ENDPOINT");
        location.profile = way.strip_prefix("profile ").map(str::to_owned);
        location.region = None;
        let probed = probe(location, Keys::FromTheChain).await.map_err(|error| code(&error));
        let expected = if way == "nothing" { Err("target::no_credentials".to_owned()) } else { Ok(()) };
        return assert_eq!(probed, expected, "{way}");
    }
    let Some(bucket) = bucket() else { return };
    let home = scratch();
    let config = home.path().join("config");
    let keys = r#"{"Version":1,"AccessKeyId":"breakglass","SecretAccessKey":"breakglass-secret"}"#;
    std::fs::write(home.path().join("keys"), keys).unwrap();
    let mut file = std::fs::File::create(&config).unwrap();
    writeln!(file, "[profile files]\naws_access_key_id = breakglass\naws_secret_access_key = breakglass-secret")
        .unwrap();
    writeln!(file, "[profile process]\ncredential_process = cat {}", home.path().join("keys").display()).unwrap();
    for way in ["environment", "profile files", "profile process", "nothing"] {
        in_child(name, |command| {
            command.env("AWS_CONFIG_FILE", &config).env("AWS_SHARED_CREDENTIALS_FILE", home.path().join("none"));
            command.env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", home.path()).env("BG_WAY", way);
            command.env("BG_ENDPOINT", bucket.endpoint()).env("BG_BUCKET", bucket.name());
            match way {
                "environment" => {
                    command.env("AWS_ACCESS_KEY_ID", "breakglass").env("AWS_SECRET_ACCESS_KEY", "breakglass-secret");
                }
                // A profile that was named goes before keys that happen to be in the environment.
                "profile files" => {
                    command.env("AWS_ACCESS_KEY_ID", "AKIAWRONG").env("AWS_SECRET_ACCESS_KEY", "wrong");
                }
                _ => {}
            }
        });
    }
}

/// The bucket that the parent named.
pub fn child_location(endpoint: &str) -> S3Location {
    S3Location {
        bucket: std::env::var("BG_BUCKET").unwrap(),
        endpoint: Some(std::env::var(endpoint).unwrap()),
        region: Some("us-east-1".to_owned()),
        ..S3Location::default()
    }
}

/// A proxy that tunnels CONNECT, forwards plain HTTP, and counts both.
struct Proxy {
    address: SocketAddr,
    carried: Arc<AtomicUsize>,
}

impl Proxy {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self { address: listener.local_addr().unwrap(), carried: Arc::default() };
        let carried = proxy.carried.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                carried.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(carry(client));
            }
        });
        proxy
    }

    fn carried(&self) -> usize {
        self.carried.load(Ordering::SeqCst)
    }
}

async fn carry(client: TcpStream) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    let mut request = String::new();
    client.read_line(&mut request).await?;
    let target = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let host = target.strip_prefix("http://").unwrap_or(&target).split('/').next().unwrap_or_default();
    let mut server = TcpStream::connect(host).await?;
    if request.starts_with("CONNECT ") {
        let mut line = String::new();
        while client.read_line(&mut line).await? > 2 {
            line.clear();
        }
        client.get_mut().write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    } else {
        server.write_all(request.as_bytes()).await?;
        let waiting = client.buffer().len();
        let mut read = vec![0; waiting];
        client.read_exact(&mut read).await?;
        server.write_all(&read).await?;
    }
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}
