//! What `ssh` says when it fails, and what to do about it.

use miette::Diagnostic;
use thiserror::Error;

use crate::model::foreign::{Foreign, escape};
use crate::report::{Fault, Reportable};
use crate::target::error::StoreError;
use crate::target::sftp::link::Fate;
use crate::target::sftp::wire;

/// Why there is no SFTP session with a host.
#[derive(Debug, Clone, PartialEq, Eq, Error, Diagnostic)]
pub enum SshError {
    /// Nobody has met this host before, and nobody was there to be asked.
    #[error("{place}: the host key of {whose} is not known: {cause}")]
    #[diagnostic(
        code(target::host_key_unknown),
        help(
            "compare its fingerprint with the one that the server's owner gives you: the console and the verbs show it \
             and ask when they run on a terminal; or connect once with `ssh HOST`, which asks too"
        )
    )]
    HostKeyUnknown {
        /// The target.
        place: String,
        /// `the server` or `a jump host`.
        whose: &'static str,
        /// What `ssh` said.
        cause: String,
    },

    /// Another key than the one that is known. Never asked about, never passed over.
    #[error("{place}: the host key has changed: {cause}")]
    #[diagnostic(
        code(target::host_key_changed),
        help(
            "somebody may be in between, or the server was set up anew: ask its owner for the new fingerprint. If it is \
             right, remove the old key with `ssh-keygen -R HOST`; breakglass then asks about the new one."
        )
    )]
    HostKeyChanged {
        /// The target.
        place: String,
        /// The new fingerprint, and where the old key stands.
        cause: String,
    },

    /// The key was revoked by whoever runs the estate.
    #[error("{place}: the host key is revoked: {cause}")]
    #[diagnostic(
        code(target::host_key_revoked),
        help("a @revoked line of known_hosts forbids this key: ask who wrote it; never connect")
    )]
    HostKeyRevoked {
        /// The target.
        place: String,
        /// What `ssh` said.
        cause: String,
    },

    /// The server does not let us in.
    #[error("{place}: the login was refused: {cause}")]
    #[diagnostic(
        code(target::login_denied),
        help(
            "try `ssh HOST` as the same user: is the key in the agent (`ssh-add -l`), is the user right \
             (sftp://USER@HOST/, or User in ~/.ssh/config)? Passphrases and passwords are asked for on a terminal only."
        )
    )]
    LoginDenied {
        /// The target.
        place: String,
        /// What `ssh` said.
        cause: String,
    },

    /// The operator said no to a question.
    #[error("{place}: not connected: {what} was declined")]
    #[diagnostic(code(target::declined), help("listing the targets again asks again"))]
    Declined {
        /// The target.
        place: String,
        /// What was asked for.
        what: String,
    },

    /// Something else answers on that port.
    #[error("{place}: what answers there does not speak SSH: {cause}")]
    #[diagnostic(
        code(target::not_ssh),
        help("check the port (sftp://HOST:PORT/); a busy server that turns clients away looks like this, too")
    )]
    NotSsh {
        /// The target.
        place: String,
        /// What `ssh` said.
        cause: String,
    },

    /// The login works, files cannot be read that way.
    #[error("{place}: the server offers no SFTP: {cause}")]
    #[diagnostic(
        code(target::no_sftp),
        help(
            "try `sftp HOST`. sshd needs a line `Subsystem sftp ...`, and the login shell's start-up files must print \
             nothing."
        )
    )]
    NoSftp {
        /// The target.
        place: String,
        /// What came instead.
        cause: String,
    },

    /// There is no `ssh` here.
    #[error("{place}: the program {program} is not there: {cause}")]
    #[diagnostic(
        code(target::no_ssh),
        help("SFTP targets are reached through the system's `ssh`: install it (openssh-client, openssh-clients)")
    )]
    NoSsh {
        /// The target.
        place: String,
        /// Which program was started.
        program: String,
        /// What the operating system said.
        cause: String,
    },

    /// `ssh` ended for another reason.
    #[error("{place}: ssh failed: {cause}")]
    #[diagnostic(code(target::ssh_failed), help("try `ssh HOST`; `ssh -G HOST` shows which settings apply"))]
    Failed {
        /// The target.
        place: String,
        /// What `ssh` said.
        cause: String,
    },
}

impl Reportable for SshError {
    fn fault(&self) -> Fault {
        match self {
            Self::HostKeyUnknown { .. }
            | Self::LoginDenied { .. }
            | Self::NotSsh { .. }
            | Self::NoSftp { .. }
            | Self::NoSsh { .. }
            | Self::Failed { .. } => Fault::Unreachable,
            Self::HostKeyChanged { .. } | Self::HostKeyRevoked { .. } | Self::Declined { .. } => Fault::Refused,
        }
    }
}

/// Words of `ssh` by which a failure is told, most serious first. A server's banner stands among them: they
/// choose a verdict, never a consent.
const CHANGED: &str = "REMOTE HOST IDENTIFICATION HAS CHANGED";
const REVOKED: &str = "REVOKED HOST KEY";
const UNKNOWN: [&str; 2] = ["host key is known for", "Host key verification failed"];
const DENIED: [&str; 4] = [
    ": Permission denied (",
    "Too many authentication failures",
    "UNPROTECTED PRIVATE KEY FILE",
    "no mutual signature algorithm",
];
const NO_SFTP: &str = "subsystem request failed";
const NOT_SSH: [&str; 4] = [
    "kex_exchange_identification",
    "Bad remote protocol version identification",
    "Invalid SSH identification string",
    "banner line contains invalid characters",
];
const UNREACHABLE: [&str; 5] =
    ["Connection refused", "Could not resolve hostname", "timed out", "No route to host", "Network is unreachable"];
/// Said behind other words as well; alone it is the network's doing.
const RESET: &str = "Connection reset by";
/// Said when a jump host's `ssh` gave up first.
const JUMP: &str = "Connection closed by UNKNOWN port 65535";

/// Why a connection did not come about.
pub fn not_connected(place: &str, fate: &Fate) -> StoreError {
    let place = place.to_owned();
    let said = match fate {
        Fate::Ended { said, .. } => said.as_str(),
        Fate::Odd(what) => return SshError::NoSftp { place, cause: (*what).to_owned() }.into(),
        Fate::Silent(limit) => return StoreError::Stalled { place, seconds: limit.as_secs() },
    };
    let line = |words: &[&str]| line_with(said, words);
    if said.contains(CHANGED) {
        return SshError::HostKeyChanged { place, cause: changed_key(said) }.into();
    }
    if let Some(cause) = line(&[REVOKED]) {
        let cause = line(&["revoked"]).unwrap_or(cause);
        return SshError::HostKeyRevoked { place, cause }.into();
    }
    if let Some(cause) = line(&UNKNOWN) {
        let whose = if said.contains(JUMP) { "a jump host" } else { "the server" };
        return SshError::HostKeyUnknown { place, whose, cause }.into();
    }
    if let Some(cause) = line(&DENIED) {
        return SshError::LoginDenied { place, cause }.into();
    }
    if let Some(cause) = line(&[NO_SFTP]) {
        return SshError::NoSftp { place, cause }.into();
    }
    if let Some(cause) = line(&UNREACHABLE) {
        return StoreError::Unreachable { place, cause };
    }
    if let Some(cause) = line(&NOT_SSH) {
        return SshError::NotSsh { place, cause }.into();
    }
    if let Some(cause) = line(&[RESET]) {
        return StoreError::Unreachable { place, cause };
    }
    let cause = last_line(said).unwrap_or_else(|| "it ended without a word".to_owned());
    SshError::Failed { place, cause }.into()
}

/// What a connection that broke means for a request that was under way. `alive`: after how many seconds without a
/// sign of life `ssh` gives up.
pub fn lost(place: &str, at_byte: u64, fate: &Fate, alive: u64) -> StoreError {
    let place = place.to_owned();
    match fate {
        Fate::Silent(limit) => StoreError::Stalled { place, seconds: limit.as_secs() },
        Fate::Odd(what) => StoreError::WrongAnswer { place, what: (*what).to_owned() },
        Fate::Ended { said, .. } if said.contains("not responding") => StoreError::Stalled { place, seconds: alive },
        Fate::Ended { said, .. } => {
            let cause = last_line(said).unwrap_or_else(|| "the connection was closed".to_owned());
            StoreError::Broken { place, at_byte, cause }
        }
    }
}

/// What a status that is no success means for a name.
pub fn refused(place: String, code: u32, words: &Foreign) -> StoreError {
    match code {
        wire::NO_SUCH_FILE => StoreError::NotFound { place },
        wire::PERMISSION_DENIED => StoreError::Denied { place, cause: "permission denied by the server".to_owned() },
        _ => StoreError::Refused { place, answer: format!("SFTP status {code}: {}", short(&words.to_string())) },
    }
}

/// The last line with one of these words, safe to draw.
fn line_with(said: &str, words: &[&str]) -> Option<String> {
    let found = said.lines().rev().find(|line| words.iter().any(|word| line.contains(word)))?;
    Some(shown(found))
}

fn last_line(said: &str) -> Option<String> {
    said.lines().rev().find(|line| !line.trim().is_empty()).map(shown)
}

/// The new key's fingerprint and where the old one stands.
fn changed_key(said: &str) -> String {
    let words = said.split_whitespace().map(|word| word.trim_end_matches('.'));
    let new = words.clone().find(|word| word.starts_with("SHA256:") || word.starts_with("MD5:"));
    let old =
        said.lines().find(|line| line.starts_with("Offending ")).map(|line| line.trim_start_matches("Offending "));
    match (new, old) {
        (Some(new), Some(old)) => format!("it is {} now, and not the {}", shown(new), shown(old)),
        (Some(new), None) => format!("it is {} now", shown(new)),
        _ => "ssh refuses it".to_owned(),
    }
}

fn shown(line: &str) -> String {
    short(&escape(line.trim()))
}

fn short(text: &str) -> String {
    const LIMIT: usize = 300;
    match text.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn verdict(said: &str) -> (String, String) {
        let report = not_connected("vault", &Fate::Ended { said: said.to_owned(), code: Some(255) }).report();
        (report.code, report.headline)
    }

    #[test]
    fn what_ssh_says_chooses_the_verdict() {
        for (said, code) in [
            (
                "No ED25519 host key is known for [h]:22 and you have requested strict checking.\r\nHost key verification failed.\r\n",
                "target::host_key_unknown",
            ),
            (
                "@@@\n@    WARNING: REVOKED HOST KEY DETECTED!   @\n@@@\nThe ED25519 host key for h is marked as revoked.\nHost key verification failed.",
                "target::host_key_revoked",
            ),
            ("Welcome\nops@h: Permission denied (publickey,password).\r\n", "target::login_denied"),
            ("subsystem request failed on channel 0\r\nConnection closed.", "target::no_sftp"),
            ("kex_exchange_identification: Connection closed by remote host\r\n", "target::not_ssh"),
            (
                "kex_exchange_identification: read: Connection reset by peer\r\nConnection reset by 1.2.3.4 port 22",
                "target::not_ssh",
            ),
            (
                "ssh: connect to host j port 22: Connection refused\r\nkex_exchange_identification: Connection closed by \
                 remote host",
                "target::unreachable",
            ),
            ("Connection reset by 1.2.3.4 port 22", "target::unreachable"),
            ("ssh: connect to host h port 1: Connection refused\r\n", "target::unreachable"),
            ("ssh: Could not resolve hostname h: Name or service not known\r\n", "target::unreachable"),
            ("Connection timed out during banner exchange\r\n", "target::unreachable"),
            ("command-line: line 0: Bad configuration option: frob\r\n", "target::ssh_failed"),
            ("", "target::ssh_failed"),
        ] {
            assert_eq!(verdict(said).0, code, "{said}");
        }
        let silent = not_connected("vault", &Fate::Silent(Duration::from_secs(9)));
        assert_eq!(silent, StoreError::Stalled { place: "vault".into(), seconds: 9 });
    }

    #[test]
    fn a_changed_key_names_the_new_fingerprint_and_where_the_old_one_stands() {
        let said = "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n\
            The fingerprint for the ED25519 key sent by the remote host is\nSHA256:abc.\n\
            Offending ED25519 key in /home/ops/.ssh/known_hosts:7\nHost key verification failed.";
        let (code, headline) = verdict(said);
        assert_eq!(code, "target::host_key_changed");
        assert!(headline.contains("SHA256:abc now") && headline.contains("known_hosts:7"), "{headline}");
    }

    #[test]
    fn a_jump_hosts_key_is_said_to_be_a_jump_hosts() {
        let said = "Host key verification failed.\nConnection closed by UNKNOWN port 65535\n";
        assert!(verdict(said).1.contains("host key of a jump host"));
    }

    #[test]
    fn nothing_that_a_server_says_reaches_the_terminal_as_it_is() {
        let (_, headline) = verdict(&format!("\u{1b}]0;owned\u{7}{}: Permission denied (x).", "a".repeat(900)));
        assert!(!headline.contains('\u{1b}') && headline.len() < 500, "{headline}");
    }
}
