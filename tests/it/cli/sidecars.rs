//! Checksums beside a backup: `NAME.sha256`, `NAME.md5` and lists of them, made by the stock tools.

use std::fs;
use std::process::Command;

use super::{Home, Run};

fn home() -> Home {
    let home = Home::new();
    fs::create_dir_all(home.path("bak/deep")).unwrap();
    let dump = "-- MySQL dump 10.13  Distrib 9.7.4\n\nCREATE TABLE t (id int);\n-- Dump completed on 2026-11-21\n";
    for name in ["bak/shop.sql", "bak/crm.sql", "bak/deep/hr.sql"] {
        fs::write(home.path(name), dump).unwrap();
    }
    home.estate(&format!("name = \"test\"\n[targets.t]\nurl = \"file://{}/\"\n", home.path("bak").display()));
    home
}

/// Runs a line of shell in the backups' folder.
fn shell(home: &Home, line: &str) {
    let ran = Command::new("sh").args(["-ec", line]).current_dir(home.path("bak")).output().unwrap();
    assert!(ran.status.success(), "{line}: {}", String::from_utf8_lossy(&ran.stderr));
}

fn verify(home: &Home, name: &str, more: &[&str]) -> Run {
    home.run(&[&["verify", &format!("t:{name}"), "--json"][..], more].concat())
}

#[test]
fn a_recorded_checksum_that_is_equal_vouches_for_the_content() {
    for line in [
        "sha256sum shop.sql >shop.sql.sha256",
        "md5sum shop.sql >shop.sql.md5",
        "sha256sum --tag shop.sql >shop.sql.sha256",
        "sha256sum crm.sql shop.sql >SHA256SUMS",
        "md5sum *.sql >MD5SUMS",
        "sha256sum shop.sql | cut -c1-64 >shop.sql.sha256",
    ] {
        let home = home();
        assert_eq!(verify(&home, "shop.sql", &[]).line()["content"], "none", "nothing is recorded yet");
        shell(&home, line);
        let run = verify(&home, "shop.sql", &[]);
        let proof = run.line();
        assert_eq!(
            (run.code, &proof["content"], &proof["outcome"]),
            (0, &"hash".into(), &"ok".into()),
            "{line}: {run:?}"
        );
        let run = verify(&home, "shop.sql", &["--to", "intact"]);
        assert_eq!((run.code, &run.line()["reached"]), (0, &"intact".into()), "{line}: {run:?}");
        let listed: Vec<String> =
            home.run(&["ls", "--json"]).lines().iter().map(|line| line["name"].as_str().unwrap().to_owned()).collect();
        assert_eq!(listed.len(), 3, "files of checksums are no backups: {listed:?}");
    }
}

#[test]
fn a_recorded_checksum_that_differs_is_damage() {
    for line in [
        "sha256sum shop.sql >shop.sql.sha256; sed -i s/id/ie/ shop.sql",
        "md5sum shop.sql >MD5SUMS; sed -i s/id/ie/ shop.sql",
    ] {
        let home = home();
        shell(&home, line);
        for to in ["whole", "intact"] {
            let run = verify(&home, "shop.sql", &["--to", to]);
            assert_eq!((run.code, &run.line()["outcome"]), (3, &"damaged".into()), "{line}: {run:?}");
        }
    }
}

#[test]
fn a_file_of_checksums_that_says_nothing_usable_is_a_finding() {
    for line in ["echo hello >shop.sql.sha256", ": >shop.sql.md5", "head -c 70000 /dev/zero >MD5SUMS"] {
        let home = home();
        shell(&home, line);
        let run = verify(&home, "shop.sql", &[]);
        assert_eq!((run.code, &run.line()["content"]), (0, &"none".into()), "{line}: {run:?}");
        let shown = home.run(&["ls", "--json", "shop"]).out;
        assert!(shown.contains("sidecar_unusable"), "{line}: {shown}");
    }
    let home = home();
    shell(&home, "sha256sum crm.sql >SHA256SUMS; md5sum deep/hr.sql >deep/hr.sql.md5");
    assert_eq!(verify(&home, "shop.sql", &[]).line()["content"], "none", "a list of others says nothing of this one");
    assert_eq!(verify(&home, "deep/hr.sql", &[]).line()["content"], "hash");
}

#[test]
fn a_zstd_or_xz_check_counts_only_where_every_frame_has_one() {
    let home = home();
    let dump = fs::read(home.path("bak/shop.sql")).unwrap();
    let frame = |bytes: &[u8], checked: bool| {
        let mut encoder = zstd::Encoder::new(vec![], 3).unwrap();
        encoder.include_checksum(checked).unwrap();
        std::io::Write::write_all(&mut encoder, bytes).unwrap();
        encoder.finish().unwrap()
    };
    let (first, rest) = dump.split_at(20);
    for (name, frames, content) in [
        ("one.sql.zst", vec![frame(&dump, true)], "crc"),
        ("bare.sql.zst", vec![frame(&dump, false)], "none"),
        ("both.sql.zst", vec![frame(first, true), frame(rest, true)], "crc"),
        ("first.sql.zst", vec![frame(first, true), frame(rest, false)], "none"),
        ("last.sql.zst", vec![frame(first, false), frame(rest, true)], "none"),
    ] {
        fs::write(home.path("bak").join(name), frames.concat()).unwrap();
        let run = verify(&home, name, &[]);
        assert_eq!((run.code, &run.line()["content"]), (0, &content.into()), "{name}: {run:?}");
    }
}
