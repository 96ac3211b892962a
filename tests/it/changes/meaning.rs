//! What logs tell besides values: transactions, GTIDs, statements, walls, what was rolled back.

use std::sync::Arc;

use breakglass::change::frame::Limits;
use breakglass::change::query::DdlVerb;
use breakglass::change::schema::Described;
use breakglass::change::transactions::{Ending, Fate, Fates, Item, LogFile, Survey, Transactions};
use breakglass::model::change::{Certainty, Change, ChangeKind, Charset, Gtid, Place, Value};
use breakglass::model::foreign::Foreign;
use breakglass::sql::literal::Backslashes;

use crate::changes::{log, logs, unpacked, vectors};

fn survey(logs: &[Vec<u8>]) -> Fates {
    let mut survey = Survey::default();
    for (file, log) in (0..).zip(logs) {
        survey.file(&mut Transactions::new(&log[..], file, Limits::default())).unwrap();
    }
    survey.finish()
}

/// All changes of a fixture that happened, by what the log alone says.
fn changes(logs: &[Vec<u8>]) -> Vec<Change> {
    let fates = survey(logs);
    let mut changes = vec![];
    for (file, log) in (0_u32..).zip(logs) {
        let of = LogFile { source: Arc::new("here".into()), name: Arc::new(Foreign::from(format!("binlog.{file}"))) };
        let mut log = Transactions::new(&log[..], file, Limits::default());
        while let Some(item) = log.next().unwrap() {
            let Item::Rows(item) = item else { continue };
            let fate = fates.of(item.place);
            if matches!(fate, Fate::Happened | Fate::Undecided) {
                changes.extend(item.changes(&of, &Described::by_log(item.event.table, None), fate).unwrap());
            }
        }
    }
    changes
}

/// GTIDs in the order in which the vendor's tool prints them.
fn decoded_gtids(fixture: &str) -> Vec<String> {
    let text = unpacked(vectors().join(fixture).join("decoded.txt.gz"));
    let text = String::from_utf8_lossy(&text);
    let mysql = text.lines().filter_map(|line| line.strip_prefix("SET @@SESSION.GTID_NEXT= '")?.split('\'').next());
    let mariadb = text.lines().filter_map(|line| line.split("\tGTID ").nth(1)?.split_whitespace().next());
    let gtids = if fixture.starts_with("mysql") { mysql.collect::<Vec<_>>() } else { mariadb.collect() };
    gtids.into_iter().filter(|gtid| *gtid != "AUTOMATIC").map(str::to_owned).collect()
}

#[test]
fn gtids_are_those_that_the_vendors_tool_prints_tagged_ones_too() {
    for fixture in
        ["mysql-multi", "mysql-ddl", "mysql-compressed", "mariadb-multi", "mariadb-ddl", "mariadb-compressed"]
    {
        let decoded = decoded_gtids(fixture);
        let mut ours = vec![];
        for log in logs(fixture) {
            let mut log = Transactions::new(&log[..], 0, Limits::default());
            while let Some(item) = log.next().unwrap() {
                let facts = match &item {
                    Item::Begin(facts) => facts,
                    Item::Rows(rows) => rows.facts,
                    Item::Wall(_, statement) | Item::Statement(statement) => &statement.facts,
                    _ => continue,
                };
                let gtid = facts.gtid.as_ref().unwrap().to_string();
                if ours.last() != Some(&gtid) {
                    ours.push(gtid);
                }
            }
        }
        // Ends of XA transactions have GTIDs of their own, and no rows.
        let silent = decoded.iter().filter(|gtid| !ours.contains(gtid)).count();
        assert!(silent <= 2 && ours.len() > 5, "{fixture}: {silent} of {}", decoded.len());
        let told: Vec<_> = decoded.into_iter().filter(|gtid| ours.contains(gtid)).collect();
        assert_eq!(ours, told, "{fixture}");
    }
    let tagged = changes(&logs("mysql-multi"));
    let tags = |change: &&Change| matches!(&change.transaction.gtid, Some(Gtid::MySql { tag: Some(tag), .. }) if &**tag == "nightly");
    assert!(tagged.iter().any(|change| tags(&change)));
}

#[test]
fn rows_of_a_rolled_back_xa_transaction_did_not_happen() {
    for fixture in ["mysql-multi", "mariadb-multi"] {
        let files = logs(fixture);
        let id = |change: &Change| match change.before.as_ref().unwrap().values[0] {
            Some(Value::Int(id)) => id,
            ref other => panic!("{other:?}"),
        };
        let deleted = |changes: &[Change], wanted: i64| {
            let on_t = |change: &&Change| change.kind == ChangeKind::Delete && change.table.name.raw_bytes() == b"t";
            changes.iter().filter(on_t).any(|change| id(change) == wanted)
        };
        let happened = changes(&files);
        assert!(!deleted(&happened, 11), "{fixture}: XA ROLLBACK 'xa two'");
        let xa_one = happened.iter().any(|change| {
            let Some(Value::Text { bytes, .. }) = &change.after.as_ref().and_then(|after| after.values[1].clone())
            else {
                return false;
            };
            bytes.as_ref() == b"xa"
        });
        assert!(xa_one, "{fixture}: XA COMMIT 'xa one'");
        let fates = survey(&files);
        assert!(!fates.is_empty());

        // Without the file in which it ends, a prepared transaction is undecided.
        let mut ended_in = None;
        for (file, log) in files.iter().enumerate() {
            let mut log = Transactions::new(&log[..], 0, Limits::default());
            while let Some(item) = log.next().unwrap() {
                if let Item::End(Ending::Prepared(_)) = item {
                    ended_in = Some((file, log.place().position));
                    break;
                }
            }
        }
        let (file, at) = ended_in.unwrap();
        let size = u32::from_le_bytes(files[file][at.0 as usize + 9..at.0 as usize + 13].try_into().unwrap());
        let cut = files[file][..at.0 as usize + size as usize].to_vec();
        assert!(changes(&[cut]).iter().any(|change| change.certainty == Certainty::Undecided), "{fixture}");
    }
}

#[test]
fn a_savepoint_that_is_gone_back_to_takes_its_rows_with_it() {
    // A log made for this: servers write ROLLBACK TO only beside tables without transactions.
    let whole = log("mysql-multi");
    let text = String::from_utf8_lossy(&whole).into_owned();
    assert!(text.contains("SAVEPOINT `s1`"));
    let at = memchr::memmem::find(&whole, b"SAVEPOINT `s1`").unwrap();
    let mut forged = whole.clone();
    // The same length: the savepoint becomes the way back to the beginning, and the sums are made anew.
    forged[at..at + 14].copy_from_slice(b"ROLLBACK TO  x");
    let mut from = 4;
    while from < forged.len() {
        let size = u32::from_le_bytes(forged[from + 9..from + 13].try_into().unwrap()) as usize;
        let sum = crc32fast::hash(&forged[from..from + size - 4]).to_le_bytes();
        forged[from + size - 4..from + size].copy_from_slice(&sum);
        from += size;
    }
    let (before, after) = (changes(&[whole]), changes(&[forged]));
    // To a name that was not set: what lies between may have stayed.
    let open = |changes: &[Change]| changes.iter().filter(|one| one.certainty == Certainty::Undecided).count();
    assert_eq!((before.len(), open(&before), open(&after)), (after.len(), 0, 1));
    let kept = |changes: &[Change]| {
        changes.iter().any(|change| format!("{:?}", change.after).contains(&format!("{:?}", b"kept too")))
    };
    assert!(kept(&before) && kept(&after));
}

#[test]
fn statements_and_walls_and_threads_are_told() {
    let mut verbs = vec![];
    let bytes = log("mysql-ddl");
    let mut told = Transactions::new(&bytes[..], 0, Limits::default());
    while let Some(item) = told.next().unwrap() {
        if let Item::Wall(ddl, statement) = item {
            assert!(!statement.query.text.is_empty() && statement.query.schema == b"bg_ddl");
            verbs.push(ddl.verb);
        }
    }
    let expected = [
        DdlVerb::Alter,
        DdlVerb::Alter,
        DdlVerb::Alter,
        DdlVerb::Rename,
        DdlVerb::Truncate,
        DdlVerb::Drop,
        DdlVerb::Create,
    ];
    assert_eq!(verbs, expected);

    for fixture in ["mysql-statement", "mariadb-statement"] {
        let bytes = log(fixture);
        let mut told = Transactions::new(&bytes[..], 0, Limits::default());
        let mut statements = 0;
        while let Some(item) = told.next().unwrap() {
            statements += usize::from(matches!(item, Item::Statement(_)));
        }
        assert!(statements >= 4, "{fixture}: {statements}");
    }

    let annotated = changes(&logs("mariadb-multi"));
    let said = annotated.iter().filter(|change| change.statement.is_some()).count();
    assert_eq!(said, annotated.len());
    let first = annotated[0].statement.as_ref().unwrap();
    assert_eq!(first.raw_str(), Some("UPDATE t SET v='B two' WHERE id=2"));
    let mysql = changes(&logs("mysql-multi"));
    assert!(mysql.iter().all(|change| change.transaction.thread.is_some()));
    assert_eq!((mysql[0].kind, mysql[0].changed()), (ChangeKind::Update, vec![1]));
}

#[test]
fn names_come_from_full_metadata_and_are_numbers_without() {
    let full = changes(&logs("mysql-alltypes-fullmeta"));
    assert!(full.iter().all(|change| change.certainty == Certainty::Exact));
    let odd = full.iter().find(|change| change.table.name.raw_str() == Some("odd `name` ünï 表")).unwrap();
    let names: Vec<_> = odd.table.columns.iter().map(|column| column.name.raw_str().unwrap()).collect();
    assert_eq!(names, ["select", "col`tick", "ключ", "with space", "q'uote", "日付"]);
    assert_eq!(odd.table.columns[0].key_part, Some(0));
    let bare = changes(&logs("mysql-alltypes"));
    assert!(bare.iter().all(|change| change.certainty == Certainty::Unnamed));
    assert_eq!(bare[0].table.columns[1].name.raw_str(), Some("@2"));
    let minimal = changes(&logs("mysql-image-minimal"));
    assert!(minimal.iter().any(|change| change.certainty == Certainty::Incomplete));
}

#[test]
fn keys_name_each_change_once_inside_compressed_transactions_too() {
    let changes = changes(&logs("mysql-compressed"));
    let keys: std::collections::BTreeSet<_> = changes.iter().map(|change| change.key.clone()).collect();
    assert_eq!((keys.len(), keys.len() > 300), (changes.len(), true));
}

#[test]
fn partial_documents_are_put_together_as_the_server_had_them_at_the_end() {
    let dump = unpacked(vectors().join("mysql-partial-json/after.sql.gz"));
    let mut last = std::collections::BTreeMap::new();
    for change in changes(&logs("mysql-partial-json")) {
        if let Some(before) = &change.before {
            let known = last.remove(&format!("{} {:?}", change.table.name, before.values[0]));
            assert!(known.is_none_or(|known| known == *before), "{:?}", change.key);
        }
        if let Some(after) = change.after {
            last.insert(format!("{} {:?}", change.table.name, after.values[0]), after);
        }
    }
    let mut found = 0;
    for image in last.values() {
        for value in &image.values {
            match value {
                Some(Value::Json { text, .. }) => {
                    let quoted = breakglass::sql::literal::quote(text.as_bytes(), Backslashes::Escape);
                    let dumped = String::from_utf8(quoted).unwrap();
                    let dumped = dumped.trim_matches('\'').replace('"', "\\\"").replace("''", "\\'");
                    assert!(memchr::memmem::find(&dump, dumped.as_bytes()).is_some(), "{dumped}");
                    found += 1;
                }
                Some(Value::JsonPatch(patch)) => panic!("{patch}"),
                _ => {}
            }
        }
    }
    assert!(found > 10, "{found}");
    let unresolved = changes(&logs("mysql-partial-json-image-minimal"));
    let patches = unresolved.iter().filter_map(|change| change.after.as_ref()).flat_map(|after| &after.values);
    let patches: Vec<_> = patches
        .filter_map(|value| match value {
            Some(Value::JsonPatch(patch)) => Some(patch.to_string()),
            _ => None,
        })
        .collect();
    assert!(patches.iter().any(|patch| patch == "replace $.name: \"short\""), "{patches:?}");
}

#[test]
fn every_before_image_is_what_the_last_change_of_the_row_left() {
    for fixture in ["mysql-alltypes-fullmeta", "mariadb-alltypes-fullmeta", "mysql-compressed", "mariadb-compressed"] {
        let mut last = std::collections::HashMap::new();
        let mut agreed = 0;
        for change in changes(&logs(fixture)) {
            if change.table.name.raw_bytes() == b"nopk" || change.table.columns[0].name.raw_bytes() == b"a" {
                continue;
            }
            let key =
                |image: &breakglass::model::change::RowImage| format!("{} {:?}", change.table.name, image.values[0]);
            if let Some(before) = &change.before
                && let Some(known) = last.remove(&key(before))
                && change.table.name.raw_bytes() != b"comp"
            {
                assert_eq!(&known, before, "{fixture} {:?}", change.key);
                agreed += 1;
            }
            if let Some(after) = change.after.clone() {
                last.insert(key(&after), after);
            }
        }
        assert!(agreed > 20, "{fixture}: {agreed}");
    }
}

#[test]
fn collations_have_the_character_sets_that_both_servers_say() {
    for list in ["collations-mysql97.txt", "collations-mariadb1011.txt"] {
        let text = std::fs::read_to_string(vectors().join(list)).unwrap();
        assert!(text.lines().count() > 250);
        for line in text.lines() {
            let (id, name) = line.split_once('\t').unwrap();
            let said = breakglass::change::charset::of_collation(id.parse().unwrap());
            let expected =
                if name == "binary" { Charset::Binary } else { breakglass::change::charset::named(name.as_bytes()) };
            assert_ne!(expected, Charset::Unknown, "{list}: {line}");
            assert_eq!(said, expected, "{list}: {line}");
        }
    }
}

/// Second column of each change on a table, after it or, of deletes, before it.
fn texts(changes: &[Change], table: &str) -> Vec<String> {
    let on_it = changes.iter().filter(|change| change.table.name.raw_str() == Some(table));
    let images = on_it.filter_map(|change| Some((change.kind, change.after.as_ref().or(change.before.as_ref())?)));
    images
        .map(|(kind, image)| match &image.values[1] {
            Some(Value::Text { bytes, .. }) => format!("{kind} {}", String::from_utf8_lossy(bytes)),
            other => format!("{kind} {other:?}"),
        })
        .collect()
}

#[test]
fn odd_transactions_of_real_servers_come_out_as_the_tables_were_left() {
    let mariadb = changes(&logs("mariadb-odd"));
    // ROLLBACK TO was logged because a table without transactions took part: its rows stay, the others go.
    assert_eq!(texts(&mariadb, "m"), ["insert stays", "insert stays too"]);
    assert_eq!(texts(&mariadb, "t"), ["insert kept", "insert after", "update xa one phase"]);
    assert_eq!(texts(&mariadb, "c"), ["insert kept", "insert after"]);

    let mysql = changes(&logs("mysql-odd"));
    assert_eq!(texts(&mysql, "t"), ["insert kept", "insert after", "update xa one phase"]);
    assert_eq!(texts(&mysql, "c"), ["insert kept", "insert after"]);
    let said = mysql.iter().find(|change| change.kind == ChangeKind::Update).unwrap().statement.clone().unwrap();
    assert_eq!(said.raw_str(), Some("update t set v='xa one phase' where id=1"));
    let vector = mysql[0].after.as_ref().unwrap().values[3].clone().unwrap();
    let floats: Vec<u8> = [1.0_f32, 2.0, 3.0].iter().flat_map(|number| number.to_le_bytes()).collect();
    assert_eq!(vector, Value::Vector(floats.into()));
}

#[test]
fn compressed_columns_and_fixed_bytes_come_out_whole() {
    let bytes = log("mariadb-columns");
    let mut known = breakglass::change::schema::Timeline::default();
    let create = b"CREATE TABLE q.u(id int primary key, u uuid, i6 inet6, i4 inet4, vv varchar(300) compressed, \
                   tt text compressed, bl blob compressed)";
    known.read(create, b"", Place::default()).unwrap();
    let of = LogFile { source: Arc::new("here".into()), name: Arc::new("log".into()) };
    let mut log = Transactions::new(&bytes[..], 0, Limits::default());
    let mut rows = vec![];
    while let Some(item) = log.next().unwrap() {
        let Item::Rows(item) = item else { continue };
        let described = known.describe(item.event.table, item.place);
        assert_eq!(described.unknown, None);
        assert_eq!(described.shown.columns[1].declared.as_deref(), Some("uuid"));
        rows.extend(item.changes(&of, &described, Fate::Happened).unwrap());
    }
    let bytes = |row: usize, column: usize| match &rows[row].after.as_ref().unwrap().values[column] {
        Some(Value::Text { bytes, .. }) => bytes.to_vec(),
        other => panic!("{other:?}"),
    };
    assert_eq!(rows.len(), 6);
    assert_eq!((bytes(0, 4), bytes(0, 5), bytes(0, 6)), (vec![b'a'; 200], vec![b'b'; 2000], vec![]));
    assert_eq!((bytes(1, 4), bytes(1, 5), bytes(1, 6)), (b"short".to_vec(), b"shorter".to_vec(), vec![b'c'; 60_000]));
    assert_eq!((bytes(2, 4), bytes(2, 5)), (vec![], vec![]));
    let uuid = data_encoding::HEXLOWER.decode(b"123e4567e89b12d3a456426614174000").unwrap();
    assert_eq!((bytes(0, 1), bytes(0, 3), bytes(3, 1)), (uuid, vec![1, 2, 3, 0], vec![0; 16]));
    assert_eq!((bytes(2, 2), bytes(1, 3)), (vec![0; 16], vec![0; 4]));
}

#[test]
fn definitions_in_the_log_are_enough_where_the_log_has_them_quoted_names_too() {
    for fixture in ["mysql-odd", "mariadb-odd"] {
        let mut known = breakglass::change::schema::Timeline::default();
        let bytes = log(fixture);
        let mut log = Transactions::new(&bytes[..], 0, Limits::default());
        let mut seen = vec![];
        while let Some(item) = log.next().unwrap() {
            match item {
                Item::Wall(ddl, statement) => {
                    let place = Place { position: statement.facts.start, ..Place::default() };
                    known.follow(&ddl, &statement.query, place);
                }
                Item::Rows(rows) if rows.event.table.name.raw_bytes() == b"q\"x" => {
                    let shown = known.describe(rows.event.table, rows.place).shown;
                    let columns = shown.columns.iter().map(|column| (column.name.to_string(), column.generated));
                    seen.push(columns.collect::<Vec<_>>());
                }
                _ => {}
            }
        }
        let (ab, g, z) = (("a b".to_owned(), Some(false)), ("g".to_owned(), Some(true)), ("z".to_owned(), Some(false)));
        assert_eq!(seen, [vec![ab.clone(), g.clone()], vec![z, ab, g]], "{fixture}");
    }
}
