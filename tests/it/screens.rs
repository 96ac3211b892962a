//! What the screens show: two planes, what is written and what it means.

mod anything;
mod changes;
mod flows;
mod hostile;
mod incident;
mod past;
mod past_rows;
mod questions;
mod reviewing;
mod sample;
mod stage;
mod svg;
mod wire;

use breakglass::model::foreign::Foreign;
use breakglass::model::sink::{Protection, Sink};
use breakglass::model::units::Moment;
use breakglass::report::{Fault, Report};
use breakglass::tui::msg::{KeyFrom, Msg, PlanAsk};
use breakglass::tui::theme::{Palette, Theme};
use breakglass::tui::world::{Armed, TargetLine, TargetState, World};
use stage::Stage;

const SIZES: [(u16, u16); 3] = [(60, 16), (80, 24), (120, 40)];

fn pictures(name: &str, make: impl Fn((u16, u16)) -> Stage) {
    pictures_of(name, &SIZES, make);
}

fn pictures_of(name: &str, sizes: &[(u16, u16)], make: impl Fn((u16, u16)) -> Stage) {
    for &size in sizes {
        let picture = make(size).picture();
        insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), picture);
        });
    }
}

fn quiet(size: (u16, u16)) -> Stage {
    Stage::new(sample::quiet(), size)
}

fn busy(size: (u16, u16)) -> Stage {
    Stage::new(sample::busy(), size)
}

#[test]
fn backups_are_drawn() {
    pictures("backups", busy);
    pictures("backups_without_a_key", |size| quiet(size).press("down down v"));
    pictures("backups_filtered", |size| busy(size).press("/").type_text("db:shop o"));
    pictures("detail", |size| busy(size).press("enter"));
}

#[test]
fn backups_that_their_tool_deletes_soon_stand_out() {
    pictures("pruned", |size| Stage::new(sample::pruned(), size));
    pictures("pruned_detail", |size| Stage::new(sample::pruned(), size).press("down enter"));
    let mut stage = Stage::new(sample::pruned(), (120, 40)).press("down");
    assert!(stage.text().contains("mysql-backup's prune"), "{}", stage.text());
}

#[test]
fn the_databases_of_an_archive_are_drawn() {
    pictures("archive_detail", |size| archived(size).press("enter"));
    pictures("archive_keys", |size| archived(size).press("5 down down"));
    pictures("archive_destination", |size| archived(size).press("r"));
    pictures("archive_plan", planned_archive);
    pictures("archive_databases", |size| planned_archive(size).press("b down space"));
    pictures("archive_rename", |size| planned_archive(size).press("b r ctrl-u").type_text("crm_again"));
}

#[test]
fn keys_jobs_and_audit_are_drawn() {
    pictures("keys", |size| busy(size).press("5"));
    pictures("keys_locked", |size| quiet(size).press("5"));
    pictures("jobs", |size| busy(size).press("6"));
    pictures("audit", |size| busy(size).press("7 down"));
}

#[test]
fn the_plan_and_its_question_are_drawn() {
    pictures("destination", |size| busy(size).press("r"));
    pictures("plan", planned);
    pictures("plan_read", |size| planned(size).press("pagedown down"));
    pictures("rewritten", |size| planned(size).press("d"));
    pictures("tables", |size| planned_small(size).press("e down space"));
    pictures("confirm", |size| planned(size).press("pagedown pagedown pagedown ctrl-s"));
    pictures("confirm_by_name", |size| {
        planned_with(size, Protection::Protected).press("pagedown pagedown pagedown ctrl-s").type_text("shop_bg")
    });
}

/// The damaged backup of the sample.
fn broken(size: (u16, u16)) -> Stage {
    Stage::new(sample::broken(), size).press("/").type_text("trust:damaged").press("enter")
}

#[test]
fn a_salvage_is_explained_asked_for_and_told() {
    pictures("salvage", |size| broken(size).press("S"));
    let folder = "dir:/srv/crm.salvaged";
    pictures("salvage_agree", |size| broken(size).press("S ctrl-u").type_text(folder).press("enter").type_text("crm"));
    pictures("salvage_job", |size| Stage::new(sample::salvaged(), size).press("6"));
}

#[test]
fn layers_are_drawn() {
    pictures("help", |size| busy(size).press("?"));
    pictures("palette", |size| quiet(size).press(":").type_text("ver"));
    pictures("key_source", |size| quiet(size).press("K"));
    pictures("passphrase", passphrase);
    pictures("failure", |size| busy(size).send(Msg::Failed(Box::new(denied()))).press("enter"));
    pictures("quit", |size| busy(size).press("q"));
    pictures("arm", |size| busy(size).press("A").type_text("ticket 4711"));
    pictures("armed", |size| {
        let until = Moment(sample::now().0 + 600_000);
        busy(size).send(Msg::Armed(Some(Armed { server: "prod".into(), until, reason: "ticket 4711".into() })))
    });
}

#[test]
fn empty_screens_say_why_and_what_fills_them() {
    pictures("empty_no_targets", |size| Stage::new(World::default(), size));
    pictures("empty_filter", |size| quiet(size).press("/").type_text("zzz").press("enter"));
    pictures("empty_jobs", |size| quiet(size).press("6"));
    pictures("empty_audit", |size| quiet(size).press("7"));
    pictures("empty_keys", |size| Stage::new(World::default(), size).press("5"));
    pictures("empty_failed", |size| Stage::new(failed_world(), size));
}

fn archived(size: (u16, u16)) -> Stage {
    Stage::new(sample::archived(), size)
}

/// A plan of the archive into a server, where each database gets a new name unless somebody says otherwise.
fn planned_archive(size: (u16, u16)) -> Stage {
    planned_in(archived(size))
}

/// A plan for an archive of which every table is known.
fn planned_small(size: (u16, u16)) -> Stage {
    planned_in(Stage::new(sample::small_archive(), size))
}

fn planned_in(stage: Stage) -> Stage {
    let stage = stage.press("r down enter");
    let renames = ["crm", "ledger", "shop"].map(|name| (Foreign::from(name), format!("{name}_bg_1121")));
    let ask = PlanAsk {
        backup: sample::id(900),
        into: "server:staging".to_owned(),
        tables: vec![],
        databases: vec![],
        renames: renames.to_vec(),
        choices: vec![],
    };
    stage.send(Msg::Planned(ask, Box::new(sample::archive_plan())))
}

fn planned(size: (u16, u16)) -> Stage {
    planned_with(size, Protection::Open)
}

fn planned_with(size: (u16, u16), protection: Protection) -> Stage {
    let mut plan = sample::plan();
    if let Sink::Mysql(sink) = &mut plan.into {
        sink.server = sample::server(protection);
    }
    let stage = busy(size).press("r down enter");
    let into = "server:staging/shop_bg_1121".to_owned();
    let ask =
        PlanAsk { backup: sample::id(0), into, tables: vec![], databases: vec![], renames: vec![], choices: vec![] };
    stage.send(Msg::Planned(ask, Box::new(plan)))
}

fn passphrase(size: (u16, u16)) -> Stage {
    let stage = quiet(size).press("K enter");
    let stage = stage.send(Msg::KeyLocked(KeyFrom::Estate("ops-2026".into()), "ops-2026".into()));
    stage.type_text("correct horse")
}

fn denied() -> Report {
    let advice =
        "Nothing was written. Check that the profile `restore` may s3:ListBucket and s3:GetObject on acme-vault.";
    Report::new(Fault::Unreachable, "target::denied", "vault refused to be listed: AccessDenied", advice)
        .because("the store answered 403 to ListObjectsV2")
        .because("User arn:aws:iam::123:user/restore is not authorized to perform s3:ListBucket")
}

fn failed_world() -> World {
    let mut world = World::default();
    world.targets.push(TargetLine {
        name: "vault".into(),
        url: "s3://acme-vault/".into(),
        state: TargetState::Failed(Box::new(denied())),
    });
    world
}

/// `BREAKGLASS_SCREENSHOTS=1 cargo test --release --test it screenshots` writes `screenshots/*.svg`.
#[test]
fn screenshots_can_be_written_from_the_same_cells() {
    let shots: [(&str, Stage); 13] = [
        ("backups-80x24", busy((80, 24))),
        ("backups-120x36", busy((120, 36))),
        ("plan", planned((100, 30)).press("down up")),
        ("history", past::history((104, 24)).press("down down down")),
        ("keys", busy((80, 24)).press("5")),
        ("archive", archived((120, 36))),
        ("databases", planned_archive((100, 24)).press("b down space")),
        ("jobs", busy((100, 24)).press("6")),
        ("audit", busy((100, 24)).press("7 down")),
        ("help", busy((100, 40)).press("?")),
        ("changes", incident::read((120, 36)).press("n")),
        ("rows", incident::read((120, 24)).press("n n enter down")),
        ("recovery", incident::undone((120, 36)).press("down down down")),
    ];
    for (name, mut stage) in shots {
        stage.app.look.theme = Theme::built_in("dark", Palette::Rgb).expect("dark is built in");
        let picture = svg::svg(&stage.buffer(), &format!("breakglass: {name}"));
        assert!(picture.contains("breakglass"));
        if std::env::var_os("BREAKGLASS_SCREENSHOTS").is_some() {
            std::fs::create_dir_all("screenshots").expect("a folder for screenshots");
            std::fs::write(format!("screenshots/{name}.svg"), picture).expect("a screenshot is written");
        }
    }
}
