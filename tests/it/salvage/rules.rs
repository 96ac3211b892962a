//! Where a salvage may go, what it asks, what it records, and how the command ends.

use breakglass::model::audit::AuditKind;

use super::*;
use crate::cli::{Home, Run};

const NAME: &str = "db_backup_2026-10-05T06-00-00Z.tgz";

fn cut() -> Vec<u8> {
    let bytes = object(NAME);
    bytes[..bytes.len() - 16_000].to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_new_folder_that_says_what_it_is_takes_a_salvage() {
    let bench = Bench::new(&[(NAME, cut())]).await;
    let id = bench.session.find(&format!("here:{NAME}")).unwrap().id.clone();
    let at = bench.out.path().display();
    for place in
        ["stdout".to_owned(), format!("dir:{at}/restored"), format!("dir:{at}/.salvaged"), format!("{at}/x.salvaged")]
    {
        let report = salvage::order(&id, &place).unwrap_err();
        assert_eq!((report.fault, report.code.as_str()), (Fault::Usage, "salvage::folder"), "{place}");
    }
    fs::create_dir(bench.folder(NAME)).unwrap();
    fs::write(bench.folder(NAME).join("mine"), "mine").unwrap();
    let order = salvage::order(&id, &format!("dir:{}", bench.folder(NAME).display())).unwrap();
    let report = bench.session.may_salvage(&order).unwrap_err();
    assert_eq!((report.fault, report.code.as_str()), (Fault::Refused, "salvage::in_use"));
    let name = order.name().clone();
    assert!(order.clone().agree(&Foreign::from("yes")).is_err());
    assert!(bench.session.start_salvage(order.agree(&name).unwrap()).is_err());
    assert_eq!(fs::read_dir(bench.folder(NAME)).unwrap().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_may_not_write_refuses_and_a_whole_backup_is_restored_instead() {
    let bench = Bench::with(&[(NAME, cut())], Access::ReadOnly).await;
    assert_eq!(bench.salvage(NAME).await.unwrap_err().code, "salvage::read_only");
    let bench = Bench::new(&[(NAME, object(NAME))]).await;
    assert_eq!(bench.verdict(NAME).await, VerdictOutcome::Ok);
    assert_eq!(bench.salvage(NAME).await.unwrap_err().code, "salvage::whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn intent_and_outcome_are_recorded_with_the_key_and_nothing_else_is_proven_by_it() {
    let bench =
        Bench::new(&[(NAME, cut()), ("evil.tgz", fs::read(databacker().join("damaged/evil-dotdot.tgz")).unwrap())])
            .await;
    let report = bench.salvage(NAME).await.unwrap();
    bench.salvage("evil.tgz").await.unwrap_err();
    let records = bench.session.audit_tail(100);
    let salvages: Vec<_> = records.iter().filter(|record| record.action == "salvage").collect();
    let kinds: Vec<(AuditKind, &str)> = salvages.iter().map(|record| (record.kind, record.result.as_str())).collect();
    let (intent, outcome) = (AuditKind::Intent, AuditKind::Outcome);
    assert_eq!(kinds, [(intent, ""), (outcome, "partly"), (intent, ""), (outcome, "failed")]);
    assert!(
        salvages[0].subject.ends_with(".salvaged") && salvages[0].detail.starts_with("typed "),
        "{:?}",
        salvages[0]
    );
    assert_eq!((&salvages[1].key, &salvages[1].detail), (&report.key, &report.words()));
    assert!(report.key.is_some(), "the fingerprint of the raw key");
    assert_eq!(salvages[3].detail, "tar::refused");
    assert!(bench.session.find(&format!("here:{NAME}")).unwrap().proof.is_none(), "a salvage proves nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_salvage_that_is_stopped_leaves_nothing_that_looks_whole() {
    let text = dump("shop", 40, 8000);
    let bench = Bench::new(&[("shop.sql", text.into_bytes())]).await;
    let id = bench.session.find("here:shop.sql").unwrap().id.clone();
    let folder = bench.folder("shop");
    let order = salvage::order(&id, &format!("dir:{}", folder.display())).unwrap();
    let name = order.name().clone();
    let job = bench.session.start_salvage(order.agree(&name).unwrap()).unwrap();
    bench.session.cancel(job);
    match bench.session.ended(job).await.unwrap().ending {
        Some(Ending::Cancelled) => assert!(!folder.exists()),
        Some(Ending::Salvaged(report)) => {
            assert_eq!(report.outcome, SalvageOutcome::Cancelled);
            never_whole(&folder, &report);
        }
        other => panic!("{other:?}"),
    }
    let records = bench.session.audit_tail(10);
    assert_eq!(records.last().unwrap().result, "cancelled");
}

fn run(home: &Home, more: &[&str]) -> Run {
    let key = databacker().join("keys/aes256.key");
    let file = home.path("cut.tgz");
    let args = ["salvage", file.to_str().unwrap(), "--key", key.to_str().unwrap()];
    home.run(&[args.as_slice(), more].concat())
}

#[test]
fn the_command_asks_for_the_folder_s_name_and_never_ends_with_0() {
    let home = Home::new();
    fs::write(home.path("cut.tgz"), cut()).unwrap();
    let into = ["--into", "dir:out.salvaged"];
    assert_eq!(run(&home, &["--into", "dir:out", "--confirm", "out", "--json"]).code, 2);
    let asked = run(&home, &into);
    assert_eq!(asked.code, 6, "{asked:?}");
    assert!(asked.err.contains("--confirm NAME"), "{asked:?}");
    let wrong = run(&home, &[into.as_slice(), &["--confirm", "out", "--json", "--yes"]].concat());
    assert_eq!((wrong.code, wrong.error_code().as_str()), (6, "cli::wrong_name"), "{wrong:?}");
    assert_eq!(run(&home, &[into.as_slice(), &["--confirm", "out.salvaged", "--read-only"]].concat()).code, 6);
    assert!(!home.path("out.salvaged").exists());

    let confirmed = [into.as_slice(), &["--confirm", "out.salvaged"]].concat();
    let done = run(&home, &[confirmed.as_slice(), &["--json"]].concat());
    assert_eq!(done.code, 7, "{done:?}");
    let line = done.line();
    assert_eq!((&line["outcome"], &line["authenticity"]), (&"partly".into(), &"unauthenticated".into()));
    assert_eq!(line["files"][0]["file"], "bakery.partial.sql");
    assert_eq!(line["tables_cut"], 1);
    assert!(line["key"].is_string(), "{line}");
    let names = crate::cli::fields(&line);
    assert_eq!(
        names,
        [
            "at",
            "authenticity",
            "backup",
            "files",
            "follows",
            "id",
            "into",
            "key",
            "met",
            "outcome",
            "plain_bytes",
            "program",
            "seal",
            "seconds",
            "stored_bytes",
            "tables_absent",
            "tables_complete",
            "tables_cut",
            "tables_suspect"
        ]
    );
    let again = run(&home, &confirmed);
    assert_eq!(again.code, 6, "{again:?}");
    let text = run(&home, &["--into", "dir:two.salvaged", "--confirm", "two.salvaged"]);
    assert!(text.code == 7 && text.out.starts_with("SALVAGED, NOT RESTORED"), "{text:?}");
}

#[test]
fn the_command_s_codes_say_why_nothing_came() {
    let home = Home::new();
    let confirmed = ["--into", "dir:out.salvaged", "--confirm", "out.salvaged", "--json"];
    fs::write(home.path("cut.tgz"), &object(NAME)[..10]).unwrap();
    assert_eq!(run(&home, &confirmed).code, 3);
    fs::write(home.path("cut.tgz"), cut()).unwrap();
    let wrong = databacker().join("keys/wrong.key");
    let file = home.path("cut.tgz");
    let args = ["salvage", file.to_str().unwrap(), "--key", wrong.to_str().unwrap()];
    let run = home.run(&[args.as_slice(), &confirmed].concat());
    assert_eq!((run.code, run.error_code().as_str()), (8, "salvage::locked"), "{run:?}");
    let none = home.run(&[["salvage", file.to_str().unwrap()].as_slice(), &confirmed].concat());
    assert_eq!(none.code, 4, "{none:?}");
    assert!(!home.path("out.salvaged").exists());
}
