//! Two consoles and a collector on one store: nobody sees a lock, no row gets lost. Once as fast as two stores can write,
//! once as the processes that people run. `BREAKGLASS_TEST_LOAD=30` makes it the half minute that is promised.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use breakglass::disk::runs::Intake;
use breakglass::model::foreign::Foreign;
use breakglass::model::run::{DayNumber, Feed, Run, RunId, RunKind, RunQuery, RunState, Tool};
use breakglass::model::units::Moment;
use portable_pty::CommandBuilder;
use prost::Message;

use super::feeds::collector_line;
use super::payloads::{START, request, run};
use super::{Collector, PROTOBUF, runs, store};
use crate::cli::Home;
use crate::support::pty::Pty;

/// How long the load lasts: `BREAKGLASS_TEST_LOAD` seconds, or a few.
fn long() -> Duration {
    let seconds = std::env::var("BREAKGLASS_TEST_LOAD").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(3))
}

/// A verification, as a console stores it.
fn verification(console: u64, number: u64) -> Intake {
    let id = RunId::of("test", &[&console.to_le_bytes(), &number.to_le_bytes()]);
    let mut run = Run::new(id, RunKind::Verification, Tool::Breakglass, Feed::Verification, Foreign::from("shop"));
    run.ended = Some(Moment(1_795_230_000_000 + i64::try_from(number).unwrap()));
    run.state = RunState::Ok;
    Intake { feed: Feed::Verification, arrived: Moment(1_795_230_000_000), spans: vec![], runs: vec![run] }
}

#[test]
fn two_consoles_and_a_collector_share_one_store_under_load() {
    let home = Home::new();
    let collector = Collector::start(&home, &["--rate", "100000"]);
    let over = AtomicBool::new(false);
    let until = Instant::now() + long();
    let (sent, written) = std::thread::scope(|scope| {
        let consoles: Vec<_> = (0..2_u64)
            .map(|console| {
                let (home, over) = (&home, &over);
                scope.spawn(move || {
                    let store = store(home);
                    let mut number = 0;
                    while !over.load(Ordering::Relaxed) {
                        let stored = store.put(&[verification(console, number)], &|_| vec![]).unwrap();
                        assert_eq!(stored.runs, 1);
                        number += 1;
                        // A screen that is looked at while all this is written.
                        let query = RunQuery { limit: 50, ..RunQuery::default() };
                        assert!(!store.briefs(&query).unwrap().is_empty());
                        assert!(!store.strips(DayNumber(0), DayNumber(99_999)).unwrap().is_empty());
                        if number % 50 == 0 {
                            store.prune(Moment(1_795_230_000_000)).unwrap();
                        }
                    }
                    number
                })
            })
            .collect();
        let mut client = collector.client();
        let mut sent = 0;
        while Instant::now() < until {
            let answer = client.post(PROTOBUF, &request(run(sent, START + sent)).encode_to_vec());
            assert_eq!(answer.status, 200, "{answer:?}");
            sent += 1;
        }
        over.store(true, Ordering::Relaxed);
        (sent, consoles.into_iter().map(|console| console.join().unwrap()).sum::<u64>())
    });
    let arrived = collector.stop();
    assert_eq!((arrived["runs"].as_u64(), arrived["requests_put_off"].as_u64()), (Some(sent), Some(0)));
    let all = runs(&home);
    let of = |kind| all.iter().filter(|run| run.kind == kind).count() as u64;
    assert!(sent > 20 && written > 20, "{sent} sent, {written} written");
    assert_eq!((of(RunKind::Backup), of(RunKind::Verification)), (sent, written));
    let store = store(&home);
    let counted: u64 = store.strips(DayNumber(0), DayNumber(99_999)).unwrap().iter().map(|series| series.runs).sum();
    assert_eq!(counted, sent + written);
}

/// A console of this home with the past of its series open.
fn console(home: &Home) -> Pty {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_breakglass"));
    command.env_clear();
    for (name, value) in [("HOME", home.path("")), ("BREAKGLASS_ESTATE", home.path("estate.toml"))] {
        command.env(name, value);
    }
    command.env("BREAKGLASS_STATE_DIR", home.path("state"));
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("TERM", "xterm-256color");
    command.env("LANG", "C.UTF-8");
    command.cwd(home.path(""));
    let mut pty = Pty::start(command);
    pty.wait_for("Backups");
    pty.press_until("2", "last run");
    pty
}

/// What a console says when it could not read or store.
const TROUBLE: [&str; 5] = ["is being written", "database is", "telemetry:", "telemetry of", "cannot be"];

#[test]
fn two_consoles_and_a_collector_as_processes_lose_nothing_and_see_no_lock() {
    let home = Home::new();
    fs::create_dir_all(home.path("nas")).unwrap();
    fs::create_dir_all(home.path("otel")).unwrap();
    let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap();
    let dump = "-- MySQL dump 10.13  Distrib 9.7.4\n\nCREATE TABLE t (id int);\n-- Dump completed on 2026-11-21\n";
    for (name, ago) in [("shop", 1), ("crm", 2)] {
        let at = jiff::Timestamp::from_second(i64::try_from(now - ago * 3600).unwrap()).unwrap();
        let name = format!("{name}-{}.sql", at.strftime("%Y-%m-%dT%H%M%SZ"));
        fs::write(home.path("nas").join(name), dump).unwrap();
    }
    home.estate(&format!(
        "name = \"test\"\n[targets.nas]\nurl = \"file://{0}/nas/\"\n[telemetry.otel]\nurl = \"file://{0}/otel/\"\n",
        home.path("").display()
    ));
    let collector = Collector::start(&home, &["--rate", "100000"]);
    // Both feeds tell of runs of their own: a collector of these, consoles of those that lie in files.
    let line = |number: u64| collector_line(&run(1_000_000 + number, now - 86_400 + number)) + "\n";
    fs::write(home.path("otel/0.json"), line(0)).unwrap();
    let mut client = collector.client();
    let mut sent = 0;
    let mut send = || {
        let answer = client.post(PROTOBUF, &request(run(sent, now - 172_800 + sent)).encode_to_vec());
        assert_eq!(answer.status, 200, "{answer:?}");
        sent += 1;
    };
    send();
    let mut consoles = [console(&home), console(&home)];
    let verified = home.run(&["verify", "--newest-of-each"]);
    assert_eq!(verified.code, 0, "{verified:?}");
    let until = Instant::now() + long();
    let mut files = 1;
    while Instant::now() < until {
        (0..20).for_each(|_| send());
        fs::write(home.path(&format!("otel/{files}.json")), line(files)).unwrap();
        files += 1;
        for console in &mut consoles {
            console.type_in("\u{12}"); // look again: at the targets, at the files, at the past
            console.hear(Duration::from_millis(10));
            let screen = console.screen();
            assert!(TROUBLE.iter().all(|word| !screen.contains(word)), "{screen}");
        }
    }
    // Each of them reads what is still unread; who comes first stores it.
    for console in &mut consoles {
        console.press_until("\u{12}", "last run");
    }
    let fed = || runs(&home).iter().filter(|run| run.feed == Feed::CollectorFile).count() as u64;
    let patience = Instant::now() + Duration::from_secs(120);
    while fed() < files {
        assert!(Instant::now() < patience, "{} of {files} files", fed());
        for console in &mut consoles {
            console.type_in("\u{12}");
            console.hear(Duration::from_millis(200));
        }
    }
    for mut console in consoles {
        console.type_in("q");
        assert_eq!(console.end(), 0, "{}", console.screen());
    }
    let arrived = collector.stop();
    assert_eq!((arrived["runs"].as_u64(), arrived["requests_put_off"].as_u64()), (Some(sent), Some(0)));
    let all = runs(&home);
    let of = |feed| all.iter().filter(|run| run.feed == feed).count() as u64;
    assert_eq!((of(Feed::Otlp), of(Feed::CollectorFile), of(Feed::Verification)), (sent, files, 2));
}
