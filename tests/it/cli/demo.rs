//! The sandbox of `demo --into`, used as its README walks through it: every archive with its key.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{Home, Run};
use crate::support;

pub(super) struct Sandbox {
    home: Home,
    built: Value,
}

pub(super) fn sandbox() -> Sandbox {
    let home = Home::new();
    let run = home.run(&["demo", "--into", "sandbox", "--json"]);
    assert_eq!(run.code, 0, "{run:?}");
    Sandbox { built: run.line(), home }
}

impl Sandbox {
    pub(super) fn key(&self, name: &str) -> String {
        let keys = self.built["keys"].as_array().unwrap();
        let key = keys.iter().find(|key| key["name"] == name).unwrap_or_else(|| panic!("{name} is not in {keys:?}"));
        key["file"].as_str().unwrap().to_owned()
    }

    fn run(&self, args: &[&str]) -> Run {
        self.home.run(&self.all(args))
    }

    /// The program with these arguments, not yet run.
    pub(super) fn command(&self, args: &[&str]) -> Command {
        self.home.command(&self.all(args))
    }

    fn all<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        let mut all = vec!["--estate", self.built["estate"].as_str().unwrap()];
        all.extend(args);
        all
    }

    /// The archives, oldest first.
    fn archives(&self) -> Vec<Value> {
        let run = self.run(&["ls", "--json", "target:vault"]);
        let mut lines = run.lines();
        lines.reverse();
        lines
    }

    pub(super) fn sealed_by(&self, seal: &str) -> Vec<Value> {
        self.archives().into_iter().filter(|line| line["seal"] == seal).collect()
    }

    fn path(&self, archive: &Value) -> std::path::PathBuf {
        Path::new(self.built["folder"].as_str().unwrap()).join("vault").join(archive["name"].as_str().unwrap())
    }
}

pub(super) fn id(archive: &Value) -> &str {
    archive["id"].as_str().unwrap()
}

#[test]
fn each_archive_of_the_sandbox_is_whole_with_its_key_but_for_the_one_that_lost_its_end() {
    let sandbox = sandbox();
    let archives = sandbox.archives();
    let seals: Vec<Option<&str>> = archives.iter().map(|line| line["seal"].as_str()).collect();
    let (raw, none) = (Some("raw key"), None);
    assert_eq!(seals, [none, none, Some("pbkdf2"), none, none, raw, Some("cms"), none, raw, Some("age")]);
    let verify = |archive: &Value, key: Option<&str>| {
        let mut args = vec!["verify", "--json", id(archive)];
        let key = key.map(|name| sandbox.key(name));
        args.extend(key.iter().flat_map(|file| ["--key", file]));
        sandbox.run(&args)
    };
    let keys = [("raw key", "vault-raw"), ("pbkdf2", "vault-passphrase"), ("cms", "vault-cms"), ("age", "vault-age")];
    for (nth, archive) in archives.iter().enumerate() {
        let seal = archive["seal"].as_str();
        let key = keys.iter().find(|(word, _)| Some(*word) == seal).map(|(_, key)| *key);
        let run = verify(archive, key);
        let line = run.line();
        if nth == 3 {
            assert_eq!((run.code, line["outcome"].as_str()), (3, Some("truncated")), "{line}");
            continue;
        }
        assert_eq!((run.code, line["reached"].as_str()), (0, Some("whole")), "{line}");
        let members: Vec<&str> =
            line["members"].as_array().unwrap().iter().map(|one| one["database"].as_str().unwrap()).collect();
        assert_eq!(members, ["crm", "shop"]);
    }
    let strange = verify(&archives[9], Some("vault-raw"));
    assert_eq!((strange.code, strange.line()["outcome"].as_str()), (4, Some("wrong_key")));
    let found = sandbox.run(&["ls", "--json", "format:databacker", "db:crm", "trust:whole"]);
    assert_eq!(found.lines().len(), 9, "a proof tells which databases an archive holds");
}

#[test]
fn one_archive_of_the_sandbox_is_pruned_tonight_and_recipients_are_named_before_any_key() {
    let sandbox = sandbox();
    let archives = sandbox.archives();
    let warned = |line: &&Value| line["findings"].as_array().unwrap().iter().any(|one| one["code"] == "pruned_soon");
    assert_eq!(archives.iter().filter(warned).count(), 1);
    assert!(warned(&&archives[0]), "the oldest one");
    let named = |seal: &str| sandbox.sealed_by(seal)[0]["seal_recipients"][0].as_str().unwrap_or_default().to_owned();
    assert!(named("cms").starts_with("CN=breakglass demo, serial "), "{}", named("cms"));
    assert_eq!(named("age"), "age X25519");
    let shown = sandbox.run(&["show", id(&archives[6])]);
    assert!(shown.out.contains("for CN=breakglass demo, serial "), "{}", shown.out);
}

#[test]
fn one_database_of_an_archive_is_restored_into_a_folder_and_the_report_names_its_file() {
    let sandbox = sandbox();
    let archive = &sandbox.sealed_by("cms")[0];
    let key = sandbox.key("vault-cms");
    let run = sandbox.run(&[
        "restore",
        id(archive),
        "--into",
        "dir:restored",
        "--databases",
        "shop",
        "--key",
        &key,
        "--json",
    ]);
    let line = run.line();
    assert_eq!((run.code, line["outcome"].as_str()), (0, Some("done")), "{run:?}");
    let files = line["files"].as_array().unwrap();
    assert_eq!(files.len(), 1, "{files:?}");
    let sql = fs::read_to_string(files[0].as_str().unwrap()).unwrap();
    assert!(sql.starts_with("-- Go SQL Dump") && sql.contains("USE `shop`;") && !sql.contains("`crm`"));
    assert_eq!(fs::read_dir(sandbox.home.path("restored")).unwrap().count(), 1);
}

fn output(command: &mut Command) -> Option<Vec<u8>> {
    let tool = command.get_program().to_string_lossy().into_owned();
    match command.stdin(Stdio::null()).output() {
        Ok(output) => {
            assert!(output.status.success(), "{tool}: {}", String::from_utf8_lossy(&output.stderr));
            Some(output.stdout)
        }
        Err(error) => {
            support::skip_or_fail(&tool, &error.to_string());
            None
        }
    }
}

#[test]
fn what_the_sandbox_seals_opens_in_other_tools() {
    let sandbox = sandbox();
    let packed = |archive: &Value, name: &str| {
        let unpacked = sandbox.home.path(name);
        let tool = if archive["name"].as_str().unwrap().ends_with(".tbz2") { "bzip2" } else { "gzip" };
        fs::write(&unpacked, output(Command::new(tool).arg("-dc").arg(sandbox.path(archive))).unwrap()).unwrap();
        unpacked
    };
    let is_tar = |bytes: &[u8]| assert_eq!(&bytes[257..262], b"ustar");

    let (cms, pem) = (packed(&sandbox.sealed_by("cms")[0], "cms"), sandbox.key("vault-cms"));
    let openssl = |args: &[&str]| output(Command::new("openssl").args(args));
    let cms = cms.to_str().unwrap();
    is_tar(
        &openssl(&["cms", "-decrypt", "-binary", "-inform", "DER", "-in", cms, "-recip", &pem, "-inkey", &pem])
            .unwrap(),
    );
    let verified = openssl(&["verify", "-CAfile", &pem, &pem]).unwrap();
    assert!(String::from_utf8_lossy(&verified).ends_with(": OK\n"));

    let pbkdf2 = packed(&sandbox.sealed_by("pbkdf2")[0], "pbkdf2");
    // `-pass file:` takes the first line only; the tool took the line end as well.
    let passphrase = fs::read_to_string(sandbox.key("vault-passphrase")).unwrap();
    let pass = format!("pass:{passphrase}");
    is_tar(
        &openssl(&["enc", "-d", "-aes-256-cbc", "-pbkdf2", "-pass", &pass, "-in", pbkdf2.to_str().unwrap()]).unwrap(),
    );

    let raw = packed(&sandbox.sealed_by("raw key")[0], "raw");
    let (sealed, key) = (fs::read(raw).unwrap(), fs::read(sandbox.key("vault-raw")).unwrap());
    let body = sandbox.home.path("body");
    fs::write(&body, &sealed[16..]).unwrap();
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
    let (key, iv) = (hex(&key), hex(&sealed[..16]));
    is_tar(&openssl(&["enc", "-d", "-aes-256-cbc", "-K", &key, "-iv", &iv, "-in", body.to_str().unwrap()]).unwrap());

    let age = sandbox.sealed_by("age");
    let opened =
        output(Command::new("age").arg("-d").arg("-i").arg(sandbox.key("vault-age")).arg(sandbox.path(&age[0])));
    if let Some(opened) = opened {
        is_tar(&opened);
    }
}

#[test]
fn the_accident_of_the_sandbox_is_found_and_undone_by_its_transaction_alone() {
    let sandbox = sandbox();
    let entries = sandbox.run(&["changes", "shop", "--transactions", "--json"]).lines();
    let deletes = |entry: &&Value| entry["rows"]["deletes"].as_u64().is_some_and(|count| count > 6_000);
    let accident = entries.iter().find(deletes).expect("the accident is in the logs");
    let times: Vec<_> = entries.iter().filter_map(|entry| entry["committed_at"].as_str()).collect();
    assert!(times.is_sorted(), "the demo's clock runs forward");
    // A column was added to another table since: that is no wall for these rows.
    let gtid = accident["gtid"].as_str().unwrap();
    let run = sandbox.run(&["recover", "shop", "--gtid", gtid, "-o", "undo.sql", "--json"]);
    assert_eq!(run.code, 0, "{run:?}");
    let told = run.line();
    assert_eq!((told["transactions"].as_u64(), &told["changes"]), (Some(1), &accident["rows"]["deletes"]));
    let walled = sandbox.run(&["recover", "shop", "--table", "shop.customers", "-o", "none.sql"]);
    assert_ne!(walled.code, 0, "{walled:?}");
}
