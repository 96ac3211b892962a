//! `collect`: telemetry into the history, received or read.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args as ArgGroup;
use serde::Serialize;

use crate::cli::door::Door;
use crate::cli::error::CliError;
use crate::cli::exit::{self, DONE};
use crate::cli::print::Form;
use crate::cli::progress::ProgressLine;
use crate::model::units::grouped;
use crate::report::{Fault, Report};
use crate::work::collecting::{Arrived, CollectWishes, Imported, Listening, SourceReport};

/// How often the line of counters is drawn.
const RHYTHM: Duration = Duration::from_secs(1);

/// Arguments of `collect`.
#[derive(Debug, ArgGroup)]
pub struct CollectArgs {
    /// Read these and end: files of an OpenTelemetry Collector, --trace-stderr output, logs; paths, URLs, - for stdin
    #[arg(value_name = "FILE")]
    sources: Vec<String>,
    /// Read every source of the estate ([telemetry.NAME], metadata, our own verifications) and end
    #[arg(long, conflicts_with = "sources")]
    feeds: bool,
    /// Where OTLP is received; beyond loopback only with a certificate
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4318", conflicts_with_all = ["sources", "feeds"])]
    listen: SocketAddr,
    /// Receive the beacons of DBacked agents that run with DBACKED_LOCAL_API
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "127.0.0.1:5000", conflicts_with_all = ["sources", "feeds"])]
    beacons: Option<SocketAddr>,
    /// Take OTLP under every path, not only /v1/traces and /engines/telemetry/.../traces
    #[arg(long, conflicts_with_all = ["sources", "feeds"])]
    any_path: bool,
    /// The receiver's certificate and those behind it, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its private key, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Take only from clients with a certificate of these roots, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    client_ca: Option<PathBuf>,
    /// Requests a second that one client may send
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
}

impl CollectArgs {
    /// Whether standard input is read.
    pub fn reads_stdin(&self) -> bool {
        self.sources.iter().any(|file| file == "-")
    }
}

pub async fn run(door: &Door, args: CollectArgs) -> Result<u8, Report> {
    if args.feeds {
        return feeds(door).await;
    }
    if !args.sources.is_empty() {
        return files(door, &args.sources).await;
    }
    receive(door, args).await
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Line<'a> {
    Listening(&'a Listening),
    Arrived(&'a Arrived),
}

/// Receives until a signal; then stores what was accepted, and says what arrived.
async fn receive(door: &Door, args: CollectArgs) -> Result<u8, Report> {
    let session = door.unasked_session().await?;
    let wishes = CollectWishes {
        listen: args.listen,
        beacons: args.beacons,
        any_path: args.any_path,
        tls: args.tls_cert.zip(args.tls_key),
        client_ca: args.client_ca,
        rate: args.rate,
    };
    if let Some(address) = wishes.beacons.filter(|address| !address.ip().is_loopback()) {
        let text = format!("--beacons {address} can be reached from other machines, and the agents speak no TLS");
        return Err(CliError::usage(text, "listen on 127.0.0.1; agents send to their own machine").into());
    }
    let collecting = session.collect(wishes).await?;
    for open in collecting.listening() {
        match door.printer().form() {
            Form::Json => door.printer().json(&Line::Listening(open))?,
            Form::Text => door.printer().say(&format!("receiving {} on {}", open.receives, open.url)),
        }
    }
    let watch = collecting.watch();
    let mut line = ProgressLine::new(door.printer().form());
    let mut serving = std::pin::pin!(collecting.serve(door.cancel.clone()));
    let mut drawn = Arrived::default();
    let arrived = loop {
        tokio::select! {
            arrived = &mut serving => break arrived,
            () = tokio::time::sleep(RHYTHM) => {
                let arrived = watch();
                if arrived != drawn {
                    drawn = arrived;
                    line.say(&in_words(&arrived));
                }
            }
        }
    };
    line.clear();
    let arrived = arrived?;
    match door.printer().form() {
        Form::Json => door.printer().json(&Line::Arrived(&arrived))?,
        Form::Text => door.printer().say(&in_words(&arrived)),
    }
    Ok(DONE)
}

fn in_words(arrived: &Arrived) -> String {
    let mut parts = vec![
        format!("{} requests", grouped(arrived.requests)),
        format!("{} spans", grouped(arrived.spans)),
        format!("{} runs", grouped(arrived.runs)),
    ];
    let mut also = |count: u64, what: &str| {
        if count > 0 {
            parts.push(format!("{} {what}", grouped(count)));
        }
    };
    also(arrived.spans_known, "spans known already");
    also(arrived.spans_left_out, "spans beyond what is kept of a trace");
    also(arrived.spans_refused, "spans refused");
    also(arrived.spans_foreign, "spans of other programs");
    also(arrived.requests_refused, "requests refused");
    also(arrived.requests_put_off, "requests put off");
    also(
        arrived.connections_foreign,
        "connections refused that spoke gRPC or TLS (set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, and http:// without a certificate here)",
    );
    parts.join(", ")
}

async fn files(door: &Door, files: &[String]) -> Result<u8, Report> {
    let session = door.unasked_session().await?;
    let mut reports = vec![];
    for file in files {
        reports.push(door.waited(session.import_file(file, &door.cancel)).await??);
    }
    told(door, &reports)
}

/// Everything that the estate knows of: files and tables, and what a listing tells.
async fn feeds(door: &Door) -> Result<u8, Report> {
    let session = door.session().await?;
    let catalog = door.listed(&session).await?;
    let mut reports = door.waited(session.import_feeds(&door.cancel)).await??;
    let listed = session.import_listed(catalog).await;
    let source = "what the targets list".to_owned();
    reports.push(match listed {
        Ok(imported) => SourceReport { source, imported, error: None },
        Err(report) => SourceReport { source, imported: Imported::default(), error: Some(report) },
    });
    told(door, &reports)
}

/// What became of every source; partly done when one of them failed.
fn told(door: &Door, reports: &[SourceReport]) -> Result<u8, Report> {
    let printer = door.printer();
    for report in reports {
        match printer.form() {
            Form::Json => printer.json(report)?,
            Form::Text => printer.line(&source_words(report))?,
        }
        if let (Form::Text, Some(error)) = (printer.form(), &report.error) {
            printer.failure(error);
        }
    }
    let failed = reports.iter().filter(|report| report.error.is_some()).count();
    match failed {
        0 => Ok(DONE),
        _ if failed == reports.len() => {
            Ok(exit::of_fault(reports[0].error.as_ref().map_or(Fault::Failed, |error| error.fault)))
        }
        _ => Ok(exit::of_fault(Fault::Partly)),
    }
}

fn source_words(report: &SourceReport) -> String {
    let of = &report.imported;
    let mut parts = vec![];
    let mut also = |count: u64, what: &str| {
        if count > 0 {
            parts.push(format!("{} {what}", grouped(count)));
        }
    };
    also(of.runs, "new runs");
    also(of.runs_changed, "runs completed");
    also(of.spans, "spans");
    also(of.spans_known, "of them known already");
    also(of.spans_left_out, "beyond what is kept of a trace");
    also(of.spans_foreign, "spans of other programs");
    also(of.spans_refused, "spans refused");
    also(of.broken, "broken lines");
    also(of.others, "lines of something else");
    also(of.unchanged, "files unchanged");
    let told = if parts.is_empty() { "nothing new".to_owned() } else { parts.join(", ") };
    format!("{}: {told}", report.source)
}
