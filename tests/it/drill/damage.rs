//! Logs cut at every byte and flipped at many: an error with a name, a refusal, or the script of what is left.

use std::collections::BTreeMap;

use crate::drill::{Ask, Stopped, fixture_file, fixture_logs, undo};

/// The statements of a script, without comments and without what depends on how many there are.
fn statements(text: &str) -> Vec<&str> {
    let is_one =
        |line: &&str| line.starts_with("UPDATE ") || line.starts_with("DELETE ") || line.starts_with("INSERT ");
    text.lines().filter(is_one).collect()
}

fn definitions(fixture: &str) -> Vec<u8> {
    let product = fixture.split('-').next().unwrap();
    match fixture.split_once('-').unwrap().1 {
        "fk-cascade" => fixture_file(fixture, "after.sql.gz"),
        "odd" => b"USE bg_odd;".to_vec(),
        _ => fixture_file(&format!("{product}-multi"), "after.sql.gz"),
    }
}

const CASES: [&str; 4] = ["mysql-multi", "mariadb-multi", "mysql-fk-cascade", "mariadb-fk-cascade"];

#[test]
fn a_log_cut_anywhere_undoes_only_whole_transactions_in_front_of_the_cut() {
    for fixture in CASES {
        let (log, definitions) = (fixture_logs(fixture).remove(0), definitions(fixture));
        let ask = Ask { without: &["my_isam"], ..Ask::default() };
        let whole = undo(std::slice::from_ref(&log), &definitions, &ask).unwrap();
        let all = statements(&whole.text);
        let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
        for at in 0..log.len() {
            let outcome = match undo(&[log[..at].to_vec()], &definitions, &ask) {
                Err(Stopped::Damaged(_)) => "damaged",
                Err(Stopped::Refused(refused)) => {
                    assert!(refused.iter().all(|refusal| refusal.reason.to_string().contains("end")), "{refused:?}");
                    "no end"
                }
                Ok(undo) => {
                    // The last changes are undone first: what is left of the log is the end of the script.
                    assert!(all.ends_with(&statements(&undo.text)), "{fixture} cut at {at}");
                    "script"
                }
            };
            *outcomes.entry(outcome).or_default() += 1;
        }
        assert!(outcomes["damaged"] > log.len() / 2 && outcomes["script"] > 2, "{fixture}: {outcomes:?}");
        assert!(outcomes.contains_key("no end"), "{fixture}: {outcomes:?}");
    }
}

#[test]
fn a_flipped_bit_anywhere_in_a_checked_log_makes_no_script() {
    for fixture in CASES {
        let (log, definitions) = (fixture_logs(fixture).remove(0), definitions(fixture));
        let ask = Ask { without: &["my_isam"], ..Ask::default() };
        let in_use = 4 + 17; // the flag that a server sets after the sum was made
        for at in (0..log.len()).filter(|at| *at != in_use) {
            let mut flipped = log.clone();
            flipped[at] ^= 1 << (at % 8);
            match undo(&[flipped], &definitions, &ask) {
                Err(Stopped::Damaged(_)) => {}
                other => panic!("{fixture} flipped at {at}: {other:?}"),
            }
        }
    }
}

/// Without sums nothing tells every flipped bit; what comes out is still an error, a refusal, or a whole script
/// that does what its header says ([`undo`] proves each).
#[test]
fn a_flipped_bit_in_an_unchecked_log_never_makes_a_broken_script() {
    for product in ["mysql", "mariadb"] {
        let log = fixture_logs(&format!("{product}-checksum-none")).remove(0);
        let definitions = fixture_file(&format!("{product}-small-events"), "after.sql.gz");
        let log = &log[..log.len().min(60_000)];
        let (mut scripts, mut stopped) = (0, 0);
        for at in (4..log.len()).step_by(log.len() / 150) {
            let mut flipped = log.to_vec();
            flipped[at] ^= 1 << (at % 8);
            match undo(&[flipped], &definitions, &Ask::default()) {
                Ok(_) => scripts += 1,
                Err(_) => stopped += 1,
            }
        }
        assert!(scripts + stopped > 100 && stopped > 0, "{product}: {scripts} scripts, {stopped} stopped");
    }
}
