//! Filters that ask of columns: what cannot be told is refused or counted, and never left out in silence.

use std::path::Path;

use serde_json::Value;

use super::changes::plain;
use super::{Home, Run};
use crate::support::root;

fn schema(fixture: &str, first: &Path) -> String {
    let schema = root().join("tests/it/vectors/binlog").join(fixture).join("schema.sql.gz");
    format!("{}@{}:4", schema.display(), first.file_name().unwrap().to_str().unwrap())
}

fn run(home: &Home, verb: &str, source: &Path, more: &[&str]) -> Run {
    home.run(&[&[verb, source.to_str().unwrap()], more].concat())
}

fn remark(run: &Run) -> Value {
    let line = run.err.lines().find(|line| line.starts_with("{\"remark\"")).unwrap_or_else(|| panic!("{run:?}"));
    serde_json::from_str::<Value>(line).unwrap()["remark"].clone()
}

#[test]
fn d45_rows_of_tables_without_names_are_refused_by_recover_and_counted_by_changes() {
    let home = Home::new();
    for fixture in ["mysql-ddl-minmeta", "mariadb-ddl-minmeta"] {
        let (folder, _) = plain(&home, fixture);
        for (nth, filter) in [["--where", "v=x"], ["--key", "1"], ["--changed-column", "v"]].iter().enumerate() {
            let asked = [&["--table", "bg_ddl.stable"], &filter[..]].concat();
            let script = home.path(&format!("{fixture}-{nth}.sql"));
            let file = script.to_str().unwrap();
            let refused = run(&home, "recover", &folder, &[&asked[..], &["--json", "-o", file]].concat());
            assert_eq!((refused.code, script.exists()), (6, false), "{filter:?}: {refused:?}");
            let told: Value = serde_json::from_str(refused.out.lines().next().unwrap()).unwrap();
            let reasons = told["refused"].as_array().unwrap();
            assert!(!reasons.is_empty() && told["refusals"] == reasons.len(), "{told}");
            for reason in reasons {
                assert_eq!(reason["table"]["table"], "stable", "{reason}");
                assert!(reason["position"].as_str().unwrap().starts_with("binlog."), "{reason}");
                assert!(reason["reason"].as_str().unwrap().contains("names of its columns"), "{reason}");
            }
            let text = run(&home, "recover", &folder, &[&asked[..], &["-o", file]].concat());
            assert!(text.out.contains("bg_ddl.stable") && text.out.contains("cannot be told"), "{text:?}");

            let listed = run(&home, "changes", &folder, &[&asked[..], &["--json"]].concat());
            assert_eq!((listed.code, listed.out.as_str()), (0, ""), "{listed:?}");
            let told = remark(&listed);
            // The fixture's own record: three updates, an insert and two deletes.
            let rows = if filter[0] == "--changed-column" { 3 } else { 6 };
            assert_eq!((&told["code"], &told["rows"]), (&Value::from("changes::untold"), &Value::from(rows)), "{told}");
            assert_eq!(told["tables"][0]["table"]["table"], "stable", "{told}");
            let pages = run(&home, "changes", &folder, &[&asked[..], &["--json", "--transactions"]].concat());
            assert_eq!(remark(&pages)["rows"], rows, "{pages:?}");
            let text = run(&home, "changes", &folder, &asked);
            assert!(text.err.contains(&format!("{rows} rows of bg_ddl.stable")), "{text:?}");
        }
        // Who leaves the table as it is need not know what is in it.
        let out = ["--table", "stable", "--where", "v=x", "--exclude", "stable", "-o", "/none/none.sql"];
        let run = run(&home, "recover", &folder, &out);
        assert_eq!(run.code, 8, "{run:?}");
    }
}

#[test]
fn a_column_or_key_that_no_table_has_is_said_and_not_searched_for() {
    let home = Home::new();
    for fixture in ["mysql-ddl-minmeta", "mariadb-ddl-minmeta"] {
        let (folder, files) = plain(&home, fixture);
        let schema = schema(fixture, &files[0]);
        let file = home.path("typo.sql");
        for (flag, value, code) in [
            ("--where", "vv=x", "filter::no_column"),
            ("--changed-column", "vv", "filter::no_column"),
            ("--key", "1,2", "filter::no_key"),
        ] {
            let asked = ["--table", "bg_ddl.stable", "--schema", &schema, flag, value, "--json"];
            let listed = run(&home, "changes", &folder, &asked);
            let pages = run(&home, "changes", &folder, &[&asked[..], &["--transactions"]].concat());
            let written = run(&home, "recover", &folder, &[&asked[..], &["-o", file.to_str().unwrap()]].concat());
            for run in [listed, pages, written] {
                assert_eq!(run.code, 2, "{flag}: {run:?}");
                let error: Value = serde_json::from_str(run.err.lines().last().unwrap()).unwrap();
                assert_eq!(error["error"]["code"], code, "{run:?}");
                let advice = error["error"]["advice"].as_str().unwrap();
                assert!(flag == "--key" || advice.contains("id, v"), "{advice}");
            }
        }
        // A name that one of the tables has is none that is mistyped, however it is written.
        let asked = ["--schema", &schema, "--table", "stable", "--table", "acct", "--where", "C=1", "--json"];
        assert_eq!(run(&home, "changes", &folder, &asked).code, 0);
    }
}

#[test]
fn d55_values_that_a_minimal_log_leaves_out_are_not_taken_for_others() {
    let home = Home::new();
    for fixture in ["mysql-image-minimal", "mariadb-image-minimal"] {
        let (folder, _) = plain(&home, fixture);
        let of_ints = ["--table", "bg_types.ints", "--kind", "delete", "--json"];
        let deleted = run(&home, "changes", &folder, &of_ints);
        let rows = deleted.lines();
        let first = rows[0]["before"].as_object().unwrap();
        let (key, value) = first.iter().next().unwrap();
        let found = run(&home, "changes", &folder, &[&of_ints[..], &["--where", &format!("{key}={value}")]].concat());
        assert_eq!((found.lines().len(), found.err.contains("remark")), (1, false), "{found:?}");
        let other = if key.starts_with('@') { "@2" } else { "t_s" };
        assert!(!first.contains_key(other), "{first:?}");
        let wanted = format!("{other}=1");
        let none = run(&home, "changes", &folder, &[&of_ints[..], &["--where", &wanted]].concat());
        assert_eq!(none.out, "", "{none:?}");
        assert_eq!(remark(&none)["rows"], rows.len(), "{none:?}");
        let why = remark(&none)["tables"][0]["why"].as_str().unwrap().to_owned();
        assert!(why.contains("leave the column") && why.contains(other), "{why}");
    }
}
