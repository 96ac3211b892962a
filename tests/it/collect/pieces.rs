//! One run of which several files or feeds tell, each a part of it: it is one run, in whichever order they are read.

use std::fs;

use breakglass::model::run::{Feed, Run, RunState};
use opentelemetry_proto::tonic::trace::v1::Span;

use super::feeds::collector_line;
use super::payloads::{START, list, run};
use super::{keeping, runs};
use crate::cli::Home;

/// Log lines of a run that a rotation has cut: begun, uploaded, ended.
const BEGUN: &str = "time=\"2026-11-21T03:00:00Z\" level=info msg=\"beginning dump 2026-11-21T03:00:00Z\" run=aaa\n";
const UPLOADED: &str = "time=\"2026-11-21T03:00:40Z\" level=debug msg=\"uploading via protocol smb from /tmp/x to smb://nas/s/db_backup_2026-11-21T03:00:00Z.tgz\" run=aaa
time=\"2026-11-21T03:00:41Z\" level=debug msg=\"completed copying 4711 bytes\" run=aaa\n";
const ENDED: &str = "time=\"2026-11-21T03:01:00Z\" level=info msg=\"finished dump 2026-11-21T03:00:00Z\" run=aaa
time=\"2026-11-21T03:01:01Z\" level=info msg=\"next run in 23h\" run=aaa\n";
const PRUNING_FAILED: &str = "time=\"2026-11-21T03:01:03Z\" level=error msg=\"error running prune: no\" run=aaa\n";

/// All orders of so many things.
fn orders(many: usize) -> Vec<Vec<usize>> {
    if many == 0 {
        return vec![vec![]];
    }
    let shorter = orders(many - 1);
    let put = |order: &Vec<usize>, at: usize| [&order[..at], &[many - 1], &order[at..]].concat();
    shorter.iter().flat_map(|order| (0..many).map(move |at| put(order, at))).collect()
}

fn read(home: &Home, name: &str) {
    let read = home.run(&["collect", name]);
    assert_eq!(read.code, 0, "{name}: {}", read.err);
}

/// What does not depend on when it was read.
fn facts(run: &Run) -> (RunState, Option<u64>, String, Option<u64>, usize) {
    let took = run.took().map(|took| took.as_secs());
    (run.state, took, run.series.to_string(), run.bytes, run.objects.len())
}

#[test]
fn a_run_in_a_rotated_log_is_the_same_in_whichever_order_its_pieces_are_read() {
    for (pieces, state, took) in [
        (&[BEGUN, UPLOADED, ENDED][..], RunState::Ok, 61),
        (&[BEGUN, UPLOADED, ENDED, PRUNING_FAILED], RunState::Failed, 63),
    ] {
        for order in orders(pieces.len()) {
            let home = keeping();
            for (nth, piece) in pieces.iter().enumerate() {
                fs::write(home.path(&format!("piece{nth}")), piece).unwrap();
            }
            order.iter().for_each(|nth| read(&home, &format!("piece{nth}")));
            let once = runs(&home);
            let expected = (state, Some(took), "smb://nas/s/db_backup".to_owned(), Some(4711), 1);
            assert_eq!(once.iter().map(facts).collect::<Vec<_>>(), [expected], "{order:?}");
            // Once more, and all of it in one file: nothing changes.
            fs::write(home.path("all"), pieces.concat()).unwrap();
            read(&home, "all");
            order.iter().rev().for_each(|nth| read(&home, &format!("piece{nth}")));
            assert_eq!(runs(&home), once, "{order:?}");
        }
    }
}

#[test]
fn a_folder_of_rotated_logs_tells_of_whole_runs() {
    let home = keeping();
    fs::create_dir(home.path("logs")).unwrap();
    fs::write(home.path("logs/backup.log"), ENDED).unwrap();
    fs::write(home.path("logs/backup.log.1"), BEGUN.to_owned() + UPLOADED).unwrap();
    home.estate(&format!(
        "name = \"test\"\n[history]\nkeep = \"36500d\"\n[telemetry.logs]\nurl = \"file://{}/\"\n",
        home.path("logs").display()
    ));
    let read = home.run(&["collect", "--feeds"]);
    assert_eq!(read.code, 0, "{}", read.err);
    let expected = (RunState::Ok, Some(61), "smb://nas/s/db_backup".to_owned(), Some(4711), 1);
    assert_eq!(runs(&home).iter().map(facts).collect::<Vec<_>>(), [expected]);
}

/// Spans of versions 1.0 to 1.3: none says which run it belongs to.
fn old_spans(number: u64, at: u64) -> Vec<Span> {
    let mut spans = run(number, at);
    for span in &mut spans {
        span.attributes.retain(|pair| !pair.key.starts_with("backup.") || pair.key.starts_with("backup.target"));
        if span.name == "dump" {
            span.attributes.push(list("actual-schemas", &["shop"]));
        }
    }
    spans
}

/// The log lines of the same run; `more` of them with the name of its object.
fn lines(at: u64, name: Option<&str>, end: &str) -> String {
    let time = |seconds: u64| {
        let at = jiff::Timestamp::from_second(i64::try_from(at + seconds).unwrap()).unwrap();
        at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    };
    let mut text = format!("time=\"{}\" level=info msg=\"beginning dump {at}\" run=id-{at}\n", time(0));
    if let Some(name) = name {
        let to = format!("uploading via protocol s3 from /tmp/x to s3://acme-bak/mysql/{name}");
        text.push_str(&format!("time=\"{}\" level=debug msg=\"{to}\" run=id-{at}\n", time(40)));
    }
    text.push_str(&format!("time=\"{}\" {end} run=id-{at}\n", time(60)));
    text
}

const WELL: &str = "level=info msg=\"finished dump 1\"";
const BADLY: &str = "level=fatal msg=\"error running dump: no\"";

#[test]
fn a_run_whose_spans_and_log_lines_are_read_together_counts_once() {
    let nights: Vec<u64> = (0..5).map(|n| START + n * 86_400).collect();
    let own_name = |at: u64| format!("db_backup_{at}.tgz");
    let spans: String =
        nights.iter().enumerate().map(|(n, at)| collector_line(&old_spans(n as u64, *at)) + "\n").collect();
    let every = |line: &dyn Fn(u64) -> String| nights.iter().map(|at| line(*at)).collect::<String>();
    for (what, log, left) in [
        ("with names", every(&|at| lines(at, Some(&own_name(at)), WELL)), 0),
        ("without", every(&|at| lines(at, None, WELL)), 0),
        ("a little later", every(&|at| lines(at + 2, None, WELL)), 0),
        // What another container did in the same minute is another run.
        ("of other objects", every(&|at| lines(at, Some("other_1.tgz"), WELL)), 5),
        ("at another time", every(&|at| lines(at + 600, None, WELL)), 5),
        ("that failed", every(&|at| lines(at, None, BADLY)), 5),
        ("of two containers", every(&|at| lines(at, None, WELL) + &lines(at + 1, None, WELL)), 5),
    ] {
        for order in [["spans", "log"], ["log", "spans"]] {
            let home = keeping();
            fs::write(home.path("spans"), &spans).unwrap();
            fs::write(home.path("log"), &log).unwrap();
            order.iter().for_each(|name| read(&home, name));
            let all = runs(&home);
            let of_lines = all.iter().filter(|run| run.feed == Feed::Logrus).count();
            assert_eq!((all.len() - of_lines, of_lines), (5, left), "{what}, {order:?}");
            order.iter().for_each(|name| read(&home, name));
            assert_eq!(runs(&home).len(), all.len(), "{what}, {order:?}");
        }
    }
}
