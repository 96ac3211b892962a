use std::borrow::Cow;

use proptest::prelude::*;

use super::*;

fn literal(value: &Value<'_>, form: &Form) -> Result<String, Inexact> {
    let mut out = vec![];
    write_literal(&mut out, value, form).map(|()| String::from_utf8(out).unwrap())
}

fn named(charset: &'static str) -> Form {
    Form { charset: Charset::Named(charset), labels_in: Charset::Named(charset), ..Form::default() }
}

fn text_of(bytes: &[u8]) -> Value<'_> {
    Value::Text { bytes: Cow::Borrowed(bytes), charset: Charset::Unknown }
}

#[test]
fn d05_d08_numbers_keep_all_their_digits() {
    let number = |value: Value<'_>| literal(&value, &Form::default()).unwrap();
    assert_eq!(number(Value::UInt(u64::MAX)), "18446744073709551615");
    assert_eq!(number(Value::Int(9_007_199_254_740_993)), "9007199254740993");
    assert_eq!(number(Value::Double((-0.0_f64).to_bits())), "-0e0");
    assert_eq!(number(Value::Double(1e300_f64.to_bits())), "1e300");
    assert_eq!(number(Value::Float(0.1_f32.to_bits())), "1.0000000149011612e-1");
    assert_eq!(literal(&Value::Double(f64::NAN.to_bits()), &Form::default()), Err(Inexact::NoNumber));
    assert_eq!(literal(&Value::Bare { bits: 255, size: 1 }, &Form::default()), Err(Inexact::Sign));
}

#[test]
fn d07_timestamps_are_in_utc() {
    let at =
        |seconds, micros, digits| literal(&Value::Timestamp { seconds, micros, digits }, &Form::default()).unwrap();
    assert_eq!(at(0, 0, 0), "'0000-00-00 00:00:00'");
    assert_eq!(at(951_782_400, 120_000, 2), "'2000-02-29 00:00:00.12'");
    assert_eq!(at(u32::MAX, 999_999, 6), "'2106-02-07 06:28:15.999999'");
}

#[test]
fn d01_d06_d15_texts_carry_their_character_set_and_bytes_their_width() {
    assert_eq!(literal(&text_of(b"it's"), &named("utf8mb4")).unwrap(), "_utf8mb4'it''s'");
    assert_eq!(literal(&text_of(b"\xe9"), &named("latin1")).unwrap(), "_latin1 X'E9'");
    assert_eq!(literal(&text_of(b"a"), &named("sjis")).unwrap(), "_sjis X'61'");
    let binary = Form { charset: Charset::Binary, pad: Some(4), ..Form::default() };
    assert_eq!(literal(&text_of(b"ab"), &binary).unwrap(), "X'61620000'");
    assert_eq!(literal(&text_of(b"ab"), &Form::default()), Err(Inexact::Charset));
    assert_eq!(literal(&text_of(b"\xff"), &named("utf8mb4")), Err(Inexact::Malformed));
    for (charset, bytes) in [("ucs2", &b"abc"[..]), ("utf16", b"a"), ("utf16le", b"a"), ("utf32", b"ab")] {
        assert_eq!(literal(&text_of(bytes), &named(charset)), Err(Inexact::Malformed), "{charset}");
    }
}

#[test]
fn d14_enums_and_sets_are_written_by_label() {
    let form = Form { labels: vec![b"new".to_vec(), b"paid".to_vec()], ..named("latin1") };
    assert_eq!(literal(&Value::Enum(2), &form).unwrap(), "_latin1'paid'");
    assert_eq!(literal(&Value::Set(3), &form).unwrap(), "_latin1'new,paid'");
    assert_eq!(literal(&Value::Enum(0), &form), Err(Inexact::ErrorValue));
    assert_eq!(literal(&Value::Enum(3), &form), Err(Inexact::Label));
    assert_eq!(literal(&Value::Set(4), &form), Err(Inexact::Label));
}

#[test]
fn d02_documents_that_lose_something_are_refused() {
    let json = |types| Value::Json { text: Cow::Borrowed("{\"a\": 1.0}"), types };
    let form = Form::default();
    assert_eq!(literal(&json(JsonTypes::Plain), &form).unwrap(), "CAST(_utf8mb4'{\"a\": 1.0}' AS JSON)");
    assert_eq!(literal(&json(JsonTypes::Untold), &form), Err(Inexact::Document));
    assert_eq!(literal(&json(JsonTypes::Many), &form), Err(Inexact::Places));
    assert_eq!(literal(&Value::JsonPatch(Cow::Borrowed("x")), &Form::default()), Err(Inexact::Patch));
}

#[test]
fn d09_types_inside_documents_are_written_at_their_places() {
    let at = |path: &str, value| JsonPlace { path: path.into(), value };
    let places = [
        at("$.\"a\"[3]", JsonScalar::Unsigned(5)),
        at("$.\"\\\"\"", JsonScalar::Decimal { text: "-1.50".into(), precision: 10, scale: 2 }),
        at("$.\"d\"", JsonScalar::Date("2020-01-02".into())),
        at("$.\"b\"", JsonScalar::Bytes([0, 255].into())),
    ];
    let of = |places: &[JsonPlace]| Value::Json { text: "{}".into(), types: JsonTypes::At(places.into()) };
    assert_eq!(
        literal(&of(&places), &Form::default()).unwrap(),
        "JSON_REPLACE(CAST(_utf8mb4'{}' AS JSON),_utf8mb4'$.\"a\"[3]',CAST(5 AS UNSIGNED),\
         _utf8mb4 X'242E225C2222',(SELECT v FROM JSON_TABLE('[\"-1.50\"]','$[0]' COLUMNS(v DECIMAL(10,2) PATH '$' \
         ERROR ON EMPTY ERROR ON ERROR)) d),_utf8mb4'$.\"d\"',CAST('2020-01-02' AS DATE),_utf8mb4'$.\"b\"',X'00FF')"
    );
    let whole = of(&[at("$", JsonScalar::Unsigned(5))]);
    assert_eq!(literal(&whole, &Form::default()).unwrap(), "CAST(CAST(5 AS UNSIGNED) AS JSON)");
}

proptest! {
    #[test]
    fn d16_no_text_leaves_printable_ascii(bytes in proptest::collection::vec(any::<u8>(), 0..80), at in 0..4_usize) {
        let form = named(["latin1", "utf8mb4", "gbk", "utf16"][at]);
        if let Ok(written) = literal(&text_of(&bytes), &form) {
            prop_assert!(written.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{written}");
            prop_assert!(!written.contains('\\'));
        }
        let mut compared = vec![];
        write_condition(&mut compared, b"`c`", &text_of(&bytes), &form).unwrap();
        prop_assert!(compared.iter().all(|byte| (b' '..=b'~').contains(byte)));
    }

    #[test]
    fn d08_every_finite_number_reads_back(bits: u64) {
        let number = f64::from_bits(bits);
        prop_assume!(number.is_finite());
        let written = literal(&Value::Double(bits), &Form::default()).unwrap();
        prop_assert!(written.contains('e'));
        prop_assert_eq!(written.parse::<f64>().unwrap().to_bits(), bits);
    }
}
