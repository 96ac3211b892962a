//! Where this machine keeps our configuration and state.

use std::path::{Path, PathBuf};

use directories::ProjectDirs;

use crate::disk::environment::Environment;
use crate::disk::state::StateError;

/// The folders of this program, none of which needs to exist yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// Where `estate.toml`, themes and key maps are looked for.
    pub config: PathBuf,
    /// Where every estate's state lies, each in a folder of its own.
    pub state: PathBuf,
}

impl Paths {
    /// Decides both folders: a flag, then `BREAKGLASS_STATE_DIR`, then what the platform says.
    ///
    /// # Errors
    ///
    /// Where there is no home folder and no state folder was named.
    pub fn find(state_dir: Option<&Path>, env: &Environment) -> Result<Self, StateError> {
        let platform = ProjectDirs::from("", "", "breakglass");
        let named = state_dir.map(Path::to_owned).or_else(|| env.path("BREAKGLASS_STATE_DIR"));
        let usual = || platform.as_ref().map(|dirs| dirs.state_dir().unwrap_or(dirs.data_local_dir()).to_owned());
        let state = named.or_else(usual).ok_or(StateError::NoHome)?;
        let state = std::path::absolute(&state).unwrap_or(state);
        let config = platform.as_ref().map_or_else(|| state.clone(), |dirs| dirs.config_dir().to_owned());
        Ok(Self { config, state })
    }

    /// Where the estate file is looked for when nobody names one.
    pub fn usual_estate(&self) -> PathBuf {
        self.config.join("estate.toml")
    }

    /// The file that logs go to.
    pub fn log_file(&self) -> PathBuf {
        self.state.join("log").join("breakglass.log")
    }
}

/// Replaces a leading `~/` by the home folder, and makes the path absolute against `base`.
pub fn expand(path: &str, base: &Path, env: &Environment) -> PathBuf {
    let home = || env.path("HOME").or_else(|| directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned()));
    match (path.strip_prefix("~/").or((path == "~").then_some("")), home()) {
        (Some(""), Some(home)) => home,
        (Some(rest), Some(home)) => home.join(rest),
        _ => base.join(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_beats_the_variable_and_the_variable_beats_the_platform() {
        let env = Environment::of(&[("BREAKGLASS_STATE_DIR", "/var/lib/bg")]);
        assert_eq!(Paths::find(None, &env).unwrap().state, Path::new("/var/lib/bg"));
        assert_eq!(Paths::find(Some(Path::new("/x")), &env).unwrap().state, Path::new("/x"));
        assert!(Paths::find(Some(Path::new("rel")), &env).unwrap().state.is_absolute());
    }

    #[test]
    fn a_tilde_is_the_home_folder_and_the_rest_is_relative_to_the_file() {
        let env = Environment::of(&[("HOME", "/home/ops")]);
        let base = Path::new("/etc/bg");
        assert_eq!(expand("~/keys/a.pem", base, &env), Path::new("/home/ops/keys/a.pem"));
        assert_eq!(expand("~", base, &env), Path::new("/home/ops"));
        assert_eq!(expand("a.pem", base, &env), Path::new("/etc/bg/a.pem"));
        assert_eq!(expand("/a.pem", base, &env), Path::new("/a.pem"));
        assert_eq!(expand("~other/a", base, &env), Path::new("/etc/bg/~other/a"));
    }
}
