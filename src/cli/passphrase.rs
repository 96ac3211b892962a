//! Where a passphrase comes from when it is not typed: a file, standard input, a descriptor.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;

use zeroize::{Zeroize, Zeroizing};

use crate::cli::args::KeyFlags;
use crate::cli::ask::{self, PASSPHRASE_LIMIT};
use crate::cli::error::CliError;
use crate::report::{Report, Reportable};
use crate::work::keys::Secret;

/// The passphrase that flags name, read once; or a prompt, each time it is needed.
pub struct Passphrases {
    given: Option<Secret>,
}

impl Passphrases {
    /// Reads `--passphrase-file` or `--passphrase-fd`, if either is given.
    ///
    /// # Errors
    ///
    /// When the source cannot be read, is empty or longer than [`PASSPHRASE_LIMIT`].
    pub fn from_flags(flags: &KeyFlags) -> Result<Self, Report> {
        let given = match (&flags.passphrase_file, flags.passphrase_fd) {
            (Some(path), _) if path.as_os_str() == "-" => {
                Some(first_line("--passphrase-file -", |buf| Ok(rustix::io::read(io::stdin().as_fd(), buf)?)))
            }
            (Some(path), _) => Some(from_file("--passphrase-file", path)),
            (None, Some(fd)) => Some(from_file("--passphrase-fd", Path::new(&format!("/dev/fd/{fd}")))),
            (None, None) => None,
        };
        Ok(Self { given: given.transpose().map_err(|error| error.report())? })
    }

    /// Whether a flag gave one: a wrong one is then an error, never a reason to ask.
    pub fn given(&self) -> bool {
        self.given.is_some()
    }

    /// The passphrase of something that exists.
    ///
    /// # Errors
    ///
    /// When it has to be asked for and there is no terminal.
    pub fn of(&self, what: &str) -> Result<Secret, Report> {
        self.given.as_ref().map_or_else(|| ask::passphrase(what), |secret| Ok(copy(secret)))
    }

    /// The passphrase of something that is being made: typed twice, unless a flag gave it.
    ///
    /// # Errors
    ///
    /// As [`of`](Self::of), and when the two differ.
    pub fn new_for(&self, what: &str) -> Result<Secret, Report> {
        self.given.as_ref().map_or_else(|| ask::new_passphrase(what), |secret| Ok(copy(secret)))
    }
}

fn copy(secret: &Secret) -> Secret {
    Secret::new(secret.expose().to_vec())
}

fn from_file(flag: &'static str, path: &Path) -> Result<Secret, CliError> {
    let mut file = File::open(path).map_err(|error| CliError::PassphraseSource { from: flag, source: Some(error) })?;
    first_line(flag, move |buf| file.read(buf))
}

/// The first line of a source, without its line end, in memory that is wiped. Reads without a buffer of its own.
fn first_line(flag: &'static str, mut read: impl FnMut(&mut [u8]) -> io::Result<usize>) -> Result<Secret, CliError> {
    let refused = |source| CliError::PassphraseSource { from: flag, source };
    let mut buffer = Zeroizing::new([0_u8; PASSPHRASE_LIMIT + 2]);
    let mut filled = 0;
    while filled < buffer.len() && !buffer[..filled].contains(&b'\n') {
        match read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(refused(Some(error))),
        }
    }
    let mut line = buffer[..filled].split(|byte| *byte == b'\n').next().unwrap_or_default();
    line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() || line.len() > PASSPHRASE_LIMIT {
        buffer.zeroize();
        return Err(refused(None));
    }
    Ok(Secret::new(line.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line_of(mut text: &[u8]) -> Option<Vec<u8>> {
        first_line("--passphrase-fd", |buf| text.read(buf)).ok().map(|secret| secret.expose().to_vec())
    }

    #[test]
    fn a_passphrase_is_the_first_line_and_nothing_else() {
        assert_eq!(line_of(b"open sesame\r\nsecond line\n"), Some(b"open sesame".to_vec()));
        assert_eq!(line_of(b"  blanks stay  "), Some(b"  blanks stay  ".to_vec()));
        assert_eq!(line_of(b"\n"), None);
        assert_eq!(line_of(&[b'x'; PASSPHRASE_LIMIT + 1]), None);
        assert_eq!(line_of(&[b'x'; PASSPHRASE_LIMIT]).map(|line| line.len()), Some(PASSPHRASE_LIMIT));
    }
}
