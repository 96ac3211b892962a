//! `changes` on logs that both products wrote: rows, filters, sums, gaps, damage.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use serde_json::Value;

use super::{Home, Run, fields};
use crate::support::root;
use crate::support::vectors::unpacked;

fn vectors(fixture: &str) -> PathBuf {
    root().join("tests/it/vectors/binlog").join(fixture)
}

/// The logs of a fixture, plain, in a folder of the home.
pub fn plain(home: &Home, fixture: &str) -> (PathBuf, Vec<PathBuf>) {
    let folder = home.path(fixture);
    fs::create_dir_all(&folder).unwrap();
    let mut files = vec![];
    for entry in fs::read_dir(vectors(fixture)).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if let Some(name) = name.strip_suffix(".gz").filter(|name| name.starts_with("binlog.0")) {
            fs::write(folder.join(name), unpacked(&path)).unwrap();
            files.push(folder.join(name));
        }
    }
    files.sort();
    (folder, files)
}

fn changes(home: &Home, source: &Path, more: &[&str]) -> Run {
    let mut args = vec!["changes", source.to_str().unwrap()];
    args.extend(more);
    home.run(&args)
}

fn rows(run: &Run) -> Vec<Value> {
    assert_eq!(run.code, 0, "{}", run.err);
    run.lines()
}

const FIXTURES: [&str; 12] = [
    "mariadb-alltypes",
    "mariadb-alltypes-fullmeta",
    "mariadb-compressed",
    "mariadb-ddl",
    "mariadb-image-minimal",
    "mariadb-statement",
    "mysql-alltypes-fullmeta",
    "mysql-compressed",
    "mysql-ddl",
    "mysql-fk-cascade",
    "mysql-partial-json",
    "mysql-checksum-none",
];

#[test]
fn d40_d41_the_sums_are_those_that_the_servers_made_and_the_rows_are_as_many() {
    let home = Home::new();
    for fixture in FIXTURES {
        let recorded: BTreeMap<String, BTreeMap<String, u64>> =
            serde_json::from_slice(&fs::read(vectors(fixture).join("rows.json")).unwrap()).unwrap();
        let summary = changes(&home, &vectors(fixture), &["--summary", "--json"]);
        assert_eq!(summary.code, 0, "{fixture}: {}", summary.err);
        let summary = summary.line();
        let mut counted = 0;
        for table in summary["tables"].as_array().unwrap() {
            let name = |part: &str| table["table"][part].as_str().unwrap().replace('`', "``");
            let name = format!("`{}`.`{}`", name("schema"), name("table"));
            let kinds = |kind: &str| table["rows"][kind].as_u64().unwrap();
            if !(fixture.starts_with("mysql") && name == "`bg_types`.`geo`") {
                let theirs = &recorded[&name];
                let ours = [("INSERT", "inserts"), ("UPDATE", "updates"), ("DELETE", "deletes")];
                for (their, our) in ours {
                    assert_eq!(theirs[their], kinds(our), "{fixture}, {name}, {our}");
                }
            }
            counted += kinds("inserts") + kinds("updates") + kinds("deletes");
        }
        assert_eq!(summary["totals"]["rolled_back"], 0, "{fixture}");
        let lines = rows(&changes(&home, &vectors(fixture), &["--json"]));
        assert_eq!(lines.len() as u64, counted, "{fixture}");
        let transactions = rows(&changes(&home, &vectors(fixture), &["--transactions", "--json"]));
        let of = |line: &Value| ["inserts", "updates", "deletes"].map(|kind| line["rows"][kind].as_u64().unwrap());
        let listed = transactions.iter().filter(|line| line["entry"] == "transaction");
        assert_eq!(listed.flat_map(of).sum::<u64>(), counted, "{fixture}");
    }
}

#[test]
fn every_row_has_the_documented_fields_and_a_key_of_its_own() {
    let home = Home::new();
    let lines = rows(&changes(&home, &vectors("mysql-compressed"), &["--json"]));
    let mut keys = std::collections::BTreeSet::new();
    for line in &lines {
        for field in [
            "source",
            "file",
            "position",
            "row",
            "gtid",
            "thread",
            "committed_at",
            "kind",
            "schema",
            "table",
            "key",
            "before",
            "after",
            "changed",
            "certainty",
        ] {
            assert!(fields(line).contains(&field), "{field} is missing in {line}");
        }
        let key = (line["file"].to_string(), line["position"].as_u64(), line["row"].as_u64());
        assert!(keys.insert(key), "d31: two rows have the key of {line}");
    }
    assert!(lines.len() > 600);
}

#[test]
fn d45_d46_names_come_from_a_definition_that_fits_or_are_numbers() {
    let home = Home::new();
    let bare = rows(&changes(&home, &vectors("mysql-alltypes"), &["--json", "--table", "bg_types.ints"]));
    assert_eq!(bare[0]["certainty"], "unnamed");
    assert!(bare[0]["after"]["@1"].is_number());
    let schema = vectors("mysql-alltypes").join("schema.sql.gz");
    let schema = format!("{}", schema.display());
    let named = ["--json", "--table", "bg_types.ints", "--schema", schema.as_str()];
    let named = rows(&changes(&home, &vectors("mysql-alltypes"), &named));
    assert_eq!(named.len(), bare.len());
    assert_eq!(named[0]["certainty"], "exact");
    assert!(named[0]["key"]["id"].is_number());
}

#[test]
fn d22_d52_definitions_move_along_with_the_log_and_walls_say_what_they_destroyed() {
    let home = Home::new();
    for fixture in ["mysql-ddl-minmeta", "mariadb-ddl-minmeta"] {
        let schema = vectors(fixture).join("schema.sql.gz");
        // The file holds what was true before the log: it is given the log's first position.
        let (folder, files) = plain(&home, fixture);
        let first = files[0].file_name().unwrap().to_str().unwrap();
        let schema = format!("{}@{first}:4", schema.display());
        let run = changes(&home, &folder, &["--summary", "--json", "--schema", &schema]);
        assert_eq!(run.code, 0, "{fixture}: {}", run.err);
        let summary = run.line();
        let unnamed: Vec<_> =
            summary["tables"].as_array().unwrap().iter().filter(|table| table["named"] == false).collect();
        assert!(unnamed.is_empty(), "{fixture}: {unnamed:?}");
        let walls = summary["walls"].as_array().unwrap();
        let wall = |verb: &str| walls.iter().find(|wall| wall["verb"] == verb).unwrap_or_else(|| panic!("{verb}"));
        assert!(wall("truncate")["destroyed"].as_str().unwrap().contains("bg_ddl.wiped"));
        assert!(wall("drop")["destroyed"].as_str().unwrap().contains("bg_ddl.dropped"));
        wall("alter");
        wall("rename");
    }
}

#[test]
fn filters_choose_rows_and_d29_compare_byte_for_byte() {
    let home = Home::new();
    let source = vectors("mysql-alltypes-fullmeta");
    let count = |more: &[&str]| {
        let mut args = vec!["--json"];
        args.extend(more);
        rows(&changes(&home, &source, &args)).len()
    };
    let all = count(&[]);
    let kinds = [count(&["--kind", "insert"]), count(&["--kind", "update"]), count(&["--kind", "delete"])];
    assert_eq!(kinds.iter().sum::<usize>(), all);
    assert_eq!(count(&["--table", "ints"]), count(&["--table", "bg_types.ints"]));
    assert!(count(&["--table", "ints"]) > 0 && count(&["--table", "INTS"]) == 0);
    assert_eq!(count(&["--schema-name", "bg_types"]), all);
    let row = &rows(&changes(&home, &source, &["--json", "--table", "ints", "--kind", "insert", "--limit", "1"]))[0];
    let (id, gtid) = (row["key"]["id"].to_string(), row["gtid"].as_str().unwrap().to_owned());
    let by_key = rows(&changes(&home, &source, &["--json", "--table", "ints", "--key", &id]));
    assert!(!by_key.is_empty() && by_key.iter().all(|row| Some(row["key"]["id"].as_i64().unwrap()) == id.parse().ok()));
    assert!(count(&["--gtid", &gtid]) >= 1 && count(&["--gtid", &gtid]) < all);
    assert_eq!(count(&["--where", &format!("id={id}"), "--table", "ints"]), by_key.len());
    let position = row["position"].to_string();
    let (file, from) = (row["file"].as_str().unwrap(), format!("binlog.000055:{position}"));
    assert_eq!(file, "binlog.000055");
    let behind = count(&["--from-position", &from]);
    assert_eq!(behind + count(&["--to-position", &from]), all);
    let changed = rows(&changes(&home, &source, &["--json", "--changed-column", "t_s"]));
    assert!(!changed.is_empty() && changed.iter().all(|row| row["changed"].to_string().contains("\"t_s\"")));
    assert_eq!(count(&["--since", "2100-01-01"]), 0);
    assert_eq!(count(&["--until", "2100-01-01"]), all);
    let multi = vectors("mysql-multi");
    let some = rows(&changes(&home, &multi, &["--json", "--to-position", "binlog.000076:4"]));
    assert!(!some.is_empty() && some.iter().all(|row| row["file"] == "binlog.000075"));
    assert_eq!(changes(&home, &multi, &["--json", "--to-position", "4"]).error_code(), "filter::which_file");
    for (flag, value) in [("--since", "soon"), ("--gtid", "x"), ("--where", "x"), ("--from-position", "a:b")] {
        assert_eq!(changes(&home, &source, &[flag, value]).code, 2, "{flag}");
    }
    assert_eq!(changes(&home, &source, &["--statement", "("]).code, 2);
}

#[test]
fn d42_statements_that_are_text_are_shown_with_their_text() {
    let home = Home::new();
    for fixture in ["mysql-statement", "mariadb-statement"] {
        let summary = changes(&home, &vectors(fixture), &["--summary", "--json"]).line();
        let statements = summary["statements"].as_array().unwrap();
        assert!(!statements.is_empty(), "{fixture}");
        assert_eq!(summary["totals"]["statements"].as_u64().unwrap(), statements.len() as u64);
        assert!(
            statements.iter().all(|statement| statement["statement"].as_str().is_some_and(|text| !text.is_empty()))
        );
    }
}

#[test]
fn d44_d18_rolled_back_rows_are_left_out_and_the_log_s_order_stays() {
    let home = Home::new();
    for fixture in ["mysql-multi", "mariadb-multi"] {
        let summary = changes(&home, &vectors(fixture), &["--summary", "--json"]).line();
        let total: u64 = ["inserts", "updates", "deletes"]
            .iter()
            .map(|kind| summary["totals"]["rows"][kind].as_u64().unwrap())
            .sum();
        let lines = rows(&changes(&home, &vectors(fixture), &["--json"]));
        assert_eq!(lines.len() as u64, total, "{fixture}");
        let place = |line: &Value| (line["file"].as_str().unwrap().to_owned(), line["position"].as_u64().unwrap());
        assert!(lines.windows(2).all(|pair| place(&pair[0]) <= place(&pair[1])), "{fixture}");
    }
}

#[test]
fn d30_a_gap_refuses_until_it_is_allowed() {
    let home = Home::new();
    for fixture in ["mysql-multi", "mariadb-multi"] {
        let (folder, files) = plain(&home, fixture);
        assert_eq!(changes(&home, &folder, &["--json"]).code, 0, "{fixture}");
        fs::remove_file(&files[1]).unwrap();
        let refused = changes(&home, &folder, &["--json"]);
        assert_eq!((refused.code, refused.error_code().as_str()), (6, "changes::gaps"), "{fixture}");
        assert!(refused.out.is_empty());
        let summary = changes(&home, &folder, &["--summary", "--json"]);
        assert_eq!(summary.code, 6);
        assert_eq!(summary.line()["coverage"]["gaps"][0]["kind"], "missing_files");
        let allowed = changes(&home, &folder, &["--json", "--allow-gaps"]);
        assert_eq!(allowed.code, 0);
        assert!(!allowed.lines().is_empty());
        // The same hole without a hole in the numbers: the files say themselves what came before them.
        let number: u64 = files[0].extension().unwrap().to_str().unwrap().parse().unwrap();
        fs::rename(&files[2], folder.join(format!("binlog.{:06}", number + 1))).unwrap();
        let refused = changes(&home, &folder, &["--summary", "--json"]);
        assert_eq!(refused.code, 6, "{fixture}");
        let gap = &refused.line()["coverage"]["gaps"][0];
        let kind = gap["kind"].as_str().unwrap();
        assert!(["missing_gtids", "other_successor"].contains(&kind), "{fixture}: {gap}");
        fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn d30_the_index_names_a_log_that_is_not_here() {
    let home = Home::new();
    let (folder, files) = plain(&home, "mysql-multi");
    let names: String =
        files.iter().map(|file| format!("./{}\n", file.file_name().unwrap().to_str().unwrap())).collect();
    fs::write(folder.join("binlog.index"), format!("{names}./binlog.009999\n")).unwrap();
    let refused = changes(&home, &folder, &["--json"]);
    assert_eq!(refused.error_code(), "changes::gaps");
    fs::write(folder.join("binlog.index"), &names).unwrap();
    assert_eq!(changes(&home, &folder, &["--json"]).code, 0);
}

#[test]
fn d53_cut_flipped_and_encrypted_logs_are_named_with_their_position() {
    let home = Home::new();
    let (_, files) = plain(&home, "mysql-small-events");
    let log = fs::read(&files[0]).unwrap();
    let whole = rows(&changes(&home, &files[0], &["--json"])).len();
    let broken = home.path("broken");
    let mut sizes = vec![];
    for cut in [log.len() - 1, log.len() * 2 / 3, log.len() / 3, 30] {
        fs::write(&broken, &log[..cut]).unwrap();
        let run = changes(&home, &broken, &["--json"]);
        assert_eq!(run.code, 3, "{cut}: {}", run.err);
        assert_eq!(run.error_code(), "binlog::cut", "{cut}");
        sizes.push(run.lines().len());
    }
    assert!(sizes[0] <= whole && sizes.windows(2).all(|pair| pair[0] >= pair[1]) && sizes[1] > sizes[2]);
    let mut flipped = log.clone();
    flipped[log.len() / 2] ^= 4;
    fs::write(&broken, &flipped).unwrap();
    let run = changes(&home, &broken, &["--json"]);
    assert_eq!(run.code, 3, "{}", run.err);
    let problem = &changes(&home, &broken, &["--summary", "--json"]).line()["problems"][0];
    assert_eq!(problem["damage"], true);
    assert!((problem["position"].as_u64().unwrap() as usize) < log.len() / 2);
    fs::write(&broken, [b"\xfdbin", &log[4..]].concat()).unwrap();
    let run = changes(&home, &broken, &["--json"]);
    assert_eq!((run.code, run.error_code().as_str()), (4, "binlog::encrypted"));
    fs::write(&broken, b"INSERT INTO t VALUES (1);").unwrap();
    assert_eq!(changes(&home, &broken, &["--json"]).code, 2);
}

#[test]
fn compressed_logs_are_known_by_their_bytes_and_a_cut_one_gives_what_it_has() {
    let home = Home::new();
    let (folder, files) = plain(&home, "mysql-small-events");
    let log = fs::read(&files[0]).unwrap();
    let whole = changes(&home, &folder, &["--json"]).out;
    let name = files[0].file_name().unwrap().to_str().unwrap().to_owned();
    fs::remove_file(&files[0]).unwrap();
    let zst = folder.join(format!("{name}.zst"));
    fs::write(&zst, zstd::encode_all(&log[..], 3).unwrap()).unwrap();
    assert_eq!(changes(&home, &folder, &["--json"]).out, whole);
    fs::remove_file(&zst).unwrap();
    let mut gz = GzEncoder::new(vec![], flate2::Compression::fast());
    gz.write_all(&log).unwrap();
    let gz = gz.finish().unwrap();
    let path = folder.join(format!("{name}.gz"));
    fs::write(&path, &gz[..gz.len() / 2]).unwrap();
    let run = changes(&home, &folder, &["--json"]);
    assert_eq!(run.code, 3);
    let problem = &changes(&home, &folder, &["--summary", "--json"]).line()["problems"][0];
    assert_eq!(problem["code"], "unpack::truncated");
    assert!(!run.out.is_empty() && whole.starts_with(&run.out), "what came is right as far as it goes");
    // No copy of the rows is left in the state folder.
    let state = fs::read_dir(home.path("state")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(state.into_iter().all(|name| !name.to_string_lossy().contains("spool")));
}

#[test]
fn a_twin_is_read_once_and_named_d31() {
    let home = Home::new();
    let (folder, files) = plain(&home, "mysql-small-events");
    let whole = changes(&home, &folder, &["--json"]).out;
    let name = files[0].file_name().unwrap().to_str().unwrap().to_owned();
    let mut gz = GzEncoder::new(vec![], flate2::Compression::fast());
    gz.write_all(&fs::read(&files[0]).unwrap()).unwrap();
    fs::write(folder.join(format!("{name}.gz")), gz.finish().unwrap()).unwrap();
    let run = changes(&home, &folder, &["--json"]);
    assert_eq!((run.code, run.out), (0, whole));
    let summary = changes(&home, &folder, &["--summary", "--json"]).line();
    assert_eq!(summary["problems"][0]["code"], "changes::twice");
}

#[test]
fn text_fits_eighty_columns_and_says_what_changed() {
    let home = Home::new();
    let source = vectors("mariadb-multi");
    for args in [&["--summary"][..], &["--transactions"], &[]] {
        let run = changes(&home, &source, args);
        assert_eq!(run.code, 0, "{}", run.err);
        let wide: Vec<_> = run.out.lines().skip(1).filter(|line| line.chars().count() > 80).collect();
        assert!(wide.is_empty(), "{args:?}: {wide:?}");
    }
    let run = changes(&home, &source, &["--kind", "update", "--limit", "1"]);
    assert!(run.out.contains("UPDATE bg_multi.t id=2"), "{}", run.out);
    assert!(run.out.contains(" -> "), "{}", run.out);
}

#[test]
fn sources_are_names_of_the_estate_urls_and_paths() {
    let home = Home::new();
    let folder = vectors("mysql-small-events");
    home.estate(&format!(
        "name = \"test\"\n[targets.logs]\nurl = \"file://{}/\"\n[changes.prod]\ntarget = \"logs\"\npath = \"mysql-small-events/\"\n\
         [changes.direct]\nurl = \"binlog+file://{}\"\n",
        folder.parent().unwrap().display(),
        folder.display()
    ));
    let rows_of = |source: &str| {
        let run = home.run(&["changes", source, "--json"]);
        assert_eq!(run.code, 0, "{source}: {}", run.err);
        run.lines().len()
    };
    let count = rows_of("prod");
    assert!(count > 0);
    assert_eq!(rows_of("direct"), count);
    assert_eq!(rows_of(&format!("binlog+file://{}", folder.display())), count);
    let refused = home.run(&["changes", "prodd", "--json"]);
    assert_eq!((refused.code, refused.error_code().as_str()), (2, "changes::unknown"));
    assert!(refused.err.contains("did you mean prod?"), "{}", refused.err);
    for later in ["mysql://db/", "dbtrail+mysql://db/index", "dbtrail+s3://b/", "binlog+smb://h/s/"] {
        assert_eq!(home.run(&["changes", later, "--json"]).error_code(), "changes::later");
    }
    home.estate(&format!(
        "name = \"test\"\n[changes.hidden]\nurl = \"binlog+file://{}\"\naccess_profile = \"oncall\"\n",
        folder.display()
    ));
    let hidden = home.run(&["changes", "hidden", "--json"]);
    assert_eq!((hidden.code, hidden.error_code().as_str()), (6, "changes::profile"));
    let empty = home.path("empty");
    fs::create_dir(&empty).unwrap();
    assert_eq!(changes(&home, &empty, &["--json"]).error_code(), "changes::none");
}
