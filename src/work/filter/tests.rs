use proptest::prelude::*;

use super::*;
use crate::model::backup::{BackupId, Basis, Compression, Format, Metadata, Shape, Taken, TakenFrom, Zone};
use crate::model::foreign::Foreign;
use crate::model::seal::{Fingerprint, Recipient, RecipientSource, Seal, SealScheme};
use crate::model::target::{History, Stamp, Storage, TargetName};

const NOW: Moment = Moment(1_795_244_400_000);

fn backup(database: &str, target: &str, hours: i64) -> Arc<Backup> {
    let at = Moment(NOW.0 - hours * 3_600_000);
    let mut digest = [0; 32];
    digest[..8].copy_from_slice(&at.0.to_be_bytes());
    Arc::new(Backup {
        id: BackupId::from_digest(&digest),
        target: TargetName::new(target).unwrap(),
        key: Foreign::from(format!("mysql/dbacked_{database}_{hours:06}")),
        stamp: Stamp::default(),
        history: History::Current,
        storage: Storage::default(),
        taken: Taken { at, from: TakenFrom::Name, offset: None, zone: Zone::Written },
        series: Foreign::from(format!("dbacked:{database}")),
        databases: vec![Foreign::from(database)],
        databases_known: true,
        shape: Shape {
            format: Format::Dbacked,
            compression: Compression::Gzip,
            basis: Basis::Bytes,
            seal: Some(Seal {
                recipients: vec![Recipient {
                    fingerprint: Fingerprint::from_digest(&[hours as u8; 32]),
                    source: RecipientSource::Metadata,
                }],
                ..Seal::new(SealScheme::Dbacked)
            }),
        },
        metadata: Metadata::Missing,
        proof: None,
        stale: false,
        opens: if hours % 2 == 0 { Opens::Yes } else { Opens::No },
        prune: None,
        findings: vec![],
    })
}

fn small() -> Arc<Index> {
    let names = [("shop", "offsite", 5), ("crm", "nas", 29), ("shop", "nas", 53), ("ledger", "offsite", 300)];
    Arc::new(Index::new(names.into_iter().map(|(name, target, hours)| backup(name, target, hours)).collect()))
}

fn rows(text: &str) -> Vec<u32> {
    let mut list = Narrowed::new(small());
    list.narrow(Query::parse(text, NOW));
    list.rows().to_vec()
}

#[test]
fn words_and_tokens_narrow_together() {
    assert_eq!(rows(""), [0, 1, 2, 3]);
    assert_eq!(rows("shop"), [0, 2]);
    assert_eq!(rows("SHOP target:nas"), [2]);
    assert_eq!(rows("db:crm,ledger"), [1, 3]);
    assert_eq!(rows("after:3d"), [0, 1, 2]);
    assert_eq!(rows("before:2026-11-19"), [3]);
    assert_eq!(rows("opens:yes"), [3]);
    assert_eq!(rows("key:0505"), [0]);
    assert_eq!(rows("trust:whole"), [0u32; 0]);
    assert_eq!(rows("format:dback seal:rsa -shop"), [1, 3]);
}

#[test]
fn small_gaps_are_forgiven_and_large_ones_are_not() {
    assert_eq!(rows("shp"), [0, 2]);
    assert_eq!(rows("ldgr"), [3]);
    assert_eq!(rows("sofe"), [0u32; 0], "letters of two fields make no word");
}

#[test]
fn what_is_not_understood_is_named_and_empties_no_list() {
    let query = Query::parse("tagret:nas trust:yes after:soon", NOW);
    assert_eq!(query.problems().len(), 3);
    assert_eq!(query.problems()[0], "no token `tagret:`; the nearest is `target:`");
    assert!(query.is_empty());
    assert_eq!(rows("after:"), [0, 1, 2, 3], "a token that is still being typed filters nothing");
}

#[test]
fn highlights_point_at_characters() {
    assert_eq!(Query::parse("hop", NOW).highlights("Shop"), [1, 2, 3]);
    assert_eq!(Query::parse("shp", NOW).highlights("shop"), [0, 1, 3]);
    assert_eq!(Query::parse("-shop zzz", NOW).highlights("shop"), [0u32; 0]);
    assert_eq!(Query::parse("ül", NOW).highlights("Müll"), [1, 2]);
}

proptest! {
    #[test]
    fn narrowing_step_by_step_finds_what_a_fresh_search_finds(text in "[-a-z:, 0-9]{0,16}") {
        let mut list = Narrowed::new(small());
        for end in 0..=text.len() {
            list.narrow(Query::parse(&text[..end], NOW));
        }
        prop_assert_eq!(list.rows().to_vec(), rows(&text));
    }

    #[test]
    fn any_text_is_survived(text in ".{0,40}") {
        let query = Query::parse(&text, NOW);
        query.highlights(&text);
    }
}
