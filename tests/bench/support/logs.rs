//! Binary logs of real servers: made once and kept below `target`.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::databases::{Product, server};

/// A log with an accident in it, and the definition of its table.
pub struct Accident {
    pub product: Product,
    pub log: PathBuf,
    pub schema: PathBuf,
}

const TABLE: &str = "CREATE TABLE accident.orders (
    id INT UNSIGNED NOT NULL PRIMARY KEY,
    customer INT NOT NULL,
    state VARCHAR(16) CHARACTER SET utf8mb4 NOT NULL,
    amount DECIMAL(12,2) NOT NULL,
    note VARCHAR(80) CHARACTER SET utf8mb4,
    placed DATETIME NOT NULL,
    touched TIMESTAMP NULL
) ENGINE=InnoDB";

impl Accident {
    /// 500,000 rows deleted in one transaction and 400,000 changed in another: about 105 MB. `None` where the server
    /// is not there.
    pub fn ready(product: Product) -> Option<Self> {
        let folder = crate::bench::scratch().join(format!("accident-{product:?}"));
        let accident = Self { product, log: folder.join("binlog"), schema: folder.join("schema.sql") };
        if !accident.schema.exists() {
            fs::create_dir_all(&folder).expect("the target folder can be written");
            accident.make()?;
        }
        Some(accident)
    }

    fn make(&self) -> Option<()> {
        let server = server(self.product)?;
        server.sql(&format!("DROP DATABASE IF EXISTS accident; CREATE DATABASE accident; {TABLE};"));
        // Numbers from 0 to 899,999 without recursion limits.
        let ten = "(SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL \
            SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)";
        let number = "a.d+10*b.d+100*c.d+1000*e.d+10000*f.d+100000*g.d";
        server.sql(&format!(
            "SET sql_log_bin=0; INSERT INTO accident.orders SELECT n, n*7919%100000, ELT(1+n%3,'new','paid','sent'), \
             n*0.37, CONCAT('order ', n, ' of somebody''s, ', REPEAT('x', n%23)), \
             '2026-01-01' + INTERVAL n SECOND, NULL FROM (SELECT {number} n FROM {ten} a, {ten} b, {ten} c, {ten} e, \
             {ten} f, {ten} g) numbers WHERE n<900000"
        ));
        server.sql("FLUSH BINARY LOGS");
        let names = server.sql("SHOW BINARY LOGS");
        let name = names.lines().last()?.split('\t').next()?.to_owned();
        server.sql(
            "USE accident; DELETE FROM orders WHERE id<500000; \
             UPDATE orders SET amount=amount+1, note=CONCAT(note,'!') WHERE id>=500000; FLUSH BINARY LOGS",
        );
        fs::copy(server.folder.join("data").join(name), &self.log).expect("the log can be read");
        server.sql("DROP DATABASE accident");
        fs::write(&self.schema, format!("{TABLE};\n")).expect("room");
        Some(())
    }

    /// The vendor's own tool, printing what undoes the log (MariaDB) or what is in it (MySQL).
    pub fn stock(&self) -> Command {
        let mut command = match self.product {
            Product::Mariadb => {
                let mut command = Command::new("mariadb-binlog");
                command.args(["--flashback", "-v", "--base64-output=DECODE-ROWS"]);
                command
            }
            Product::Mysql => {
                let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/mysql.sh");
                let prefix = Command::new(script).arg("prefix").output().expect("the script is there");
                let prefix = String::from_utf8_lossy(&prefix.stdout).trim().to_owned();
                let mut command = Command::new(Path::new(&prefix).join("bin/mysqlbinlog"));
                command.arg("-v");
                command
            }
        };
        command.arg(&self.log);
        command
    }

    /// The same events again and again, until there are so many bytes: a log of many transactions.
    pub fn repeated(&self, bytes: u64) -> PathBuf {
        let path = self.log.with_file_name(format!("repeated-{bytes}"));
        if path.exists() {
            return path;
        }
        let log = fs::read(&self.log).expect("it was made");
        let events = events(&log);
        let (first, last) = (events.iter().position(|event| is_begin(&log, event)), events.len() - 1);
        let first = first.expect("a transaction begins");
        let (head, body) = (&log[..events[first].0], &log[events[first].0..events[last].0]);
        let unfinished = path.with_extension("part");
        let mut file = BufWriter::new(File::create(&unfinished).expect("room"));
        file.write_all(head).expect("room");
        for _ in 0..bytes.div_ceil(body.len() as u64) {
            file.write_all(body).expect("room");
        }
        file.into_inner().expect("room");
        fs::rename(unfinished, &path).expect("the target folder can be written");
        path
    }

    /// The events of the first statement again and again inside its one transaction; `packed`: compressed by zstd, as
    /// one event.
    pub fn one_transaction(&self, bytes: u64, packed: bool) -> PathBuf {
        let path = self.log.with_file_name(format!("single-{bytes}-{packed}"));
        if path.exists() {
            return path;
        }
        let log = fs::read(&self.log).expect("it was made");
        let events = events(&log);
        let begin = events.iter().position(|event| is_begin(&log, event)).expect("a transaction begins");
        let rows = |event: &(usize, usize)| matches!(log[event.0 + 4], 25 | 32);
        let from = events.iter().position(rows).expect("rows");
        let until = from + events[from..].iter().position(|event| !rows(event)).expect("an end");
        let end = until + events[until..].iter().position(|event| log[event.0 + 4] == 16).expect("a commit");
        let unfinished = path.with_extension("part");
        let mut file = BufWriter::new(File::create(&unfinished).expect("room"));
        // A GTID stays outside of what is compressed.
        let inner = if packed { begin + 1 } else { from };
        file.write_all(&log[..events[inner].0]).expect("room");
        let pieces = |out: &mut dyn Write| {
            let mut put = |event: &(usize, usize)| {
                let mut bytes = log[event.0..event.0 + event.1].to_vec();
                if packed {
                    bytes.truncate(event.1 - 4);
                    bytes[9..13].copy_from_slice(&(event.1 as u32 - 4).to_le_bytes());
                }
                out.write_all(&bytes).expect("room");
                bytes.len() as u64
            };
            events[inner..from].iter().for_each(|event| drop(put(event)));
            let mut made = 0;
            while made < bytes {
                made += events[from..until].iter().map(&mut put).sum::<u64>();
            }
            events[end..=end].iter().for_each(|event| drop(put(event)));
        };
        if packed {
            let mut encoder = zstd::Encoder::new(vec![], 3).expect("zstd");
            pieces(&mut encoder);
            file.write_all(&payload(&encoder.finish().expect("zstd"))).expect("room");
        } else {
            pieces(&mut file);
        }
        file.into_inner().expect("room");
        fs::rename(unfinished, &path).expect("the target folder can be written");
        path
    }
}

/// Where events begin and how long they are.
fn events(log: &[u8]) -> Vec<(usize, usize)> {
    let (mut at, mut found) = (4, vec![]);
    while at + 19 <= log.len() {
        let size = u32::from_le_bytes([log[at + 9], log[at + 10], log[at + 11], log[at + 12]]) as usize;
        found.push((at, size));
        at += size;
    }
    found
}

/// Whether a transaction begins: a GTID of either product.
fn is_begin(log: &[u8], event: &(usize, usize)) -> bool {
    matches!(log[event.0 + 4], 33 | 34 | 42 | 162)
}

/// A transaction payload event around compressed bytes.
fn payload(packed: &[u8]) -> Vec<u8> {
    let mut body = vec![1, 9, 0xfe];
    body.splice(0..0, [2, 1, 0]); // compressed by zstd
    body.extend((packed.len() as u64).to_le_bytes());
    body.push(0);
    body.extend(packed);
    let size = 19 + body.len() + 4;
    let mut event = vec![0; 19];
    event[4] = 40;
    event[5] = 1;
    event[9..13].copy_from_slice(&(size as u32).to_le_bytes());
    event.extend(body);
    let sum = crc32fast::hash(&event);
    event.extend(sum.to_le_bytes());
    event
}
