use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::disk::environment::Environment;
use crate::disk::estate::{self, Estate, EstateError, EstateTarget};
use crate::disk::explain::Origin;
use crate::model::sink::{PasswordSource, Protection, ServerAddress, TlsMode};
use crate::model::target::{Location, PathStyle};
use crate::report::{Report, Reportable};

struct Written {
    _folder: TempDir,
    path: std::path::PathBuf,
}

fn write(text: &str) -> Written {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("estate.toml");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    Written { _folder: folder, path }
}

fn load(text: &str, env: &[(&str, &str)]) -> Result<Estate, EstateError> {
    let mut env = env.to_vec();
    env.push(("HOME", "/home/ops"));
    estate::load(&write(text).path, &Environment::of(&env))
}

fn refusal(text: &str) -> Report {
    load(text, &[]).unwrap_err().report()
}

/// Headline without the folder, and advice.
fn words(text: &str) -> (String, String) {
    let report = refusal(text);
    let headline = report.headline.rsplit_once("estate.toml:").map_or(report.headline.as_str(), |(_, rest)| rest);
    (headline.to_owned(), report.advice)
}

#[test]
fn the_documented_example_is_valid_and_means_what_it_says() {
    let estate = load(include_str!("../../assets/estate.example.toml"), &[]).unwrap();
    assert_eq!(estate.name, "prod");
    assert_eq!(estate.policy.idle_lock, Duration::from_secs(600));
    assert_eq!(estate.keys[0].file.as_deref(), Some(Path::new("/home/ops/keys/ops.pem")));
    let names: Vec<&str> = estate.targets.iter().map(|target| target.name().as_str()).collect();
    assert_eq!(names, ["offsite", "vault", "local"], "targets keep the order of the file");
    let EstateTarget::Ready(offsite) = &estate.targets[0] else { panic!("s3 is read") };
    assert_eq!(offsite.canonical_url(), "s3://acme-bak/mysql/?endpoint=https://minio.internal:9000");
    let Location::S3(s3) = &offsite.location else { panic!("s3 is s3") };
    assert_eq!((s3.path_style, s3.profile.as_deref(), s3.versions), (PathStyle::Auto, Some("restore"), false));
    assert_eq!(offsite.expect_key.as_ref().unwrap().as_str(), "9f1c22ab");
    let EstateTarget::Ready(vault) = &estate.targets[1] else { panic!("sftp is read") };
    assert_eq!(vault.canonical_url(), "sftp://vault/srv/backups/");
    assert_eq!(estate.ready_targets().count(), 3);
    let staging = estate.server("staging").unwrap();
    assert_eq!(staging.address, ServerAddress::Tcp { host: "db-stg-1".into(), port: 3306 });
    assert_eq!((staging.user.as_deref(), staging.tls), (Some("restore"), TlsMode::Required));
    assert_eq!((staging.protection, &staging.password), (Protection::Open, &PasswordSource::OptionFile));
    assert_eq!(estate.changes[0].target.as_ref().unwrap().as_str(), "offsite");
    assert_eq!(estate.series[0].databases, ["shop"]);
    assert!(estate.notes.remarks.is_empty(), "{:?}", estate.notes.remarks);
}

#[test]
fn unknown_keys_name_their_line_and_the_nearest_valid_key() {
    let (headline, advice) = words("name = \"x\"\n\n[targets.a]\nurl = \"s3://b/\"\nregoin = \"eu\"\n");
    assert_eq!(headline, "5: there is no setting `regoin` in [targets.a]");
    assert!(advice.starts_with("did you mean `region`? Valid here: url, region"), "{advice}");
    let (headline, advice) = words("[target.a]\nurl = \"s3://b/\"\n");
    assert_eq!(headline, "1: there is no setting `target` in the top section");
    assert!(advice.starts_with("did you mean `targets`?"), "{advice}");
    let (headline, _) = words("[targets.a]\nurl = \"s3://b/\"\nexpect = { key = \"9f1c22ab\" }\n");
    assert_eq!(headline, "3: there is no setting `key` in [targets.a.expect]");
    let (headline, advice) = words("xyzzy = 1\n");
    assert!(headline.contains("`xyzzy`") && advice.starts_with("valid here: name, read_only"), "{advice}");
}

#[test]
fn wrong_values_name_their_line_and_what_is_valid() {
    let server = |line: &str| format!("[servers.s]\nurl = \"mysql://h/\"\n{line}\n");
    for (text, headline, valid) in [
        ("name = 3", "1: `name` is a number", "a text in quotes"),
        ("read_only = \"yes\"", "1: `read_only` is a text", "true or false"),
        ("idle_lock = \"soon\"", "1: `idle_lock` is \"soon\"", "10m"),
        ("idle_lock = \"0s\"", "1: `idle_lock` is \"0s\"", "10m"),
        ("targets = 3", "1: `targets` is a number", "[targets.NAME]"),
        ("[targets]\na = 1", "2: `targets.a` is a number", "[targets.NAME]"),
        ("[targets.A]\nurl = \"s3://b\"", "1: `targets.A` is not a valid name", "a to z"),
        ("[targets.a]", "1: `targets.a.url` is missing", "url = "),
        ("[targets.a]\nurl = \"\"", "2: `targets.a.url` is empty", "leave the line out"),
        ("[targets.a]\nurl = \"backups\"", "2: `targets.a.url` is not a URL", "s3://bucket"),
        ("[targets.a]\nurl = \"ftp://h/\"", "2: `targets.a.url` has the scheme `ftp`", "file:///folder/"),
        ("[targets.a]\nurl = \"file://host/x\"", "2: `targets.a.url` does not name a folder", "three slashes"),
        ("[targets.a]\nurl = \"s3://b c/\"", "2: `targets.a.url` does not name a bucket", "s3://bucket"),
        ("[targets.a]\nurl = \"file:///x\"\nregion = \"eu\"", "3: `targets.a.region` belongs to s3://", "remove"),
        (
            "[targets.a]\nurl = \"s3://b\"\nendpoint = \"minio:9000\"",
            "3: `targets.a.endpoint` is not a URL",
            "https://",
        ),
        ("[targets.a]\nurl = \"s3://b\"\nexpect = {}", "3: `targets.a.expect.key_fingerprint` is missing", "9f1c"),
        ("[keys.k]", "1: `keys.k.file` is missing", "file ="),
        ("[keys.k]\nfingerprint = \"xyz\"", "2: `keys.k.fingerprint` is not a fingerprint", "hex digits"),
        (&server("tls = \"verify_ca\""), "3: `servers.s.tls` is \"verify_ca\"", "did you mean \"verify-ca\"?"),
        (&server("protected = 1"), "3: `servers.s.protected` is a number", "true or false"),
        ("[servers.s]\nurl = \"mysql://h/shop\"", "2: `servers.s.url` names a database", "--into"),
        ("[servers.s]\nurl = \"mysql://h/?ssl=1\"", "2: `servers.s.url` has an unknown option `ssl`", "socket"),
        (
            &server("password_file = \"/a\"\npassword_env = \"B\""),
            "3: `servers.s.password_file` is not the only",
            "keep one",
        ),
        (
            "[changes.c]\nurl = \"binlog+file:///b/\"\nschema = [\"mysql://u:pw@h/\"]",
            "3: `changes.c.schema`",
            "password",
        ),
        (
            "[changes.c]\ntarget = \"ofsite\"\n[targets.offsite]\nurl = \"s3://b\"",
            "2: `changes.c.target` names no target",
            "\"offsite\"",
        ),
        (
            "[series.s]\nmatch = \"*\"\ncron = \"daily\"",
            "3: `series.s.cron` is not a pattern of five fields",
            "0 3 * * *",
        ),
        ("[series.s]\nmatch = \"*\"\ntz = \"no zone\"", "3: `series.s.tz` is not a known time zone", "Europe/Berlin"),
        ("[series.s]\nmatch = \"*\"\ndatabases = [1]", "3: `series.s.databases` is a list", "list of texts"),
    ] {
        let (said, advice) = words(text);
        assert!(said.starts_with(headline), "{text}: {said}");
        assert!(advice.contains(valid), "{text}: {advice}");
    }
}

#[test]
fn one_name_twice_is_an_error_with_its_line() {
    let report = refusal("[targets.a]\nurl = \"s3://b/\"\n\n[targets.a]\nurl = \"s3://c/\"\n");
    assert_eq!(report.code, "estate::syntax");
    assert!(report.headline.contains("estate.toml:4: duplicate key"), "{report:?}");
}

#[test]
fn a_password_in_a_url_is_refused_and_never_repeated() {
    for url in [
        "mysql://root:hunter2@db/",
        "mysql://root:hun@ter2/x@db/",
        "s3://key:hunter2@bucket/",
        "sftp://u:hunter2@h/",
        "nonsense://u:hunter2@h/",
    ] {
        for section in ["servers", "targets"] {
            let error = load(&format!("[{section}.s]\nurl = \"{url}\"\n"), &[]).unwrap_err();
            assert!(matches!(error, EstateError::SecretInUrl { line: 2, .. }), "{url}: {error}");
            let report = error.report();
            let all = format!("{error:?} {report:?}");
            assert!(!all.contains("ter2"), "{all}");
            assert!(report.advice.contains("password_env"));
        }
    }
    let endpoint = load("[targets.a]\nurl = \"s3://b\"\nendpoint = \"https://k:hunter2@h\"\n", &[]).unwrap_err();
    assert!(matches!(endpoint, EstateError::SecretInUrl { line: 3, .. }));
}

#[test]
fn a_password_command_is_refused_from_a_file_that_others_may_write() {
    let written = write("[servers.s]\nurl = \"mysql://h/\"\npassword_command = \"pass show db token-abc\"\n");
    let env = Environment::of(&[]);
    let estate = estate::load(&written.path, &env).unwrap();
    assert_eq!(estate.servers[0].password, PasswordSource::Command("pass show db token-abc".into()));
    assert!(estate.explain().iter().all(|row| !row.value.contains("token-abc")), "its text is not shown");
    for mode in [0o620, 0o602] {
        fs::set_permissions(&written.path, fs::Permissions::from_mode(mode)).unwrap();
        let error = estate::load(&written.path, &env).unwrap_err();
        assert!(matches!(error, EstateError::WritableByOthers { line: 3, .. }), "{error}");
    }
    let plain = write("name = \"x\"\n");
    fs::set_permissions(&plain.path, fs::Permissions::from_mode(0o666)).unwrap();
    let estate = estate::load(&plain.path, &env).unwrap();
    assert!(estate.notes.remarks[0].contains("may be changed by others"));
}

#[test]
fn every_setting_says_where_it_came_from() {
    let estate = load(
        "read_only = false\nidle_lock = \"5m\"\n[targets.a]\nurl = \"s3://b/\"\n",
        &[("BREAKGLASS_READ_ONLY", "1"), ("BREAKGLASS_NAME", "night")],
    )
    .unwrap();
    assert!(estate.policy.read_only);
    assert_eq!(estate.name, "night");
    let row = |name: &str| {
        let rows: Vec<_> = estate.explain().iter().filter(|row| row.setting == name).collect();
        assert_eq!(rows.len(), 1, "{name} is told once");
        (rows[0].value.clone(), rows[0].origin.clone())
    };
    assert_eq!(row("read_only"), ("1".into(), Origin::Env("BREAKGLASS_READ_ONLY".into())));
    assert_eq!(row("proof_max_age"), ("30d".into(), Origin::Default));
    assert!(matches!(row("idle_lock").1, Origin::File { line: 2, .. }));
    assert!(matches!(row("targets.a.url").1, Origin::File { line: 4, .. }));
    assert_eq!(row("targets.a.path_style"), ("auto".into(), Origin::Default));
    let error = load("", &[("BREAKGLASS_IDLE_LOCK", "soon")]).unwrap_err().report();
    assert!(error.headline.starts_with("$BREAKGLASS_IDLE_LOCK: `idle_lock` is \"soon\""), "{error:?}");
}

#[test]
fn a_missing_estate_says_where_it_was_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let paths = crate::disk::paths::Paths { config: folder.path().into(), state: folder.path().into() };
    let error = estate::find(None, &paths, &Environment::of(&[])).unwrap_err().report();
    assert_eq!(error.code, "estate::not_found");
    assert!(error.advice.contains("estate.toml") && error.advice.contains("BREAKGLASS_ESTATE"), "{error:?}");
    let named = Environment::of(&[("BREAKGLASS_ESTATE", "/nowhere/e.toml")]);
    let path = estate::find(None, &paths, &named).unwrap();
    let error = estate::load(&path, &named).unwrap_err().report();
    assert!(error.advice.contains("/nowhere/e.toml"), "{error:?}");
    assert!(load("", &[]).unwrap().notes.remarks[0].contains("names no target"), "an empty file is valid and useless");
}

#[test]
fn hostile_names_in_the_file_are_escaped_in_every_message() {
    for text in [
        "\"a\\u001b[31m\" = 1",
        "name = \"x\"\n[targets.\"\\u202e\"]\nurl = \"s3://b\"",
        "[targets.a]\nurl = \"x\\u001b://b\"",
    ] {
        let report = refusal(text);
        let all = format!("{}{}", report.headline, report.advice);
        assert!(!all.contains('\u{1b}') && !all.contains('\u{202e}'), "{all:?}");
    }
}

#[test]
fn the_id_follows_the_file_and_not_its_name() {
    let written = write("name = \"a\"");
    let env = Environment::of(&[]);
    let one = estate::load(&written.path, &env).unwrap();
    fs::write(&written.path, "name = \"b\"").unwrap();
    assert_eq!(estate::load(&written.path, &env).unwrap().id, one.id);
    assert_eq!(one.id.as_str().len(), 16);
    let link = written.path.with_file_name("other.toml");
    std::os::unix::fs::symlink(&written.path, &link).unwrap();
    assert_eq!(estate::load(&link, &env).unwrap().id, one.id, "a link to it is the same estate");
}
