//! With logs at `trace`, no secret and no row value reaches a log, the audit log, the state folder or an error.

use std::fs;
use std::path::Path;

use breakglass::model::foreign::Foreign;
use breakglass::seal::dbacked::{Header, seal_to};
use breakglass::seal::keyfile;
use breakglass::seal::secret::Secret;

use crate::cli::{Home, PASSPHRASE, Run, fixture};

const ROW: &str = "marker-row-value-4711";
const WRONG_PASSPHRASE: &str = "marker wrong passphrase";
const S3_SECRET: &str = "markerS3secretKey0123456789abcdefABCDEF0";
const DB_PASSWORD: &str = "marker-database-password";
const NAME: &str = "dbacked_shop_290820261040";

/// Every file below a folder, and what it holds.
fn files(folder: &Path, into: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, into),
            false => into.push((path.display().to_string(), fs::read(&path).unwrap())),
        }
    }
}

/// A backup whose rows carry the marker, and all forms of its content key.
fn backup(folder: &Path) -> Vec<Vec<u8>> {
    let text = fs::read(fixture("keys/dbacked_private_key.pem")).unwrap();
    let passphrase = Secret::new(PASSPHRASE.as_bytes().to_vec());
    let key = keyfile::load(&text, Some(&passphrase), Foreign::from("k")).unwrap_or_else(|error| panic!("{error}"));
    let dump = format!("-- MySQL dump 10.13\nINSERT INTO `t` VALUES ('{ROW}');\n-- Dump completed on 2026-08-29\n");
    let mut stored = vec![];
    seal_to(key.public(), dump.as_bytes(), &mut stored, (0, 0, 1)).unwrap();
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(NAME), &stored).unwrap();
    fs::write(folder.join("cut.sql"), &dump[..dump.len() - 45]).unwrap();
    fs::write(folder.join("open.sql"), format!("INSERT INTO `t` VALUES ('{ROW}")).unwrap();
    let content = Header::read(&mut &stored[..]).and_then(|header| header.unwrap_key(&key));
    let content = *content.unwrap_or_else(|error| panic!("{error}")).expose();
    let hex = data_encoding::HEXLOWER.encode(&content);
    let base64 = data_encoding::BASE64_NOPAD.encode(&content);
    let listed = format!("{content:?}");
    vec![content.to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes(), base64.into_bytes(), listed.into_bytes()]
}

fn markers() -> Vec<Vec<u8>> {
    let words = [PASSPHRASE, WRONG_PASSPHRASE, ROW, S3_SECRET, DB_PASSWORD].map(|text| text.as_bytes().to_vec());
    let pem = ["dbacked_private_key.pem", "rsa4096-pkcs8-plain.pem"].map(|name| {
        let pem = fs::read_to_string(fixture("keys").join(name)).unwrap();
        let body = pem.lines().filter(|line| line.trim().len() == 64).map(|line| line.trim().as_bytes().to_vec());
        body.collect::<Vec<_>>()
    });
    words.into_iter().chain(pem.into_iter().flatten()).collect()
}

#[test]
fn nothing_secret_leaves_the_process_even_at_trace() {
    let home = Home::new();
    let folder = home.path("in");
    let mut secrets = backup(&folder);
    secrets.extend(markers());
    fs::write(home.path("wrong"), WRONG_PASSPHRASE).unwrap();
    let option_file = home.path("client.cnf");
    fs::write(&option_file, format!("[client]\nuser=marker\npassword={DB_PASSWORD}\n")).unwrap();
    let estate = format!(
        "name = \"test\"\n[targets.local]\nurl = \"file://{}/\"\n\
         [servers.gone]\nurl = \"mysql://marker@127.0.0.1:9/\"\ndefaults_file = \"{}\"\n",
        folder.display(),
        option_file.display()
    );
    home.estate(&estate);
    let key = fixture("keys/dbacked_private_key.pem").display().to_string();
    let plain = fixture("keys/rsa4096-pkcs8-plain.pem").display().to_string();
    let named = format!("local:{NAME}");
    let out = format!("dir:{}", home.path("out").display());
    let mut runs: Vec<(Vec<&str>, Run)> = vec![];
    let mut drive = |args: &[&'static str], more: &[&str]| {
        let mut all: Vec<&str> = args.to_vec();
        all.extend(more);
        all.extend(["--log", "trace", "--json"]);
        let run = home.run(&all);
        runs.push((args.to_vec(), run));
    };
    let right = ["--passphrase-file", "passphrase", "--key", &key];
    drive(&["verify"], &[&named, "--passphrase-file", "wrong", "--key", &key]);
    drive(&["verify"], &[&[named.as_str()], &right[..]].concat());
    drive(&["verify"], &["local:cut.sql", "local:open.sql", "--key", &plain]);
    drive(&["restore"], &[&[named.as_str(), "--into", &out, "--yes"], &right[..]].concat());
    drive(&["restore"], &["local:open.sql", "--into", &out, "--yes"]);
    drive(&["restore"], &[&[named.as_str(), "--into", "server:gone/shop", "--yes"], &right[..]].concat());
    drive(&["ls"], &[]);
    drive(&["show"], &[&named]);
    drive(&["doctor"], &[]);
    drive(&["audit"], &[]);
    drive(&["config", "explain"], &[]);

    let config = serde_json::json!({
        "s3accessKeyId": "AKIAMARKER", "s3secretAccessKey": S3_SECRET, "s3region": "eu-west-1", "s3bucket": "b.marker",
        "dbType": "mysql", "dbHost": "127.0.0.1", "dbPort": "9", "dbUsername": "marker", "dbPassword": DB_PASSWORD,
        "dbName": "shop", "cron": "0 3 * * *", "subscriptionType": "free",
    });
    fs::write(home.path("config.json"), serde_json::to_vec(&config).unwrap()).unwrap();
    let config = home.path("config.json").display().to_string();
    drive(&["config", "explain"], &["--estate", &config]);

    let mut seen = vec![];
    files(&home.path("state"), &mut seen);
    assert!(
        seen.iter().any(|(path, bytes)| path.ends_with("breakglass.log") && !bytes.is_empty()),
        "nothing was logged"
    );
    assert!(runs[1].1.code == 0 && runs[3].1.code == 0, "{:?} {:?}", runs[1], runs[3]);
    for (args, run) in &runs {
        seen.push((format!("stdout of {args:?}"), run.out.clone().into_bytes()));
        seen.push((format!("stderr of {args:?}"), run.err.clone().into_bytes()));
    }
    for (place, bytes) in &seen {
        for secret in &secrets {
            let shown = String::from_utf8_lossy(secret);
            assert!(memchr::memmem::find(bytes, secret).is_none(), "{place} holds {shown}");
        }
    }
    let restored = fs::read(home.path("out").read_dir().unwrap().next().unwrap().unwrap().path()).unwrap();
    assert!(memchr::memmem::find(&restored, ROW.as_bytes()).is_some(), "the markers do stand in the dump");
}
