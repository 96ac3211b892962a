//! The script that undoes the accident, with its rows as they are now.

use std::sync::Arc;

use breakglass::model::change::ChangeKind;
use breakglass::model::script::{
    CheckView, Choice, ChoiceCounts, ColumnNow, Later, Mode, Offer, Origin, RecoveryPhase, RecoveryView, RefusedChange,
    Review, ReviewHazard, ReviewedTable, RowNow, RowState, ScriptDigest, ScriptHazard, ScriptOptions, ScriptPage,
    ScriptStatement, ScriptTable, ScriptTransaction, ScriptWall, StateCounts, StatementHazard,
};
use breakglass::tui::msg::{Msg, Opened};
use breakglass::tui::widgets::pages::PAGE;

use super::{UNDO, at, change, read, rows, table, view, wall};
use crate::screens::stage::Stage;

const COUNT: u64 = 1_204_331;

fn now(n: u64) -> RowNow {
    let later = Later {
        label: "5c0e1111-1111-1111-1111-111111111111:99180".into(),
        at: at("14:20:07.003"),
        thread: Some(8930),
    };
    match n {
        3 => RowNow {
            state: RowState::Changed,
            columns: vec![ColumnNow {
                name: "status".into(),
                before: Some("'paid'".into()),
                after: Some("'void'".into()),
                now: Some("'refunded'".into()),
            }],
            later: Some(later),
            why: String::new(),
        },
        5 => RowNow { state: RowState::Anew, later: Some(later), ..RowNow::default() },
        6 => RowNow { state: RowState::Gone, ..RowNow::default() },
        7 => RowNow { state: RowState::Undone, ..RowNow::default() },
        n if n < 1000 => RowNow { state: RowState::Matches, ..RowNow::default() },
        _ => RowNow::default(),
    }
}

/// The nth statement of the script: an update of the newest transaction, then rows that come back.
pub fn statement(n: u64) -> ScriptStatement {
    let (kind, of) =
        if n < 4 { (ChangeKind::Update, ChangeKind::Update) } else { (ChangeKind::Insert, ChangeKind::Delete) };
    let sql = if n < 4 {
        format!(
            "UPDATE `shop`.`orders` SET `status`='paid' WHERE @bg=CONNECTION_ID() AND `id`={n} AND CAST(`status` AS BINARY)<=>X'766F6964' LIMIT 1"
        )
    } else {
        format!(
            "INSERT INTO `shop`.`orders` (`id`,`customer_id`,`status`,`comment`) SELECT {n},{},'paid',NULL FROM DUAL WHERE @bg=CONNECTION_ID()",
            n * 7 % 100
        )
    };
    ScriptStatement {
        number: n,
        transaction: u64::from(n >= 4),
        change: Arc::new(change(n, of)),
        kind,
        row: format!("id {n}"),
        sql: Ok(sql),
        choice: if n == 5 { Choice::Exclude } else { Choice::Include },
        mode: if n == 3 { Mode::Overwrite } else { Mode::Strict },
        note: if n == 5 { "re-created by the shop at 14:20".into() } else { String::new() },
        now: now(n),
    }
}

/// A page of the script.
pub fn page(page: usize) -> ScriptPage {
    let first = (page * PAGE) as u64;
    let statements = (first..(first + PAGE as u64).min(COUNT)).map(statement).collect();
    let transaction = |number, gtid: u64, time: &str, first, statements| ScriptTransaction {
        number,
        label: format!("5c0e1111-1111-1111-1111-111111111111:{gtid}"),
        file: "binlog.000415".into(),
        committed_at: at(time),
        thread: Some(8902),
        first,
        statements,
    };
    let transactions =
        vec![transaction(0, 99_127, "14:02:19.871", 0, 4), transaction(1, 99_120, "14:02:11.204", 4, COUNT - 4)];
    ScriptPage { statements, transactions }
}

/// The recovery, all of it looked at.
pub fn recovery() -> RecoveryView {
    RecoveryView {
        title: "5c0e..:99120, shop.orders".into(),
        source: Arc::new("prod".into()),
        phase: RecoveryPhase::Ready,
        coverage: view(false).coverage,
        changes: COUNT,
        transactions: 2,
        counts: ChoiceCounts { included: COUNT - 1, excluded: 1, unknown: COUNT - 1000, overwrite: 1 },
        states: StateCounts { matches: 996, undone: 1, changed: 1, gone: 1, anew: 1, unknowable: 0 },
        tables: vec![
            ScriptTable { table: table("orders"), choice: Choice::Include, rows: rows(0, 1, COUNT - 4) },
            ScriptTable { table: table("stock"), choice: Choice::Include, rows: rows(0, 3, 0) },
        ],
        refused: vec![],
        refusals: 0,
        hazards: vec![
            ScriptHazard {
                code: "triggers",
                text: "2 triggers would fire on shop.orders: audit_ins, stock_ins".into(),
                offers: vec![Offer {
                    what: "without them, drop them first and create them again".into(),
                    sql: vec!["DROP TRIGGER `shop`.`audit_ins`".into(), "DROP TRIGGER `shop`.`stock_ins`".into()],
                }],
            },
            ScriptHazard {
                code: "auto_increment",
                text: "AUTO_INCREMENT of shop.orders is not set back".into(),
                offers: vec![],
            },
        ],
        walls: vec![ScriptWall { wall: wall(), replay_to: "binlog.000415:9917700".into(), reaches: true }],
        partial: vec![],
        partials: 0,
        digest: Some(ScriptDigest([0x5c; 32])),
        check: CheckView {
            server: "server:staging".into(),
            done: 1000,
            at: Some(at("15:00:00")),
            running: false,
            problem: None,
        },
        written: None,
    }
}

/// The same, with changes that cannot be undone.
pub fn refused() -> RecoveryView {
    let reason = |n: u64, reason: &str| RefusedChange {
        key: change(n, ChangeKind::Delete).key,
        table: Some(table("carts")),
        reason: reason.into(),
    };
    let mut view = recovery();
    view.phase = RecoveryPhase::Refused;
    view.refused = vec![
        reason(1, "the names of its columns are not known"),
        reason(2, "tables of the engine MyISAM keep changes after ROLLBACK"),
        reason(3, "a definition changed: TRUNCATE TABLE shop.carts"),
    ];
    view.refusals = 1_003;
    view.digest = None;
    view
}

/// The Recovery screen.
pub fn undone(size: (u16, u16)) -> Stage {
    undone_view(size, recovery())
}

pub fn undone_view(size: (u16, u16), view: RecoveryView) -> Stage {
    let twin = "breakglass recover prod --gtid 5c0e1111-1111-1111-1111-111111111111:99120".to_owned();
    read(size).press("4").send(Msg::RecoveryOpened(
        Box::new(Opened {
            id: UNDO,
            title: "5c0e..:99120, shop.orders".into(),
            twin,
            options: ScriptOptions::default(),
        }),
        Arc::new(view),
    ))
}

/// A script of another tool.
pub fn review() -> Review {
    let hazard = |code: StatementHazard, count, line| ReviewHazard { code, text: code.words(), count, line };
    Review {
        script: "/srv/undo from bintrail.sql".into(),
        bytes: 48_211,
        origin: Origin::Bintrail,
        altered: String::new(),
        digest: None,
        statements: 402,
        tables: vec![ReviewedTable {
            table: "shop.orders".into(),
            names: Some(table("orders")),
            insert: 400,
            update: 1,
            delete: 0,
        }],
        hazards: vec![
            hazard(StatementHazard::Autocommit, 1, 1),
            hazard(StatementHazard::NoRowCheck, 402, 3),
            hazard(StatementHazard::Base64Text, 12, 44),
        ],
        rows_now: None,
    }
}
