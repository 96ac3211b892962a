//! The log file. Nothing is ever logged to the terminal.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::disk::environment::Environment;
use crate::disk::folder;
use crate::disk::paths::Paths;
use crate::disk::state::StateError;

/// Beyond this the file is moved to `breakglass.log.1`, and a new one begins.
const LARGEST: u64 = 8 << 20;

/// Starts logging to `<state>/log/breakglass.log` (0600), at the level that `flag`, `BREAKGLASS_LOG` or
/// the default (`info`) says; `off` makes no file. A word that is no level counts as the default.
///
/// # Errors
///
/// Where the file cannot be made. A second call in one process changes nothing.
pub fn start(paths: &Paths, flag: Option<&str>, env: &Environment) -> Result<(), StateError> {
    let wanted = flag.map(str::to_owned).or_else(|| env.text("BREAKGLASS_LOG")).unwrap_or_else(|| "info".to_owned());
    if wanted == "off" {
        return Ok(());
    }
    let path = paths.log_file();
    let folder = path.parent().unwrap_or(&paths.state);
    folder::ensure_dir(&paths.state).map_err(StateError::io(&paths.state))?;
    folder::ensure_own_dir(folder).map_err(StateError::io(folder))?;
    let file = LogFile::open(&path, LARGEST).map_err(StateError::io(&path))?;
    // A driver may log what it sends: the lowest levels are for our own code only.
    let own = format!("warn,breakglass={wanted}");
    let filter = EnvFilter::try_new(own).unwrap_or_else(|_| EnvFilter::new("warn,breakglass=info"));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(file).with_ansi(false).finish();
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}

/// A file that never grows much beyond its limit; its predecessor is kept once.
pub struct LogFile {
    path: PathBuf,
    limit: u64,
    inner: Mutex<Written>,
}

struct Written {
    file: File,
    bytes: u64,
}

impl LogFile {
    /// Opens the file at its end.
    ///
    /// # Errors
    ///
    /// Whatever the operating system says.
    pub fn open(path: &Path, limit: u64) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), limit, inner: Mutex::new(Written::open(path)?) })
    }
}

impl Written {
    fn open(path: &Path) -> io::Result<Self> {
        let file = folder::append_own_file(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { file, bytes })
    }
}

/// One line on its way into the file.
pub struct LogLine<'a>(&'a LogFile);

impl Write for LogLine<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut written = self.0.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if written.bytes > 0 && written.bytes + line.len() as u64 > self.0.limit {
            let mut old = self.0.path.clone().into_os_string();
            old.push(".1");
            // Several processes may do this at once: the last one wins, nothing but old lines is lost.
            let _ = fs::rename(&self.0.path, old);
            *written = Written::open(&self.0.path)?;
        }
        written.file.write_all(line)?;
        written.bytes += line.len() as u64;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = LogLine<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        LogLine(self)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_file_is_private_bounded_and_keeps_its_predecessor() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("breakglass.log");
        let log = LogFile::open(&path, 100).unwrap();
        for line in 0..9 {
            log.make_writer().write_all(format!("line {line} of thirty bytes or so\n").as_bytes()).unwrap();
        }
        let now = fs::read_to_string(&path).unwrap();
        let before = fs::read_to_string(folder.path().join("breakglass.log.1")).unwrap();
        assert!(now.ends_with("line 8 of thirty bytes or so\n") && now.len() <= 100, "{now}");
        assert!(before.ends_with("line 5 of thirty bytes or so\n"), "{before}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
