//! What can go wrong between a target and us, and what to do about it.

use miette::Diagnostic;
use thiserror::Error;

use crate::report::{Fault, Reportable};
use crate::target::sftp::error::SshError;
use crate::target::url::UrlError;

/// Why a target could not be listed or read.
///
/// `place` is the target's name or `target:key`, escaped. Texts of stores and of the operating
/// system are kept as text, so that errors can be cloned into every view that shows them.
#[derive(Debug, Clone, PartialEq, Eq, Error, Diagnostic)]
pub enum StoreError {
    /// The store knows us and says no, or the file's mode does.
    #[error("{place}: access denied: {cause}")]
    #[diagnostic(
        code(target::denied),
        help(
            "S3 needs s3:ListBucket on the bucket and s3:GetObject on its objects; for objects sealed by KMS kms:Decrypt \
             too. A folder needs read and search permission, over SFTP for the login user. `breakglass doctor` shows \
             what is missing."
        )
    )]
    Denied {
        /// Target, or target and key.
        place: String,
        /// What the store said.
        cause: String,
    },

    /// The credential chain has nothing to offer.
    #[error("{place}: no AWS credentials found")]
    #[diagnostic(
        code(target::no_credentials),
        help(
            "set `profile` for this target, AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; \
             for SSO run `aws sso login` first"
        )
    )]
    NoCredentials {
        /// The target.
        place: String,
    },

    /// The credential chain has something, and it does not work.
    #[error("{place}: the credentials do not work: {cause}")]
    #[diagnostic(
        code(target::bad_credentials),
        help(
            "check the access key, its secret and the profile; keys of another store or a deleted user look like this"
        )
    )]
    BadCredentials {
        /// The target.
        place: String,
        /// What the store or the provider said.
        cause: String,
    },

    /// Temporary credentials are over.
    #[error("{place}: the credentials have expired: {cause}")]
    #[diagnostic(
        code(target::expired),
        help(
            "log in again (`aws sso login --profile ...`, or fetch a new session token), then retry; nothing was lost"
        )
    )]
    Expired {
        /// The target.
        place: String,
        /// What the store or the provider said.
        cause: String,
    },

    /// The clocks differ by more than S3 allows.
    #[error("{place}: this machine's clock and the store's differ too much")]
    #[diagnostic(
        code(target::clock_skew),
        help("signatures are only valid for 15 minutes: set this machine's clock (`timedatectl`, `chronyc makestep`)")
    )]
    ClockSkew {
        /// The target.
        place: String,
    },

    /// The bucket does not exist.
    #[error("{place}: there is no bucket {bucket}")]
    #[diagnostic(
        code(target::no_bucket),
        help("check the bucket's name, the endpoint and the account; at an endpoint of your own also `path_style`")
    )]
    NoBucket {
        /// The target.
        place: String,
        /// Its name.
        bucket: String,
    },

    /// The bucket is elsewhere.
    #[error("{place}: the bucket lies in {}", region.as_deref().unwrap_or("another region"))]
    #[diagnostic(code(target::wrong_region), help("set `region = \"{}\"` for this target", region.as_deref().unwrap_or("...")))]
    WrongRegion {
        /// The target.
        place: String,
        /// Where it is, if the store says so.
        region: Option<String>,
    },

    /// Nothing there of that name or version.
    #[error("{place}: not there (any more)")]
    #[diagnostic(code(target::not_found), help("list the target again: it may have been pruned or renamed"))]
    NotFound {
        /// Target and key, or the target's folder.
        place: String,
    },

    /// In a cold tier.
    #[error("{place} is frozen in {class} and must be thawed before it can be read")]
    #[diagnostic(code(target::frozen), help("{how}"))]
    Frozen {
        /// Target and key.
        place: String,
        /// The storage class.
        class: String,
        /// How to thaw it.
        how: String,
    },

    /// Not the object that was listed.
    #[error("{place} changed since it was listed: {what}")]
    #[diagnostic(
        code(target::changed),
        help("nothing of the new object was mixed in. List the target again; an upload may still be running.")
    )]
    Changed {
        /// Target and key.
        place: String,
        /// What differs.
        what: String,
    },

    /// The store breaks its own promises.
    #[error("{place}: the store's answer is wrong: {what}")]
    #[diagnostic(
        code(target::wrong_answer),
        help(
            "a proxy or the store alters answers; try without the proxy, or read the object with another client and compare"
        )
    )]
    WrongAnswer {
        /// Target and key.
        place: String,
        /// What is wrong with it.
        what: String,
    },

    /// The store asks us to slow down. Passes by itself.
    #[error("{place}: the store is overloaded ({answer})")]
    #[diagnostic(code(target::busy), help("try again in a few minutes, with fewer jobs at once"))]
    Busy {
        /// Target, or target and key.
        place: String,
        /// Status and code.
        answer: String,
    },

    /// The store failed. Usually passes by itself.
    #[error("{place}: the store failed ({answer})")]
    #[diagnostic(code(target::store_failed), help("try again in a few minutes; if it stays, ask who runs the store"))]
    StoreFailed {
        /// Target, or target and key.
        place: String,
        /// Status and code.
        answer: String,
    },

    /// The connection broke. Resumed at the byte.
    #[error("{place}: the connection broke at byte {at_byte}: {cause}")]
    #[diagnostic(code(target::broken), help("check the network between this machine and the store, proxies included"))]
    Broken {
        /// Target, or target and key.
        place: String,
        /// Bytes of the object that had arrived.
        at_byte: u64,
        /// What the network said.
        cause: String,
    },

    /// Nothing came for too long. Resumed at the byte.
    #[error("{place}: no answer for {seconds} s")]
    #[diagnostic(code(target::stalled), help("check the network between this machine and the store, proxies included"))]
    Stalled {
        /// Target, or target and key.
        place: String,
        /// How long we waited.
        seconds: u64,
    },

    /// No connection at all.
    #[error("{place}: cannot be reached: {cause}")]
    #[diagnostic(
        code(target::unreachable),
        help(
            "check the endpoint's or host's name and port, the VPN, and for S3 HTTPS_PROXY and NO_PROXY; `breakglass \
             doctor` tries each target"
        )
    )]
    Unreachable {
        /// The target.
        place: String,
        /// What the network said.
        cause: String,
    },

    /// The server's certificate is not trusted, or TLS failed otherwise.
    #[error("{place}: no trusted TLS connection: {cause}")]
    #[diagnostic(
        code(target::tls),
        help("for a store with its own authority set `ca_file` or AWS_CA_BUNDLE to its root certificate (PEM)")
    )]
    Tls {
        /// The target.
        place: String,
        /// What failed.
        cause: String,
    },

    /// Any other refusal.
    #[error("{place}: the store refused the request ({answer})")]
    #[diagnostic(
        code(target::refused),
        help("the answer names the reason; the log at level debug has the request's id")
    )]
    Refused {
        /// Target, or target and key.
        place: String,
        /// Status, code and message.
        answer: String,
    },

    /// Whatever answers there does not speak S3.
    #[error("{place}: the answer is not S3's: {cause}")]
    #[diagnostic(
        code(target::not_s3),
        help("check `endpoint`: a console, a web server or a login page may answer there")
    )]
    NotS3 {
        /// The target.
        place: String,
        /// What could not be understood.
        cause: String,
    },

    /// Patience is over; the last failure is the one to show.
    #[error("{last} (gave up after {tries} tries)")]
    #[diagnostic(code(target::gave_up), help("{}", last.advice()))]
    GaveUp {
        /// How often it was tried without a byte of progress.
        tries: u32,
        /// What failed last.
        last: Box<StoreError>,
    },

    /// The operating system failed.
    #[error("{place}: {cause}")]
    #[diagnostic(code(target::io), help("check the disk or the mount (`dmesg`, `df`)"))]
    Io {
        /// Target, or target and key.
        place: String,
        /// What it said.
        cause: String,
    },

    /// Not a regular file.
    #[error("{place} is not a regular file")]
    #[diagnostic(
        code(target::not_a_file),
        help("links, pipes and devices are not read: name the file that a link points to; a folder's URL ends in /")
    )]
    NotAFile {
        /// Target and key.
        place: String,
    },

    /// The target's settings cannot work.
    #[error("{place}: {what}")]
    #[diagnostic(
        code(target::settings),
        help("correct the target in the estate file; `breakglass config explain` shows where it is set")
    )]
    Settings {
        /// The target.
        place: String,
        /// What is wrong.
        what: String,
    },

    /// There is no SFTP session with the host.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ssh(#[from] SshError),

    /// The address cannot be understood.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Url(#[from] UrlError),

    /// Stopped by a person or by the end of the session.
    #[error("stopped")]
    #[diagnostic(code(target::cancelled), severity(advice))]
    Cancelled,
}

impl StoreError {
    /// Whether trying again may help: the network or the store failed, not the request.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Busy { .. }
                | Self::StoreFailed { .. }
                | Self::Broken { .. }
                | Self::Stalled { .. }
                | Self::Unreachable { .. }
        )
    }

    /// In a few words, for "waiting: ..." lines; safe to draw.
    pub fn in_short(&self) -> String {
        match self {
            Self::Busy { answer, .. } | Self::StoreFailed { answer, .. } => format!("the store answers {answer}"),
            Self::Broken { .. } => "the connection broke".to_owned(),
            Self::Stalled { seconds, .. } => format!("no answer for {seconds} s"),
            Self::Unreachable { .. } => "the store cannot be reached".to_owned(),
            other => other.report().headline,
        }
    }

    fn advice(&self) -> String {
        self.help().map_or_else(String::new, |help| help.to_string())
    }
}

impl Reportable for StoreError {
    fn fault(&self) -> Fault {
        match self {
            Self::Denied { .. }
            | Self::NoCredentials { .. }
            | Self::BadCredentials { .. }
            | Self::Expired { .. }
            | Self::ClockSkew { .. }
            | Self::NoBucket { .. }
            | Self::WrongRegion { .. }
            | Self::Busy { .. }
            | Self::StoreFailed { .. }
            | Self::Broken { .. }
            | Self::Stalled { .. }
            | Self::Unreachable { .. }
            | Self::Tls { .. }
            | Self::Refused { .. }
            | Self::NotS3 { .. } => Fault::Unreachable,
            Self::NotFound { .. } | Self::NotAFile { .. } | Self::Io { .. } => Fault::Failed,
            Self::Frozen { .. } | Self::Changed { .. } => Fault::Refused,
            Self::WrongAnswer { .. } => Fault::Integrity,
            Self::GaveUp { last, .. } => last.fault(),
            Self::Ssh(error) => error.fault(),
            Self::Settings { .. } | Self::Url(_) => Fault::Usage,
            Self::Cancelled => Fault::Interrupted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn giving_up_keeps_the_last_failures_words_advice_and_exit_code() {
        let last = StoreError::Busy { place: "offsite".into(), answer: "503 SlowDown".into() };
        let report = StoreError::GaveUp { tries: 8, last: Box::new(last.clone()) }.report();
        assert_eq!(report.headline, "offsite: the store is overloaded (503 SlowDown) (gave up after 8 tries)");
        assert_eq!(report.advice, last.report().advice);
        assert_eq!(report.fault, Fault::Unreachable);
    }

    #[test]
    fn advice_names_the_region_that_the_store_named() {
        let error = StoreError::WrongRegion { place: "offsite".into(), region: Some("eu-west-1".into()) };
        assert_eq!(error.report().advice, "set `region = \"eu-west-1\"` for this target");
        assert!(!error.is_transient());
    }
}
