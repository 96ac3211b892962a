//! A script under review by somebody in a hurry: everything within reach, and nothing lost without a word.
#![allow(clippy::unwrap_used)]

use std::ops::Range;
use std::sync::Arc;

use breakglass::model::changes::{Direction, Rows};
use breakglass::model::script::{CheckView, Choice, RecoveryView, ScriptDigest, ScriptPage, ScriptTable};
use breakglass::tui::app::Place;
use breakglass::tui::msg::{Effect, Msg, Search, Written};
use breakglass::work::recover::Found;

use super::incident::{self, UNDO, read, recovery, refused, table, undone, undone_view};
use super::stage::Stage;

const SIZE: (u16, u16) = (80, 24);

/// The search for a text among some statements.
pub fn search(text: &str, among: Range<u64>) -> Search {
    Search { text: text.to_owned(), among, direction: Direction::Forward, then: 0..0, is_whole: false }
}

fn said(stage: &Stage) -> String {
    stage.app.said.as_ref().map_or(String::new(), |said| said.text.clone())
}

fn under(stage: &mut Stage) -> String {
    stage.text().lines().find(|line| line.starts_with('>')).unwrap_or_default().to_owned()
}

#[test]
fn every_row_of_a_large_transaction_is_a_key_away() {
    let mut stage = read(SIZE).press("n enter G");
    assert!(under(&mut stage).contains("id 1204331"), "{}", stage.text());
    assert!(stage.text().contains("1,204,331 of 1,204,331"), "{}", stage.text());
    let mut stage = stage.press("up");
    assert!(under(&mut stage).contains("id 1204330"), "{}", stage.text());
    let mut stage = stage.press("g g");
    assert!(under(&mut stage).contains("id 1 "), "{}", stage.text());
    let mut stage = undone(SIZE).press("G");
    assert!(under(&mut stage).contains("id 1204330"), "{}", stage.text());
}

#[test]
fn n_goes_to_what_is_worth_a_look_or_holds_what_was_searched_for() {
    let mut stage = undone(SIZE).press("n");
    assert!(under(&mut stage).contains("changed since"), "{}", stage.text());
    let mut stage = stage.press("n");
    assert!(under(&mut stage).contains("inserted anew"), "{}", stage.text());
    let mut stage = stage.press("/").type_text("id 40").press("enter");
    assert!(under(&mut stage).contains("id 40"), "{}", stage.text());
    let stage = stage.press("/ ctrl-u").type_text("id 77777").press("enter");
    assert_eq!(stage.asked, ["find `id 77777` in recovery 12 among 512 to 1204331"], "what is held does not hold it");
}

#[test]
fn a_search_goes_over_everything_and_says_how_far_it_is() {
    let ask = |among| Search { then: 0..0, is_whole: true, ..search("id 77777", among) };
    let stage = undone(SIZE).press("/").type_text("id 77777").press("enter");
    let looked = ask(512..1_204_331);
    let stage = stage.send(Msg::Found(UNDO, looked.clone(), Found::NotYet(50_512..1_204_331)));
    assert_eq!(said(&stage), "searching: 1,153,819 statements left; esc stops it");
    assert_eq!(stage.asked.last().unwrap(), "find `id 77777` in recovery 12 among 50512 to 1204331");
    // An answer that nobody waits for any more changes nothing.
    let mut stage = stage.send(Msg::Found(UNDO, looked, Found::At(900)));
    assert!(under(&mut stage).contains("id 0"), "{}", stage.text());
    let mut stage = stage.send(Msg::Found(UNDO, ask(50_512..1_204_331), Found::At(77_777)));
    assert!(under(&mut stage).contains("id 77777"), "{}", stage.text());
    let stage = stage.press("n");
    let next = search("id 77777", 78_080..1_204_331);
    let stage = stage.send(Msg::Found(UNDO, next, Found::NotYet(5..5)));
    assert_eq!(said(&stage), "no more statements that hold id 77777 that way");
}

#[test]
fn a_search_stops_when_one_goes_elsewhere() {
    for keys in ["down", "esc", "3"] {
        let stage = undone(SIZE).press("/").type_text("id 77777").press("enter");
        let asked = Search { is_whole: true, ..search("id 77777", 512..1_204_331) };
        let mut stage = stage.press(keys).send(Msg::Found(UNDO, asked, Found::At(77_777))).press("4");
        assert!(!under(&mut stage).contains("id 77777"), "{keys}: {}", stage.text());
    }
}

#[test]
fn a_search_from_below_goes_on_from_the_top() {
    let stage = undone(SIZE).press("down down down down down /").type_text("changed since").press("enter");
    let below = Search { then: 0..5, is_whole: true, ..search("changed since", 512..1_204_331) };
    let stage = stage.send(Msg::Found(UNDO, below.clone(), Found::NotYet(5..5)));
    assert_eq!(stage.asked.last().unwrap(), "find `changed since` in recovery 12 among 0 to 5");
    let above = Search { among: 0..5, then: 0..0, ..below };
    let mut stage = stage.send(Msg::Found(UNDO, above, Found::At(3)));
    assert!(under(&mut stage).contains("id 3"), "{}", stage.text());
    assert_eq!(said(&stage), "found above: the search went on from the top");
}

#[test]
fn a_whole_transaction_is_left_out_with_one_key() {
    let stage = undone(SIZE).press("down down down down T");
    assert_eq!(stage.asked, ["decide recovery 12 Transaction(1) Choose(Exclude)"]);
    let stage = undone(SIZE).press("down down down down down T");
    assert_eq!(stage.asked, ["decide recovery 12 Transaction(1) Choose(Include)"], "the one under the cursor is out");
}

#[test]
fn the_same_key_takes_a_choice_back_before_its_answer_came() {
    let mut stage = undone(SIZE).press("down x");
    assert!(under(&mut stage).contains(" out "), "{}", stage.text());
    let mut stage = stage.press("x o");
    assert!(under(&mut stage).contains(" over "), "{}", stage.text());
    let exclude = "decide recovery 12 Statement(1) Choose(Exclude)";
    let include = "decide recovery 12 Statement(1) Choose(Include)";
    assert_eq!(stage.asked, [exclude, include, "decide recovery 12 Statement(1) Mode(Overwrite)"]);
}

#[test]
fn a_script_without_a_statement_has_no_digest_and_tells_the_key() {
    let mut view = recovery();
    view.counts.included = 0;
    view.tables.iter_mut().for_each(|table| table.choice = Choice::Exclude);
    let mut stage = undone_view(SIZE, view);
    assert!(stage.text().contains("digest   none: everything is excluded"), "{}", stage.text());
    assert_eq!(said(&stage.press("w")), "everything is excluded: nothing is left to write: t");
}

#[test]
fn esc_goes_back_to_where_the_script_was_asked_for() {
    assert!(undone(SIZE).press("esc").app.home.place == Place::Changes);
    assert!(Stage::new(incident::world(), SIZE).press("4 esc").app.home.place == Place::Backups);
}

#[test]
fn a_script_that_was_decided_upon_is_not_let_go_of_without_a_word() {
    let warns = "The script under review goes";
    let mut stage = undone(SIZE).press("3 u");
    assert!(!stage.text().contains(warns), "nothing was chosen: {}", stage.text());
    let mut stage = undone(SIZE).press("x 3 u");
    assert!(stage.text().contains(warns), "{}", stage.text());
}

#[test]
fn what_was_chosen_after_the_script_was_written_is_not_in_it() {
    let written = Written {
        script: "/srv/undo.sql".into(),
        beside: vec![],
        statements: 9,
        transactions: 2,
        excluded: 1,
        digest: ScriptDigest([0x5c; 32]),
    };
    let mut view = RecoveryView { written: Some("/srv/undo.sql".into()), ..recovery() };
    let stage = undone_view(SIZE, view.clone()).send(Msg::Written(UNDO, Box::new(written))).press("esc");
    let mut stage = stage.send(Msg::Recovery(UNDO, Arc::new(view.clone())));
    assert!(stage.text().contains("written  /srv/undo.sql"), "{}", stage.text());
    view.digest = Some(ScriptDigest([7; 32]));
    let mut stage = stage.send(Msg::Recovery(UNDO, Arc::new(view)));
    assert!(
        stage.text().contains("written  not what is chosen now (w writes that): /srv/undo.sql"),
        "{}",
        stage.text()
    );
}

/// Rows of a table with a long name and a key of two columns.
fn long_names(effect: &Effect) -> Option<Msg> {
    match incident::answers(effect)? {
        Msg::Statements(id, page, Ok(content)) => {
            let rename = |mut one: breakglass::model::script::ScriptStatement| {
                one.row = format!("order_id {}, line 1", 3473 - one.number.min(3000));
                if one.number == 1 {
                    one.sql = Ok("SELECT COUNT(*) FROM t;\nUPDATE t SET a=1;\nINSERT INTO t;".to_owned());
                }
                one
            };
            let statements = content.statements.into_iter().map(rename).collect();
            Some(Msg::Statements(id, page, Ok(ScriptPage { statements, ..content })))
        }
        other => Some(other),
    }
}

fn one_table(is_looked_at: bool) -> RecoveryView {
    let items = table("order_items");
    let rows = Rows { inserts: 0, updates: 0, deletes: 6_946 };
    let mut view = recovery();
    view.tables = vec![ScriptTable { table: items, choice: Choice::Include, rows }];
    if !is_looked_at {
        view.check = CheckView::default();
    }
    view
}

#[test]
fn rows_stand_in_full_at_80_columns() {
    for is_looked_at in [false, true] {
        let mut stage = undone_view(SIZE, one_table(is_looked_at)).answering(long_names).press("down").press("ctrl-l");
        stage = stage.send(Msg::Recovery(UNDO, Arc::new(one_table(is_looked_at))));
        let text = stage.text();
        let line = under(&mut stage);
        assert!(line.contains("order_id 3472, line 1"), "{text}");
        assert!(line.contains("status"), "the values beside it: {text}");
        assert_eq!(line.contains("matches"), is_looked_at, "{text}");
        assert!(text.contains(", shop.order_"), "the only table stands in the title: {text}");
    }
}

#[test]
fn a_statement_that_overwrites_is_shown_line_by_line() {
    let stage = undone(SIZE).answering(long_names).send(Msg::Recovery(UNDO, Arc::new(recovery())));
    let mut stage = stage.press("down enter");
    let text = stage.text();
    assert!(text.contains("runs      SELECT COUNT(*) FROM t;\n"), "{text}");
    assert!(text.contains("\n            UPDATE t SET a=1;\n"), "{text}");
}

#[test]
fn the_reason_under_the_cursor_is_read_in_full() {
    let mut view = refused();
    let reason = "tables of the engine MyISAM keep changes after ROLLBACK: leave it out, or have it apart";
    view.refused[1].reason = reason.to_owned();
    let mut stage = undone_view(SIZE, view).press("down");
    let text = stage.text();
    let words = text.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    assert!(words.contains(reason), "{text}");
    assert!(!text.contains("w write"), "what cannot work is not offered: {text}");
}

#[test]
fn a_summary_is_wrapped_below_its_words() {
    let text =
        "coverage     covered 2026-11-22 03:00:00 to 09:16:12 UTC, no gap; the last file was still being written";
    let mut stage = undone(SIZE).send(Msg::Summary(UNDO, text.to_owned()));
    assert!(stage.text().contains("\n               file was still being written"), "{}", stage.text());
}
