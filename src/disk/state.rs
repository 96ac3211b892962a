//! The state folder of one estate: its schema version and its lock.

use std::io;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use crate::disk::folder;
use crate::report::{Fault, Reportable};

/// What the layout of the state folder is called; a greater number is not understood.
const SCHEMA: u32 = 1;

/// Why state cannot be kept.
#[derive(Debug, Error, Diagnostic)]
pub enum StateError {
    /// Another process holds a lock for too long, or the file system refuses.
    #[error("the state in {} cannot be used", path.display())]
    #[diagnostic(
        code(state::unusable),
        help("see the cause; --state-dir DIR or BREAKGLASS_STATE_DIR names another folder")
    )]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },

    /// A newer version of this program has been here.
    #[error("the state in {} was written by a newer breakglass (schema {found}, this one knows {SCHEMA})", path.display())]
    #[diagnostic(
        code(state::newer),
        help("use that version, or name another folder with --state-dir; nothing was changed")
    )]
    Newer {
        /// The folder.
        path: PathBuf,
        /// Its schema.
        found: u32,
    },

    /// No home folder and no folder named.
    #[error("there is no home folder to keep state in")]
    #[diagnostic(code(state::no_home), help("name a folder with --state-dir DIR or BREAKGLASS_STATE_DIR"))]
    NoHome,
}

impl StateError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_owned(), source }
    }
}

impl Reportable for StateError {
    fn fault(&self) -> Fault {
        match self {
            Self::Io { .. } | Self::NoHome => Fault::Failed,
            Self::Newer { .. } => Fault::Refused,
        }
    }
}

/// The state folder of one estate: `<state>/<estate id>/`, ours alone (0700, files 0600).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    dir: PathBuf,
}

impl State {
    /// Opens or makes the folder, and brings an older layout up to date under a lock.
    ///
    /// # Errors
    ///
    /// Where the folder cannot be made, belongs to someone else, is writable by others, or was
    /// written by a newer version of this program.
    pub fn open(root: &Path, estate_id: &str) -> Result<Self, StateError> {
        folder::ensure_dir(root).map_err(StateError::io(root))?;
        let dir = root.join(estate_id);
        folder::ensure_own_dir(&dir).map_err(StateError::io(&dir))?;
        let lock = dir.join("lock");
        let _held = folder::lock(&lock).map_err(StateError::io(&lock))?;
        settle_schema(&dir)?;
        Ok(Self { dir })
    }

    /// The folder itself.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

fn settle_schema(dir: &Path) -> Result<(), StateError> {
    let path = dir.join("schema");
    match folder::read_bounded(&path, 64) {
        Ok(bytes) => match String::from_utf8_lossy(&bytes).trim().parse::<u32>() {
            Ok(found) if found > SCHEMA => return Err(StateError::Newer { path: dir.to_owned(), found }),
            Ok(SCHEMA) => return Ok(()),
            // A cut or foreign version file beside state that is checked file by file: write it anew.
            _ => {}
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(StateError::io(&path)(error)),
    }
    folder::replace(&path, format!("{SCHEMA}\n").as_bytes()).map_err(StateError::io(&path))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn state_is_ours_alone() {
        let root = tempfile::tempdir().unwrap();
        let state = State::open(&root.path().join("deep/er"), "abc").unwrap();
        assert_eq!(mode(state.dir()), 0o700);
        assert_eq!(mode(state.dir().parent().unwrap()), 0o700);
        assert_eq!(mode(&state.dir().join("schema")), 0o600);
        assert_eq!(mode(&state.dir().join("lock")), 0o600);
        assert_eq!(State::open(&root.path().join("deep/er"), "abc").unwrap(), state);
    }

    #[test]
    fn a_folder_that_others_may_write_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let state = State::open(root.path(), "abc").unwrap();
        fs::set_permissions(state.dir(), fs::Permissions::from_mode(0o777)).unwrap();
        let error = State::open(root.path(), "abc").unwrap_err().report();
        assert_eq!(error.code, "state::unusable");
        assert!(error.causes[0].contains("others may write"), "{error:?}");
    }

    #[test]
    fn newer_state_is_left_alone_and_a_cut_version_is_healed() {
        let root = tempfile::tempdir().unwrap();
        let state = State::open(root.path(), "abc").unwrap();
        fs::write(state.dir().join("schema"), "2\n").unwrap();
        assert!(matches!(State::open(root.path(), "abc"), Err(StateError::Newer { found: 2, .. })));
        fs::write(state.dir().join("schema"), "").unwrap();
        State::open(root.path(), "abc").unwrap();
        assert_eq!(fs::read_to_string(state.dir().join("schema")).unwrap(), "1\n");
    }
}
