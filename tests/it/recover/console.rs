//! An open recovery as the Recovery screen holds it: pages, decisions, the rows now, the file.

use std::fs;
use std::path::Path;

use breakglass::model::changes::{ChangeFilter, ChangesRequest, PositionBound, TableFilter, TableRef};
use breakglass::model::script::{
    Choice, Decision, Mode, RecoveryPhase, RowState, ScriptOptions, ScriptPage, StateCounts, Which,
};
use breakglass::work::recover::{ExportOptions, RecoveryHandle};
use breakglass::work::session::{Session, Settings};

use crate::recover::Damaged;
use crate::undo::{alone, last_line, run};

const BEFORE: &str = "CREATE TABLE orders (id INT PRIMARY KEY, status VARCHAR(20) CHARACTER SET latin1, total FLOAT, \
        at TIMESTAMP NULL) ENGINE=InnoDB;
    CREATE TABLE stock (item INT PRIMARY KEY, qty INT) ENGINE=InnoDB;
    SET NAMES utf8mb4;
    INSERT INTO orders VALUES (1,'paid',9.5,'2026-01-01 00:00:00'),(2,'caf\u{e9}',0.1,NULL),(3,NULL,1.25,NULL),(4,'x',4,NULL),(5,'y',5,NULL);
    INSERT INTO stock VALUES (1,10),(2,20),(3,30),(4,40);";
/// One row changed twice in the log: only the first of the two is undone.
#[test]
fn d17_the_later_transaction_of_a_row_is_named() {
    let servers = alone();
    for server in servers.iter().copied() {
        now(async {
            let work = "UPDATE stock SET qty=0 WHERE item=2; UPDATE stock SET qty=7 WHERE item=2;";
            let damaged = Damaged::new(server, BEFORE, work);
            let all = open(&damaged, only_accident(), ScriptOptions::default()).await.1.page(0, 10).await.unwrap();
            let second = all.statements[0].change.clone();
            let until = PositionBound { file: None, position: second.transaction.start };
            let filter = ChangeFilter { to: Some(until), ..only_accident() };
            let (_session, recovery) = open(&damaged, filter, ScriptOptions::default()).await;
            assert_eq!(recovery.view().changes, 1);
            recovery.checked(&damaged.url()).await.unwrap();
            assert_eq!(recovery.view().states.changed, 1);
            let now = recovery.explained(0).await.unwrap();
            let later = now.later.unwrap();
            assert_eq!((later.at, later.thread), (second.transaction.committed_at, second.transaction.thread));
            let page = recovery.page(0, 1).await.unwrap();
            assert_eq!(page.statements[0].now.later.as_ref(), Some(&later));
        });
    }
}

const ACCIDENT: &str = "BEGIN; DELETE FROM orders WHERE id<5; COMMIT;
    UPDATE stock SET qty=0; INSERT INTO orders VALUES (8,'new',1,NULL),(9,'new',1,NULL),(10,'new',1,NULL);";

/// Runs it here and now: the servers stay locked around it.
fn now(work: impl Future<Output = ()>) {
    tokio::runtime::Runtime::new().unwrap().block_on(work);
}

async fn open(damaged: &Damaged, filter: ChangeFilter, options: ScriptOptions) -> (Session, RecoveryHandle) {
    let settings = Settings {
        estate: Some(damaged.home.path("estate.toml")),
        state_dir: Some(damaged.home.path("state")),
        ..Settings::default()
    };
    let session = Session::open(settings).await.unwrap();
    let source = damaged.logs.to_str().unwrap().to_owned();
    let request = ChangesRequest { source, schemas: vec![damaged.url()], ..ChangesRequest::default() };
    let changes = session.open_changes(request).unwrap();
    let recovery = session.open_recovery(&changes, filter, options).await.unwrap();
    recovery.complete().await.unwrap();
    (session, recovery)
}

fn only_accident() -> ChangeFilter {
    ChangeFilter { schemas: vec!["accident".into()], ..ChangeFilter::default() }
}

fn states(page: &ScriptPage) -> Vec<(String, RowState)> {
    page.statements.iter().map(|one| (format!("{} {}", one.change.table.name, one.row), one.now.state)).collect()
}

async fn written(recovery: &RecoveryHandle, path: &Path) -> String {
    recovery.export(path, ExportOptions::default()).await.unwrap();
    fs::read_to_string(path).unwrap()
}

#[test]
fn d17_d18_every_state_of_a_row_is_told_with_its_columns() {
    for server in alone().iter().copied() {
        now(async {
            let damaged = Damaged::new(server, BEFORE, ACCIDENT);
            let (_session, recovery) = open(&damaged, only_accident(), ScriptOptions::default()).await;
            let view = recovery.view();
            assert_eq!((view.changes, view.transactions, view.counts.included, view.counts.unknown), (11, 3, 11, 11));
            assert!(matches!(view.phase, RecoveryPhase::Ready), "{:?}", view.phase);
            // Whatever stands there as it was left matches; a float and a text in another character set too.
            recovery.checked(&damaged.url()).await.unwrap();
            assert_eq!(recovery.view().states, StateCounts { matches: 11, ..StateCounts::default() });

            server.sql(
            "SET NAMES utf8mb4; INSERT INTO accident.orders VALUES (1,'paid',9.5,'2026-01-01 00:00:00'),(2,'cafe',0.1,NULL);
             UPDATE accident.stock SET qty=10 WHERE item=1; UPDATE accident.stock SET qty=7 WHERE item=2;
             DELETE FROM accident.stock WHERE item=3;
             DELETE FROM accident.orders WHERE id=8; UPDATE accident.orders SET status='sent' WHERE id=9;",
        );
            recovery.checked(&damaged.url()).await.unwrap();
            let page = recovery.page(0, 100).await.unwrap();
            let told: Vec<_> = states(&page).into_iter().filter(|(_, state)| *state != RowState::Matches).collect();
            let mut told: Vec<(&str, RowState)> = told.iter().map(|(row, state)| (row.as_str(), *state)).collect();
            told.sort_unstable();
            assert_eq!(
                told,
                [
                    ("orders id 1", RowState::Undone),
                    ("orders id 2", RowState::Anew),
                    ("orders id 8", RowState::Undone),
                    ("orders id 9", RowState::Changed),
                    ("stock item 1", RowState::Undone),
                    ("stock item 2", RowState::Changed),
                    ("stock item 3", RowState::Gone),
                ],
                "{:?}",
                server.product
            );
            let changed = page.statements.iter().find(|one| one.row == "item 2").unwrap();
            let column = &changed.now.columns[0];
            assert_eq!(changed.now.columns.len(), 1, "{:?}", changed.now);
            assert_eq!((column.name.as_str(), column.now.as_deref()), ("qty", Some("7")));
            assert_eq!((column.before.as_deref(), column.after.as_deref()), (Some("20"), Some("0")));
            let anew = page.statements.iter().find(|one| one.row == "id 2").unwrap();
            assert!(
                anew.now.columns.iter().any(|column| column.name == "status" && column.now.as_deref() == Some("cafe"))
            );
            let summary = recovery.summary().await.unwrap();
            assert!(
                summary.contains("4 match, 3 already undone, 2 changed since, 1 gone, 1 inserted anew"),
                "{summary}"
            );
            assert!(recovery.view().check.problem.is_none() && !recovery.view().check.running);
        });
    }
}

#[test]
fn what_is_chosen_is_what_is_written_and_what_the_digest_is_of() {
    for server in alone().iter().copied() {
        now(async {
            let damaged = Damaged::new(server, BEFORE, ACCIDENT);
            let (_session, recovery) = open(&damaged, only_accident(), ScriptOptions::default()).await;
            let everything = recovery.view().digest.unwrap();
            assert!(
                recovery.decide(&Which::Statement(2), Decision::Choose(Choice::Exclude)).is_err(),
                "not on a page yet"
            );
            let page = recovery.page(0, 3).await.unwrap();
            assert_eq!((page.statements.len(), page.transactions.len()), (3, 1));
            // The newest change comes first.
            let rows: Vec<&str> = page.statements.iter().map(|one| one.row.as_str()).collect();
            assert_eq!(rows, ["id 10", "id 9", "id 8"]);
            let sql = page.statements[0].sql.as_ref().unwrap();
            assert!(
                sql.starts_with("DELETE FROM `accident`.`orders` WHERE @bg=CONNECTION_ID() AND `id` <=> 10"),
                "{sql}"
            );

            recovery.decide(&Which::Statement(1), Decision::Choose(Choice::Exclude)).unwrap();
            recovery.decide(&Which::Statement(0), Decision::Note("wanted\u{1b}[31m by the shop".to_owned())).unwrap();
            let stock = TableRef { schema: "accident".into(), table: "stock".into() };
            recovery.decide(&Which::Table(stock.clone()), Decision::Choose(Choice::Exclude)).unwrap();
            let view = recovery.complete().await.unwrap();
            assert_eq!((view.counts.included, view.counts.excluded), (6, 5));
            let less = view.digest.unwrap();
            assert_ne!(less, everything);
            let page = recovery.page(0, 3).await.unwrap();
            assert_eq!((page.statements[1].choice, page.statements[0].choice), (Choice::Exclude, Choice::Include));
            assert!(page.statements[0].note.contains("by the shop") && !page.statements[0].note.contains('\u{1b}'));
            let path = damaged.home.path("undo.sql");
            let text = written(&recovery, &path).await;
            assert!(text.contains(&less.hex()) && text.contains("by the shop") && !text.contains('\u{1b}'));
            assert!(!text.contains("`stock`") && text.contains("excluded: accident.stock"), "{}", &text[..2000]);
            assert_eq!(recovery.view().written.as_deref(), Some(path.as_path()));

            // Taken back, it is the first script again.
            recovery.decide(&Which::Statement(1), Decision::Choose(Choice::Include)).unwrap();
            recovery.decide(&Which::Table(stock), Decision::Choose(Choice::Include)).unwrap();
            assert_eq!(recovery.complete().await.unwrap().digest.unwrap(), everything);

            // One row is set back whatever happened to it, the others only as they were left.
            server.sql("UPDATE accident.stock SET qty=7 WHERE item=2");
            let page = recovery.page(0, 100).await.unwrap();
            let one = page.statements.iter().find(|one| one.row == "item 2").unwrap().number;
            recovery.decide(&Which::Statement(one), Decision::Mode(Mode::Overwrite)).unwrap();
            assert_eq!(recovery.complete().await.unwrap().counts.overwrite, 1);
            let text = written(&recovery, &damaged.home.path("over.sql")).await;
            assert_eq!(last_line(&run(server, &["-N", "-B"], &text)), "APPLIED");
            assert_eq!(server.sql("SELECT qty FROM accident.stock ORDER BY item"), "10\n20\n30\n40\n");
            assert_eq!(server.sql("SELECT COUNT(*) FROM accident.orders"), "5\n");
        });
    }
}

#[test]
fn a_refusal_goes_when_its_table_is_left_out() {
    let servers = alone();
    let Some(server) = servers.first().copied() else { return };
    now(async {
        let lasting = format!("{BEFORE} CREATE TABLE log (n INT PRIMARY KEY) ENGINE=MyISAM;");
        let damaged = Damaged::new(server, &lasting, &format!("INSERT INTO log VALUES (1); {ACCIDENT}"));
        let (_session, recovery) = open(&damaged, only_accident(), ScriptOptions::default()).await;
        let view = recovery.view();
        assert!(matches!(view.phase, RecoveryPhase::Refused) && view.refusals == 1, "{:?}", view.refused);
        assert!(recovery.export(&damaged.home.path("no.sql"), ExportOptions::default()).await.is_err());
        let log = TableRef { schema: "accident".into(), table: "log".into() };
        recovery.decide(&Which::Table(log), Decision::Choose(Choice::Exclude)).unwrap();
        let view = recovery.complete().await.unwrap();
        assert_eq!((view.counts.included, view.counts.excluded), (11, 1), "{:?}", view.refused);
        assert!(matches!(view.phase, RecoveryPhase::Ready));

        let options = ScriptOptions { exclude: vec![TableFilter::parse("accident.log")], ..ScriptOptions::default() };
        let (_session, recovery) = open(&damaged, only_accident(), options).await;
        assert!(matches!(recovery.view().phase, RecoveryPhase::Ready));
    });
}

#[test]
fn a_mode_leaves_what_is_excluded_excluded() {
    let servers = alone();
    let Some(server) = servers.first().copied() else { return };
    now(async {
        let damaged = Damaged::new(server, BEFORE, ACCIDENT);
        let (_session, recovery) = open(&damaged, only_accident(), ScriptOptions::default()).await;
        let stock = TableRef { schema: "accident".into(), table: "stock".into() };
        let page = recovery.page(0, 100).await.unwrap();
        let of_stock = |page: &ScriptPage| page.statements.iter().find(|one| one.row == "item 2").unwrap().clone();
        let one = of_stock(&page).number;
        // Whichever comes first.
        recovery.decide(&Which::Table(stock.clone()), Decision::Choose(Choice::Exclude)).unwrap();
        recovery.decide(&Which::Statement(one), Decision::Mode(Mode::Overwrite)).unwrap();
        let view = recovery.complete().await.unwrap();
        assert_eq!((view.counts.included, view.counts.excluded, view.counts.overwrite), (7, 4, 0));
        let seen = of_stock(&recovery.page(0, 100).await.unwrap());
        assert_eq!((seen.choice, seen.mode), (Choice::Exclude, Mode::Overwrite));
        recovery.decide(&Which::Table(stock.clone()), Decision::Choose(Choice::Include)).unwrap();
        assert_eq!(recovery.complete().await.unwrap().counts.overwrite, 1);
        recovery.decide(&Which::Table(stock), Decision::Choose(Choice::Exclude)).unwrap();
        assert_eq!(recovery.complete().await.unwrap().counts.included, 7);
        // Only who asks for the row itself gets it.
        recovery.decide(&Which::Statement(one), Decision::Choose(Choice::Include)).unwrap();
        let view = recovery.complete().await.unwrap();
        assert_eq!((view.counts.included, view.counts.overwrite), (8, 1));
    });
}

#[test]
fn a_transaction_is_decided_as_a_whole() {
    let servers = alone();
    let Some(server) = servers.first().copied() else { return };
    now(async {
        let damaged = Damaged::new(server, BEFORE, ACCIDENT);
        let (_session, recovery) = open(&damaged, only_accident(), ScriptOptions::default()).await;
        // One statement of three was on a page.
        let page = recovery.page(0, 1).await.unwrap();
        let first = page.transactions[0].number;
        let number = page.statements[0].number;
        recovery.decide(&Which::Statement(number), Decision::Mode(Mode::Overwrite)).unwrap();
        recovery.decide(&Which::Transaction(first), Decision::Choose(Choice::Exclude)).unwrap();
        let view = recovery.complete().await.unwrap();
        assert_eq!((view.counts.included, view.counts.excluded, view.counts.overwrite), (8, 3, 0));
        recovery.decide(&Which::Statement(number), Decision::Choose(Choice::Include)).unwrap();
        let view = recovery.complete().await.unwrap();
        assert_eq!((view.counts.included, view.counts.overwrite), (9, 1));
        // What is decided last counts.
        recovery.decide(&Which::Transaction(first), Decision::Choose(Choice::Exclude)).unwrap();
        assert_eq!(recovery.complete().await.unwrap().counts.included, 8);
        recovery.decide(&Which::Transaction(first), Decision::Choose(Choice::Include)).unwrap();
        recovery.decide(&Which::Transaction(first), Decision::Mode(Mode::Overwrite)).unwrap();
        let view = recovery.complete().await.unwrap();
        assert_eq!((view.counts.included, view.counts.overwrite), (11, 3));
        assert!(recovery.decide(&Which::Transaction(4_711), Decision::Mode(Mode::Strict)).is_err());
    });
}

#[test]
fn many_decisions_are_taken_at_once_or_not_at_all() {
    let servers = alone();
    let Some(server) = servers.first().copied() else { return };
    now(async {
        let damaged = Damaged::new(server, BEFORE, ACCIDENT);
        let (_session, recovery) = open(&damaged, only_accident(), ScriptOptions::default()).await;
        let page = recovery.page(0, 50).await.unwrap();
        let out = |number| (Which::Transaction(number), Decision::Choose(Choice::Exclude));
        let all: Vec<_> = page.transactions.iter().map(|one| out(one.number)).collect();
        assert_eq!(all.len(), 3);
        let digest = recovery.view().digest;
        let mut with_none = all.clone();
        with_none.push(out(4_711));
        assert!(recovery.decide_all(with_none).is_err());
        let view = recovery.complete().await.unwrap();
        assert_eq!((view.counts.included, view.counts.excluded, view.digest), (11, 0, digest));
        recovery.decide_all(all[..2].to_vec()).unwrap();
        let view = recovery.complete().await.unwrap();
        assert_eq!((view.counts.included, view.counts.excluded), (4, 7));
        assert_ne!(view.digest, digest);
        // The same as one by one.
        let (_session, other) = open(&damaged, only_accident(), ScriptOptions::default()).await;
        other.page(0, 50).await.unwrap();
        for (which, decision) in &all[..2] {
            other.decide(which, decision.clone()).unwrap();
        }
        assert_eq!(other.complete().await.unwrap().digest, view.digest);
    });
}
