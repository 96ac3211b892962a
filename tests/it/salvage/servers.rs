//! What a salvage calls complete, loaded into real servers and compared with its source.

use super::*;
use crate::support::databases::servers;

#[tokio::test(flavor = "multi_thread")]
async fn the_complete_tables_of_a_cut_backup_are_the_source_s_own_rows() {
    for server in servers() {
        let (source, salvaged) = (server.unused(), server.unused());
        let text = dump(&source.name, 5, 300);
        server.sql(&text);
        let member = format!("{}_20260101000000.sql", source.name);
        let packed = piped(&tar(&[(&member, &text)]), "gzip", &["-c"]);
        let bench = Bench::new(&[("x.tgz", packed[..packed.len() * 3 / 4].to_vec())]).await;
        let report = bench.salvage("x.tgz").await.unwrap();
        assert!(report.tables(TableState::Complete) >= 2 && report.tables(TableState::Cut) == 1, "{}", report.words());
        let kept = bench.text("x.tgz", &format!("{}.partial.sql", source.name));
        server.sql(&kept.replace(&source.name, &salvaged.name));
        for found in &report.files[0].tables {
            let all = format!("SELECT * FROM `{}` ORDER BY id", found.table);
            let (was, is) = (source.sql(&all), salvaged.sql(&all));
            match found.state {
                TableState::Complete => assert_eq!(is, was, "{}", found.table),
                _ => assert!(was.starts_with(&is) && was.len() > is.len(), "{}", found.table),
            }
            assert_eq!(is.lines().count() as u64, found.rows, "{}", found.table);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tool_s_own_backup_cut_as_1_3_did_loads_its_complete_tables() {
    let Some(server) = crate::support::databases::server(crate::support::databases::Product::Mysql) else { return };
    let (source, salvaged) = (server.unused(), server.unused());
    let plain = fs::read(databacker().join("plain/bakery_2026-10-05T01:00:00Z.sql")).unwrap();
    let renamed = |text: &[u8], to: &str| String::from_utf8_lossy(text).replace("bakery", to);
    source.server.sql(&renamed(&plain, &source.name));
    let name = "db_backup_2026-10-05T06-00-00Z.tgz";
    let bytes = object(name);
    let bench = Bench::new(&[(name, bytes[..bytes.len() - 16_000].to_vec())]).await;
    let report = bench.salvage(name).await.unwrap();
    server.sql(&renamed(bench.text(name, "bakery.partial.sql").as_bytes(), &salvaged.name));
    let mut compared = 0;
    for found in report.files[0].tables.iter().filter(|table| table.state == TableState::Complete) {
        let all = format!("SELECT * FROM `{}`", found.table);
        assert_eq!(salvaged.sql(&all), source.sql(&all), "{}", found.table);
        compared += 1;
    }
    assert!(compared >= 2, "{}", report.words());
}
