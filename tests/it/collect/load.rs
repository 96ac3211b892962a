//! Two consoles and a collector on one store: nobody sees a lock, no row gets lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use breakglass::disk::runs::Intake;
use breakglass::model::foreign::Foreign;
use breakglass::model::run::{DayNumber, Feed, Run, RunId, RunKind, RunQuery, RunState, Tool};
use breakglass::model::units::Moment;
use prost::Message;

use super::payloads::{START, request, run};
use super::{Collector, PROTOBUF, runs, store};
use crate::cli::Home;

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
