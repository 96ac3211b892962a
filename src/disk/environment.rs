//! The environment, handed in from outside so that tests need not change the process's own.

use std::ffi::OsString;
use std::path::PathBuf;

/// Where environment variables are looked up. Nothing is copied before it is asked for.
pub enum Environment {
    /// The environment of this process.
    Process,
    /// A made-up one.
    Made(Vec<(String, OsString)>),
}

impl Environment {
    /// The environment of this process.
    pub fn of_process() -> Self {
        Self::Process
    }

    /// A made-up environment.
    pub fn of(pairs: &[(&str, &str)]) -> Self {
        Self::Made(pairs.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value))).collect())
    }

    fn value(&self, name: &str) -> Option<OsString> {
        let value = match self {
            Self::Process => std::env::var_os(name),
            Self::Made(pairs) => pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()),
        };
        value.filter(|value| !value.is_empty())
    }

    /// A variable's text; unset, empty and not UTF-8 are all `None`.
    pub fn text(&self, name: &str) -> Option<String> {
        self.value(name).and_then(|value| value.into_string().ok())
    }

    /// A variable as a path; unset and empty are `None`.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.value(name).map(PathBuf::from)
    }
}
