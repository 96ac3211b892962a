//! The values of DBacked's `config.json`, read straight into memory that is wiped.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

/// The settings that DBacked knows, as its file spells them.
const KEYS: [&str; 25] = [
    "subscriptionType",
    "agentId",
    "configFilePath",
    "databaseToolsDirectory",
    "apikey",
    "email",
    "publicKey",
    "s3accessKeyId",
    "s3secretAccessKey",
    "s3region",
    "s3bucket",
    "dbType",
    "dbConnectionString",
    "dbHost",
    "dbPort",
    "dbUsername",
    "dbPassword",
    "dbName",
    "dbAlias",
    "dumperOptions",
    "cron",
    "sendAnalytics",
    "daemon",
    "daemonName",
    "authenticationDatabase",
];

/// The known values of the file, each in memory that is wiped, with its line.
#[derive(Default)]
pub(super) struct Fields {
    /// By name; the line is where the name stands.
    pub values: BTreeMap<String, (Zeroizing<String>, usize)>,
    /// Known ones that are lists or objects.
    pub odd: Vec<String>,
    /// Names that DBacked does not know.
    pub unknown: Vec<String>,
}

impl Fields {
    /// Reads the whole file; an error names its line, and must not be shown beyond that.
    pub fn read(text: &str) -> Result<Self, serde_json::Error> {
        let text = text.trim_start_matches('\u{feff}');
        let mut reader = serde_json::Deserializer::from_str(text);
        let mut fields = reader.deserialize_map(FieldsVisitor)?;
        reader.end()?;
        for (key, (_, line)) in &mut fields.values {
            *line = text.find(&format!("\"{key}\"")).map_or(1, |at| text[..at].matches('\n').count() + 1);
        }
        Ok(fields)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Fields::default();
        while let Some(key) = map.next_key::<String>()? {
            if !KEYS.contains(&key.as_str()) {
                map.next_value::<IgnoredAny>()?;
                fields.unknown.push(key);
                continue;
            }
            match map.next_value::<Plain>()? {
                Plain::Text(text) => drop(fields.values.insert(key, (text, 0))),
                Plain::Absent => {}
                Plain::Other => {
                    fields.odd.push(key.clone());
                    fields.values.insert(key, (Zeroizing::default(), 0));
                }
            }
        }
        Ok(fields)
    }
}

/// A value that goes straight into memory that is wiped.
enum Plain {
    Text(Zeroizing<String>),
    Absent,
    Other,
}

impl<'de> serde::Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PlainVisitor)
    }
}

struct PlainVisitor;

impl<'de> Visitor<'de> for PlainVisitor {
    type Value = Plain;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Plain, E> {
        Ok(Plain::Text(Zeroizing::new(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Plain, E> {
        Ok(Plain::Text(Zeroizing::new(number.to_string())))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Plain, E> {
        Ok(Plain::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Plain, E> {
        Ok(Plain::Other)
    }

    fn visit_bool<E>(self, yes: bool) -> Result<Plain, E> {
        Ok(if yes { Plain::Text(Zeroizing::new("true".to_owned())) } else { Plain::Absent })
    }

    fn visit_unit<E>(self) -> Result<Plain, E> {
        Ok(Plain::Absent)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Plain, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Plain::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Plain, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Plain::Other)
    }
}
