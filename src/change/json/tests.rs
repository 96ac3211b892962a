use proptest::prelude::*;
use serde_json::Value as Parsed;

use super::*;
use crate::model::change::{JsonPlace, JsonScalar, JsonTypes};

/// Encodes a document as the server does, small containers only: written down a second time, from the description.
fn encode(value: &Parsed) -> Vec<u8> {
    let (kind, bytes) = part(value);
    [vec![kind], bytes].concat()
}

fn part(value: &Parsed) -> (u8, Vec<u8>) {
    match value {
        Parsed::Null => (4, vec![0]),
        Parsed::Bool(yes) => (4, vec![if *yes { 1 } else { 2 }]),
        Parsed::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) if i16::try_from(number).is_ok() => (5, (number as i16).to_le_bytes().to_vec()),
            (Some(number), _) if i32::try_from(number).is_ok() => (7, (number as i32).to_le_bytes().to_vec()),
            (Some(number), _) => (9, number.to_le_bytes().to_vec()),
            (None, Some(number)) => (10, number.to_le_bytes().to_vec()),
            (None, None) => (11, number.as_f64().unwrap().to_le_bytes().to_vec()),
        },
        Parsed::String(text) => {
            assert!(text.len() < 1 << 14);
            let len = text.len();
            let head = if len < 128 { vec![len as u8] } else { vec![len as u8 | 0x80, (len >> 7) as u8] };
            (12, [head, text.as_bytes().to_vec()].concat())
        }
        Parsed::Array(members) => (2, container(members.iter().map(|member| (None, member)).collect())),
        Parsed::Object(members) => {
            let mut members: Vec<_> = members.iter().map(|(key, member)| (Some(key), member)).collect();
            members.sort_by_key(|(key, _)| (key.unwrap().len(), *key));
            (0, container(members))
        }
    }
}

fn container(members: Vec<(Option<&String>, &Parsed)>) -> Vec<u8> {
    let keys = members.iter().filter(|(key, _)| key.is_some()).count();
    let head = 4 + keys * 4 + members.len() * 3;
    let (mut entries, mut tail) = (vec![], vec![]);
    for key in members.iter().filter_map(|(key, _)| *key) {
        entries.extend_from_slice(&((head + tail.len()) as u16).to_le_bytes());
        entries.extend_from_slice(&(key.len() as u16).to_le_bytes());
        tail.extend_from_slice(key.as_bytes());
    }
    for (_, member) in &members {
        let (kind, bytes) = part(member);
        entries.push(kind);
        if matches!(kind, 4..=6) {
            entries.extend_from_slice(&[bytes[0], bytes.get(1).copied().unwrap_or(0)]);
        } else {
            entries.extend_from_slice(&((head + tail.len()) as u16).to_le_bytes());
            tail.extend_from_slice(&bytes);
        }
    }
    let size = (head + tail.len()) as u16;
    [&(members.len() as u16).to_le_bytes()[..], &size.to_le_bytes(), &entries, &tail].concat()
}

fn printed(bytes: &[u8]) -> String {
    match text(bytes).unwrap() {
        Value::Json { text, .. } => text.into_owned(),
        other => panic!("{other:?}"),
    }
}

fn documents() -> impl Strategy<Value = Parsed> {
    let leaf = prop_oneof![
        Just(Parsed::Null),
        any::<bool>().prop_map(Parsed::Bool),
        any::<i64>().prop_map(Parsed::from),
        any::<u64>().prop_map(Parsed::from),
        any::<i16>().prop_map(Parsed::from),
        any::<i32>().prop_map(|number| Parsed::from(f64::from(number) / 8.0)),
        ".{0,40}".prop_map(Parsed::String),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Parsed::Array),
            proptest::collection::btree_map(".{0,8}", inner, 0..6)
                .prop_map(|map| Parsed::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_document_prints_to_text_that_reads_as_the_same(value in documents()) {
        let again: Parsed = serde_json::from_str(&printed(&encode(&value))).unwrap();
        prop_assert_eq!(again, value);
    }

    #[test]
    fn a_number_prints_to_digits_that_read_as_the_same(number: f64) {
        prop_assume!(number.is_finite());
        let text = printed(&[&[11][..], &number.to_le_bytes()].concat());
        prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), number.to_bits());
    }

    #[test]
    fn any_bytes_are_a_document_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = (text(&bytes), describe(&bytes), patched(&bytes, &bytes));
    }
}

#[test]
fn numbers_print_as_the_server_prints_them() {
    let cases = [
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (1e15, "1e15"),
        (123456789012345.0, "123456789012345.0"),
        (1e-15, "0.000000000000001"),
        (1e-16, "1e-16"),
        (0.1, "0.1"),
        (1.5e300, "1.5e300"),
        (1e-14, "0.00000000000001"),
    ];
    for (number, expected) in cases {
        assert_eq!(printed(&[&[11][..], &f64::to_le_bytes(number)].concat()), expected);
    }
}

fn diff(operation: u8, path: &str, value: Option<Parsed>) -> Vec<u8> {
    let mut bytes = vec![operation, path.len() as u8];
    bytes.extend_from_slice(path.as_bytes());
    if let Some(value) = value {
        let value = encode(&value);
        bytes.push(value.len() as u8);
        bytes.extend_from_slice(&value);
    }
    bytes
}

#[test]
fn differences_replace_insert_and_remove() {
    let before = encode(&serde_json::json!({"a": [1, 2, 3], "b c": {"x": 1}, "zz": "t"}));
    let cases = [
        (diff(0, "$.a[1]", Some(20.into())), r#"{"a": [1, 20, 3], "zz": "t", "b c": {"x": 1}}"#),
        (diff(1, "$.a[0]", Some("s".into())), r#"{"a": ["s", 1, 2, 3], "zz": "t", "b c": {"x": 1}}"#),
        (diff(1, "$.\"b c\".w", Some(Parsed::Null)), r#"{"a": [1, 2, 3], "zz": "t", "b c": {"w": null, "x": 1}}"#),
        (diff(2, "$.\"b c\"", None), r#"{"a": [1, 2, 3], "zz": "t"}"#),
        ([diff(2, "$.a[2]", None), diff(2, "$.zz", None)].concat(), r#"{"a": [1, 2], "b c": {"x": 1}}"#),
    ];
    for (differences, expected) in cases {
        let Ok(Value::Json { text, types: JsonTypes::Plain }) = patched(&before, &differences) else {
            panic!("{expected}")
        };
        assert_eq!(text, expected);
    }
    assert!(patched(&before, &diff(0, "$.nowhere", Some(1.into()))).is_err());
    assert!(patched(&before, &diff(2, "$.a[9]", None)).is_err());
}

#[test]
fn a_document_whose_parts_share_their_bytes_does_not_swell() {
    // Arrays of two members that are both the next array: 2^60 values in a kilobyte.
    let mut bytes = vec![2];
    for level in 0..60_u16 {
        let size = 10 * (60 - level) + 4;
        bytes.extend_from_slice(&[2, 0]);
        bytes.extend_from_slice(&size.to_le_bytes());
        bytes.extend_from_slice(&[2, 10, 0, 2, 10, 0]);
    }
    bytes.extend_from_slice(&[0, 0, 4, 0]);
    assert!(text(&bytes).is_err());
    assert!(patched(&bytes, &diff(2, "$[0]", None)).is_err());
}

/// What the property above once failed on.
#[test]
fn a_tiny_number_keeps_its_last_bit() {
    let number: f64 = "-5.3242350861941146e-114".parse().unwrap();
    let text = printed(&[&[11][..], &number.to_le_bytes()].concat());
    assert_eq!(text.parse::<f64>().unwrap().to_bits(), number.to_bits());
}

fn unsigned(number: u16) -> Vec<u8> {
    [&[6][..], &number.to_le_bytes()].concat()
}

/// An object with one member that is an array of two: a number without a sign and one with one.
fn under(key: &[u8]) -> Vec<u8> {
    let array = [2, 0, 10, 0, 6, 5, 0, 5, 6, 0];
    let (offset, len) = (11_u16, key.len() as u16);
    let value = offset + len;
    let head = [1_u16.to_le_bytes(), (value + array.len() as u16).to_le_bytes(), offset.to_le_bytes()].concat();
    [&[0][..], &head, &len.to_le_bytes(), &[2], &value.to_le_bytes(), key, &array].concat()
}

fn places(bytes: &[u8]) -> JsonTypes {
    match text(bytes).unwrap() {
        Value::Json { types, .. } => types,
        other => panic!("{other:?}"),
    }
}

#[test]
fn numbers_without_a_sign_are_told_with_their_paths() {
    let one = |path: &str, number| {
        JsonTypes::At([JsonPlace { path: path.into(), value: JsonScalar::Unsigned(number) }].into())
    };
    assert_eq!(places(&unsigned(7)), one("$", 7));
    let keys = [(&b"a"[..], "$.\"a\"[0]"), (b"", "$.\"\"[0]"), (b"\"\\\x01\n", r#"$."\"\\\u0001\n"[0]"#)];
    for (key, path) in keys.into_iter().chain([("\u{1f600}".as_bytes(), "$.\"\u{1f600}\"[0]")]) {
        assert_eq!(places(&under(key)), one(path, 5));
        // As well in a document that differences were applied to.
        let Ok(Value::Json { types, .. }) = patched(&under(key), &[]) else { panic!("{path}") };
        assert_eq!(types, one(path, 5));
    }
    // What needs more than 32 bits is read without a sign, unless one stands there.
    for (number, is_told) in [(u64::from(u32::MAX), false), (1 << 32, true), (u64::MAX, true)] {
        let types = places(&[&[10][..], &number.to_le_bytes()].concat());
        assert_eq!(types, if is_told { JsonTypes::Plain } else { one("$", number) });
    }
    for (number, is_told) in [(i64::from(u32::MAX), true), (1 << 32, false), (i64::MAX, false), (i64::MIN, true)] {
        let types = places(&[&[9][..], &number.to_le_bytes()].concat());
        assert_eq!(types != JsonTypes::Plain, !is_told, "{number}");
    }
    assert_eq!(places(&[&[15, 252, 1][..], b"x"].concat()), JsonTypes::Untold);
}

#[test]
fn no_statement_has_more_places_than_a_server_sets_at_once() {
    let array = |count: u32| {
        let size = 8 + count * 5;
        let entry = [&[6][..], &5_u32.to_le_bytes()].concat();
        [&[3][..], &count.to_le_bytes(), &size.to_le_bytes(), &entry.repeat(count as usize)].concat()
    };
    assert!(matches!(places(&array(20_000)), JsonTypes::At(places) if places.len() == 20_000));
    assert_eq!(places(&array(20_001)), JsonTypes::Many);
}
