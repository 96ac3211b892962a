//! The sections of `estate.toml`, one function each.

use std::cell::RefCell;
use std::time::Duration;

use toml::de::DeTable;

use crate::disk::environment::Environment;
use crate::disk::estate::{
    ChangeSource, ConfigFile, Estate, EstateId, EstateKey, EstateTarget, Notes, Others, Policy, SeriesRule,
    TargetHabits,
};
use crate::disk::estate_error::EstateError;
use crate::disk::estate_feeds;
use crate::disk::estate_section::{Placed, Section, Source, duration};
use crate::disk::explain::{Origin, Setting};
use crate::disk::nearest::nearest;
use crate::disk::paths::expand;
use crate::disk::urls::{TargetUrl, UrlError, endpoint_url, refuse_password, server_url, target_url};
use crate::model::foreign::escape;
use crate::model::retention::Retention;
use crate::model::seal::Fingerprint;
use crate::model::sink::{PasswordSource, Protection, ServerRef, TlsMode};
use crate::model::target::{ChecksumMode, FileLocation, Location, PathStyle, S3Location, Target, TargetName};
use crate::model::units::short_span;

const TOP: [&str; 12] = [
    "name",
    "read_only",
    "idle_lock",
    "proof_max_age",
    "audit_syslog",
    "keys",
    "targets",
    "servers",
    "changes",
    "series",
    "history",
    "telemetry",
];
const TARGET: [&str; 12] = [
    "url",
    "region",
    "endpoint",
    "path_style",
    "profile",
    "versions",
    "ca_file",
    "checksums",
    "expect",
    "leading_slash",
    "retention",
    "filename_pattern",
];
const SERVER: [&str; 9] = [
    "url",
    "defaults_file",
    "password_file",
    "password_env",
    "password_command",
    "tls",
    "ca_file",
    "protected",
    "expect",
];

pub(super) fn estate(file: &ConfigFile, env: &Environment) -> Result<Estate, EstateError> {
    let source = Source { path: &file.path, text: &file.text, env, settings: RefCell::default() };
    let document = DeTable::parse(&file.text).map_err(|error| EstateError::Syntax {
        path: file.path.clone(),
        line: source.line_at(error.span().map_or(0, |span| span.start)),
        what: escape(error.message()),
    })?;
    let top = Section::open(&source, "", &document, &TOP)?;
    let mut estate = Estate::empty("", EstateId::of_file(&file.path));
    estate.file = Some(file.path.clone());
    estate.name = name(&top)?;
    estate.policy = policy(&top)?;
    estate.keys = each(&top, "keys", &["file", "fingerprint"], key)?;
    estate.targets = each(&top, "targets", &TARGET, target)?;
    estate.habits = each(&top, "targets", &TARGET, habits)?.into_iter().flatten().collect();
    estate.servers = each(&top, "servers", &SERVER, |name, section| server(name, section, file.access.write))?;
    estate.changes = each(&top, "changes", &["target", "path", "url", "access_profile", "schema"], |name, section| {
        change(name, section, &estate.targets)
    })?;
    estate.series = each(&top, "series", &["match", "databases", "cron", "tz"], series)?;
    estate.history = estate_feeds::history(&top)?;
    estate.good_within = estate_feeds::good_within(&top)?;
    estate.feeds = each(&top, "telemetry", &estate_feeds::FEED, |name, section| {
        estate_feeds::feed(name, section, (&estate.targets, &estate.servers))
    })?;
    estate.notes = Notes { remarks: remarks(file, &estate), settings: source.settings.take() };
    Ok(estate)
}

fn each<'a, 'i, T>(
    top: &Section<'a, 'i>,
    key: &str,
    keys: &[&str],
    read: impl Fn(String, &Section<'a, 'i>) -> Result<T, EstateError>,
) -> Result<Vec<T>, EstateError> {
    top.named(key, keys)?.into_iter().map(|(name, section)| read(name, &section)).collect()
}

fn remarks(file: &ConfigFile, estate: &Estate) -> Vec<String> {
    let mut remarks = vec![];
    if file.access.write == Others::May {
        remarks.push(format!(
            "{} may be changed by others: they decide which servers are protected; `chmod go-w` it and own it",
            escape(&file.path.display().to_string())
        ));
    }
    if estate.targets.is_empty() {
        remarks.push("the estate names no target: add a section such as [targets.offsite] with a url".to_owned());
    }
    remarks
}

fn name(top: &Section<'_, '_>) -> Result<String, EstateError> {
    let written = top.text("name")?.map(|name| name.value);
    if let Some(name) = overriding(top.source, "name", "BREAKGLASS_NAME") {
        return Ok(name);
    }
    Ok(written.unwrap_or_else(|| {
        top.source.note("name", "estate", Origin::Default);
        "estate".to_owned()
    }))
}

/// An environment variable that overrides a setting of the file; noted in place of the file's.
fn overriding(source: &Source<'_>, setting: &str, variable: &str) -> Option<String> {
    let value = source.env.text(variable)?;
    source.settings.borrow_mut().retain(|known: &Setting| known.setting != setting);
    source.note(setting, &value, Origin::Env(variable.to_owned()));
    Some(value)
}

fn policy(top: &Section<'_, '_>) -> Result<Policy, EstateError> {
    let usual = Policy::default();
    Ok(Policy {
        read_only: flag(top, "read_only", "BREAKGLASS_READ_ONLY")?,
        idle_lock: span(top, "idle_lock", "BREAKGLASS_IDLE_LOCK", usual.idle_lock)?,
        proof_max_age: span(top, "proof_max_age", "BREAKGLASS_PROOF_MAX_AGE", usual.proof_max_age)?,
        audit_syslog: flag(top, "audit_syslog", "BREAKGLASS_AUDIT_SYSLOG")?,
    })
}

fn flag(top: &Section<'_, '_>, key: &str, variable: &str) -> Result<bool, EstateError> {
    let written = top.flag(key)?.is_some_and(|flag| flag.value);
    match overriding(top.source, key, variable).as_deref().map(str::to_lowercase).as_deref() {
        None => Ok(written),
        Some("1" | "true" | "yes" | "on") => Ok(true),
        Some("0" | "false" | "no" | "off") => Ok(false),
        Some(other) => Err(in_environment(key, variable, other, "true or false")),
    }
}

fn span(top: &Section<'_, '_>, key: &str, variable: &str, usual: Duration) -> Result<Duration, EstateError> {
    const FORMS: &str = "a span such as 30s, 10m, 26h, 30d or 2w";
    let written = top.text(key)?;
    if let Some(text) = overriding(top.source, key, variable) {
        return duration(&text).ok_or_else(|| in_environment(key, variable, &text, FORMS));
    }
    let Some(text) = written else {
        top.source.note(key, short_span(usual), Origin::Default);
        return Ok(usual);
    };
    let what = format!("is \"{}\"", escape(&text.value));
    duration(&text.value).ok_or_else(|| top.source.wrong(&text, what, format!("write {FORMS}, in quotes")))
}

fn in_environment(key: &str, variable: &str, value: &str, valid: &str) -> EstateError {
    EstateError::WrongValue {
        at: format!("${variable}"),
        setting: key.to_owned(),
        what: format!("is \"{}\"", escape(value)),
        valid: format!("set it to {valid}, or unset it"),
    }
}

fn key(name: String, section: &Section<'_, '_>) -> Result<EstateKey, EstateError> {
    let file = section.path("file")?;
    let fingerprint = section.text("fingerprint")?.map(|text| fingerprint(section.source, &text)).transpose()?;
    if file.is_none() && fingerprint.is_none() {
        section.demand("file", "~/keys/ops.pem")?;
    }
    Ok(EstateKey { name, file, fingerprint, held: false })
}

fn fingerprint(source: &Source<'_>, text: &Placed<String>) -> Result<Fingerprint, EstateError> {
    Fingerprint::parse(&text.value).ok_or_else(|| {
        let valid = "write 8 to 64 hex digits as `breakglass key inspect` shows them";
        source.wrong(text, "is not a fingerprint", valid)
    })
}

fn target(name: String, section: &Section<'_, '_>) -> Result<EstateTarget, EstateError> {
    let name = TargetName::new(&name).expect("section names were checked to be made of the same characters");
    let source = section.source;
    let url = section.demand("url", "s3://bucket/prefix/")?;
    let expanded = match url.value.strip_prefix("file://").unwrap_or(&url.value) {
        path if path.starts_with("~/") => expand(path, source.folder(), source.env).display().to_string(),
        _ => url.value.clone(),
    };
    let parsed = target_url(&expanded).map_err(|error| refused(source, &url, error))?;
    source.note(&url.setting, &expanded, source.origin(url.line));
    let expect = section.inner("expect", &["key_fingerprint"])?;
    let expect = expect.map(|expect| expect.demand("key_fingerprint", "9f1c22ab")).transpose()?;
    let expect_key = expect.as_ref().map(|text| fingerprint(source, text)).transpose()?;
    if let (Some(expect), Some(key)) = (&expect, &expect_key) {
        source.note(&expect.setting, key.as_str(), source.origin(expect.line));
    }
    let location = match parsed {
        TargetUrl::S3 { bucket, prefix } => Location::S3(Box::new(s3(section, bucket, prefix)?)),
        TargetUrl::File(root) => {
            only_s3(section)?;
            Location::File(FileLocation { root })
        }
        TargetUrl::Sftp(location) => {
            only_s3(section)?;
            Location::Sftp(Box::new(location))
        }
        TargetUrl::NotYet(scheme) => {
            let why =
                format!("{}:{}: {scheme} targets are not yet read by this version", source.path.display(), url.line);
            return Ok(EstateTarget::NotYet { name, url: escape(&url.value), why: escape(&why) });
        }
    };
    Ok(EstateTarget::Ready(Target { name, location, expect_key }))
}

pub(super) fn refused(source: &Source<'_>, url: &Placed<String>, error: UrlError) -> EstateError {
    match error {
        UrlError::Secret => {
            let (path, setting) = (source.path.to_owned(), url.setting.clone());
            EstateError::SecretInUrl { path, line: url.line, setting }
        }
        UrlError::Wrong { what, valid } => source.wrong(url, what, valid),
    }
}

fn s3(section: &Section<'_, '_>, bucket: String, prefix: String) -> Result<S3Location, EstateError> {
    let source = section.source;
    let endpoint = match section.unnoted_text("endpoint")? {
        None => None,
        Some(text) => {
            let url = endpoint_url(&text.value).map_err(|error| refused(source, &text, error))?;
            source.note(&text.setting, &url, source.origin(text.line));
            Some(url)
        }
    };
    let styles = [("auto", PathStyle::Auto), ("always", PathStyle::Always), ("never", PathStyle::Never)];
    let modes = [("when_required", ChecksumMode::WhenRequired), ("when_supported", ChecksumMode::WhenSupported)];
    Ok(S3Location {
        bucket,
        prefix,
        region: section.text("region")?.map(|text| text.value),
        endpoint,
        path_style: section.word("path_style", &styles)?,
        profile: section.text("profile")?.map(|text| text.value),
        ca_file: section.path("ca_file")?,
        versions: section.flag("versions")?.is_some_and(|flag| flag.value),
        checksums: section.word("checksums", &modes)?,
        credentials: None,
        slashed: section.flag("leading_slash")?.is_some_and(|flag| flag.value),
    })
}

/// What is said about mysql-backup in a target, if anything is.
fn habits(name: String, section: &Section<'_, '_>) -> Result<Option<(TargetName, TargetHabits)>, EstateError> {
    let name = TargetName::new(&name).expect("section names were checked to be made of the same characters");
    let valid = "write what its prune takes: 12h, 30d, 4w, 6m, 1y, or 7c for the newest seven";
    let retention = section.text("retention")?.map(|text| {
        let what = || format!("is \"{}\"", escape(&text.value));
        Retention::parse(&text.value).ok_or_else(|| section.source.wrong(&text, what(), valid))
    });
    let retention = retention.transpose()?;
    let filename_pattern = section.text("filename_pattern")?.map(|text| text.value);
    let said = retention.is_some() || filename_pattern.is_some();
    Ok(said.then_some((name, TargetHabits { retention, filename_pattern })))
}

/// A setting of S3 beside a folder is a mistake that would otherwise pass in silence.
fn only_s3(section: &Section<'_, '_>) -> Result<(), EstateError> {
    for key in ["region", "endpoint", "path_style", "profile", "ca_file", "checksums", "versions", "leading_slash"] {
        if let Some(line) = section.line_of(key) {
            return Err(section.source.wrong(&line, "belongs to s3:// targets", "remove the line, or change the url"));
        }
    }
    Ok(())
}

fn server(name: String, section: &Section<'_, '_>, writers: Others) -> Result<ServerRef, EstateError> {
    let source = section.source;
    let url = section.demand("url", "mysql://user@host:3306/")?;
    let parsed = server_url(&url.value).map_err(|error| refused(source, &url, error))?;
    if parsed.database.is_some() {
        let valid = "end the url at the slash; the database is chosen with `--into server:NAME/DATABASE`";
        return Err(source.wrong(&url, "names a database", valid));
    }
    source.note(&url.setting, &url.value, source.origin(url.line));
    let tls = [
        ("auto", TlsMode::Auto),
        ("disabled", TlsMode::Disabled),
        ("preferred", TlsMode::Preferred),
        ("required", TlsMode::Required),
        ("verify-ca", TlsMode::VerifyCa),
        ("verify-identity", TlsMode::VerifyIdentity),
    ];
    let password = password(section, writers)?;
    let protected = section.flag("protected")?.is_some_and(|flag| flag.value);
    let expect = section.inner("expect", &["server_uuid"])?;
    Ok(ServerRef {
        name: Some(name),
        address: parsed.address,
        user: parsed.user,
        defaults_file: section.path("defaults_file")?,
        password,
        tls: section.word("tls", &tls)?,
        ca_file: section.path("ca_file")?,
        protection: if protected { Protection::Protected } else { Protection::Open },
        expect_uuid: expect.map(|expect| expect.text("server_uuid")).transpose()?.flatten().map(|text| text.value),
    })
}

fn password(section: &Section<'_, '_>, writers: Others) -> Result<PasswordSource, EstateError> {
    let file = section.path("password_file")?.map(PasswordSource::File);
    let variable = section.text("password_env")?.map(|text| PasswordSource::Env(text.value));
    let command = section.unnoted_text("password_command")?;
    if let Some(text) = &command {
        if writers == Others::May {
            let (path, setting) = (section.source.path.to_owned(), text.setting.clone());
            return Err(EstateError::WritableByOthers { path, line: text.line, setting });
        }
        // A command line may carry a token.
        section.source.note(&text.setting, "(a command; not shown)", section.source.origin(text.line));
    }
    let command = command.map(|text| PasswordSource::Command(text.value));
    let mut sources = [file, variable, command].into_iter().flatten();
    let first = sources.next();
    if sources.next().is_some() {
        let placed = section.line_of("password_file").or(section.line_of("password_env"));
        let placed = placed.expect("of two password sources one is a file or a variable");
        return Err(section.source.wrong(
            &placed,
            "is not the only source of the password",
            "keep one of password_file, password_env, password_command",
        ));
    }
    Ok(first.unwrap_or_default())
}

fn change(name: String, section: &Section<'_, '_>, targets: &[EstateTarget]) -> Result<ChangeSource, EstateError> {
    let source = section.source;
    let target = section.text("target")?;
    let url = section.unnoted_text("url")?;
    if let Some(url) = &url {
        let rest = url.value.split_once("://").map_or("", |(_, rest)| rest);
        refuse_password(rest).map_err(|error| refused(source, url, error))?;
        source.note(&url.setting, &url.value, source.origin(url.line));
    }
    match (&target, &url) {
        (Some(target), Some(_)) => {
            return Err(source.wrong(target, "stands beside a url", "keep one of target and url"));
        }
        (None, None) => drop(section.demand("target", "offsite")?),
        _ => {}
    }
    let target = match target {
        Some(text) => match targets.iter().find(|known| known.name().as_str() == text.value) {
            Some(known) => Some(known.name().clone()),
            None => return Err(unknown_target(source, &text, targets)),
        },
        None => None,
    };
    let schemas = section.texts("schema")?;
    for (list, text) in schemas.iter().flat_map(|list| list.value.iter().map(move |text| (list, text))) {
        let rest = text.split_once("://").map_or("", |(_, rest)| rest);
        let placed = Placed { value: text.clone(), line: list.line, setting: list.setting.clone() };
        refuse_password(rest).map_err(|error| refused(source, &placed, error))?;
    }
    let text = |key| section.text(key).map(|text| text.map(|text| text.value));
    Ok(ChangeSource {
        name,
        target,
        path: text("path")?,
        url: url.map(|url| url.value),
        access_profile: text("access_profile")?,
        schemas: schemas.map(|list| list.value).unwrap_or_default(),
    })
}

pub(super) fn unknown_target(source: &Source<'_>, text: &Placed<String>, targets: &[EstateTarget]) -> EstateError {
    let names: Vec<&str> = targets.iter().map(|target| target.name().as_str()).collect();
    let near = nearest(&text.value, names.iter().copied());
    let hint = near.map_or_else(String::new, |near| format!("did you mean \"{near}\"? "));
    let what = format!("names no target of this estate: \"{}\"", escape(&text.value));
    source.wrong(text, what, format!("{hint}targets: {}", names.join(", ")))
}

fn series(name: String, section: &Section<'_, '_>) -> Result<SeriesRule, EstateError> {
    let source = section.source;
    let pattern = section.demand("match", "offsite:dbacked_shop_*")?;
    source.note(&pattern.setting, &pattern.value, source.origin(pattern.line));
    let cron = section.text("cron")?;
    let is_pattern = |text: &str| text.split_whitespace().count() == 5 && text.parse::<croner::Cron>().is_ok();
    if let Some(text) = cron.as_ref().filter(|text| !is_pattern(&text.value)) {
        return Err(source.wrong(
            text,
            "is not a pattern of five fields",
            "write minute, hour, day, month and weekday, such as \"0 3 * * *\"",
        ));
    }
    let tz = section.text("tz")?;
    if let Some(text) = tz.as_ref().filter(|text| !may_be_zone(&text.value)) {
        return Err(source.wrong(
            text,
            "is not a known time zone",
            "write a name such as \"UTC\" or \"Europe/Berlin\"",
        ));
    }
    Ok(SeriesRule {
        name,
        pattern: pattern.value,
        databases: section.texts("databases")?.map(|texts| texts.value).unwrap_or_default(),
        cron: cron.map(|text| text.value),
        tz: tz.map(|text| text.value),
    })
}

/// Whether the text names a time zone; where this machine keeps no zone data, whether it might.
fn may_be_zone(text: &str) -> bool {
    let zones = jiff::tz::db();
    match zones.is_definitively_empty() {
        true => text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '-' | '/')),
        false => text == "UTC" || zones.get(text).is_ok() || jiff::tz::TimeZone::posix(text).is_ok(),
    }
}
