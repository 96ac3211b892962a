//! Telemetry of our own jobs: sent where the environment says, read back with the official messages, in nobody's way.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::Home;
use super::demo::{Sandbox, id, sandbox};
use crate::support::databases::make_certificates;

/// One request: its head in lower case, its body.
struct Taken {
    head: String,
    body: Vec<u8>,
}

/// A receiver that gives these answers, one after the other, and what it took.
fn receiver(answers: &'static [&'static str]) -> (String, JoinHandle<Vec<Taken>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let taking = std::thread::spawn(move || answers.iter().map(|answer| take(&listener, answer)).collect());
    (url, taking)
}

fn take(listener: &TcpListener, answer: &str) -> Taken {
    let (stream, _) = listener.accept().unwrap();
    take_from(stream, answer)
}

fn take_from(stream: impl Read + Write, answer: &str) -> Taken {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        reader.read_line(&mut head).unwrap();
    }
    let head = head.to_lowercase();
    let length = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let mut stream = reader.into_inner();
    stream
        .write_all(format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes())
        .unwrap();
    Taken { head, body }
}

/// An archive of the sandbox that its key file opens, and that key.
fn archive(sandbox: &Sandbox) -> (String, String) {
    let archive = sandbox.sealed_by("age").remove(0);
    (id(&archive).to_owned(), sandbox.key("vault-age"))
}

fn spans(request: &ExportTraceServiceRequest) -> Vec<&Span> {
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    scopes.flat_map(|scope| &scope.spans).collect()
}

fn text<'a>(span: &'a Span, key: &str) -> &'a str {
    let found = span.attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|attribute| attribute.value.as_ref()?.value.as_ref()) {
        Some(Value::StringValue(text)) => text,
        other => panic!("{key}: {other:?}"),
    }
}

#[test]
fn a_verification_is_told_as_spans_with_the_original_names_and_sent_again_when_asked() {
    let sandbox = sandbox();
    let (archive, key) = archive(&sandbox);
    let (url, taking) = receiver(&["503 Service Unavailable\r\nRetry-After: 0", "200 OK"]);
    let mut command = sandbox.command(&["verify", &archive, "--key", &key]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", &url).env("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip");
    command.env("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20s3cret,x-team=dba");
    command.env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=bastion,service.name=old");
    command.env("OTEL_SERVICE_NAME", "night watch");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let taken = taking.join().unwrap();
    assert_eq!(taken[0].body, taken[1].body);
    let head = &taken[1].head;
    assert!(head.starts_with("post /v1/traces http/1.1") && head.contains("content-encoding: gzip"), "{head}");
    assert!(head.contains("authorization: bearer s3cret") && head.contains("x-team: dba"), "{head}");
    let mut body = vec![];
    flate2::read::GzDecoder::new(&taken[1].body[..]).read_to_end(&mut body).unwrap();
    let request = ExportTraceServiceRequest::decode(&body[..]).unwrap();
    let resource = request.resource_spans[0].resource.as_ref().unwrap();
    let names: Vec<_> = resource.attributes.iter().filter(|one| one.key == "service.name").collect();
    assert_eq!(names.len(), 1);
    assert!(format!("{names:?}").contains("night watch"));
    let spans = spans(&request);
    let root = spans.iter().find(|span| span.parent_span_id.is_empty()).unwrap();
    assert_eq!(
        (root.name.as_str(), text(root, "breakglass.outcome"), text(root, "backup.status")),
        ("verify", "ok", "ok")
    );
    assert_eq!((text(root, "breakglass.backup.id"), text(root, "breakglass.trust")), (archive.as_str(), "whole"));
    assert!(text(root, "backup.target.url").starts_with("file:///"));
    let pull = spans.iter().find(|span| span.name == "pull file").unwrap();
    assert_eq!((&pull.parent_span_id, &pull.trace_id), (&root.span_id, &root.trace_id));
    assert!(
        root.start_time_unix_nano <= pull.start_time_unix_nano && pull.end_time_unix_nano <= root.end_time_unix_nano
    );
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(!said.contains("s3cret"));
}

#[test]
fn a_failed_job_is_an_error_and_a_receiver_that_is_gone_changes_nothing() {
    let sandbox = sandbox();
    let (archive, _) = archive(&sandbox);
    let (url, taking) = receiver(&["400 Bad Request"]);
    let traces = format!("{url}/engines/telemetry/ours/traces");
    let mut command = sandbox.command(&["verify", &archive, "--key", &sandbox.key("vault-cms")]);
    let without = command.output().unwrap();
    let with = command.env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &traces).output().unwrap();
    assert_eq!((without.status.code(), with.status.code()), (Some(4), Some(4)));
    let taken = taking.join().unwrap();
    assert!(taken[0].head.starts_with("post /engines/telemetry/ours/traces"), "{}", taken[0].head);
    let request = ExportTraceServiceRequest::decode(&taken[0].body[..]).unwrap();
    let root = spans(&request).into_iter().find(|span| span.parent_span_id.is_empty()).unwrap().clone();
    assert_eq!((root.status.as_ref().unwrap().code, text(&root, "backup.status")), (2, "error"));
    // Nobody listens there any more.
    let gone = command.env("OTEL_EXPORTER_OTLP_TIMEOUT", "300").output().unwrap();
    assert_eq!(gone.status.code(), Some(4));
    assert!(!with.stdout.is_empty() && gone.stdout.len().abs_diff(with.stdout.len()) < 8, "only seconds may differ");
}

#[test]
fn nothing_is_sent_unless_it_is_asked_for_and_what_makes_no_sense_is_only_logged() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let off: [&[(&str, &str)]; 6] = [
        &[],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", &url), ("OTEL_SDK_DISABLED", "TRUE")],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", &url), ("OTEL_TRACES_EXPORTER", "none")],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", &url), ("OTEL_TRACES_EXPORTER", "console")],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", &url), ("OTEL_TRACES_SAMPLER", "parentbased_always_off")],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "not a url"), ("OTEL_EXPORTER_OTLP_HEADERS", "token")],
    ];
    let home = Home::new();
    std::fs::write(home.path("one.sql"), "CREATE TABLE t (a int);\nINSERT INTO t VALUES (1);\n-- Dump completed\n")
        .unwrap();
    for variables in off {
        let mut command = home.command(&["verify", "./one.sql"]);
        let output = command.envs(variables.iter().copied()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{variables:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

/// A receiver behind TLS that asks for a certificate of the same authority: what it took, or why it took nothing.
fn guarded_receiver(folder: &Path) -> (String, JoinHandle<Result<Taken, String>>) {
    let read = |name: &str| CertificateDer::from_pem_file(folder.join(name)).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(read("ca.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("server-key.pem")).unwrap();
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_client_cert_verifier(clients).with_single_cert(vec![read("server.pem")], key).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let taking = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut tls = ServerConnection::new(Arc::new(config)).unwrap();
        while tls.is_handshaking() {
            if let Err(error) = tls.complete_io(&mut stream) {
                let _ = tls.complete_io(&mut stream); // says why
                return Err(error.to_string());
            }
        }
        Ok(take_from(StreamOwned::new(tls, stream), "200 OK"))
    });
    (url, taking)
}

#[test]
fn an_endpoint_behind_tls_is_asked_for_its_certificate_and_shown_ours() {
    let home = Home::new();
    std::fs::write(home.path("one.sql"), "CREATE TABLE t (a int);\nINSERT INTO t VALUES (1);\n-- Dump completed\n")
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    make_certificates(folder.path());
    // The authority, and whether our own certificate is shown.
    for (authority, ours, taken) in [("ca.pem", true, true), ("ca.pem", false, false), ("other-ca.pem", true, false)] {
        let (url, taking) = guarded_receiver(folder.path());
        let mut command = home.command(&["verify", "./one.sql"]);
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", url).env("OTEL_EXPORTER_OTLP_TIMEOUT", "1500");
        command.env("OTEL_EXPORTER_OTLP_CERTIFICATE", folder.path().join(authority));
        if ours {
            command.env("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", folder.path().join("server.pem"));
            command.env("OTEL_EXPORTER_OTLP_CLIENT_KEY", folder.path().join("server-key.pem"));
        }
        assert_eq!(command.output().unwrap().status.code(), Some(0));
        let result = taking.join().unwrap();
        assert_eq!(result.is_ok(), taken, "{authority} {ours}: {:?}", result.err());
    }
}
