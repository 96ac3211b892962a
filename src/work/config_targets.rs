//! The targets of a databacker configuration.

use crate::disk::estate::{Estate, EstateTarget};
use crate::disk::urls::{TargetUrl, UrlError, bare_url, endpoint_url, target_url};
use crate::model::foreign::escape;
use crate::model::target::{FileLocation, Location, PathStyle, S3Location, Target, TargetName};
use crate::work::config::{ConfigError, HeldAccessKey, HeldSecrets};
use crate::work::config_given::Given;
use crate::work::config_yaml::Node;

/// Where the settings of a target have stood over the years.
const PLACES: [&[&str]; 6] =
    [&["spec"], &["details"], &["spec", "credentials"], &["details", "credentials"], &["credentials"], &[]];

const REGION: &[&str] = &["region"];
const ENDPOINT: &[&str] = &["endpoint", "endpointURL", "endpointUrl", "endpoint-url"];
const STYLE: &[&str] = &["pathStyle", "path-style", "path_style"];
const ACCESS: &[&str] = &["accessKeyID", "accessKeyId", "access-key-id"];
const SECRET: &[&str] = &["secretAccessKey", "secret-access-key"];
const SMB: [&[&str]; 3] = [&["domain"], &["username", "user"], &["password", "pass"]];

/// Whether the tool has no setting of that name there; `path` begins with `spec.targets`.
pub(super) fn is_unknown(path: &str, key: &str) -> bool {
    let known = |lists: &[&[&str]]| lists.iter().any(|list| list.contains(&key));
    match path.split('.').count() {
        2 => false, // names of targets
        3 => !["type", "url", "spec", "details", "credentials"].contains(&key) && !known(&[REGION, ENDPOINT, STYLE]),
        _ => !known(&[REGION, ENDPOINT, STYLE, ACCESS, SECRET]) && !known(&SMB) && key != "credentials",
    }
}

/// A target's name as ours: small letters, digits, `_` and `-`.
pub(super) fn name_of(written: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    written.chars().map(|c| if fits(c) { c.to_ascii_lowercase() } else { '-' }).collect()
}

/// Every target of the file, then those that only the environment names.
pub(super) fn read<'a>(
    given: &mut Given<'a>,
    estate: &mut Estate,
    secrets: &mut HeldSecrets,
) -> Result<(), ConfigError> {
    let all = given.section("spec.targets").map(Node::entries).unwrap_or_default();
    for entry in all {
        let name = free_name(&entry.key, estate);
        if name.as_str() != entry.key {
            given.remark(&format!("line {}: target `{}` is called `{name}` here", entry.line, escape(&entry.key)));
        }
        let setting = format!("spec.targets.{}.url", entry.key);
        let url = given.own_text(&setting, entry.node.at(&["url"]), &[])?;
        let Some(url) = url else {
            given.remark(&format!("line {}: target `{name}` has no url; ignored", entry.line));
            continue;
        };
        let target = one(given, (name, &url), Some((&entry.key, &entry.node)), secrets)?;
        estate.targets.push(target);
    }
    for (variable, usual) in [("DB_DUMP_TARGET", "dump"), ("DB_RESTORE_TARGET", "restore")] {
        for url in given.listed(variable) {
            from_environment(given, estate, secrets, (variable, usual, &url))?;
        }
    }
    Ok(())
}

fn from_environment(
    given: &mut Given<'_>,
    estate: &mut Estate,
    secrets: &mut HeldSecrets,
    (variable, usual, url): (&str, &str, &str),
) -> Result<(), ConfigError> {
    if let Some(reference) = url.strip_prefix("config://") {
        let name = name_of(reference.split('/').next().unwrap_or_default());
        if !estate.targets.iter().any(|target| target.name().as_str() == name) {
            given.remark(&format!("${variable} refers to a target `{}` that is not configured", escape(&name)));
        }
        return Ok(());
    }
    let target = one(given, (free_name(usual, estate), url), None, secrets)?;
    let known = estate.targets.iter().any(|known| match (known, &target) {
        (EstateTarget::Ready(known), EstateTarget::Ready(target)) => known.canonical_url() == target.canonical_url(),
        (EstateTarget::NotYet { url: known, .. }, EstateTarget::NotYet { url, .. }) => known == url,
        _ => false,
    });
    if !known {
        estate.targets.push(target);
    }
    Ok(())
}

fn free_name(written: &str, estate: &Estate) -> TargetName {
    let base = Some(name_of(written)).filter(|name| !name.is_empty()).unwrap_or_else(|| "target".to_owned());
    let taken = |name: &String| estate.targets.iter().any(|known| known.name().as_str() == name);
    let mut name = base.clone();
    let mut number = 2;
    while taken(&name) {
        name = format!("{base}-{number}");
        number += 1;
    }
    TargetName::new(&name).expect("it was made of letters, digits, dashes and underscores")
}

/// A target that cannot be used does not take the others with it.
fn one<'a>(
    given: &mut Given<'a>,
    (name, url): (TargetName, &str),
    own: Option<(&str, &'a Node)>,
    secrets: &mut HeldSecrets,
) -> Result<EstateTarget, ConfigError> {
    let not_yet = |why: String| EstateTarget::NotYet { name: name.clone(), url: escape(&bare_url(url)), why };
    let stripped = without_password(url);
    if stripped.is_some() {
        given.remark(&format!("the password in the url of target `{name}` is not used: ssh asks for what it needs"));
    }
    let location = match target_url(stripped.as_deref().unwrap_or(url)) {
        Ok(TargetUrl::File(root)) => Location::File(FileLocation { root }),
        Ok(TargetUrl::S3 { bucket, prefix }) => match s3(given, &name, (bucket, folder(&prefix)), own, secrets)? {
            Ok(location) => Location::S3(Box::new(location)),
            Err(why) => return Ok(not_yet(why)),
        },
        Ok(TargetUrl::Sftp(location)) => Location::Sftp(Box::new(location)),
        Ok(TargetUrl::NotYet(scheme)) => {
            if scheme == "smb" {
                smb(given, own)?;
            }
            return Ok(not_yet(format!("{scheme} targets are not yet read by this version")));
        }
        Err(UrlError::Secret) if url.starts_with("smb://") => {
            smb(given, own)?;
            return Ok(not_yet("smb targets are not yet read by this version".to_owned()));
        }
        Err(UrlError::Secret) => return Ok(not_yet("its url holds a password, which is not used here".to_owned())),
        Err(UrlError::Wrong { what, valid }) => return Ok(not_yet(format!("its url {what}; {valid}"))),
    };
    Ok(EstateTarget::Ready(Target { name, location, expect_key: None }))
}

/// An SSH URL without the password in it: ssh logs in by its own means.
fn without_password(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://").filter(|(scheme, _)| matches!(*scheme, "scp" | "sftp"))?;
    let (user, host) = rest.rsplit_once('@')?;
    let (user, _) = user.split_once(':')?;
    Some(format!("{scheme}://{user}@{host}"))
}

/// The tool joins paths: no empty parts, and what it writes lies below `prefix/`, not beside `prefix10/`.
fn folder(prefix: &str) -> String {
    let mut parts: Vec<&str> = vec![];
    for part in prefix.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.iter().map(|part| format!("{part}/")).collect()
}

fn found<'a>(own: Option<(&str, &'a Node)>, names: &[&str]) -> Option<&'a Node> {
    let (_, node) = own?;
    PLACES.iter().find_map(|place| {
        let section = node.at(place)?;
        names.iter().find_map(|name| section.at(&[name]))
    })
}

fn s3<'a>(
    given: &mut Given<'a>,
    name: &TargetName,
    (bucket, prefix): (String, String),
    own: Option<(&str, &'a Node)>,
    secrets: &mut HeldSecrets,
) -> Result<Result<S3Location, String>, ConfigError> {
    let written = own.map_or(name.as_str(), |(written, _)| written).to_owned();
    let setting = |key: &str| format!("spec.targets.{written}.spec.{key}");
    let region = ["DB_AWS_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"];
    let region = given.own_text(&setting("region"), found(own, REGION), &region)?;
    let endpoint = ["DB_AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"];
    let endpoint = given.own_text(&setting("endpoint"), found(own, ENDPOINT), &endpoint)?;
    let style = given.own_text(&setting("pathStyle"), found(own, STYLE), &["DB_AWS_PATH_STYLE"])?;
    // Plain AWS_ACCESS_KEY_ID stays with the AWS chain, which knows of session tokens.
    let id = given.own_secret(&setting("accessKeyID"), found(own, ACCESS), &["DB_AWS_ACCESS_KEY_ID"])?;
    let secret = given.own_secret(&setting("secretAccessKey"), found(own, SECRET), &["DB_AWS_SECRET_ACCESS_KEY"])?;
    let endpoint = match endpoint.as_deref().map(endpoint_url).transpose() {
        Ok(endpoint) => endpoint,
        Err(UrlError::Secret) => return Ok(Err("its endpoint holds a password, which is not used here".to_owned())),
        Err(UrlError::Wrong { what, valid }) => return Ok(Err(format!("its endpoint {what}; {valid}"))),
    };
    let path_style = match style.as_deref() {
        Some("true" | "TRUE" | "True" | "1") => PathStyle::Always,
        _ => PathStyle::Auto,
    };
    let mut made = S3Location { bucket, prefix, region, endpoint, path_style, slashed: true, ..S3Location::default() };
    match (id, secret) {
        (Some(id), Some(secret)) => {
            secrets.access_keys.insert(name.to_string(), HeldAccessKey { id, secret });
            made.credentials = Some(name.to_string());
        }
        (None, None) => {}
        _ => given.remark(&format!("target `{name}` has one half of an access key: the AWS chain is used instead")),
    }
    Ok(Ok(made))
}

/// Notes who logs in, for the version that reads SMB.
fn smb<'a>(given: &mut Given<'a>, own: Option<(&str, &'a Node)>) -> Result<(), ConfigError> {
    let Some((written, _)) = own else { return Ok(()) };
    for (names, variable) in SMB.iter().zip(["SMB_DOMAIN", "SMB_USER", "SMB_PASS"]) {
        let setting = format!("spec.targets.{written}.spec.{}", names[0]);
        let node = found(own, names);
        if variable == "SMB_PASS" {
            drop(given.own_secret(&setting, node, &[variable])?);
        } else {
            drop(given.own_text(&setting, node, &[variable])?);
        }
    }
    Ok(())
}
