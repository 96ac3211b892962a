//! How fast SQL is split, and in how much memory.
//!
//! `cargo bench --bench lexing` (or `cargo run --release` on it); an argument names a dump to read instead of
//! the made one. Prints GB/s on one core, best of five, and the peak resident memory.

use std::time::Instant;

use breakglass::format::census::Census;
use breakglass::sql::lexer::{LexError, Limits, Splitter, StatementEnd, StatementSink};

struct Nothing(u64);

impl StatementSink for Nothing {
    fn part(&mut self, bytes: &[u8]) {
        self.0 += bytes.len() as u64;
    }

    fn end(&mut self, end: &StatementEnd<'_>) -> Result<(), LexError> {
        self.0 += end.insert.map_or(0, |insert| insert.rows);
        Ok(())
    }
}

/// A dump like mysqldump's: extended INSERTs of about 1 MB with numbers, texts, dates and NULLs.
fn dump(bytes: usize) -> Vec<u8> {
    let (mut dump, mut row, mut seed) = (Vec::with_capacity(bytes + (2 << 20)), 0u64, 42u64);
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed >> 33
    };
    while dump.len() < bytes {
        let start = dump.len();
        dump.extend_from_slice(b"INSERT INTO `orders` VALUES ");
        while dump.len() - start < 1_000_000 {
            row += 1;
            let (a, b) = (next(), next());
            let note = ["NULL", "'O\\'Brien, 4th floor'", "'plain words of a customer who had something to say'", "''"];
            let text = format!(
                "({row},{},'user{a}@example.test','2026-{:02}-{:02} 12:00:{:02}',{}.{:02},{},'{}',NULL),",
                a % 9000,
                a % 12 + 1,
                b % 28 + 1,
                b % 60,
                b % 100_000,
                a % 100,
                note[(b % 4) as usize],
                ["open", "paid", "shipped; waiting", "back\\\\slash"][(a % 4) as usize],
            );
            dump.extend_from_slice(text.as_bytes());
        }
        dump.pop();
        dump.extend_from_slice(b";\n");
    }
    dump
}

fn run(dump: &[u8], sink: &mut dyn StatementSink) -> f64 {
    let begin = Instant::now();
    let mut splitter = Splitter::new(Limits::default());
    for chunk in dump.chunks(128 << 10) {
        splitter.feed(chunk, sink).expect("the dump can be followed");
    }
    splitter.finish(sink).expect("the dump can be followed");
    dump.len() as f64 / begin.elapsed().as_secs_f64() / 1e9
}

fn main() {
    let file = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let dump = file.map_or_else(|| dump(256 << 20), |file| std::fs::read(file).expect("the dump can be read"));
    let best = |run: &mut dyn FnMut() -> f64| (0..5).map(|_| run()).fold(0.0, f64::max);
    println!("dump: {} MB", dump.len() / 1_000_000);
    println!("split only:  {:.2} GB/s", best(&mut || run(&dump, &mut Nothing(0))));
    println!("with census: {:.2} GB/s", best(&mut || run(&dump, &mut Census::new())));
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or("VmHWM: unknown");
    println!("peak memory, the dump included: {}", peak.trim_start_matches("VmHWM:").trim());
}
