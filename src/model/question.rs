//! What a target's login asks of the operator: a host key to compare, a passphrase, a second factor.

use crate::model::foreign::Foreign;
use crate::model::target::TargetName;

/// Something that only a person can answer, before a target can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// For which target.
    pub target: TargetName,
    /// What is asked.
    pub asks: Asks,
    /// The same was asked just now, and the answer was not accepted.
    pub again: bool,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asks {
    /// Whether a host that nobody has met before is the right one.
    HostKey {
        /// The host as `ssh` names it, with its address.
        host: Foreign,
        /// `ED25519`, `RSA`.
        kind: String,
        /// `SHA256:...`: what is compared, and what is answered instead of a mere yes.
        fingerprint: String,
    },
    /// A passphrase, a password or a code; typed unseen.
    Secret {
        /// In the words of `ssh` or of the server.
        prompt: Foreign,
    },
    /// Nothing but a hand: a security key waits to be touched.
    Touch {
        /// In the words of `ssh`.
        text: Foreign,
    },
}

/// Longest fingerprint that is believed to be one.
const FINGERPRINT: usize = 128;

impl Asks {
    /// Understands a prompt of `ssh`. What is not the question for a host key is the question for a secret.
    ///
    /// Prompts of servers start with `(user@host) `: none of them can pass for the question for a host key.
    pub fn of_prompt(prompt: &[u8]) -> Self {
        host_key(prompt).unwrap_or_else(|| Self::Secret { prompt: Foreign::new(trimmed(prompt)) })
    }
}

fn host_key(prompt: &[u8]) -> Option<Asks> {
    let text = std::str::from_utf8(prompt).ok()?;
    let rest = text.strip_prefix("The authenticity of host '")?;
    let (host, rest) = rest.split_once("' can't be established.")?;
    let line = rest.lines().find(|line| line.contains(" key fingerprint is "))?;
    let (kind, fingerprint) = line.split_once(" key fingerprint is ")?;
    let fingerprint = fingerprint.trim_end().trim_end_matches('.');
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '+' | '/' | '=' | '-');
    let fits = fingerprint.contains(':') && fingerprint.len() <= FINGERPRINT && fingerprint.chars().all(plain);
    let known = !kind.is_empty() && kind.len() <= 32 && kind.chars().all(plain);
    (fits && known && text.contains("/[fingerprint])")).then(|| Asks::HostKey {
        host: Foreign::from(host),
        kind: kind.to_owned(),
        fingerprint: fingerprint.to_owned(),
    })
}

fn trimmed(prompt: &[u8]) -> &[u8] {
    let end = prompt.iter().rposition(|byte| !byte.is_ascii_whitespace()).map_or(0, |at| at + 1);
    &prompt[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNKNOWN: &str = "The authenticity of host '[127.0.0.1]:2222 ([127.0.0.1]:2222)' can't be established.\n\
        ED25519 key fingerprint is SHA256:uNiVztksCsDhcc0u9e8BrrJXVGDrPLLQ+sDcXvtBm3I.\n\
        This key is not known by any other names.\n\
        Are you sure you want to continue connecting (yes/no/[fingerprint])? ";

    #[test]
    fn the_question_for_a_host_key_is_understood_whole_or_not_at_all() {
        let Asks::HostKey { host, kind, fingerprint } = Asks::of_prompt(UNKNOWN.as_bytes()) else { panic!() };
        assert_eq!(host, Foreign::from("[127.0.0.1]:2222 ([127.0.0.1]:2222)"));
        assert_eq!(kind, "ED25519");
        assert_eq!(fingerprint, "SHA256:uNiVztksCsDhcc0u9e8BrrJXVGDrPLLQ+sDcXvtBm3I");
        for odd in [
            UNKNOWN.replace("SHA256:", "SHA256:\u{1b}"),
            UNKNOWN.replace("/[fingerprint]", ""),
            format!("(ops@vault) {UNKNOWN}"),
        ] {
            assert!(matches!(Asks::of_prompt(odd.as_bytes()), Asks::Secret { .. }), "{odd:?}");
        }
    }

    #[test]
    fn every_other_prompt_asks_for_a_secret_in_its_own_words() {
        for prompt in
            [&b"Enter passphrase for key '/k': "[..], b"ops@vault's password: ", b"(ops@vault) \xff\x1b code:"]
        {
            let Asks::Secret { prompt: shown } = Asks::of_prompt(prompt) else { panic!() };
            assert_eq!(shown.raw_bytes(), prompt.trim_ascii_end());
        }
    }
}
