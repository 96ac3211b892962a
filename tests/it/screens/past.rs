//! The History screen and its layers: what they show, what keys do there, and what reaches the wire.

mod figures;

use std::sync::Arc;

use breakglass::model::foreign::Foreign;
use breakglass::model::judgement::What;
use breakglass::report::{Fault, Report};
use breakglass::tui::app::Place;
use breakglass::tui::glyphs::ASCII;
use breakglass::tui::msg::Msg;
use breakglass::tui::past::PastNews;
use breakglass::tui::theme::Palette;
use breakglass::tui::world::World;
use breakglass::work::history::HistoryView;

use self::figures::verdict;
pub use self::figures::{older, one_run, view};
use super::flows::{SIZE, said};
use super::stage::Stage;
use super::wire::Line;
use super::{pictures, sample};

fn told(stage: Stage, news: PastNews) -> Stage {
    stage.send(Msg::Past(news))
}

pub fn history(size: (u16, u16)) -> Stage {
    let stage = Stage::new(sample::busy(), size).press("2");
    let view = view(&stage.app.world);
    told(stage, PastNews::View(Arc::new(view)))
}

fn opened(size: (u16, u16)) -> Stage {
    history(size).press("/").type_text("shop").press("enter enter")
}

fn run(size: (u16, u16)) -> Stage {
    let stage = opened(size).press("enter");
    let run = one_run(&stage.app.world);
    told(stage, PastNews::Run(Arc::new(run)))
}

#[test]
fn the_past_is_drawn() {
    pictures("history", |size| history(size).press("down down"));
    pictures("history_hours", |size| history(size).press("[ ] ] ] ] left"));
    pictures("history_weeks", |size| history(size).press("[ [ [ down down down"));
    pictures("history_runs", opened);
    pictures("history_runs_hours", |size| opened(size).press("] ] left down"));
    pictures("history_run", |size| run(size).press("G up"));
    pictures("history_span", |size| run(size).press("G up enter"));
    pictures("history_checks", |size| told(history(size).press("c"), PastNews::Check(Arc::new(verdict()))));
    pictures("empty_history", |size| {
        let nothing = HistoryView { at: sample::now(), ..HistoryView::default() };
        told(Stage::new(World::default(), size).press("2"), PastNews::View(Arc::new(nothing)))
    });
}

#[test]
fn the_history_is_read_whenever_somebody_comes_and_on_demand() {
    let stage = Stage::new(sample::quiet(), SIZE).press("2 1 2 ctrl-r");
    assert_eq!(stage.asked, ["history", "history", "refresh", "history"]);
    let mut stage = Stage::new(sample::quiet(), SIZE).press("2 enter ] c esc");
    assert!(stage.text().contains("Reading the history"), "{}", stage.text());
    assert_eq!(stage.asked, ["history", "check"], "a monitor's verdict needs no history");
    let stage = stage.send(Msg::Catalog(Box::new(sample::snapshot(vec![]))));
    assert_eq!(stage.asked.len(), 3, "what is listed is a part of the past");
    let report = Report::new(Fault::Failed, "history::damaged", "history.sqlite is damaged", "move it away");
    let mut stage = told(stage, PastNews::Unreadable(Box::new(report)));
    assert!(stage.text().contains("history.sqlite is damaged") && stage.text().contains("move it away"));
    let world = &stage.app.world;
    let view = Arc::new(view(world));
    let mut stage = told(stage, PastNews::View(view));
    assert!(stage.text().contains("5 series"), "{}", stage.text());
}

#[test]
fn what_needs_a_look_stands_first_and_the_cursor_keeps_its_series() {
    let mut stage = history(SIZE);
    let names = |stage: &mut Stage| -> Vec<String> {
        let text = stage.text();
        let rows = text.lines().skip(4).take(5);
        rows.map(|row| row[3..].split_whitespace().next().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&mut stage), ["forum", "ledger", "crm", "shop", "wiki"]);
    stage = stage.press("down s");
    assert_eq!(said(&stage), "sorted by name");
    assert_eq!(names(&mut stage), ["crm", "forum", "ledger", "shop", "wiki"]);
    assert!(stage.text().lines().any(|line| line.starts_with(">! ledger")), "{}", stage.text());
    stage = stage.press("N");
    assert!(stage.text().lines().any(|line| line.starts_with(">x forum")), "{}", stage.text());
    assert_eq!(said(&stage.press("N")), "no more findings that way");
}

#[test]
fn the_filter_narrows_the_series_and_leaves_the_backups_alone() {
    let mut stage = history(SIZE).press("/").type_text("says:late");
    assert!(stage.text().contains("1 of 5"), "{}", stage.text());
    assert!(stage.text().contains("ledger") && !stage.text().contains("crm"), "{}", stage.text());
    assert_eq!(stage.app.world.filter_text(), "");
    stage = stage.press("enter esc");
    assert!(stage.text().contains("5 series"), "esc clears the filter");
    assert!(stage.app.home.place == Place::History);
    assert!(stage.press("esc").app.home.place == Place::Backups);
    let mut stage = history(SIZE).press("/").type_text("zzz").press("enter");
    assert!(stage.text().contains("No series matches `zzz`."), "{}", stage.text());
    // What is over and still seen in the strip is found by its own word.
    let mut stage = history(SIZE).press("/").type_text("says:failed").press("enter");
    let text = stage.text();
    assert!(text.contains("shop") && text.contains("X"), "{text}");
}

#[test]
fn zooming_and_panning_end_where_nothing_is() {
    let mut stage = history(SIZE).press("right");
    assert_eq!(said(&stage), "this is the present");
    for _ in 0..20 {
        stage = stage.press("left");
    }
    assert_eq!(said(&stage), "nothing older is known");
    for _ in 0..9 {
        stage = stage.press("[");
    }
    assert_eq!(said(&stage), "30 days each: there is nothing beyond that");
    for _ in 0..9 {
        stage = stage.press("]");
    }
    assert_eq!(said(&stage), "an hour each: there is nothing beyond that");
}

#[test]
fn enter_opens_the_runs_then_the_run_then_the_span() {
    let mut stage = run(SIZE);
    assert!(stage.asked.last().unwrap().starts_with("run "), "{:?}", stage.asked);
    assert!(stage.text().contains("no space left on device") || stage.text().contains("its root says ok"));
    let mut stage = stage.press("n enter");
    let text = stage.text();
    assert!(text.contains("failed to write file") && text.contains("exception.message"), "{text}");
    stage = stage.press("esc esc esc esc");
    assert!(stage.app.layers.is_empty());
}

#[test]
fn what_a_run_left_is_opened_verified_and_restored_from_there() {
    let stage = run(SIZE).press("v");
    assert!(stage.asked.last().unwrap().ends_with("to whole"), "{:?}", stage.asked);
    assert_eq!(run(SIZE).press("r").app.layers.len(), 3, "where to?");
    let mut stage = run(SIZE).press("b");
    assert!(stage.text().contains("trust    listed"), "{}", stage.text());
    let lost = opened(SIZE).press("down down down down down down down b");
    assert_eq!(said(&lost), "no listed backup is known to be of this run");
    let locked = {
        let mut stage = opened(SIZE);
        stage.app.world.keys.clear();
        stage.press("r")
    };
    assert_eq!(said(&locked), "load a private key first: K");
}

#[test]
fn older_runs_are_asked_for_before_the_cursor_comes_to_their_end_and_only_once() {
    let stage = opened(SIZE).press("pagedown");
    let count = stage.asked.len();
    let stage = stage.press("pagedown pagedown pagedown pagedown");
    assert_eq!(stage.asked.len(), count + 1, "{:?}", stage.asked);
    assert!(stage.asked.last().unwrap().starts_with("runs of offsite:shop before "), "{:?}", stage.asked);
    let more = older(&stage.app.world);
    let oldest = more.runs.last().unwrap().at;
    let mut stage = told(stage, PastNews::Older(more)).press("G");
    assert!(stage.text().contains(&oldest.minute()), "{}", stage.text());
    assert_eq!(stage.asked.len(), count + 1, "there are none that are older");
}

#[test]
fn the_page_of_a_series_shows_the_time_that_its_strip_showed_and_zooms_by_itself() {
    let mut stage = history(SIZE).press("/").type_text("shop").press("enter [ enter");
    assert!(stage.text().contains("a week each"), "{}", stage.text());
    stage = stage.press("] ] left");
    assert!(stage.text().contains("6 hours each"), "{}", stage.text());
    assert_eq!(said(&stage.press("right right")), "this is the present");
}

#[test]
fn runs_are_filtered_by_state_and_sorted() {
    let mut stage = opened(SIZE).press("/").type_text("state:failed").press("enter");
    assert!(stage.text().contains("1 of 90"), "{}", stage.text());
    stage = stage.press("esc");
    assert_eq!(stage.app.layers.len(), 1, "esc clears the filter first");
    assert_eq!(said(&stage.press("s s")), "sorted largest first");
}

#[test]
fn every_layer_of_the_past_names_its_headless_command() {
    assert_eq!(history(SIZE).press("y").asked.last().unwrap(), "copy breakglass history");
    assert_eq!(opened(SIZE).press("y").asked.last().unwrap(), "copy breakglass history --runs --series 'offsite:shop'");
    assert!(run(SIZE).press("y").asked.last().unwrap().starts_with("copy breakglass history --run "));
    assert_eq!(history(SIZE).press("c y").asked.last().unwrap(), "copy breakglass check");
}

#[test]
fn little_goes_over_the_wire_in_the_past() {
    for palette in [Palette::Mono, Palette::Sixteen, Palette::Indexed, Palette::Rgb] {
        for (name, stage) in [("history", history(SIZE)), ("runs", opened(SIZE)), ("run", run(SIZE))] {
            let (mut line, full) = Line::open(stage, palette);
            assert!(full <= 6 * 1024, "{palette:?} {name}: a full paint took {full} bytes");
            assert_eq!(line.frame().len(), 0, "idle");
            let mut worst = 0;
            for _ in 0..9 {
                let moved;
                (line, moved) = line.press("down");
                worst = worst.max(moved);
            }
            println!("{palette:?} {name}: full paint {full} bytes, cursor move at most {worst} bytes");
            // The list of series tells beside the cursor what stands against each.
            let most = if name == "history" { 700 } else { 400 };
            assert!(worst <= most, "{palette:?} {name}: a cursor move took {worst} bytes");
        }
    }
}

#[test]
fn the_past_is_drawn_in_ascii_alone() {
    let mut stage = Stage::with_glyphs(sample::busy(), (160, 45), &ASCII).press("2");
    let view = view(&stage.app.world);
    stage = told(stage, PastNews::View(Arc::new(view)));
    assert!(stage.text().is_ascii(), "{}", stage.text());
    stage = stage.press("/").type_text("shop").press("enter enter");
    assert!(stage.text().is_ascii(), "{}", stage.text());
    stage = stage.press("enter");
    let run = one_run(&stage.app.world);
    stage = told(stage, PastNews::Run(Arc::new(run)));
    assert!(stage.text().is_ascii(), "{}", stage.text());
}

/// What hostile telemetry could bring.
fn hostile(world: &World) -> HistoryView {
    let names = ["a\u{1b}]0;owned\u{7}b", "\u{202e}gpj.exe", "備份資料庫備份資料庫備份", "\t\n\r", ""];
    let mut all = view(world);
    for (series, name) in all.series.iter_mut().zip(names) {
        let series = Arc::make_mut(series);
        series.label = Foreign::from(name.repeat(5)).to_string();
        series.key.name = Foreign::from(name);
        for judged in &mut series.judgements {
            judged.what = What::Failed { reason: Some(Foreign::from(name)) };
        }
    }
    all
}

#[test]
fn hostile_names_of_series_are_drawn_harmlessly() {
    for size in [(60, 16), (80, 24), (160, 45)] {
        let mut stage = Stage::new(sample::busy(), size).press("2");
        let view = hostile(&stage.app.world);
        stage = told(stage, PastNews::View(Arc::new(view)));
        for keys in ["down", "down", "enter", "esc", "down", "enter", "y", "enter"] {
            stage = stage.press(keys);
            let text = stage.text();
            let evil = |c: char| {
                (c.is_control() && c != '\n') || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
            };
            assert!(!text.contains(evil), "{text:?}");
        }
    }
}
