//! What S3 and the way to it answer, as a target's errors.

use std::error::Error;
use std::io;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::model::foreign::{Foreign, escape};
use crate::target::error::StoreError;

/// What was asked for, as far as an error needs to know.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// The target's name.
    pub target: String,
    /// Its bucket.
    pub bucket: String,
    /// The key relative to the target and the whole key, when one object was asked for.
    pub key: Option<(Foreign, String)>,
    /// The storage class as listed.
    pub class: Option<String>,
    /// The first byte that was asked for.
    pub at_byte: u64,
    /// How long an answer may take.
    pub patience: Duration,
}

impl Asked {
    /// Target, or target and key.
    pub fn place(&self) -> String {
        match &self.key {
            Some((key, _)) => format!("{}:{key}", self.target),
            None => self.target.clone(),
        }
    }

    /// The error for an object in a cold tier.
    pub fn frozen(&self) -> StoreError {
        let class = self.class.clone().unwrap_or_else(|| "an archive tier".to_owned());
        StoreError::Frozen { place: self.place(), class: escape(&class), how: self.thaw_advice() }
    }

    /// The error for no answer in time.
    pub fn stalled(&self) -> StoreError {
        StoreError::Stalled { place: self.place(), seconds: self.patience.as_secs() }
    }

    /// The error for a connection that broke.
    pub fn broken(&self, cause: String) -> StoreError {
        StoreError::Broken { place: self.place(), at_byte: self.at_byte, cause }
    }

    fn thaw_advice(&self) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=@:,".contains(c);
        let key = match &self.key {
            Some((_, key)) if key.chars().all(plain) && !key.starts_with('-') => key,
            _ => "KEY",
        };
        format!(
            "ask for a copy with `aws s3api restore-object --bucket {} --key {key} --restore-request \
             '{{\"Days\":7,\"GlacierJobParameters\":{{\"Tier\":\"Standard\"}}}}'` (minutes to 48 hours, by tier), then list again",
            self.bucket
        )
    }
}

/// An error answer, taken apart.
struct Answer<'a> {
    status: u16,
    code: Option<&'a str>,
    message: Option<&'a str>,
    region: Option<&'a str>,
}

impl Answer<'_> {
    /// `503 SlowDown`; with the message where it adds something. Safe to draw.
    fn words(&self) -> String {
        escape(&match (self.code, self.message) {
            (Some(code), _) => format!("{} {code}", self.status),
            (None, Some(message)) => format!("{} {message}", self.status),
            (None, None) => self.status.to_string(),
        })
    }

    fn said(&self) -> String {
        self.message.map_or_else(|| self.words(), escape)
    }

    /// The region that the store names: in a header, or as AWS words it in the message.
    fn region(&self) -> Option<String> {
        let worded = || self.message?.split_once("expecting '")?.1.split_once('\'').map(|(region, _)| region);
        self.region.or_else(worded).map(escape)
    }
}

/// Turns the SDK's error into ours.
pub(super) fn of_sdk<E>(asked: &Asked, error: SdkError<E, HttpResponse>) -> StoreError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    match &error {
        SdkError::ServiceError(service) => {
            let raw = service.raw();
            let answer = Answer {
                status: raw.status().as_u16(),
                code: service.err().code(),
                message: service.err().message(),
                region: raw.headers().get("x-amz-bucket-region"),
            };
            of_answer(asked, &answer)
        }
        // The answer began well and never came whole.
        SdkError::ResponseError(response) if response.raw().body().bytes().is_none() => {
            of_transport(asked, &error).unwrap_or_else(|| asked.broken(root_cause(&error)))
        }
        SdkError::ResponseError(response) if response.raw().status().is_success() => {
            StoreError::NotS3 { place: asked.target.clone(), cause: root_cause(&error) }
        }
        SdkError::ResponseError(response) => {
            let status = response.raw().status().as_u16();
            of_answer(asked, &Answer { status, code: None, message: None, region: None })
        }
        SdkError::ConstructionFailure(_) => {
            let what = root_cause(&error);
            of_transport(asked, &error).unwrap_or(StoreError::Settings { place: asked.target.clone(), what })
        }
        _ => of_transport(asked, &error).unwrap_or_else(|| asked.broken(root_cause(&error))),
    }
}

fn of_answer(asked: &Asked, answer: &Answer<'_>) -> StoreError {
    let (place, target) = (asked.place(), asked.target.clone());
    if let Some(code) = answer.code
        && let Some(error) = of_code(asked, answer, code)
    {
        return error;
    }
    match answer.status {
        200..=299 => StoreError::NotS3 { place: target, cause: "its answer cannot be understood".to_owned() },
        301 | 308 => StoreError::WrongRegion { place: target, region: answer.region() },
        401 => StoreError::BadCredentials { place: target, cause: answer.said() },
        403 => StoreError::Denied { place, cause: answer.said() },
        404 => StoreError::NotFound { place },
        412 => StoreError::Changed { place, what: "its ETag is another".to_owned() },
        416 => StoreError::Changed { place, what: "it is shorter than it was".to_owned() },
        307 | 408 | 429 | 503 => StoreError::Busy { place, answer: answer.words() },
        500 | 502 | 504..=599 => StoreError::StoreFailed { place, answer: answer.words() },
        _ => {
            let said = answer.message.map_or_else(String::new, |message| format!(": {}", escape(message)));
            StoreError::Refused { place, answer: format!("{}{said}", answer.words()) }
        }
    }
}

/// Codes that say more than their status.
fn of_code(asked: &Asked, answer: &Answer<'_>, code: &str) -> Option<StoreError> {
    let (place, target) = (asked.place(), asked.target.clone());
    Some(match code {
        "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" | "RequestExpired" => {
            StoreError::Expired { place: target, cause: answer.said() }
        }
        "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "InvalidToken"
        | "InvalidSecurity"
        | "NotSignedUp"
        | "AccountProblem"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException" => StoreError::BadCredentials { place: target, cause: answer.said() },
        "RequestTimeTooSkewed" => StoreError::ClockSkew { place: target },
        "NoSuchBucket" => StoreError::NoBucket { place: target, bucket: asked.bucket.clone() },
        "NoSuchKey" | "NoSuchVersion" => StoreError::NotFound { place },
        "InvalidObjectState" => asked.frozen(),
        "PermanentRedirect" | "IllegalLocationConstraintException" => {
            StoreError::WrongRegion { place: target, region: answer.region() }
        }
        "AuthorizationHeaderMalformed" if answer.region().is_some() => {
            StoreError::WrongRegion { place: target, region: answer.region() }
        }
        "SlowDown"
        | "ServiceUnavailable"
        | "Throttling"
        | "ThrottlingException"
        | "RequestLimitExceeded"
        | "RequestTimeout"
        | "TooManyRequests"
        | "TemporaryRedirect" => StoreError::Busy { place, answer: answer.words() },
        "InternalError" => StoreError::StoreFailed { place, answer: answer.words() },
        _ => return None,
    })
}

/// Failures without an answer, where the causes tell which: credentials, name, connection, TLS, time.
fn of_transport(asked: &Asked, error: &(dyn Error + 'static)) -> Option<StoreError> {
    let place = asked.target.clone();
    let cause = root_cause(error);
    for link in chain(error) {
        if let Some(credentials) = link.downcast_ref::<CredentialsError>() {
            return Some(of_credentials(place, credentials, cause));
        }
        if link.is::<rustls::Error>() {
            return Some(StoreError::Tls { place, cause });
        }
    }
    let words: Vec<String> = chain(error).map(|link| link.to_string().to_lowercase()).collect();
    let says = |text: &str| words.iter().any(|words| words.contains(text));
    if says("http read timeout") {
        return Some(asked.stalled());
    }
    let is_unreached =
        ["connect timeout", "tcp connect", "dns error", "failed to lookup", "connection refused", "tunnel", "proxy"]
            .into_iter()
            .any(says);
    is_unreached.then_some(StoreError::Unreachable { place, cause })
}

fn of_credentials(place: String, error: &CredentialsError, cause: String) -> StoreError {
    // A portal calls an expired login unknown, and a missing one is a file of the cache that cannot be read.
    let over = ["expired", "unauthorizedexception", "session token not found", "cached sso token", "/sso/cache/"];
    let expired = chain(error).any(|link| {
        let words = link.to_string().to_lowercase();
        over.iter().any(|over| words.contains(over))
    });
    match error {
        CredentialsError::CredentialsNotLoaded(_) => StoreError::NoCredentials { place },
        CredentialsError::ProviderTimedOut(_) => StoreError::Unreachable { place, cause },
        _ if expired => StoreError::Expired { place, cause },
        _ => StoreError::BadCredentials { place, cause },
    }
}

/// The innermost reason, escaped and of bounded length.
pub(super) fn root_cause(error: &(dyn Error + 'static)) -> String {
    let text = chain(error).last().map_or_else(String::new, |link| link.to_string());
    escape(&text.chars().take(300).collect::<String>())
}

/// An error and its causes. `io::Error::source` skips its own payload, so that is asked for by name.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| match error.downcast_ref::<io::Error>() {
        Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => error.source(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Asked {
        let key = "mysql/shop 1'; rm -rf ~".to_owned();
        Asked {
            target: "offsite".into(),
            bucket: "acme-bak".into(),
            key: Some((Foreign::from("shop 1'; rm -rf ~"), key)),
            class: Some("GLACIER".into()),
            at_byte: 7,
            patience: Duration::from_secs(30),
        }
    }

    fn answered(status: u16, code: &str, message: &str) -> StoreError {
        let some = |text| Some(text).filter(|text: &&str| !text.is_empty());
        of_answer(&asked(), &Answer { status, code: some(code), message: some(message), region: None })
    }

    #[test]
    fn every_kind_of_refusal_has_a_name_of_its_own() {
        let named = |status, code, message| answered(status, code, message).report_code();
        assert_eq!(named(403, "AccessDenied", "Access Denied"), "target::denied");
        assert_eq!(named(400, "ExpiredToken", ""), "target::expired");
        assert_eq!(named(403, "SignatureDoesNotMatch", ""), "target::bad_credentials");
        assert_eq!(named(403, "RequestTimeTooSkewed", ""), "target::clock_skew");
        assert_eq!(named(404, "NoSuchBucket", ""), "target::no_bucket");
        assert_eq!(named(404, "NoSuchKey", ""), "target::not_found");
        assert_eq!(named(412, "PreconditionFailed", ""), "target::changed");
        assert_eq!(named(416, "InvalidRange", ""), "target::changed");
        assert_eq!(named(403, "InvalidObjectState", ""), "target::frozen");
        assert_eq!(named(503, "SlowDown", ""), "target::busy");
        assert_eq!(named(500, "InternalError", ""), "target::store_failed");
        assert_eq!(named(502, "", ""), "target::store_failed");
        assert_eq!(named(400, "EntityTooLarge", "no"), "target::refused");
        assert_eq!(named(301, "PermanentRedirect", ""), "target::wrong_region");
    }

    #[test]
    fn the_region_is_read_from_the_words_of_a_malformed_header() {
        let said = "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'";
        let expected = StoreError::WrongRegion { place: "offsite".into(), region: Some("eu-west-1".into()) };
        assert_eq!(answered(400, "AuthorizationHeaderMalformed", said), expected);
    }

    #[test]
    fn thawing_is_explained_and_a_hostile_key_never_enters_a_command() {
        let StoreError::Frozen { how, .. } = asked().frozen() else { panic!() };
        assert!(how.contains("restore-object --bucket acme-bak --key KEY "), "{how}");
        let mut plain = asked();
        plain.key = Some((Foreign::from("a.sql"), "mysql/a.sql".into()));
        let StoreError::Frozen { how, .. } = plain.frozen() else { panic!() };
        assert!(how.contains("--key mysql/a.sql "), "{how}");
    }

    impl StoreError {
        fn report_code(&self) -> String {
            crate::report::Reportable::report(self).code
        }
    }
}
