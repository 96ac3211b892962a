//! The values of a databacker configuration, and the environment that overrides them.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::disk::environment::Environment;
use crate::disk::estate::ConfigFile;
use crate::disk::explain::{Origin, Setting};
use crate::disk::folder::read_bounded;
use crate::disk::urls::bare_url;
use crate::model::foreign::escape;
use crate::work::config::{ConfigError, HeldSecret};
use crate::work::config_databacker::origin;
use crate::work::config_yaml::Node;

/// No secret that stands in a file of its own is longer, in bytes.
const LONGEST: u64 = 64 << 10;

/// Whether a value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Openly,
    Never,
}

/// A value and where it came from.
struct Found {
    value: Zeroizing<String>,
    origin: Origin,
}

pub(super) struct Given<'a> {
    pub file: &'a ConfigFile,
    env: &'a Environment,
    root: &'a Node,
    settings: Vec<Setting>,
    remarks: Vec<String>,
    secrets: usize,
}

impl<'a> Given<'a> {
    pub fn new(file: &'a ConfigFile, env: &'a Environment, root: &'a Node) -> Self {
        Self { file, env, root, settings: vec![], remarks: vec![], secrets: 0 }
    }

    /// Settings and remarks, once everything has been asked for.
    pub fn finish(self) -> (Vec<Setting>, Vec<String>) {
        (self.settings, self.remarks)
    }

    pub fn remark(&mut self, text: &str) {
        if !self.remarks.iter().any(|known| known == text) {
            self.remarks.push(text.to_owned());
        }
    }

    /// Whether the file itself, not the environment, held a secret.
    pub fn has_secrets(&self) -> bool {
        self.secrets > 0
    }

    fn node(&self, setting: &str) -> Option<&'a Node> {
        self.root.at(&setting.split('.').collect::<Vec<_>>())
    }

    /// A map's node below the root.
    pub fn section(&self, setting: &str) -> Option<&'a Node> {
        self.node(setting)
    }

    /// The environment wins, as in that tool; its `_FILE` twins are those of the versions before 1.0.
    fn find(&self, setting: &str, variables: &[&str]) -> Result<Option<Found>, ConfigError> {
        if let Some(found) = self.variable(variables)? {
            return Ok(Some(found));
        }
        let node = self.node(setting);
        Ok(node.and_then(|node| {
            let value = node.text()?.clone();
            Some(Found { value, origin: origin(self.file, node.line) })
        }))
    }

    fn variable(&self, variables: &[&str]) -> Result<Option<Found>, ConfigError> {
        for name in variables {
            if let Some(value) = self.env.text(name) {
                return Ok(Some(Found { value: Zeroizing::new(value), origin: Origin::Env((*name).to_owned()) }));
            }
            let twin = format!("{name}_FILE");
            if let Some(path) = self.env.path(&twin) {
                let value = content(&path).ok_or_else(|| ConfigError::WrongValue {
                    at: format!("${twin}"),
                    key: (*name).to_owned(),
                    what: "names a file that cannot be read as text".to_owned(),
                })?;
                return Ok(Some(Found { value, origin: Origin::Env(twin) }));
            }
        }
        Ok(None)
    }

    fn take(&mut self, setting: &str, found: Option<Found>, shown: Shown) -> Option<HeldSecret> {
        let Found { value, origin } = found.filter(|found| !found.value.is_empty())?;
        let text = match shown {
            Shown::Never => "(a secret; not shown)".to_owned(),
            Shown::Openly => escape(&bare_url(&value)),
        };
        self.secrets += usize::from(shown == Shown::Never && matches!(origin, Origin::File { .. }));
        if !self.settings.iter().any(|known| known.setting == setting) {
            self.settings.push(Setting { setting: setting.to_owned(), value: text, origin });
        }
        Some(HeldSecret::new(value))
    }

    /// A value that may be shown.
    pub fn text(&mut self, setting: &str, variables: &[&str]) -> Result<Option<String>, ConfigError> {
        let found = self.find(setting, variables)?;
        Ok(self.take(setting, found, Shown::Openly).map(|value| value.expose().to_owned()))
    }

    /// A value that is never shown.
    pub fn secret(&mut self, setting: &str, variables: &[&str]) -> Result<Option<HeldSecret>, ConfigError> {
        let found = self.find(setting, variables)?;
        Ok(self.take(setting, found, Shown::Never))
    }

    /// As [`text`](Self::text), for a value that the file itself may hold under one of several names; the
    /// file wins here: what one target says of itself holds for it.
    pub fn own_text(
        &mut self,
        setting: &str,
        node: Option<&'a Node>,
        variables: &[&str],
    ) -> Result<Option<String>, ConfigError> {
        let found = self.own(node, variables)?;
        Ok(self.take(setting, found, Shown::Openly).map(|value| value.expose().to_owned()))
    }

    /// As [`own_text`](Self::own_text), for a secret.
    pub fn own_secret(
        &mut self,
        setting: &str,
        node: Option<&'a Node>,
        variables: &[&str],
    ) -> Result<Option<HeldSecret>, ConfigError> {
        let found = self.own(node, variables)?;
        Ok(self.take(setting, found, Shown::Never))
    }

    fn own(&self, node: Option<&Node>, variables: &[&str]) -> Result<Option<Found>, ConfigError> {
        let own = node.and_then(|node| Some((node.text()?.clone(), node.line)));
        match own {
            Some((value, line)) => Ok(Some(Found { value, origin: origin(self.file, line) })),
            None => self.variable(variables),
        }
    }

    /// A list, or one text that stands for a list of one.
    pub fn texts(&self, setting: &str) -> Vec<String> {
        let node = self.node(setting);
        node.map(|node| node.texts().into_iter().map(|text| text.to_string()).collect()).unwrap_or_default()
    }

    /// Notes a value that was not asked for by [`text`](Self::text).
    pub fn note(&mut self, setting: &str, value: &str) {
        let line = self.node(setting).map_or(1, |node| node.line);
        let origin = origin(self.file, line);
        self.settings.push(Setting { setting: setting.to_owned(), value: escape(value), origin });
    }

    /// Notes what holds because nobody said otherwise.
    pub fn default(&mut self, setting: &str, value: &str) {
        let (setting, value) = (setting.to_owned(), value.to_owned());
        self.settings.push(Setting { setting, value, origin: Origin::Default });
    }

    /// The value of an environment variable that is a list of its own, with its name.
    pub fn listed(&self, variable: &str) -> Vec<String> {
        self.env.text(variable).map(|text| text.split_whitespace().map(str::to_owned).collect()).unwrap_or_default()
    }

    /// A path, taken from beside the file where it is relative.
    pub fn beside(&self, path: &str) -> PathBuf {
        self.file.path.parent().unwrap_or(Path::new("/")).join(path)
    }

    /// A value that cannot be used.
    pub fn wrong(&self, setting: &str, variables: &[&str], what: &str) -> ConfigError {
        let path = self.file.path.display();
        let variable = variables.iter().find(|name| self.env.text(name).is_some());
        let at = match (variable, self.node(setting)) {
            (Some(name), _) => format!("${name}"),
            (None, Some(node)) => format!("{path}:{}", node.line),
            (None, None) => path.to_string(),
        };
        ConfigError::WrongValue { at: escape(&at), key: setting.to_owned(), what: what.to_owned() }
    }
}

/// A secret's file without its line end, as that tool reads it.
fn content(path: &Path) -> Option<Zeroizing<String>> {
    let bytes = Zeroizing::new(read_bounded(path, LONGEST).ok()?);
    Some(Zeroizing::new(std::str::from_utf8(&bytes).ok()?.trim().to_owned()))
}
