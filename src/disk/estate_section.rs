//! Reading one section of the estate: each value once, with its line, and nothing left over.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::disk::environment::Environment;
use crate::disk::estate_error::EstateError;
use crate::disk::explain::{Origin, Setting};
use crate::disk::nearest::nearest;
use crate::disk::paths::expand;
use crate::model::foreign::escape;

/// The file being read, and what has been learnt from it so far.
pub(super) struct Source<'a> {
    pub path: &'a Path,
    pub text: &'a str,
    pub env: &'a Environment,
    pub settings: RefCell<Vec<Setting>>,
}

/// A value with the place it came from.
#[derive(Debug, Clone)]
pub(super) struct Placed<T> {
    pub value: T,
    pub line: usize,
    pub setting: String,
}

impl Source<'_> {
    pub fn line_at(&self, byte: usize) -> usize {
        self.text.as_bytes().iter().take(byte).filter(|byte| **byte == b'\n').count() + 1
    }

    pub fn origin(&self, line: usize) -> Origin {
        Origin::File { path: self.path.to_owned(), line }
    }

    pub fn note(&self, setting: impl Into<String>, value: impl AsRef<str>, origin: Origin) {
        self.settings.borrow_mut().push(Setting { setting: setting.into(), value: escape(value.as_ref()), origin });
    }

    pub fn wrong<T>(&self, placed: &Placed<T>, what: impl Into<String>, valid: impl Into<String>) -> EstateError {
        let at = format!("{}:{}", self.path.display(), placed.line);
        EstateError::WrongValue { at, setting: placed.setting.clone(), what: what.into(), valid: valid.into() }
    }

    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }
}

/// One table of the file.
pub(super) struct Section<'a, 'i> {
    pub source: &'a Source<'a>,
    /// Such as `targets.offsite`; empty at the top.
    pub name: String,
    /// The line of its heading.
    pub line: usize,
    table: &'a DeTable<'i>,
}

impl<'a, 'i> Section<'a, 'i> {
    /// Opens a table in which only `keys` may stand.
    pub fn open(
        source: &'a Source<'a>,
        name: &str,
        table: &'a Spanned<DeTable<'i>>,
        keys: &[&str],
    ) -> Result<Self, EstateError> {
        let line = source.line_at(table.span().start);
        let section = Self { source, name: name.to_owned(), line, table: table.get_ref() };
        section.refuse_unknown(keys)?;
        Ok(section)
    }

    fn refuse_unknown(&self, keys: &[&str]) -> Result<(), EstateError> {
        let first =
            self.table.keys().filter(|key| !keys.contains(&key.get_ref().as_ref())).min_by_key(|key| key.span().start);
        let Some(unknown) = first else { return Ok(()) };
        let key = escape(unknown.get_ref());
        let valid = keys.join(", ");
        let advice = match nearest(unknown.get_ref(), keys.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`? Valid here: {valid}"),
            None => format!("valid here: {valid}"),
        };
        let section =
            if self.name.is_empty() { "the top section".to_owned() } else { format!("[{}]", escape(&self.name)) };
        let line = self.source.line_at(unknown.span().start);
        Err(EstateError::UnknownKey { path: self.source.path.to_owned(), line, key, section, advice })
    }

    fn setting(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    fn value(&self, key: &str) -> Option<Placed<&'a DeValue<'i>>> {
        let (written, value) = self.table.iter().find(|(known, _)| known.get_ref() == key)?;
        let line = self.source.line_at(written.span().start);
        Some(Placed { value: value.get_ref(), line, setting: self.setting(key) })
    }

    /// Where a key stands, if it does.
    pub fn line_of(&self, key: &str) -> Option<Placed<()>> {
        self.value(key).map(|found| Placed { value: (), line: found.line, setting: found.setting })
    }

    fn typed<T>(
        &self,
        key: &str,
        wanted: &str,
        read: impl FnOnce(&DeValue<'i>) -> Option<T>,
    ) -> Result<Option<Placed<T>>, EstateError> {
        let Some(found) = self.value(key) else { return Ok(None) };
        match read(found.value) {
            Some(value) => Ok(Some(Placed { value, line: found.line, setting: found.setting })),
            None => Err(self.source.wrong(&found, format!("is {}", kind(found.value)), format!("write {wanted}"))),
        }
    }

    /// A text; noted with its origin.
    pub fn text(&self, key: &str) -> Result<Option<Placed<String>>, EstateError> {
        let found = self.unnoted_text(key)?;
        if let Some(text) = &found {
            self.source.note(&text.setting, &text.value, self.source.origin(text.line));
        }
        Ok(found)
    }

    /// A text that the caller notes, since it may have to be changed first.
    pub fn unnoted_text(&self, key: &str) -> Result<Option<Placed<String>>, EstateError> {
        let found = self.typed(key, "a text in quotes", |value| value.as_str().map(str::to_owned))?;
        match found {
            Some(text) if text.value.trim().is_empty() => {
                Err(self.source.wrong(&text, "is empty", "write a value, or leave the line out"))
            }
            other => Ok(other),
        }
    }

    /// A text that must be there.
    pub fn demand(&self, key: &str, example: &str) -> Result<Placed<String>, EstateError> {
        self.unnoted_text(key)?.ok_or_else(|| {
            let placed = Placed { value: (), line: self.line, setting: self.setting(key) };
            self.source.wrong(&placed, "is missing", format!("add a line such as {key} = \"{example}\""))
        })
    }

    /// A path; `~` is the home folder, anything relative lies beside the estate file.
    pub fn path(&self, key: &str) -> Result<Option<PathBuf>, EstateError> {
        let found = self.text(key)?;
        Ok(found.map(|text| expand(&text.value, self.source.folder(), self.source.env)))
    }

    /// A yes or no; its default is noted too.
    pub fn flag(&self, key: &str) -> Result<Option<Placed<bool>>, EstateError> {
        let found = self.typed(key, "true or false, without quotes", DeValue::as_bool)?;
        match &found {
            Some(flag) => self.source.note(&flag.setting, flag.value.to_string(), self.source.origin(flag.line)),
            None => self.source.note(self.setting(key), "false", Origin::Default),
        }
        Ok(found)
    }

    /// A list of texts.
    pub fn texts(&self, key: &str) -> Result<Option<Placed<Vec<String>>>, EstateError> {
        let found = self.typed(key, "a list of texts, such as [\"shop\"]", |value| {
            value.as_array()?.iter().map(|text| text.get_ref().as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        })?;
        if let Some(texts) = &found {
            self.source.note(&texts.setting, texts.value.join(", "), self.source.origin(texts.line));
        }
        Ok(found)
    }

    /// One of a few words; the first of them is the default.
    pub fn word<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Result<T, EstateError> {
        let Some(text) = self.text(key)? else {
            self.source.note(self.setting(key), words[0].0, Origin::Default);
            return Ok(words[0].1);
        };
        words.iter().find(|(word, _)| *word == text.value).map(|(_, meaning)| *meaning).ok_or_else(|| {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let hint = nearest(&text.value, names.iter().copied())
                .map_or_else(String::new, |near| format!("did you mean \"{near}\"? "));
            let what = format!("is \"{}\"", escape(&text.value));
            self.source.wrong(&text, what, format!("{hint}valid: {}", names.join(", ")))
        })
    }

    /// A table inside this one, such as `expect = { ... }`.
    pub fn inner(&self, key: &str, keys: &[&str]) -> Result<Option<Section<'a, 'i>>, EstateError> {
        let Some(found) = self.value(key) else { return Ok(None) };
        let DeValue::Table(table) = found.value else {
            return Err(self.source.wrong(
                &found,
                format!("is {}", kind(found.value)),
                format!("write {key} = {{ {} = ... }}", keys[0]),
            ));
        };
        let section = Section { source: self.source, name: found.setting, line: found.line, table };
        section.refuse_unknown(keys)?;
        Ok(Some(section))
    }

    /// Every `[key.NAME]`, in the order of the file, with its own keys.
    pub fn named(&self, key: &str, keys: &[&str]) -> Result<Vec<(String, Section<'a, 'i>)>, EstateError> {
        let Some(found) = self.value(key) else { return Ok(vec![]) };
        let DeValue::Table(all) = found.value else {
            return Err(self.source.wrong(
                &found,
                format!("is {}", kind(found.value)),
                format!("write a section [{key}.NAME]"),
            ));
        };
        let mut entries: Vec<_> = all.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        entries.into_iter().map(|(name, value)| self.named_one(key, keys, (name, value.get_ref()))).collect()
    }

    fn named_one(
        &self,
        key: &str,
        keys: &[&str],
        (name, value): (&'a Spanned<std::borrow::Cow<'i, str>>, &'a DeValue<'i>),
    ) -> Result<(String, Section<'a, 'i>), EstateError> {
        let word = name.get_ref().to_string();
        let line = self.source.line_at(name.span().start);
        let placed = Placed { value: (), line, setting: format!("{key}.{}", escape(&word)) };
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
        if word.is_empty() || !word.chars().all(fits) {
            let valid = "names are made of a to z, 0 to 9, _ and -; file names and database names go into the values";
            return Err(self.source.wrong(&placed, "is not a valid name", valid));
        }
        let DeValue::Table(table) = value else {
            return Err(self.source.wrong(
                &placed,
                format!("is {}", kind(value)),
                format!("write a section [{key}.NAME] and its settings below it"),
            ));
        };
        let section = Section { source: self.source, name: placed.setting, line, table };
        section.refuse_unknown(keys)?;
        Ok((word, section))
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    }
}

/// Reads `30s`, `10m`, `26h`, `30d` or `2w`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let seconds = match unit.trim() {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    let total = number.parse::<u64>().ok()?.checked_mul(seconds)?;
    (total > 0 && total <= 100 * 366 * 86_400).then(|| Duration::from_secs(total))
}
