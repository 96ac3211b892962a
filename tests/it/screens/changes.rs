//! The screens of changes and recovery: what they show, what keys do there, what stays undone.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use breakglass::model::changes::{ChangesRequest, ChangesView, ViewState};
use breakglass::model::job::{Ending, Fact, JobId};
use breakglass::model::script::{RecoveryPhase, ScriptDigest};
use breakglass::report::{Fault, Report};
use breakglass::tui::app::Place;
use breakglass::tui::msg::{Msg, RecoveryNo, Written};

use super::incident::{self, LOG, UNDO, read, read_view, refused, undone, undone_view, view};
use super::pictures;
use super::stage::Stage;

const SIZE: (u16, u16) = (80, 24);

fn said(stage: &Stage) -> String {
    stage.app.said.as_ref().map_or(String::new(), |said| said.text.clone())
}

#[test]
fn changes_are_drawn() {
    pictures("changes", |size| read(size).press("n"));
    pictures("changes_gap", |size| read_view(size, view(true)));
    pictures("changes_zoomed", |size| read(size).press("n ] ] ]"));
    pictures("changes_filtered", |size| read(size).press("/").type_text("kind:delete").press("enter"));
    pictures("changes_typing", |size| read(size).press("/").type_text("kind:gone where:"));
    pictures("changes_tables", |size| read(size).press("t down down space"));
    pictures("changes_wall", |size| read(size).press("n n n d"));
    pictures("changes_coverage", |size| read_view(size, view(true)).press("v"));
    pictures("changes_undo", |size| read(size).press("/").type_text("kind:delete").press("enter n u"));
}

#[test]
fn rows_and_the_life_of_one_are_drawn() {
    pictures("rows", |size| read(size).press("n n enter down"));
    pictures("rows_detail", |size| read(size).press("n n enter enter"));
    pictures("rows_unnamed", |size| read(size).press("G enter enter"));
    pictures("row_life", |size| read(size).press("n enter f"));
    pictures("row_asked_for", |size| read(size).press("n f"));
}

#[test]
fn empty_changes_say_why_and_what_fills_them() {
    pictures("changes_none", |size| Stage::new(incident::world(), size).press("3"));
    pictures("changes_none_named", |size| Stage::new(super::sample::quiet(), size).press("3"));
    pictures("changes_open", |size| Stage::new(incident::world(), size).press("3 o down"));
    let reading = |state| ChangesView { state, ..ChangesView::default() };
    pictures("changes_reading", |size| read_view(size, reading(ViewState::Reading)));
    let mut nothing = reading(ViewState::Complete);
    nothing.totals.statements = 3;
    pictures("changes_text_only", move |size| read_view(size, nothing.clone()));
    pictures("changes_no_match", |size| read(size).press("/").type_text("table:nothing").press("enter"));
    pictures("changes_failed", |size| {
        let report =
            Report::new(Fault::Unreachable, "target::denied", "offsite refused to be listed", "Check the profile.");
        let stage = read_view(size, reading(ViewState::Failed));
        stage.send(Msg::Fact(LOG, Fact::Ended(Ending::Failed(Some(Box::new(report))))))
    });
}

#[test]
fn a_recovery_is_drawn() {
    pictures("recovery", |size| undone(size).press("down down down"));
    pictures("recovery_statement", |size| undone(size).press("down down down enter"));
    pictures("recovery_refused", |size| undone_view(size, refused()).press("down"));
    pictures("recovery_hazards", |size| undone(size).press("d"));
    pictures("recovery_tables", |size| undone(size).press("t down space"));
    pictures("recovery_write", |size| undone(size).press("w down down space"));
    pictures("recovery_note", |size| undone(size).press("space space a").type_text("asked Ana"));
    pictures("recovery_compare", |size| undone(size).press("c"));
    pictures("recovery_none", |size| Stage::new(incident::world(), size).press("4"));
    pictures("recovery_reading", |size| {
        let mut view = incident::recovery();
        view.phase = RecoveryPhase::Reading { done: 41 << 20, total: 300 << 20 };
        undone_view(size, view)
    });
    let text = "Undo of 5c0e..:99120\n\n1,204,330 changes in, 1 out.\nSigned by: ____________";
    pictures("recovery_sign_off", |size| undone(size).press("S").send(Msg::Summary(UNDO, text.to_owned())));
    pictures("recovery_review", |size| undone(size).send(Msg::Reviewed(Box::new(incident::review()))));
    pictures("recovery_written", |size| undone(size).send(Msg::Written(UNDO, Box::new(written()))));
}

fn written() -> Written {
    Written {
        script: "/srv/undo-shop.orders.sql".into(),
        beside: vec!["/srv/undo-shop.orders-redo.sql".into()],
        statements: 2_410,
        transactions: 2,
        excluded: 1,
        digest: ScriptDigest([0x5c; 32]),
    }
}

#[test]
fn a_source_is_opened_by_name_or_as_typed() {
    let stage = Stage::new(incident::world(), SIZE).press("3 down enter");
    assert_eq!(stage.asked, ["open changes replica"]);
    let stage = Stage::new(incident::world(), SIZE).press("3 o ctrl-u").type_text("/var/log/mysql").press("enter");
    assert_eq!(stage.asked, ["open changes /var/log/mysql"]);
    let stage = Stage::new(incident::world(), SIZE).press("3 u");
    assert_eq!(said(&stage), "no change source is open: o");
}

#[test]
fn column_facts_read_the_log_again_with_the_same_filter() {
    let stage =
        read(SIZE).press("/").type_text("orders").press("enter c ctrl-u").type_text("schema.sql").press("enter");
    assert_eq!(stage.asked, ["open changes prod with schema.sql"]);
    let request =
        ChangesRequest { source: "prod".into(), schemas: vec!["schema.sql".into()], ..ChangesRequest::default() };
    let stage = stage.send(Msg::LogOpened(LOG, Box::new(request)));
    assert_eq!(stage.app.world.changes.as_ref().unwrap().typed.text, "orders");
}

#[test]
fn n_jumps_from_burst_to_wall_and_says_what_it_found() {
    let stage = read(SIZE).press("n");
    assert_eq!(said(&stage), "shop.orders: 1,204,331 deletes at 14:02:11 in one transaction");
    let mut stage = stage.press("n n");
    assert_eq!(said(&stage), "wall: TRUNCATE TABLE shop.carts");
    assert!(stage.text().lines().any(|line| line.starts_with('>') && line.contains("TRUNCATE")), "{}", stage.text());
    let stage = stage.press("n");
    assert_eq!(said(&stage), "no more bursts or walls that way");
    let stage = stage.press("N N");
    assert!(said(&stage).starts_with("shop.orders:"));
}

#[test]
fn the_headless_command_has_the_same_filters() {
    let stage = read(SIZE).press("/").type_text("shop.orders kind:delete since:14:02").press("enter y");
    let wanted =
        "copy breakglass changes prod --transactions --table shop.orders --kind delete --since 2026-11-21T14:02:00Z";
    assert_eq!(stage.asked, [wanted]);
    let stage = read(SIZE).press("n enter y");
    assert_eq!(stage.asked, ["copy breakglass changes prod --gtid 5c0e1111-1111-1111-1111-111111111111:99120"]);
    let stage = read(SIZE).press("n enter f y");
    assert_eq!(stage.asked, ["copy breakglass changes prod --life shop.orders:1"]);
}

#[test]
fn a_table_chosen_from_the_list_becomes_part_of_the_filter() {
    let stage = read(SIZE).press("/").type_text("kind:update").press("enter t down enter");
    assert_eq!(stage.app.world.changes.as_ref().unwrap().typed.text, "table:shop.stock kind:update");
    let stage = stage.press("esc");
    assert_eq!(stage.app.world.changes.as_ref().unwrap().typed.text, "", "esc takes the filter away first");
    assert!(stage.press("esc").app.home.place == Place::Backups);
}

#[test]
fn the_cursor_keeps_its_entry_through_a_filter_and_the_other_order() {
    let mut stage = read(SIZE).press("n").press("/").type_text("orders").press("enter");
    assert!(stage.text().lines().any(|line| line.starts_with('>') && line.contains("1,204,331")), "{}", stage.text());
    stage = stage.press("s");
    assert_eq!(said(&stage), "sorted newest first");
    assert!(stage.text().lines().any(|line| line.starts_with('>') && line.contains("1,204,331")), "{}", stage.text());
}

#[test]
fn undoing_asks_what_and_writes_nothing() {
    let stage = read(SIZE).press("n u enter");
    assert_eq!(stage.asked, ["undo 5c0e..:99120, shop.orders of #11, Whole"]);
    assert!(stage.app.home.place == Place::Recovery && stage.app.layers.is_empty());
    let stage = read(SIZE).press("n space space u enter");
    assert_eq!(stage.asked, ["undo the 2 transactions marked, 1,207,541 rows of #11, Whole"]);
    let stage = read(SIZE).press("/").type_text("kind:delete").press("enter u down down right enter");
    assert_eq!(stage.asked, ["undo everything that the filter keeps: kind:delete of #11, Partial"]);
    let stage = read(SIZE).press("n n n u");
    assert_eq!(stage.app.layers.len(), 1, "on a wall, all of the log can still be undone");
    let stage = read(SIZE).press("n n n space");
    assert_eq!(said(&stage), "a wall cannot be marked: only transactions are undone");
}

#[test]
fn what_cannot_be_done_says_why() {
    let stage = read(SIZE).press("d");
    assert_eq!(said(&stage), "no wall is under the cursor; the next one: n");
    let stage = read(SIZE).press("x");
    assert_eq!(said(&stage), "nothing is being read");
    let stage = read(SIZE).press("[");
    assert_eq!(said(&stage), "the timeline shows everything that was read");
    let stage = undone_view(SIZE, refused()).press("w");
    assert_eq!(said(&stage), "something of it cannot be undone, so nothing is written: d");
    let stage = undone_view(SIZE, refused()).press("S");
    assert!(said(&stage).starts_with("something of it cannot be undone"));
    let stage = Stage::new(incident::world(), SIZE).press("4 w");
    assert_eq!(said(&stage), "no recovery is open: choose what to undo on Changes: 3");
    let mut world = incident::world();
    world.read_only = true;
    let mut stage = undone(SIZE);
    stage.app.world.read_only = true;
    assert_eq!(said(&stage.press("w")), "this estate is read-only: nothing can be written from here");
}

#[test]
fn choices_are_made_for_one_statement_or_for_all_that_are_marked() {
    let stage = undone(SIZE).press("x");
    assert_eq!(stage.asked, ["decide recovery 12 Statement(0) Choose(Exclude)"]);
    let stage = undone(SIZE).press("down down down o");
    assert_eq!(stage.asked, ["decide recovery 12 Statement(3) Mode(Strict)"], "it was to be overwritten");
    let stage = undone(SIZE).press("space space x");
    assert_eq!(stage.asked, ["decide recovery 12 Statement(0) Choose(Exclude), Statement(1) Choose(Exclude)"]);
    let stage = undone(SIZE).press("a").type_text("asked Ana").press("enter");
    assert_eq!(stage.asked, ["decide recovery 12 Statement(0) Note(\"asked Ana\")"]);
    let stage = undone(SIZE).press("t down space enter");
    assert_eq!(stage.asked.len(), 1);
    assert!(stage.asked[0].ends_with("Choose(Exclude)"), "{:?}", stage.asked);
    let mut view = incident::recovery();
    view.tables[1].choice = breakglass::model::script::Choice::Exclude;
    let twin = "copy breakglass recover prod --gtid 5c0e1111-1111-1111-1111-111111111111:99120 --exclude shop.stock -o undo.sql";
    assert_eq!(undone_view(SIZE, view).press("y").asked, [twin]);
    let stage = undone(SIZE).press("c enter");
    assert_eq!(stage.asked, ["compare recovery 12 with server:staging"]);
}

#[test]
fn a_script_is_written_by_ctrl_s_only() {
    let stage = undone(SIZE).press("w enter").paste("\n");
    assert!(stage.asked.is_empty());
    let stage = stage.press("ctrl-u").type_text("/srv/undo.sql").press("enter");
    assert_eq!(said(&stage), "enter writes nothing: ctrl-s does");
    let stage = stage.press("down down space ctrl-s");
    assert_eq!(stage.asked, ["write recovery 12 to /srv/undo.sql"]);
    let mut stage = stage.send(Msg::Written(UNDO, Box::new(written())));
    assert!(stage.text().contains("Nothing here runs it"), "{}", stage.text());
    assert_eq!(stage.app.layers.len(), 1);
}

#[test]
fn a_log_that_failed_says_so_and_can_be_opened_again() {
    let report = Report::new(Fault::Failed, "changes::none", "there are no binary logs in /srv", "name a file");
    let stage = read_view(SIZE, ChangesView { state: ViewState::Failed, ..ChangesView::default() });
    let mut stage = stage.send(Msg::Fact(LOG, Fact::Ended(Ending::Failed(Some(Box::new(report))))));
    assert!(stage.text().contains("there are no binary logs in /srv"), "{}", stage.text());
    assert_eq!(stage.press("o").app.layers.len(), 1);
}

#[test]
fn news_of_another_log_or_recovery_is_dropped() {
    let stage = read(SIZE).send(Msg::Log(JobId(77), Arc::new(ChangesView::default())));
    assert_eq!(stage.app.world.changes.as_ref().unwrap().view.entries, 64);
    let stage = undone(SIZE).send(Msg::Recovery(RecoveryNo(77), Arc::new(refused())));
    assert!(matches!(stage.app.world.recovery.as_ref().unwrap().view.phase, RecoveryPhase::Ready));
}
