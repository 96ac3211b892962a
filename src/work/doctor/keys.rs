//! Whether each key file of the estate is there, is private, and is the one that is meant.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::disk::estate::{Estate, EstateKey};
use crate::model::foreign::{Foreign, escape};
use crate::model::seal::KeyFacts;
use crate::report::Reportable;
use crate::seal::keyfile;
use crate::work::doctor::{Finding, broken, fail, ok, warn};
use crate::work::keys;

pub fn examine(estate: &Estate) -> Vec<Finding> {
    estate.keys.iter().flat_map(one).collect()
}

fn one(key: &EstateKey) -> Vec<Finding> {
    let subject = format!("key {}", escape(&key.name));
    if key.held {
        return vec![ok(&subject, "its text came with the configuration")];
    }
    let Some(path) = &key.file else {
        return vec![ok(&subject, "named without a file: it is given when it is needed")];
    };
    let place = escape(&path.to_string_lossy());
    let facts = match fs::metadata(path) {
        Ok(facts) if facts.is_file() => facts,
        Ok(_) => return vec![fail(&subject, format!("{place} is no file"), "name the key file itself")],
        Err(error) => {
            let advice = "mount the medium it lies on, or correct `file` of this key in the estate";
            return vec![fail(&subject, format!("{place}: {error}"), advice)];
        }
    };
    let mut findings = vec![];
    if facts.mode() & 0o077 != 0 {
        let text = format!("others may read {place} (mode {:04o})", facts.mode() & 0o7777);
        findings.push(fail(&subject, text, &format!("chmod 600 {place}; whoever could read it may have a copy")));
    }
    findings.extend(inside(&subject, key, path));
    findings
}

/// What the file says without its passphrase.
fn inside(subject: &str, key: &EstateKey, path: &Path) -> Vec<Finding> {
    let label = Foreign::from(key.name.as_str());
    let text = match keys::read_file(path) {
        Ok(text) => text,
        Err(report) => return vec![broken(subject, &report)],
    };
    let facts = match keys::inspect_given(&text, label.clone()) {
        Ok(facts) => facts,
        Err(report) => return vec![broken(subject, &report)],
    };
    if !facts.private {
        let advice = "name the private half; the public one seals, and opens nothing";
        return vec![fail(subject, "this is a public key", advice)];
    }
    if facts.is_passphrase() {
        return vec![ok(subject, facts.remarks.join("; "))];
    }
    if !facts.encrypted && facts.fingerprint.is_none() {
        let what = if facts.remarks.is_empty() {
            "no backup is sealed for such keys".into()
        } else {
            facts.remarks.join("; ")
        };
        let text = format!("{} in {}: {what}", facts.algorithm, facts.container);
        return vec![fail(subject, text, "take another copy of the key; this one opens nothing")];
    }
    let mut findings = vec![];
    if !facts.encrypted {
        if let Err(error) = keyfile::open(text.expose(), None, label) {
            return vec![broken(subject, &error.report())];
        }
        let advice = match facts.algorithm.as_str() {
            "age X25519" => "encrypt it: age -p -o NEW KEY",
            "raw key" => "keep it where only its operators can read it",
            _ => "encrypt it: openssl pkcs8 -topk8 -v2 aes-256-cbc -scrypt -in KEY -out NEW",
        };
        findings.push(warn(subject, "it is not encrypted: whoever has the file has the key", advice));
    }
    findings.push(compared(subject, key, &facts));
    findings
}

fn compared(subject: &str, key: &EstateKey, facts: &KeyFacts) -> Finding {
    let kind = format!("{} in {}", facts.algorithm, facts.container);
    match (&key.fingerprint, &facts.fingerprint) {
        (Some(expected), Some(found)) if !found.matches(expected) => {
            let text = format!("it is key {}, the estate names {}", found.short(), expected.short());
            fail(subject, text, "correct `file` or `fingerprint` of this key in the estate")
        }
        (_, Some(found)) => ok(subject, format!("{kind}, key {}", found.short())),
        (Some(expected), None) => {
            let text = format!("{kind}, encrypted; key {} by the estate, compared when it is loaded", expected.short());
            ok(subject, text)
        }
        (None, None) => {
            let advice = "add its `fingerprint` to the estate (`breakglass key inspect` after loading it shows it): \
                          the list then says what it opens before it is loaded";
            warn(subject, format!("{kind}, encrypted; nothing says which key it is"), advice)
        }
    }
}
