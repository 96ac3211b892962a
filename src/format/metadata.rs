//! The metadata object beside a DBacked backup: a claim by whoever can write to the bucket.

use serde_json::{Map, Value};

use crate::format::names;
use crate::model::backup::{Metadata, MetadataFacts};
use crate::model::foreign::Foreign;
use crate::model::seal::Fingerprint;
use crate::model::units::Moment;

/// The greatest metadata object that is read; DBacked's have about 1 KiB.
pub const MOST: usize = 64 << 10;

/// The greatest text that is kept of any field.
const TEXT: usize = 4 << 10;

/// From 2015 to 2100, in milliseconds: DBacked began in 2018.
const PLAUSIBLE: std::ops::Range<i64> = 1_420_070_400_000..4_102_444_800_000;

/// What a metadata object says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// Its claims, or why there are none.
    pub metadata: Metadata,
    /// The recipient's public key in PEM as it says; not yet looked at.
    pub public_key: Option<String>,
}

/// Reads a metadata object that lies beside the backup `key`; `fingerprint` knows public keys in PEM.
pub fn read(bytes: &[u8], key: &Foreign, fingerprint: &dyn Fn(&str) -> Option<Fingerprint>) -> Metadata {
    let Parsed { mut metadata, public_key } = parse(bytes, key);
    if let (Metadata::Read(facts), Some(pem)) = (&mut metadata, public_key) {
        facts.fingerprint = fingerprint(&pem);
        if facts.fingerprint.is_none() {
            facts.remarks.push("its public key cannot be read".to_owned());
        }
    }
    metadata
}

/// Reads a metadata object that lies beside the backup `key` and leaves its public key alone.
///
/// Nothing in it is fatal to the backup: what cannot be used is left out and remarked. JSON nested deeper
/// than 128 levels is refused, as is everything beyond [`MOST`] bytes.
pub fn parse(bytes: &[u8], key: &Foreign) -> Parsed {
    match object(bytes) {
        Ok(fields) => facts(&fields, key),
        Err(reason) => Parsed { metadata: Metadata::Unusable(reason), public_key: None },
    }
}

fn object(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    if bytes.len() > MOST {
        return Err(format!("larger than {} KiB", MOST >> 10));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8 at byte {}", error.valid_up_to()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err("empty".to_owned());
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(Value::Null) => Err("null instead of an object".to_owned()),
        Ok(_) => Err("JSON, but no object".to_owned()),
        Err(error) if error.is_eof() => Err("cut off".to_owned()),
        Err(error) => Err(format!("not JSON at line {}, column {}", error.line(), error.column())),
    }
}

fn facts(fields: &Map<String, Value>, key: &Foreign) -> Parsed {
    let mut remarks = vec![];
    let filename = text(fields, "filename", &mut remarks);
    if let Some(filename) = &filename
        && names::base(filename.as_bytes()) != names::base(key.raw_bytes())
    {
        remarks.push("its filename is not that of the backup beside it".to_owned());
    } else if filename.as_ref().is_some_and(|name| name.contains('/')) {
        remarks.push("its filename holds a path".to_owned());
    }
    let md5 = md5(fields, &mut remarks);
    let public_key = text(fields, "publicKey", &mut remarks);
    let agent = text(fields, "agentId", &mut remarks);
    let started = started(fields, &mut remarks);
    let db_type = text(fields, "dbType", &mut remarks);
    if db_type.as_deref().is_some_and(|kind| !matches!(kind, "mysql" | "pg" | "mongodb")) {
        remarks.push("an unknown database type".to_owned());
    }
    let db_name = text(fields, "dbName", &mut remarks);
    match fields.get("size") {
        // DBacked writes a sum of planned parts here, so a positive number says nothing either way.
        None => {}
        Some(size) if size.as_u64().is_some() => {}
        Some(Value::Number(_)) => remarks.push("an impossible size".to_owned()),
        Some(other) => remarks.push(format!("size is {}, not a number", kind(other))),
    }
    let [filename, agent, db_type, db_name] = [filename, agent, db_type, db_name].map(|text| text.map(Foreign::from));
    let facts = MetadataFacts { filename, md5, fingerprint: None, agent, started, db_type, db_name, remarks };
    Parsed { metadata: Metadata::Read(Box::new(facts)), public_key }
}

fn text(fields: &Map<String, Value>, name: &str, remarks: &mut Vec<String>) -> Option<String> {
    match fields.get(name) {
        None | Some(Value::Null) => remarks.push(format!("no {name}")),
        Some(Value::String(text)) if text.is_empty() && name != "dbName" => remarks.push(format!("{name} is empty")),
        Some(Value::String(text)) if text.len() > TEXT => {
            remarks.push(format!("{name} is longer than {TEXT} bytes and was cut"));
            return Some(text[..text.floor_char_boundary(TEXT)].to_owned());
        }
        Some(Value::String(text)) => return Some(text.clone()),
        Some(other) => remarks.push(format!("{name} is {}, not text", kind(other))),
    }
    None
}

fn md5(fields: &Map<String, Value>, remarks: &mut Vec<String>) -> Option<String> {
    let hash = text(fields, "hash", remarks)?;
    let fits = hash.len() == 32 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !fits {
        remarks.push("hash is not an MD5 of 32 hex digits".to_owned());
    }
    fits.then(|| hash.to_lowercase())
}

fn started(fields: &Map<String, Value>, remarks: &mut Vec<String>) -> Option<Moment> {
    match fields.get("timestamp") {
        None | Some(Value::Null) => remarks.push("no timestamp".to_owned()),
        Some(Value::Number(number)) => match number.as_i64().filter(|millis| PLAUSIBLE.contains(millis)) {
            Some(millis) => return Some(Moment(millis)),
            None => remarks.push("an impossible timestamp".to_owned()),
        },
        Some(other) => remarks.push(format!("timestamp is {}, not a number", kind(other))),
    }
    None
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> MetadataFacts {
        match parse(json.as_bytes(), &Foreign::from("dbacked_shop_290820261040")).metadata {
            Metadata::Read(facts) => *facts,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn wrong_types_and_absurd_values_are_remarked_and_left_out() {
        let facts = read(r#"{"filename":7,"hash":"xyz","publicKey":[],"timestamp":1e18,"dbType":"oracle","size":-5}"#);
        assert_eq!((facts.filename, facts.md5, facts.started), (None, None, None));
        for remark in [
            "filename is a number, not text",
            "hash is not an MD5 of 32 hex digits",
            "publicKey is a list, not text",
            "an impossible timestamp",
            "an unknown database type",
            "an impossible size",
            "no agentId",
            "no dbName",
        ] {
            assert!(facts.remarks.iter().any(|seen| seen == remark), "{remark}: {:?}", facts.remarks);
        }
    }

    #[test]
    fn what_is_no_object_is_unusable_and_says_why() {
        let why = |bytes: &[u8]| match parse(bytes, &Foreign::from("k")).metadata {
            Metadata::Unusable(reason) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(why(b""), "empty");
        assert_eq!(why(b"null"), "null instead of an object");
        assert_eq!(why(b"[1]"), "JSON, but no object");
        assert_eq!(why(b"{\"hash\": \"24"), "cut off");
        assert_eq!(why(b"{]"), "not JSON at line 1, column 2");
        assert_eq!(why(b"ab\xff"), "not UTF-8 at byte 2");
        assert_eq!(why(&vec![b' '; MOST + 1]), "larger than 64 KiB");
        assert!(why(&[b'['; 5000]).starts_with("not JSON"));
    }

    #[test]
    fn a_hash_in_capitals_is_still_a_hash() {
        let facts = read(r#"{"hash":"241330B7F6C99F564B1332856DEFC6F3"}"#);
        assert_eq!(facts.md5.as_deref(), Some("241330b7f6c99f564b1332856defc6f3"));
    }
}
