//! What keys do, what reaches the wire, and what hostile input cannot do.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use breakglass::model::audit::AuditRecord;
use breakglass::model::backup::Backup;
use breakglass::model::foreign::Foreign;
use breakglass::model::job::{Fact, JobId, JobSpec, Progress};
use breakglass::model::sink::Protection;
use breakglass::model::trust::Rung;
use breakglass::tui::app::Place;
use breakglass::tui::msg::{KeyFrom, Msg, PlanAsk, Retry};

use super::sample;
use super::stage::Stage;
use super::{broken, busy, planned, planned_archive, planned_small, planned_with, quiet};

pub const SIZE: (u16, u16) = (80, 24);

pub fn said(stage: &Stage) -> String {
    stage.app.said.as_ref().map_or(String::new(), |said| said.text.clone())
}

#[test]
fn restore_without_a_key_says_why_and_does_nothing() {
    let stage = quiet(SIZE).press("r");
    assert_eq!(said(&stage), "load a private key first: K");
    assert!(stage.asked.is_empty() && stage.app.layers.is_empty());
}

#[test]
fn a_key_is_loaded_with_its_passphrase_and_no_picture_shows_it() {
    let from = || KeyFrom::Estate("ops-2026".into());
    let stage = quiet(SIZE).press("K enter").send(Msg::KeyLocked(from(), "ops-2026".into()));
    let mut stage = stage.type_text("tr0ub4dor").press("enter");
    assert_eq!(stage.asked, ["load key ops-2026", "load key ops-2026 with a passphrase"]);
    assert!(!stage.text().contains("tr0ub4dor"));

    let wrong = breakglass::report::Report::new(breakglass::report::Fault::NoKey, "key::wrong", "wrong passphrase", "");
    let mut stage = stage.send(Msg::KeyRefused(from(), Retry::Passphrase, Box::new(wrong)));
    assert!(stage.text().contains("wrong passphrase"));
    let stage = stage.send(Msg::KeyLoaded(sample::loaded_key().facts));
    assert!(stage.app.layers.is_empty());
    assert_eq!(said(&stage), "key ops-2026 is loaded");
}

#[test]
fn a_pasted_key_is_loaded_and_never_drawn() {
    let mut stage =
        quiet(SIZE).press("K").paste("-----BEGIN RSA PRIVATE KEY-----\nMIIBsecret\n-----END RSA PRIVATE KEY-----\n");
    assert!(!stage.text().contains("MIIB"));
    assert!(stage.text().contains("pasted, 73 bytes"));
    assert_eq!(stage.press("enter").asked, ["load key the pasted key"]);
}

#[test]
fn a_passphrase_of_a_backup_is_typed_in_a_field_of_its_own_and_never_drawn() {
    let mut stage = quiet(SIZE).press("K down down down enter").type_text("tr0ub4dor");
    assert!(stage.text().contains("A passphrase or raw key") && !stage.text().contains("tr0ub4dor"));
    let stage = stage.press("enter");
    assert_eq!(stage.asked, ["load key the typed passphrase with a passphrase"]);
}

#[test]
fn what_is_pasted_and_can_only_be_a_key_is_never_drawn() {
    let base64 = format!("{}=", "Zm9v".repeat(10) + "Zm8");
    for secret in ["AGE-SECRET-KEY-1QQQQ", &"0a".repeat(32), base64.as_str()] {
        let mut stage = quiet(SIZE).press("K").paste(secret);
        assert!(stage.text().contains("pasted, ") && !stage.text().contains(&secret[..12]), "{secret}");
    }
    let mut stage = quiet(SIZE).press("K").paste("/srv/keys/ops.pem");
    assert!(stage.text().contains("/srv/keys/ops.pem"));
}

#[test]
fn several_marked_backups_are_verified_together() {
    let stage = busy(SIZE).press("space space v");
    assert_eq!(stage.asked.len(), 2);
    assert!(stage.asked.iter().all(|asked| asked.ends_with("to whole")));
}

#[test]
fn a_salvage_is_offered_for_broken_backups_only_and_starts_by_its_folder_s_name() {
    let stage = busy(SIZE).press("S");
    assert_eq!(said(&stage), "this backup is whole: restore it: r");
    let stage = busy(SIZE).press("down S");
    assert!(said(&stage).starts_with("a salvage is for broken backups: verify it first: v"), "{}", said(&stage));

    let stage = broken(SIZE).press("S");
    let mut wrong = stage.press("ctrl-u").type_text("dir:./restored").press("enter");
    assert!(wrong.text().contains(".salvaged"), "{}", wrong.text());
    let stage = wrong.press("esc ctrl-u").type_text("dir:/srv/crm.salvaged").press("enter");
    assert_eq!(stage.app.layers.len(), 1, "the question has taken the place of the field");
    let stage = stage.paste("crm.salvaged");
    assert_eq!(said(&stage), "pasted text never confirms: type the answer");
    let stage = stage.press("enter").type_text("crm").press("ctrl-s");
    assert_eq!(said(&stage), "that is not the folder's name; nothing was started");
    assert!(stage.asked.is_empty());
    let stage = stage.type_text(".salvaged").press("ctrl-s");
    assert!(stage.app.layers.is_empty());
    let asked = stage.asked.last().unwrap();
    assert!(asked.starts_with("salvage ") && asked.ends_with(" into crm.salvaged"), "{asked}");
}

#[test]
fn a_broken_backup_is_salvaged_from_its_detail_and_by_the_palette_but_not_read_only() {
    let stage = broken(SIZE).press("enter S");
    assert_eq!(stage.app.layers.len(), 2, "over the detail");
    let mut stage = broken(SIZE).press(":").type_text("salvage").press("enter");
    assert!(stage.text().contains("Nothing proves it"), "{}", stage.text());
    let mut world = sample::broken();
    world.read_only = true;
    let stage = Stage::new(world, SIZE).press("/").type_text("trust:damaged").press("enter S");
    assert_eq!(said(&stage), "this estate is read-only: nothing can be written from here");
    assert!(stage.app.layers.is_empty());
}

#[test]
fn databases_are_chosen_and_renamed_and_the_plan_is_made_anew() {
    let stage = planned_archive(SIZE).press("b down space");
    let mut stage = stage.press("up r ctrl-u").type_text("crm_again").press("enter");
    assert!(stage.text().contains("2 of 3 chosen"), "{}", stage.text());
    stage = stage.press("enter");
    assert_eq!(stage.asked.last().unwrap(), &format!("plan {} into server:staging", sample::id(900)));
    let to = |from: &str, to: &str| (Foreign::from(from), to.to_owned());
    let ask = PlanAsk {
        backup: sample::id(900),
        into: "server:staging".to_owned(),
        tables: vec![],
        databases: vec![Foreign::from("crm"), Foreign::from("shop")],
        renames: vec![to("crm", "crm_again"), to("ledger", "ledger_bg_1121"), to("shop", "shop_bg_1121")],
        choices: vec![],
    };
    let mut plan = sample::archive_plan();
    plan.databases = Some(ask.databases.clone());
    let stage = stage.send(Msg::Planned(ask, Box::new(plan))).press("y");
    let twin = stage.asked.last().unwrap();
    for flag in ["--databases crm,shop", "--rename 'crm:crm_again'", "--rename 'shop:shop_bg_1121'", "--approve "] {
        assert!(twin.contains(flag), "{twin}");
    }
}

#[test]
fn a_plan_made_anew_stands_alone_and_loading_a_key_keeps_the_cursor_on_it() {
    let layers = planned_archive(SIZE).app.layers.len();
    let stage = planned_archive(SIZE).press("b enter");
    let renames = ["crm", "ledger", "shop"].map(|name| (Foreign::from(name), format!("{name}_bg_1121"))).to_vec();
    let (backup, into) = (sample::id(900), "server:staging".to_owned());
    let ask = PlanAsk { backup, into, tables: vec![], databases: vec![], renames, choices: vec![] };
    let stage = stage.send(Msg::Planned(ask, Box::new(sample::archive_plan())));
    assert_eq!(stage.app.layers.len(), layers, "no plan that is past lies below");

    let stage = super::archived(SIZE).press("5 down down enter");
    assert_eq!(stage.asked, ["load key vault-passphrase"]);
    let mut keys = stage.app.world.keys.clone();
    keys.push(keys[0].clone());
    keys[1].facts.label = Foreign::from("vault-passphrase");
    keys[1].facts.fingerprint = None;
    let mut stage = stage.send(Msg::Keys(keys));
    let text = stage.text();
    assert!(text.contains("> vault-passphrase          loaded"), "{text}");
    assert_eq!(text.matches("vault-passphrase").count(), 1, "{text}");
}

#[test]
fn no_database_and_no_name_are_refused_where_they_are_chosen() {
    let stage = planned_archive(SIZE).press("b a a a enter");
    assert_eq!(said(&stage), "choose at least one database");
    let mut stage = stage.press("r ctrl-u enter");
    assert!(stage.text().contains("crm  "), "an empty name is its own name");
    assert_eq!(stage.press("esc").app.layers.len(), 1, "esc leaves the list for the plan");
    let stage = planned(SIZE).press("b");
    assert_eq!(said(&stage), "this backup is one dump: there is nothing to choose from");
}

#[test]
fn the_new_name_of_a_database_is_left_with_esc_and_the_list_stays() {
    let mut stage = planned_archive(SIZE).press("b r").type_text("xyz").press("esc");
    assert!(stage.text().contains("which databases?") && !stage.text().contains("xyz"), "{}", stage.text());
}

#[test]
fn enter_and_paste_never_start_a_restore() {
    let read = "pagedown pagedown";
    let stage = planned(SIZE).press(read).press("enter").paste("y");
    let before = stage.asked.len();
    let stage = stage.press("ctrl-s enter");
    assert_eq!(stage.asked.len(), before, "enter is the N under the cursor");
    let stage = stage.press("ctrl-s").paste("y");
    assert_eq!(said(&stage), "pasted text never confirms: type the answer");
    assert_eq!(stage.asked.len(), before);
    let stage = stage.press("y");
    assert!(stage.asked.last().unwrap().starts_with("restore "), "{:?}", stage.asked);
    assert!(stage.app.layers.is_empty());
}

#[test]
fn a_protected_server_wants_the_name_typed_exactly() {
    let stage = planned_with(SIZE, Protection::Protected).press("pagedown pagedown ctrl-s");
    let before = stage.asked.len();
    let stage = stage.paste("shop_bg_1121").type_text("shop").press("ctrl-s");
    assert_eq!((said(&stage).as_str(), stage.asked.len()), ("that is not the name; nothing was started", before));
    let stage = stage.type_text("_bg_1121").press("ctrl-s");
    assert!(stage.asked.last().unwrap().starts_with("restore "));
}

#[test]
fn keys_that_waited_when_a_question_opened_are_thrown_away() {
    let mut stage = planned(SIZE).press("pagedown pagedown");
    let before = stage.asked.len();
    let now = stage.app.world.now;
    for word in ["ctrl-s", "y", "y"] {
        stage = stage.send(Msg::Now(now)).send(Msg::Key(super::stage::key(word)));
    }
    assert_eq!(stage.asked.len(), before);
    assert_eq!(stage.app.layers.len(), 2);
}

#[test]
fn a_plan_is_read_to_its_end_before_it_starts() {
    let stage = planned((60, 16)).press("ctrl-s");
    assert_eq!(said(&stage), "the plan goes on below: read it to its end first");
}

#[test]
fn read_only_refuses_everything_that_writes() {
    let mut world = sample::busy();
    world.read_only = true;
    let stage = Stage::new(world, SIZE).press("r");
    assert_eq!(said(&stage), "this estate is read-only: nothing can be written from here");
    assert_eq!(stage.press("6 x").asked, ["cancel #2"], "stopping is not writing");
}

#[test]
fn esc_backs_out_of_everything_and_loses_only_the_filter() {
    let mut stage = busy(SIZE).press("/").type_text("crm").press("enter enter ? esc esc");
    assert_eq!((stage.app.layers.len(), stage.app.world.filter_text()), (0, "crm"));
    stage = stage.press("esc");
    assert_eq!(stage.app.world.filter_text(), "");
    assert!(stage.press("5 esc").app.home.place == Place::Backups);
}

#[test]
fn a_job_survives_every_screen_and_quitting_asks() {
    let stage = busy(SIZE).press("5 6 7 1 q");
    assert!(!stage.app.done && stage.app.world.running() == 1);
    let stage = stage.press("n q").press("y");
    assert!(stage.app.done);
}

#[test]
fn facts_of_unknown_jobs_are_dropped_and_progress_never_revives_one() {
    let stage = busy(SIZE).send(Msg::Fact(JobId(99), Fact::Line("?".into())));
    let stage = stage.send(Msg::Progress(JobId(1), Progress::default()));
    assert_eq!(stage.app.world.jobs[1].progress.elapsed, Duration::from_secs(312));
    let spec = JobSpec::Verify { backup: sample::id(0), to: Rung::Whole };
    let stage = stage.send(Msg::JobStarted(JobId(3), spec, "shop".into()));
    assert_eq!(stage.app.world.jobs[0].id, JobId(3));
}

#[test]
fn a_tail_of_the_audit_log_told_twice_is_shown_once() {
    let tail = sample::busy().audit;
    let mut longer = tail.clone();
    longer.insert(0, AuditRecord { seq: 214, ..tail[0].clone() });
    let stage = quiet(SIZE).send(Msg::Audit(tail.clone())).send(Msg::Audit(tail)).send(Msg::Audit(longer));
    let shown: Vec<u64> = stage.app.world.audit.iter().map(|record| record.seq).collect();
    assert_eq!(shown, (206..=214).rev().collect::<Vec<_>>());
}

#[test]
fn y_shows_the_headless_twin() {
    assert_eq!(busy(SIZE).press("y").asked, ["copy breakglass ls"]);
    let stage = busy(SIZE).press("/").type_text("db:shop it's").press("enter y");
    assert_eq!(stage.asked, ["copy breakglass ls 'db:shop it'\\''s'"]);
    assert_eq!(busy(SIZE).press("enter y").asked, [format!("copy breakglass show {}", sample::id(0))]);
}

#[test]
fn the_cursor_stays_on_its_backup_when_the_list_is_reloaded() {
    let stage = busy(SIZE).press("down down down");
    let newer = sample::backup(900, "new", "nas", sample::now(), 1);
    let all: Vec<Arc<Backup>> =
        std::iter::once(Arc::new(newer)).chain(stage.app.world.backups().iter().cloned()).collect();
    let mut stage = stage.send(Msg::Catalog(Box::new(sample::snapshot(all))));
    let under = stage.text().lines().find(|line| line.starts_with('>')).unwrap().to_owned();
    assert!(under.contains("2026-11-20 03:00") && under.contains("shop"), "{under}");
}

#[test]
fn single_tables_are_chosen_from_the_list_and_the_plan_is_made_anew() {
    let stage = planned_small(SIZE).press("e a");
    assert_eq!(said(&stage.press("enter")), "choose at least one table");
    let stage = planned_small(SIZE).press("e a space enter");
    assert!(stage.asked.last().unwrap().starts_with("plan "), "{:?}", stage.asked);
    assert_eq!(stage.app.layers.len(), planned_small(SIZE).press("e").app.layers.len(), "it waits for the plan");
}
