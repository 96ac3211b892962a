//! What every kind of target promises.

use std::collections::BTreeSet;

use breakglass::model::foreign::Foreign;
use breakglass::target::{StoreError, read};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use tokio_util::sync::CancellationToken;

use super::{Place, code, keys, listing, only_object, pattern, read_all};

const MIB: usize = 1 << 20;

#[tokio::test]
async fn two_and_a_half_thousand_entries_come_in_pages_and_each_once() {
    for place in Place::each() {
        place.fill("night/", 2500);
        let pages: Vec<_> = place.store().list(CancellationToken::new()).try_collect().await.unwrap();
        assert!(pages.len() >= 3, "{}: {} pages", place.kind(), pages.len());
        assert!(pages.iter().all(|page| !page.is_empty()));
        let all: BTreeSet<Foreign> = pages.iter().flatten().map(|object| object.key.clone()).collect();
        assert_eq!((all.len(), pages.iter().map(Vec::len).sum::<usize>()), (2500, 2500), "{}", place.kind());
        assert!(all.contains(&Foreign::from("night/02499")));
    }
}

#[tokio::test]
async fn a_cancelled_listing_stops_and_says_so() {
    for place in Place::each() {
        place.fill("", 2500);
        let cancel = CancellationToken::new();
        let mut pages = place.store().list(cancel.clone());
        assert_eq!(pages.next().await.unwrap().unwrap().len(), 1000, "{}", place.kind());
        cancel.cancel();
        let rest: Vec<_> = pages.collect().await;
        assert_eq!(rest.last(), Some(&Err(StoreError::Cancelled)), "{}", place.kind());
        assert!(rest.len() <= 2, "{}: the rest was listed all the same", place.kind());
    }
}

#[tokio::test]
async fn an_empty_target_lists_nothing() {
    for place in Place::each() {
        place.put("x", b"");
        place.remove("x");
        assert_eq!(listing(&place.store()).await.unwrap(), [], "{}", place.kind());
        place.store().probe().await.unwrap();
    }
}

#[tokio::test]
async fn any_range_is_exactly_those_bytes() {
    let body = pattern(3000);
    for place in Place::each() {
        place.put("a", &body);
        let store = place.store();
        let object = only_object(&store).await;
        assert_eq!(object.stamp.size, 3000);
        for (from, len) in
            [(0, Some(3000)), (0, Some(1)), (2999, Some(1)), (100, None), (100, Some(9999)), (3000, None)]
        {
            let pieces: Vec<Bytes> = store.open_range(&object, from, len).try_collect().await.unwrap();
            let end = len.map_or(3000, |len| (from + len).min(3000)) as usize;
            assert_eq!(pieces.concat(), body[from as usize..end], "{} {from} {len:?}", place.kind());
        }
        assert_eq!(store.head(&object, 14).await.unwrap(), body[..14]);
        assert_eq!(store.head(&object, 1 << 20).await.unwrap(), body[..]);
    }
}

#[tokio::test]
async fn a_read_delivers_every_byte_in_order_from_wherever_it_starts() {
    let body = pattern(18 * MIB + 12_345);
    for place in Place::each() {
        place.put("big", &body);
        let store = place.store();
        let object = only_object(&store).await;
        for from in [0, 1, 4 * MIB, 4 * MIB + 1, body.len() - 1, body.len()] {
            let (read, error) = read_all(&store, &object, from as u64).await;
            assert!(read == body[from..] && error.is_none(), "{} from {from}: {error:?}", place.kind());
        }
    }
}

#[tokio::test]
async fn an_empty_object_is_listed_stated_and_read() {
    for place in Place::each() {
        place.put("zero", b"");
        let store = place.store();
        let object = only_object(&store).await;
        assert_eq!(object.stamp.size, 0);
        assert_eq!(store.head(&object, 14).await.unwrap(), "");
        assert_eq!(read_all(&store, &object, 0).await, (vec![], None), "{}", place.kind());
        place.put("zero", b"no longer");
        let (_, error) = read_all(&store, &object, 0).await;
        assert_eq!(code(&error.unwrap()), "target::changed", "{}", place.kind());
    }
}

#[tokio::test]
async fn a_cancelled_read_stops_and_says_so() {
    for place in Place::each() {
        place.put("big", &pattern(12 * MIB));
        let store = place.store();
        let cancel = CancellationToken::new();
        let mut pieces = read(store.clone(), only_object(&store).await, 0, cancel.clone());
        pieces.try_next().await.unwrap().unwrap();
        cancel.cancel();
        let rest: Vec<_> = pieces.collect().await;
        assert_eq!(rest.last(), Some(&Err(StoreError::Cancelled)), "{}", place.kind());
    }
}

#[tokio::test]
async fn hostile_names_are_listed_and_read_as_they_are() {
    let long = format!("{}x", "k/".repeat(60));
    let widest = "n".repeat(255);
    let names = [
        "a b+c%2Fd%d",
        "\u{1b}[31mred",
        "line\nbreak",
        "tab\tbell\u{7}",
        "\u{202e}gpj.sql",
        "ümläut-\u{4e2d}\u{6587}.sql",
        "quote'\"`$(x);&",
        "..hidden",
        "-rf",
        "~",
        "?versionId=1",
        "#fragment",
        "back\\slash",
        &long,
        &widest,
    ];
    for place in Place::each() {
        for (number, name) in names.iter().enumerate() {
            place.put(name, number.to_string().as_bytes());
        }
        let store = place.store();
        let objects = listing(&store).await.unwrap();
        let mut expected: Vec<_> = names.iter().map(|name| Foreign::from(*name)).collect();
        expected.sort();
        assert_eq!(keys(&objects), expected, "{}", place.kind());
        for (number, name) in names.iter().enumerate() {
            let object = store.stat(&Foreign::from(*name), None).await.unwrap();
            let (body, error) = read_all(&store, &object, 0).await;
            assert_eq!((body, error), (number.to_string().into_bytes(), None), "{} {name:?}", place.kind());
        }
    }
}

#[tokio::test]
async fn what_is_not_there_is_named_in_the_error() {
    for place in Place::each() {
        place.put("a", b"x");
        let error = place.store().stat(&Foreign::from("missing\u{7}"), None).await.unwrap_err();
        assert_eq!(code(&error), "target::not_found", "{}", place.kind());
        assert!(error.to_string().contains(":missing\\u{7}"), "{error}");
    }
}

#[tokio::test]
async fn an_object_that_was_replaced_by_one_of_the_same_size_is_not_read() {
    for place in Place::each() {
        place.put("a", b"the old bytes");
        let store = place.store();
        let object = only_object(&store).await;
        place.put("a", b"the new bytes");
        let (bytes, error) = read_all(&store, &object, 0).await;
        assert_eq!((bytes.len(), code(&error.unwrap()).as_str()), (0, "target::changed"), "{}", place.kind());
        let error = store.head(&object, 4).await.unwrap_err();
        assert_eq!(code(&error), "target::changed", "{}", place.kind());
    }
}

#[tokio::test]
async fn an_object_that_changes_while_it_is_read_is_an_error_and_never_a_splice() {
    let (old, new) = (pattern(40 * MIB), vec![b'!'; 40 * MIB]);
    for place in Place::each() {
        place.put("a", &old);
        let store = place.store();
        let mut pieces = read(store.clone(), only_object(&store).await, 0, CancellationToken::new());
        let mut got = pieces.try_next().await.unwrap().unwrap().to_vec();
        match &place {
            // Written anew beside it and renamed: the open file stays the old one, and yet it is noticed.
            Place::Folder(folder) => {
                std::fs::write(folder.path().join("b"), &new).unwrap();
                std::fs::rename(folder.path().join("b"), folder.path().join("a")).unwrap();
            }
            Place::Vault(vault) => {
                vault.put("b", &new);
                std::fs::rename(vault.files().join("b"), vault.files().join("a")).unwrap();
            }
            Place::Bucket(_) => place.put("a", &new),
        }
        let error = loop {
            match pieces.try_next().await {
                Ok(Some(piece)) => got.extend_from_slice(&piece),
                Ok(None) => panic!("{}: it passed for whole", place.kind()),
                Err(error) => break error,
            }
        };
        assert_eq!(code(&error), "target::changed", "{}", place.kind());
        assert!(old.starts_with(&got), "{}: new bytes were mixed in", place.kind());
    }
}

#[tokio::test]
async fn an_object_that_is_gone_is_not_found() {
    for place in Place::each() {
        place.put("a", b"x");
        let store = place.store();
        let object = only_object(&store).await;
        place.remove("a");
        let (_, error) = read_all(&store, &object, 0).await;
        assert_eq!(code(&error.unwrap()), "target::not_found", "{}", place.kind());
    }
}
